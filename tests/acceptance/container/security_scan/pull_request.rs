//! A pull request is judged by its base's policy, and its alerts land on it.

use std::collections::BTreeSet;
use std::fs;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::super::docker::docker;
use super::super::runner::{Job, Network, StepResult};
use super::{RESULTS, TOKEN, database, keeps_secrets, report, scan};
use crate::github::fake::Fake;
use crate::github::prism::Proxy;

pub(super) const BASE: &str = "d6fde92930d4715a2b49857d24b940956b26d2d3";
pub(super) const POLICY: &str = ".github/slipway/security-scan.yml";

pub(super) fn payload(head: &str, repository: &str) -> Value {
    json!({
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "base": { "sha": BASE, "ref": "main", "repo": { "full_name": "octo-org/octo-repo" } },
            "head": { "sha": head, "ref": "topic", "repo": { "full_name": repository, "fork": repository != "octo-org/octo-repo" } },
        },
        "repository": { "full_name": "octo-org/octo-repo", "private": false, "default_branch": "main" },
        "sender": { "login": "octocat" },
    })
}

/// The faulty app, with a policy in it that accepts everything.
fn proposal() -> Job {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let expires = today.saturating_add(30.days());
    let policy = format!(
        "version: 1\nsuppressions:\n  - path: '**'\n    owner: the author\n    reason: trust me\n    expires: {expires}\n"
    );
    let job = Job::new()
        .tree("tests/sample-app-vulnerable/tree")
        .file(POLICY, policy)
        .commit();
    database(&job);
    job
}

/// A GitHub whose base has a policy of one line.
async fn github() -> (Fake, Proxy) {
    let fake = Fake::start().await;
    fake.put(BASE, POLICY, b"version: 1\nfail-on: critical\n");
    fake.state().pending_polls = 1;
    let proxy = Proxy::strict(&fake).await;
    (fake, proxy)
}

/// Runs the step for a pull request from `repository`, beside the runtime that serves GitHub.
async fn judged(url: String, repository: &'static str) -> Option<(Job, StepResult)> {
    let work = move || {
        let docker = docker()?;
        let job = proposal();
        // What GitHub makes of the pull request is checked out: a merge commit, whose parent is the head.
        let head = "7638417db6d59f3c431d3e1f261cc637155684cd";
        let result = scan(docker)
            .input("upload", "auto")
            .event("pull_request", payload(head, repository))
            .env("GITHUB_REPOSITORY", "octo-org/octo-repo")
            .env("GITHUB_REF", "refs/pull/7/merge")
            .env("GITHUB_REF_NAME", "7/merge")
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_HEAD_REF", "topic")
            .env("GITHUB_API_URL", &url)
            .network(Network::Host)
            .run(&job);
        Some((job, result))
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn a_pull_request_cannot_accept_its_own_faults() {
    if docker().is_none() {
        return;
    }
    let (fake, proxy) = github().await;
    let Some((job, result)) = judged(proxy.url.clone(), "octo-org/octo-repo").await else {
        return;
    };
    assert_eq!(result.exit, 1, "{}", result.log);
    assert_eq!(result.outputs["result"], "failed");
    assert_eq!(result.outputs["suppressed"], "0");
    // `fail-on: critical` of the base wins over the input's default.
    assert_eq!(result.outputs["blocking"], result.outputs["critical"]);
    for told in [
        "### Policy: takes effect after merge",
        "request.base.sha",
        &BASE[..12],
        "the author",
    ] {
        assert!(
            result.summary.contains(told),
            "no '{told}' in:\n{}",
            result.summary
        );
    }

    assert_eq!(proxy.violations().await, Vec::<String>::new());
    let state = fake.state();
    let uploaded: Vec<_> = state
        .uploads
        .iter()
        .map(|it| (it.tool_name.as_str(), it.category(), it.polls))
        .collect();
    assert_eq!(
        uploaded,
        [
            ("Trivy", "slipway/trivy-fs/", 2),
            ("Bandit", "slipway/bandit/", 2)
        ]
    );
    let mut results = 0;
    for (upload, file) in state.uploads.iter().zip(["trivy-fs", "bandit"]) {
        assert_eq!(upload.reference, "refs/pull/7/merge");
        assert_eq!(upload.commit_sha, job.sha());
        let path = job
            .workspace()
            .join(format!("{RESULTS}/slipway-{file}.sarif"));
        let written: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(upload.sarif, written, "{file}");
        results += upload.results();
        // What GitHub knows an alert by: the rule and the hash of its line.
        let alerts = alerts(&upload.sarif);
        assert_eq!(alerts.len(), upload.results());
        let distinct: BTreeSet<_> = alerts.iter().collect();
        assert_eq!(
            distinct.len(),
            alerts.len(),
            "two would become one: {alerts:?}"
        );
    }
    assert_eq!(results.to_string(), result.outputs["findings"]);
    assert_eq!(result.outputs["sarif-ids"].lines().count(), 2);
    assert!(
        result.outputs["alerts-url"].contains("/octo-org/octo-repo/security/code-scanning"),
        "{}",
        result.outputs["alerts-url"]
    );
    for request in &state.requests {
        let authorization = request.headers["authorization"].to_str().unwrap();
        assert!(authorization.ends_with(TOKEN), "{}", request.path);
    }
    let report = report(&job);
    assert_eq!(report["policy"]["commit"], BASE);
    assert_eq!(report["uploads"][0]["status"], "complete");
    keeps_secrets(&job, &result);
}

/// Rule and fingerprint of each result that has both, in the form that GitHub's own action writes: `<hash>:<count>`.
fn alerts(sarif: &Value) -> Vec<(&str, &str)> {
    let results = sarif["runs"][0]["results"].as_array().unwrap().iter();
    results
        .filter_map(|it| {
            let hash = it["partialFingerprints"]["primaryLocationLineHash"].as_str()?;
            let (digits, count) = hash.split_once(':')?;
            let whole = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            (whole && count.parse::<u32>().is_ok()).then_some((it["ruleId"].as_str()?, hash))
        })
        .collect()
}

#[tokio::test]
async fn a_policy_of_the_base_that_cannot_be_read_is_no_missing_policy() {
    if docker().is_none() {
        return;
    }
    let (fake, proxy) = github().await;
    // The token may not look into the repository: everything is a 404.
    fake.state().commits.clear();
    let Some((job, result)) = judged(proxy.url.clone(), "octo-org/octo-repo").await else {
        return;
    };
    assert_eq!(result.exit, 3, "{}", result.log);
    assert!(
        result.summary.contains("contents: read"),
        "{}",
        result.summary
    );
    assert!(fake.state().uploads.is_empty());
    assert!(!job.workspace().join("slipway-results").exists());
    keeps_secrets(&job, &result);
}
