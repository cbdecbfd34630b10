//! Processes that a child left behind: they die with it.
//!
//! Those in the child's process group get a signal. One that started a session of its own becomes
//! ours when its parent ends (`PR_SET_CHILD_SUBREAPER`), and is found in `/proc` by that.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, waitpid,
};

use super::identity::NOBODY;

/// Children that run now. Held while one is started, so that a new child is never taken for a stray.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

pub(super) fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running child's process group, which ends with this value, however the run ends.
#[derive(Debug)]
pub(super) struct Group(Pid);

impl Group {
    /// `running` proves that the child was started under the lock.
    pub(super) fn new(child: Pid, running: &mut BTreeSet<i32>) -> Self {
        running.insert(child.as_raw_nonzero().get());
        Self(child)
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It fails when no process is left, which is what we want.
        let _ = kill_process_group(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        running().remove(&self.0.as_raw_nonzero().get());
    }
}

/// From now on, orphans among our descendants become our children.
pub(super) fn adopt() {
    // Where it is refused, we are PID 1 of the container and adopt anyway.
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
}

/// Kills and reaps adopted processes of uid 65534 until there is none.
pub(super) fn sweep() {
    // Each round brings up the children of those killed before; a process that forks faster than
    // this is bounded by the container's end.
    for _ in 0..100 {
        let running = running();
        let strays: Vec<Pid> = children()
            .filter(|pid| !running.contains(&pid.as_raw_nonzero().get()))
            .collect();
        if strays.is_empty() {
            return;
        }
        for stray in &strays {
            let _ = kill_process(*stray, Signal::KILL);
        }
        for stray in &strays {
            let _ = waitpid(Some(*stray), WaitOptions::empty());
        }
    }
}

/// Our own children that run as uid 65534.
fn children() -> impl Iterator<Item = Pid> {
    let us = getpid().as_raw_nonzero().get();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(move |entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            (number(&status, "PPid:")? == us && number(&status, "Uid:")? == NOBODY.cast_signed())
                .then(|| Pid::from_raw(pid))?
        })
}

/// The first number after a key of `/proc/<pid>/status`. Not the owner of the folder: that is root
/// once a process made itself non-dumpable.
fn number(status: &str, key: &str) -> Option<i32> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}
