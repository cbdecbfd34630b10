//! Carries the plan out: one upload after another, then waiting for all of them.
//!
//! Each upload is whole or not there, and a second one for the same ref, commit and category
//! replaces the first: ending anywhere leaves nothing half-done, and running again is safe.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::github::code_scanning::{Processing, Upload};
use crate::github::{Client, Error};
use crate::runner::context::Repository;
use crate::security_scan::inputs;

use super::explain::{self, Circumstances, refusal};
use super::plan::{Action, Step, UploadPlan};
use super::result::{Refusal, Status, UploadResult};
use super::target::{Obstacle, Target};

/// How to carry out a plan.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub mode: inputs::Upload,
    /// `wait-for-processing`.
    pub wait: bool,
    /// Nothing is uploaded.
    pub dry_run: bool,
    pub patience: Patience,
    /// When the scan began.
    pub started_at: Timestamp,
    pub circumstances: Circumstances,
}

/// How long to wait for GitHub's processing.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before the first question; doubles each time.
    pub first: Duration,
    /// Between two questions.
    pub longest: Duration,
    /// From the upload on.
    pub whole: Duration,
    /// As long as GitHub may not know an upload that it has just taken.
    pub unknown: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(15),
            whole: Duration::from_mins(5),
            unknown: Duration::from_secs(30),
        }
    }
}

/// What has been uploaded and is to be waited for.
struct Accepted {
    /// Which of the results.
    index: usize,
    id: String,
    at: Instant,
}

/// The repository, and who talks to it.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    pub client: &'a Client,
    pub repository: &'a Repository,
}

/// Uploads what the plan says. One result for each of its steps, in order.
pub async fn apply(
    plan: UploadPlan,
    remote: Option<Remote<'_>>,
    settings: &Settings,
) -> Vec<UploadResult> {
    let target = match (plan.target, remote) {
        (Ok(target), Some(remote)) => Ok((target, remote)),
        (Ok(_), None) => Err(explain::obstacle(&Obstacle::Setup("there is none".into()))),
        (Err(obstacle), _) => Err(explain::obstacle(&obstacle)),
    };
    let mut run = Run {
        settings,
        results: Vec::new(),
        accepted: Vec::new(),
        stopped: None,
    };
    for step in plan.steps {
        match &target {
            Ok((target, remote)) => run.step(step, target, *remote).await,
            Err(refusal) => run.refused(step, refusal),
        }
    }
    if let Ok((_, remote)) = target
        && settings.wait
    {
        run.wait(remote).await;
    }
    run.results
}

struct Run<'a> {
    settings: &'a Settings,
    results: Vec<UploadResult>,
    accepted: Vec<Accepted>,
    /// Why the rest is not tried.
    stopped: Option<Refusal>,
}

impl Run<'_> {
    async fn step(&mut self, step: Step, target: &Target, remote: Remote<'_>) {
        match &step.action {
            Action::Stand => self.push(step, Status::Incomplete),
            Action::NotNeeded => self.push(step, Status::NotNeeded),
            Action::Unknown(refusal) => {
                let refusal = refusal.clone();
                self.refused(step, &refusal);
            }
            Action::Upload(_) if self.settings.dry_run => self.push(step, Status::DryRun),
            Action::Upload(gzipped) => {
                if let Some(stopped) = &self.stopped {
                    let refusal = stopped.untried(&step.category);
                    return self.refused(step, &refusal);
                }
                let upload = Upload {
                    commit_sha: &target.commit_sha,
                    reference: &target.reference,
                    gzipped,
                    started_at: self.settings.started_at,
                    tool_name: &step.tool,
                };
                match remote.client.upload_sarif(remote.repository, &upload).await {
                    Ok(receipt) => {
                        let index = self.results.len();
                        self.push(step, Status::Accepted);
                        self.results[index].sarif_id = Some(receipt.id.clone());
                        self.accepted.push(Accepted {
                            index,
                            id: receipt.id,
                            at: Instant::now(),
                        });
                    }
                    Err(error) => {
                        let what = format!("Upload of {}", step.category);
                        let refusal = self.refusal(remote, &error, &what).await;
                        self.refused(step, &refusal);
                        if refusal.status.is_for_all() {
                            self.stopped = Some(refusal);
                        }
                    }
                }
            }
        }
    }

    /// What to do about missing code scanning depends on whether the repository is private; not every
    /// event says so.
    async fn refusal(&self, remote: Remote<'_>, error: &Error, what: &str) -> Refusal {
        let known = self.settings.circumstances;
        let first = refusal(error, what, known);
        if first.status != Status::NotEnabled || known.private.is_some() {
            return first;
        }
        let private = remote
            .client
            .repository(remote.repository)
            .await
            .ok()
            .map(|it| it.private);
        refusal(error, what, Circumstances { private, ..known })
    }

    fn push(&mut self, step: Step, status: Status) {
        self.results.push(UploadResult {
            category: step.category,
            status,
            sarif_id: None,
            analyses_url: None,
            weight: status.weight(self.settings.mode),
            reason: step.reason,
            failure: None,
        });
    }

    /// A step that a refusal ends; one that would not have uploaded anyway keeps its own reason.
    fn refused(&mut self, step: Step, refusal: &Refusal) {
        match step.action {
            Action::Stand => self.push(step, Status::Incomplete),
            Action::NotNeeded => self.push(step, Status::NotNeeded),
            Action::Upload(_) | Action::Unknown(_) => {
                let step = Step {
                    reason: refusal.failure.what.clone(),
                    ..step
                };
                self.push(step, refusal.status);
                let said =
                    refusal.status != Status::Off || self.settings.mode == inputs::Upload::True;
                if let Some(result) = self.results.last_mut().filter(|_| said) {
                    result.failure = Some(refusal.failure.clone());
                }
            }
        }
    }

    async fn wait(&mut self, remote: Remote<'_>) {
        // Who does not answer for one upload does not answer for the next.
        let mut silent: Option<Error> = None;
        for Accepted { index, id, at } in std::mem::take(&mut self.accepted) {
            let processed = match silent.take() {
                Some(error) => Err(error),
                None => self.processed(remote, &id, at).await,
            };
            let result = &mut self.results[index];
            let category = &*result.category;
            let (status, failure) = match processed {
                Ok(Processing::Complete { analyses_url }) => {
                    result.analyses_url = analyses_url;
                    (Status::Complete, None)
                }
                Ok(Processing::Failed { errors }) => (
                    Status::ProcessingFailed,
                    Some(explain::processing_failed(category, &id, &errors)),
                ),
                Ok(Processing::Pending) => {
                    let patience = self.settings.patience.whole.as_secs();
                    (
                        Status::Pending,
                        Some(explain::pending(category, &id, patience)),
                    )
                }
                Err(Error::Cancelled) => {
                    let what = format!("Processing of {category}");
                    (Status::Cancelled, Some(explain::cancelled(&what)))
                }
                Err(error) => {
                    let failure =
                        error.failure("The state of the upload", "security-events: write");
                    silent = Some(error).filter(|it| matches!(it, Error::Network { .. }));
                    (
                        Status::StatusUnknown,
                        Some(explain::status_unknown(category, &id, failure)),
                    )
                }
            };
            result.status = status;
            result.weight = status.weight(self.settings.mode);
            if let Some(failure) = failure {
                result.reason.clone_from(&failure.what);
                result.failure = Some(failure);
            }
        }
    }

    /// Asks until it is decided or the patience ends; at least once.
    async fn processed(
        &self,
        remote: Remote<'_>,
        id: &str,
        at: Instant,
    ) -> Result<Processing, Error> {
        let patience = &self.settings.patience;
        let mut pause = patience.first;
        loop {
            remote.client.pause(pause).await?;
            match remote.client.sarif_status(remote.repository, id).await {
                Ok(Processing::Pending) => {}
                // GitHub's own copies may lag behind.
                Err(Error::Status(status))
                    if status.code == 404 && at.elapsed() < patience.unknown => {}
                decided => return decided,
            }
            let left = patience.whole.saturating_sub(at.elapsed());
            if left.is_zero() {
                return Ok(Processing::Pending);
            }
            pause = pause.saturating_mul(2).min(patience.longest).min(left);
        }
    }
}
