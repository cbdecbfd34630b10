//! What later steps can use. The only place that names and documents the outputs: `action.yml`
//! and the README come from [`Outputs`], and it is what is written.

use serde::Serialize;

/// All outputs but `result`, which is written with the exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Outputs {
    /// Path of `report.json`, relative to the workspace.
    pub report: String,
    /// Paths of the SARIF files as they are uploaded, relative to the workspace, one a line.
    pub sarif: Vec<String>,
    /// Number of findings, suppressed ones included.
    pub findings: u64,
    /// Number of findings that close the gate.
    pub blocking: u64,
    /// Number of findings that a line of the policy suppresses.
    pub suppressed: u64,
    /// Number of findings of severity `critical`.
    pub critical: u64,
    /// Number of findings of severity `high`.
    pub high: u64,
    /// Number of findings of severity `medium`.
    pub medium: u64,
    /// Number of findings of severity `low`.
    pub low: u64,
    /// Number of findings whose tool gives no severity.
    pub unknown: u64,
    /// Address of the code scanning alerts of this ref; empty if nothing was uploaded.
    pub alerts_url: String,
    /// Ids of the uploads to code scanning, one a line; empty if nothing was uploaded.
    pub sarif_ids: Vec<String>,
}

impl Outputs {
    /// Their names, as `action.yml` declares them besides `result`.
    pub const NAMES: [&str; 12] = [
        "report",
        "sarif",
        "findings",
        "blocking",
        "suppressed",
        "critical",
        "high",
        "medium",
        "low",
        "unknown",
        "alerts-url",
        "sarif-ids",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_name() {
        let fields = serde_json::to_value(Outputs::default()).unwrap();
        let fields: std::collections::BTreeSet<_> = fields.as_object().unwrap().keys().collect();
        assert_eq!(fields.len(), Outputs::NAMES.len());
        assert!(
            Outputs::NAMES
                .iter()
                .all(|name| fields.contains(&(*name).to_owned()))
        );
    }
}
