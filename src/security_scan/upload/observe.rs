//! What the runner says, and what code scanning holds already.

use std::collections::BTreeSet;

use crate::github::Client;
use crate::runner::context::{Context, Repository};

use super::explain::{Circumstances, refusal};
use super::plan::{Candidate, Content, Existing};
use super::target::{Occasion, PullRequest, Target};

impl Occasion {
    /// What the runner says, and the workspace's HEAD (none where nothing is checked out).
    #[must_use]
    pub fn new(context: &Context, head: Option<String>) -> Self {
        let pull_request = context.event.pull_request.as_ref();
        Self {
            event_name: context.event_name.clone(),
            git_ref: context.git_ref.clone(),
            sha: context.sha.to_string(),
            head: head.map(|it| it.to_ascii_lowercase()),
            pull_request: pull_request.map(|it| PullRequest {
                number: it.number,
                head_sha: it.head_sha.to_string(),
                base_ref: it.base_ref.clone(),
            }),
        }
    }
}

impl Circumstances {
    /// What the runner says.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        Self {
            fork: context.from_fork(),
            dependabot: context.from_dependabot(),
            private: context.event.repository.private,
        }
    }
}

/// Pages of 100 analyses that are looked through for each ref. Every run adds one analysis for each
/// category, so what is in use stands on the first pages.
const PAGES: usize = 5;

/// The categories of `candidates` that the target's ref or its base has. Asks only where the answer
/// matters: for candidates without results.
pub async fn existing(
    client: &Client,
    repository: &Repository,
    target: &Target,
    candidates: &[Candidate],
    circumstances: Circumstances,
) -> Existing {
    let empty = candidates
        .iter()
        .filter(|it| matches!(it.content, Content::Nothing(_)));
    let wanted: BTreeSet<&str> = empty.map(|it| &*it.category).collect();
    let mut found = BTreeSet::new();
    for reference in std::iter::once(&target.reference).chain(&target.base) {
        for page in 1..=PAGES {
            if found.len() == wanted.len() {
                return Ok(found);
            }
            let listed = client.analyses(repository, reference, page).await;
            let (analyses, more) = listed.map_err(|error| {
                Box::new(refusal(&error, "The list of analyses", circumstances))
            })?;
            let categories = analyses.into_iter().filter_map(|it| it.category);
            found.extend(categories.filter(|it| wanted.contains(&**it)));
            if !more {
                break;
            }
        }
    }
    Ok(found)
}
