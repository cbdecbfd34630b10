//! What one scanner brought home: the value that travels from `observe` to `plan` and `report`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::finding::{Finding, Rule};

/// One run of one tool over one target: one SARIF run, one category.
#[derive(Clone, Debug)]
pub struct Scan {
    pub source: Source,
    /// What was scanned, for people: a path, an image reference, a SARIF file.
    pub target: String,
    /// `automationDetails.id`, ends in `/`. Stable: no tag, digest, SHA or run number.
    pub category: String,
    pub tool: Tool,
    pub state: State,
    pub rules: BTreeMap<String, Rule>,
    pub findings: Vec<Finding>,
    /// Said in the summary, no effect on the verdict: a remote module that was not followed,
    /// an untracked unreadable file.
    pub notes: Vec<String>,
    /// Inline ignores that the scanner honoured (or would have).
    pub inline_ignores: Ignores,
    pub duration: Duration,
}

/// Which scanner; keys of the policy's `scanners`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    TrivyFs,
    /// Holds the image's repository without tag, or the archive's path.
    TrivyImage(String),
    Bandit,
    /// Imported SARIF; holds the tool's driver name.
    Sarif(String),
}

/// All that one kind of run differs in, but for what its scanner does.
impl Source {
    /// As the report names it, and the folder of its categories.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TrivyFs => "trivy-fs",
            Self::TrivyImage(_) => "trivy-image",
            Self::Bandit => "bandit",
            Self::Sarif(_) => "sarif",
        }
    }

    /// The image or the tool, where there can be more than one.
    #[must_use]
    pub fn of(&self) -> Option<&str> {
        match self {
            Self::TrivyFs | Self::Bandit => None,
            Self::TrivyImage(name) | Self::Sarif(name) => Some(name),
        }
    }

    /// The entries of the policy's `scanners` that apply, the most specific first.
    #[must_use]
    pub fn policy_names(&self) -> [&str; 2] {
        match self {
            Self::TrivyFs | Self::TrivyImage(_) => [self.name(), "trivy"],
            Self::Bandit => [self.name(); 2],
            Self::Sarif(tool) => [tool, self.name()],
        }
    }

    /// Whether the paths of its findings are files of the workspace. A file in an image only shares
    /// its name with one.
    #[must_use]
    pub const fn in_tree(&self) -> bool {
        !matches!(self, Self::TrivyImage(_))
    }

    /// Whether another tool's SARIF was read, instead of a scanner run.
    #[must_use]
    pub const fn is_imported(&self) -> bool {
        matches!(self, Self::Sarif(_))
    }

    /// Whether the scanner can be told to report what a comment in the tree hides. Of one that
    /// cannot, each such comment is a finding under `inline-ignores: refuse`.
    #[must_use]
    pub const fn shows_ignored(&self) -> bool {
        matches!(self, Self::Bandit)
    }

    /// What it counts columns in: SARIF's `columnKind`.
    #[must_use]
    pub const fn column_kind(&self) -> &'static str {
        match self {
            Self::Bandit => "unicodeCodePoints",
            Self::TrivyFs | Self::TrivyImage(_) | Self::Sarif(_) => "utf16CodeUnits",
        }
    }
}

/// `tool.driver` of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Tool {
    pub name: String,
    pub version: Option<String>,
    pub information_uri: Option<String>,
}

/// A database that a scanner looked things up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Such as `Trivy vulnerability database`.
    pub name: &'static str,
    /// Of its format.
    pub version: u32,
    /// When its content was put together.
    pub updated_at: Timestamp,
    /// When its publisher means to have a newer one.
    pub next_update: Timestamp,
    pub downloaded_at: Option<Timestamp>,
    /// OCI repository that it came from, if it was downloaded in this run from one that was named.
    pub repository: Option<String>,
}

/// Whether the scan saw all that it was asked to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Complete,
    /// There is nothing of the scanner's kind here; holds what was looked for.
    NothingToDo(String),
    /// Crashed, timed out, printed half a file, lost a shard, could not read or parse a file.
    /// Findings that were read are still judged; never uploaded under its category.
    Incomplete(Vec<Gap>),
}

/// One reason why a scan is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Gap {
    pub kind: GapKind,
    /// What happened to what, one sentence.
    pub what: String,
    /// What to do about it. A command to paste comes last, behind `run: `.
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// Exit code or signal that the scanner does not document as "findings".
    Crashed,
    TimedOut,
    /// Empty, truncated, malformed or too large.
    BadOutput,
    /// A file that the tool could not parse (`unparsed: warn` in the policy makes it a note).
    Unparsed,
    /// A git-tracked file that uid 65534 may not read.
    Unreadable,
    /// No vulnerability database, or one that cannot be used.
    NoDatabase,
    /// The scanner is not installed.
    Missing,
    /// An image or a SARIF glob that is not there.
    NotFound,
}

/// Inline ignores that are listed of a scan: a file of a few bytes can hold one, a file of a few MB
/// hundreds of thousands.
pub const MOST_IGNORES: usize = 1000;

/// The inline ignores of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignores {
    /// At most [`MOST_IGNORES`] once the scan is settled.
    pub listed: Vec<InlineIgnore>,
    /// How many more there are. Where they stand is not known, so no path and no suppression is
    /// theirs.
    pub unlisted: u64,
}

impl Ignores {
    /// Lists it while there is room.
    pub fn add(&mut self, path: &Arc<str>, line: u32, text: impl FnOnce() -> String) {
        if self.listed.len() < MOST_IGNORES {
            self.listed.push(InlineIgnore {
                path: Arc::clone(path),
                line,
                text: text(),
            });
        } else {
            self.unlisted += 1;
        }
    }

    /// Keeps the first of the list.
    pub fn shorten(&mut self) {
        let more = self.listed.len().saturating_sub(MOST_IGNORES);
        self.listed.truncate(MOST_IGNORES);
        self.unlisted += more as u64;
    }

    /// Listed or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.unlisted
    }
}

/// A comment in the tree that tells a scanner to look away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct InlineIgnore {
    // One text for all ignores of a file.
    #[serde(serialize_with = "path")]
    pub path: Arc<str>,
    pub line: u32,
    /// The comment, cut at 200 characters.
    pub text: String,
}

fn path<S: serde::Serializer>(path: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(path)
}
