//! Entries for the policy's `suppressions`, to paste and complete.

use serde_json::Value;

use super::super::{FindingReport, Report};
use super::titled;
use crate::runner::markdown::fence;
use crate::runner::summary::Section;
use crate::security_scan::plan::Because;
use crate::text::cut;

/// Accepting is for a few; many want a threshold or a scanner of their own.
const MOST: usize = 10;

/// Whoever accepts a finding should not have to look up how it is called.
pub(super) fn entries(report: &Report) -> Option<Section> {
    let mut entries: Vec<String> = Vec::new();
    for finding in report.blocked() {
        // One that has run out is there already, and these nothing covers.
        let in_vain = matches!(
            finding.because,
            Because::SuppressionExpired { .. } | Because::UnlistedIgnoresRefused { .. }
        );
        let entry = entry(finding);
        if !in_vain && !entries.contains(&entry) {
            entries.push(entry);
        }
        if entries.len() == MOST {
            break;
        }
    }
    if entries.is_empty() {
        return None;
    }
    let file = &report.inputs.policy;
    let yaml = format!("suppressions:\n{}", entries.concat());
    let body = format!(
        "\n<details><summary>Entries for the policy, to complete by an owner, a reason and a last \
         day</summary>\n\n{}\n</details>\n",
        fence("yaml", &format!("# {}\n{yaml}", cut(file, 200)))
    );
    titled("Accept a finding", vec![body])
}

/// A package by its name, whatever its version; anything else by its file and line.
fn entry(finding: &FindingReport) -> String {
    let purl = finding.package.as_ref();
    let purl = purl.and_then(|package| package.purl.as_deref());
    let rule = ("rule", finding.rule.clone());
    let mut keys = vec![rule];
    if let Some(purl) = purl {
        keys.push(("purl", versionless(purl).to_owned()));
    } else {
        // A pattern, in which names such as `[id]` would mean something else.
        keys.push(("path", globset::escape(&finding.location.path)));
        // What a line says; the gate's own findings have none.
        if !finding.fingerprint.is_empty() {
            keys.push(("fingerprint", finding.fingerprint.clone()));
        }
    }
    // JSON's strings are YAML's.
    let lines = keys.into_iter();
    let lines: Vec<_> = lines
        .map(|(key, value)| format!("{key}: {}", Value::String(value)))
        .collect();
    format!(
        "  - {}\n    owner:\n    reason:\n    expires:\n",
        lines.join("\n    ")
    )
}

/// Without version, qualifiers and subpath.
fn versionless(purl: &str) -> &str {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    match purl[..end].rsplit_once('@') {
        Some((name, version)) if !version.contains('/') && !name.ends_with('/') => name,
        _ => &purl[..end],
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::security_scan::plan::{Settings, judge};
    use crate::security_scan::policy::Policy;
    use crate::security_scan::report::tests::{inputs, small};
    use crate::security_scan::scan::{Source, State};
    use crate::security_scan::severity::Severity;
    use crate::security_scan::testing::{scan, vulnerability as finding};

    #[test]
    fn a_completed_entry_accepts_its_finding() {
        let mut packaged = finding(Severity::High);
        packaged.package.as_mut().unwrap().purl = Some("pkg:npm/%40a/b@1.2?x=y#z".into());
        let mut plain = finding(Severity::High);
        plain.package = None;
        plain.rule = "yes: \"it's\" #1".into();
        plain.location.path = "app/[id]/{a}*?.ts".into();
        let scans = [scan(
            Source::TrivyFs,
            State::Complete,
            vec![packaged, plain],
        )];
        let report = small(&scans, &[], None, vec![]);
        let body = entries(&report).unwrap().body;
        let yaml = body.split("```").nth(1).unwrap();
        assert!(
            yaml.contains("fingerprint: \"39fa2ee980eb94b0:1\""),
            "{yaml}"
        );
        let filled = yaml
            .trim_start_matches("yaml\n")
            .replace("owner:", "owner: ann")
            .replace("reason:", "reason: r")
            .replace("expires:", "expires: 2026-07-01");
        let text = format!("version: 1\n{filled}");
        let today = date(2026, 6, 15);
        let policy = Policy::parse(text.as_bytes(), "p.yml", today).unwrap();
        let judgement = judge(&scans, &policy, &Settings::from(&inputs(&[])), today);
        assert_eq!(
            (judgement.counts.blocking, judgement.counts.suppressed),
            (0, 2)
        );
    }
}
