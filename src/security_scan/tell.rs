//! Turns what was seen, decided and done into report file, summary, annotations, outputs.

use super::apply::Done;
use super::observe::Seen;
use super::outputs::Outputs;
use super::plan::Judgement;
use super::report::{self, Checkout, Report, Run, UploadReport, words};
use super::setting::Setting;
use super::upload::result::UploadResult;
use crate::outcome::{Failure, Message, Outcome, Result};
use crate::runner::context::Context;

/// Writes the report and says how the run ended. What cannot be written is told where it still can
/// be, and changes the result as [`Outcome::conclude`] says.
pub(super) fn tell(
    setting: &Setting<'_>,
    seen: &Seen,
    judgement: &Judgement,
    done: Done,
) -> Outcome {
    let session = setting.session;
    let mut unwritten = done.unwritten;
    let failure = together(&unwritten);
    let mut run = Run {
        inputs: setting.inputs,
        started: setting.started,
        duration: setting.began.elapsed(),
        checkout: session.context.as_ref().map(|it| checkout(it, setting)),
        policy: &seen.policy.policy,
        origin: &seen.origin,
        changes: seen.policy.proposed.clone(),
        scans: &seen.scans,
        judgement,
        failure: failure.as_ref(),
        warnings: seen.warnings.iter().map(Message::from).collect(),
        uploads: done.uploads.into_iter().map(uploaded).collect(),
        dropped: done.dropped,
        databases: &seen.databases,
        timings: seen.timings.iter().cloned().chain(done.timings).collect(),
        sarif: done.sarif,
        report: setting.results.report(),
    };
    let mut report = report::build(&run);
    let mut outputs = Outputs::from(&report);
    let failure;
    if let Err(missing) = setting.results.write_report(&report) {
        unwritten.push(missing);
        failure = together(&unwritten);
        run.failure = failure.as_ref();
        report = report::build(&run);
        outputs.report.clear();
    }
    for section in report::summary(&report) {
        session.summary.add(section.title, section.body);
    }
    // At a desk the result itself says all that; what is missing of it is an error of its own.
    if session.console.in_runner() {
        session.console.annotate_all(report::annotations(&report));
        if let Some(verdict) = report::verdict(&report) {
            session.console.annotate(verdict);
        }
    } else if let Some(failure) = together(&unwritten) {
        session.console.failure(&failure);
    }
    let text = report::text(&report);
    let told = [
        session.outputs(&Outputs::NAMES, &outputs),
        session.console.result(&text, || report.json()),
    ];
    let failures = told.into_iter().filter_map(Result::err);
    report.result.conclude(failures.map(|failure| {
        session.fail(&failure);
        failure.outcome
    }))
}

/// What keeps one file from being written mostly keeps all.
fn together(unwritten: &[Failure]) -> Option<Failure> {
    let (first, more) = unwritten.split_first()?;
    let mut failure = first.clone();
    "Results not written".clone_into(&mut failure.title);
    if !more.is_empty() {
        failure.what = format!(
            "{} {} could not be written either.",
            first.what,
            words::count(more.len() as u64, "other file")
        );
    }
    let next = "See to it that nothing else writes to output-directory, and that there is space.";
    failure.next.get_or_insert_with(|| next.to_owned());
    Some(failure)
}

fn checkout(context: &Context, setting: &Setting<'_>) -> Checkout {
    Checkout {
        server_url: context.server_url.as_str().trim_end_matches('/').to_owned(),
        repository: context.repository.to_string(),
        sha: setting
            .head
            .clone()
            .unwrap_or_else(|| context.sha.to_string()),
        git_ref: context.git_ref.clone(),
        event: context.event_name.clone(),
        run_url: context.run_url(),
    }
}

fn uploaded(upload: UploadResult) -> UploadReport {
    UploadReport {
        category: upload.category,
        status: upload.status,
        weight: upload.weight,
        reason: upload.reason,
        sarif_id: upload.sarif_id,
        analyses_url: upload.analyses_url,
        failure: upload.failure.as_ref().map(Message::from),
    }
}

impl From<&Report> for Outputs {
    fn from(report: &Report) -> Self {
        let counts = &report.counts;
        let ids = report.uploads.iter().filter_map(|it| it.sarif_id.clone());
        Self {
            report: report.report.clone(),
            sarif: report.sarif.clone(),
            findings: counts.findings,
            blocking: counts.blocking,
            suppressed: counts.suppressed,
            critical: counts.critical,
            high: counts.high,
            medium: counts.medium,
            low: counts.low,
            unknown: counts.unknown,
            alerts_url: report.alerts_url.clone().unwrap_or_default(),
            sarif_ids: ids.collect(),
        }
    }
}
