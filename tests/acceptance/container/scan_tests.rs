//! `security-scan` as users run it: in its image, as the runner starts it and in a workflow, on the real scanners.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::act::Workflow;
use super::docker::{docker, repository, succeeded, testbed};
use super::runner::{Job, RUNNER_UID, Step};

const APP: &str = "tests/sample-app-vulnerable/tree";
const ACTION: &str = "security-scan";

/// The test bed's vulnerability database, where `offline` looks for it.
fn database(workspace: &Path) {
    let output = Command::new("python3")
        .arg(testbed("trivy_db").join("generate.py"))
        .arg(workspace.join(".slipway-cache"))
        .output()
        .unwrap();
    succeeded("generate.py", &output).unwrap();
}

/// How many findings of each severity the app has, and of all together.
fn expected() -> BTreeMap<String, String> {
    let file = repository().join("tests/sample-app-vulnerable/expected.json");
    let expected: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let findings = expected["findings"].as_array().unwrap();
    let mut counts = BTreeMap::from([("findings".to_owned(), findings.len())]);
    for finding in findings {
        *counts
            .entry(finding["severity"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(name, count)| (name, count.to_string()))
        .collect()
}

#[test]
fn the_image_finds_in_the_app_what_is_known_to_be_there() {
    let Some(docker) = docker() else { return };
    let job = Job::new().tree(APP).commit();
    database(&job.workspace());
    let result = Step::new(docker, &docker.slipway_scan)
        .action(ACTION)
        .input("offline", "true")
        .input("upload", "false")
        .run(&job);
    assert_eq!(result.exit, 1, "{}", result.log);
    assert_eq!(result.runner_errors, Vec::<String>::new());
    assert_eq!(result.outputs["result"], "failed");
    for (output, count) in expected() {
        assert_eq!(result.outputs[&output], count, "{output}: {}", result.log);
    }
    assert!(
        result.summary.contains("CVE-2099-10002"),
        "{}",
        result.summary
    );
    assert!(
        result
            .annotations
            .iter()
            .any(|annotation| annotation.level == "error"),
        "{}",
        result.log
    );

    // What is written belongs to the workspace's owner, or the next checkout can't remove it.
    let report = job.workspace().join(&result.outputs["report"]);
    let sarif = result.outputs["sarif"]
        .lines()
        .map(|path| job.workspace().join(path));
    for file in sarif.chain([report]) {
        for path in [&*file, file.parent().unwrap()] {
            assert_eq!(
                fs::metadata(path).unwrap().uid(),
                RUNNER_UID,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn the_image_passes_the_app_that_is_fit_to_ship() {
    let Some(docker) = docker() else { return };
    let job = Job::new().tree("tests/sample-app").commit();
    database(&job.workspace());
    let result = Step::new(docker, &docker.slipway_scan)
        .action(ACTION)
        .input("offline", "true")
        .input("upload", "false")
        .run(&job);
    assert_eq!(
        (result.exit, result.outputs["result"].as_str()),
        (0, "passed"),
        "{}",
        result.log
    );
}

#[test]
fn the_image_without_scanners_is_never_green() {
    let Some(docker) = docker() else { return };
    let job = Job::new().tree(APP).commit();
    let result = Step::new(docker, &docker.slipway)
        .action(ACTION)
        .input("offline", "true")
        .input("upload", "false")
        .run(&job);
    assert!(
        [3, 5].contains(&result.exit),
        "{}: {}",
        result.exit,
        result.log
    );
    assert!(
        ["error", "incomplete"].contains(&result.outputs["result"].as_str()),
        "{:?}",
        result.outputs
    );
    assert!(
        result.log.to_lowercase().contains("trivy"),
        "{}",
        result.log
    );
}

#[test]
fn a_workflow_reads_the_verdict_and_goes_on_after_it() {
    let Some(docker) = docker() else { return };
    let workflow = Workflow::new(docker)
        .actions()
        .tree(APP, ".")
        .file(".gitignore", ".slipway-cache/\n");
    database(&workflow.repository());
    let result = workflow.run(
        "on: push
permissions: {}
jobs:
  security:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: scan
        uses: ./actions/security-scan
        with: {offline: true, upload: false}
      - id: skipped
        run: 'true'
      - id: told
        if: failure()
        env:
          RESULT: ${{ steps.scan.outputs.result }}
          FINDINGS: ${{ steps.scan.outputs.findings }}
          REPORT: ${{ steps.scan.outputs.report }}
        run: |
          echo \"$RESULT $FINDINGS\"
          test -s \"$REPORT\"
",
    );
    assert!(!result.success);
    let scan = result.step("scan");
    assert_eq!(
        (scan.result.as_str(), scan.exit),
        ("failure", 1),
        "{}",
        result.log
    );
    assert!(scan.summary.contains("CVE-2099-10002"), "{}", scan.summary);
    assert!(
        scan.annotations
            .iter()
            .any(|annotation| annotation.level == "error"),
        "{}",
        result.log
    );
    let told = result.step("told");
    assert_eq!(told.result, "success", "{}", result.log);
    assert_eq!(told.log, format!("failed {}\n", expected()["findings"]));
}
