//! What to upload under which category, with a reason for each.

use std::collections::BTreeSet;

use serde::Serialize;

use super::result::Refusal;
use super::target::{Obstacle, Target};

/// What one category could get.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// `automationDetails.id`, with its `/` at the end.
    pub category: String,
    /// `tool.driver.name`.
    pub tool: String,
    pub content: Content,
}

/// What there is to say under a category.
#[derive(Clone, Debug)]
pub enum Content {
    /// A SARIF file of a complete scan, gzipped.
    Results(Vec<u8>),
    /// A gzipped SARIF file without results, of a scan that had nothing to do or of a part that is no longer
    /// used: only where the category is there already, so that its alerts close.
    Nothing(Vec<u8>),
    /// The scan could not see everything; in words. Never uploaded: GitHub would close the alerts that
    /// it did not find.
    Incomplete(String),
}

/// What will be done.
#[derive(Clone, Debug, Serialize)]
pub struct UploadPlan {
    /// Where uploads go, or why there are none.
    pub target: Result<Target, Obstacle>,
    pub steps: Vec<Step>,
}

/// One category.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub category: String,
    pub tool: String,
    #[serde(skip)]
    pub action: Action,
    /// Why, in words.
    pub reason: String,
}

/// What to do with a category.
#[derive(Clone, Debug)]
pub enum Action {
    /// The gzipped SARIF file.
    Upload(Vec<u8>),
    /// The last analysis stands.
    Stand,
    /// There is nothing that an upload could close.
    NotNeeded,
    /// It cannot be known whether there is something to close, or GitHub is not there to be told.
    Unknown(Box<Refusal>),
}

/// The categories that GitHub holds for the target's ref and its base, or why they are not known.
/// Where that is a reason that every other call would meet as well, nothing else is tried: a GitHub
/// that does not answer must not keep the verdict waiting once for each category.
pub type Existing = Result<BTreeSet<String>, Box<Refusal>>;

/// Decides for each candidate. `target` comes from [`super::target::decide`].
#[must_use]
pub fn plan(
    target: Result<Target, Obstacle>,
    candidates: Vec<Candidate>,
    existing: &Existing,
) -> UploadPlan {
    let steps = candidates
        .into_iter()
        .map(|it| step(it, existing))
        .collect();
    UploadPlan { target, steps }
}

fn step(candidate: Candidate, existing: &Existing) -> Step {
    let Candidate {
        category,
        tool,
        content,
    } = candidate;
    let (action, reason) = match (content, existing) {
        (Content::Results(_), Err(refusal)) if refusal.status.is_for_every_call() => (
            Action::Unknown(Box::new(refusal.untried(&category))),
            "the scan is complete, but GitHub does not talk to us".into(),
        ),
        (Content::Results(gzipped), _) => (Action::Upload(gzipped), "the scan is complete".into()),
        (Content::Incomplete(why), _) => (
            Action::Stand,
            format!(
                "the scan is not complete ({why}): the last analysis stands, no alert is closed"
            ),
        ),
        (Content::Nothing(gzipped), Ok(existing)) if existing.contains(&category) => (
            Action::Upload(gzipped),
            "there is nothing to report, and GitHub holds this category: its alerts close".into(),
        ),
        (Content::Nothing(_), Ok(_)) => (
            Action::NotNeeded,
            "there is nothing to report, and GitHub holds nothing under this category".into(),
        ),
        (Content::Nothing(_), Err(refusal)) => (
            Action::Unknown(refusal.clone()),
            "there is nothing to report, and what GitHub holds is not known".into(),
        ),
    };
    Step {
        category,
        tool,
        action,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::super::result::Status;
    use super::*;
    use crate::outcome::Failure;

    #[test]
    fn every_content_against_what_github_holds() {
        let unknown = || Refusal {
            status: Status::NoPermission,
            failure: Failure::error("Permission missing", "GET"),
        };
        let holds: Existing = Ok(BTreeSet::from(["slipway/bandit/".to_owned()]));
        let nothing: Existing = Ok(BTreeSet::new());
        let dark: Existing = Err(Box::new(unknown()));
        let gone: Existing = Err(Box::new(Refusal {
            status: Status::Network,
            failure: Failure::error("GitHub did not answer", "GET"),
        }));
        let results = || Content::Results(vec![1]);
        let empty = || Content::Nothing(vec![2]);
        let cut = || Content::Incomplete("lost a shard".into());
        for (content, existing, wanted) in [
            (results(), &holds, "upload [1]: the scan is complete"),
            (results(), &nothing, "upload [1]: the scan is complete"),
            (results(), &dark, "upload [1]: the scan is complete"),
            (
                results(),
                &gone,
                "unknown (slipway/bandit/ was not tried: GET): the scan is complete, but GitHub does not talk to us",
            ),
            (
                empty(),
                &gone,
                "unknown (GET): there is nothing to report, and what GitHub holds is not known",
            ),
            (
                empty(),
                &holds,
                "upload [2]: there is nothing to report, and GitHub holds this category: its alerts close",
            ),
            (
                empty(),
                &nothing,
                "not needed: there is nothing to report, and GitHub holds nothing under this category",
            ),
            (
                empty(),
                &dark,
                "unknown (GET): there is nothing to report, and what GitHub holds is not known",
            ),
            (
                cut(),
                &holds,
                "stand: the scan is not complete (lost a shard): the last analysis stands, no alert is closed",
            ),
            (
                cut(),
                &nothing,
                "stand: the scan is not complete (lost a shard): the last analysis stands, no alert is closed",
            ),
            (
                cut(),
                &dark,
                "stand: the scan is not complete (lost a shard): the last analysis stands, no alert is closed",
            ),
        ] {
            let candidate = Candidate {
                category: "slipway/bandit/".into(),
                tool: "Bandit".into(),
                content,
            };
            let plan = plan(Err(Obstacle::Off), vec![candidate], existing);
            let Step { action, reason, .. } = &plan.steps[0];
            let action = match action {
                Action::Upload(sarif) => format!("upload {sarif:?}"),
                Action::Stand => "stand".into(),
                Action::NotNeeded => "not needed".into(),
                Action::Unknown(refusal) => format!("unknown ({})", refusal.failure.what),
            };
            assert_eq!(format!("{action}: {reason}"), wanted);
        }
    }
}
