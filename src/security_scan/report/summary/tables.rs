//! The tables: counts, uploads, suppressions, what a policy would change, timings.

use super::super::{Counts, Report, UploadReport, Weight, words};
use super::{CELL, ROWS, message, name, section, titled};
use crate::outcome::Message;
use crate::runner::markdown::{code, prose, text};
use crate::runner::summary::Section;
use crate::security_scan::plan::Standing;
use crate::security_scan::severity::Severity;
use crate::text::cut;

pub(super) fn counts(report: &Report) -> Section {
    let mut body = vec!["### Counts\n\n| scan |".to_owned()];
    for severity in Severity::ALL {
        body.push(format!(" {} |", severity.name()));
    }
    body.push(
        " blocking | suppressed | state |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n".to_owned(),
    );
    for scan in report.scans.iter().take(ROWS) {
        let state = match &scan.nothing {
            Some(sought) => format!("nothing to do: {}", text(sought)),
            None => words::coverage(scan.coverage).to_owned(),
        };
        body.push(counts_row(&name(scan), &scan.counts, &state));
    }
    body.push(counts_row("**all**", &report.counts, ""));
    section("Counts", &body)
}

fn counts_row(name: &str, counts: &Counts, state: &str) -> String {
    let mut row = vec![format!("| {name} |")];
    for severity in Severity::ALL {
        row.push(format!(" {} |", counts.of(severity)));
    }
    row.push(format!(
        " {} | {} | {state} |\n",
        counts.blocking, counts.suppressed
    ));
    row.concat()
}

pub(super) fn uploads(report: &Report) -> Option<Section> {
    (!report.uploads.is_empty()).then(|| {
        let mut body =
            vec!["### Code scanning\n\n| category | status | why |\n|---|---|---|\n".to_owned()];
        for upload in &report.uploads {
            body.push(format!(
                "| {} | {} {} | {} |\n",
                code(&upload.category),
                sign(upload.weight),
                text(&upload.status.to_string()),
                prose(&upload.reason)
            ));
        }
        for failure in distinct_failures(&report.uploads) {
            body.push(format!(
                "\n**{}**\n{}",
                text(&failure.title),
                message(failure)
            ));
        }
        section("Code scanning", &body)
    })
}

/// What stopped one upload often stops all: each failure once.
fn distinct_failures(uploads: &[UploadReport]) -> Vec<&Message> {
    let mut distinct: Vec<&Message> = Vec::new();
    for failure in uploads.iter().filter_map(|upload| upload.failure.as_ref()) {
        let known = distinct.iter().any(|known| {
            (&known.title, &known.next, &known.paste)
                == (&failure.title, &failure.next, &failure.paste)
        });
        if !known {
            distinct.push(failure);
        }
    }
    distinct
}

const fn sign(weight: Weight) -> &'static str {
    match weight {
        Weight::Fine => "✅",
        Weight::Warning => "⚠️",
        Weight::Error => "❌",
    }
}

pub(super) fn suppressions(report: &Report) -> Option<Section> {
    let file = report.policy.file.as_deref()?;
    let mut rows: Vec<_> = report
        .suppressions
        .iter()
        .map(|one| {
            let (rank, state) = match (one.standing, one.unused) {
                (Standing::Expired, false) => (0, "❌ expired"),
                (Standing::Expired, true) => (1, "⚠️ expired, covers nothing"),
                (Standing::Expiring, false) => (2, "⚠️ ends soon"),
                (_, true) => (3, "covers nothing"),
                (Standing::InForce, false) => (4, "in force"),
            };
            let row = format!(
                "| {} | {} | {} | {} | {state} | {} | {} |\n",
                code(&format!("{file}:{}", one.line)),
                text(&one.covers),
                text(&one.owner),
                text(&one.expires),
                one.matched,
                text(&cut(&one.reason, CELL)),
            );
            (rank, row)
        })
        .collect();
    rows.sort_by_key(|(rank, _)| *rank);
    let more = rows.len().saturating_sub(ROWS);
    let mut body: Vec<_> = rows.into_iter().take(ROWS).map(|(_, row)| row).collect();
    if !body.is_empty() {
        body.insert(
            0,
            "\n| policy | covers | owner | last day | state | findings | reason |\n\
             |---|---|---|---|---|--:|---|\n"
                .to_owned(),
        );
    }
    if more > 0 {
        body.push(format!("\n{more} more in {}.\n", code(&report.report)));
    }
    for idle in &report.idle_scanners {
        body.push(format!(
            "\n{}: nothing in this run is called {}.\n",
            code(&format!("{file}:{}", idle.line)),
            code(&idle.name)
        ));
    }
    titled("Suppressions", body)
}

pub(super) fn changes(report: &Report) -> Option<Section> {
    let changes = &report.policy.changes;
    (!changes.is_empty()).then(|| {
        let mut body = vec![String::from(
            "### Policy: takes effect after merge\n\nThis change edits the policy. It was judged \
             by the policy of its base.\n\n| line | entry | now | after merge |\n|--:|---|---|---|\n",
        )];
        let cell = |value: &Option<String>| match value.as_deref() {
            None => "–".to_owned(),
            Some("") => "listed".to_owned(),
            Some(value) => text(&cut(value, CELL)),
        };
        for change in changes.iter().take(ROWS) {
            body.push(format!(
                "| {} | {} | {} | {} |\n",
                change.line.map_or_else(String::new, |line| line.to_string()),
                text(&cut(&change.entry, CELL)),
                cell(&change.from),
                cell(&change.to)
            ));
        }
        let more = changes.len().saturating_sub(ROWS);
        if more > 0 {
            body.push(format!("\n{more} more in {}.\n", code(&report.report)));
        }
        section("Policy changes", &body)
    })
}

pub(super) fn timings(report: &Report) -> Section {
    let mut body = vec!["### Timings\n\n| | took |\n|---|--:|\n".to_owned()];
    let scans = report.scans.iter().map(|scan| (name(scan), scan.seconds));
    let steps = report.timings.iter();
    let steps = steps.map(|timing| (text(&timing.step), timing.seconds));
    for (what, seconds) in scans.take(ROWS).chain(steps) {
        body.push(format!("| {what} | {} |\n", words::seconds(seconds)));
    }
    body.push(format!(
        "| **all** | {} |\n",
        words::seconds(report.seconds)
    ));
    for database in &report.databases {
        body.push(format!("\n{}.\n", text(&words::database(database))));
    }
    body.push(format!(
        "\nSlipway {} · report {}\n",
        text(&report.slipway),
        code(&report.report)
    ));
    section("Timings", &body)
}
