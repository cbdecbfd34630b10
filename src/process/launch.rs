//! A child that ends with slipway, however slipway ends.
//!
//! Linux ends a process with its parent (`PR_SET_PDEATHSIG`) if the process itself asked for that
//! before it became the program. Code between fork and exec can't be had safely in Rust, so slipway
//! starts itself: that asks, and becomes the program by exec. Its standard input is a pipe that a
//! successful exec closes; a number in it is the error why the program could not be started.
//!
//! At a desk alone: in the action's container the kernel ends every process with the first. What a
//! child has started itself is not reached.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::network::Network;

/// The first argument of a slipway that is to become another program. Then come its parent's id,
/// the program and the program's arguments.
const BECOME: &str = "__become";
/// The same, for a program without a network.
const BECOME_CLOSED: &str = "__become-without-network";
/// Whatever file stands behind the path that slipway was started by, this is what runs.
const OURSELVES: &str = "/proc/self/exe";

/// Whether [`OURSELVES`] is a slipway: not so where tests call its library.
static USED: OnceLock<()> = OnceLock::new();

/// From now on children at a desk are started this way.
pub(super) fn enable() {
    if Path::new(OURSELVES).exists() {
        USED.get_or_init(|| ());
    }
}

pub(super) fn enabled() -> bool {
    USED.get().is_some()
}

/// What to start in the program's place, and the arguments before its own.
pub(super) fn prefix(program: &Path, network: Network) -> (&'static OsStr, [OsString; 3]) {
    let us = std::process::id().to_string();
    let first = match network {
        Network::Open => BECOME,
        Network::Closed => BECOME_CLOSED,
    };
    (
        OsStr::new(OURSELVES),
        [first.into(), us.into(), program.into()],
    )
}

/// Starts what [`prefix`] made, and waits until it has become the program.
///
/// # Errors
/// As if the program had been started itself.
pub(super) fn spawn(mut command: tokio::process::Command) -> io::Result<tokio::process::Child> {
    let (reader, writer) = io::pipe()?;
    let process = command.stdin(writer).spawn()?;
    // It holds the end of the pipe that the child must be the last to close.
    drop(command);
    let mut error = String::new();
    reader.take(16).read_to_string(&mut error)?;
    match error.parse() {
        Ok(number) => Err(io::Error::from_raw_os_error(number)),
        Err(_) => Ok(process),
    }
}

/// The other side: becomes the program that the arguments name, and returns only if it can't. None:
/// the arguments ask for something else.
#[must_use]
pub fn launched(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, first, parent, program, rest @ ..] = arguments else {
        return None;
    };
    let network = match first.to_str()? {
        BECOME => Network::Open,
        BECOME_CLOSED => Network::Closed,
        _ => return None,
    };
    // A copy that is closed by exec.
    let report = io::stdin().as_fd().try_clone_to_owned();
    let error = become_program(parent, program, rest, network);
    let number = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    if let Ok(report) = report {
        // A parent that is gone needs no report.
        let _ = File::from(report).write_all(number.to_string().as_bytes());
    }
    Some(ExitCode::from(127))
}

#[expect(
    clippy::disallowed_methods,
    reason = "its environment was made by the one place that starts a program"
)]
fn become_program(
    parent: &OsStr,
    program: &OsStr,
    arguments: &[OsString],
    network: Network,
) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have ended before we asked.
    let alive = getppid().is_some_and(|pid| parent == OsStr::new(&raw(pid)));
    if !alive {
        return Errno::SRCH.into();
    }
    if let Err(error) = network.enforce() {
        return error;
    }
    std::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .exec()
}

fn raw(pid: Pid) -> String {
    pid.as_raw_nonzero().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(arguments: &[&str]) -> Option<ExitCode> {
        launched(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn other_arguments_are_left_alone() {
        for arguments in [
            &["slipway"][..],
            &["slipway", "security-scan", "--help"],
            &["slipway", "security-scan", BECOME, "1", "/bin/true"],
            &["slipway", BECOME],
            &["slipway", BECOME_CLOSED, "1"],
            &["slipway", BECOME, "1"],
        ] {
            assert_eq!(launch(arguments), None, "{arguments:?}");
        }
    }
}
