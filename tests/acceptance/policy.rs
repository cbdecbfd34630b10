//! Whose policy is in force, where a step has written over the one that is checked out.

use std::fs;

use crate::git::{commit, git};
use crate::github::TOKEN;
use crate::github::fake::{CONTENTS, Fake};
use crate::support::{Runner, ended};

const POLICY: &str = ".github/slipway/security-scan.yml";
const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"X","rules":[{"id":"R",
    "properties":{"security-severity":"5"}}]}},"results":[{"ruleId":"R","message":{"text":"m"},
    "locations":[{"physicalLocation":{"artifactLocation":{"uri":"app.py"},"region":{"startLine":1}}}]}]}]}"#;

#[tokio::test]
async fn an_event_that_strangers_start_is_judged_by_its_own_commits_policy() {
    for (event, asked, expected) in [
        ("push", false, 0),
        ("workflow_run", true, 1),
        ("issue_comment", true, 1),
        ("repository_dispatch", true, 1),
    ] {
        let fake = Fake::start().await;
        let runner = Runner::new();
        let workspace = runner.workspace();
        git(&workspace, &["init", "-q"]);
        commit(&workspace, &["app.py"]);
        let sha = git(&workspace, &["rev-parse", "HEAD"]);
        fake.put(&sha, POLICY, b"version: 1\nfail-on: medium\n");
        // The commit is the event's own; the file is not the commit's.
        fs::create_dir_all(workspace.join(".github/slipway")).unwrap();
        fs::write(workspace.join(POLICY), "version: 1\nfail-on: never\n").unwrap();
        fs::write(workspace.join("x.sarif"), SARIF).unwrap();
        let runner = runner
            .with("GITHUB_REPOSITORY", "octo-org/octo-repo")
            .with("GITHUB_API_URL", &fake.url)
            .with("GITHUB_SHA", &sha)
            .with("GITHUB_EVENT_NAME", event)
            .input("token", TOKEN)
            .input("upload", "false")
            .input("scanners", "none")
            .input("sarif-files", "x.sarif");
        let mut command = runner.command(["security-scan"]);
        let ran = tokio::task::spawn_blocking(move || ended(&mut command));
        let (code, out, _) = ran.await.unwrap();
        assert_eq!(code, expected, "{event}: {out}");
        assert_eq!(fake.asked(CONTENTS) > 0, asked, "{event}");
    }
}
