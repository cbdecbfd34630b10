//! Runs the scanners side by side, all within one time limit, and tells findings from failures.
//!
//! Whatever a scanner does, it becomes a [`Scan`]: complete, nothing to do, or incomplete with the
//! reason. Only what makes every scan impossible is a [`crate::outcome::Failure`].

pub mod bandit;
mod ending;
pub mod imported;
mod lines;
pub mod trivy;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::inputs::{Inputs, Scanner};
use super::observe::tree::{self, Look};
use super::policy::Policy;
use super::request::Request;
use super::sarif::category;
use super::sarif::redact::Found;
use super::scan::{Database, Gap, GapKind, Ignores, Scan, Source, State, Tool};
use crate::git::Tracked;
use crate::outcome::Result;
use crate::process::{Log, Programs, RunAs};
use crate::runner::cancel::Until;
use crate::runner::environment::Environment;
use crate::runner::path::RelativePath;

/// Everything that the scanners need to know.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// Canonical.
    pub workspace: &'a Path,
    pub inputs: &'a Inputs,
    pub request: &'a Request,
    pub policy: &'a Policy,
    /// `output-directory`, never scanned.
    pub output: RelativePath,
    /// `cache-directory`, never scanned.
    pub cache: RelativePath,
    pub tracked: &'a Tracked,
    /// `PATH` and the proxy variables are taken from here, nothing else.
    pub environment: &'a Environment,
    pub run_as: RunAs,
    /// Of all scanners together, downloads included: for messages.
    pub limit: Duration,
    /// When it is up.
    pub deadline: Instant,
}

/// What the scanners brought home.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub scans: Vec<Scan>,
    /// Name (without folder or extension) and text of each scanner's log, for `output-directory`.
    pub logs: Vec<(String, String)>,
    /// That they looked things up in.
    pub databases: Vec<Database>,
    /// That they found in the tree. Scans and logs may still quote them.
    pub secrets: Found,
}

/// A scan, the log that it left, and the secrets that it found.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub scan: Scan,
    pub log: Log,
    pub secrets: Found,
}

impl Job<'_> {
    pub(crate) fn programs(&self) -> Programs {
        let path = self.environment.get_os("PATH").unwrap_or_default();
        Programs::new(path, self.workspace)
    }

    /// Our own folders.
    pub(crate) fn skip(&self) -> [RelativePath; 2] {
        [self.output.clone(), self.cache.clone()]
    }

    /// The tree below the workspace; empty for the workspace itself.
    pub(crate) fn tree(&self) -> &str {
        self.request.path.as_ref().map_or("", RelativePath::as_str)
    }

    /// The category of one of this job's scans.
    pub(crate) fn category(&self, source: &Source) -> String {
        category::of(source, &self.inputs.category, self.tree())
    }

    /// The user's proxy settings and certificates: for children that must reach the network.
    pub(crate) fn network(&self) -> Vec<(OsString, OsString)> {
        [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "all_proxy",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ]
        .iter()
        .filter_map(|name| Some(((*name).into(), self.environment.get_os(name)?.to_owned())))
        .collect()
    }
}

/// For children that scan the tree: nothing in it may make them ask the network. Port 9 (discard)
/// of this machine refuses the connection at once. They bind whoever is honest; see
/// [`crate::process::Network`] for others.
pub(crate) fn no_network() -> Vec<(OsString, OsString)> {
    let mut variables: Vec<(OsString, OsString)> = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ]
    .iter()
    .map(|name| ((*name).into(), "http://127.0.0.1:9".into()))
    .collect();
    variables.push(("NO_PROXY".into(), OsString::new()));
    variables.push(("no_proxy".into(), OsString::new()));
    variables.push(("GIT_ALLOW_PROTOCOL".into(), "none".into()));
    variables
}

/// The categories of all that will be scanned. Exit 2 for a path or cache that can't be used: a step
/// that cannot run must not claim any.
pub fn categories(job: &Job<'_>) -> Result<Vec<String>> {
    if let Some(path) = job
        .request
        .path
        .as_ref()
        .filter(|_| !job.request.scanners.is_empty())
    {
        tree::root(job.workspace, path)?;
    }
    trivy::database::check_cache(job)?;
    let wanted = |scanner| job.request.path.is_some() && job.request.scanners.contains(&scanner);
    let tree = [
        (Scanner::Trivy, Source::TrivyFs),
        (Scanner::Bandit, Source::Bandit),
    ];
    let images = job.request.images.iter();
    Ok(tree
        .into_iter()
        .filter(|(scanner, _)| wanted(*scanner))
        .map(|(_, source)| source)
        .chain(images.map(trivy::image::Target::source))
        .map(|source| job.category(&source))
        .collect())
}

/// Runs all that was asked for. Exit 2 for a wrong path or image, exit 3 if the scanners can't be
/// locked in or slipway is told to stop.
pub async fn run(job: &Job<'_>, cancel: &CancellationToken) -> Result<Observed> {
    let scanners = &job.request.scanners;
    let images = &job.request.images;
    let tree = match &job.request.path {
        Some(path) if !scanners.is_empty() => Some(tree::look(&Look {
            workspace: job.workspace,
            path,
            skip: &job.skip(),
            tracked: job.tracked,
            paths: &job.policy.paths,
            run_as: job.run_as,
            in_runner: job.environment.in_runner(),
            until: Until {
                cancel,
                deadline: job.deadline,
            },
        })?),
        _ => None,
    };
    let bandit = async {
        match &tree {
            Some(tree) if scanners.contains(&Scanner::Bandit) => {
                bandit::run(job, tree, cancel).await.map(|ran| vec![ran])
            }
            _ => Ok(Vec::new()),
        }
    };
    // All children share a user: while one holds credentials no other may run.
    let targets = tree.is_some() || !images.is_empty();
    let trivy = trivy::prepare(job, targets, cancel).await?;
    let (in_tree, bandit) = tokio::join!(trivy.tree(job, tree.as_ref()), bandit);
    let mut ran = in_tree?;
    ran.extend(bandit?);
    ran.extend(trivy.images(job, images).await?);
    trivy.log_download(&mut ran);
    if cancel.is_cancelled() {
        return Err(crate::runner::cancel::failure());
    }
    let mut observed = Observed {
        databases: trivy.databases(),
        ..Observed::default()
    };
    for ran in ran {
        let Ran {
            mut scan,
            log,
            secrets,
        } = ran;
        observed.secrets.extend(secrets);
        if scan.source.in_tree() {
            lines::place(job.workspace, &mut scan.findings);
        }
        observed.logs.push((log_name(&scan), log.text()));
        observed.scans.push(scan);
    }
    Ok(observed)
}

/// `trivy-fs`, `trivy-image-ghcr.io-acme-api`, `bandit`.
fn log_name(scan: &Scan) -> String {
    let clean = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || ".-_".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .take(100)
            .collect()
    };
    let name = scan.source.name();
    let of = scan.source.of().map(|of| format!("-{}", clean(of)));
    format!("{name}{}", of.unwrap_or_default())
}

/// A scan that has found nothing yet.
fn scan(source: Source, target: String, category: String, tool: Tool) -> Scan {
    Scan {
        source,
        target,
        category,
        tool,
        state: State::Complete,
        rules: std::collections::BTreeMap::new(),
        findings: Vec::new(),
        notes: Vec::new(),
        inline_ignores: Ignores::default(),
        duration: Duration::ZERO,
    }
}

/// Complete without gaps.
fn state(gaps: Vec<Gap>) -> State {
    if gaps.is_empty() {
        State::Complete
    } else {
        State::Incomplete(gaps)
    }
}

fn gap(kind: GapKind, what: impl Into<String>, next: Option<&str>) -> Gap {
    Gap {
        kind,
        what: what.into(),
        next: next.map(str::to_owned),
    }
}

/// What a scanner could not read or parse, where the policy counts those paths: a gap for each
/// file, up to a number that a summary can hold.
fn unparsed(policy: &Policy, files: impl IntoIterator<Item = (String, Gap)>) -> Vec<Gap> {
    let counted = |(path, gap): (String, Gap)| policy.paths.scanned(&path).then_some(gap);
    capped(files.into_iter().filter_map(counted).collect())
}

fn capped(mut gaps: Vec<Gap>) -> Vec<Gap> {
    const NAMED: usize = 200;
    if gaps.len() > NAMED {
        let more = gaps.split_off(NAMED).len();
        gaps.push(gap(
            GapKind::Unparsed,
            format!("{more} more files could not be parsed; the scanner's log names them"),
            None,
        ));
    }
    gaps
}
