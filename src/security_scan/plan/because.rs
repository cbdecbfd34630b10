//! Why the gate lets a finding through or not: one plain sentence, with the line it rests on.

use jiff::civil::Date;
use serde::Serialize;

use crate::security_scan::inputs::FailOn;
use crate::security_scan::policy::By;
use crate::security_scan::severity::Severity;

/// The gate's word on one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Blocked,
    Allowed,
}

/// The reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Because {
    /// Blocked: as bad as `fail-on`, or worse.
    ReachesThreshold {
        severity: Severity,
        fail_on: FailOn,
        by: By,
    },
    /// Blocked: it reaches the threshold, and the suppression that covers it has run out.
    SuppressionExpired {
        /// Line of the policy, from 1.
        line: u32,
        owner: String,
        /// The last day on which it was in force.
        #[schemars(with = "String", extend("format" = "date"))]
        expired: Date,
        severity: Severity,
        fail_on: FailOn,
        by: By,
    },
    /// Blocked: a comment in the tree hides something, and the policy refuses such comments.
    InlineIgnoreRefused {
        /// Line of the policy, from 1.
        line: u32,
    },
    /// Blocked: the tree holds more such comments than are listed, and the policy refuses them. No
    /// suppression covers these.
    UnlistedIgnoresRefused {
        /// Line of the policy, from 1.
        line: u32,
        /// How many are not listed.
        unlisted: u64,
    },
    /// Allowed: accepted by the policy.
    Suppressed {
        /// Line of the policy, from 1.
        line: u32,
        owner: String,
        reason: String,
        /// The last day on which it is in force.
        #[schemars(with = "String", extend("format" = "date"))]
        until: Date,
    },
    /// Allowed: `fail-on: never`.
    NothingBlocks { by: By },
    /// Allowed: less bad than `fail-on`.
    BelowThreshold {
        severity: Severity,
        fail_on: FailOn,
        by: By,
    },
    /// Allowed: no version without the vulnerability exists, and `only-fixable` is set.
    NotFixable { by: By },
}

impl Because {
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::ReachesThreshold { .. }
            | Self::SuppressionExpired { .. }
            | Self::InlineIgnoreRefused { .. }
            | Self::UnlistedIgnoresRefused { .. } => Verdict::Blocked,
            Self::Suppressed { .. }
            | Self::NothingBlocks { .. }
            | Self::BelowThreshold { .. }
            | Self::NotFixable { .. } => Verdict::Allowed,
        }
    }

    /// One sentence without a full stop; `file` is the policy's name. Holds text of the policy
    /// (owner, reason), not yet escaped for any output.
    #[must_use]
    pub fn sentence(&self, file: &str) -> String {
        match self {
            Self::ReachesThreshold {
                severity,
                fail_on,
                by,
            } => format!(
                "severity {} reaches fail-on: {} ({})",
                severity.name(),
                fail_on.name(),
                place(*by, file)
            ),
            Self::SuppressionExpired {
                line,
                owner,
                expired,
                severity,
                fail_on,
                by,
            } => format!(
                "the suppression at {file}:{line} (owner {owner}) expired after {expired}, and \
                 severity {} reaches fail-on: {} ({})",
                severity.name(),
                fail_on.name(),
                place(*by, file)
            ),
            Self::InlineIgnoreRefused { line } => format!(
                "inline ignores are refused by {file}:{line}; suppress what it hides in the policy"
            ),
            Self::UnlistedIgnoresRefused { line, unlisted } => format!(
                "inline ignores are refused by {file}:{line}, and {unlisted} are too many to be \
                 listed: no suppression covers them; remove comments, or leave their folders out \
                 (exclude)"
            ),
            Self::Suppressed {
                line,
                owner,
                reason,
                until,
            } => format!("suppressed by {file}:{line} until {until} ({owner}): {reason}"),
            Self::NothingBlocks { by } => format!("fail-on: never ({})", place(*by, file)),
            Self::BelowThreshold {
                severity,
                fail_on,
                by,
            } => format!(
                "severity {} is below fail-on: {} ({})",
                severity.name(),
                fail_on.name(),
                place(*by, file)
            ),
            Self::NotFixable { by } => {
                format!(
                    "no fixed version; only-fixable: true ({})",
                    place(*by, file)
                )
            }
        }
    }
}

fn place(by: By, file: &str) -> String {
    match by {
        By::Input => "input".to_owned(),
        By::PolicyLine(line) => format!("{file}:{line}"),
    }
}
