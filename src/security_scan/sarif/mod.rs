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
    use crate::security_scan::finding::Finding;
    use crate::security_scan::scan::{Scan, Source, State, Tool};
    use crate::security_scan::testing;

    /// A complete scan of an imported tool.
    pub(super) fn scan(findings: Vec<Finding>) -> Scan {
        let source = Source::Sarif("Test".to_owned());
        Scan {
            target: "test.sarif".to_owned(),
            category: "slipway/sarif/test/".to_owned(),
            tool: Tool {
                name: "Test".to_owned(),
                version: None,
                information_uri: None,
            },
            duration: std::time::Duration::ZERO,
            ..testing::scan(source, State::Complete, findings)
        }
    }
}
