//! Bandit over the tree's Python files: listed by us, sharded over the cores, read back from JSON.
//!
//! Bandit's SARIF writer crashes on real trees, so it is never asked for SARIF. It finds nothing to
//! obey: an isolated interpreter, an empty working directory, and our own `--ini`, without which it
//! would take options from the tree's `.bandit`.

mod report;
mod shard;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::shard::Shard;
use super::{Job, Ran, ending, gap, scan, state};
use crate::outcome::{Failure, Result};
use crate::process::{
    Child, End, Ended, Folder, Interpreter, Log, Network, Programs, everything, interpreter,
    run as child,
};
use crate::security_scan::observe::tree::Tree;
use crate::security_scan::policy::InlineIgnores;
use crate::security_scan::sarif::redact::Found;
use crate::security_scan::scan::{GapKind, Scan, Source, State, Tool};
use crate::text;

/// Bytes of JSON from one shard: about 100,000 findings.
const CAP: u64 = 256 * 1024 * 1024;
/// How long `bandit --version` may take on a machine that is busy.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// Runs Bandit.
pub(super) async fn run(job: &Job<'_>, tree: &Tree, cancel: &CancellationToken) -> Result<Ran> {
    let started = Instant::now();
    let files: Vec<(PathBuf, u64)> = tree
        .python
        .iter()
        .filter(|(path, _)| job.policy.paths.scanned(&path.to_string_lossy()))
        .cloned()
        .collect();
    let mut scan = empty(job);
    scan.notes = tree.notes();
    let mut gaps: Vec<_> = tree.gap().into_iter().collect();
    let mut log = Log::default();
    if files.is_empty() {
        scan.state = if gaps.is_empty() {
            State::NothingToDo(
                "Python files (*.py, *.pyw, scripts whose first line asks for Python)".to_owned(),
            )
        } else {
            State::Incomplete(gaps)
        };
        return Ok(Ran {
            scan,
            log,
            secrets: Found::default(),
        });
    }
    let programs = job.programs();
    let Some(command) = command(&programs) else {
        gaps.push(gap(
            GapKind::Missing,
            "Bandit is not installed: there is no program bandit on PATH outside the workspace",
            Some("install it by pipx, or by pip in a virtual environment whose bin is on PATH; run: pipx install 'bandit==1.9.4'"),
        ));
        scan.state = State::Incomplete(gaps);
        return Ok(Ran {
            scan,
            log,
            secrets: Found::default(),
        });
    };
    let shards = shard::split(files, shard::cores());
    let version = version(job, &programs, &command, cancel);
    let (version, ended) = tokio::join!(version, all(job, &programs, &command, shards, cancel));
    scan.tool.version = version?;
    for (shard, ended) in ended? {
        log.append(&ended.log, |line| shard.real_names(line));
        if let Some(gap) = ending::gap_of("Bandit", &ended, &[0, 1], job.limit) {
            gaps.push(missing_module(gap, &ended));
            continue;
        }
        gaps.extend(report::read(job, &shard, &ended, &mut scan));
        gaps.extend(ending::gap_of_log("Bandit", &ended.log));
    }
    scan.findings
        .sort_by(|a, b| (&a.location, &a.rule).cmp(&(&b.location, &b.rule)));
    scan.inline_ignores
        .listed
        .sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    scan.state = state(gaps);
    scan.duration = started.elapsed();
    Ok(Ran {
        scan,
        log,
        secrets: Found::default(),
    })
}

fn empty(job: &Job<'_>) -> Scan {
    let tool = Tool {
        name: "Bandit".to_owned(),
        version: None,
        information_uri: Some("https://bandit.readthedocs.io/".to_owned()),
    };
    let target = job
        .request
        .path
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    scan(Source::Bandit, target, job.category(&Source::Bandit), tool)
}

/// What is started, and the arguments that come first: Bandit's own interpreter, isolated (`-I`: no
/// `PYTHON*` variables, no user's site-packages, no module of the working directory), if it is known.
#[derive(Debug)]
struct Command {
    program: PathBuf,
    first: Vec<OsString>,
}

fn command(programs: &Programs) -> Option<Command> {
    let script = programs.find("bandit")?;
    let python = match interpreter(&script).ok()? {
        Interpreter::Python(path) => Some(path),
        Interpreter::PythonOnPath(name) => Some(programs.find(&name)?),
        Interpreter::Other => None,
    };
    Some(match python {
        Some(program) => Command {
            program,
            first: vec!["-I".into(), script.into()],
        },
        None => Command {
            program: script,
            first: Vec::new(),
        },
    })
}

/// For a Bandit whose interpreter is not known: the same isolation by variables.
fn variables() -> Vec<(OsString, OsString)> {
    let mut variables = super::no_network();
    for name in [
        "PYTHONSAFEPATH",
        "PYTHONNOUSERSITE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUTF8",
    ] {
        variables.push((name.into(), "1".into()));
    }
    variables
}

/// `bandit 1.9.4` is the first line.
async fn version(
    job: &Job<'_>,
    programs: &Programs,
    command: &Command,
    cancel: &CancellationToken,
) -> Result<Option<String>> {
    let folder = Folder::new("slipway-bandit-", job.run_as)?;
    let mut args = command.first.clone();
    args.push("--version".into());
    let ended = child(
        Child {
            program: command.program.clone(),
            args,
            path: programs.path(),
            env: variables(),
            folder: &folder,
            network: Network::Closed,
            deadline: job.deadline.min(Instant::now() + VERSION_LIMIT),
            cap: 64 * 1024,
            keep: everything,
        },
        cancel,
    )
    .await?;
    let text = String::from_utf8_lossy(&ended.output);
    Ok(text
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .filter(|word| ended.end == End::Code(0) && word.len() < 40)
        .map(text::line))
}

/// Runs the shards side by side.
async fn all(
    job: &Job<'_>,
    programs: &Programs,
    command: &Command,
    shards: Vec<Vec<PathBuf>>,
    cancel: &CancellationToken,
) -> Result<Vec<(Shard, Ended)>> {
    let mut running = JoinSet::new();
    for files in shards {
        let shard = Shard::new(job, files)?;
        let mut args = command.first.clone();
        args.extend(arguments(job, &shard));
        let (program, path) = (command.program.clone(), programs.path());
        let (deadline, cancel) = (job.deadline, cancel.clone());
        running.spawn(async move {
            let ended = child(
                Child {
                    program,
                    args,
                    path,
                    env: variables(),
                    folder: shard.folder(),
                    network: Network::Closed,
                    deadline,
                    cap: CAP,
                    keep: everything,
                },
                &cancel,
            )
            .await?;
            Ok::<_, Failure>((shard, ended))
        });
    }
    let mut ended = Vec::new();
    for joined in running.join_all().await {
        ended.push(joined?);
    }
    Ok(ended)
}

fn arguments(job: &Job<'_>, shard: &Shard) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["--quiet", "--format", "json", "--number", "1"]
        .iter()
        .map(OsString::from)
        .collect();
    args.extend(["--ini".into(), shard.ini().into()]);
    // Its own list of excluded paths is matched anywhere in a path: `.git` leaves out `.github`.
    args.extend(["--exclude".into(), OsString::new()]);
    if job.policy.inline_ignores() == InlineIgnores::Refuse {
        args.push("--ignore-nosec".into());
    }
    args.extend(["--recursive".into(), "--".into(), shard.links().into()]);
    args
}

/// An installation that an isolated interpreter does not see says so in its traceback.
fn missing_module(
    gap: crate::security_scan::scan::Gap,
    ended: &Ended,
) -> crate::security_scan::scan::Gap {
    let unseen = |line: &str| line.contains("No module named 'bandit'");
    if ended.log.lines().any(unseen) {
        return super::gap(
            GapKind::Missing,
            "Bandit is installed where an isolated Python does not look (pip install --user)",
            Some("install it by pipx; run: pipx install 'bandit==1.9.4'"),
        );
    }
    gap
}
