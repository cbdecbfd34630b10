//! What we write is SARIF that GitHub takes, whatever was read: the real binary's output, held to
//! the official schema of SARIF 2.1.0 and to GitHub's ingestion rules as `sarif-multitool` knows them.

mod checkers;
mod extremes;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::scan;
use crate::support::slipway;
use checkers::{Fault, multitool, schema};

/// The files of the tree that the fixtures were made from, a line each.
const TREE: &str = include_str!("../fixtures/sarif/tree.txt");

/// One run of slipway over SARIF files.
struct Case {
    name: String,
    /// What lies in the workspace as `in/N.sarif`.
    logs: Vec<Vec<u8>>,
    /// Results in all files that are written for it.
    results: usize,
    /// Files written for it.
    files: usize,
    /// Exit code under `--fail-on never`: 0, or 5 where something could not be read.
    code: i32,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (self.code, self.files, self.results).fmt(f)
    }
}

/// Runs slipway over a case in a folder of its own: its exit code, and the SARIF that it wrote.
fn written(case: &Case, folder: &Path) -> (i32, Vec<PathBuf>) {
    for path in TREE.lines() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "one\n\ttwo\nthree\n".repeat(40)).unwrap();
    }
    std::fs::create_dir(folder.join("in")).unwrap();
    for (log, number) in case.logs.iter().zip(1..) {
        std::fs::write(folder.join(format!("in/{number:02}.sarif")), log).unwrap();
    }
    let output = slipway()
        .current_dir(folder)
        .args(["--format", "json", "security-scan"])
        .args(["--path", "none", "--scanners", "none"])
        .args(["--sarif-files", "in/*.sarif", "--fail-on", "never"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("panicked"), "{}: {told}", case.name);
    let code = output.status.code().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (code, sarif_of(folder, &report))
}

/// The SARIF files that a report names.
fn sarif_of(folder: &Path, report: &Value) -> Vec<PathBuf> {
    let paths = report["sarif"].as_array().unwrap().iter();
    paths
        .map(|path| folder.join(path.as_str().unwrap()))
        .collect()
}

fn parsed(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Results of the one run that each of our files holds.
fn results(log: &Value) -> usize {
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    runs[0]["results"].as_array().unwrap().len()
}

/// A file of each dialect, as its tool wrote it.
fn dialects() -> impl Iterator<Item = Case> {
    [
        ("bandit", 13),
        ("eslint", 6),
        ("gitleaks", 2),
        ("hadolint", 5),
        ("ruff", 9),
        ("semgrep", 6),
        ("trivy-image", 6),
        ("trivy", 7),
        ("zizmor", 5),
    ]
    .into_iter()
    .map(|(name, results)| {
        let path = format!(
            "{}/tests/fixtures/sarif/{name}.sarif",
            env!("CARGO_MANIFEST_DIR")
        );
        Case {
            name: name.to_owned(),
            logs: vec![std::fs::read(path).unwrap()],
            results,
            files: 1,
            code: 0,
        }
    })
}

/// All dialects at once: Trivy's two files become one.
fn together() -> Case {
    let all: Vec<Case> = dialects().collect();
    Case {
        name: "together".to_owned(),
        results: all.iter().map(|case| case.results).sum(),
        files: all.len() - 1,
        logs: all.into_iter().flat_map(|case| case.logs).collect(),
        code: 0,
    }
}

/// A file that breaks rules of all checkers. It is the last that they see: what is wrong with it must be
/// found, else they check nothing, or gave up in silence at a file before it (the multitool does that).
fn canary(folder: &Path) -> PathBuf {
    let path = folder.join("canary.sarif");
    let log = serde_json::json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "Canary", "rules": [{"id": "C1"}]}},
            "results": [{"ruleId": "C1", "message": {"text": "no place"}, "locations": [{
                "physicalLocation": {"artifactLocation": {"uri": "a b"}, "region": {"startLine": 0}},
            }]}],
        }],
    });
    std::fs::write(&path, log.to_string()).unwrap();
    path
}

/// One process of each checker for all files: starting the multitool takes seconds.
fn hold(files: &[PathBuf], folder: &Path) {
    let canary = canary(folder);
    let mut all = files.to_vec();
    all.push(canary.clone());

    let mut faults = schema(&all);
    assert!(
        !faults.remove(&canary).unwrap().is_empty(),
        "the schema sees nothing"
    );
    assert_eq!(faults.len(), files.len());
    faults.retain(|_, faults| !faults.is_empty());
    assert!(faults.is_empty(), "{faults:#?}");

    // It takes minutes over thousands of results that are all alike.
    all.retain(|path| path.metadata().unwrap().len() < 1_000_000);
    let mut faults = multitool(&all, folder);
    let seen: Vec<Fault> = faults
        .extract_if(.., |fault| fault.file == canary)
        .collect();
    for rule in ["GH", "SARIF"] {
        let found = seen
            .iter()
            .any(|it| it.level == "error" && it.rule.starts_with(rule));
        assert!(found, "no error {rule}… in {seen:#?}, but {faults:#?}");
    }
    // Only what the tool itself left out: a version in numbers, a page about it.
    faults.retain(|fault| (&*fault.level, &*fault.rule) != ("warning", "SARIF2005"));
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn whatever_is_read_github_takes_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for case in dialects().chain([together()]).chain(extremes::cases()) {
        let own = folder.path().join(&case.name);
        std::fs::create_dir(&own).unwrap();
        let (code, written) = written(&case, &own);
        let results: usize = written.iter().map(|path| results(&parsed(path))).sum();
        let found = (code, written.len(), results);
        if found != (case.code, case.files, case.results) {
            wrong.push(format!("{}: {found:?} is not {case:?}", case.name));
        }
        files.extend(written);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Trivy's and Bandit's own findings, which come as JSON.
    let scanned = scan::tree();
    let (_, report, told) = scan::scan(scanned.path(), &["--fail-on", "never"]);
    let own = sarif_of(scanned.path(), &report);
    assert_eq!(own.len(), 2, "{told}");
    files.extend(own);
    hold(&files, folder.path());
}
