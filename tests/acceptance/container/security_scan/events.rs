//! What starts the run decides whose policy is in force, and where the alerts go.

use std::fs;

use serde_json::{Value, json};

use super::super::docker::docker;
use super::super::runner::{Job, Network, Step, StepResult};
use super::pull_request::{BASE, POLICY, payload};
use super::{RESULTS, annotations, clean, database, keeps_secrets, report, scan};
use crate::github::fake::{CONTENTS, Fake, UPLOAD, Wrong};

/// A step in octo-org/octo-repo that uploads where it may.
async fn judged(
    url: String,
    job: Job,
    vary: impl FnOnce(Step<'static>) -> Step<'static> + Send + 'static,
) -> (Job, StepResult) {
    let work = move || {
        let step = scan(docker().unwrap())
            .input("upload", "auto")
            .env("GITHUB_REPOSITORY", "octo-org/octo-repo")
            .env("GITHUB_API_URL", &url)
            .network(Network::Host);
        let result = vary(step).run(&job);
        (job, result)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Something for Bandit alone, with a policy in the tree under which its one finding closes the gate.
fn small() -> Job {
    Job::new()
        .file("app.py", "import os\n\nos.chmod('data', 0o777)\n")
        .file(POLICY, "version: 1\nfail-on: any\n")
        .commit()
}

#[tokio::test]
async fn a_forks_pull_request_is_judged_and_fails_for_no_permission() {
    if docker().is_none() {
        return;
    }
    let fake = Fake::start().await;
    fake.state().commits.insert(BASE.to_owned());
    // What GitHub says to a token that can only read.
    let refusal = Wrong::status(403, "Resource not accessible by integration");
    fake.fault(UPLOAD, usize::MAX, refusal);
    let job = clean();
    database(&job);
    let (job, result) = judged(fake.url.clone(), job, |step| {
        let head = "7638417db6d59f3c431d3e1f261cc637155684cd";
        step.event("pull_request", payload(head, "someone/octo-repo"))
            .env("GITHUB_REF", "refs/pull/7/merge")
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_HEAD_REF", "topic")
    })
    .await;
    assert_eq!(result.exit, 0, "{}", result.log);
    assert_eq!(result.outputs["result"], "passed");
    assert_eq!(annotations(&result, "error"), Vec::<&_>::new());
    assert!(fake.state().uploads.is_empty());
    assert_eq!(result.outputs["sarif-ids"], "");
    for told in ["Gate open", "Not uploaded: pull request of a fork"] {
        assert!(result.summary.contains(told), "{}", result.summary);
    }
    // Everything else is as on a branch: the files hold what was found.
    let report = report(&job);
    let uploads = report["uploads"].as_array().unwrap();
    assert!(!uploads.is_empty());
    for upload in uploads {
        assert_eq!(upload["status"], "fork", "{upload}");
    }
    let mut results = 0;
    for file in result.outputs["sarif"].lines() {
        let text = fs::read_to_string(job.workspace().join(file)).unwrap();
        let sarif: Value = serde_json::from_str(&text).unwrap();
        results += sarif["runs"][0]["results"].as_array().unwrap().len();
    }
    assert!(results > 0, "Bandit finds the asserts of the app's tests");
    assert_eq!(results.to_string(), result.outputs["findings"]);
    keeps_secrets(&job, &result);
}

#[tokio::test]
async fn a_merge_queue_is_judged_by_the_policy_of_its_base() {
    if docker().is_none() {
        return;
    }
    let fake = Fake::start().await;
    fake.put(BASE, POLICY, b"version: 1\nfail-on: critical\n");
    let queue = format!("refs/heads/gh-readonly-queue/main/pr-7-{BASE}");
    let (job, result) = judged(fake.url.clone(), small(), {
        let queue = queue.clone();
        move |step| {
            let group = json!({
                "action": "checks_requested",
                "merge_group": {
                    "head_sha": "7638417db6d59f3c431d3e1f261cc637155684cd", "head_ref": queue,
                    "base_sha": BASE, "base_ref": "refs/heads/main",
                },
                "repository": { "full_name": "octo-org/octo-repo", "private": false, "default_branch": "main" },
            });
            step.input("scanners", "bandit")
                .event("merge_group", group)
                .env("GITHUB_REF", &queue)
        }
    })
    .await;
    // The tree's own policy would have closed the gate.
    assert_eq!(result.exit, 0, "{}", result.log);
    assert_eq!(
        (&*result.outputs["findings"], &*result.outputs["blocking"]),
        ("1", "0")
    );
    assert_eq!(report(&job)["policy"]["commit"], BASE);
    let state = fake.state();
    let [upload] = &state.uploads[..] else {
        panic!("{}", result.log)
    };
    assert_eq!(
        (&*upload.reference, &*upload.commit_sha),
        (&*queue, job.sha())
    );
    keeps_secrets(&job, &result);
}

#[tokio::test]
async fn a_schedule_and_a_dispatch_are_judged_by_their_own_policy() {
    if docker().is_none() {
        return;
    }
    let repository =
        json!({ "full_name": "octo-org/octo-repo", "private": false, "default_branch": "main" });
    for (event, git_ref, payload) in [
        (
            "schedule",
            "refs/heads/main",
            json!({ "schedule": "0 2 * * *", "repository": repository }),
        ),
        (
            "workflow_dispatch",
            "refs/heads/topic",
            json!({ "inputs": null, "ref": "refs/heads/topic", "repository": repository }),
        ),
    ] {
        let fake = Fake::start().await;
        let (job, result) = judged(fake.url.clone(), small(), move |step| {
            step.input("scanners", "bandit")
                .event(event, payload)
                .env("GITHUB_REF", git_ref)
        })
        .await;
        assert_eq!(result.exit, 1, "{event}: {}", result.log);
        assert_eq!(result.outputs["blocking"], "1", "{event}");
        // What is checked out is the branch's own: nobody has to be asked.
        assert_eq!(fake.asked(CONTENTS), 0, "{event}");
        let state = fake.state();
        let [upload] = &state.uploads[..] else {
            panic!("{event}: {}", result.log)
        };
        assert_eq!(upload.reference, git_ref);
        assert_eq!(upload.commit_sha, job.sha(), "{event}");
        assert_eq!(upload.category(), "slipway/bandit/", "{event}");
        let written = job
            .workspace()
            .join(format!("{RESULTS}/slipway-bandit.sarif"));
        let written: Value = serde_json::from_slice(&fs::read(written).unwrap()).unwrap();
        assert_eq!(upload.sarif, written, "{event}");
        keeps_secrets(&job, &result);
    }
}
