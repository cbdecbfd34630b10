//! What was not seen, and what else there is to know.

use super::super::{Report, words};
use super::{ROWS, message, name, titled};
use crate::runner::markdown::{code, fence, prose, text};
use crate::runner::summary::Section;
use crate::security_scan::plan::Coverage;
use crate::text::sentence;

pub(super) fn gaps(report: &Report) -> Option<Section> {
    let mut body = Vec::new();
    for scan in report.scans.iter().filter(|scan| !scan.gaps.is_empty()) {
        let accepted = match scan.coverage {
            Coverage::IncompleteAccepted { .. } => " (accepted by `on-incomplete: warn`)",
            _ => "",
        };
        body.push(format!("\n**{}**{accepted}\n\n", name(scan)));
        for gap in scan.gaps.iter().take(ROWS) {
            body.push(format!("- {}\n", text(&sentence(&gap.what))));
            if let Some(next) = &gap.next {
                body.push(next_step(next));
            }
        }
        let more = scan.gaps.len().saturating_sub(ROWS);
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

/// Beneath a list entry. What is there to be pasted stands behind `run: `, or takes several lines.
fn next_step(next: &str) -> String {
    let (prose_of, paste) = match next.trim().split_once("run: ") {
        Some((before, command)) => (before.trim_end().trim_end_matches(';'), command),
        None if next.trim().contains('\n') => ("", next),
        None => (next.trim(), ""),
    };
    let mut step = Vec::new();
    if !prose_of.is_empty() {
        step.push(format!("  {}\n", prose(&sentence(prose_of))));
    }
    if !paste.is_empty() {
        step.push("\n".to_owned());
        step.extend(fence("", paste).lines().map(|line| format!("  {line}\n")));
    }
    step.concat()
}

pub(super) fn warnings(report: &Report) -> Option<Section> {
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

pub(super) fn notes(report: &Report) -> Option<Section> {
    let mut body = Vec::new();
    for scan in &report.scans {
        let ignores = scan.inline_ignores.len() as u64 + scan.inline_ignores_not_listed;
        let comments = (ignores > 0).then(|| {
            let places: Vec<_> = scan
                .inline_ignores
                .iter()
                .take(10)
                .map(|one| code(&format!("{}:{}", one.path, one.line)))
                .collect();
            format!(
                "- {}: {}{}\n",
                words::ignores(scan),
                places.join(", "),
                if ignores > places.len() as u64 {
                    ", …"
                } else {
                    ""
                }
            )
        });
        let notes: Vec<_> = scan
            .notes
            .iter()
            .take(ROWS)
            .map(|note| format!("- {}\n", text(note)))
            .chain(comments)
            .collect();
        if !notes.is_empty() {
            body.push(format!("\n**{}**\n\n{}", name(scan), notes.concat()));
        }
    }
    titled("Notes", body)
}
