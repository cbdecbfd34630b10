//! `report.json`: everything that was decided and done, with reasons and timings; and what is
//! drawn from it: summary, annotations, text, and the action's outputs.
//!
//! The file's format is versioned by [`Report::schema`] and described by
//! `schemas/security-scan.report.v1.json`. Within a version fields are only added.

mod annotations;
mod build;
mod links;
mod summary;
#[cfg(test)]
mod tests;
mod text;
pub(super) mod words;

use serde::Serialize;

pub use self::annotations::{annotations, verdict};
pub use self::build::{Checkout, Run, build};
pub use self::summary::summary;
pub use self::text::text;
use super::finding::{Kind, Location, Package};
use super::inputs::Inputs;
use super::plan::{Because, Counts, Coverage, IdleScanner, Standing, Verdict};
use super::policy::Change;
use super::scan::{Gap, InlineIgnore, Tool};
use super::severity::Severity;
use super::upload::result::{Status, Weight};
use crate::outcome::{Message, Outcome};

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// The report of one run of security-scan.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[schemars(title = "Slipway security-scan report")]
pub struct Report {
    /// Version of this format.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// Version of Slipway.
    pub slipway: String,
    /// As in output `result`.
    pub result: Outcome,
    /// As the process exits.
    pub exit_code: u8,
    /// One sentence.
    pub verdict: String,
    /// When the run began (RFC 3339, UTC).
    #[schemars(extend("format" = "date-time"))]
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// What was scanned, on GitHub; null at a desk.
    pub commit: Option<CommitReport>,
    /// The inputs, without the secret ones.
    pub inputs: Inputs,
    pub policy: PolicyReport,
    /// What went wrong after the verdict: results that could not be written. It makes the run an
    /// error over an open gate.
    pub failure: Option<Message>,
    /// What the user should know although it did not change the result.
    pub warnings: Vec<Message>,
    pub counts: Counts,
    pub scans: Vec<ScanReport>,
    /// Blocked ones first, then worst first.
    pub findings: Vec<FindingReport>,
    pub suppressions: Vec<SuppressionReport>,
    /// Entries under the policy's `scanners` that no scan went by.
    pub idle_scanners: Vec<IdleScanner>,
    pub uploads: Vec<UploadReport>,
    /// What GitHub's limits left no room for, in uploads.
    pub dropped: Vec<Dropped>,
    /// Databases that the scanners looked things up in.
    pub databases: Vec<DatabaseReport>,
    pub timings: Vec<Timing>,
    /// Alerts of this ref on GitHub, once something was uploaded.
    pub alerts_url: Option<String>,
    /// SARIF files as uploaded, relative to the workspace.
    pub sarif: Vec<String>,
    /// This file, relative to the workspace.
    pub report: String,
}

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CommitReport {
    /// `owner/name`.
    pub repository: String,
    /// The workspace's HEAD.
    pub sha: String,
    /// `GITHUB_REF`.
    pub git_ref: Option<String>,
    pub event: String,
    /// The page of this run.
    pub run_url: String,
}

/// Where the policy came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PolicyReport {
    /// None: there is none, the inputs decide.
    pub file: Option<String>,
    /// The commit that it was read at; none: the workspace.
    pub commit: Option<String>,
    /// How the event calls that commit, such as `pull_request.base.sha`.
    pub commit_is: Option<String>,
    /// What the proposed version would change, after merge.
    pub changes: Vec<Change>,
}

/// One scan: one tool over one target.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ScanReport {
    /// `trivy-fs`, `trivy-image`, `bandit` or `sarif`.
    pub source: String,
    pub tool: Tool,
    /// A path, an image reference, a SARIF file.
    pub target: String,
    /// Of code scanning.
    pub category: String,
    pub coverage: Coverage,
    /// Why there was nothing to do.
    pub nothing: Option<String>,
    /// Why it is not complete.
    pub gaps: Vec<Gap>,
    pub notes: Vec<String>,
    /// Comments in the tree that tell the scanner to look away; the first 1,000.
    pub inline_ignores: Vec<InlineIgnore>,
    /// How many more of them there are.
    pub inline_ignores_not_listed: u64,
    pub counts: Counts,
    pub seconds: f64,
}

/// One finding, and what the gate says about it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingReport {
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// Why, for machines.
    pub because: Because,
    pub severity: Severity,
    /// The tool's own score, 0.0 to 10.0.
    pub score: Option<f64>,
    pub kind: Kind,
    pub tool: String,
    /// The scanner is one of Slipway's own: links of imported tools are not shown in the summary.
    #[serde(skip)]
    own: bool,
    /// Of code scanning.
    pub category: String,
    pub rule: String,
    /// The rule in a few words.
    pub title: Option<String>,
    /// The rule's page.
    pub help_url: Option<String>,
    /// Other names of the rule.
    pub aliases: Vec<String>,
    /// Redacted.
    pub message: String,
    pub location: Location,
    /// The line on GitHub; none at a desk and in images.
    pub url: Option<String>,
    pub package: Option<Package>,
    /// `primaryLocationLineHash`: what a suppression by `fingerprint` names.
    pub fingerprint: String,
}

/// A suppression of the policy, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SuppressionReport {
    /// Line of the policy, from 1.
    pub line: u32,
    /// What it covers, as the policy says it.
    pub covers: String,
    pub owner: String,
    pub reason: String,
    /// The last day on which it is in force (UTC).
    #[schemars(extend("format" = "date"))]
    pub expires: String,
    pub standing: Standing,
    /// Findings that it covers, in force or not.
    pub matched: u64,
    /// It covers nothing although every scan saw everything.
    pub unused: bool,
}

/// One upload to code scanning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct UploadReport {
    pub category: String,
    pub status: Status,
    pub weight: Weight,
    /// Why, in a sentence.
    pub reason: String,
    /// GitHub's id of the upload.
    pub sarif_id: Option<String>,
    /// The analyses in the API.
    pub analyses_url: Option<String>,
    /// What went wrong.
    pub failure: Option<Message>,
}

/// Something that a limit of GitHub's left no room for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Dropped {
    pub category: String,
    /// What, how many and by which limit: one sentence.
    pub what: String,
}

/// A database that a scanner looked things up in. Times are RFC 3339, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DatabaseReport {
    /// Such as `Trivy vulnerability database`.
    pub name: String,
    /// Of its format.
    pub version: u32,
    /// When its content was put together.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// When its publisher means to have a newer one.
    #[schemars(extend("format" = "date-time"))]
    pub next_update: String,
    /// When it was downloaded, in this run or an earlier one; null: not known.
    pub downloaded_at: Option<String>,
    /// The entry of input `database` that it came from; null: Trivy's own repository, or it lay in
    /// `cache-directory`.
    pub repository: Option<String>,
    /// How old its content was when the run began, in whole hours.
    pub age_hours: u64,
}

/// How long a part of the run took.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Timing {
    pub step: String,
    pub seconds: f64,
}

/// The JSON schema of the file.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Report)
}

impl Report {
    /// The file's text.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        // Plain values under string keys: this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    fn blocked(&self) -> impl Iterator<Item = &FindingReport> {
        self.findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Blocked)
    }
}
