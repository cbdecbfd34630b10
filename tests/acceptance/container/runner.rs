//! One step of a container action, as the Actions runner itself starts it: the same `docker run`, mounts, environment
//! and owners. After `ContainerActionHandler.cs` and `DockerCommandManager.cs` of `actions/runner`, and the command line
//! that hosted runners print.
//!
//! ```ignore
//! let Some(docker) = docker() else { return };
//! let job = Job::new().tree("tests/sample-app").commit();
//! let result = Step::new(docker, &docker.slipway_scan).action("security-scan").input("path", ".").run(&job);
//! assert_eq!(result.exit, 1);
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::docker::{Docker, Image, repository, succeeded};
use crate::protocol::{Annotation, Log};

/// The user `runner` of hosted runners.
pub(crate) const RUNNER_UID: u32 = 1001;
/// How long a step may take before the harness calls it hung.
const LIMIT: Duration = Duration::from_mins(5);
/// The runner's patience between SIGINT and SIGTERM, and between SIGTERM and SIGKILL (`ProcessInvoker.cs`).
const PATIENCE: [(Duration, Signal); 3] = [
    (Duration::ZERO, Signal::INT),
    (Duration::from_millis(7500), Signal::TERM),
    (Duration::from_millis(2500), Signal::KILL),
];

/// What the steps of one job share: the workspace, `RUNNER_TEMP` and the home folder.
#[derive(Debug)]
pub(crate) struct Job {
    root: TempDir,
    sha: String,
}

impl Job {
    /// A job with an empty workspace, which is no git repository.
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        for folder in [
            "workspace",
            "_temp/_github_home",
            "_temp/_github_workflow",
            "_temp/_runner_file_commands",
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            root,
            sha: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        }
    }

    /// Copies a folder of this repository into the workspace.
    pub(crate) fn tree(self, path: &str) -> Self {
        copy(&repository().join(path), &self.workspace());
        self
    }

    /// Writes a file into the workspace.
    pub(crate) fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.workspace().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    /// Commits the workspace, but for what its `.gitignore` names; `GITHUB_SHA` of later steps is that commit.
    pub(crate) fn commit(mut self) -> Self {
        self.sha = commit(&self.workspace());
        self
    }

    /// `GITHUB_WORKSPACE`, seen from outside.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.root.path().join("workspace")
    }

    /// `RUNNER_TEMP`, seen from outside.
    pub(crate) fn temp(&self) -> PathBuf {
        self.root.path().join("_temp")
    }

    /// The commit that `GITHUB_SHA` names.
    pub(crate) fn sha(&self) -> &str {
        &self.sha
    }
}

/// The network that the container is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// What the runner uses: the host's loopback is out of reach.
    Bridge,
    /// The host's own, for a peer on 127.0.0.1.
    Host,
}

/// A step that uses a container action.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    docker: &'a Docker,
    image: String,
    arguments: Vec<String>,
    entrypoint: Option<String>,
    environment: BTreeMap<String, String>,
    event: Value,
    mounts: Vec<(PathBuf, String)>,
    network: Network,
    user: Option<u32>,
    limit: Duration,
}

impl<'a> Step<'a> {
    pub(crate) fn new(docker: &'a Docker, image: &Image) -> Self {
        Self::with_image(docker, &image.tag)
    }

    pub(crate) fn with_image(docker: &'a Docker, image: &str) -> Self {
        Self {
            docker,
            image: image.to_owned(),
            arguments: Vec::new(),
            entrypoint: None,
            environment: default_environment(),
            event: json!({}),
            mounts: Vec::new(),
            network: Network::Bridge,
            user: None,
            limit: LIMIT,
        }
    }

    /// The action's name: the one argument of its action.yml.
    pub(crate) fn action(mut self, name: &str) -> Self {
        self.arguments = vec![name.to_owned()];
        self.environment
            .insert("GITHUB_ACTION".to_owned(), format!("__slipway-ci_{name}"));
        self
    }

    /// Another entry point, with its arguments: to look into an image.
    pub(crate) fn entrypoint(mut self, program: &str, arguments: &[&str]) -> Self {
        self.entrypoint = Some(program.to_owned());
        self.arguments = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        self
    }

    /// An input, as the runner passes it: upper case, blanks as underscores, hyphens kept.
    pub(crate) fn input(self, name: &str, value: &str) -> Self {
        let name = name.replace(' ', "_").to_uppercase();
        self.env(&format!("INPUT_{name}"), value)
    }

    /// A variable, of the runner or of the workflow; it replaces the harness's own.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The event, and its payload behind `GITHUB_EVENT_PATH`.
    pub(crate) fn event(mut self, name: &str, payload: Value) -> Self {
        self.event = payload;
        self.env("GITHUB_EVENT_NAME", name)
    }

    /// A file or folder of the host's over one of the image's: another scanner in place of the real one.
    pub(crate) fn mount(mut self, source: &Path, target: &str) -> Self {
        self.mounts.push((source.to_owned(), target.to_owned()));
        self
    }

    pub(crate) fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// The container's user; without it the image's own, as the runner does.
    pub(crate) fn user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// After this long the step is cancelled, and the test fails.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the step to its end.
    pub(crate) fn run(self, job: &Job) -> StepResult {
        let limit = self.limit;
        let mut running = self.start(job);
        if running.read_until(limit, |_| false) == Reading::TimedOut {
            let log = running.raw.clone();
            running.cancel(job);
            panic!("the step was still running after {limit:?}:\n{log}");
        }
        running.finish(job)
    }

    /// Starts the step, for a test that cancels it.
    pub(crate) fn start(self, job: &Job) -> Running {
        let suffix = Uuid::new_v4();
        let name = format!("slipway_test_{}", suffix.simple());
        let environment = self.prepare(job, suffix);
        let mut command = self.docker.command();
        command.args([
            "run",
            "--name",
            &name,
            "--label",
            "slipway-test",
            "--workdir",
            "/github/workspace",
            "--rm",
        ]);
        for variable in environment.keys() {
            command.args(["-e", variable]);
        }
        command.args(["-e", "GITHUB_ACTIONS=true", "-e", "CI=true"]);
        if let Some(entrypoint) = &self.entrypoint {
            command.args(["--entrypoint", entrypoint]);
        }
        if self.network == Network::Host {
            command.args(["--network", "host"]);
        }
        if let Some(user) = self.user {
            command.args(["--user", &user.to_string()]);
        }
        let temp = job.temp().display().to_string();
        for (source, target) in [
            (self.docker.socket(), "/var/run/docker.sock"),
            (&temp, "/github/runner_temp"),
            (&format!("{temp}/_github_home"), "/github/home"),
            (&format!("{temp}/_github_workflow"), "/github/workflow"),
            (
                &format!("{temp}/_runner_file_commands"),
                "/github/file_commands",
            ),
            (&job.workspace().display().to_string(), "/github/workspace"),
        ] {
            command.args(["-v", &format!("{source}:{target}")]);
        }
        for (source, target) in &self.mounts {
            command.args(["-v", &format!("{}:{target}:ro", source.display())]);
        }
        command
            .arg(&self.image)
            .args(&self.arguments)
            .envs(&environment);
        let mut remove = self.docker.command();
        remove
            .args(["rm", "--force", &name])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running::spawn(name, command, remove, suffix)
    }

    /// The files that the runner makes for a step, and the environment that names them as the container sees them.
    fn prepare(&self, job: &Job, suffix: Uuid) -> BTreeMap<String, String> {
        let mut environment = self.environment.clone();
        for (variable, prefix) in FILE_COMMANDS {
            let file = format!("{prefix}{suffix}");
            fs::write(job.temp().join("_runner_file_commands").join(&file), "").unwrap();
            environment.insert(variable.to_owned(), format!("/github/file_commands/{file}"));
        }
        let event = job.temp().join("_github_workflow/event.json");
        fs::write(event, serde_json::to_vec_pretty(&self.event).unwrap()).unwrap();
        environment
            .entry("GITHUB_SHA".to_owned())
            .or_insert_with(|| job.sha.clone());
        give_to_runner(job.root.path());
        environment
    }
}

/// `GITHUB_*` variable and file name of each file command.
const FILE_COMMANDS: [(&str, &str); 5] = [
    ("GITHUB_PATH", "add_path_"),
    ("GITHUB_ENV", "set_env_"),
    ("GITHUB_STEP_SUMMARY", "step_summary_"),
    ("GITHUB_STATE", "save_state_"),
    ("GITHUB_OUTPUT", "set_output_"),
];

/// A step that runs.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    /// `docker rm --force NAME`: a killed client leaves its container running.
    remove: Command,
    lines: Receiver<(Stream, String)>,
    suffix: Uuid,
    started: Instant,
    stdout: String,
    stderr: String,
    raw: String,
    log: Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Found,
    Ended,
    TimedOut,
}

impl Running {
    fn spawn(name: String, mut command: Command, remove: Command, suffix: Uuid) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker starts");
        let (sender, lines) = channel();
        forward(child.stdout.take().unwrap(), Stream::Stdout, sender.clone());
        forward(child.stderr.take().unwrap(), Stream::Stderr, sender);
        Self {
            name,
            child,
            remove,
            lines,
            suffix,
            started: Instant::now(),
            stdout: String::new(),
            stderr: String::new(),
            raw: String::new(),
            log: Log::default(),
        }
    }

    /// The container's, for a test that sends signals of its own.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until a line of either stream satisfies `wanted`.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) {
        let reading = self.read_until(LIMIT, wanted);
        assert_eq!(
            reading,
            Reading::Found,
            "the line did not come:\n{}",
            self.raw
        );
    }

    fn read_until(&mut self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Reading {
        let deadline = Instant::now() + limit;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok((stream, line)) => {
                    let text = if stream == Stream::Stdout {
                        &mut self.stdout
                    } else {
                        &mut self.stderr
                    };
                    for text in [text, &mut self.raw] {
                        text.push_str(&line);
                        text.push('\n');
                    }
                    self.log.take(&line);
                    if wanted(&line) {
                        return Reading::Found;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Reading::Ended,
                Err(RecvTimeoutError::Timeout) => return Reading::TimedOut,
            }
        }
    }

    /// Cancels the step as the runner does: SIGINT, after 7.5 s SIGTERM, after 2.5 s more SIGKILL. The result's
    /// `cancelled_after` says how long the step took to end.
    pub(crate) fn cancel(mut self, job: &Job) -> StepResult {
        let asked = Instant::now();
        let process = Pid::from_child(&self.child);
        for (patience, signal) in PATIENCE {
            if self.read_until(patience, |_| false) == Reading::Ended {
                break;
            }
            kill_process(process, signal).unwrap();
        }
        self.read_until(LIMIT, |_| false);
        self.remove.status().unwrap();
        let mut result = self.finish(job);
        result.cancelled_after = Some(asked.elapsed());
        result
    }

    fn finish(mut self, job: &Job) -> StepResult {
        let status = self.child.wait().unwrap();
        let folder = job.temp().join("_runner_file_commands");
        let read = |prefix: &str| {
            let bytes =
                fs::read(folder.join(format!("{prefix}{}", self.suffix))).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let outputs = self.log.variables("GITHUB_OUTPUT", &read("set_output_"));
        let state = self.log.variables("GITHUB_STATE", &read("save_state_"));
        let environment = self.log.variables("GITHUB_ENV", &read("set_env_"));
        let summary = self.log.summary(&read("step_summary_"));
        StepResult {
            exit: code(status),
            stdout: self.stdout,
            stderr: self.stderr,
            log: self.log.text,
            outputs,
            state,
            environment,
            summary,
            annotations: self.log.annotations,
            dropped_annotations: self.log.dropped_annotations,
            masks: self.log.masks,
            groups: self.log.groups,
            debug: self.log.debug,
            runner_errors: self.log.errors,
            took: self.started.elapsed(),
            cancelled_after: None,
        }
    }
}

/// What a step left behind.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) exit: i32,
    /// Raw, as the container wrote it.
    pub(crate) stdout: String,
    /// Raw, as the container wrote it.
    pub(crate) stderr: String,
    /// Both as the user reads them: commands taken out, masked values as `***`.
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) state: BTreeMap<String, String>,
    /// What `GITHUB_ENV` hands to later steps.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) summary: String,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) dropped_annotations: usize,
    pub(crate) masks: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) debug: Vec<String>,
    /// What the runner itself would complain about; empty after a well-behaved step.
    pub(crate) runner_errors: Vec<String>,
    pub(crate) took: Duration,
    pub(crate) cancelled_after: Option<Duration>,
}

fn forward(stream: impl Read + Send + 'static, name: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            if sender.send((name, text)).is_err() {
                break;
            }
            line.clear();
        }
    });
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// What a hosted runner sets for a push to the default branch.
fn default_environment() -> BTreeMap<String, String> {
    [
        ("HOME", "/github/home"),
        ("GITHUB_JOB", "scan"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REPOSITORY", "octocat/hello-world"),
        ("GITHUB_REPOSITORY_OWNER", "octocat"),
        ("GITHUB_REPOSITORY_OWNER_ID", "583231"),
        ("GITHUB_RUN_ID", "1658821493"),
        ("GITHUB_RUN_NUMBER", "3"),
        ("GITHUB_RETENTION_DAYS", "90"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_ACTOR_ID", "583231"),
        ("GITHUB_ACTOR", "octocat"),
        ("GITHUB_WORKFLOW", "CI"),
        ("GITHUB_HEAD_REF", ""),
        ("GITHUB_BASE_REF", ""),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        // Nothing listens there: a test that talks to GitHub names its peer.
        ("GITHUB_API_URL", "http://127.0.0.1:9"),
        ("GITHUB_GRAPHQL_URL", "http://127.0.0.1:9/graphql"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_REF_PROTECTED", "true"),
        ("GITHUB_REF_TYPE", "branch"),
        (
            "GITHUB_WORKFLOW_REF",
            "octocat/hello-world/.github/workflows/ci.yml@refs/heads/main",
        ),
        (
            "GITHUB_WORKFLOW_SHA",
            "0123456789abcdef0123456789abcdef01234567",
        ),
        ("GITHUB_REPOSITORY_ID", "1296269"),
        ("GITHUB_TRIGGERING_ACTOR", "octocat"),
        ("GITHUB_WORKSPACE", "/github/workspace"),
        ("GITHUB_ACTION", "__slipway-ci_slipway"),
        ("GITHUB_EVENT_PATH", "/github/workflow/event.json"),
        ("GITHUB_ACTION_REPOSITORY", "slipway-ci/slipway"),
        ("GITHUB_ACTION_REF", "v1"),
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("RUNNER_NAME", "GitHub Actions 1"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache"),
        ("RUNNER_TEMP", "/github/runner_temp"),
        ("RUNNER_WORKSPACE", "/home/runner/work/hello-world"),
        ("ACTIONS_RUNTIME_URL", "http://127.0.0.1:9/runtime/"),
        ("ACTIONS_RUNTIME_TOKEN", "a-runtime-token-of-the-harness"),
        ("ACTIONS_CACHE_URL", "http://127.0.0.1:9/cache/"),
        ("ACTIONS_RESULTS_URL", "http://127.0.0.1:9/results/"),
        (
            "ACTIONS_ORCHESTRATION_ID",
            "73f4a1c0-0000-4000-8000-000000000000.scan",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Everything belongs to the user `runner`, links themselves and not what they point to.
fn give_to_runner(path: &Path) {
    let kind = fs::symlink_metadata(path).unwrap().file_type();
    if kind.is_dir() {
        chown(path, Some(RUNNER_UID), Some(RUNNER_UID)).unwrap();
        for entry in fs::read_dir(path).unwrap() {
            give_to_runner(&entry.unwrap().path());
        }
    } else {
        lchown(path, Some(RUNNER_UID), Some(RUNNER_UID)).unwrap();
    }
}

/// Copies a file or a tree, links as links.
pub(crate) fn copy(from: &Path, to: &Path) {
    let metadata =
        fs::symlink_metadata(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    if metadata.is_symlink() {
        symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else if metadata.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// Makes a folder a repository with one commit of all that is in it and not ignored; the commit's id.
pub(crate) fn commit(folder: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=octocat",
                "-c",
                "user.email=octocat@example.com",
            ])
            .args([
                "-c",
                "safe.directory=*",
                "-c",
                "commit.gpgsign=false",
                "-c",
                "core.excludesFile=/dev/null",
                "-C",
            ])
            .arg(folder)
            .args(arguments)
            .output()
            .expect("git starts");
        succeeded(&format!("git {}", arguments.join(" ")), &output).unwrap()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--allow-empty", "--message=A commit"]);
    git(&["rev-parse", "HEAD"]).trim().to_owned()
}
