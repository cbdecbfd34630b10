//! The job summary, in order of importance: when GitHub's 1 MiB is used up, the last sections go.
//!
//! Text of findings, scanners, policies and GitHub is foreign: `runner::markdown` escapes all.

use super::{FindingReport, Message, Report, ScanReport, UploadReport, Weight, words};
use crate::outcome::Outcome;
use crate::runner::markdown::{code, fence, link, text};
use crate::runner::summary::Section;
use crate::security_scan::plan::{Coverage, Standing};
use crate::security_scan::severity::Severity;

/// Rows of the first table of blocking findings: what a person reads.
const FIRST_ROWS: usize = 50;
/// Rows of the folded table behind it: about a third of GitHub's 1 MiB at the most.
const MORE_ROWS: usize = 450;
/// Rows of every other table.
const OTHER_ROWS: usize = 100;
/// Longest text in a cell, in characters.
const CELL: usize = 160;

/// The sections, the most important first.
#[must_use]
pub fn summary(report: &Report) -> Vec<Section> {
    [
        Some(head(report)),
        blocking(report),
        unseen(report),
        warnings(report),
        Some(counts(report)),
        uploads(report),
        suppressions(report),
        changes(report),
        more_blocking(report),
        notes(report),
        Some(timings(report)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn section(title: &str, body: &[String]) -> Section {
    Section {
        title: title.to_owned(),
        body: body.concat(),
    }
}

/// None without a body.
fn titled(title: &str, mut body: Vec<String>) -> Option<Section> {
    (!body.is_empty()).then(|| {
        body.insert(0, format!("### {title}\n"));
        section(title, &body)
    })
}

fn head(report: &Report) -> Section {
    let unseen = report.scans.iter().any(|scan| !scan.gaps.is_empty());
    let (sign, title) = match report.result {
        Outcome::Passed if unseen => ("⚠️", "Gate open, but not everything was seen"),
        Outcome::Passed => ("✅", "Gate open"),
        Outcome::Failed => ("❌", "Gate closed"),
        Outcome::Incomplete => ("⚠️", "Not enough evidence"),
        Outcome::Invalid => ("❌", "Wrong configuration"),
        Outcome::Error | Outcome::Busy => ("❌", "Error"),
    };
    let mut body = vec![format!(
        "## {sign} security-scan: {title}\n\n**{}**\n",
        text(&report.verdict)
    )];
    if let Some(failure) = &report.failure {
        body.push(message(failure));
    }
    let mut facts = vec![format!(
        "result {} (exit {})",
        code(report.result.name()),
        report.exit_code
    )];
    facts.push(match (&report.policy.file, &report.policy.commit) {
        (Some(file), Some(commit)) => format!(
            "policy {} at {} ({})",
            code(file),
            code(commit.get(..12).unwrap_or(commit)),
            code(report.policy.commit_is.as_deref().unwrap_or("base"))
        ),
        (Some(file), None) => format!("policy {}", code(file)),
        (None, _) => format!(
            "no policy, input {}",
            code(&format!("fail-on: {}", report.inputs.fail_on.name()))
        ),
    });
    if let Some(alerts) = &report.alerts_url {
        facts.push(link("open alerts", alerts));
    }
    if report.inputs.dry_run {
        facts.push("dry run: nothing was uploaded".to_owned());
    }
    body.push(format!("\n{}\n", facts.join(" · ")));
    section("Verdict", &body)
}

/// A message with its cause, next step and what to paste.
fn message(message: &Message) -> String {
    let mut body = vec![format!("\n{}\n", text(&message.what))];
    for (label, part) in [("Cause", &message.cause), ("Next", &message.next)] {
        if let Some(part) = part {
            body.push(format!("\n**{label}:** {}\n", text(part)));
        }
    }
    if let Some(paste) = &message.paste {
        body.push(format!("\n{}", fence("", paste)));
    }
    body.concat()
}

fn blocking(report: &Report) -> Option<Section> {
    let rows: Vec<_> = report.blocked().take(FIRST_ROWS).map(row).collect();
    let more = report.blocked().count() - rows.len();
    let mut body = vec![format!("\n{}", findings_table(&rows)?)];
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

fn more_blocking(report: &Report) -> Option<Section> {
    let rows: Vec<_> = report
        .blocked()
        .skip(FIRST_ROWS)
        .take(MORE_ROWS)
        .map(row)
        .collect();
    let table = findings_table(&rows)?;
    let body = format!(
        "\n<details><summary>{} more</summary>\n\n{table}\n</details>\n",
        rows.len()
    );
    titled("More blocking findings", vec![body])
}

fn findings_table(rows: &[String]) -> Option<String> {
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
            fixed.map_or_else(
                || "no fix".to_owned(),
                |fixed| code(&words::cut(fixed, CELL)),
            ),
        ),
        None => (String::new(), "–".to_owned()),
    };
    format!(
        "| {} | {rule} {package}{} | {place} | {fixed} | {} |\n",
        severity(finding.severity),
        text(&words::headline(finding, CELL)),
        text(&words::cut(&finding.reason, 2 * CELL)),
    )
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

fn unseen(report: &Report) -> Option<Section> {
    let mut body = Vec::new();
    for scan in report.scans.iter().filter(|scan| !scan.gaps.is_empty()) {
        let accepted = match scan.coverage {
            Coverage::IncompleteAccepted { .. } => " (accepted by `on-incomplete: warn`)",
            _ => "",
        };
        body.push(format!("\n**{}**{accepted}\n\n", name(scan)));
        for gap in scan.gaps.iter().take(OTHER_ROWS) {
            body.push(format!("- {}\n", text(&gap.what)));
            if let Some(next) = &gap.next {
                body.push(next_step(next));
            }
        }
        let more = scan.gaps.len().saturating_sub(OTHER_ROWS);
        if more > 0 {
            body.push(format!("- {more} more in {}\n", code(&report.report)));
        }
    }
    if !body.is_empty() {
        let why =
            "\nUnknown is not clean. Such a scan is not uploaded: the last analysis stands.\n";
        body.insert(0, why.to_owned());
    }
    titled("Not scanned", body)
}

/// Beneath a list entry: one line reads on, several are there to be pasted.
fn next_step(next: &str) -> String {
    if next.trim_end().contains('\n') {
        let block: Vec<_> = fence("", next)
            .lines()
            .map(|line| format!("  {line}\n"))
            .collect();
        format!("\n{}", block.concat())
    } else {
        format!("  {}\n", code(next.trim()))
    }
}

fn warnings(report: &Report) -> Option<Section> {
    let dropped: String = report
        .dropped
        .iter()
        .map(|dropped| format!("- {}: {}\n", code(&dropped.category), text(&dropped.what)))
        .collect::<Vec<_>>()
        .concat();
    let mut body = Vec::new();
    if !dropped.is_empty() {
        body.push(format!(
            "\n**GitHub's limits left no room for**\n\n{dropped}"
        ));
    }
    for warning in &report.warnings {
        body.push(format!(
            "\n**{}**\n{}",
            text(&warning.title),
            message(warning)
        ));
    }
    titled("Warnings", body)
}

fn name(scan: &ScanReport) -> String {
    format!("{} {}", text(&words::tool(scan)), code(&scan.target))
}

fn counts(report: &Report) -> Section {
    let mut body = vec!["### Counts\n\n| scan |".to_owned()];
    for severity in Severity::ALL {
        body.push(format!(" {} |", severity.name()));
    }
    body.push(
        " blocking | suppressed | state |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n".to_owned(),
    );
    for scan in report.scans.iter().take(OTHER_ROWS) {
        let state = match &scan.nothing {
            Some(sought) => format!("nothing to do: {}", text(sought)),
            None => words::coverage(scan.coverage).to_owned(),
        };
        body.push(counts_row(&name(scan), &scan.counts, &state));
    }
    body.push(counts_row("**all**", &report.counts, ""));
    section("Counts", &body)
}

fn counts_row(name: &str, counts: &super::Counts, state: &str) -> String {
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

fn uploads(report: &Report) -> Option<Section> {
    (!report.uploads.is_empty()).then(|| {
        let mut body =
            vec!["### Code scanning\n\n| category | status | why |\n|---|---|---|\n".to_owned()];
        for upload in &report.uploads {
            body.push(format!(
                "| {} | {} {} | {} |\n",
                code(&upload.category),
                sign(upload.weight),
                text(&upload.status),
                text(&upload.reason)
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

fn suppressions(report: &Report) -> Option<Section> {
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
                text(&words::cut(&one.reason, CELL)),
            );
            (rank, row)
        })
        .collect();
    rows.sort_by_key(|(rank, _)| *rank);
    let more = rows.len().saturating_sub(OTHER_ROWS);
    let mut body: Vec<_> = rows
        .into_iter()
        .take(OTHER_ROWS)
        .map(|(_, row)| row)
        .collect();
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

fn changes(report: &Report) -> Option<Section> {
    let changes = &report.policy.changes;
    (!changes.is_empty()).then(|| {
        let mut body = vec![String::from(
            "### Policy: takes effect after merge\n\nThis change edits the policy. It was judged \
             by the policy of its base.\n\n| line | entry | now | after merge |\n|--:|---|---|---|\n",
        )];
        let cell = |value: &Option<String>| match value.as_deref() {
            None => "–".to_owned(),
            Some("") => "listed".to_owned(),
            Some(value) => text(&words::cut(value, CELL)),
        };
        for change in changes.iter().take(OTHER_ROWS) {
            body.push(format!(
                "| {} | {} | {} | {} |\n",
                change.line.map_or_else(String::new, |line| line.to_string()),
                text(&words::cut(&change.entry, CELL)),
                cell(&change.from),
                cell(&change.to)
            ));
        }
        let more = changes.len().saturating_sub(OTHER_ROWS);
        if more > 0 {
            body.push(format!("\n{more} more in {}.\n", code(&report.report)));
        }
        section("Policy changes", &body)
    })
}

fn notes(report: &Report) -> Option<Section> {
    let mut body = Vec::new();
    for scan in &report.scans {
        let ignores = scan.inline_ignores.len();
        let comments = (ignores > 0).then(|| {
            let places: Vec<_> = scan
                .inline_ignores
                .iter()
                .take(10)
                .map(|one| code(&format!("{}:{}", one.path, one.line)))
                .collect();
            format!(
                "- {} in the tree: {}{}\n",
                words::count(ignores as u64, "inline ignore"),
                places.join(", "),
                if ignores > places.len() { ", …" } else { "" }
            )
        });
        let notes: Vec<_> = scan
            .notes
            .iter()
            .take(OTHER_ROWS)
            .map(|note| format!("- {}\n", text(note)))
            .chain(comments)
            .collect();
        if !notes.is_empty() {
            body.push(format!("\n**{}**\n\n{}", name(scan), notes.concat()));
        }
    }
    titled("Notes", body)
}

fn timings(report: &Report) -> Section {
    let mut body = vec!["### Timings\n\n| | took |\n|---|--:|\n".to_owned()];
    let scans = report.scans.iter().map(|scan| (name(scan), scan.seconds));
    let steps = report.timings.iter();
    let steps = steps.map(|timing| (text(&timing.step), timing.seconds));
    for (what, seconds) in scans.take(OTHER_ROWS).chain(steps) {
        body.push(format!("| {what} | {} |\n", words::seconds(seconds)));
    }
    body.push(format!(
        "| **all** | {} |\n",
        words::seconds(report.seconds)
    ));
    for database in &report.databases {
        let age = database.age_hours.map_or_else(
            || ", age not known".to_owned(),
            |hours| format!(", {} old", words::count(hours, "hour")),
        );
        let digest = database
            .digest
            .as_ref()
            .map_or_else(String::new, |digest| format!(" {}", code(digest)));
        body.push(format!("\n{}{digest}{age}.\n", text(&database.name)));
    }
    body.push(format!(
        "\nSlipway {} · report {}\n",
        text(&report.slipway),
        code(&report.report)
    ));
    section("Timings", &body)
}
