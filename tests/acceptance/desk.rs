//! The binary at a desk, with a scanner that misbehaves: nothing of it stays, whatever ends slipway.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Runner, SLIPWAY};
use crate::testing::needs_root;

/// More than enough for what is waited for.
const CAP: Duration = Duration::from_mins(1);
/// A report of Trivy's that found nothing.
const CLEAN: &str = r#"echo '{"SchemaVersion":2,"Trivy":{"Version":"0.0.0"}}'"#;
/// Tells its own process id in the file `pid` of the desk, whole at once.
const HERE: &str = "echo $$ >DESK/pid.new; mv DESK/pid.new DESK/pid";

struct Desk(tempfile::TempDir);

impl Desk {
    /// With a file to scan and a shell script as `trivy`; `DESK` in it is the desk's folder.
    fn new(trivy: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["work", "programs", "tmp"] {
            fs::create_dir(desk.path(name)).unwrap();
        }
        fs::write(desk.path("work/a.txt"), "text").unwrap();
        let trivy = trivy.replace("DESK", desk.0.path().to_str().unwrap());
        desk.program(format!("#!/bin/sh\n{trivy}\n").as_bytes());
        desk
    }

    fn program(&self, content: &[u8]) {
        let path = self.path("programs/trivy");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Prepares `program`, which is or becomes slipway.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/bin:/bin", self.path("programs").display());
        command
            .env_clear()
            .env("PATH", path)
            .env("TMPDIR", self.path("tmp"))
            .env(
                "SLIPWAY_REGISTRY_AUTH",
                "registry.invalid me hunter2-hunter2",
            )
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A scan of the tree for secrets, which needs no database.
    fn scan(&self, more: &[&str]) -> Command {
        let mut command = self.command(SLIPWAY);
        command.args(SCAN).args(more);
        command
    }

    /// What lies in the temporary directory.
    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The process that the script named, once it did.
    fn pid(&self) -> Pid {
        let file = self.path("pid");
        wait_until("the scanner runs", || file.exists());
        let pid = fs::read_to_string(file).unwrap();
        Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
    }
}

const SCAN: [&str; 7] = [
    "--format",
    "json",
    "security-scan",
    "--scanners",
    "trivy",
    "--trivy-checks",
    "secret",
];

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < CAP, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One that is dead and waits to be reaped by its new parent is not alive.
fn alive(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Exit code and report of a run that ended by itself.
fn ended(mut command: Command) -> (i32, Value) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{told}"));
    let report = serde_json::from_slice(&output.stdout);
    (
        code,
        report.unwrap_or_else(|error| panic!("{error}: {told}")),
    )
}

fn gaps(report: &Value) -> Vec<&str> {
    let scans = report["scans"].as_array().unwrap().iter();
    scans
        .flat_map(|scan| scan["gaps"].as_array().unwrap())
        .map(|gap| gap["what"].as_str().unwrap())
        .collect()
}

#[test]
fn a_scanner_dies_with_a_slipway_that_is_killed_and_the_next_run_clears_up() {
    let desk = Desk::new(&format!("{HERE}; exec sleep 1000"));
    let image = ["--path", "none", "--images", "registry.invalid/acme/api:1"];
    let mut slipway = desk.scan(&image).spawn().unwrap();
    let scanner = desk.pid();
    slipway.kill().unwrap();
    slipway.wait().unwrap();
    wait_until("the scanner is dead", || !alive(scanner));
    let [left] = &desk.left()[..] else {
        panic!("{:?}", desk.left())
    };
    assert!(left.join("home/docker/config.json").exists());

    // While another run works, its folder is not touched.
    fs::remove_file(desk.path("pid")).unwrap();
    let mut working = desk.scan(&[]).spawn().unwrap();
    let scanner = desk.pid();
    assert!(!left.exists());
    let used = desk.left();
    assert_eq!(used.len(), 1);
    let (code, _) = ended(desk.scan(&["--path", "none"]));
    assert_eq!(code, 2, "nothing to scan");
    assert_eq!(desk.left(), used);
    assert!(alive(scanner));
    kill_process(Pid::from_child(&working), Signal::TERM).unwrap();
    assert_eq!(working.wait().unwrap().code(), Some(3));
    assert_eq!(desk.left(), [""; 0].map(PathBuf::from));
    assert!(!alive(scanner));
}

#[test]
fn folders_deeper_than_a_path_or_the_limit_of_open_files_are_removed() {
    // 200 bytes a level: 60,000 in all.
    let deep = r#"
        cd "$HOME"; name=$(printf '%0200d' 0); level=0
        while [ $level -lt 300 ]; do
            mkdir $name && cd -P $name || exit 9
            level=$((level + 1))
        done"#;
    let desk = Desk::new(&format!("{deep}\n{CLEAN}"));
    let mut command = desk.command("/bin/sh");
    command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh", SLIPWAY]);
    command.args(SCAN);
    let (code, report) = ended(command);
    assert_eq!(code, 0, "{report}");
    assert_eq!(desk.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn without_threads_or_open_files_it_says_so() {
    // As the job's own user, with a limit of its processes: root has none.
    const USER: u32 = 30_457;
    let desk = Desk::new(CLEAN);
    let slipway = desk.path("programs/slipway");
    fs::copy(SLIPWAY, &slipway).unwrap();
    for name in ["", "work", "tmp"] {
        fs::set_permissions(desk.path(name), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let run = |limit: &str, user: Option<u32>| {
        let mut command = desk.command("/bin/bash");
        command
            .args(["-c", &format!("ulimit {limit}; exec \"$@\""), "bash"])
            .arg(&slipway)
            .args(SCAN);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        ended(command)
    };
    let (code, report) = run("-n 6", None);
    let title = report["error"]["title"].as_str();
    assert_eq!((code, title), (3, Some("No runtime")), "{report}");
    if !needs_root() {
        return; // Only root can become another.
    }
    for threads in 1..=8 {
        let (code, report) = run(&format!("-u {threads}"), Some(USER));
        assert!(matches!(code, 0 | 3 | 5), "{threads}: {report}");
        assert_ne!(report["error"]["title"], "Bug in slipway", "{threads}");
        assert!(threads > 1 || code == 3, "{report}");
    }
}

#[test]
fn files_of_an_earlier_run_do_not_stand_as_this_runs() {
    let desk = Desk::new(CLEAN);
    let at = |name: &str| desk.path(&format!("work/slipway-results/security-scan/{name}"));
    let ours = ["report.json", "slipway-trivy-fs.sarif", "logs/trivy-fs.log"];
    let there = |names: &[&str]| names.iter().all(|name| at(name).exists());
    assert_eq!(ended(desk.scan(&[])).0, 0);
    fs::create_dir_all(at("logs")).unwrap();
    fs::write(at("logs/trivy-fs.log"), "earlier").unwrap();
    fs::write(at("notes.txt"), "the user's").unwrap();
    assert!(there(&ours));
    // Wrong before there is anything to write: what an earlier run said is no longer true.
    assert_eq!(ended(desk.scan(&["--path", "none"])).0, 2);
    assert!(!there(&ours[..1]) && there(&ours[1..]));
    fs::write(at("report.json"), "earlier").unwrap();
    fs::write(desk.path("work/policy.yml"), "version: 0\n").unwrap();
    let (code, report) = ended(desk.scan(&["--policy", "policy.yml"]));
    assert_eq!(code, 2, "{report}");
    assert!(ours.iter().all(|name| !at(name).exists()));
    assert!(there(&["notes.txt"]));
}

#[test]
fn what_a_scanner_leaves_behind_is_ended_and_its_output_is_good() {
    // In a session of its own, without a parent, holding both pipes.
    let daemon = format!(
        "(setsid sh -c '{HERE}; exec sleep 1000' &) & \
         until [ -e DESK/pid ]; do sleep 0.01; done; {CLEAN}"
    );
    let desk = Desk::new(&daemon);
    let begin = Instant::now();
    let (code, report) = ended(desk.scan(&[]));
    assert_eq!((code, gaps(&report)), (0, vec![]), "{report:#}");
    assert!(!alive(desk.pid()));
    assert!(begin.elapsed() < CAP, "{:?}", begin.elapsed());
}

#[test]
fn what_somebody_else_started_is_not_touched() {
    // A shell with a job in the background becomes slipway.
    let daemon = format!(
        "(setsid sh -c '{HERE}; exec sleep 1000' >/dev/null 2>&1 &) & \
         until [ -e DESK/pid ]; do sleep 0.01; done; {CLEAN}"
    );
    let desk = Desk::new(&daemon);
    let mut command = desk.command("/bin/sh");
    command
        .args([
            "-c",
            r#"sleep 1000 >/dev/null 2>&1 & echo $! >&2; exec "$0" "$@""#,
        ])
        .arg(SLIPWAY)
        .args(SCAN);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let job = told.lines().next().unwrap().parse().unwrap();
    let (job, left) = (Pid::from_raw(job).unwrap(), desk.pid());
    let untouched = alive(job);
    for pid in [job, left] {
        // What is left of the test itself.
        let _ = kill_process(pid, Signal::KILL);
    }
    assert!(untouched);
}

#[test]
fn the_time_limit_is_one_for_all() {
    // Five scanners that each would use it up.
    let desk = Desk::new("exec sleep 1000");
    let images = ["a", "b", "c", "d"].map(|name| format!("--images=registry.invalid/{name}:1"));
    let mut command = desk.scan(&["--timeout=3s"]);
    command.args(&images);
    let (code, report) = ended(command);
    assert_eq!(code, 5);
    let said = gaps(&report);
    assert_eq!(said.len(), 5, "{said:?}");
    let late = "when the 3 seconds of all scanners together were up";
    assert!(
        said[0].contains(&format!("was not done {late}")),
        "{said:?}"
    );
    for gap in &said[1..] {
        assert!(gap.contains(&format!("was not started {late}")), "{gap}");
    }
    let timings = report["timings"].as_array().unwrap();
    let scanners = timings.iter().find(|it| it["step"] == "scanners").unwrap();
    // Five limits would be 15 seconds.
    assert!(scanners["seconds"].as_f64().unwrap() < 9.0, "{timings:?}");
}

#[test]
fn trivy_ends_by_itself_if_nobody_is_there_to_end_it() {
    let desk = Desk::new(&format!("echo \"$*\" >DESK/arguments; {CLEAN}"));
    assert_eq!(ended(desk.scan(&["--timeout=100s"])).0, 0);
    let arguments = fs::read_to_string(desk.path("arguments")).unwrap();
    let timeout = arguments
        .split(' ')
        .find_map(|it| it.strip_prefix("--timeout="));
    let seconds: u64 = timeout.unwrap().trim_end_matches('s').parse().unwrap();
    assert!((101..=160).contains(&seconds), "{arguments}");
}

#[test]
fn a_scanner_gets_no_file_of_slipways() {
    let desk = Desk::new(&format!(
        "{{ readlink /proc/self/fd/0; ls /proc/self/fd; }} >DESK/open; {CLEAN}"
    ));
    let open = || fs::read_to_string(desk.path("open")).unwrap();
    // Whoever started the tests may have left some open.
    let mut direct = desk.command(desk.path("programs/trivy").to_str().unwrap());
    assert!(direct.output().unwrap().status.success());
    let expected = open();
    assert!(expected.starts_with("/dev/null\n0\n1\n"), "{expected}");
    fs::remove_file(desk.path("open")).unwrap();
    assert_eq!(ended(desk.scan(&[])).0, 0);
    assert_eq!(open(), expected);
}

#[test]
fn a_program_that_cannot_be_started_says_why() {
    for (content, why) in [
        (
            &b"#!/nowhere/sh\n"[..],
            "could not be started: it, or the interpreter that it names, is not there",
        ),
        // A shell tries what the kernel refused, as with every `execvp`.
        (b"\x7fELF\x01", "ended with exit code 127; its last words"),
    ] {
        let desk = Desk::new("");
        desk.program(content);
        let (code, report) = ended(desk.scan(&[]));
        assert_eq!(code, 5);
        let said = gaps(&report);
        assert!(said[0].contains(why), "{said:?}");
    }
}

#[test]
fn a_terminal_that_is_closed_cancels() {
    let desk = Desk::new(&format!("{HERE}; exec sleep 1000"));
    // Whatever the tests themselves were started with.
    let mut command = desk.command("/usr/bin/env");
    command.args(["--default-signal=HUP", SLIPWAY]).args(SCAN);
    let slipway = command.spawn().unwrap();
    let scanner = desk.pid();
    let told = cancelled(slipway, Signal::HUP);
    assert!(told.contains("Cancelled by SIGHUP"), "{told}");
    assert!(!alive(scanner));
    assert_eq!(desk.left(), [""; 0].map(PathBuf::from));

    // Not where it is ignored.
    let desk = Desk::new(&format!("{HERE}; exec sleep 1000"));
    let mut command = desk.command("/bin/sh");
    command
        .args(["-c", r#"trap "" HUP; exec "$0" "$@""#])
        .arg(SLIPWAY)
        .args(SCAN);
    let slipway = command.spawn().unwrap();
    desk.pid();
    kill_process(Pid::from_child(&slipway), Signal::HUP).unwrap();
    let told = cancelled(slipway, Signal::TERM);
    assert!(told.contains("Cancelled by SIGTERM"), "{told}");
}

/// Sends a signal, and gives back what was told of it.
fn cancelled(mut slipway: Child, signal: Signal) -> String {
    kill_process(Pid::from_child(&slipway), signal).unwrap();
    let mut told = String::new();
    slipway
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(slipway.wait().unwrap().code(), Some(3), "{told}");
    told
}

/// While the secrets are masked, before any input is read.
#[test]
fn a_signal_in_the_first_moments_is_not_lost() {
    let desk = Desk::new("exec sleep 1000");
    // More than a pipe holds, so that it waits for its reader there.
    let secret = "x".repeat(100_000);
    let runner = Runner::new()
        .input("registry-auth", &secret)
        .input("scanners", "trivy")
        .input("trivy-checks", "secret")
        .input("upload", "false");
    let mut slipway = Command::new(SLIPWAY)
        .arg("security-scan")
        .env_clear()
        .envs(runner.variables())
        .env("PATH", desk.path("programs"))
        .current_dir(runner.workspace())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut out = BufReader::with_capacity(1, slipway.stdout.take().unwrap());
    assert_eq!(out.fill_buf().unwrap(), b":");
    kill_process(Pid::from_child(&slipway), Signal::TERM).unwrap();
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    assert_eq!(slipway.wait().unwrap().code(), Some(3));
    assert!(rest.contains("Cancelled by SIGTERM"));
    assert!(rest.contains("::error title=Cancelled::"));
    assert_eq!(runner.outputs()["result"], "error");
}

#[test]
fn half_a_result_of_a_run_that_was_killed_is_removed() {
    let desk = Desk::new(CLEAN);
    let results = desk.path("work/slipway-results/security-scan");
    fs::create_dir_all(&results).unwrap();
    let left = results.join(".slipway-01234567-89ab-4def-8123-456789abcdef");
    fs::write(&left, "half").unwrap();
    let other = results.join(".slipway-notes");
    fs::write(&other, "mine").unwrap();
    assert_eq!(ended(desk.scan(&[])).0, 0);
    assert!(!left.exists() && other.exists());
}

#[test]
fn a_full_disk_is_said_and_leaves_no_half_of_a_file() {
    if !needs_root() {
        return; // Only root can mount a disk that is soon full.
    }
    let desk = Desk::new(&format!(
        "yes 'a line of the log' | head -n 50000 >&2; {CLEAN}"
    ));
    fs::create_dir(desk.path("work/slipway-results")).unwrap();
    let mut command = desk.command("/usr/bin/unshare");
    let full = "mount -t tmpfs -o size=64k none slipway-results; \"$0\" \"$@\"; code=$?; \
                find slipway-results -name '.slipway-*' -printf 'left: %p' >&2; exit $code";
    command
        .args(["--mount", "/bin/sh", "-c", full, SLIPWAY])
        .args(SCAN);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    for said in ["No space left on device", "df -h"] {
        assert!(told.contains(said), "{told}");
    }
    assert!(!told.contains("left: "), "{told}");
}
