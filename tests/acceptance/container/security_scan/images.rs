//! Images that lie in the workspace, as a job that built them hands them on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::super::docker::{docker, succeeded, testbed};
use super::super::runner::Job;
use super::{annotations, database, keeps_secrets, report, scan};

/// Writes the test bed's image into the workspace.
fn image(job: &Job, name: &str, format: &str) {
    let output = Command::new("python3")
        .arg(testbed("trivy_db").join("image.py"))
        .arg(job.workspace().join(name))
        .args(["--format", format])
        .output()
        .expect("python3 starts");
    succeeded("image.py", &output).unwrap();
}

/// What the image holds (`tests/testbed/trivy_db/advisories.toml`).
const FOUND: [&str; 6] = [
    "CVE-2099-10001",
    "CVE-2099-20001",
    "CVE-2099-20001",
    "CVE-2099-20002",
    "CVE-2099-20003",
    "TEMP-0000000-F1C710",
];

#[test]
fn archives_of_both_kinds_are_scanned_without_a_tree() {
    let Some(docker) = docker() else { return };
    let job = Job::new().file(".gitignore", "*\n").commit();
    database(&job);
    fs::create_dir(job.workspace().join("images")).unwrap();
    image(&job, "images/api.tar", "docker");
    image(&job, "images/layout", "oci");
    // As `docker save` leaves it under a strict umask: slipway hands the child a copy.
    let closed = job.workspace().join("images/api.tar");
    fs::set_permissions(closed, fs::Permissions::from_mode(0o600)).unwrap();
    let result = scan(docker)
        .input("path", "none")
        .input("scanners", "trivy")
        .input("images", "images/api.tar\n./images/layout\n")
        .run(&job);
    assert_eq!(result.exit, 1, "{}", result.log);
    assert_eq!(result.outputs["findings"], "12", "{}", result.log);
    let report = report(&job);
    let scans = report["scans"].as_array().unwrap();
    let categories: Vec<_> = scans
        .iter()
        .map(|it| it["category"].as_str().unwrap())
        .collect();
    assert_eq!(
        categories,
        [
            "slipway/trivy-image/images/api.tar/",
            "slipway/trivy-image/images/layout/"
        ]
    );
    let files: Vec<_> = result.outputs["sarif"].lines().collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        let text = fs::read_to_string(job.workspace().join(file)).unwrap();
        let sarif: Value = serde_json::from_str(&text).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let mut rules: Vec<_> = results
            .iter()
            .map(|it| it["ruleId"].as_str().unwrap())
            .collect();
        rules.sort_unstable();
        assert_eq!(rules, FOUND, "{file}");
    }
    keeps_secrets(&job, &result);
}

#[test]
fn an_image_that_is_not_there_is_not_clean() {
    let Some(docker) = docker() else { return };
    let job = Job::new().commit();
    database(&job);
    let result = scan(docker)
        .input("path", "none")
        .input("scanners", "trivy")
        .input("images", "images/api.tar")
        .run(&job);
    assert_eq!(result.exit, 5, "{}", result.log);
    assert_eq!(result.outputs["result"], "incomplete");
    let told = |it: &&super::Annotation| it.message.contains("docker save");
    assert!(
        annotations(&result, "error").iter().any(told),
        "{:?}",
        result.annotations
    );
    keeps_secrets(&job, &result);
}
