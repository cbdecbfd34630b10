//! Writes the SARIF files and logs, then uploads.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::observe::Seen;
use super::plan::{Coverage, Judgement};
use super::report;
use super::sarif::limits::{Document, documents, gzip, unused_parts};
use super::scan::{Scan, State};
use super::setting::Setting;
use super::upload::plan::{Candidate, Content};
use super::upload::result::{UploadResult, Weight};
use super::upload::{Circumstances, apply as uploads, observe, plan as upload_plan, target};
use crate::outcome::{Failure, Result};
use crate::runner::path::RelativePath;

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    /// SARIF files, relative to the workspace.
    pub sarif: Vec<String>,
    pub dropped: Vec<report::Dropped>,
    pub uploads: Vec<UploadResult>,
    pub timings: Vec<(String, Duration)>,
}

/// Writes, then uploads.
///
/// # Errors
/// Error: a file of ours cannot be written. What became of an upload is no error here.
pub(crate) async fn apply(
    setting: &Setting<'_>,
    seen: &Seen,
    judgement: &Judgement,
) -> Result<Done> {
    let started = Instant::now();
    let mut done = Done {
        sarif: Vec::new(),
        dropped: Vec::new(),
        uploads: Vec::new(),
        timings: Vec::new(),
    };
    let mut candidates = Vec::new();
    let (mut names, mut idle) = (BTreeSet::new(), BTreeSet::new());
    for (scan, verdict) in seen.scans.iter().zip(&judgement.scans) {
        let written = documents(scan);
        let unused = unused_parts(scan, written.len());
        for document in &written {
            let name = file_name(&document.category, &mut names);
            done.sarif.push(write(setting, &name, &document.bytes)?);
            done.dropped.extend(dropped(document));
        }
        idle.extend(unused.iter().map(|document| document.category.clone()));
        candidates.extend(self::candidates(scan, verdict.coverage, written, unused));
    }
    for (name, text) in &seen.logs {
        let text = setting.session.console.redact(text);
        write(setting, &format!("logs/{name}.log"), text.as_bytes())?;
    }
    done.timings.push(("files".to_owned(), started.elapsed()));
    let started = Instant::now();
    done.uploads = upload(setting, candidates).await;
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
        content: content(gzip(&document.bytes), empty),
    };
    let written = written
        .into_iter()
        .map(|document| candidate(document, nothing));
    // An incomplete scan has one thing to say, not one for each part.
    let unused = unused.into_iter().filter(|_| incomplete.is_none());
    let unused = unused.map(|document| candidate(document, true));
    written.chain(unused).collect()
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

fn write(setting: &Setting<'_>, name: &str, bytes: &[u8]) -> Result<String> {
    let path = below(&setting.results, name)?;
    setting.workspace.write(&path, bytes)?;
    Ok(path.as_str().to_owned())
}

/// A path in this step's folder.
pub(super) fn below(folder: &RelativePath, name: &str) -> Result<RelativePath> {
    folder
        .join(name)
        .map_err(|why| Failure::error("File refused", format!("{name}: {why}.")))
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
