//! Processes that a child left behind: they die with it.
//!
//! Those in the child's process group get a signal. One that started a session of its own becomes
//! ours when its parent ends (`PR_SET_CHILD_SUBREAPER`), and is found in `/proc` by that. One that
//! forks without end, so that no look at `/proc` finds it, is ended in our image by one signal to all
//! processes of its uid: the kernel lets nobody fork meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, Uid, WaitId, WaitIdOptions, WaitOptions, getpid, getppid, kill_process,
    kill_process_group, waitid, waitpid,
};
use tokio::sync::oneshot;

use super::identity::{NOBODY, Place, RunAs, undumpable};
use crate::outcome::{Failure, Result};

/// The real uid of the thread that ends the processes of [`NOBODY`]: one that no process has.
const SENDER: u32 = 65533;

/// How long a sweep goes on. What forks faster, or can't be killed, is left, and the sweep says so.
const LIMIT: Duration = Duration::from_secs(1);
/// How long a round that killed something gives the dying.
const ROUND: Duration = Duration::from_millis(1);
/// Rounds in a row that found nothing, while no process was born anywhere, before that is believed:
/// a process that forks and ends at once can slip through one look at `/proc`.
const QUIET: u32 = 3;
/// As many where processes are born all the time, our own threads and other people's included.
const BUSY: u32 = 50;

/// Children that run now. Held while one is started, so that a new child is never taken for a stray.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Whether every child of this process is one of ours or was left behind by one.
static ALL_OURS: AtomicBool = AtomicBool::new(false);

/// Whether all processes of [`NOBODY`] that we can see are of our children's making.
static ALONE: AtomicBool = AtomicBool::new(false);

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
    ///
    /// # Errors
    /// No thread could be started.
    pub(super) fn ended(&self) -> io::Result<oneshot::Receiver<()>> {
        let child = WaitId::Pid(self.child);
        let (told, ended) = oneshot::channel();
        // Not one of the runtime's: those panic where there are too many.
        thread::Builder::new().spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // It fails if there is nothing to wait for.
            let _ = rustix::io::retry_on_intr(|| waitid(child.clone(), options));
            // Whoever asked may have given up.
            let _ = told.send(());
        })?;
        Ok(ended)
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
    if getpid().is_init() || !children(None).is_empty() {
        return;
    }
    adopt();
    ALL_OURS.store(true, Ordering::Relaxed);
}

/// In our image nobody else runs as [`NOBODY`], unless the container was given other processes to
/// see (`--pid=host`): then neither this process nor its parent (`--init`) is the first.
pub(super) fn alone_in_image() {
    let first = getpid().is_init() || getppid().is_some_and(Pid::is_init);
    if first && Place::is_image() {
        ALONE.store(true, Ordering::Relaxed);
    }
}

/// Kills and reaps what children left behind, until there is nothing; false if something may be
/// left. Those of a child that still runs are not spared.
pub(super) async fn sweep(run_as: RunAs) -> bool {
    let uid = match run_as {
        RunAs::Nobody => Some(NOBODY),
        RunAs::Ourselves if ALL_OURS.load(Ordering::Relaxed) => None,
        // They can't be told from others.
        RunAs::Ourselves => return true,
    };
    let end = Instant::now() + LIMIT;
    let (mut quiet, mut empty) = (0, 0);
    while Instant::now() < end {
        let before = last_born();
        // Each round brings up the children of those killed before.
        let round = kill_strays(uid);
        if round.found {
            (quiet, empty) = (0, 0);
            tokio::time::sleep(ROUND).await;
            continue;
        }
        empty += 1;
        tokio::task::yield_now().await;
        quiet += u32::from(before.is_some() && before == last_born());
        // A child that runs gives birth as well: the sweep after the last one is thorough.
        if round.all_killed || round.others_run || quiet >= QUIET || empty >= BUSY {
            return true;
        }
    }
    false
}

/// Before a child gets what those before it must not see: exit 3 if a process of theirs may be left,
/// which shares its uid and so could read its files and its environment.
pub async fn nobody_left(run_as: RunAs) -> Result<()> {
    if sweep(run_as).await {
        return Ok(());
    }
    Err(Failure::error(
        "A scanner's processes can't be ended",
        "A scanner left processes behind that start new ones faster than they can be ended, or that the \
         system does not let us end. The next one was to be given credentials, which they could have read.",
    )
    .because("This is no behaviour of the scanners that we know: one may have been tampered with.")
    .next(
        "Look at what this machine has installed as scanners, and treat what the job's earlier steps \
         had as known to others. Scan images in a job of their own.",
    ))
}

/// What a round came upon.
struct Round {
    found: bool,
    /// Whatever was left, found or not, has been sent the signal that ends it.
    all_killed: bool,
    others_run: bool,
}

fn kill_strays(uid: Option<u32>) -> Round {
    // Held, so that no child starts meanwhile.
    let running = running();
    let others_run = !running.is_empty();
    let all_killed =
        uid == Some(NOBODY) && !others_run && ALONE.load(Ordering::Relaxed) && kill_all();
    let strays: Vec<Pid> = children(uid)
        .into_iter()
        .filter(|pid| !running.contains(&pid.as_raw_nonzero().get()))
        .collect();
    for stray in &strays {
        if let Some(group) = group_elsewhere(*stray) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = kill_process(*stray, Signal::KILL);
        // Most often it needs a moment: the next round gets it.
        let _ = waitpid(Some(*stray), WaitOptions::NOHANG);
    }
    Round {
        found: !strays.is_empty(),
        all_killed,
        others_run,
    }
}

/// The group of a process, in which a chain of forks most often stays. None in our session, where it
/// could have joined anybody's.
fn group_elsewhere(pid: Pid) -> Option<Pid> {
    let pid = pid.as_raw_nonzero().get();
    let ours = number(getpid().as_raw_nonzero().get(), "NSsid:")?;
    // By `/proc`: 0 stands for what our namespace does not see.
    let elsewhere = number(pid, "NSsid:").is_some_and(|session| session != ours);
    let group = number(pid, "NSpgid:").filter(|group| elsewhere && *group > 1)?;
    Pid::from_raw(group)
}

/// Kills every process of [`NOBODY`] that this one can see, by one signal: the kernel holds its list
/// of processes meanwhile, and whoever forks just then is killed first. False if that can't be had.
fn kill_all() -> bool {
    // The kernel asks for the sender's real and effective uid, root's real one is any process's
    // match, and whoever has one of them as real or saved uid could kill this thread, and us with it.
    let sender = || -> io::Result<()> {
        let (real, effective) = (Uid::from_raw(SENDER), Uid::from_raw(NOBODY));
        rustix::thread::set_thread_res_uid(real, effective, Uid::ROOT)?;
        undumpable()?;
        // `kill(-1)`: everybody but the first process and ourselves.
        match kill_process_group(Pid::INIT, Signal::KILL) {
            // Nobody is there.
            Err(Errno::SRCH | Errno::PERM) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    // A thread may be refused where there are too many processes already.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, sender);
        thread.is_ok_and(|thread| thread.join().is_ok_and(|sent| sent.is_ok()))
    })
}

/// The number of the process, or thread, that was born last, which changes with every birth.
/// Source: <https://man7.org/linux/man-pages/man5/proc_loadavg.5.html>.
fn last_born() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().last()?.to_owned())
}

/// Our own children, or those that run as one uid; the dead that nobody has waited for included.
fn children(uid: Option<u32>) -> Vec<Pid> {
    let pids = listed().unwrap_or_else(looked_for);
    let wanted = |pid: &i32| uid.is_none_or(|uid| number(*pid, "Uid:") == Some(uid.cast_signed()));
    let pids = pids.into_iter().filter(wanted);
    pids.filter_map(Pid::from_raw).collect()
}

/// By the kernel's own list, which is quick to read; None where it keeps none
/// (`CONFIG_PROC_CHILDREN`).
fn listed() -> Option<Vec<i32>> {
    let ours = format!("/proc/self/task/{}/children", getpid());
    fs::metadata(ours).ok()?;
    let mut all = Vec::new();
    for thread in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // What a thread that has ended leaves is another's.
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Some(all)
}

/// By a look at every process.
fn looked_for() -> Vec<i32> {
    let us = getpid().as_raw_nonzero().get();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| number(*pid, "PPid:") == Some(us))
        .collect()
}

/// The first number after a key of `/proc/<pid>/status`. Not the owner of the folder: that is root
/// once a process made itself non-dumpable.
fn number(pid: i32, key: &str) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}
