//! What was found: what closes the gate first, the rest folded away.

use super::super::{FindingReport, Report, words};
use super::{CELL, titled};
use crate::runner::markdown::{code, link, text};
use crate::runner::summary::Section;
use crate::security_scan::plan::{Because, Verdict};
use crate::security_scan::severity::Severity;
use crate::text::cut;

/// Rows of the first table of blocking findings: what a person reads.
const FIRST: usize = 50;
/// Rows of the folded table behind it: about a third of GitHub's 1 MiB at the most.
const MORE: usize = 450;
/// Rows of findings that don't close the gate.
const OTHERS: usize = 200;

pub(super) fn blocking(report: &Report) -> Option<Section> {
    let rows: Vec<_> = report.blocked().take(FIRST).map(row).collect();
    let more = report.blocked().count() - rows.len();
    let mut body = vec![format!("\n{}", table(&rows)?)];
    if more > 0 {
        body.push(format!(
            "\n{} more {} listed below, as far as there is room, and all are in {}.\n",
            more,
            if more == 1 { "is" } else { "are" },
            code(&report.report)
        ));
    }
    titled("Blocking findings", body)
}

pub(super) fn more_blocking(report: &Report) -> Option<Section> {
    let rows: Vec<_> = report.blocked().skip(FIRST).take(MORE).map(row).collect();
    let table = table(&rows)?;
    let body = format!(
        "\n<details><summary>{} more</summary>\n\n{table}\n</details>\n",
        rows.len()
    );
    titled("More blocking findings", vec![body])
}

/// What was judged and let through, suppressed ones included.
pub(super) fn others(report: &Report) -> Option<Section> {
    let allowed = || {
        let findings = report.findings.iter();
        findings.filter(|finding| finding.verdict == Verdict::Allowed)
    };
    let rows: Vec<_> = allowed().take(OTHERS).map(row).collect();
    let table = table(&rows)?;
    let (all, more) = (allowed().count(), allowed().count() - rows.len());
    let mut body = vec![format!(
        "\n<details><summary>{}</summary>\n\n{table}\n</details>\n",
        words::count(all as u64, "finding")
    )];
    if more > 0 {
        body.push(format!("\n{more} more in {}.\n", code(&report.report)));
    }
    titled("Findings that don't close the gate", body)
}

fn table(rows: &[String]) -> Option<String> {
    (!rows.is_empty()).then(|| {
        format!(
            "| severity | finding | where | fixed in | why |\n|---|---|---|---|---|\n{}",
            rows.concat()
        )
    })
}

fn row(finding: &FindingReport) -> String {
    let rule = code(&finding.rule);
    let rule = match &finding.help_url {
        Some(url) if finding.own => link(&rule, url),
        _ => rule,
    };
    let place = code(&words::place(&finding.location));
    let place = match &finding.url {
        Some(url) => link(&place, url),
        None => place,
    };
    let (package, fixed) = match words::package(finding) {
        Some((package, fixed)) => (
            format!("{} ", code(&package)),
            fixed.map_or_else(|| "no fix".to_owned(), |fixed| code(&cut(fixed, CELL))),
        ),
        None => (String::new(), "–".to_owned()),
    };
    format!(
        "| {} | {rule} {package}{} | {place} | {fixed} | {} |\n",
        severity(finding.severity),
        text(&words::headline(finding, CELL)),
        text(&cut(why(finding), 2 * CELL)),
    )
}

/// The reason, without what the row says already.
fn why(finding: &FindingReport) -> &str {
    match finding.because {
        Because::ReachesThreshold { .. } | Because::BelowThreshold { .. } => finding
            .reason
            .strip_prefix("severity ")
            .and_then(|rest| rest.strip_prefix(finding.severity.name()))
            .map_or(&finding.reason, str::trim_start),
        _ => &finding.reason,
    }
}

fn severity(severity: Severity) -> String {
    let sign = match severity {
        Severity::Critical => "🟣",
        Severity::High => "🔴",
        Severity::Medium => "🟠",
        Severity::Low => "🟡",
        Severity::Unknown => "⚪",
    };
    format!("{sign} {}", severity.name())
}
