//! The vulnerability database: where it comes from, and what it means that there is none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use slipway::outcome::Outcome;
use slipway::security_scan::scan::{GapKind, Source, State};
use slipway::security_scan::scanners::Observed;

use super::bench::{Bench, database, gaps, kinds, of, real, shown};

/// Faults of the cache, and what is said of each.
const FAULTS: [(&str, &str); 8] = [
    ("no-advisories", "trivy.db holds no advisories"),
    ("truncated", "trivy.db is cut off"),
    ("empty-file", "trivy.db is empty"),
    ("garbage", "trivy.db is not a bbolt database"),
    ("no-database", "trivy.db can't be opened"),
    ("no-metadata", "metadata.json is missing"),
    ("bad-metadata", "metadata.json is not what Trivy writes"),
    ("newer-schema", "has schema version"),
];

fn vulnerable() -> Bench {
    let mut bench = Bench::new();
    bench.tools = real().to_owned();
    bench.put("requirements.txt", "slipway-fixture-http==2.3.0\n");
    bench.put(
        "main.tf",
        "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"b\"\n}\n",
    );
    bench
}

async fn check_vulnerabilities(bench: &Bench, databases: &[&str]) -> Observed {
    let mut arguments = vec!["--scanners", "trivy", "--trivy-checks", "vuln"];
    arguments.extend(databases.iter().flat_map(|from| ["--database", *from]));
    bench.run(&arguments).await
}

#[tokio::test]
async fn without_a_usable_database_the_other_checks_run() {
    for (fault, why) in [("", "no usable database")].into_iter().chain(FAULTS) {
        let bench = vulnerable();
        if !fault.is_empty() {
            bench.cached(&["--fault", fault]);
        }
        let observed = bench.run(&["--scanners", "trivy", "--offline"]).await;
        let scan = of(&observed, &Source::TrivyFs);
        assert_eq!(
            kinds(scan),
            [GapKind::NoDatabase],
            "{fault:?}: {:?}",
            scan.state
        );
        let what = &gaps(scan)[0].what;
        assert!(what.contains(why), "{fault}: {what}");
        assert!(
            gaps(scan)[0]
                .next
                .as_deref()
                .unwrap()
                .contains("offline: false")
        );
        assert!(
            shown(scan)
                .iter()
                .any(|finding| finding.contains("main.tf"))
        );
        assert!(!shown(scan).iter().any(|finding| finding.contains("CVE-")));
    }
}

#[tokio::test]
async fn an_old_database_is_used_offline_and_its_age_is_said() {
    let bench = vulnerable();
    bench.cached(&["--age", "30"]);
    let observed = bench.run(&["--scanners", "trivy", "--offline"]).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(scan.state, State::Complete);
    assert!(shown(scan).contains(&"CVE-2099-10001 requirements.txt:1".to_owned()));
    assert!(
        scan.notes.iter().any(|note| note.contains("30 days old")),
        "{:?}",
        scan.notes
    );
}

#[tokio::test]
async fn a_cache_that_the_repository_brings_is_refused() {
    let git = |bench: &Bench, arguments: &[&str]| {
        let status = Command::new("git")
            .args(arguments)
            .current_dir(&bench.workspace)
            .status();
        assert!(status.unwrap().success());
    };
    let tracked = vulnerable();
    tracked.cached(&[]);
    git(&tracked, &["init", "-q"]);
    git(&tracked, &["add", "-Af"]);
    let linked = vulnerable();
    let elsewhere = tempfile::tempdir().unwrap();
    database(elsewhere.path(), &[]);
    symlink(elsewhere.path(), linked.workspace.join(".slipway-cache")).unwrap();
    let within = vulnerable();
    fs::create_dir(within.workspace.join(".slipway-cache")).unwrap();
    symlink(
        elsewhere.path().join("db"),
        within.workspace.join(".slipway-cache/db"),
    )
    .unwrap();
    for bench in [&tracked, &linked, &within] {
        let failure = bench.try_run(&["--scanners", "trivy"]).await.unwrap_err();
        assert_eq!(failure.outcome, Outcome::Invalid, "{failure}");
        assert!(failure.title.contains("cache-directory"));
    }
    // Without the vulnerability check there is no use for it.
    assert!(
        tracked
            .try_run(&["--scanners", "trivy", "--trivy-checks", "secret"])
            .await
            .is_ok()
    );
}

/// A Trivy whose downloads come from folders instead of registries, and which is real otherwise.
fn downloading(bench: &mut Bench, sources: &Path) {
    bench.tools = bench.workspace.with_file_name("tools");
    let script = format!(
        r#"[ "$2" = --download-db-only ] || exec {trivy} "$@"
for argument; do case "$argument" in --db-repository=*) source="${{argument#*=}}";; esac; done
while [ "$1" != --cache-dir ]; do shift; done
echo "$source" >> {sources}/asked
[ -d "{sources}/$source" ] || {{ echo "FATAL $source: 429 Too Many Requests" >&2; exit 1; }}
cp -r "{sources}/$source" "$2""#,
        trivy = real().join("trivy").display(),
        sources = sources.display(),
    );
    bench.tool("trivy", "/bin/sh", &script);
}

#[tokio::test]
async fn repositories_are_tried_in_order_and_the_database_is_kept() {
    let sources = tempfile::tempdir().unwrap();
    database(&sources.path().join("good"), &[]);
    database(&sources.path().join("half"), &["--fault", "truncated"]);
    let mut bench = vulnerable();
    downloading(&mut bench, sources.path());
    let asked = || fs::read_to_string(sources.path().join("asked")).unwrap_or_default();
    for _ in 0..2 {
        let observed = check_vulnerabilities(&bench, &["busy", "half", "good", "never"]).await;
        let scan = of(&observed, &Source::TrivyFs);
        assert_eq!(scan.state, State::Complete, "{:?}", scan.state);
        assert_eq!(shown(scan), ["CVE-2099-10001 requirements.txt:1"]);
        // The second run finds it fresh.
        assert_eq!(asked(), "busy\nhalf\ngood\n");
    }
    let kept: Vec<_> = fs::read_dir(bench.workspace.join(".slipway-cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(kept, ["db"]);

    // Out of date, and none to be had: the old one is used, and that is said.
    bench.cached(&["--age", "3"]);
    let observed = check_vulnerabilities(&bench, &["busy"]).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(scan.state, State::Complete);
    assert!(
        scan.notes
            .iter()
            .any(|note| note.contains("429 Too Many Requests")),
        "{:?}",
        scan.notes
    );

    // None at all: why, of each.
    fs::remove_dir_all(bench.workspace.join(".slipway-cache")).unwrap();
    let observed = check_vulnerabilities(&bench, &["busy", "half"]).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(kinds(scan), [GapKind::NoDatabase]);
    let what = &gaps(scan)[0].what;
    assert!(
        what.contains("busy: ") && what.contains("429") && what.contains("half: "),
        "{what}"
    );
}

#[tokio::test]
async fn runs_that_share_a_cache_do_not_disturb_each_other() {
    let sources = tempfile::tempdir().unwrap();
    database(&sources.path().join("good"), &[]);
    let mut bench = vulnerable();
    downloading(&mut bench, sources.path());
    let both = tokio::join!(
        check_vulnerabilities(&bench, &["good"]),
        check_vulnerabilities(&bench, &["good"])
    );
    for observed in [both.0, both.1] {
        let scan = of(&observed, &Source::TrivyFs);
        assert_eq!(scan.state, State::Complete, "{:?}", scan.state);
        assert_eq!(shown(scan), ["CVE-2099-10001 requirements.txt:1"]);
    }
    let asked = fs::read_to_string(sources.path().join("asked")).unwrap();
    assert_eq!(asked, "good\ngood\n", "neither waited for the other");
    let kept: Vec<_> = fs::read_dir(bench.workspace.join(".slipway-cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(kept, ["db"]);
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_incomplete_not_an_error() {
    let sources = tempfile::tempdir().unwrap();
    database(&sources.path().join("good"), &[]);
    let mut bench = vulnerable();
    downloading(&mut bench, sources.path());
    // No file system takes a name like this, whoever asks.
    let cache = "x".repeat(300);
    let arguments = [
        "--scanners",
        "trivy",
        "--database",
        "good",
        "--cache-directory",
        &cache,
    ];
    let observed = bench.run(&arguments).await;
    let scan = of(&observed, &Source::TrivyFs);
    assert_eq!(kinds(scan), [GapKind::NoDatabase]);
    let what = &gaps(scan)[0].what;
    assert!(
        what.contains("could not be put into cache-directory") && what.contains("too long"),
        "{what}"
    );
    assert!(
        shown(scan)
            .iter()
            .any(|finding| finding.contains("main.tf"))
    );
}
