//! Which ref and commit an upload is for, or why there is none.
//!
//! GitHub shows alerts by ref and commit, so a wrong pair is worse than no upload: the commit is
//! what lies in the workspace, and the ref is taken only where it is known to lead there.

use serde::Serialize;

use crate::security_scan::inputs::Upload;

/// What the runner and the workspace say about the commit that was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// `GITHUB_EVENT_NAME`.
    pub event_name: String,
    /// `GITHUB_REF`, complete.
    pub git_ref: Option<String>,
    /// `GITHUB_SHA`.
    pub sha: String,
    /// HEAD of the workspace; none where nothing is checked out.
    pub head: Option<String>,
    /// Of the event's payload.
    pub pull_request: Option<PullRequest>,
}

/// The pull request that the run is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub head_sha: String,
    /// The target branch, without `refs/heads/`.
    pub base_ref: String,
}

/// Where an upload goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    #[serde(rename = "ref")]
    pub reference: String,
    pub commit_sha: String,
    /// The branch that the ref will be merged into, where there is one: its alerts are shown as
    /// fixed only if this upload has the same categories.
    pub base: Option<String>,
}

/// Why nothing is uploaded, whatever was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// `upload: false`.
    Off,
    /// Not in a workflow.
    Desk,
    /// There is no token.
    NoToken,
    /// There is no client: GitHub's address or the token cannot be used; in words.
    Setup(String),
    /// The event's ref is not the code that a pull request or another run brought.
    Event(String),
    /// The event has no branch, tag or pull request.
    NoRef(Option<String>),
    /// The workspace holds another commit than the event's.
    Mismatch { head: String, sha: String },
    /// Code scanning takes full SHA-1 ids only.
    NotSha1(String),
}

/// Events that run in the context of the base or the default branch while their workflow may have
/// checked out something else, from anywhere.
const FOREIGN: [&str; 2] = ["pull_request_target", "workflow_run"];

/// The ref and commit to upload for. No `occasion`: at a desk.
pub fn decide(
    mode: Upload,
    has_token: bool,
    occasion: Option<&Occasion>,
) -> Result<Target, Obstacle> {
    if mode == Upload::False {
        return Err(Obstacle::Off);
    }
    let target = located(occasion.ok_or(Obstacle::Desk)?)?;
    if has_token {
        Ok(target)
    } else {
        Err(Obstacle::NoToken)
    }
}

fn located(occasion: &Occasion) -> Result<Target, Obstacle> {
    if FOREIGN.contains(&&*occasion.event_name) {
        return Err(Obstacle::Event(occasion.event_name.clone()));
    }
    let commit_sha = occasion.head.as_ref().unwrap_or(&occasion.sha);
    if commit_sha.len() != 40 || !commit_sha.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Obstacle::NotSha1(commit_sha.clone()));
    }
    let pull_request = occasion.pull_request.as_ref();
    let reference = if *commit_sha == occasion.sha {
        let known = ["refs/heads/", "refs/tags/", "refs/pull/"];
        occasion
            .git_ref
            .clone()
            .filter(|it| known.iter().any(|prefix| it.starts_with(prefix)))
            .ok_or_else(|| Obstacle::NoRef(occasion.git_ref.clone()))?
    } else {
        pull_request
            .filter(|it| it.head_sha == *commit_sha)
            .map(|it| format!("refs/pull/{}/head", it.number))
            .ok_or_else(|| Obstacle::Mismatch {
                head: commit_sha.clone(),
                sha: occasion.sha.clone(),
            })?
    };
    let base = if reference.starts_with("refs/pull/") {
        pull_request.map(|it| format!("refs/heads/{}", it.base_ref))
    } else {
        queue_base(&reference)
    };
    Ok(Target {
        reference,
        commit_sha: commit_sha.clone(),
        base,
    })
}

/// The branch that a merge queue's temporary branch will become:
/// `refs/heads/gh-readonly-queue/BRANCH/pr-NUMBER-SHA`.
fn queue_base(reference: &str) -> Option<String> {
    let (base, _) = reference
        .strip_prefix("refs/heads/gh-readonly-queue/")?
        .rsplit_once("/pr-")?;
    Some(format!("refs/heads/{base}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "1111111111111111111111111111111111111111";
    const HEAD: &str = "2222222222222222222222222222222222222222";
    const OTHER: &str = "3333333333333333333333333333333333333333";

    fn occasion(event: &str, git_ref: &str, head: &str) -> Occasion {
        Occasion {
            event_name: event.into(),
            git_ref: Some(git_ref.into()).filter(|it: &String| !it.is_empty()),
            sha: EVENT.into(),
            head: Some(head.into()).filter(|it: &String| !it.is_empty()),
            pull_request: event.starts_with("pull_request").then(|| PullRequest {
                number: 7,
                head_sha: HEAD.into(),
                base_ref: "release/1".into(),
            }),
        }
    }

    #[test]
    fn the_ref_is_taken_only_where_it_leads_to_the_commit() {
        let merge = "refs/pull/7/merge";
        let queue = "refs/heads/gh-readonly-queue/release/1/pr-7-aa11";
        let to = |reference: &str, commit: &str, base: Option<&str>| {
            Ok(Target {
                reference: reference.into(),
                commit_sha: commit.into(),
                base: base.map(Into::into),
            })
        };
        let base = Some("refs/heads/release/1");
        let mismatch = |head: &str| {
            Err(Obstacle::Mismatch {
                head: head.into(),
                sha: EVENT.into(),
            })
        };
        let main = "refs/heads/main";
        for (event, git_ref, head, wanted) in [
            ("push", main, EVENT, to(main, EVENT, None)),
            (
                "push",
                "refs/tags/v1",
                EVENT,
                to("refs/tags/v1", EVENT, None),
            ),
            // Only images and SARIF files were judged: nothing was checked out.
            ("push", main, "", to(main, EVENT, None)),
            ("push", main, OTHER, mismatch(OTHER)),
            ("schedule", main, EVENT, to(main, EVENT, None)),
            (
                "workflow_dispatch",
                "refs/heads/a/b",
                EVENT,
                to("refs/heads/a/b", EVENT, None),
            ),
            (
                "release",
                "refs/tags/v1",
                EVENT,
                to("refs/tags/v1", EVENT, None),
            ),
            ("merge_group", queue, EVENT, to(queue, EVENT, base)),
            ("pull_request", merge, EVENT, to(merge, EVENT, base)),
            (
                "pull_request",
                merge,
                HEAD,
                to("refs/pull/7/head", HEAD, base),
            ),
            ("pull_request", merge, OTHER, mismatch(OTHER)),
            ("pull_request_review", merge, EVENT, to(merge, EVENT, base)),
            // A closed pull request runs for the branch.
            ("pull_request", main, EVENT, to(main, EVENT, None)),
            (
                "pull_request_target",
                main,
                EVENT,
                Err(Obstacle::Event("pull_request_target".into())),
            ),
            (
                "pull_request_target",
                main,
                HEAD,
                Err(Obstacle::Event("pull_request_target".into())),
            ),
            (
                "workflow_run",
                main,
                EVENT,
                Err(Obstacle::Event("workflow_run".into())),
            ),
            ("release", "", EVENT, Err(Obstacle::NoRef(None))),
            (
                "push",
                "main",
                EVENT,
                Err(Obstacle::NoRef(Some("main".into()))),
            ),
            ("push", main, "1111", Err(Obstacle::NotSha1("1111".into()))),
        ] {
            let decided = decide(Upload::Auto, true, Some(&occasion(event, git_ref, head)));
            assert_eq!(decided, wanted, "{event} {git_ref} {head}");
        }
    }

    #[test]
    fn no_upload_without_will_workflow_or_token() {
        let push = occasion("push", "refs/heads/main", EVENT);
        let foreign = occasion("workflow_run", "refs/heads/main", EVENT);
        assert_eq!(decide(Upload::False, true, Some(&push)), Err(Obstacle::Off));
        for mode in [Upload::Auto, Upload::True] {
            assert_eq!(decide(mode, true, None), Err(Obstacle::Desk));
            assert_eq!(decide(mode, false, Some(&push)), Err(Obstacle::NoToken));
            // A token would not help.
            let event = Obstacle::Event("workflow_run".into());
            assert_eq!(decide(mode, false, Some(&foreign)), Err(event));
        }
    }
}
