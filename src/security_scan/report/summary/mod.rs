//! The job summary, in order of importance: when GitHub's 1 MiB is used up, the last sections go.
//!
//! Text of findings, scanners, policies and GitHub is foreign: `runner::markdown` escapes all.

mod accept;
mod findings;
mod tables;
mod unseen;

use super::{Report, ScanReport, words};
use crate::outcome::Message;
use crate::outcome::Outcome;
use crate::runner::markdown::{code, fence, link, prose, text};
use crate::runner::summary::Section;
use crate::text::sentence;

/// Rows of every table but those of findings.
const ROWS: usize = 100;
/// Longest text in a cell, in characters.
const CELL: usize = 160;

/// The sections, the most important first.
#[must_use]
pub fn summary(report: &Report) -> Vec<Section> {
    [
        Some(head(report)),
        findings::blocking(report),
        unseen::gaps(report),
        unseen::warnings(report),
        Some(tables::counts(report)),
        tables::uploads(report),
        tables::suppressions(report),
        tables::changes(report),
        accept::entries(report),
        findings::more_blocking(report),
        findings::others(report),
        unseen::notes(report),
        Some(tables::timings(report)),
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
        body.push(format!(
            "\n**{}**\n{}",
            text(&failure.title),
            message(failure)
        ));
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
    facts.extend(report.databases.first().map(|database| {
        let age = words::age(database.age_hours);
        format!("{} {age} old", text(&database.name))
    }));
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
    let mut body = vec![format!("\n{}\n", prose(&sentence(&message.what)))];
    for (label, part) in [("Cause", &message.cause), ("Next", &message.next)] {
        if let Some(part) = part {
            body.push(format!("\n**{label}:** {}\n", prose(&sentence(part))));
        }
    }
    if let Some(paste) = &message.paste {
        body.push(format!("\n{}", fence("", paste)));
    }
    body.concat()
}

fn name(scan: &ScanReport) -> String {
    format!("{} {}", text(&words::tool(scan)), code(&scan.target))
}
