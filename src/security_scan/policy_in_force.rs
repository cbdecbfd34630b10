//! Reads the policy that is in force, and what a pull request would change about it.

use jiff::civil::Date;

use super::policy::{Change, Origin, Policy, differences};
use crate::github::Client;
use crate::github::contents::Content;
use crate::outcome::{Failure, Result};
use crate::runner::context::Context;
use crate::runner::folder::{Folder, Refused, Why};
use crate::runner::path::RelativePath;

/// A policy is written by people: 1 MiB is some 10,000 suppressions.
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
    let own = || -> Result<Policy> {
        let bytes = workspace.read(path, LARGEST);
        parse(bytes.map_err(|refused| wrong(refused, path))?, path, today)
    };
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
            format!(
                "The policy {path} is in force as it is at `{named}` {sha}, not as it lies in the \
                 workspace, and reading that needs a token."
            ),
        )
        .because("Whoever wrote what lies in the workspace must not decide how it is judged.")
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
            return Err(unusable(path, &format!("at {sha} is {what}")));
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

/// A file that the user named and that is no policy is a wrong input, as it is at a base commit.
fn wrong(refused: Refused, path: &RelativePath) -> Failure {
    let what = match refused.why {
        Why::Link => "is reached by a symbolic link, and links are not followed".to_owned(),
        Why::NotAFolder | Why::NotAFile => "is none".to_owned(),
        Why::TooLarge(limit) => format!("has more than {limit} bytes"),
        Why::Io(_) => return refused.into(),
    };
    unusable(path, &what)
}

fn unusable(path: &RelativePath, what: &str) -> Failure {
    Failure::invalid(
        "Policy cannot be used",
        format!("The policy {path} {what}; it has to be a plain file of at most 1 MiB."),
    )
    .next("Put the file itself there. Many suppressions become few by `rule` or `path`.")
}

fn parse(bytes: Option<Vec<u8>>, path: &RelativePath, today: Date) -> Result<Policy> {
    bytes.map_or_else(
        || Ok(Policy::default()),
        |bytes| Policy::parse(&bytes, path.as_str(), today),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use jiff::civil::date;

    use super::*;
    use crate::outcome::Outcome;

    #[tokio::test]
    async fn a_policy_of_the_workspace_that_is_no_file_is_a_wrong_input() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let policy = "version: 1\n#";
        fs::write(at("plain.yml"), policy).unwrap();
        let most = usize::try_from(LARGEST).unwrap();
        let more = "x".repeat(most - policy.len());
        fs::write(at("largest.yml"), format!("{policy}{more}")).unwrap();
        fs::write(at("larger.yml"), format!("{policy}{more}x")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("plain.yml", at("link.yml")).unwrap();
        symlink("folder", at("linked")).unwrap();
        let workspace = Folder::root(folder.path()).unwrap();
        for (path, why) in [
            ("plain.yml", None),
            ("largest.yml", None),
            ("absent.yml", None),
            ("absent/policy.yml", None),
            ("larger.yml", Some("more than 1048576 bytes")),
            ("folder", Some("is none; it has to be a plain file")),
            ("plain.yml/policy.yml", Some("is none")),
            ("link.yml", Some("symbolic link")),
            ("linked/policy.yml", Some("symbolic link")),
        ] {
            let at = RelativePath::parse(path).unwrap();
            let today = date(2026, 1, 1);
            let found = read(Origin::Workspace, &at, &workspace, None, today).await;
            let Some(why) = why else {
                assert!(found.is_ok(), "{path}: {found:?}");
                continue;
            };
            let failure = found.unwrap_err();
            assert_eq!(failure.outcome, Outcome::Invalid, "{path}");
            assert!(failure.what.contains(path), "{failure}");
            assert!(failure.what.contains(why), "{failure}");
        }
    }
}
