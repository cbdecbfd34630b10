//! Puts the report together from what each room handed over.

use std::time::Duration;

use super::{
    CommitReport, DatabaseReport, Dropped, FindingReport, Message, PolicyReport, Report, SCHEMA,
    ScanReport, SuppressionReport, Timing, UploadReport, Weight, links, words,
};
use crate::outcome::{Failure, Outcome};
use crate::security_scan::finding::{Kind, Location, Region};
use crate::security_scan::inputs::Inputs;
use crate::security_scan::plan::{Decision, INLINE_IGNORE, Item, Judgement, Verdict};
use crate::security_scan::policy::{Change, Origin, Policy};
use crate::security_scan::scan::{Database, Scan, Source, State};
use crate::security_scan::severity::Severity;

/// All that the report tells of.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    pub inputs: &'a Inputs,
    pub started: jiff::Timestamp,
    pub duration: Duration,
    /// None at a desk.
    pub checkout: Option<Checkout>,
    pub policy: &'a Policy,
    pub origin: &'a Origin,
    /// What the workspace's version of the policy would change.
    pub changes: Vec<Change>,
    /// As judged.
    pub scans: &'a [Scan],
    pub judgement: &'a Judgement,
    /// What went wrong after the verdict.
    pub failure: Option<&'a Failure>,
    /// What the user should know although it does not change the result.
    pub warnings: Vec<Message>,
    pub uploads: Vec<UploadReport>,
    pub dropped: Vec<Dropped>,
    pub databases: &'a [Database],
    pub timings: Vec<(String, Duration)>,
    /// SARIF files, relative to the workspace.
    pub sarif: Vec<String>,
    /// The report file, relative to the workspace.
    pub report: String,
}

/// What is checked out, as the runner tells it.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// `GITHUB_SERVER_URL`.
    pub server_url: String,
    /// `owner/name`.
    pub repository: String,
    /// The workspace's HEAD.
    pub sha: String,
    /// `GITHUB_REF`.
    pub git_ref: Option<String>,
    pub event: String,
    pub run_url: String,
}

/// Builds the report. The result follows from judgement, uploads and failure by
/// [`Outcome::conclude`].
#[must_use]
pub fn build(run: &Run) -> Report {
    let result = result(run);
    let mut report = Report {
        schema: SCHEMA,
        slipway: env!("CARGO_PKG_VERSION").to_owned(),
        result,
        exit_code: result.code(),
        verdict: String::new(),
        started: run.started.to_string(),
        seconds: seconds(run.duration),
        commit: run.checkout.as_ref().map(|checkout| CommitReport {
            repository: checkout.repository.clone(),
            sha: checkout.sha.clone(),
            git_ref: checkout.git_ref.clone(),
            event: checkout.event.clone(),
            run_url: checkout.run_url.clone(),
        }),
        inputs: run.inputs.clone(),
        policy: policy(run),
        failure: run.failure.map(Message::from),
        warnings: run.warnings.clone(),
        counts: run.judgement.counts,
        scans: scans(run),
        findings: findings(run),
        suppressions: suppressions(run),
        idle_scanners: run.judgement.idle_scanners.clone(),
        uploads: run.uploads.clone(),
        dropped: run.dropped.clone(),
        databases: run
            .databases
            .iter()
            .map(|one| database(one, run.started))
            .collect(),
        timings: run
            .timings
            .iter()
            .map(|(step, duration)| Timing {
                step: step.clone(),
                seconds: seconds(*duration),
            })
            .collect(),
        alerts_url: alerts_url(run),
        sarif: run.sarif.clone(),
        report: run.report.clone(),
    };
    report.verdict = words::verdict(&report);
    report
}

fn result(run: &Run) -> Outcome {
    let failure = run.failure.map(|failure| failure.outcome);
    let upload = run
        .uploads
        .iter()
        .any(|upload| upload.weight == Weight::Error)
        .then_some(Outcome::Error);
    let later = failure.into_iter().chain(upload);
    run.judgement.outcome.conclude(later)
}

fn policy(run: &Run) -> PolicyReport {
    let (commit, commit_is) = match run.origin {
        Origin::Commit { sha, named } => (Some(sha.clone()), Some((*named).to_owned())),
        Origin::Workspace => (None, None),
    };
    PolicyReport {
        file: Some(run.policy.file.clone()).filter(|file| !file.is_empty()),
        commit,
        commit_is,
        changes: run.changes.clone(),
    }
}

fn alerts_url(run: &Run) -> Option<String> {
    let checkout = run.checkout.as_ref()?;
    run.uploads
        .iter()
        .any(|upload| upload.sarif_id.is_some())
        .then(|| {
            links::alerts(
                &checkout.server_url,
                &checkout.repository,
                checkout.git_ref.as_deref(),
            )
        })
}

fn scans(run: &Run) -> Vec<ScanReport> {
    run.scans
        .iter()
        .zip(&run.judgement.scans)
        .map(|(scan, verdict)| ScanReport {
            source: scan.source.name().to_owned(),
            tool: scan.tool.clone(),
            target: scan.target.clone(),
            category: scan.category.clone(),
            coverage: verdict.coverage,
            nothing: match &scan.state {
                State::NothingToDo(sought) => Some(sought.clone()),
                State::Complete | State::Incomplete(_) => None,
            },
            gaps: match &scan.state {
                State::Incomplete(gaps) => gaps.clone(),
                State::Complete | State::NothingToDo(_) => Vec::new(),
            },
            notes: scan.notes.clone(),
            inline_ignores: scan.inline_ignores.listed.clone(),
            inline_ignores_not_listed: scan.inline_ignores.unlisted,
            counts: verdict.counts,
            seconds: seconds(scan.duration),
        })
        .collect()
}

fn findings(run: &Run) -> Vec<FindingReport> {
    let decisions = run.judgement.decisions.iter();
    let mut findings: Vec<_> = decisions
        .filter_map(|decision| finding(run, decision))
        .collect();
    findings.sort_by(|a, b| {
        let order = |one: &FindingReport| {
            (
                one.verdict != Verdict::Blocked,
                std::cmp::Reverse(one.severity),
            )
        };
        let score = |one: &FindingReport| one.score.unwrap_or_default();
        order(a)
            .cmp(&order(b))
            .then_with(|| score(b).total_cmp(&score(a)))
            .then_with(|| a.category.cmp(&b.category))
            .then_with(|| a.location.cmp(&b.location))
            .then_with(|| a.rule.cmp(&b.rule))
    });
    findings
}

fn finding(run: &Run, decision: &Decision) -> Option<FindingReport> {
    let scan = run.scans.get(decision.scan)?;
    let common = FindingReport {
        verdict: decision.because.verdict(),
        reason: decision.because.sentence(&run.policy.file),
        because: decision.because.clone(),
        severity: Severity::Unknown,
        score: None,
        kind: Kind::Code,
        tool: scan.tool.name.clone(),
        own: false,
        category: scan.category.clone(),
        rule: String::new(),
        title: None,
        help_url: None,
        aliases: Vec::new(),
        message: String::new(),
        location: Location {
            path: String::new(),
            region: None,
        },
        url: None,
        package: None,
        fingerprint: String::new(),
    };
    match decision.item {
        Item::Finding(index) => {
            let finding = scan.findings.get(index)?;
            let rule = scan.rules.get(&finding.rule);
            Some(FindingReport {
                severity: finding.severity,
                score: finding.score,
                kind: finding.kind,
                rule: finding.rule.clone(),
                own: !scan.source.is_imported(),
                title: rule.and_then(|rule| {
                    let description = rule.short_description.as_ref();
                    description.or(rule.name.as_ref()).cloned()
                }),
                help_url: rule
                    .and_then(|rule| rule.help_uri.clone())
                    .filter(|url| url.starts_with("https://") || url.starts_with("http://")),
                aliases: finding.aliases.clone(),
                message: finding.message.clone(),
                location: finding.location.clone(),
                url: url(run, &scan.source, &finding.location),
                package: finding.package.clone(),
                fingerprint: finding.fingerprint.clone(),
                ..common
            })
        }
        Item::InlineIgnore(index) => {
            let ignore = scan.inline_ignores.listed.get(index)?;
            let location = Location {
                path: ignore.path.to_string(),
                region: Some(Region {
                    start_line: ignore.line,
                    start_column: 1,
                    end_line: ignore.line,
                    end_column: 1,
                }),
            };
            Some(FindingReport {
                rule: INLINE_IGNORE.to_owned(),
                title: Some("A comment tells the scanner to look away".to_owned()),
                message: format!(
                    "A comment tells {} to look away: {}",
                    scan.tool.name, ignore.text
                ),
                url: url(run, &scan.source, &location),
                location,
                ..common
            })
        }
        Item::UnlistedIgnores => Some(FindingReport {
            rule: INLINE_IGNORE.to_owned(),
            title: Some("More comments tell the scanner to look away than are listed".to_owned()),
            message: format!(
                "Comments that tell {} to look away: {} are listed, and {} more counted",
                scan.tool.name,
                scan.inline_ignores.listed.len(),
                scan.inline_ignores.unlisted,
            ),
            location: Location {
                path: scan.target.clone(),
                region: None,
            },
            ..common
        }),
    }
}

/// A finding in an image lies in no file of the commit.
fn url(run: &Run, source: &Source, location: &Location) -> Option<String> {
    let checkout = run.checkout.as_ref()?;
    let in_tree = source.in_tree() && !location.path.is_empty();
    in_tree.then(|| {
        links::lines(
            &checkout.server_url,
            &checkout.repository,
            &checkout.sha,
            location,
        )
    })
}

fn suppressions(run: &Run) -> Vec<SuppressionReport> {
    let uses = &run.judgement.suppressions;
    run.policy
        .suppressions
        .iter()
        .zip(uses)
        .map(|(suppression, one)| SuppressionReport {
            line: suppression.line,
            covers: suppression.matcher.to_string(),
            owner: suppression.owner.clone(),
            reason: suppression.reason.clone(),
            expires: suppression.expires.to_string(),
            standing: one.standing,
            matched: one.matched,
            unused: one.unused,
        })
        .collect()
}

fn database(one: &Database, started: jiff::Timestamp) -> DatabaseReport {
    let age = started.duration_since(one.updated_at).as_hours();
    DatabaseReport {
        name: one.name.to_owned(),
        version: one.version,
        updated_at: one.updated_at.to_string(),
        next_update: one.next_update.to_string(),
        downloaded_at: one.downloaded_at.map(|at| at.to_string()),
        repository: one.repository.clone(),
        // A clock that is wrong makes nothing younger than new.
        age_hours: u64::try_from(age).unwrap_or_default(),
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
