//! Running one child to its end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::process::Command;
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::capture::{self, Keep, Log};
use super::folder::Folder;
use super::identity::{NOBODY, RunAs, refused};
use super::launch;
use super::network::Network;
use super::strays::{self, Group};
use crate::outcome::Result;

/// How long a child may take to end after SIGTERM, and its pipes after that. The runner leaves 7.5
/// seconds after SIGINT and 2.5 more after SIGTERM, `docker stop` 10 after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// A child to be. Its environment is `PATH`, `HOME`, `TMPDIR`, `LANG` and what `env` adds.
#[derive(Debug)]
pub struct Child<'a> {
    /// Absolute.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The value of `PATH`.
    pub path: OsString,
    pub env: Vec<(OsString, OsString)>,
    pub folder: &'a Folder,
    pub network: Network,
    /// When its time is up. A child whose time is up already is not started.
    pub deadline: Instant,
    /// Bytes of standard output; one that prints more is killed.
    pub cap: u64,
    /// Which lines of standard error are kept.
    pub keep: Keep,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
    /// Killed by us when its time was up, or not started at all.
    TimedOut,
    /// Killed by us: more output than allowed.
    TooMuchOutput,
    /// Killed by us, or not started at all: slipway was told to stop.
    Cancelled,
    /// The program could not be started: why.
    NotStarted(String),
}

/// What is left of a child.
#[derive(Clone, Debug)]
pub struct Ended {
    pub end: End,
    /// Standard output; empty if there was too much of it. If somebody else held it open after the
    /// child's end, the log says so.
    pub output: Vec<u8>,
    pub log: Log,
    pub duration: Duration,
}

/// Starts a child and waits for its end; none of its processes outlives this call (at a desk: none
/// that can be told for its own). Fails only where the child's user can't be changed (exit 3).
pub async fn run(child: Child<'_>, cancel: &CancellationToken) -> Result<Ended> {
    let started = Instant::now();
    let run_as = child.folder.run_as();
    let not_run = |end| Ended {
        end,
        output: Vec::new(),
        log: Log::default(),
        duration: Duration::ZERO,
    };
    if cancel.is_cancelled() {
        return Ok(not_run(End::Cancelled));
    }
    if started >= child.deadline {
        return Ok(not_run(End::TimedOut));
    }
    let (mut process, group, mut ended) = match start(&child) {
        Ok(started) => started,
        Err(error) if not_allowed(&error, run_as) => return Err(refused(&error)),
        Err(error) => return Ok(not_run(End::NotStarted(why_not(&error)))),
    };
    let log = Arc::new(Mutex::new(Log::default()));
    let log_reader = tokio::spawn({
        let (pipe, keep, log) = (process.stderr.take(), child.keep, Arc::clone(&log));
        async move {
            match pipe {
                Some(pipe) => capture::log(pipe, keep, &log).await,
                None => true,
            }
        }
    });
    let (full, mut too_much) = tokio::sync::oneshot::channel();
    let output = Arc::new(Mutex::new(Vec::new()));
    let output_reader = tokio::spawn({
        let (pipe, cap, output) = (process.stdout.take(), child.cap, Arc::clone(&output));
        async move {
            if let Some(pipe) = pipe
                && !capture::output(pipe, cap, &output).await
            {
                let _ = full.send(());
            }
            true
        }
    });

    let why = tokio::select! {
        biased;
        () = cancel.cancelled() => Some(End::Cancelled),
        _ = &mut ended => None,
        Ok(()) = &mut too_much => Some(End::TooMuchOutput),
        () = tokio::time::sleep_until(child.deadline.into()) => Some(End::TimedOut),
    };
    if why.is_some() {
        group.signal(Signal::TERM);
        let _ = timeout(GRACE, ended).await;
    }
    // What the child started, and what may still hold its pipes open.
    group.signal(Signal::KILL);
    let status = process.wait().await;
    group.reaped();
    // What it could not end matters to those who get a secret, and they ask again.
    let _ = strays::sweep(run_as).await;
    // What the child itself wrote is in the pipes by now.
    let (whole_log, whole_output) = tokio::join!(finish(log_reader), finish(output_reader));
    // Its end can come before the last of its output was counted.
    let too_much = too_much.try_recv().is_ok().then_some(End::TooMuchOutput);
    let mut log = std::mem::take(&mut *capture::lock(&log));
    if !whole_log {
        log.cut_off();
    }
    if !whole_output {
        log.output_held();
    }
    let output = std::mem::take(&mut *capture::lock(&output));
    Ok(Ended {
        end: why.or(too_much).unwrap_or_else(|| end(status)),
        output,
        log,
        duration: started.elapsed(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that starts a program"
)]
fn start(child: &Child<'_>) -> io::Result<(tokio::process::Child, Group, Receiver<()>)> {
    let launched = child.folder.run_as() == RunAs::Ourselves && launch::enabled();
    let mut command = if launched {
        let (slipway, first) = launch::prefix(&child.program, child.network);
        let mut command = Command::new(slipway);
        command.args(first);
        command
    } else {
        Command::new(&child.program)
    };
    let home = child.folder.home();
    command
        .args(&child.args)
        .env_clear()
        .env("PATH", &child.path)
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("LANG", "C.UTF-8")
        .envs(child.env.iter().map(|(name, value)| (name, value)))
        .current_dir(child.folder.empty())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if child.folder.run_as() == RunAs::Nobody {
        // std clears the supplementary groups of a child whose uid it changes, if it is root.
        command.uid(NOBODY).gid(NOBODY);
        strays::adopt();
    }
    let mut running = strays::running();
    let process = if launched {
        launch::spawn(command)?
    } else {
        spawn(command, child)?
    };
    let pid = process
        .id()
        .and_then(|pid| Pid::from_raw(pid.cast_signed()))
        .ok_or_else(|| io::Error::other("it ended before it began"))?;
    let group = Group::new(pid, &mut running);
    drop(running);
    let ended = group.ended()?;
    Ok((process, group, ended))
}

/// From a thread of its own: what a child must not have is taken from its parent's thread.
fn spawn(mut command: Command, child: &Child<'_>) -> io::Result<tokio::process::Child> {
    let runtime = tokio::runtime::Handle::current();
    let spawn = || {
        let _inside = runtime.enter();
        if child.folder.run_as() == RunAs::Nobody {
            // A setuid program gives nothing.
            rustix::thread::set_no_new_privs(true)?;
        }
        child.network.enforce()?;
        command.spawn()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, spawn)?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether the child's user could not be changed, rather than its program not be run.
fn not_allowed(error: &io::Error, run_as: RunAs) -> bool {
    use rustix::io::Errno;
    run_as == RunAs::Nobody
        && matches!(
            Errno::from_io_error(error),
            Some(Errno::PERM | Errno::INVAL)
        )
}

/// What the kernel's refusal means, in words.
fn why_not(error: &io::Error) -> String {
    use rustix::io::Errno;
    let why = match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "it, or the interpreter that it names, is not there",
        Some(Errno::ACCESS) => {
            "it, or a folder on its path, is closed to the user it runs as, or mounted noexec"
        }
        Some(Errno::NOEXEC) => "it is no program, or one for another kind of machine",
        Some(Errno::TXTBSY) => "it is being written just now",
        _ => return error.to_string(),
    };
    format!("{why}: {error}")
}

fn end(status: io::Result<std::process::ExitStatus>) -> End {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        },
        Err(error) => End::NotStarted(error.to_string()),
    }
}

/// Whether a reader came to its end. Its pipe closes when the last process that holds it is gone;
/// one that we could not end must not hold us up.
async fn finish(mut reader: tokio::task::JoinHandle<bool>) -> bool {
    let Ok(whole) = timeout(GRACE, &mut reader).await else {
        reader.abort();
        return false;
    };
    whole.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::process::everything;
    use crate::process::network::can_be_closed;

    /// Runs a shell script as a child.
    async fn shell(script: &str, run_as: RunAs, limit: Duration, cap: u64) -> Ended {
        let folder = Folder::new("slipway-test-", run_as).unwrap();
        shell_in(script, &folder, limit, cap, &CancellationToken::new()).await
    }

    async fn shell_in(
        script: &str,
        folder: &Folder,
        limit: Duration,
        cap: u64,
        cancel: &CancellationToken,
    ) -> Ended {
        let child = Child {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            path: "/usr/bin:/bin".into(),
            env: vec![("ADDED".into(), "yes".into())],
            folder,
            network: Network::Closed,
            deadline: Instant::now() + limit,
            cap,
            keep: everything,
        };
        run(child, cancel).await.unwrap()
    }

    const LONG: Duration = Duration::from_mins(1);

    fn identities() -> Vec<RunAs> {
        let mut all = vec![RunAs::Ourselves];
        all.extend(crate::testing::needs_root().then_some(RunAs::Nobody));
        all
    }

    /// One that is dead and waits to be reaped by PID 1 is not alive.
    fn alive(pid: &str) -> bool {
        let status = Path::new("/proc").join(pid.trim()).join("status");
        fs::read_to_string(status).is_ok_and(|status| !status.contains("State:\tZ"))
    }

    /// The living processes whose environment names the child's folder.
    fn at_home_in(folder: &Folder) -> Vec<String> {
        let home = format!("HOME={}\0", folder.home().display());
        let processes = fs::read_dir("/proc").unwrap();
        processes
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|pid| {
                let environment = Path::new("/proc").join(pid).join("environ");
                let environment = fs::read(environment).unwrap_or_default();
                String::from_utf8_lossy(&environment).contains(&home)
            })
            .collect()
    }

    #[tokio::test]
    async fn the_environment_is_built_from_nothing() {
        let folder = Folder::new("slipway-test-", RunAs::Ourselves).unwrap();
        let ended = shell_in("env; pwd", &folder, LONG, 10_000, &CancellationToken::new()).await;
        let text = String::from_utf8(ended.output).unwrap();
        let home = folder.home().display().to_string();
        let mut lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("_="))
            .collect();
        lines.sort_unstable();
        let empty = folder.empty().display().to_string();
        assert_eq!(
            lines,
            [
                empty.as_str(),
                "ADDED=yes",
                &format!("HOME={home}"),
                "LANG=C.UTF-8",
                "PATH=/usr/bin:/bin",
                &format!("PWD={empty}"),
                &format!("TMPDIR={home}"),
            ]
        );
    }

    #[tokio::test]
    async fn ends_are_told_apart() {
        for run_as in identities() {
            for (script, expected) in [
                ("exit 0", End::Code(0)),
                ("exit 7", End::Code(7)),
                ("kill -SEGV $$", End::Signal(11)),
                ("yes", End::TooMuchOutput),
                ("head -c 2000 /dev/zero", End::TooMuchOutput),
            ] {
                let ended = shell(script, run_as, LONG, 1000).await;
                assert_eq!(ended.end, expected, "{script} as {run_as:?}");
            }
            let ended = shell("echo out; echo err >&2", run_as, LONG, 1000).await;
            assert_eq!(ended.output, b"out\n");
            assert_eq!(ended.log.text(), "err\n");
        }
    }

    /// Leaves a process in a session of its own that holds the pipes that `kept` does not close. It
    /// tells its id through a pipe, which ends only when it has.
    fn leave_behind(kept: &str) -> String {
        format!(
            "mkfifo $HOME/up; setsid sh -c 'echo $$ >$HOME/up; exec sleep 1000 {kept}' &
             cat $HOME/up; echo err >&2"
        )
    }

    /// At a desk, where strays can't be told apart in a process that has other children.
    #[tokio::test]
    async fn pipes_that_are_held_open_keep_what_was_read() {
        for (kept, text) in [
            (">/dev/null", "err\n[not read to its end]\n"),
            (
                "2>/dev/null",
                "err\n[a process that it left behind held its output open: what it had printed is kept]\n",
            ),
            (">/dev/null 2>&1", "err\n"),
        ] {
            let ended = shell(&leave_behind(kept), RunAs::Ourselves, LONG, 1000).await;
            let pid = String::from_utf8(ended.output).unwrap();
            let pid = pid.trim().parse().ok().and_then(Pid::from_raw).unwrap();
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
            assert_eq!(ended.end, End::Code(0));
            assert_eq!(ended.log.text(), text);
            assert_eq!(ended.log.unfinished(), text.contains("not read"));
            assert!(ended.duration < LONG / 2, "{:?}", ended.duration);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_started_says_why() {
        let folder = Folder::new("slipway-test-", RunAs::Ourselves).unwrap();
        let file = |name: &str, content: &str, mode| {
            let path = folder.home().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        for (program, why) in [
            ("/nowhere/trivy".into(), "is not there"),
            (
                file("script", "#!/nowhere/sh\n", 0o755),
                "the interpreter that it names",
            ),
            (file("closed", "#!/bin/sh\n", 0o644), "closed to the user"),
            (folder.home(), "closed to the user"),
            (
                file("alien", "\x7fELF\x01", 0o755),
                "another kind of machine",
            ),
            (file("empty", "", 0o755), "it is no program"),
        ] {
            let child = Child {
                program,
                args: Vec::new(),
                path: OsString::new(),
                env: Vec::new(),
                folder: &folder,
                network: Network::Open,
                deadline: Instant::now() + LONG,
                cap: 1,
                keep: everything,
            };
            let ended = run(child, &CancellationToken::new()).await.unwrap();
            let End::NotStarted(said) = ended.end else {
                panic!("{why}: {:?}", ended.end)
            };
            assert!(said.contains(why), "{said}");
        }
    }

    #[tokio::test]
    async fn the_time_limit_ends_the_whole_group() {
        for run_as in identities() {
            // One that ignores SIGTERM, and its child.
            let script = "trap '' TERM; sleep 1000 & while :; do sleep 1000; done";
            let folder = Folder::new("slipway-test-", run_as).unwrap();
            let (limit, cancel) = (Duration::from_millis(300), CancellationToken::new());
            let ended = shell_in(script, &folder, limit, 1000, &cancel).await;
            assert_eq!(ended.end, End::TimedOut);
            assert!(ended.duration < Duration::from_secs(10));
            assert_eq!(at_home_in(&folder), [""; 0]);
        }
    }

    #[tokio::test]
    async fn cancelling_ends_it() {
        let cancel = CancellationToken::new();
        let folder = Folder::new("slipway-test-", RunAs::Ourselves).unwrap();
        let up = folder.home().join("up");
        let cancelled = async {
            while !up.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cancel.cancel();
        };
        let script = "touch $HOME/up; exec sleep 1000";
        let (ended, ()) = tokio::join!(shell_in(script, &folder, LONG, 1000, &cancel), async {
            timeout(LONG, cancelled).await.unwrap();
        });
        assert_eq!(ended.end, End::Cancelled);
        assert!(ended.duration < LONG / 2);
    }

    #[tokio::test]
    async fn without_time_nothing_is_started() {
        let folder = Folder::new("slipway-test-", RunAs::Ourselves).unwrap();
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        for (limit, cancel, end) in [
            (Duration::ZERO, CancellationToken::new(), End::TimedOut),
            (LONG, cancelled, End::Cancelled),
        ] {
            let ended = shell_in("touch $HOME/up", &folder, limit, 1000, &cancel).await;
            assert_eq!(ended.end, end);
            assert!(!folder.home().join("up").exists());
        }
    }

    #[tokio::test]
    async fn a_child_that_leaves_its_group_is_found() {
        if !crate::testing::needs_root() {
            return; // Strays are told apart by their uid, which only root can change.
        }
        let ended = shell(&leave_behind(""), RunAs::Nobody, LONG, 1000).await;
        assert_eq!(ended.end, End::Code(0));
        let pid = String::from_utf8(ended.output).unwrap();
        assert!(!pid.trim().is_empty() && !alive(&pid), "{pid}");
    }

    /// By the kernel: no variable tells this child of a proxy.
    #[tokio::test]
    async fn a_closed_network_is_out_of_reach() {
        if !crate::testing::needs("Landlock's network rules", can_be_closed()) {
            return;
        }
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let script = format!(
            "import socket\n\
             def attempt(act):\n\
             \x20   try: act(); print('yes')\n\
             \x20   except OSError as error: print(error.errno)\n\
             attempt(lambda: socket.create_connection(('127.0.0.1', {port})))\n\
             attempt(lambda: socket.create_server(('127.0.0.1', 0)))\n"
        );
        let identities = identities();
        for (run_as, (network, expected)) in identities.iter().flat_map(|run_as| {
            let all = [(Network::Open, "yes\nyes\n"), (Network::Closed, "13\n13\n")];
            all.map(|one| (*run_as, one))
        }) {
            let folder = Folder::new("slipway-test-", run_as).unwrap();
            let child = Child {
                program: "/usr/bin/python3".into(),
                args: vec!["-c".into(), script.clone().into()],
                path: OsString::new(),
                env: Vec::new(),
                folder: &folder,
                network,
                deadline: Instant::now() + LONG,
                cap: 1000,
                keep: everything,
            };
            let ended = run(child, &CancellationToken::new()).await.unwrap();
            let said = String::from_utf8(ended.output).unwrap();
            assert_eq!(
                said,
                expected,
                "{network:?} {run_as:?} {}",
                ended.log.text()
            );
        }
        // This process still has it.
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[tokio::test]
    async fn nobody_has_no_groups_no_capabilities_and_one_folder() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
        }
        let folder = Folder::new("slipway-test-", RunAs::Nobody).unwrap();
        let secret = folder.entrust("docker", "config.json", b"{}").unwrap();
        folder.give("given", b"x").unwrap();
        let given = folder.given();
        let script = format!(
            "cat /proc/self/status; cat {}/config.json; cat {given}/given; \
             echo x >{given}/new 2>/dev/null || echo NO; echo x >new 2>/dev/null || echo NO; \
             echo x >$HOME/new && echo YES",
            secret.display(),
            given = given.display(),
        );
        let ended = shell_in(&script, &folder, LONG, 10_000, &CancellationToken::new()).await;
        let text = String::from_utf8(ended.output).unwrap();
        let line = |key: &str| {
            text.lines()
                .find(|line| line.starts_with(key))
                .unwrap()
                .to_owned()
        };
        assert_eq!(line("Uid:"), "Uid:\t65534\t65534\t65534\t65534");
        assert_eq!(line("Gid:"), "Gid:\t65534\t65534\t65534\t65534");
        assert_eq!(line("Groups:").trim_end(), "Groups:");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(
                line(set).split_whitespace().last(),
                Some("0000000000000000"),
                "{set}"
            );
        }
        assert_eq!(line("NoNewPrivs:"), "NoNewPrivs:\t1");
        assert!(text.ends_with("{}xNO\nNO\nYES\n"), "{text}");
        assert!(!fs::exists(given.join("new")).unwrap());
    }
}
