//! What is: the policy in force, the tree, and what the scanners find in it.

pub mod configuration;
pub mod credentials;
pub mod ignores;
mod kind;
pub mod manifest;
pub mod tree;

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::policy::{Credentials, Origin, origin};
use super::policy_in_force::{self, InForce};
use super::sarif::claim::Claims;
use super::sarif::read::Imported;
use super::scan::{Database, Scan};
use super::scanners::{self, Job, imported};
use super::setting::Setting;
use super::{fingerprint, plan};
use crate::outcome::{Failure, Result};
use crate::runner::cancel::{self, Until};
use crate::runner::context::Context;
use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;

/// All that was seen. Nothing was written but databases into their cache, and the claims.
#[derive(Debug)]
pub struct Seen {
    pub policy: InForce,
    pub origin: Origin,
    /// Settled by the policy, with fingerprints, without secrets.
    pub scans: Vec<Scan>,
    /// The categories that are this step's.
    pub claims: Claims,
    /// That the scanners looked things up in.
    pub databases: Vec<Database>,
    /// Name and text of each scanner's log.
    pub logs: Vec<(String, String)>,
    /// What the user should know although it does not change the result.
    pub warnings: Vec<Failure>,
    pub timings: Vec<(String, Duration)>,
}

/// Reads the policy, runs the scanners, reads imported SARIF.
///
/// # Errors
/// Invalid: the policy, a path, an image or a category is wrong. Error: the base's policy cannot be
/// read, the scanners cannot be locked in, the run was cancelled.
pub(crate) async fn observe(setting: &Setting<'_>) -> Result<Seen> {
    let session = setting.session;
    let context = session.context.as_ref();
    let origin = match context {
        Some(context) => {
            let (sha, head) = (context.sha.to_string(), setting.head.as_deref());
            origin(&context.event_name, &context.event, &sha, head)?
        }
        None => Origin::Workspace,
    };
    let mut clock = Clock::start();
    let policy = policy_in_force::read(
        origin.clone(),
        &setting.policy,
        &setting.workspace,
        setting.github.as_ref().zip(context),
        setting.today(),
    )
    .await?;
    clock.lap("policy");

    let deadline = Instant::now() + setting.inputs.timeout;
    let warnings: Vec<Failure> = credentials(setting, policy.policy.credentials(), deadline)?
        .into_iter()
        .chain(policy.proposed_is_wrong.clone())
        .collect();

    let imported = import(setting)?;
    let job = job(setting, &policy, deadline);
    let mut categories = scanners::categories(&job)?;
    categories.extend(imported.scans.iter().map(|scan| scan.category.clone()));
    let claims = claim(context, &categories)?;
    clock.lap("imported SARIF");
    let progress = session.console.progress("Scanning");
    let observed = scanners::run(&job, &session.cancel).await?;
    progress.finish("done");
    clock.lap("scanners");

    let mut logs = observed.logs;
    let mut scans = observed.scans;
    scans.extend(imported.scans);
    // What one tool has shown to be a secret, another may have quoted.
    let mut secrets = imported.secrets;
    secrets.extend(observed.secrets);
    secrets.clean(&mut scans, &mut logs);
    let mut scans = plan::settle(scans, &policy.policy);
    let cancel = &session.cancel;
    let unread = fingerprint::fill(&mut scans, &mut |path| {
        if cancel.is_cancelled() {
            return Err("the run was cancelled".to_owned());
        }
        read(&setting.workspace, path)
    });
    if cancel.is_cancelled() {
        return Err(cancel::failure());
    }
    for unread in unread {
        session.console.debug(&format!(
            "no line hash for {}: {}",
            unread.path, unread.reason
        ));
    }
    clock.lap("fingerprints");
    Ok(Seen {
        policy,
        origin,
        scans,
        claims,
        databases: observed.databases,
        logs,
        warnings,
        timings: clock.laps,
    })
}

fn job<'a>(setting: &'a Setting<'_>, policy: &'a InForce, deadline: Instant) -> Job<'a> {
    Job {
        workspace: &setting.session.workspace.path,
        inputs: setting.inputs,
        request: &setting.request,
        policy: &policy.policy,
        output: setting.output.clone(),
        cache: setting.cache.clone(),
        tracked: &setting.tracked,
        environment: &setting.session.environment,
        run_as: setting.run_as,
        limit: setting.inputs.timeout,
        deadline,
    }
}

/// SARIF of other tools. The secrets that it shows are masked from here on.
fn import(setting: &Setting<'_>) -> Result<Imported> {
    let imported = imported::import(
        &setting.request.sarif_files,
        &setting.inputs.category,
        &setting.session.workspace,
        &setting.workspace,
        setting.handed(),
        &setting.session.cancel,
    )?;
    for secret in imported.secrets.iter() {
        setting.session.console.mask(&SecretString::from(secret));
    }
    Ok(imported)
}

/// A warning, or under `credentials: refuse` the end.
fn credentials(
    setting: &Setting<'_>,
    ruled: Credentials,
    deadline: Instant,
) -> Result<Option<Failure>> {
    let session = setting.session;
    let Some(context) = session.context.as_ref() else {
        return Ok(None);
    };
    let cancel = &session.cancel;
    let until = Until { cancel, deadline };
    let temp = context.temp.as_deref();
    let found = credentials::readable(&session.workspace.path, temp, setting.run_as, until);
    if cancel.is_cancelled() {
        return Err(cancel::failure());
    }
    match (credentials::failure(&found), ruled) {
        (Some(failure), Credentials::Refuse) => Err(failure),
        (found, _) => Ok(found),
    }
}

/// At a desk there are no other steps.
fn claim(context: Option<&Context>, categories: &[String]) -> Result<Claims> {
    let Some((context, temp)) = context.and_then(|it| Some((it, it.temp.as_deref()?))) else {
        return Ok(Claims::default());
    };
    let job = format!("{}/{}/{}", context.run_id, context.run_attempt, context.job);
    Claims::take(temp, &job, &context.action, categories)
}

/// A file of the workspace, for the hash of its lines.
fn read(workspace: &Folder, path: &str) -> std::result::Result<Vec<u8>, String> {
    let path = RelativePath::parse(path)?;
    match workspace.read(&path, fingerprint::MAX_FILE_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("it is not there".to_owned()),
        Err(failure) => Err(failure.what),
    }
}

/// How long each part took.
struct Clock {
    since: Instant,
    laps: Vec<(String, Duration)>,
}

impl Clock {
    fn start() -> Self {
        Self {
            since: Instant::now(),
            laps: Vec::new(),
        }
    }

    fn lap(&mut self, name: &str) {
        self.laps.push((name.to_owned(), self.since.elapsed()));
        self.since = Instant::now();
    }
}
