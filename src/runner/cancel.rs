//! Signals become one cancellation token.
//!
//! The runner sends SIGINT, SIGTERM 7.5 s later and SIGKILL 2.5 s after that
//! (`ProcessInvoker.cs`). A container's first process gets no default action for a signal, so
//! without a handler both would be ignored. A second signal must not kill a process that is
//! writing down what it did: the handler stays.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::console::Console;
use crate::outcome::{Failure, Result};

/// Cancels the token at SIGINT or SIGTERM, and says so once. Needs a runtime.
///
/// # Errors
/// No handler could be installed.
pub fn listen(console: &Console) -> Result<CancellationToken> {
    let install = |kind| {
        signal(kind).map_err(|error| {
            Failure::error(
                "No signal handler",
                format!("A signal handler could not be installed: {error}."),
            )
        })
    };
    let mut interrupt = install(SignalKind::interrupt())?;
    let mut terminate = install(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let (cancelled, console) = (token.clone(), console.clone());
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            if !cancelled.is_cancelled() {
                cancelled.cancel();
                console.say(&format!("Cancelled by {name}: stopping what runs."));
            }
        }
    });
    Ok(token)
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
