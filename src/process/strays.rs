//! Processes that a child left behind: they die with it.
//!
//! Those in the child's process group get a signal. One that started a session of its own becomes
//! ours when its parent ends (`PR_SET_CHILD_SUBREAPER`), and is found in `/proc` by that.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group,
    waitid, waitpid,
};

use super::identity::{NOBODY, RunAs};

/// Rounds of a sweep, and how long one that found something gives the dying: a second in all. What
/// forks faster than this, or can't be killed, is left to the container's end.
const ROUNDS: u32 = 200;
const ROUND: Duration = Duration::from_millis(5);

/// Children that run now. Held while one is started, so that a new child is never taken for a stray.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Whether every child of this process is one of ours or was left behind by one.
static ALL_OURS: AtomicBool = AtomicBool::new(false);

pub(super) fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running child's process group, which ends with this value, however the run ends.
#[derive(Debug)]
pub(super) struct Group {
    child: Pid,
    reaped: bool,
}

impl Group {
    /// `running` proves that the child was started under the lock.
    pub(super) fn new(child: Pid, running: &mut BTreeSet<i32>) -> Self {
        running.insert(child.as_raw_nonzero().get());
        let reaped = false;
        Self { child, reaped }
    }

    /// Comes back when the child has ended. It is not reaped, so that its number, and its group's,
    /// can't be another's yet.
    pub(super) fn ended(&self) -> tokio::task::JoinHandle<()> {
        let child = WaitId::Pid(self.child);
        tokio::task::spawn_blocking(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // It fails if there is nothing to wait for.
            let _ = rustix::io::retry_on_intr(|| waitid(child.clone(), options));
        })
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It fails when no process is left, which is what we want.
        let _ = kill_process_group(self.child, signal);
    }

    /// The child was reaped: its number may be another's from now on.
    pub(super) fn reaped(mut self) {
        self.reaped = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
        }
        running().remove(&self.child.as_raw_nonzero().get());
    }
}

/// From now on, orphans among our descendants become our children.
pub(super) fn adopt() {
    // Where it is refused, we are PID 1 of the container and adopt anyway.
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
}

/// Adopts at a desk as well, where a stray can't be told by its uid: only if no child is there that
/// somebody else started, as when a shell with background jobs became slipway (`exec`), and not as
/// the first process of a container, which gets the orphans of `docker exec`.
pub(super) fn adopt_all() {
    if getpid().is_init() || children(None).next().is_some() {
        return;
    }
    adopt();
    ALL_OURS.store(true, Ordering::Relaxed);
}

/// Kills and reaps what children left behind, until there is nothing. Those of a child that still
/// runs are not spared.
pub(super) async fn sweep(run_as: RunAs) {
    let uid = match run_as {
        RunAs::Nobody => Some(NOBODY),
        RunAs::Ourselves if ALL_OURS.load(Ordering::Relaxed) => None,
        RunAs::Ourselves => return,
    };
    // Each round brings up the children of those killed before.
    for _ in 0..ROUNDS {
        if !kill_strays(uid) {
            return;
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// False if there are none.
fn kill_strays(uid: Option<u32>) -> bool {
    let running = running();
    let strays: Vec<Pid> = children(uid)
        .filter(|pid| !running.contains(&pid.as_raw_nonzero().get()))
        .collect();
    for stray in &strays {
        let _ = kill_process(*stray, Signal::KILL);
        // Most often it needs a moment: the next round gets it.
        let _ = waitpid(Some(*stray), WaitOptions::NOHANG);
    }
    !strays.is_empty()
}

/// Our own children, or those that run as one uid.
fn children(uid: Option<u32>) -> impl Iterator<Item = Pid> {
    let us = getpid().as_raw_nonzero().get();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(move |entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let theirs = number(&status, "Uid:")?;
            let wanted = uid.is_none_or(|uid| uid.cast_signed() == theirs);
            (number(&status, "PPid:")? == us && wanted).then(|| Pid::from_raw(pid))?
        })
}

/// The first number after a key of `/proc/<pid>/status`. Not the owner of the folder: that is root
/// once a process made itself non-dumpable.
fn number(status: &str, key: &str) -> Option<i32> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}
