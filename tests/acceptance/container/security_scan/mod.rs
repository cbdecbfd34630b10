//! `security-scan` as its users run it: the real image with the real Trivy and Bandit, over the sample apps.
//!
//! The advisories are the fixture's (`tests/testbed/trivy_db`), so nothing needs a network.

mod cancelled;
mod events;
mod hostile;
mod images;
mod pull_request;
mod refused;
mod verdict;
mod workflow;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::docker::{Docker, repository, succeeded, testbed};
use super::runner::{Job, Step, StepResult};
use crate::github::TOKEN;
use crate::protocol::Annotation;

/// Where a step without an id writes.
const RESULTS: &str = "slipway-results/security-scan";
/// What `tests/sample-app-vulnerable` holds, and what the harness itself gives to a step: none of it may come out.
const SECRETS: [&str; 10] = [
    TOKEN,
    "a-runtime-token-of-the-harness",
    "XXXXXXXXXXXXXXXXXXXXXXXX",
    "YYYYYYYYYYYYYYYYYYYYYYYY",
    "ZZZZZZZZZZZZZZZZZZZZZZZZ",
    "VGhpcyBpcyBub3QgYSBrZXku",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "fixture-password-1",
    "fixture-password-2",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
];

/// The app with faults, checked out. No database.
fn faulty() -> Job {
    Job::new().tree("tests/sample-app-vulnerable/tree").commit()
}

/// The app without faults, checked out: without what its own builds leave in this checkout. No database.
fn clean() -> Job {
    let job = Job::new().tree("tests/sample-app");
    for left in [
        "frontend/node_modules",
        "frontend/dist",
        "backend/.venv",
        "backend/.mypy_cache",
    ] {
        let _ = fs::remove_dir_all(job.workspace().join(left));
    }
    job.commit()
}

/// Puts the fixture's database where `cache-directory` is, as a restored cache.
fn database(job: &Job) {
    generate(&job.workspace().join(".slipway-cache"));
}

fn generate(cache: &Path) {
    let output = Command::new("python3")
        .arg(testbed("trivy_db").join("generate.py"))
        .arg(cache)
        .output()
        .expect("python3 starts");
    succeeded("generate.py", &output).unwrap();
}

/// The step that most tests vary: offline, nothing uploaded, with a token.
fn scan(docker: &Docker) -> Step<'_> {
    with_image(docker, &docker.slipway_scan.tag)
}

fn with_image<'a>(docker: &'a Docker, image: &str) -> Step<'a> {
    Step::with_image(docker, image)
        .action("security-scan")
        .input("offline", "true")
        .input("upload", "false")
        .input("token", TOKEN)
}

/// A file of the results, which must be there.
fn result_file(job: &Job, name: &str) -> String {
    let path = job.workspace().join(RESULTS).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn report(job: &Job) -> Value {
    serde_json::from_str(&result_file(job, "report.json")).unwrap()
}

/// `tests/sample-app-vulnerable/expected.json`.
fn expected() -> Value {
    let path = repository().join("tests/sample-app-vulnerable/expected.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every plain file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The annotations of one level.
fn annotations<'a>(result: &'a StepResult, level: &str) -> Vec<&'a Annotation> {
    let of_level = |one: &&Annotation| one.level == level;
    result.annotations.iter().filter(of_level).collect()
}

/// No secret in anything that the step left: log, outputs, summary, annotations, state, results. The lines that tell
/// the runner what to mask are the one exception.
fn keeps_secrets(job: &Job, result: &StepResult) {
    let unmasked = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("::add-mask::"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut texts = vec![
        ("stdout".to_owned(), unmasked(&result.stdout)),
        ("stderr".to_owned(), unmasked(&result.stderr)),
        ("summary".to_owned(), result.summary.clone()),
        ("outputs".to_owned(), format!("{:?}", result.outputs)),
        ("state".to_owned(), format!("{:?}", result.state)),
        (
            "environment".to_owned(),
            format!("{:?}", result.environment),
        ),
        (
            "annotations".to_owned(),
            format!("{:?}", result.annotations),
        ),
    ];
    let written = job.workspace().join("slipway-results");
    if written.exists() {
        texts.extend(files(&written).into_iter().map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            (path.display().to_string(), text)
        }));
    }
    for (name, text) in texts {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {name}:\n{text}");
        }
    }
}
