//! The whole action at a desk: the real binary, Trivy and Bandit on the sample app with faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{slipway, venv};

const FAULTY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample-app-vulnerable");

/// A copy of the tree with its fixture database.
pub(crate) fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("cp")
        .args(["-r", &format!("{FAULTY}/tree/.")])
        .arg(folder.path()));
    let generate = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/testbed/trivy_db/generate.py"
    );
    run(Command::new("python3")
        .arg(generate)
        .arg(folder.path().join(".slipway-cache")));
    folder
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output.stdout
}

/// `PATH` with the pinned scanners first.
fn path() -> String {
    let scanners = venv("scanners").unwrap();
    format!("{}:/usr/bin:/bin", scanners.display())
}

pub(crate) fn scan(folder: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let output = slipway()
        .env("PATH", path())
        .current_dir(folder)
        .args(["--format", "json", "security-scan", "--offline"])
        .args(arguments)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), json, told)
}

fn expected_counts() -> (usize, usize) {
    let text = std::fs::read_to_string(format!("{FAULTY}/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let findings = expected["findings"].as_array().unwrap();
    let severe =
        |finding: &&Value| matches!(finding["severity"].as_str(), Some("critical" | "high"));
    (findings.len(), findings.iter().filter(severe).count())
}

#[test]
fn the_faults_close_the_gate_and_are_all_told() {
    let folder = tree();
    let (code, report, told) = scan(folder.path(), &[]);
    let (all, severe) = expected_counts();
    assert_eq!(code, 1, "{told}");
    assert_eq!(report["result"], "failed");
    assert_eq!(report["counts"]["findings"], all);
    assert_eq!(report["counts"]["blocking"], severe);
    for sarif in report["sarif"].as_array().unwrap() {
        let path: PathBuf = folder.path().join(sarif.as_str().unwrap());
        let log: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(log["version"], "2.1.0");
    }
    let kept = folder.path().join(report["report"].as_str().unwrap());
    let kept: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(kept["counts"], report["counts"]);
}

#[test]
fn nothing_blocks_where_nothing_may() {
    let folder = tree();
    let (code, report, told) = scan(folder.path(), &["--fail-on", "never"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(report["result"], "passed");
    assert_eq!(report["counts"]["findings"], expected_counts().0);
}

#[test]
fn without_a_database_the_rest_is_judged_and_the_run_is_incomplete() {
    let folder = tree();
    std::fs::remove_dir_all(folder.path().join(".slipway-cache")).unwrap();
    let (code, report, _) = scan(folder.path(), &["--fail-on", "never"]);
    assert_eq!(code, 5);
    assert_eq!(report["result"], "incomplete");
    assert!(report["counts"]["findings"].as_u64().unwrap() > 20);
}

#[test]
fn folders_that_trivy_passes_by_are_scanned_too() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "dev", "proc", "dev/sys"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        let file = folder.path().join(name).join("Dockerfile");
        std::fs::write(file, "FROM debian:12\nUSER root\n").unwrap();
    }
    let arguments = ["--scanners", "trivy", "--trivy-checks", "misconfig"];
    let (code, report, told) = scan(folder.path(), &arguments);
    assert_eq!(code, 1, "{told}");
    let mut paths: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["rule"] == "DS-0002")
        .map(|finding| finding["location"]["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    let expected = ["a", "dev", "dev/sys", "proc"].map(|name| format!("{name}/Dockerfile"));
    assert_eq!(paths, expected);
}

/// Errors of parsers and findings quote the file; so do the logs.
#[test]
fn a_secret_that_trivy_found_is_nowhere_in_what_is_told_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let token = ["gh", "p_0123456789abcdefABCDEF0123456789abcd"].concat();
    // Of no shape that is known without Trivy's finding.
    let key = ["hf", "_abcdefghijklmnopqrSTUVWXYZabcdefgh"].concat();
    for (path, text) in [
        (
            "c/Chart.yaml",
            "apiVersion: v2\nname: c\nversion: 0.1.0\n".to_owned(),
        ),
        ("c/values.yaml", format!("pw: {token}\n")),
        ("c/templates/x.yaml", "{{ fail .Values.pw }}\n".to_owned()),
        ("go.mod", format!("module x\n\ngo 1.22\n\n{token} y\n")),
        ("d/Dockerfile", format!("FROM debian:12\n{token} x\n")),
        ("e/Dockerfile", format!("FROM debian:12\n{key} x\n")),
        (
            "main.tf",
            format!("resource \"a\" \"b\" {{\n  x = {token} \"\n}}\n"),
        ),
        (
            "cm.yaml",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  password: {token}\n"
            ),
        ),
    ] {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let checks = "misconfig,secret,license";
    let output = slipway()
        .env("PATH", path())
        .current_dir(folder.path())
        .args([
            "security-scan",
            "--offline",
            "--scanners",
            "trivy",
            "--trivy-checks",
            checks,
        ])
        .output()
        .unwrap();
    let mut all = vec![("output".to_owned(), [output.stdout, output.stderr].concat())];
    let results = folder.path().join("slipway-results/security-scan");
    for folder in [results.clone(), results.join("logs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            all.extend(std::fs::read(path).ok().map(|bytes| (name, bytes)));
        }
    }
    assert!(all.len() > 3);
    for (name, bytes) in all {
        let text = String::from_utf8(bytes).unwrap().to_lowercase();
        for secret in [&token, &key] {
            assert!(
                !text.contains(&secret[4..].to_lowercase()),
                "{name}: {text}"
            );
        }
        if name == "output" {
            for told in [
                "go.mod: unknown directive, line 5",
                "d/dockerfile: unknown instruction",
                "parse c: execution error",
                "main.tf: invalid multi-line string, line 2",
            ] {
                assert!(text.contains(told), "{told}: {text}");
            }
        }
    }
}

#[test]
fn sarif_of_other_tools_is_judged_alike() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.c"), "gets(line);\n").unwrap();
    let sarif = serde_json::json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Example", "rules": [
            {"id": "E1", "properties": {"security-severity": "9.9"}}]}},
        "results": [{"ruleId": "E1", "message": {"text": "gets"}, "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": "a.c"}, "region": {"startLine": 1}}}]}],
    }]});
    std::fs::write(folder.path().join("e.sarif"), sarif.to_string()).unwrap();
    let arguments = |glob| ["--scanners", "none", "--sarif-files", glob];
    let (code, report, told) = scan(folder.path(), &arguments("*.sarif"));
    assert_eq!(code, 1, "{told}");
    assert_eq!(report["counts"]["critical"], 1);
    let (code, ..) = scan(folder.path(), &arguments("none.sarif"));
    assert_eq!(code, 5, "a report that is not there is no clean report");
}

#[test]
fn wrong_inputs_end_before_anything_is_written() {
    let folder = tree();
    for (arguments, name) in [
        (&["--path", "../x"][..], "path"),
        (&["--output-directory", "."], "output-directory"),
        (&["--scanners", "snyk"], "scanners"),
    ] {
        let (code, _, told) = scan(folder.path(), arguments);
        assert_eq!(code, 2, "{told}");
        assert!(told.contains(name), "{told}");
    }
    assert!(!folder.path().join("slipway-results").exists());
}
