//! Reads the policy that is in force, and what a pull request would change about it.

use jiff::civil::Date;

use super::policy::{Change, Origin, Policy, differences};
use crate::github::Client;
use crate::github::contents::Content;
use crate::outcome::{Failure, Result};
use crate::runner::context::Context;
use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;

/// A policy is a page or two: 1 MiB.
const LARGEST: u64 = 1 << 20;

/// The policy that judges this run.
#[derive(Clone, Debug)]
pub struct InForce {
    pub policy: Policy,
    /// Commit that it was read at; none: the workspace.
    pub commit: Option<String>,
    /// What the workspace's version would change once it is merged.
    pub proposed: Vec<Change>,
    /// The workspace's version cannot be read or parsed: it would fail once it is merged.
    pub proposed_is_wrong: Option<Failure>,
}

/// Reads the policy where `origin` says.
///
/// # Errors
/// Invalid: the policy in force does not parse, or is no plain file.
/// Error: the base commit's version cannot be read.
pub async fn read(
    origin: Origin,
    path: &RelativePath,
    workspace: &Folder,
    github: Option<(&Client, &Context)>,
    today: Date,
) -> Result<InForce> {
    let own = || -> Result<Policy> { parse(workspace.read(path, LARGEST)?, path, today) };
    let Origin::Commit { sha, named } = origin else {
        return Ok(InForce {
            policy: own()?,
            commit: None,
            proposed: Vec::new(),
            proposed_is_wrong: None,
        });
    };
    let Some((client, context)) = github else {
        return Err(Failure::error(
            "Policy not read",
            format!("The policy {path} guards a pull request from its base, `{named}` {sha}, and reading that needs a token."),
        )
        .next("Hand the workflow's token to the step.")
        .paste("permissions:\n  contents: read\n# and in the step\nwith:\n  token: ${{ github.token }}"));
    };
    let answer = client
        .file(&context.repository, path.as_str(), &sha, LARGEST)
        .await
        .map_err(|error| {
            error.failure(
                &format!("The policy {path} at `{named}` {sha} could not be read"),
                "contents: read",
            )
        })?;
    let bytes = match answer {
        Content::File(bytes) => Some(bytes),
        Content::Absent => None,
        Content::Refused(what) => {
            return Err(Failure::invalid(
                "Wrong policy",
                format!("The policy {path} at {sha} is {what}; it has to be a plain file."),
            ));
        }
    };
    let policy = parse(bytes, path, today)?;
    let (proposed, proposed_is_wrong) = match own() {
        Ok(own) => (differences(&policy, &own), None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Ok(InForce {
        policy,
        commit: Some(sha),
        proposed,
        proposed_is_wrong,
    })
}

fn parse(bytes: Option<Vec<u8>>, path: &RelativePath, today: Date) -> Result<Policy> {
    bytes.map_or_else(
        || Ok(Policy::default()),
        |bytes| Policy::parse(&bytes, path.as_str(), today),
    )
}
