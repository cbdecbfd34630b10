//! What other steps hand over: image archives and SARIF files in the workspace.
//!
//! They are judged as a build's or a tool's own output, so this run has to have made them. What git
//! tracks came with the commit: the author of a pull request could put a harmless one there.

use std::collections::BTreeMap;
use std::path::Path;

use super::request::Request;
use crate::git::{self, Tracked};
use crate::outcome::{Failure, Result};
use crate::runner::path::RelativePath;

/// Where files are handed over, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Handed<'a> {
    workspace: &'a Path,
    /// A workflow run. At a desk the tree is the user's.
    in_run: bool,
    /// The tree to scan lies in no repository, so nobody says what came with it.
    unknown_tree: bool,
}

impl<'a> Handed<'a> {
    #[must_use]
    pub fn new(workspace: &'a Path, in_run: bool, request: &Request) -> Self {
        let path = request.path.as_ref();
        Self {
            workspace,
            in_run,
            unknown_tree: path
                .is_some_and(|path| git::repositories(&path.below(workspace)).next().is_none()),
        }
    }

    /// Refuses what came with the commit, or may have: in a workflow run, files that a repository
    /// around them tracks, whose repository cannot be read, or that lie in none while the tree is in
    /// none either.
    ///
    /// # Errors
    /// Invalid: names the first of them.
    pub fn check<'p>(
        self,
        input: &str,
        paths: impl IntoIterator<Item = &'p RelativePath>,
    ) -> Result<()> {
        if !self.in_run {
            return Ok(());
        }
        let mut repositories = BTreeMap::new();
        for path in paths {
            self.one(path, &mut repositories)
                .map_err(|brought| brought.failure(input, path))?;
        }
        Ok(())
    }

    fn one(
        self,
        path: &RelativePath,
        repositories: &mut BTreeMap<std::path::PathBuf, Tracked>,
    ) -> std::result::Result<(), Brought> {
        let file = path.below(self.workspace);
        let mut in_none = true;
        for root in git::repositories(&file) {
            in_none = false;
            let tracked = repositories
                .entry(root.to_owned())
                .or_insert_with(|| git::tracked(root));
            if let Tracked::Unknown(why) = tracked {
                return Err(Brought::Unknown(why.clone()));
            }
            if file
                .strip_prefix(root)
                .is_ok_and(|below| tracked.holds(below))
            {
                return Err(Brought::Tracked);
            }
        }
        if in_none && self.unknown_tree {
            return Err(Brought::Unknown("there is no git repository".to_owned()));
        }
        Ok(())
    }
}

/// Why a file is not taken.
enum Brought {
    Tracked,
    /// Git does not say; why.
    Unknown(String),
}

impl Brought {
    fn failure(self, input: &str, path: &RelativePath) -> Failure {
        let title = format!("Invalid input `{input}`");
        let because = "A pull request could bring a harmless one, and would be judged by that.";
        match self {
            Self::Tracked => Failure::invalid(
                title,
                format!(
                    "`{input}` names {path}, which git tracks: it came with the commit, not from a \
                     step of this run."
                ),
            )
            .because(because)
            .next(
                "Let a step before this one write it where git tracks nothing, and take this one \
                 out of git or name it no more.",
            )
            .paste(format!(
                "git rm -r --cached -- '{}'",
                path.as_str().replace('\'', "'\\''")
            )),
            Self::Unknown(why) => Failure::invalid(
                title,
                format!(
                    "`{input}` names {path}, and git does not say whether that came with the \
                     commit: {why}."
                ),
            )
            .because(because)
            .next(
                "Check out by git (installed before actions/checkout runs) and let `path` name a \
                 folder of that checkout; where the job checks nothing out, set `path: none`.",
            ),
        }
    }
}
