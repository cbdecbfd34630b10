//! Signals become one cancellation token.
//!
//! The runner sends SIGINT, SIGTERM 7.5 s later and SIGKILL 2.5 s after that
//! (`ProcessInvoker.cs`). A container's first process gets no default action for a signal, so
//! without a handler both would be ignored. A second signal must not kill a process that is
//! writing down what it did: the handler stays.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, Once};
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::console::Console;
use crate::outcome::{Failure, Result};

/// Cancels the token at SIGINT, SIGTERM or SIGHUP (a terminal that was closed; not where it is
/// ignored, as under `nohup`), and says so once. Needs a runtime.
///
/// # Errors
/// No handler could be installed.
pub fn listen(console: &Console) -> Result<CancellationToken> {
    let mut kinds = vec![
        ("SIGINT", SignalKind::interrupt()),
        ("SIGTERM", SignalKind::terminate()),
    ];
    if !hangup_is_ignored() {
        kinds.push(("SIGHUP", SignalKind::hangup()));
    }
    let (token, once) = (CancellationToken::new(), Arc::new(Once::new()));
    for (name, kind) in kinds {
        let mut signal = signal(kind).map_err(|error| {
            Failure::error(
                "No signal handler",
                format!("A handler of {name} could not be installed: {error}."),
            )
        })?;
        let (token, once, console) = (token.clone(), Arc::clone(&once), console.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                once.call_once(|| {
                    token.cancel();
                    console.say(&format!("Cancelled by {name}: stopping what runs."));
                });
            }
        });
    }
    Ok(token)
}

fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Bytes of a file that are copied before the clock is looked at.
const STEP: u64 = 16 << 20;

/// How long work of our own may go on: until the run is cancelled or its time is over. What waits for
/// nobody asks between its steps, each of which takes far less than a second.
#[derive(Clone, Copy, Debug)]
pub struct Until<'a> {
    pub cancel: &'a CancellationToken,
    pub deadline: Instant,
}

impl Until<'_> {
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || Instant::now() >= self.deadline
    }

    /// [`Self::is_over`] as an error, for work that reads and writes.
    ///
    /// # Errors
    /// It is over.
    pub fn check(&self) -> io::Result<()> {
        if self.is_over() {
            return Err(io::Error::other("there was no time left"));
        }
        Ok(())
    }

    /// Copies a file from where both stand, in steps.
    ///
    /// # Errors
    /// It is over, or one of them fails.
    pub fn copy(&self, from: &mut File, to: &mut File) -> io::Result<()> {
        loop {
            self.check()?;
            if io::copy(&mut from.by_ref().take(STEP), to)? == 0 {
                return Ok(());
            }
        }
    }
}

/// How a cancelled run ends, unless the action knows better.
#[must_use]
pub fn failure() -> Failure {
    Failure::error(
        "Cancelled",
        "The run was cancelled before it reached a verdict.",
    )
    .next("Run it again if this was not meant.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_large_file_is_copied_in_steps() {
        let size = 2 * STEP + 1;
        let (mut from, mut to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        from.set_len(size).unwrap();
        let cancel = CancellationToken::new();
        let deadline = Instant::now() + Duration::from_mins(1);
        let until = Until {
            cancel: &cancel,
            deadline,
        };
        until.copy(&mut from, &mut to).unwrap();
        assert_eq!(to.metadata().unwrap().len(), size);
        cancel.cancel();
        until.copy(&mut from, &mut to).unwrap_err();
    }
}
