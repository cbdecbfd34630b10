//! One severity scale for every tool.
//!
//! The tool's own severity decides the gate. What GitHub shows is the rule's `security-severity`,
//! a number: the tool's own score where it gives one, moved into the band of the tool's own
//! severity, else the band's typical score.
//!
//! | severity | `security-severity` | typical | SARIF level |
//! |---|---|---|---|
//! | critical | 9.1 to 10.0 | 9.5 | error |
//! | high | 7.0 to 8.9 | 8.0 | error |
//! | medium | 4.0 to 6.9 | 5.5 | warning |
//! | low | 0.1 to 3.9 | 2.0 | note |
//! | unknown | 0.0 | 0.0 | warning |
//!
//! The bands are GitHub's
//! (<https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning#reportingdescriptor-object>),
//! which says nothing of exactly 9.0 and takes 0.0 for "no security severity". The typical scores
//! are Trivy's (`pkg/report/sarif.go`). How each tool's words are read is in [`rating`].

pub mod rating;

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

    /// The band that a score is in, as CVSS v3.1 draws it (§5: 9.0 is critical, 0.0 none).
    /// None: not a number from 0.0 to 10.0.
    #[must_use]
    pub fn of_score(score: f64) -> Option<Self> {
        (0.0..=10.0).contains(&score).then_some(match score {
            9.0.. => Self::Critical,
            7.0.. => Self::High,
            4.0.. => Self::Medium,
            0.05.. => Self::Low,
            _ => Self::Unknown,
        })
    }

    /// Lowest, typical and highest `security-severity` that is written for it.
    const fn band(self) -> (f64, f64, f64) {
        match self {
            Self::Critical => (9.1, 9.5, 10.0),
            Self::High => (7.0, 8.0, 8.9),
            Self::Medium => (4.0, 5.5, 6.9),
            Self::Low => (0.1, 2.0, 3.9),
            Self::Unknown => (0.0, 0.0, 0.0),
        }
    }

    /// What is written as `security-severity`: the tool's score within this severity's band, or
    /// the band's typical score.
    #[must_use]
    pub fn security_severity(self, score: Option<f64>) -> f64 {
        let (lowest, typical, highest) = self.band();
        score
            .filter(|score| score.is_finite())
            .map_or(typical, |score| score.clamp(lowest, highest))
    }

    /// `level` of a SARIF result (SARIF 2.1.0 §3.27.10).
    #[must_use]
    pub const fn level(self) -> &'static str {
        match self {
            Self::Critical | Self::High => "error",
            Self::Medium | Self::Unknown => "warning",
            Self::Low => "note",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scores_fall_into_bands() {
        for (score, severity) in [
            (-0.1, None),
            (0.0, Some(Severity::Unknown)),
            (0.1, Some(Severity::Low)),
            (3.9, Some(Severity::Low)),
            (3.95, Some(Severity::Low)),
            (4.0, Some(Severity::Medium)),
            (6.9, Some(Severity::Medium)),
            (7.0, Some(Severity::High)),
            (8.9, Some(Severity::High)),
            (9.0, Some(Severity::Critical)),
            (10.0, Some(Severity::Critical)),
            (10.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Severity::of_score(score), severity, "{score}");
        }
    }

    #[test]
    fn a_score_never_leaves_the_band_of_the_severity() {
        for (severity, score, written) in [
            (Severity::Critical, Some(9.0), 9.1),
            (Severity::Critical, None, 9.5),
            (Severity::High, Some(9.8), 8.9),
            (Severity::High, Some(2.0), 7.0),
            (Severity::Medium, Some(5.3), 5.3),
            (Severity::Low, Some(f64::NAN), 2.0),
            (Severity::Low, Some(0.0), 0.1),
            (Severity::Unknown, Some(9.8), 0.0),
        ] {
            let found = severity.security_severity(score);
            assert!(
                (found - written).abs() < 1e-9,
                "{severity:?} {score:?} {found}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(score in prop::option::of(any::<f64>())) {
            for severity in Severity::ALL {
                let written = severity.security_severity(score);
                prop_assert_eq!(Severity::of_score(written), Some(severity));
                prop_assert!((written - 9.0).abs() > 0.05);
            }
        }
    }
}
