//! Which version of the policy is in force.

use crate::outcome::{Failure, Result};
use crate::runner::event::Event;

/// Where the policy is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file in the workspace: the commit is already on its branch, or nobody else wrote it.
    Workspace,
    /// The file at this commit: the workspace holds a proposal, whose author may not decide by
    /// which policy it is judged.
    Commit {
        sha: String,
        /// How the payload calls that commit, for messages.
        named: &'static str,
    },
}

/// Events of the branch itself: who starts them may write to it.
const OWN: [&str; 5] = ["create", "push", "release", "schedule", "workflow_dispatch"];

/// Decides by the name of the event and its payload.
///
/// `pull_request*` (`pull_request`, `pull_request_target`, `pull_request_review`,
/// `pull_request_review_comment`) is judged by `pull_request.base.sha`, `merge_group` by
/// `merge_group.base_sha`
/// (<https://docs.github.com/webhooks/webhook-events-and-payloads>).
///
/// An event in [`OWN`] is judged by the workspace's version unless another commit than the event's
/// own (`GITHUB_SHA`) is checked out. Every other event, always by the version at `GITHUB_SHA`: a
/// `workflow_run` or an `issue_comment` may be about a pull request, and a step may have put its
/// files over those of the commit that is checked out.
///
/// A payload without that commit is an error (exit 3), never a reason to trust the workspace.
pub fn origin(event_name: &str, event: &Event, sha: &str, head: Option<&str>) -> Result<Origin> {
    let (base, named) = match event_name {
        "merge_group" => (
            event.merge_group.as_ref().map(|it| &it.base_sha),
            "merge_group.base_sha",
        ),
        name if name.starts_with("pull_request") => (
            event.pull_request.as_ref().map(|it| &it.base_sha),
            "pull_request.base.sha",
        ),
        name => {
            let is_checked_out = head.is_none_or(|head| head.eq_ignore_ascii_case(sha));
            return Ok(if OWN.contains(&name) && is_checked_out {
                Origin::Workspace
            } else {
                Origin::Commit {
                    sha: sha.to_owned(),
                    named: "GITHUB_SHA",
                }
            });
        }
    };
    match base {
        Some(sha) => Ok(Origin::Commit {
            sha: sha.to_string(),
            named,
        }),
        None => Err(Failure::error(
            "No base commit in the event",
            format!(
                "The payload of this `{}` event has no commit in `{named}`, so the policy that \
                 guards the base cannot be found.",
                event_name
                    .chars()
                    .filter(|letter| letter.is_ascii_lowercase() || *letter == '_')
                    .take(50)
                    .collect::<String>()
            ),
        )
        .because("`GITHUB_EVENT_PATH` does not hold the payload that GitHub sent.")
        .next(
            "Run on GitHub, or hand over the original payload. The policy of the workspace is \
             not used instead: the author of the change could have edited it.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::outcome::Outcome;

    fn origin(name: &str, payload: &Value) -> Result<Origin> {
        super::origin(name, &Event::from_json(payload), SHA, Some(SHA))
    }

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn proposals_are_judged_by_their_base() {
        let pull = json!({"pull_request": {
            "number": 7,
            "base": {"sha": SHA, "ref": "main"},
            "head": {"sha": "f".repeat(40), "ref": "topic"},
        }});
        for event in [
            "pull_request",
            "pull_request_target",
            "pull_request_review",
            "pull_request_review_comment",
        ] {
            assert_eq!(
                origin(event, &pull).unwrap(),
                Origin::Commit {
                    sha: SHA.into(),
                    named: "pull_request.base.sha"
                },
                "{event}"
            );
        }
        let queue = json!({"merge_group": {"base_sha": SHA, "head_sha": "f".repeat(40)}});
        assert_eq!(
            origin("merge_group", &queue).unwrap(),
            Origin::Commit {
                sha: SHA.into(),
                named: "merge_group.base_sha"
            }
        );
    }

    #[test]
    fn a_branchs_own_events_by_the_workspace() {
        for event in OWN {
            assert_eq!(origin(event, &json!({})).unwrap(), Origin::Workspace);
        }
    }

    #[test]
    fn what_a_stranger_may_have_brought_is_no_policy() {
        let none = Event::default();
        let other = "f".repeat(40);
        let at_sha = Origin::Commit {
            sha: SHA.into(),
            named: "GITHUB_SHA",
        };
        for (event, head, expected) in [
            ("push", Some(SHA), Origin::Workspace),
            ("push", None, Origin::Workspace),
            ("push", Some(&*other), at_sha.clone()),
            ("workflow_run", Some(SHA), at_sha.clone()),
            ("workflow_run", Some(&other), at_sha.clone()),
            ("workflow_run", None, at_sha.clone()),
            ("issue_comment", Some(&other), at_sha.clone()),
            ("issue_comment", Some(SHA), at_sha.clone()),
            ("issue_comment", None, at_sha.clone()),
            ("repository_dispatch", Some(SHA), at_sha.clone()),
            ("", Some(SHA), at_sha),
        ] {
            let decided = super::origin(event, &none, SHA, head).unwrap();
            assert_eq!(decided, expected, "{event} {head:?}");
        }
    }

    #[test]
    fn a_payload_without_a_base_is_no_way_round() {
        for (event, payload) in [
            ("pull_request", json!({})),
            ("pull_request", json!(null)),
            (
                "pull_request",
                json!({"pull_request": {"base": {"sha": ""}}}),
            ),
            (
                "pull_request",
                json!({"pull_request": {"base": {"sha": 7}}}),
            ),
            (
                "pull_request",
                json!({"pull_request": {"base": {"sha": "../../../contents/x"}}}),
            ),
            (
                "merge_group",
                json!({"pull_request": {"base": {"sha": SHA}}}),
            ),
        ] {
            assert_eq!(origin(event, &payload).unwrap_err().outcome, Outcome::Error);
        }
    }
}
