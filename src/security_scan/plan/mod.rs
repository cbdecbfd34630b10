//! What the scans mean: pure functions from findings, policy and inputs to a judgement with a
//! reason for every entry.

mod because;
mod gate;
mod settle;

use serde::Serialize;

pub use self::because::{Because, Verdict};
pub use self::gate::{INLINE_IGNORE, Settings, judge};
pub use self::settle::settle;
use super::policy::By;
use super::severity::Severity;
use crate::outcome::Outcome;

/// What the gate decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// One for every finding, and where inline ignores are refused for each that is listed and for
    /// all others together; in the order of the scans, findings first.
    pub decisions: Vec<Decision>,
    /// One for every scan, in their order.
    pub scans: Vec<ScanVerdict>,
    /// One for every suppression of the policy, in their order.
    pub suppressions: Vec<SuppressionUse>,
    /// Entries under the policy's `scanners` that no scan went by.
    pub idle_scanners: Vec<IdleScanner>,
    pub counts: Counts,
    /// [`Outcome::Passed`], [`Outcome::Failed`] or [`Outcome::Incomplete`].
    pub outcome: Outcome,
}

/// The verdict on one thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Index into the scans.
    pub scan: usize,
    pub item: Item,
    pub because: Because,
}

/// What is decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Index into the scan's `findings`.
    Finding(usize),
    /// Index into the scan's `inline_ignores`; only where the policy refuses them. Counted as a
    /// finding of unknown severity, for what it hides is unknown.
    InlineIgnore(usize),
    /// All inline ignores that the scan does not list; only where the policy refuses them. Counted
    /// as one finding of unknown severity.
    UnlistedIgnores,
}

impl Decision {
    #[must_use]
    pub const fn blocked(&self) -> bool {
        matches!(self.because.verdict(), Verdict::Blocked)
    }
}

/// What the state of one scan means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanVerdict {
    pub coverage: Coverage,
    pub counts: Counts,
}

/// How much a scan saw, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Coverage {
    /// All that it was asked to see.
    Complete,
    /// There is nothing of the scanner's kind here.
    NothingToDo,
    /// Not everything, and `on-incomplete: warn` accepts that.
    IncompleteAccepted { by: By },
    /// Not everything: without a blocking finding the run ends `incomplete`.
    IncompleteRefused { by: By },
}

/// How many. The severities add up to `findings`; suppressed and allowed ones are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Counts {
    pub findings: u64,
    /// Findings that close the gate.
    pub blocking: u64,
    /// Findings that a suppression in force covers.
    pub suppressed: u64,
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub unknown: u64,
}

impl Counts {
    #[must_use]
    pub const fn of(&self, severity: Severity) -> u64 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Unknown => self.unknown,
        }
    }

    fn add(&mut self, severity: Severity, because: &Because) {
        self.findings += 1;
        self.blocking += u64::from(because.verdict() == Verdict::Blocked);
        self.suppressed += u64::from(matches!(because, Because::Suppressed { .. }));
        *match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// What a suppression did in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuppressionUse {
    /// Findings that it covers, whether or not it is still in force.
    pub matched: u64,
    pub standing: Standing,
    /// It covers nothing, and every scan saw everything: it can go. (What a scan did not see, it
    /// may cover.)
    pub unused: bool,
}

/// Whether a suppression is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    InForce,
    /// In force, its last day at most 14 days ahead.
    Expiring,
    Expired,
}

/// An entry under the policy's `scanners` that no scan went by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct IdleScanner {
    pub name: String,
    /// Line of the policy, from 1.
    pub line: u32,
}
