//! The action's outputs.

use super::Report;

/// Name and value of each, in the order of the documentation. Lists have one entry a line.
#[must_use]
pub fn outputs(report: &Report) -> Vec<(&'static str, String)> {
    let counts = &report.counts;
    let ids: Vec<&str> = report
        .uploads
        .iter()
        .filter_map(|upload| upload.sarif_id.as_deref())
        .collect();
    vec![
        ("result", report.result.name().to_owned()),
        ("report", report.report.clone()),
        ("sarif", report.sarif.join("\n")),
        ("findings", counts.findings.to_string()),
        ("blocking", counts.blocking.to_string()),
        ("suppressed", counts.suppressed.to_string()),
        ("critical", counts.critical.to_string()),
        ("high", counts.high.to_string()),
        ("medium", counts.medium.to_string()),
        ("low", counts.low.to_string()),
        ("unknown", counts.unknown.to_string()),
        ("alerts-url", report.alerts_url.clone().unwrap_or_default()),
        ("sarif-ids", ids.join("\n")),
    ]
}
