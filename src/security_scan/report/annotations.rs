//! What the runner shows beside files and on the run's page: worst first within each level. The
//! runner keeps ten of a level; `runner::annotations` chooses and counts the rest.

use super::{FindingReport, Report, Status, Weight, words};
use crate::outcome::Message;
use crate::outcome::Outcome;
use crate::runner::annotations::{Annotation, Level, Place};
use crate::security_scan::plan::{Because, Coverage, Standing, Verdict};
use crate::security_scan::scan::Gap;
use crate::security_scan::severity::Severity;
use crate::text::sentence;

/// The run's own error, for which the runner's room is kept back: why it did not pass. None if it
/// passed, or if a [`crate::outcome::Failure`] says so already.
#[must_use]
pub fn verdict(report: &Report) -> Option<Annotation> {
    let title = match report.result {
        Outcome::Failed => "Gate closed",
        Outcome::Incomplete => "Not enough evidence",
        Outcome::Passed | Outcome::Invalid | Outcome::Error | Outcome::Busy => return None,
    };
    let message = format!("{}\nAll findings: {}", report.verdict, report.report);
    Some(Annotation::new(Level::Error, title, message))
}

/// All others: first what concerns the run as a whole, then the findings.
#[must_use]
pub fn annotations(report: &Report) -> Vec<Annotation> {
    let failure = report.failure.iter();
    let failure = failure.map(|one| Annotation::new(Level::Error, &one.title, message_text(one)));
    let mut all: Vec<_> = failure.collect();
    all.extend(report.scans.iter().flat_map(|scan| {
        let level = match scan.coverage {
            Coverage::IncompleteRefused { .. } => Level::Error,
            _ => Level::Warning,
        };
        scan.gaps.iter().map(move |gap| {
            let title = format!("{} {} incomplete", scan.tool.name, scan.target);
            Annotation::new(level, title, gap_text(gap))
        })
    }));
    // What an incomplete scan lacks is said above.
    let uploads = report.uploads.iter();
    let uploads = uploads.filter(|upload| upload.status != Status::Incomplete);
    all.extend(uploads.filter_map(|upload| {
        let level = match upload.weight {
            Weight::Fine => return None,
            Weight::Warning => Level::Warning,
            Weight::Error => Level::Error,
        };
        let title = format!("{} not uploaded: {}", upload.category, upload.status);
        let text = upload.failure.as_ref().map(message_text);
        Some(Annotation::new(
            level,
            title,
            text.unwrap_or_else(|| upload.reason.clone()),
        ))
    }));
    all.extend(report.dropped.iter().map(|dropped| {
        let title = format!("{} trimmed for GitHub", dropped.category);
        Annotation::new(Level::Warning, title, &dropped.what)
    }));
    all.extend(
        report
            .warnings
            .iter()
            .map(|warning| Annotation::new(Level::Warning, &warning.title, message_text(warning))),
    );
    all.extend(policy(report));
    all.extend(report.findings.iter().filter_map(finding));
    all
}

fn finding(finding: &FindingReport) -> Option<Annotation> {
    let level = match (finding.verdict, finding.severity) {
        (Verdict::Blocked, _) => Level::Error,
        // Accepted by name: no reason to disturb anyone.
        (Verdict::Allowed, _) if suppressed(finding) => return None,
        (Verdict::Allowed, Severity::Low | Severity::Unknown) => Level::Notice,
        (Verdict::Allowed, _) => Level::Warning,
    };
    let mut title = format!("{} {}", finding.severity.name(), finding.rule);
    let mut message = finding.message.trim().to_owned();
    if let Some((package, fixed)) = words::package(finding) {
        title = format!("{title} in {package}");
        // Trivy's message says so already.
        let fix = fixed.map_or_else(|| "no fix".to_owned(), |fixed| format!("fixed in {fixed}"));
        if !message.contains(&fix) {
            message = format!("{message}\n{}", sentence(&fix));
        }
    }
    message = format!("{message}\n{}", finding.reason);
    let annotation = Annotation::new(level, title, message);
    // Only what has a page on GitHub is a file of the tree.
    Some(if finding.url.is_some() {
        annotation.at(place(finding))
    } else {
        annotation
    })
}

fn place(finding: &FindingReport) -> Place {
    let region = finding.location.region;
    // An empty region stands for the whole line.
    let columns = region.filter(|region| {
        region.end_line > region.start_line || region.end_column > region.start_column
    });
    Place {
        file: finding.location.path.clone(),
        line: region.map(|region| region.start_line),
        end_line: region.map(|region| region.end_line),
        column: columns.map(|region| region.start_column),
        end_column: columns.map(|region| region.end_column),
    }
}

fn suppressed(finding: &FindingReport) -> bool {
    matches!(finding.because, Because::Suppressed { .. })
}

/// Suppressions that ran out, run out or cover nothing; names of scanners that nothing goes by.
fn policy(report: &Report) -> Vec<Annotation> {
    let file = report.policy.file.as_deref().unwrap_or_default();
    // The lines of a policy that was read elsewhere are not those of the workspace's file.
    let at = |annotation: Annotation, line: u32| match report.policy.commit {
        None => annotation.at(Place {
            file: file.to_owned(),
            line: Some(line),
            ..Place::default()
        }),
        Some(_) => annotation,
    };
    let suppressions = report.suppressions.iter().filter_map(|one| {
        let (level, title, verb) = match (one.standing, one.unused) {
            (Standing::Expired, false) => (Level::Warning, "Suppression expired", "ran out after"),
            (Standing::Expired, true) => (
                Level::Warning,
                "Suppression expired and not needed",
                "covers nothing and ran out after",
            ),
            (_, true) => (
                Level::Notice,
                "Suppression not needed",
                "covers nothing in this run and ends after",
            ),
            (Standing::Expiring, false) => (Level::Notice, "Suppression ends soon", "ends after"),
            (Standing::InForce, false) => return None,
        };
        let message = format!(
            "{file}:{} ({}) {verb} {}. Owner: {}.",
            one.line, one.covers, one.expires, one.owner
        );
        Some(at(Annotation::new(level, title, message), one.line))
    });
    let idle = report.idle_scanners.iter().map(|idle| {
        let message = format!(
            "{file}:{}: nothing in this run is called {}.",
            idle.line, idle.name
        );
        let annotation = Annotation::new(Level::Notice, "Policy for a scanner not run", message);
        at(annotation, idle.line)
    });
    suppressions.chain(idle).collect()
}

fn gap_text(gap: &Gap) -> String {
    match &gap.next {
        Some(next) => format!("{}\nNext: {next}", sentence(&gap.what)),
        None => sentence(&gap.what),
    }
}

fn message_text(message: &Message) -> String {
    let mut text = sentence(&message.what);
    for (label, part) in [("Cause: ", &message.cause), ("Next: ", &message.next)] {
        if let Some(part) = part {
            text.extend(["\n", label, &sentence(part)]);
        }
    }
    if let Some(paste) = &message.paste {
        text.extend(["\n\n", paste.trim_end()]);
    }
    text
}
