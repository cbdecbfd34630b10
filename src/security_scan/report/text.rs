//! The result at a desk, and in the runner's log: what closes the gate first.
//!
//! Plain text; the console cleans it for the terminal or the runner.

use super::{FindingReport, Report, Status, Weight, words};
use crate::outcome::Message;
use crate::security_scan::plan::{Because, Coverage, Standing};
use crate::security_scan::severity::Severity;
use crate::text::cut;
use crate::text::sentence;

/// How many blocking findings are listed; the rest is in the report file.
const MOST: usize = 50;
/// A line of a terminal is about this wide.
const WIDE: usize = 100;

/// The text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut lines = vec![format!(
        "security-scan {}: {}",
        report.result.name(),
        report.verdict
    )];
    blocking(&mut lines, report);
    unseen(&mut lines, report);
    table(&mut lines, report);
    uploads(&mut lines, report);
    policy(&mut lines, report);
    for warning in &report.warnings {
        lines.extend([String::new(), format!("warning: {}", warning.title)]);
        message(&mut lines, warning);
    }
    lines.push(String::new());
    let took = words::seconds(report.seconds);
    lines.push(match report.failure {
        None => format!("{} in {took}", report.report),
        Some(_) => format!("done in {took}"),
    });
    lines.join("\n") + "\n"
}

fn message(lines: &mut Vec<String>, message: &Message) {
    if !message.what.is_empty() {
        lines.extend(indented(&sentence(&message.what)));
    }
    for (label, part) in [("Cause", &message.cause), ("Next", &message.next)] {
        let part = part.iter();
        lines.extend(part.flat_map(|part| indented(&format!("{label}: {}", sentence(part)))));
    }
    if let Some(paste) = &message.paste {
        lines.push(String::new());
        lines.extend(paste.trim_end().lines().map(|line| format!("    {line}")));
    }
}

fn indented(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("  {line}")).collect()
}

/// A heading and what belongs under it, one blank line before.
fn section(lines: &mut Vec<String>, heading: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.extend([String::new(), heading.to_owned()]);
        lines.extend(body);
    }
}

fn blocking(lines: &mut Vec<String>, report: &Report) {
    let blocked: Vec<_> = report.blocked().collect();
    let mut body = Vec::new();
    for finding in blocked.iter().take(MOST) {
        body.push(headline(finding));
        body.push(format!(
            "            {}",
            words::headline(finding, WIDE - 12)
        ));
        // Plain thresholds are told once, by the verdict and the report.
        if !matches!(finding.because, Because::ReachesThreshold { .. }) {
            body.push(format!("            {}", finding.reason));
        }
    }
    if blocked.len() > MOST {
        body.push(format!(
            "  and {} more in {}",
            blocked.len() - MOST,
            report.report
        ));
    }
    section(lines, "blocking", body);
}

fn headline(finding: &FindingReport) -> String {
    let package = match words::package(finding) {
        Some((package, Some(fixed))) => format!("  {package}, fixed in {fixed}"),
        Some((package, None)) => format!("  {package}, no fix"),
        None => String::new(),
    };
    format!(
        "  {:<8}  {}  {}{package}",
        finding.severity.name(),
        words::place(&finding.location),
        finding.rule
    )
}

fn unseen(lines: &mut Vec<String>, report: &Report) {
    let mut body = Vec::new();
    for scan in &report.scans {
        for gap in &scan.gaps {
            let accepted = match scan.coverage {
                Coverage::IncompleteAccepted { .. } => " (accepted)",
                _ => "",
            };
            body.push(format!(
                "  {} {}{accepted}: {}",
                scan.tool.name, scan.target, gap.what
            ));
            body.extend(
                gap.next
                    .iter()
                    .flat_map(|next| next.lines())
                    .map(|line| format!("      {line}")),
            );
        }
    }
    section(lines, "not seen", body);
}

fn table(lines: &mut Vec<String>, report: &Report) {
    if report.scans.is_empty() {
        return;
    }
    let names: Vec<_> = report
        .scans
        .iter()
        .map(|scan| cut(&format!("{} {}", words::tool(scan), scan.target), 48))
        .collect();
    let wide = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut heading = vec![format!("  {:<wide$}", "")];
    for severity in Severity::ALL {
        heading.push(format!("  {:>8}", severity.name()));
    }
    heading.push("  blocking        took".to_owned());
    let mut body = Vec::new();
    for (name, scan) in names.iter().zip(&report.scans) {
        let mut row = vec![format!("  {name:<wide$}")];
        for severity in Severity::ALL {
            row.push(format!("  {:>8}", scan.counts.of(severity)));
        }
        row.push(format!(
            "  {:>8}  {:>10}",
            scan.counts.blocking,
            words::seconds(scan.seconds)
        ));
        if scan.coverage != Coverage::Complete {
            row.push(format!("  {}", words::coverage(scan.coverage)));
        }
        body.push(row.concat());
        body.extend(scan.notes.iter().map(|note| format!("      {note}")));
        if scan.inline_ignores_not_listed > 0 {
            body.push(format!("      {}", words::ignores(scan)));
        }
    }
    let databases = report.databases.iter();
    body.extend(databases.map(|one| format!("  {}", words::database(one))));
    section(lines, &heading.concat(), body);
}

fn uploads(lines: &mut Vec<String>, report: &Report) {
    let mut body = Vec::new();
    // At a desk there is nothing to upload to.
    for upload in report.uploads.iter().filter(|it| it.status != Status::Off) {
        body.push(format!(
            "  {}  {}: {}",
            upload.category, upload.status, upload.reason
        ));
        if let Some(failure) = upload
            .failure
            .as_ref()
            .filter(|_| upload.weight != Weight::Fine)
        {
            let mut rest = failure.clone();
            if rest.what == upload.reason {
                rest.what.clear();
            }
            message(&mut body, &rest);
        }
    }
    body.extend(
        report
            .dropped
            .iter()
            .map(|dropped| format!("  {}  {}", dropped.category, dropped.what)),
    );
    body.extend(report.alerts_url.iter().map(|url| format!("  {url}")));
    section(lines, "code scanning", body);
}

fn policy(lines: &mut Vec<String>, report: &Report) {
    let Some(file) = &report.policy.file else {
        return;
    };
    let mut body: Vec<_> = report
        .suppressions
        .iter()
        .filter_map(|one| {
            let state = match (one.standing, one.unused) {
                (Standing::Expired, _) => "expired after",
                (_, true) => "covers nothing, until",
                (Standing::Expiring, false) => "ends after",
                (Standing::InForce, false) => return None,
            };
            Some(format!(
                "  {file}:{}  {} {state} {} ({})",
                one.line, one.covers, one.expires, one.owner
            ))
        })
        .collect();
    body.extend(report.idle_scanners.iter().map(|idle| {
        format!(
            "  {file}:{}  nothing in this run is called {}",
            idle.line, idle.name
        )
    }));
    if report.counts.suppressed > 0 {
        body.push(format!(
            "  {} suppressed",
            words::count(report.counts.suppressed, "finding")
        ));
    }
    section(lines, "policy", body);
}
