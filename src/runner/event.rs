//! The webhook payload of the event that started the workflow, as far as we need it.
//!
//! Read leniently: payloads differ by event, action and GitHub version, so whatever is missing or
//! of another shape is simply not there, and whoever needs it says so.

use serde_json::Value;

use super::context::{CommitSha, Repository};

/// What the payload tells us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The activity type, such as `opened`.
    pub action: Option<String>,
    pub pull_request: Option<PullRequest>,
    pub merge_group: Option<MergeGroup>,
    pub workflow_run: Option<WorkflowRun>,
    pub repository: EventRepository,
    /// Login of whoever caused the event.
    pub sender: Option<String>,
}

/// `pull_request` of `pull_request`, `pull_request_target`, `pull_request_review`, ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    /// The tip of the target branch when the event happened.
    pub base_sha: CommitSha,
    /// The target branch, without `refs/heads/`.
    pub base_ref: String,
    pub head_sha: CommitSha,
    /// The source branch, without `refs/heads/`.
    pub head_ref: String,
    /// Where the source branch lives; none when that repository was deleted.
    pub head_repository: Option<Repository>,
}

/// `merge_group` of the merge queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeGroup {
    pub base_sha: CommitSha,
    pub head_sha: CommitSha,
}

/// `workflow_run`: the run that this one follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRun {
    pub id: u64,
    pub head_sha: CommitSha,
    pub head_branch: Option<String>,
    /// The event that started that run.
    pub event: Option<String>,
    pub conclusion: Option<String>,
}

/// `repository`; each value is none where the payload doesn't tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRepository {
    pub private: Option<bool>,
    pub fork: Option<bool>,
    pub default_branch: Option<String>,
}

impl Event {
    /// Takes what it knows out of a payload.
    #[must_use]
    pub fn from_json(payload: &Value) -> Self {
        let object = |name: &str| payload.get(name).filter(|value| value.is_object());
        Self {
            action: text(payload, "/action"),
            pull_request: object("pull_request").and_then(PullRequest::from_json),
            merge_group: object("merge_group").and_then(MergeGroup::from_json),
            workflow_run: object("workflow_run").and_then(WorkflowRun::from_json),
            repository: EventRepository {
                private: payload
                    .pointer("/repository/private")
                    .and_then(Value::as_bool),
                fork: payload.pointer("/repository/fork").and_then(Value::as_bool),
                default_branch: text(payload, "/repository/default_branch"),
            },
            sender: text(payload, "/sender/login"),
        }
    }
}

impl PullRequest {
    fn from_json(json: &Value) -> Option<Self> {
        Some(Self {
            number: json.get("number")?.as_u64()?,
            base_sha: sha(json, "/base/sha")?,
            base_ref: text(json, "/base/ref")?,
            head_sha: sha(json, "/head/sha")?,
            head_ref: text(json, "/head/ref")?,
            head_repository: text(json, "/head/repo/full_name")
                .and_then(|name| Repository::parse(&name)),
        })
    }
}

impl MergeGroup {
    fn from_json(json: &Value) -> Option<Self> {
        Some(Self {
            base_sha: sha(json, "/base_sha")?,
            head_sha: sha(json, "/head_sha")?,
        })
    }
}

impl WorkflowRun {
    fn from_json(json: &Value) -> Option<Self> {
        Some(Self {
            id: json.get("id")?.as_u64()?,
            head_sha: sha(json, "/head_sha")?,
            head_branch: text(json, "/head_branch"),
            event: text(json, "/event"),
            conclusion: text(json, "/conclusion"),
        })
    }
}

fn text(json: &Value, pointer: &str) -> Option<String> {
    json.pointer(pointer)?.as_str().map(str::to_owned)
}

fn sha(json: &Value, pointer: &str) -> Option<CommitSha> {
    CommitSha::parse(json.pointer(pointer)?.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pull_request_from_a_fork() {
        let (base, head) = ("a".repeat(40), "b".repeat(40));
        let event = Event::from_json(&json!({
            "action": "opened",
            "pull_request": {
                "number": 7,
                "base": {"sha": base, "ref": "main"},
                "head": {"sha": head, "ref": "patch", "repo": {"full_name": "them/app", "fork": true}},
            },
            "repository": {"private": false, "fork": false, "default_branch": "main"},
            "sender": {"login": "them"},
        }));
        let request = event.pull_request.unwrap();
        assert_eq!(request.number, 7);
        assert_eq!(request.base_sha.as_str(), base);
        assert_eq!(request.head_repository.unwrap().to_string(), "them/app");
        assert_eq!(event.repository.default_branch.as_deref(), Some("main"));
        assert_eq!(event.sender.as_deref(), Some("them"));
    }

    #[test]
    fn what_has_another_shape_is_not_there() {
        for payload in [
            json!(null),
            json!([]),
            json!({"pull_request": null, "merge_group": 1}),
            json!({"pull_request": {"number": "7"}, "repository": "x", "sender": []}),
            json!({"pull_request": {"number": 7, "base": {"sha": "short", "ref": "main"}}}),
            json!({"merge_group": {"base_sha": "a".repeat(39), "head_sha": "b".repeat(40)}}),
        ] {
            assert_eq!(Event::from_json(&payload), Event::default(), "{payload}");
        }
    }

    #[test]
    fn queues_and_following_runs() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let event = Event::from_json(&json!({
            "merge_group": {"base_sha": sha, "head_sha": sha},
            "workflow_run": {"id": 5, "head_sha": sha, "head_branch": null, "event": "pull_request"},
        }));
        assert_eq!(event.merge_group.unwrap().base_sha.as_str(), sha);
        let run = event.workflow_run.unwrap();
        assert_eq!((run.id, run.event.as_deref()), (5, Some("pull_request")));
    }
}
