//! One severity scale for every tool.

use serde::{Deserialize, Serialize};

/// How bad a finding is. Ordered: `Unknown` is below `Low`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The tool does not say. Blocks at `low` and `any`, and is always counted.
    Unknown,
    /// `security-severity` 0.1 to 3.9.
    Low,
    /// `security-severity` 4.0 to 6.9.
    Medium,
    /// `security-severity` 7.0 to 8.9.
    High,
    /// `security-severity` above 9.0.
    Critical,
}

impl Severity {
    /// Worst first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Unknown,
    ];

    /// As written in inputs, outputs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Unknown => "unknown",
        }
    }
}
