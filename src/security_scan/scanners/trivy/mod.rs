//! Trivy over the tree and over images.
//!
//! One process for each target, with every check in it; without a usable vulnerability database
//! the other checks still run. It takes no order from the tree: an empty working directory, empty
//! names for every file that it would look for, an environment of ours, no network.

pub mod auth;
mod command;
mod copy;
pub mod database;
mod findings;
pub mod image;
mod log;
mod report;
mod unread;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use self::command::{ALLOW_RULES, literal};
use self::database::Database;
use self::findings::Place;
use self::report::Report;
use self::unread::Root;
use super::{Job, Ran, capped, ending, gap, no_network, scan, state};
use crate::outcome::{Failure, Result};
use crate::process::{Ended, Folder, Log, Network};
use crate::runner::cancel::Until;
use crate::runner::path::RelativePath;
use crate::security_scan::inputs::{Scanner, TrivyCheck};
use crate::security_scan::observe::tree::Tree;
use crate::security_scan::sarif::redact::Found;
use crate::security_scan::scan::{Gap, GapKind, Scan, Source, State, Tool};

/// Unreadable paths that Trivy is told to pass by: what an argument list surely holds.
const SKIPPED: usize = 200;
/// Folders that Trivy passes by at the root of what it scans, whatever it is told: they get a
/// process of their own.
/// Source: `defaultSkipDirs` in `pkg/fanal/walker/walk.go`.
const PASSED_BY: [&str; 3] = ["dev", "proc", "sys"];
/// Processes for one tree: folders in folders of such names have no end.
const MOST_ROOTS: usize = 16;
const INSTALL: &str = "install it as https://trivy.dev/latest/getting-started/installation/ says";

/// Finds Trivy and brings its database, if there is anything for it to do. Nothing else of ours runs
/// meanwhile: all children share a user, and this one may hold the credentials of a proxy.
pub(super) async fn prepare<'a>(
    job: &'a Job<'a>,
    targets: bool,
    cancel: &'a CancellationToken,
) -> Result<Prepared<'a>> {
    if !targets || !job.request.scanners.contains(&Scanner::Trivy) {
        return Ok(Prepared::NothingToDo);
    }
    let Some(program) = job.programs().find("trivy") else {
        return Ok(Prepared::Missing);
    };
    let trivy = Trivy {
        job,
        program,
        database: Database::NotWanted,
        cancel,
    };
    let mut log = Log::default();
    let database = database::acquire(&trivy, &mut log).await?;
    Ok(Prepared::Ready(Box::new(Trivy { database, ..trivy }), log))
}

/// Whether Trivy can run.
pub(super) enum Prepared<'a> {
    NothingToDo,
    Missing,
    /// With the log of the database's download.
    Ready(Box<Trivy<'a>>, Log),
}

impl Prepared<'_> {
    /// Runs Trivy over the tree.
    pub(super) async fn tree(&self, job: &Job<'_>, tree: Option<&Tree>) -> Result<Vec<Ran>> {
        match (self, tree) {
            (Self::NothingToDo, _) | (_, None) => Ok(Vec::new()),
            (Self::Missing, Some(_)) => Ok(vec![missing(tree_scan(job))]),
            (Self::Ready(trivy, _), Some(tree)) => Ok(vec![trivy.tree(tree).await?]),
        }
    }

    /// Runs Trivy over every image. Call it when no other child runs: these hold the credentials of
    /// registries.
    pub(super) async fn images(&self, job: &Job<'_>, images: &[image::Target]) -> Result<Vec<Ran>> {
        let mut all = Vec::new();
        for image in images {
            match self {
                Self::NothingToDo => {}
                Self::Missing => all.push(missing(image.scan(job))),
                Self::Ready(trivy, _) => all.push(image::scan(trivy, image).await?),
            }
        }
        Ok(all)
    }

    /// The databases of this run, for the report.
    pub(super) fn databases(&self) -> Vec<crate::security_scan::scan::Database> {
        match self {
            Self::Ready(trivy, _) => trivy.database.described(),
            Self::NothingToDo | Self::Missing => Vec::new(),
        }
    }

    /// Puts the log of the download where people look for it: to the first scan's.
    pub(super) fn log_download(&self, ran: &mut [Ran]) {
        let (Self::Ready(_, log), Some(first)) = (self, ran.first_mut()) else {
            return;
        };
        first.log.append(log, str::to_owned);
    }
}

fn missing(mut scan: Scan) -> Ran {
    scan.state = State::Incomplete(vec![gap(
        GapKind::Missing,
        "Trivy is not installed: there is no program trivy on PATH outside the workspace",
        Some(INSTALL),
    )]);
    Ran {
        scan,
        log: Log::default(),
        secrets: Found::default(),
    }
}

/// What every Trivy process of this run shares.
pub(super) struct Trivy<'a> {
    job: &'a Job<'a>,
    program: PathBuf,
    database: Database,
    cancel: &'a CancellationToken,
}

impl Trivy<'_> {
    fn until(&self) -> Until<'_> {
        Until {
            cancel: self.cancel,
            deadline: self.job.deadline,
        }
    }
}

/// One Trivy process to be.
struct Target<'a> {
    folder: &'a Folder,
    /// `fs` or `image`.
    command: &'static str,
    /// What is scanned, and options of its own.
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    network: Network,
    place: Place,
    /// What is known of the folder, if it is one of the tree.
    root: Option<Root<'a>>,
}

fn names() -> String {
    PASSED_BY.join(", ")
}

/// Whether a path below what is scanned lies in one of those folders.
fn passed_by_at_root(below: &Path) -> bool {
    PASSED_BY.iter().any(|name| below.starts_with(name))
}

/// Which of those folders are there. A link is not followed, as nowhere in the tree.
fn passed_by(workspace: &Path, root: &RelativePath) -> Vec<RelativePath> {
    PASSED_BY
        .iter()
        .filter_map(|name| root.join(name).ok())
        .filter(|path| {
            let data = path.below(workspace).symlink_metadata();
            data.is_ok_and(|data| data.is_dir())
        })
        .collect()
}

fn tree_scan(job: &Job<'_>) -> Scan {
    let target = job
        .request
        .path
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    scan(
        Source::TrivyFs,
        target,
        job.category(&Source::TrivyFs),
        tool(),
    )
}

fn tool() -> Tool {
    Tool {
        name: "Trivy".to_owned(),
        version: None,
        information_uri: Some("https://trivy.dev/".to_owned()),
    }
}

impl Trivy<'_> {
    async fn tree(&self, tree: &Tree) -> Result<Ran> {
        let mut scan = tree_scan(self.job);
        scan.inline_ignores.clone_from(&tree.trivy_ignores);
        scan.notes = tree.notes();
        if self.job.request.trivy_checks.contains(&TrivyCheck::Secret) {
            scan.notes.extend(unread::not_searched(self.job, tree));
        }
        let mut ran = Ran {
            scan,
            log: Log::default(),
            secrets: Found::default(),
        };
        let mut gaps: Vec<Gap> = tree.gap().into_iter().collect();
        let mut roots = vec![self.job.request.path.clone().unwrap_or_default()];
        let mut done = 0;
        while let Some(root) = roots.pop() {
            if done == MOST_ROOTS {
                let what = format!("more than {MOST_ROOTS} folders are called {}", names());
                gaps.push(gap(GapKind::TimedOut, what, Some("give some another name")));
                break;
            }
            done += 1;
            let before = ran.scan.clone();
            let more = self.root(ran.scan, tree, &root, gaps).await?;
            ran.log.append(&more.log, str::to_owned);
            ran.secrets.extend(more.secrets);
            ran.scan = more.scan;
            ran.scan.duration += before.duration;
            ran.scan.findings.extend(before.findings);
            ran.scan.rules.extend(before.rules);
            gaps = match std::mem::replace(&mut ran.scan.state, State::Complete) {
                State::Incomplete(gaps) => gaps,
                State::Complete | State::NothingToDo(_) => Vec::new(),
            };
            roots.extend(passed_by(self.job.workspace, &root));
        }
        ran.scan.state = state(gaps);
        let mut said = BTreeSet::new();
        ran.scan.notes.retain(|note| said.insert(note.clone()));
        let ours = self.job.skip();
        ran.scan.findings.retain(|finding| {
            !ours.iter().any(|skip| {
                let rest = finding.location.path.strip_prefix(skip.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        });
        Ok(ran)
    }

    /// One process over one folder of the tree.
    async fn root(
        &self,
        scan: Scan,
        tree: &Tree,
        path: &RelativePath,
        gaps: Vec<Gap>,
    ) -> Result<Ran> {
        let folder = Folder::new("slipway-trivy-", self.job.run_as)?;
        let root = path.below(self.job.workspace);
        let mut args = Vec::new();
        for skip in self.job.skip() {
            // Relative to the tree, as globs.
            let below = skip
                .as_str()
                .strip_prefix(path.as_str())
                .unwrap_or_default();
            let below = below.trim_start_matches('/');
            if path.contains(&skip) && !below.is_empty() {
                args.extend(["--skip-dirs".into(), literal(Path::new(below))]);
            }
        }
        // Some of Trivy's analysers pass by what they may not read, others end the whole scan.
        let unreadable = tree.unreadable.iter().chain(&tree.unreadable_untracked);
        for closed in unreadable.take(SKIPPED) {
            if let Ok(below) = closed.strip_prefix(path.as_str()) {
                args.extend(["--skip-files".into(), literal(below)]);
                args.extend(["--skip-dirs".into(), literal(below)]);
            }
        }
        // A vulnerable tool of the build counts, and `dev` in a lock file is its author's word.
        args.push("--include-dev-deps".into());
        args.extend(["--".into(), root.into()]);
        let target = Target {
            folder: &folder,
            command: "fs",
            args,
            env: no_network(),
            network: Network::Closed,
            place: Place::Tree {
                workspace: self.job.workspace.to_owned(),
                folder: path.as_str().to_owned(),
                unknown: self.job.tree().to_owned(),
            },
            root: Some(Root { tree, path }),
        };
        self.scan(target, scan, gaps).await
    }

    /// Runs every check on the target. Where Trivy fails with the vulnerability check, the others
    /// are tried again without it: a database can be broken in ways that only Trivy finds.
    async fn scan(&self, target: Target<'_>, mut scan: Scan, mut gaps: Vec<Gap>) -> Result<Ran> {
        let started = Instant::now();
        let mut checks = self.job.request.trivy_checks.clone();
        let wants_vuln = checks.contains(&TrivyCheck::Vuln);
        match &self.database {
            Database::Missing(gap) if wants_vuln => {
                gaps.push(gap.clone());
                checks.remove(&TrivyCheck::Vuln);
            }
            Database::Ready { notes, .. } => scan.notes.extend(notes.iter().cloned()),
            _ => {}
        }
        let (mut log, mut secrets) = (Log::default(), Found::default());
        while !checks.is_empty() {
            let ended = self.start(&target, &checks).await?;
            log.append(&ended.log, str::to_owned);
            match self.read(&ended, &target.place, &mut scan) {
                Ok(report) => {
                    secrets = findings::secrets(&report, &target.place);
                    let told = unread::not_parsed(self.job, &ended.log, target.root);
                    if let Some(root) = target.root.filter(|_| checks.contains(&TrivyCheck::Vuln)) {
                        let found = findings::with_packages(&report, &target.place);
                        let (more, note) = unread::lists(self.job, root, &found, &told);
                        gaps.extend(more);
                        scan.notes.extend(note);
                    }
                    if let Some(root) = target
                        .root
                        .filter(|_| checks.contains(&TrivyCheck::Misconfig))
                    {
                        let taken = findings::configured(&report, &target.place);
                        gaps.extend(unread::configurations(self.job, root, &taken, &told));
                    }
                    gaps.extend(capped(told.into_iter().map(|(_, gap)| gap).collect()));
                    gaps.extend(ending::gap_of_log("Trivy", &ended.log));
                    scan.notes.extend(log::not_followed(ended.log.lines()));
                    break;
                }
                Err(gap) => {
                    // Time, room and patience are used up for the others as well.
                    let again = gap.kind == GapKind::Crashed && checks.remove(&TrivyCheck::Vuln);
                    if !gaps.contains(&gap) {
                        gaps.push(gap);
                    }
                    if !again {
                        break;
                    }
                }
            }
        }
        if self.secrets_are_allowed(&checks) {
            scan.notes.push(format!(
                "Trivy's built-in rules that allow secrets are in force: {} (secret-allow-rules: \
                 none in the policy lifts them)",
                ALLOW_RULES.join(", ")
            ));
        }
        scan.state = state(gaps);
        scan.duration = started.elapsed();
        Ok(Ran { scan, log, secrets })
    }

    /// Adds the findings to the scan, or says why there are none.
    fn read(
        &self,
        ended: &Ended,
        place: &Place,
        scan: &mut Scan,
    ) -> std::result::Result<Report, Gap> {
        if let Some(gap) = ending::gap_of("Trivy", ended, &[0], self.job.limit) {
            return Err(gap);
        }
        let bad = |what: String| {
            Err(gap(
                GapKind::BadOutput,
                what,
                Some("its log is in output-directory"),
            ))
        };
        if ended.output.is_empty() {
            return bad("Trivy printed nothing".to_owned());
        }
        let report: Report = match serde_json::from_slice(&ended.output) {
            Ok(report) => report,
            Err(error) => {
                return bad(format!(
                    "Trivy's output is not the JSON that it documents: {error}"
                ));
            }
        };
        if report.schema_version != report::SCHEMA {
            return bad(format!(
                "Trivy's output has schema version {}, and version {} is understood",
                report.schema_version,
                report::SCHEMA
            ));
        }
        scan.tool.version = report
            .trivy
            .as_ref()
            .and_then(|trivy| trivy.version.clone());
        (scan.findings, scan.rules) = findings::of(&report, place);
        Ok(report)
    }
}

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::error(
        "No temporary folder",
        format!("Trivy's own folder could not be written: {error}."),
    )
    .next("Make sure that /tmp (or $TMPDIR) has space.")
}
