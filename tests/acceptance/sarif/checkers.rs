//! The judges of our SARIF: the official JSON schema, and Microsoft's multitool with GitHub's rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/node");

/// The test bed's Node.js packages.
fn modules() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let output = Command::new(format!("{NODE}/modules")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

fn package() -> PathBuf {
    modules().join("@microsoft/sarif-multitool-linux")
}

/// Faults by file against the schema of SARIF 2.1.0 that the multitool brings along: OASIS's own,
/// in a newer draft of JSON schema.
pub(super) fn schema(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<String>> {
    let output = Command::new("node")
        .arg(format!("{NODE}/schema.mjs"))
        .args([modules(), &package().join("sarif-2.1.0.json")])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One complaint of the multitool.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "shown where a test fails")]
pub(super) struct Fault {
    pub(super) file: PathBuf,
    pub(super) level: String,
    pub(super) rule: String,
    message: String,
}

/// Everything that the multitool has to say about the files under SARIF's and GitHub's rules. Its
/// exit code says nothing: it is 0 whatever is found.
pub(super) fn multitool(files: &[PathBuf], folder: &Path) -> Vec<Fault> {
    let out = folder.join("multitool.sarif");
    let output = Command::new(package().join("Sarif.Multitool"))
        .arg("validate")
        .args(files)
        .args(["--rule-kind", "Sarif;Ghas", "--log", "ForceOverwrite", "--output"])
        .arg(&out)
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        // It unpacks itself.
        .env("DOTNET_BUNDLE_EXTRACT_BASE_DIR", folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let all = format!("{} files scanned.", files.len());
    assert!(
        told.contains(&all) && told.contains("completed successfully"),
        "{told}"
    );
    let log: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    let [run] = &log["runs"].as_array().unwrap()[..] else {
        panic!("one run: {log}")
    };
    let said = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    let fault = |result: &Value| {
        let uri = said(&result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]);
        let rule = said(&result["ruleId"]);
        Fault {
            file: url::Url::parse(&uri)
                .map_or_else(|_| PathBuf::from(&uri), |it| it.to_file_path().unwrap()),
            level: level(result, run),
            message: result["message"].to_string(),
            rule,
        }
    };
    run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(fault)
        .collect()
}

/// SARIF 2.1.0 §3.27.10: a result without a level has that of its rule, one without that is a warning.
fn level(result: &Value, run: &Value) -> String {
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["id"] == result["ruleId"]);
    let default = rule.and_then(|rule| rule["defaultConfiguration"]["level"].as_str());
    result["level"]
        .as_str()
        .or(default)
        .unwrap_or("warning")
        .to_owned()
}
