//! What the real Trivy passes by without a word, file by file: slipway says it.

use std::collections::BTreeSet;
use std::fs;

use slipway::security_scan::plan::settle;
use slipway::security_scan::policy::Policy;
use slipway::security_scan::scan::{GapKind, Scan, Source};

use super::bench::{Bench, gaps, kinds, of};

/// A file with a secret that Trivy knows, after `before`.
fn secret(bench: &Bench, path: &str, before: &[u8]) {
    let token = ["gh", "p_0123456789abcdefABCDEF0123456789abcd"].concat();
    let file = bench.put(path, "");
    let line = format!("token = '{token}'\n");
    fs::write(file, [before, line.as_bytes()].concat()).unwrap();
}

/// The paths that a note names.
fn noted(scan: &Scan, start: &str) -> BTreeSet<String> {
    let note = scan.notes.iter().find(|note| note.starts_with(start));
    let paths = note.map_or("", |note| note.rsplit_once(": ").unwrap().1);
    assert!(!paths.contains(" more"), "{paths}");
    let paths = paths.split(", ").filter(|path| !path.is_empty());
    paths.map(str::to_owned).collect()
}

fn found(scan: &Scan) -> BTreeSet<String> {
    let findings = scan.findings.iter();
    findings
        .map(|finding| finding.location.path.clone())
        .collect()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// Files with the same secret: those in which Trivy finds it, those that slipway names, those that
/// neither does. The three are all.
async fn table(found_in: &[(&str, &[u8])], named: &[(&str, &[u8])], neither: &[(&str, &[u8])]) {
    let mut bench = Bench::real();
    for (path, before) in found_in.iter().chain(named).chain(neither) {
        secret(&bench, path, before);
    }
    let paths =
        |table: &[(&str, &[u8])]| table.iter().map(|(path, _)| (*path).to_owned()).collect();
    let arguments = ["--scanners", "trivy", "--trivy-checks", "secret"];
    let observed = bench.run(&arguments).await;
    let scan = of(&observed, &Source::TrivyFs);
    // Trivy reads lists of packages for whatever it is asked.
    let kinds = kinds(scan);
    assert!(kinds.iter().all(|kind| *kind == GapKind::Unparsed));
    assert_eq!(found(scan), paths(found_in));
    assert_eq!(noted(scan, "not searched for secrets"), paths(named));

    // What the policy leaves out is nobody's concern.
    bench.policy = "version: 1\nexclude: ['**']\n".to_owned();
    let observed = bench.run(&arguments).await;
    assert!(noted(of(&observed, &Source::TrivyFs), "not searched").is_empty());
}

#[tokio::test]
async fn names_by_which_trivy_searches_no_file_for_secrets() {
    const NOTHING: &[u8] = b"";
    let all = |paths: &[&'static str]| -> Vec<(&'static str, &'static [u8])> {
        paths.iter().map(|path| (*path, NOTHING)).collect()
    };
    let found = all(&[
        "plain.txt",
        "a/Cargo.lock",
        "a/poetry.lock",
        "a/uv.lock",
        "a/composer.lock",
        "a/package.json",
        "a/npm-shrinkwrap.json",
        "a/bun.lock",
        "a/x.jpeg",
        "a/x.JPG",
        "a/x.ico",
        "a/x.pyc",
        "a/x.xz",
        "a/x.7z",
        "a/x.exe",
        "a/x.whl",
        "a/dev/x",
        "a/.venv/x",
        "a/site-packages/x",
        "vendor/x",
        "dist/x",
        "dev/x",
        "proc/x",
        "sys/x",
    ]);
    let named = all(&[
        "a/go.mod",
        "a/go.sum",
        "a/package-lock.json",
        "a/yarn.lock",
        "a/pnpm-lock.yaml",
        "a/Pipfile.lock",
        "a/Gemfile.lock",
        "node_modules/x",
        "a/node_modules/b/x",
    ]);
    // Trivy's own allow rules, which another note names.
    let allowed = all(&[
        "README.md",
        "test/x",
        "a/tests/x",
        "a/x_test.go",
        "a/example.txt",
        "a/vendor/x",
        "a/locale/x",
        "usr/share/x",
        "usr/local/go/x",
    ]);
    table(&found, &named, &allowed).await;
}

#[tokio::test]
async fn endings_and_contents_by_which_trivy_searches_no_file_for_secrets() {
    let endings = [
        "jpg", "png", "gif", "doc", "pdf", "bin", "svg", "socket", "deb", "rpm", "zip", "gz",
        "gzip", "tar",
    ]
    .map(|ending| format!("x.{ending}"));
    let mut named: Vec<(&str, &[u8])> = endings.iter().map(|name| (&**name, &b""[..])).collect();
    named.extend([
        ("a/nul.env", &b"x = 1\n\0"[..]),
        ("a/control.env", b"\x01"),
        ("a/tabulator.env", b"\x0b"),
        ("a/delete.env", b"\x7f"),
    ]);
    let late = [&[b'x'; 300], &b"\n\0\n"[..]].concat();
    let found: [(&str, &[u8]); 6] = [
        ("b/late.env", &late),
        ("b/mark.env", b"\xef\xbb\xbf"),
        ("b/latin.env", b"caf\xe9 "),
        ("b/bell.env", b"\x07"),
        ("b/feed.env", b"\x0c"),
        ("b/escape.env", b"\x1b[0m"),
    ];
    // Binary files: nobody reads the text that may stand in them.
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0\\r\xa8f";
    let neither: [(&str, &[u8]); 1] = [("b/picture.ico", png)];
    table(&found, &named, &neither).await;
}

/// Every kind of list that Trivy finds packages in, one of each.
const LISTS: [(&str, &str); 25] = [
    (
        "Cargo.lock",
        "version = 3\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n",
    ),
    (
        "Directory.Packages.props",
        "<Project><ItemGroup><PackageVersion Include=\"A\" Version=\"1.0.0\"/></ItemGroup></Project>\n",
    ),
    (
        "Gemfile.lock",
        "GEM\n  remote: x\n  specs:\n    rack (2.0.0)\n\nDEPENDENCIES\n  rack\n",
    ),
    (
        "Package.resolved",
        "{\"pins\":[{\"identity\":\"a\",\"kind\":\"remoteSourceControl\",\"location\":\"https://github.com/a/b\",\"state\":{\"revision\":\"x\",\"version\":\"1.0.0\"}}],\"version\":2}\n",
    ),
    (
        "Pipfile.lock",
        "{\"_meta\":{\"pipfile-spec\":6},\"default\":{\"a\":{\"version\":\"==2.3.0\"}},\"develop\":{}}\n",
    ),
    (
        "Podfile.lock",
        "PODS:\n  - A (1.0.0)\n\nDEPENDENCIES:\n  - A (= 1.0.0)\n\nCOCOAPODS: 1.0.0\n",
    ),
    (
        "build.sbt.lock",
        "{\"lockVersion\":1,\"configurations\":[\"compile\"],\"dependencies\":[{\"org\":\"a\",\"name\":\"b\",\"version\":\"1.0\",\"artifacts\":[],\"configurations\":[\"compile\"]}]}\n",
    ),
    (
        "bun.lock",
        "{\"lockfileVersion\":1,\"workspaces\":{\"\":{\"name\":\"x\",\"dependencies\":{\"a\":\"1.0.0\"}}},\"packages\":{\"a\":[\"a@1.0.0\",\"\",{},\"sha512-x\"]}}\n",
    ),
    (
        "composer.lock",
        "{\"packages\":[{\"name\":\"a/b\",\"version\":\"1.0.0\"}],\"packages-dev\":[]}\n",
    ),
    (
        "conan.lock",
        "{\"graph_lock\":{\"nodes\":{\"0\":{\"ref\":\"x/1\",\"requires\":[\"1\"]},\"1\":{\"ref\":\"a/1.0.0\",\"requires\":[]}}},\"version\":\"0.4\"}\n",
    ),
    (
        "go.mod",
        "module example.com/x\n\ngo 1.22\n\nrequire github.com/a/b v1.0.0\n",
    ),
    (
        "gradle.lockfile",
        "# comment\ncom.example:a:1.0=compileClasspath\nempty=\n",
    ),
    (
        "mix.lock",
        "%{\n  \"a\": {:hex, :a, \"1.0.0\", \"x\", [:mix], [], \"hexpm\", \"y\"},\n}\n",
    ),
    (
        "package-lock.json",
        "{\"name\":\"x\",\"version\":\"1.0.0\",\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"x\",\"version\":\"1.0.0\",\"dependencies\":{\"a\":\"1.0.0\"}},\"node_modules/a\":{\"version\":\"1.0.0\",\"resolved\":\"x\",\"integrity\":\"sha512-x\"}}}\n",
    ),
    (
        "packages.config",
        "<?xml version=\"1.0\"?><packages><package id=\"A\" version=\"1.0.0\" targetFramework=\"net46\"/></packages>\n",
    ),
    (
        "packages.lock.json",
        "{\"version\":1,\"dependencies\":{\"net6.0\":{\"A\":{\"type\":\"Direct\",\"requested\":\"[1.0.0, )\",\"resolved\":\"1.0.0\",\"contentHash\":\"x\"}}}}\n",
    ),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: '6.0'\n\ndependencies:\n  a:\n    specifier: ^1.0.0\n    version: 1.0.0\n\npackages:\n\n  /a@1.0.0:\n    resolution: {integrity: sha512-x}\n    dev: false\n",
    ),
    (
        "poetry.lock",
        "[[package]]\nname = \"a\"\nversion = \"2.3.0\"\noptional = false\npython-versions = \"*\"\nfiles = []\n\n[metadata]\nlock-version = \"2.0\"\n",
    ),
    (
        "pom.xml",
        "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version></project>\n",
    ),
    (
        "pubspec.lock",
        "packages:\n  a:\n    dependency: \"direct main\"\n    description:\n      name: a\n      url: \"https://pub.dev\"\n    source: hosted\n    version: \"1.0.0\"\nsdks:\n  dart: \">=2.12.0\"\n",
    ),
    ("requirements.txt", "a==1.0.0\nb==2.0.0\n"),
    (
        "uv.lock",
        "version = 1\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"a\" }]\n\n[[package]]\nname = \"a\"\nversion = \"2.3.0\"\nsource = { registry = \"x\" }\n",
    ),
    (
        "x.deps.json",
        "{\"runtimeTarget\":{\"name\":\".NETCoreApp,Version=v6.0\"},\"targets\":{\".NETCoreApp,Version=v6.0\":{\"A/1.0.0\":{\"runtime\":{\"a.dll\":{}}}}},\"libraries\":{\"A/1.0.0\":{\"type\":\"package\",\"serviceable\":true,\"sha512\":\"x\"}}}\n",
    ),
    (
        "yarn.lock",
        "# yarn lockfile v1\n\n\na@^1.0.0:\n  version \"1.0.0\"\n  resolved \"https://x/a-1.0.0.tgz#abc\"\n  integrity sha512-x\n",
    ),
    (
        "pylock.toml",
        "lock-version = \"1.0\"\ncreated-by = \"x\"\n\n[[packages]]\nname = \"a\"\nversion = \"1.0.0\"\n",
    ),
];

fn utf16(text: &str, mark: bool) -> Vec<u8> {
    let mark = mark.then_some(0xfeff);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

type Broken = fn(&str) -> Vec<u8>;

/// Ways to write a list so that Trivy reads something else, or nothing.
const WAYS: [(&str, Broken); 6] = [
    ("utf16", |text| utf16(text, true)),
    ("bare", |text| utf16(text, false)),
    ("binary", |_| (0..=255).collect()),
    ("nul", |text| [b"\0", text.as_bytes()].concat()),
    ("returns", |text| text.replace('\n', "\r").into_bytes()),
    ("words", |_| b"these are only words\nand more\n".to_vec()),
];

fn put(bench: &Bench, way: &str, name: &str, bytes: &[u8]) -> String {
    let path = format!("{way}/{name}.d/{name}");
    fs::write(bench.put(&path, ""), bytes).unwrap();
    path
}

#[tokio::test]
async fn no_list_of_packages_is_hidden_by_how_it_is_written() {
    let bench = Bench::real();
    let known = [
        "requirements.txt",
        "pnpm-lock.yaml",
        "pubspec.lock",
        "Podfile.lock",
    ];
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (name, text) in LISTS {
        good.push(put(&bench, "good", name, text.as_bytes()));
        good.push(put(
            &bench,
            "windows",
            name,
            text.replace('\n', "\r\n").as_bytes(),
        ));
        for (way, broken) in WAYS {
            let path = put(&bench, way, name, &broken(text));
            if way == "utf16" && known.contains(&name) {
                good.push(path);
            } else {
                bad.push(path);
            }
        }
    }
    let line = "a==1.0.0\u{c}slipway-fixture-http==2.3.0\n";
    bad.push(put(&bench, "hidden", "requirements.txt", line.as_bytes()));
    put(&bench, "empty", "requirements.txt", b"");
    bench.put("unpinned/requirements.txt", "a>=1\n");

    let arguments = ["--scanners", "trivy", "--trivy-checks", "vuln"];
    let observed = bench.run(&arguments).await;
    let scan = of(&observed, &Source::TrivyFs);
    let noted = scan
        .notes
        .iter()
        .find(|note| note.starts_with("Trivy found no packages"));
    let noted = noted.unwrap();
    let said = |path: &str| {
        let gap = gaps(scan).iter().any(|gap| {
            assert_eq!(gap.kind, GapKind::Unparsed);
            gap.what.contains(&format!(" {path} otherwise "))
                || gap.what.contains(&format!("parse {path}: "))
        });
        gap || noted.contains(path)
    };
    let silent: Vec<&String> = bad.iter().filter(|path| !said(path)).collect();
    assert!(silent.is_empty(), "nothing is said of {silent:#?}");
    let wrong: Vec<&String> = good.iter().filter(|path| said(path)).collect();
    assert!(wrong.is_empty(), "nothing is wrong with {wrong:#?}");
    assert!(noted.contains("unpinned/requirements.txt") && !noted.contains("empty/"));
    // Only what is plain text may be a note.
    let ways = ["utf16/", "bare/", "binary/", "nul/", "returns/", "hidden/"];
    assert!(!ways.iter().any(|way| noted.contains(way)), "{noted}");
}

#[tokio::test]
async fn names_like_addresses_are_paths() {
    let mut bench = Bench::real();
    bench.put("src/a::b/requirements.txt", "slipway-fixture-http==2.3.0\n");
    bench.put("src/http:/Dockerfile", "FROM debian:12\nUSER root\n");
    secret(&bench, "src/a::b/c.txt", b"");
    bench.policy = "version: 1\ninclude: [src/]\n".to_owned();
    let observed = bench.run(&["--scanners", "trivy"]).await;
    let settled = settle(
        observed.scans,
        &Policy::parse(
            bench.policy.as_bytes(),
            "p.yml",
            jiff::civil::date(2026, 1, 1),
        )
        .unwrap(),
    );
    let paths = [
        "src/a::b/c.txt",
        "src/a::b/requirements.txt",
        "src/http:/Dockerfile",
    ];
    assert_eq!(found(&settled[0]), set(&paths));
}

#[tokio::test]
async fn packages_for_development_count() {
    let bench = Bench::real();
    let lock = r#"{"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {
        "": {"name": "x", "version": "1.0.0", "devDependencies": {"slipway-fixture-yaml": "4.1.0"}},
        "node_modules/slipway-fixture-yaml": {"version": "4.1.0", "resolved": "x",
            "integrity": "sha512-x", "dev": true}}}"#;
    bench.put("package-lock.json", lock);
    let arguments = ["--scanners", "trivy", "--trivy-checks", "vuln"];
    let observed = bench.run(&arguments).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(found(scan), set(&["package-lock.json"]));
}

#[tokio::test]
async fn folders_with_a_process_of_their_own_are_judged_by_their_own_paths() {
    let mut bench = Bench::real();
    // What the policy leaves out at the top of the tree does not leave out what Trivy calls the same.
    bench.put("vendor/Pipfile.lock", "{}\n");
    bench.put("dev/vendor/Pipfile.lock", "{ broken");
    bench.put("dev/a/requirements.txt", "slipway-fixture-http==2.3.0\n");
    bench.put("dev/b/requirements.txt", "a==1\0\n");
    bench.policy = "version: 1\nexclude: [vendor/**]\n".to_owned();
    let observed = bench
        .run(&["--scanners", "trivy", "--trivy-checks", "vuln"])
        .await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(found(scan), set(&["dev/a/requirements.txt"]));
    let named: Vec<&str> = gaps(scan).iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(
        named
            .iter()
            .any(|what| what.contains("parse dev/vendor/Pipfile.lock: "))
    );
    assert!(
        named
            .iter()
            .any(|what| what.contains("read dev/b/requirements.txt otherwise"))
    );
}

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: x
spec:
  containers:
  - name: a
    image: nginx:latest
    securityContext:
      privileged: true
";
const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n";
const BUCKET: &str = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n";
const JSON: &str =
    r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[]}}"#;

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn no_configuration_is_hidden_by_how_it_is_written() {
    let bench = Bench::real();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", indented(POD));
    let bad = [
        ("key/pod.yaml", format!("kind: Pod\n{POD}")),
        (
            "inner/pod.yaml",
            POD.replace("  name: x", "  name: x\n  name: x"),
        ),
        ("tag/pod.yaml", POD.replace(": x", ": !!binary x")),
        ("broken/pod.yaml", format!("a: [\n--- \n{POD}")),
        ("alias/pod.yaml", format!("x: *nope\n---\n{POD}")),
        ("mark/pod.json", format!("\u{feff}{JSON}")),
        ("comment/pod.json", format!("# c\n{JSON}")),
        ("two/pod.json", format!("{JSON}{JSON}")),
        ("case/pod.YAML", POD.to_owned()),
        ("space/pod.yaml", format!("{MAP}--- \n{POD}")),
        ("tab/pod.yaml", format!("{MAP}---\t\n{POD}")),
        ("remark/pod.yaml", format!("{MAP}--- # next\n{POD}")),
        ("property/pod.yaml", format!("{MAP}--- !!map\n{POD}")),
        ("first/pod.yaml", format!("---\n--- # c\n{POD}")),
        ("dots/pod.yaml", format!("{MAP}...\n{POD}")),
        ("return/pod.yaml", format!("{MAP}---\r{POD}")),
        ("list/pod.yaml", list.clone()),
        ("listed/pod.yaml", format!("{list}metadata: {{}}\n")),
        ("cfn-key/t.yaml", format!("A: a\nA: b\n{BUCKET}")),
        ("cfn-tag/t.yaml", format!("{BUCKET}  C: !Foo\n")),
        ("lower/dockerfile", "FROM debian:12\nUSER root\n".to_owned()),
        (
            "dash/Dockerfile-dev",
            "FROM debian:12\nUSER root\n".to_owned(),
        ),
        // In a chart as well, where it is no template.
        (
            "chart/templates/lost.yaml",
            format!("{MAP}--- # next\n{POD}"),
        ),
    ];
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let good = [
        ("a/pod.yaml", POD.to_owned()),
        ("b/pod.yml", format!("{MAP}---\n{POD}")),
        ("c/pod.yaml", crlf(&format!("{MAP}---\n{POD}"))),
        (
            "d/pod.yaml",
            format!("# licence\n--- # first\n{POD}--- # end\n"),
        ),
        ("e/pod.yaml", format!("{MAP}---\n--- # c\n{POD}")),
        ("f/pod.json", JSON.to_owned()),
        ("g/map.yaml", MAP.to_owned()),
        (
            "h/custom.yaml",
            "apiVersion: example.com/v1\nkind: Foo\nmetadata: {}\nspec:\n  items: [1]\n".to_owned(),
        ),
        ("i/pod.yaml", format!("\u{feff}{POD}")),
        (
            "j/t.yaml",
            format!(
                "AWSTemplateFormatVersion: '2010-09-09'\n{BUCKET}    Properties:\n      BucketName: !Sub '${{A}}-b'\n"
            ),
        ),
        (
            "k/t.json",
            "{\n\t\"Resources\": {\"B\": {\"Type\": \"AWS::SNS::Topic\"}}\n}\n".to_owned(),
        ),
        ("l/Dockerfile", "FROM debian:12\n".to_owned()),
        ("l/Dockerfile.dev", "FROM debian:12\n".to_owned()),
        ("l/dev.dockerfile", "FROM debian:12\n".to_owned()),
        ("l/Containerfile", "FROM debian:12\n".to_owned()),
        (
            "m/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n"
                .to_owned(),
        ),
        (
            "m/kubeconfig.yaml",
            "apiVersion: v1\nkind: Config\nclusters: []\n".to_owned(),
        ),
        (
            "m/docker-compose.yml",
            "services:\n  a:\n    image: x\n".to_owned(),
        ),
        (
            ".github/workflows/a.yml",
            format!(
                "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: |\n        {}\n",
                POD.replace('\n', "\n        ")
            ),
        ),
        (
            "m/serverless.yml",
            format!(
                "provider: {{}}\nresources:\n  {}\n",
                BUCKET.trim_end().replace('\n', "\n  ")
            ),
        ),
        (
            "m/tsconfig.json",
            "{\n  // c\n  \"a\": [1,],\n}\n".to_owned(),
        ),
        ("m/values.yaml", "Resources:\n  a: b\nkind: x\n".to_owned()),
        ("m/empty.yaml", "# nothing\n".to_owned()),
        (
            "chart/Chart.yaml",
            "apiVersion: v2\nname: c\nversion: 0.1.0\n".to_owned(),
        ),
        ("chart/values.yaml", "on: false\n".to_owned()),
        ("chart/crds/a.yaml", POD.to_owned()),
        ("chart/templates/plain.yaml", POD.to_owned()),
        (
            "chart/templates/off.yaml",
            format!("{{{{- if .Values.on }}}}\n{POD}{{{{- end }}}}\n"),
        ),
        (
            "chart/templates/on.yaml",
            format!("{{{{- if not .Values.on }}}}\n{POD}--- # c\n{MAP}{{{{- end }}}}\n"),
        ),
        (
            "chart/templates/remark.yaml",
            format!("# {{{{ .Values.on }}}}\n{POD}"),
        ),
        (
            "chart/templates/_helpers.tpl",
            "{{- define \"x\" }}{{ end }}\n".to_owned(),
        ),
    ];
    for (path, text) in bad.iter().chain(&good) {
        bench.put(path, text);
    }
    let arguments = ["--scanners", "trivy", "--trivy-checks", "misconfig"];
    let observed = bench.run(&arguments).await;
    let gaps = gaps(of(&observed, &Source::TrivyFs));
    assert!(gaps.iter().all(|gap| gap.kind == GapKind::Unparsed));
    let said = |path: &str| {
        gaps.iter()
            .any(|gap| gap.what.contains(&format!(" {path}: ")))
    };
    let silent: Vec<&str> = bad
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| !said(path))
        .collect();
    assert!(silent.is_empty(), "nothing is said of {silent:#?}");
    assert_eq!(gaps.len(), bad.len(), "{gaps:#?}");
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n  ") + "\n"
}
