//! What an action gets to work with.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::context::{self, Context};
use super::environment::Environment;
use super::files::{Files, entries};
use super::path::Workspace;
use super::summary::Summary;
use crate::outcome::{Failure, Result};

/// One run of one action: everything that it shares with the world outside.
#[derive(Clone, Debug)]
pub struct Session {
    /// The only thing that prints.
    pub console: Console,
    /// None at a desk.
    pub context: Option<Context>,
    pub workspace: Workspace,
    /// For what has no type of its own: proxies, `PATH`. Never handed to a child.
    pub environment: Environment,
    /// Cancelled at the first SIGINT or SIGTERM.
    pub cancel: CancellationToken,
    /// Outputs and state.
    pub files: Files,
    /// Written when the action has ended.
    pub summary: Summary,
}

impl Session {
    /// Reads what the runner says, once.
    ///
    /// # Errors
    /// Error: as [`Context::from_environment`] and [`context::workspace`].
    pub fn new(
        console: Console,
        environment: Environment,
        summary: Summary,
        cancel: CancellationToken,
    ) -> Result<Self> {
        Ok(Self {
            console,
            context: Context::from_environment(&environment)?,
            workspace: context::workspace(&environment)?,
            cancel,
            files: Files::new(&environment),
            summary,
            environment,
        })
    }

    /// Sets an output of this step, without any known secret. At a desk nothing happens.
    ///
    /// # Errors
    /// Error: as [`Files::output`].
    pub fn output(&self, name: &str, value: &str) -> Result<()> {
        self.files.output(name, &self.console.redact(value))
    }

    /// Sets the fields of `outputs` that `names` tells, each by [`Session::output`].
    ///
    /// # Errors
    /// Error: as [`Session::output`].
    pub fn outputs(&self, names: &[&'static str], outputs: &impl Serialize) -> Result<()> {
        entries(names, outputs)
            .iter()
            .try_for_each(|(name, value)| self.output(name, value))
    }

    /// Tells a failure: as an annotation or on standard error, and in the summary. Once: the same
    /// fault often meets more than one file.
    pub fn fail(&self, failure: &Failure) {
        fail(failure, &self.console, &self.summary);
    }
}

/// As [`Session::fail`], where there is no session.
pub fn fail(failure: &Failure, console: &Console, summary: &Summary) {
    if summary.failure(failure) {
        console.failure(failure);
    }
}

/// Closes this process's memory and environment (`/proc/PID/mem`, `environ`) to other processes of
/// its user, children included, and to core dumps. Call it before secrets are read.
///
/// # Errors
/// Error: the system refuses.
pub fn harden() -> Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| {
        Failure::error(
            "Process not protected",
            format!("The process could not be made non-dumpable: {error}."),
        )
    })
}
