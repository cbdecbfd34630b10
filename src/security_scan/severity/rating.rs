//! What each tool says of severity, on our scale.
//!
//! | tool | says | read as |
//! |---|---|---|
//! | Trivy | `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `UNKNOWN` | the same; the score is its CVSS |
//! | Bandit | severity `HIGH`, `MEDIUM`, `LOW`, `UNDEFINED` | the same; confidence places the score within the band: `HIGH` 8.8, 6.8, 3.8, `MEDIUM` 8.0, 5.5, 2.0, `LOW` 7.0, 4.0, 0.5 |
//! | gitleaks, other finders of secrets | nothing | high: whoever reads the file can use it |
//! | ruff | `error` for everything | rules `S…` as Bandit's test of that number; others low, because they are about style and correctness |
//! | ESLint, Hadolint | how strictly the rule is meant to be kept, not how dangerous breaking it is | error medium, anything else low |
//! | zizmor | property `zizmor/severity`: `High`, `Medium`, `Low`, `Informational`, `Unknown` | the same; informational low |
//! | Semgrep | `CRITICAL`, `ERROR`/`HIGH`, `WARNING`/`MEDIUM`, `INFO`/`LOW`: levels in SARIF, or the rule's `security-severity` | as any tool |
//! | CodeQL | the query's `security-severity`, else `problem.severity` as level | as any tool |
//! | any tool | `security-severity` from 0.1 to 10.0, of the result or its rule | its band |
//! | | else the level: error, warning, note, none | high, medium, low, unknown |
//! | | no level: that of the rule's default configuration, else SARIF's own default | warning: medium |
//!
//! Sources: Trivy `pkg/report/sarif.go`; Bandit's tests and `docs/source/plugins`; ruff's
//! `S` rules are a port of Bandit (<https://docs.astral.sh/ruff/rules/#flake8-bandit-s>);
//! <https://eslint.org/docs/latest/use/configure/rules>; Hadolint's README;
//! <https://docs.zizmor.sh/usage/#sarif>; SARIF 2.1.0 §3.27.10.

use super::Severity;

/// A severity, and a score where there is more to say than its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    pub severity: Severity,
    /// 0.0 to 10.0.
    pub score: Option<f64>,
}

impl From<Severity> for Rating {
    fn from(severity: Severity) -> Self {
        Self {
            severity,
            score: None,
        }
    }
}

/// What a SARIF result, its rule and its run say of its severity.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stated<'a> {
    /// `tool.driver.name`.
    pub tool: &'a str,
    /// `ruleId`.
    pub rule: &'a str,
    /// The result's level, or that of the rule's default configuration.
    pub level: Option<&'a str>,
    /// `security-severity` of the result or its rule.
    pub score: Option<f64>,
    /// The tool's own word, where its SARIF has a place for it.
    pub word: Option<&'a str>,
    /// The tool's own confidence.
    pub confidence: Option<&'a str>,
    /// The result is a credential.
    pub secret: bool,
}

/// Which table of severities a tool's results are read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Trivy,
    Bandit,
    Ruff,
    /// Levels say how strictly a rule is kept.
    Linter,
    Zizmor,
    Any,
}

impl Dialect {
    /// By `tool.driver.name`.
    #[must_use]
    pub fn of(tool: &str) -> Self {
        match tool.to_ascii_lowercase().as_str() {
            "trivy" => Self::Trivy,
            "bandit" => Self::Bandit,
            "ruff" => Self::Ruff,
            "eslint" | "hadolint" => Self::Linter,
            "zizmor" => Self::Zizmor,
            _ => Self::Any,
        }
    }
}

/// The severity of an imported result.
#[must_use]
pub fn imported(stated: &Stated<'_>) -> Rating {
    let score = stated
        .score
        .filter(|score| Severity::of_score(*score).is_some_and(|band| band != Severity::Unknown));
    let by_word = stated.word.and_then(word);
    match Dialect::of(stated.tool) {
        Dialect::Bandit => {
            if let Some(severity) = by_word {
                return bandit(severity, stated.confidence);
            }
        }
        // A rule that gives a score knows more than the linter's levels.
        Dialect::Ruff if score.is_none() => return ruff(stated.rule),
        Dialect::Linter if score.is_none() => return linter(stated.level),
        _ => {}
    }
    let by_score = score.and_then(Severity::of_score);
    let by_level = if stated.secret {
        Severity::High
    } else {
        level(stated.level)
    };
    Rating {
        severity: by_word.or(by_score).unwrap_or(by_level),
        score,
    }
}

/// A severity as Trivy, Bandit, zizmor and others spell it. None: no such word.
#[must_use]
pub fn word(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_uppercase().as_str() {
        "CRITICAL" => Severity::Critical,
        "HIGH" => Severity::High,
        "MEDIUM" | "MODERATE" => Severity::Medium,
        "LOW" | "INFORMATIONAL" | "NEGLIGIBLE" => Severity::Low,
        "UNKNOWN" | "UNDEFINED" => Severity::Unknown,
        _ => return None,
    })
}

/// Bandit's severity, its score placed by Bandit's confidence.
#[must_use]
pub fn bandit(severity: Severity, confidence: Option<&str>) -> Rating {
    let confidence = confidence.and_then(word);
    let score = match (severity, confidence) {
        (Severity::High, Some(Severity::High)) => 8.8,
        (Severity::High, Some(Severity::Low)) => 7.0,
        (Severity::Medium, Some(Severity::High)) => 6.8,
        (Severity::Medium, Some(Severity::Low)) => 4.0,
        (Severity::Low, Some(Severity::High)) => 3.8,
        (Severity::Low, Some(Severity::Low)) => 0.5,
        _ => return severity.into(),
    };
    Rating {
        severity,
        score: Some(score),
    }
}

/// ruff's rule by the Bandit test that it is a port of. Where Bandit's severity depends on the
/// code, the higher one.
fn ruff(rule: &str) -> Rating {
    let number = rule
        .strip_prefix('S')
        .and_then(|number| number.parse::<u16>().ok());
    match number {
        Some(
            103
            | 201
            | 202
            | 304
            | 312
            | 321
            | 324
            | 401
            | 402
            | 411..=413
            | 415
            | 501
            | 502
            | 505
            | 507
            | 602
            | 605
            | 609
            | 701,
        ) => Severity::High,
        Some(
            102
            | 104
            | 108
            | 113
            | 301..=303
            | 305..=308
            | 310
            | 313..=320
            | 323
            | 503
            | 506
            | 508
            | 509
            | 601
            | 604
            | 608
            | 610..=612
            | 614
            | 615
            | 702..=704,
        ) => Severity::Medium,
        // Tests that report LOW, and rules that are not about security.
        _ => Severity::Low,
    }
    .into()
}

fn linter(level: Option<&str>) -> Rating {
    match level {
        Some("error") => Severity::Medium,
        _ => Severity::Low,
    }
    .into()
}

fn level(level: Option<&str>) -> Severity {
    match level {
        Some("error") => Severity::High,
        Some("note") => Severity::Low,
        Some("none") => Severity::Unknown,
        _ => Severity::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let score = |score| Stated {
            score: Some(score),
            ..Stated::default()
        };
        let level = |tool, level| Stated {
            tool,
            level,
            ..Stated::default()
        };
        let rule = |rule| Stated {
            tool: "ruff",
            level: Some("error"),
            rule,
            ..Stated::default()
        };
        let word = |tool, word, confidence| Stated {
            tool,
            level: Some("error"),
            word: Some(word),
            confidence,
            ..Stated::default()
        };
        for (stated, severity, written) in [
            (word("Trivy", "CRITICAL", None), Severity::Critical, 9.5),
            (word("Trivy", "UNKNOWN", None), Severity::Unknown, 0.0),
            (
                Stated {
                    score: Some(9.8),
                    ..word("Trivy", "HIGH", None)
                },
                Severity::High,
                8.9,
            ),
            (
                Stated {
                    tool: "Trivy",
                    ..score(9.8)
                },
                Severity::Critical,
                9.8,
            ),
            (word("Bandit", "HIGH", Some("HIGH")), Severity::High, 8.8),
            (word("Bandit", "HIGH", Some("LOW")), Severity::High, 7.0),
            (
                word("Bandit", "MEDIUM", Some("MEDIUM")),
                Severity::Medium,
                5.5,
            ),
            (word("Bandit", "LOW", None), Severity::Low, 2.0),
            (
                word("Bandit", "UNDEFINED", Some("HIGH")),
                Severity::Unknown,
                0.0,
            ),
            (level("Bandit", None), Severity::Medium, 5.5),
            (
                Stated {
                    secret: true,
                    ..level("gitleaks", None)
                },
                Severity::High,
                8.0,
            ),
            (rule("S602"), Severity::High, 8.0),
            (rule("S301"), Severity::Medium, 5.5),
            (rule("S105"), Severity::Low, 2.0),
            (rule("E501"), Severity::Low, 2.0),
            (rule("SIM102"), Severity::Low, 2.0),
            (level("ESLint", Some("error")), Severity::Medium, 5.5),
            (level("ESLint", Some("warning")), Severity::Low, 2.0),
            (
                Stated {
                    tool: "ESLint",
                    ..score(7.5)
                },
                Severity::High,
                7.5,
            ),
            (level("Hadolint", Some("note")), Severity::Low, 2.0),
            (
                word("zizmor", "Informational", Some("High")),
                Severity::Low,
                2.0,
            ),
            (word("zizmor", "High", Some("Low")), Severity::High, 8.0),
            (level("Semgrep OSS", Some("error")), Severity::High, 8.0),
            (level("CodeQL", Some("warning")), Severity::Medium, 5.5),
            (score(9.0), Severity::Critical, 9.1),
            (score(0.0), Severity::Medium, 5.5),
            (score(11.0), Severity::Medium, 5.5),
            (level("", Some("error")), Severity::High, 8.0),
            (level("", Some("note")), Severity::Low, 2.0),
            (level("", Some("none")), Severity::Unknown, 0.0),
            (level("", None), Severity::Medium, 5.5),
        ] {
            let rating = imported(&stated);
            assert_eq!(rating.severity, severity, "{stated:?}");
            let found = severity.security_severity(rating.score);
            assert!((found - written).abs() < 1e-9, "{stated:?}: {found}");
        }
    }
}
