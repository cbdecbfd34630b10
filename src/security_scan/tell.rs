//! Turns what was seen, decided and done into report file, summary, annotations, outputs.

use super::apply::{Done, below};
use super::observe::Seen;
use super::outputs::Outputs;
use super::plan::Judgement;
use super::report::{self, Checkout, Message, Report, Run, UploadReport, Weight};
use super::setting::Setting;
use super::upload::result::{self, UploadResult};
use crate::outcome::{Failure, Outcome, Result};
use crate::runner::context::Context;

/// Writes the report and says how the run ended.
///
/// # Errors
/// Error: report, outputs or the result cannot be written.
pub(super) fn tell(
    setting: &Setting<'_>,
    seen: &Seen,
    judgement: &Judgement,
    done: Done,
) -> Result<Outcome> {
    let session = setting.session;
    let path = below(&setting.results, "report.json")?;
    let report = report::build(&Run {
        inputs: setting.inputs,
        started: setting.started,
        duration: elapsed(setting),
        checkout: session.context.as_ref().map(|it| checkout(it, setting)),
        policy: Some(&seen.policy.policy),
        origin: Some(&seen.origin),
        changes: seen.policy.proposed.clone(),
        scans: &seen.scans,
        judgement: Some(judgement),
        failure: None,
        warnings: seen.warnings.iter().map(Message::from).collect(),
        uploads: done.uploads.into_iter().map(uploaded).collect(),
        dropped: done.dropped,
        databases: Vec::new(),
        timings: seen.timings.iter().cloned().chain(done.timings).collect(),
        sarif: done.sarif,
        report: path.as_str().to_owned(),
    });
    let text = serde_json::to_string_pretty(&report).map_err(|error| {
        Failure::error(
            "Report not written",
            format!("The report is no JSON: {error}."),
        )
    })?;
    setting
        .workspace
        .write(&path, session.console.redact(&text).as_bytes())?;
    for section in report::summary(&report) {
        session.summary.add(section.title, section.body);
    }
    // At a desk the result itself says all that.
    if session.console.in_runner() {
        session.console.annotate_all(report::annotations(&report));
        if let Some(verdict) = report::verdict(&report) {
            session.console.annotate(verdict);
        }
    }
    Outputs::from(&report).write(session)?;
    session
        .console
        .result(&report::text(&report), || report.json())?;
    Ok(report.result)
}

fn elapsed(setting: &Setting<'_>) -> std::time::Duration {
    jiff::Timestamp::now()
        .duration_since(setting.started)
        .try_into()
        .unwrap_or_default()
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
        status: name(upload.status),
        weight: match upload.weight {
            result::Weight::Fine => Weight::Fine,
            result::Weight::Warning => Weight::Warning,
            result::Weight::Error => Weight::Error,
        },
        reason: upload.reason,
        sarif_id: upload.sarif_id,
        analyses_url: upload.analyses_url,
        failure: upload.failure.as_ref().map(Message::from),
    }
}

/// As the schema spells it.
fn name(status: result::Status) -> String {
    let json = serde_json::to_value(status).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
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
