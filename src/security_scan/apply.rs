//! Writes the SARIF files and logs, then uploads.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::observe::Seen;
use super::plan::{Coverage, Judgement};
use super::report;
use super::sarif::category;
use super::sarif::limits::{Document, documents, unused_parts};
use super::scan::{Scan, State};
use super::setting::Setting;
use super::upload::plan::{Candidate, Content};
use super::upload::result::{Status, UploadResult, Weight};
use super::upload::{Circumstances, apply as uploads, observe, plan as upload_plan, target};
use crate::outcome::{Failure, Result};
use crate::runner::cancel;

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    /// SARIF files, relative to the workspace.
    pub sarif: Vec<String>,
    pub dropped: Vec<report::Dropped>,
    pub uploads: Vec<UploadResult>,
    /// Why files of ours are missing.
    pub unwritten: Vec<Failure>,
    pub timings: Vec<(String, Duration)>,
}

/// Writes, then uploads. What goes wrong is told in the end; the verdict stands.
///
/// # Errors
/// Error: the run was cancelled before all files were written. Nothing was uploaded.
pub(crate) async fn apply(
    setting: &Setting<'_>,
    seen: &Seen,
    judgement: &Judgement,
) -> Result<Done> {
    let cancel = &setting.session.cancel;
    let started = Instant::now();
    let mut done = Done {
        sarif: Vec::new(),
        dropped: Vec::new(),
        uploads: Vec::new(),
        unwritten: Vec::new(),
        timings: Vec::new(),
    };
    let mut candidates = Vec::new();
    let (mut names, mut idle) = (BTreeSet::new(), BTreeSet::new());
    for (scan, verdict) in seen.scans.iter().zip(&judgement.scans) {
        let written = documents(scan, cancel);
        if cancel.is_cancelled() {
            return Err(cancel::failure());
        }
        let unused = unused_parts(scan, written.len());
        for document in &written {
            let name = file_name(&document.category, &mut names);
            match setting.results.write(&name, &document.bytes) {
                Ok(path) => done.sarif.push(path),
                Err(failure) => done.unwritten.push(failure),
            }
            done.dropped.extend(dropped(document));
        }
        idle.extend(unused.iter().map(|document| document.category.clone()));
        candidates.extend(self::candidates(scan, verdict.coverage, written, unused));
    }
    for (name, text) in &seen.logs {
        let written = setting
            .results
            .write_text(&format!("logs/{name}.log"), text);
        done.unwritten.extend(written.err());
    }
    if cancel.is_cancelled() {
        return Err(cancel::failure());
    }
    done.timings.push(("files".to_owned(), started.elapsed()));
    let started = Instant::now();
    let whole = whole(&candidates);
    let kept = whole
        .iter()
        .map(|category| seen.claims.keep(category, false));
    done.unwritten.extend(kept.filter_map(Result::err));
    done.uploads = upload(setting, candidates).await;
    let settled = whole
        .iter()
        .map(|category| match fate(category, &done.uploads) {
            Fate::NotSent => seen.claims.give_back(category),
            Fate::Unknown => Ok(()),
            Fate::Settled => seen.claims.keep(category, true),
        });
    done.unwritten.extend(settled.filter_map(Result::err));
    drop_idle(&mut done.uploads, &idle);
    done.timings.push(("upload".to_owned(), started.elapsed()));
    Ok(done)
}

/// What each of a scan's categories could get. A scan that did not see everything gives none of
/// its parts away, whether or not the policy accepts the gap: GitHub would close the alerts that
/// it did not find.
fn candidates(
    scan: &Scan,
    coverage: Coverage,
    written: Vec<Document>,
    unused: Vec<Document>,
) -> Vec<Candidate> {
    let incomplete = match &scan.state {
        State::Incomplete(gaps) => Some(gaps.first().map_or("it has gaps", |gap| &gap.what)),
        State::Complete | State::NothingToDo(_) => None,
    };
    let content = |bytes: Vec<u8>, empty: bool| match incomplete {
        Some(why) => Content::Incomplete(why.to_owned()),
        None if empty => Content::Nothing(bytes),
        None => Content::Results(bytes),
    };
    let nothing = coverage == Coverage::NothingToDo;
    let candidate = |document: Document, empty: bool| Candidate {
        category: document.category,
        tool: scan.tool.name.clone(),
        content: content(document.gzipped, empty),
    };
    let written = written
        .into_iter()
        .map(|document| candidate(document, nothing));
    // An incomplete scan has one thing to say, not one for each part.
    let unused = unused.into_iter().filter(|_| incomplete.is_none());
    let unused = unused.map(|document| candidate(document, true));
    written.chain(unused).collect()
}

/// The categories that no later step of the job may have, whether or not this run is one that can
/// upload: two steps that share one are a mistake on every branch. A scan that is not complete
/// leaves its category to a step that can do better.
fn whole(candidates: &[Candidate]) -> Vec<String> {
    let whole = candidates
        .iter()
        .filter(|it| !matches!(it.content, Content::Incomplete(_)));
    whole.map(|it| it.category.clone()).collect()
}

/// What became of a category with all its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It failed, and nothing of it can have reached GitHub.
    NotSent,
    /// Something of it may or may not be there.
    Unknown,
    /// The step has done what it could.
    Settled,
}

fn fate(category: &str, uploads: &[UploadResult]) -> Fate {
    let parts = category::part(category, 2);
    let parts = parts.trim_end_matches("2/");
    let own = || {
        let own = |it: &&UploadResult| it.category == category || it.category.starts_with(parts);
        uploads.iter().filter(own)
    };
    let unknown = |status| {
        matches!(
            status,
            Status::Network
                | Status::ServerError
                | Status::UnexpectedAnswer
                | Status::Cancelled
                | Status::Pending
                | Status::StatusUnknown
        )
    };
    if own().any(|it| unknown(it.status)) {
        Fate::Unknown
    } else if own().all(|it| it.weight == Weight::Error && it.sarif_id.is_none()) {
        Fate::NotSent
    } else {
        Fate::Settled
    }
}

async fn upload(setting: &Setting<'_>, candidates: Vec<Candidate>) -> Vec<UploadResult> {
    let (inputs, session) = (setting.inputs, setting.session);
    let context = session.context.as_ref();
    let occasion = context.map(|it| target::Occasion::new(it, setting.head.clone()));
    let decided = target::decide(inputs.upload, setting.github.is_some(), occasion.as_ref());
    let remote = context.zip(setting.github.as_ref());
    let remote = remote.map(|(context, client)| uploads::Remote {
        client,
        repository: &context.repository,
    });
    let circumstances = context.map(Circumstances::new).unwrap_or_default();
    let existing = match (&decided, remote) {
        (Ok(target), Some(it)) => {
            observe::existing(it.client, it.repository, target, &candidates, circumstances).await
        }
        _ => Ok(BTreeSet::new()),
    };
    let plan = upload_plan::plan(decided, candidates, &existing);
    let settings = uploads::Settings {
        mode: inputs.upload,
        wait: inputs.wait_for_processing,
        dry_run: inputs.dry_run,
        patience: uploads::Patience::default(),
        started_at: setting.started,
        circumstances,
    };
    uploads::apply(plan, remote, &settings).await
}

/// Parts that a scan no longer needs are worth a word only where something was uploaded, or once
/// where it cannot be known whether there is something to close.
fn drop_idle(results: &mut Vec<UploadResult>, unused: &BTreeSet<String>) {
    let mut said = false;
    results.retain(|result| {
        let idle = unused.contains(&result.category) && result.sarif_id.is_none();
        let first = !said && result.weight > Weight::Fine;
        said |= result.weight > Weight::Fine;
        !idle || first
    });
}

/// `slipway/trivy-image/ghcr.io/acme/api/` is `slipway-trivy-image-ghcr.io-acme-api.sarif`.
fn file_name(category: &str, taken: &mut BTreeSet<String>) -> String {
    let base: String = category
        .trim_end_matches('/')
        .chars()
        .map(|c| match c {
            '-' | '_' | '.' => c,
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .take(150)
        .collect();
    let numbered = (2_u32..).map(|number| format!("{base}-{number}.sarif"));
    let mut names = std::iter::once(format!("{base}.sarif")).chain(numbered);
    names
        .find(|name| taken.insert(name.clone()))
        .unwrap_or(base)
}

fn dropped(document: &Document) -> Option<report::Dropped> {
    let counts: Vec<String> = document
        .dropped
        .iter()
        .map(|dropped| format!("{} {}", dropped.count, dropped.severity.name()))
        .collect();
    (!counts.is_empty()).then(|| report::Dropped {
        category: document.category.clone(),
        what: format!(
            "GitHub keeps 5,000 results and 10 MB gzipped of an analysis: {} findings are in the \
             report and were judged, but are not in the SARIF file",
            counts.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_free_again_only_if_nothing_of_it_was_sent() {
        let result = |category: &str, status: Status, id: Option<&str>| UploadResult {
            category: category.to_owned(),
            status,
            sarif_id: id.map(str::to_owned),
            analyses_url: None,
            weight: status.weight(crate::security_scan::inputs::Upload::Auto),
            reason: String::new(),
            failure: None,
        };
        let (base, part, other) = ("s/bandit/", "s/bandit/part-2/", "s/bandit/app/");
        for (uploads, expected) in [
            (
                vec![result(base, Status::Unauthorized, None)],
                Fate::NotSent,
            ),
            (vec![result(base, Status::NotFound, None)], Fate::NotSent),
            (vec![result(base, Status::Network, None)], Fate::Unknown),
            (vec![result(base, Status::Cancelled, None)], Fate::Unknown),
            (
                vec![result(base, Status::Pending, Some("1"))],
                Fate::Unknown,
            ),
            (
                vec![
                    result(base, Status::Complete, Some("1")),
                    result(part, Status::StatusUnknown, Some("2")),
                ],
                Fate::Unknown,
            ),
            (
                vec![result(base, Status::Complete, Some("1"))],
                Fate::Settled,
            ),
            (
                vec![result(base, Status::ProcessingFailed, Some("1"))],
                Fate::Settled,
            ),
            // Nothing failed: the step has done what it could on this branch.
            (vec![result(base, Status::Fork, None)], Fate::Settled),
            (vec![result(base, Status::Off, None)], Fate::Settled),
            (
                vec![
                    result(base, Status::TooLarge, None),
                    result(part, Status::Complete, Some("1")),
                ],
                Fate::Settled,
            ),
            (
                vec![
                    result(base, Status::TooLarge, None),
                    result(other, Status::Complete, Some("1")),
                ],
                Fate::NotSent,
            ),
        ] {
            assert_eq!(fate(base, &uploads), expected, "{uploads:?}");
        }
    }
}
