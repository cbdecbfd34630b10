//! Small phrases that summary, annotations and text share. Plain text: each escapes for its place.

use super::{DatabaseReport, FindingReport, Report, ScanReport};
use crate::outcome::Outcome;
use crate::security_scan::finding::Location;
use crate::security_scan::plan::Coverage;
use crate::text::cut;

/// `1 finding`, `2 findings`.
pub(in crate::security_scan) fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// The one sentence of the run.
pub(super) fn verdict(report: &Report) -> String {
    let counts = &report.counts;
    let number = |matching: fn(&Coverage) -> bool| {
        let matching = report.scans.iter().filter(|scan| matching(&scan.coverage));
        matching.count() as u64
    };
    let refused = number(|one| matches!(one, Coverage::IncompleteRefused { .. }));
    let accepted = number(|one| matches!(one, Coverage::IncompleteAccepted { .. }));
    let scans = count(report.scans.len() as u64, "scan");
    let unseen = match (refused, accepted) {
        (0, 0) => String::new(),
        (0, accepted) => format!(" {accepted} of {scans} did not see everything (accepted)."),
        (refused, accepted) => {
            format!(" {} of {scans} did not see everything.", refused + accepted)
        }
    };
    let found = match counts.findings {
        0 => "No findings.".to_owned(),
        findings => format!("{}; the gate stays open.", count(findings, "finding")),
    };
    let none_blocks = match counts.findings {
        0 => "No findings.".to_owned(),
        findings => format!("{}, none blocking.", count(findings, "finding")),
    };
    match (report.result, &report.failure) {
        (Outcome::Failed, _) => format!(
            "{} of {} {} the gate.{unseen}",
            counts.blocking,
            count(counts.findings, "finding"),
            if counts.blocking == 1 {
                "closes"
            } else {
                "close"
            }
        ),
        (Outcome::Incomplete, _) if report.scans.is_empty() => "Nothing was scanned.".to_owned(),
        (Outcome::Incomplete, _) => format!(
            "Not enough evidence:{unseen} {}",
            match counts.findings {
                0 => "No findings so far.".to_owned(),
                findings => format!("{} so far, none blocking.", count(findings, "finding")),
            }
        ),
        (Outcome::Passed, _) => {
            let idle = match number(|one| *one == Coverage::NothingToDo) {
                0 => String::new(),
                idle => format!(" {idle} of {scans} had nothing to do."),
            };
            format!("{found}{unseen}{idle}")
        }
        (_, Some(_)) => {
            format!("The gate is open, but not every result could be written. {none_blocks}")
        }
        (_, None) => format!("The gate is open, but not every upload succeeded. {none_blocks}"),
    }
}

/// `a/b.py:3`.
pub(super) fn place(location: &Location) -> String {
    match location.region {
        Some(region) => format!("{}:{}", location.path, region.start_line),
        None => location.path.clone(),
    }
}

/// `requests 2.19.0`, and the version that has the fix.
pub(super) fn package(finding: &FindingReport) -> Option<(String, Option<&str>)> {
    let package = finding.package.as_ref()?;
    let name = format!("{} {}", package.name, package.version);
    let fixed = package
        .fixed
        .as_deref()
        .filter(|text| !text.trim().is_empty());
    Some((name.trim().to_owned(), fixed))
}

/// The finding in one line: the rule's title, else the first line of the message.
pub(super) fn headline(finding: &FindingReport, longest: usize) -> String {
    let text = finding
        .title
        .as_deref()
        .filter(|title| !title.trim().is_empty() && *title != finding.rule)
        .unwrap_or(&finding.message);
    cut(text.lines().next().unwrap_or_default().trim(), longest)
}

/// `412 ms`, `3.2 s`, `2 min 5 s`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!(
            "{:.0} min {:.0} s",
            (seconds / 60.0).floor(),
            (seconds % 60.0).floor()
        )
    }
}

/// `Trivy vulnerability database, 4 hours old (of 2026-06-15T06:00:00Z), from mirror.example/db`.
pub(super) fn database(database: &DatabaseReport) -> String {
    let from = database.repository.as_ref();
    let from = from.map_or_else(String::new, |name| format!(", from {name}"));
    format!(
        "{}, {} old (of {}){from}",
        database.name,
        age(database.age_hours),
        database.updated_at
    )
}

/// `less than an hour`, `4 hours`, `30 days`.
pub(super) fn age(hours: u64) -> String {
    match hours {
        0 => "less than an hour".to_owned(),
        1..48 => count(hours, "hour"),
        _ => count(hours / 24, "day"),
    }
}

/// `1200 inline ignores in the tree, 200 of them not listed`.
pub(super) fn ignores(scan: &ScanReport) -> String {
    let more = scan.inline_ignores_not_listed;
    let all = count(scan.inline_ignores.len() as u64 + more, "inline ignore");
    match more {
        0 => format!("{all} in the tree"),
        _ => format!("{all} in the tree, {more} of them not listed"),
    }
}

/// What the state of a scan is called.
pub(super) const fn coverage(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Complete => "complete",
        Coverage::NothingToDo => "nothing to do",
        Coverage::IncompleteAccepted { .. } => "incomplete (accepted)",
        Coverage::IncompleteRefused { .. } => "incomplete",
    }
}

/// `Trivy 0.76.0`.
pub(super) fn tool(scan: &ScanReport) -> String {
    match &scan.tool.version {
        Some(version) => format!("{} {version}", scan.tool.name),
        None => scan.tool.name.clone(),
    }
}
