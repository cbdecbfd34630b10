//! The tree gives no orders: configuration, names, links, modules.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use slipway::security_scan::scan::{GapKind, Source, State};

use super::bench::{Bench, gaps, kinds, of, shown};

const BUCKET: &str = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"b\"\n}\n";

fn ordinary(bench: &Bench) {
    bench.put(
        "app.py",
        "import subprocess\nsubprocess.call('ls', shell=True)\n",
    );
    bench.put("main.tf", BUCKET);
    bench.put("requirements.txt", "slipway-fixture-http==2.3.0\n");
    bench.put(
        "key.env",
        &format!(
            "TOKEN={}\n",
            ["gh", "p_0123456789abcdefABCDEF0123456789abcd"].concat()
        ),
    );
}

#[tokio::test]
async fn configuration_files_change_nothing() {
    let bench = Bench::real();
    ordinary(&bench);
    let before = bench.run(&[]).await;
    for scan in &before.scans {
        assert!(scan.findings.len() >= 2, "{:?}", shown(scan));
    }
    for folder in ["", "sub/"] {
        bench.put(
            &format!("{folder}.bandit"),
            "[bandit]\nskips: B602,B404,B607\nexclude: /\ntargets: /nowhere\n",
        );
        bench.put(
            &format!("{folder}bandit.yaml"),
            "skips: [B602, B404, B607]\n",
        );
        bench.put(
            &format!("{folder}pyproject.toml"),
            "[tool.bandit]\nskips = [\"B602\", \"B404\"]\nexclude_dirs = [\".\"]\n",
        );
        bench.put(
            &format!("{folder}trivy.yaml"),
            "severity: [CRITICAL]\nscan:\n  skip-dirs: ['**']\n  scanners: []\nexit-code: 9\n",
        );
        bench.put(
            &format!("{folder}.trivyignore"),
            "*\nCVE-2099-10001\nAVD-AWS-0086\nAWS-0086\ngithub-pat\n",
        );
        bench.put(
            &format!("{folder}.trivyignore.yaml"),
            "vulnerabilities:\n  - id: CVE-2099-10001\nsecrets:\n  - id: github-pat\n",
        );
        bench.put(
            &format!("{folder}trivy-secret.yaml"),
            "disable-rules: [github-pat]\n",
        );
        bench.put(
            &format!("{folder}sitecustomize.py"),
            "import sys; sys.exit(0)\n",
        );
        bench.put(
            &format!("{folder}bandit/__init__.py"),
            "import sys; sys.exit(0)\n",
        );
    }
    let after = bench.run(&[]).await;
    for source in [Source::TrivyFs, Source::Bandit] {
        let (before, after) = (of(&before, &source), of(&after, &source));
        assert_eq!(shown(before), shown(after));
        assert_eq!(after.state, State::Complete);
    }
}

#[tokio::test]
async fn remote_modules_are_not_followed_and_nothing_is_asked_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let bench = Bench::real();
    bench.put(
        "main.tf",
        &format!(
            "module \"a\" {{\n  source = \"git::http://{at}/evil.git\"\n}}\nmodule \"b\" {{\n  source = \
             \"http://{at}/evil.zip\"\n}}\n{BUCKET}"
        ),
    );
    let observed = bench
        .run(&["--trivy-checks", "misconfig", "--scanners", "trivy"])
        .await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(scan.state, State::Complete);
    assert!(!scan.findings.is_empty());
    let followed: Vec<&String> = scan
        .notes
        .iter()
        .filter(|note| note.contains("not followed"))
        .collect();
    assert_eq!(followed.len(), 2, "{:?}", scan.notes);
    let asked = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(asked.is_err(), "somebody asked {at}");
}

#[tokio::test]
async fn names_and_links() {
    let bench = Bench::real();
    let code = "import subprocess\nsubprocess.call('ls', shell=True)\n";
    for name in [
        &b"-r.py"[..],
        b"new\nline.py",
        b"inv\xff.py",
        b"%41 #?.py",
        b"::error::x.py",
        b"\xc3\xa9.py",
    ] {
        fs::write(bench.workspace.join(OsStr::from_bytes(name)), code).unwrap();
    }
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("out.py"), code).unwrap();
    symlink(outside.path(), bench.workspace.join("out")).unwrap();
    symlink(
        outside.path().join("out.py"),
        bench.workspace.join("out.py"),
    )
    .unwrap();
    symlink(".", bench.workspace.join("loop")).unwrap();
    bench.put(".github/scripts/x.py", code);
    bench.put("CVS-import/x.py", code);
    bench.put("slipway-results/x.py", code);
    bench.put(".slipway-cache/x.tf", BUCKET);
    bench.put("slipway-results/x.tf", BUCKET);
    let observed = bench.run(&[]).await;
    let bandit = of(&observed, &Source::Bandit);
    assert_eq!(bandit.state, State::Complete);
    let mut paths: Vec<&str> = bandit
        .findings
        .iter()
        .map(|finding| finding.location.path.as_str())
        .collect();
    paths.dedup();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "%41 #?.py",
            "-r.py",
            ".github/scripts/x.py",
            "::error::x.py",
            "CVS-import/x.py",
            "inv\u{fffd}.py",
            "new\nline.py",
            "\u{e9}.py"
        ]
    );
    let trivy = of(&observed, &Source::TrivyFs);
    assert_eq!(trivy.state, State::Complete);
    assert_eq!(shown(trivy), [""; 0]);
}

#[tokio::test]
async fn our_folders_are_never_scanned_whatever_they_are_called() {
    let bench = Bench::real();
    bench.put("a,b [x]*/main.tf", BUCKET);
    bench.put("a/main.tf", BUCKET);
    let observed = bench
        .run(&[
            "--scanners",
            "trivy",
            "--output-directory",
            "a,b [x]*",
            "--trivy-checks",
            "misconfig",
        ])
        .await;
    let scan = of(&observed, &Source::TrivyFs);
    assert!(!scan.findings.is_empty());
    assert!(
        scan.findings
            .iter()
            .all(|finding| finding.location.path == "a/main.tf")
    );
}

#[tokio::test]
async fn each_inline_form_is_counted() {
    let bench = Bench::real();
    bench.put("a.tf", &format!("#trivy:ignore:*\n{BUCKET}"));
    bench.put("b.tf", &format!("// tfsec:ignore:*\n{BUCKET}"));
    bench.put("c.tf", &format!("#trivy:exp:2099-01-01:ignore:*\n{BUCKET}"));
    bench.put("d.tf", &format!("#cfsec:ignore:*\n{BUCKET}"));
    bench.put(
        "Dockerfile",
        "#trivy:ignore:DS-0001\nFROM debian:latest\nUSER 1\nHEALTHCHECK NONE\n",
    );
    bench.put(
        "code.py",
        "import subprocess  # nosec\nsubprocess.call('ls', shell=True)  # nosec B602, B607\nx = 1  # nosec\n",
    );
    let observed = bench.run(&["--trivy-checks", "misconfig"]).await;
    let trivy = of(&observed, &Source::TrivyFs);
    let ignores: Vec<String> = trivy
        .inline_ignores
        .listed
        .iter()
        .map(|ignore| format!("{}:{}", ignore.path, ignore.line))
        .collect();
    let mut sorted = ignores.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        ["Dockerfile:1", "a.tf:1", "b.tf:1", "c.tf:1", "d.tf:1"]
    );
    // cfsec's form is counted, and Trivy obeys it no more.
    let paths: std::collections::BTreeSet<&str> = trivy
        .findings
        .iter()
        .filter(|finding| finding.rule.starts_with("AWS"))
        .map(|finding| finding.location.path.as_str())
        .collect();
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["d.tf"]);
    assert!(
        !shown(trivy)
            .iter()
            .any(|finding| finding.starts_with("DS-0001"))
    );

    let bandit = of(&observed, &Source::Bandit);
    assert_eq!(shown(bandit), [""; 0]);
    assert!(bandit.inline_ignores.listed.len() >= 2);

    let mut refusing = Bench::real();
    refusing.put(
        "code.py",
        &fs::read_to_string(bench.workspace.join("code.py")).unwrap(),
    );
    refusing.policy = "version: 1\ninline-ignores: refuse\n".to_owned();
    let observed = refusing.run(&["--scanners", "bandit"]).await;
    assert_eq!(
        shown(of(&observed, &Source::Bandit)),
        ["B404 code.py:1", "B602 code.py:2", "B607 code.py:2"]
    );
}

#[tokio::test]
async fn what_trivy_cannot_parse_is_named() {
    let mut bench = Bench::real();
    let broken = [
        "package-lock.json",
        "poetry.lock",
        "Pipfile.lock",
        "uv.lock",
        "Cargo.lock",
        "composer.lock",
        "pnpm-lock.yaml",
        "pom.xml",
        "go.mod",
    ];
    for name in broken {
        bench.put(
            &format!("{name}.d/{name}"),
            "{\"a\": [\n <<< garbage \u{1} \"",
        );
    }
    bench.put("bad.tf", "x = \"unterminated\n");
    bench.put("Dockerfile", "FROM\n");
    bench.put("requirements.txt", "slipway-fixture-http==2.3.0\n");
    let observed = bench.run(&["--scanners", "trivy"]).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(shown(scan), ["CVE-2099-10001 requirements.txt:1"]);
    assert!(kinds(scan).iter().all(|kind| *kind == GapKind::Unparsed));
    for name in broken
        .iter()
        .map(|name| format!("{name}.d/{name}"))
        .chain(["bad.tf".into(), "Dockerfile".into()])
    {
        let named = gaps(scan)
            .iter()
            .any(|gap| gap.what.contains(&format!("parse {name}:")));
        assert!(named, "{name} is not named: {:#?}", gaps(scan));
    }
    assert_eq!(gaps(scan).len(), broken.len() + 2);

    bench.policy = "version: 1\nexclude: ['*.d/', bad.tf, Dockerfile]\n".to_owned();
    let observed = bench.run(&["--scanners", "trivy"]).await;
    assert_eq!(of(&observed, &Source::TrivyFs).state, State::Complete);
}
