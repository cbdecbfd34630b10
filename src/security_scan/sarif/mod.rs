//! SARIF 2.1.0 as GitHub code scanning takes it, and as every tool writes it.
//!
//! [`read`] takes any tool's dialect in, [`redact`] keeps secrets out, [`category`] says under
//! which name a run is kept, [`claim`] gives each name to one step, [`limits`] cuts to what GitHub accepts, [`mod@write`] prints it.

pub mod category;
pub mod claim;
pub mod limits;
pub mod read;
pub mod redact;
pub mod write;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::finding::{Finding, Flows, Kind, Location, Region};
    use super::super::scan::{Scan, Source, State, Tool};
    use super::super::severity::Severity;

    /// A finding with nothing special.
    pub(super) fn finding(rule: &str, path: &str, line: Option<u32>) -> Finding {
        Finding {
            rule: rule.to_owned(),
            kind: Kind::Code,
            severity: Severity::High,
            score: None,
            message: "message".to_owned(),
            location: Location {
                path: path.to_owned(),
                region: line.map(|line| Region {
                    start_line: line,
                    start_column: 1,
                    end_line: line,
                    end_column: 2,
                }),
            },
            package: None,
            aliases: Vec::new(),
            given_fingerprint: None,
            fingerprint: String::new(),
            flows: Flows::default(),
        }
    }

    /// A complete scan of an imported tool.
    pub(super) fn scan(findings: Vec<Finding>) -> Scan {
        Scan {
            source: Source::Sarif("Test".to_owned()),
            target: "test.sarif".to_owned(),
            category: "slipway/sarif/test/".to_owned(),
            tool: Tool {
                name: "Test".to_owned(),
                version: None,
                information_uri: None,
            },
            state: State::Complete,
            rules: BTreeMap::new(),
            findings,
            notes: Vec::new(),
            inline_ignores: Vec::new(),
            duration: std::time::Duration::ZERO,
        }
    }
}
