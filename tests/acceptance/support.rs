//! The real binary in an environment that holds nothing but what a test puts there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use assert_cmd::Command;
use clap::Parser as _;
use slipway::security_scan::inputs::Inputs;

use crate::protocol::parse_variables;

/// The binary under test.
pub(crate) const SLIPWAY: &str = env!("CARGO_BIN_EXE_slipway");

/// `slipway` with an empty environment: nothing of the runner or the user that runs the tests gets
/// in. Programs that it should find need a `PATH`.
pub(crate) fn slipway() -> Command {
    let mut command = Command::new(SLIPWAY);
    command.env_clear();
    // Where an instrumented build counts what was covered; otherwise it writes into the working directory.
    command.envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"));
    command
}

/// The runner's side of one step: its files, its variables and what it reads back.
#[derive(Debug)]
pub(crate) struct Runner {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Runner {
    /// A step of a push to `acme/app`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        // As on a runner, where scanners of another user may look around.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        for name in ["workspace", "temp"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        // The runner makes the command files before the step starts.
        for name in ["output", "state", "summary"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::write(path("event.json"), "{}").unwrap();
        let variables = [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTION", "__run".to_owned()),
            ("GITHUB_ACTOR", "octocat".to_owned()),
            ("GITHUB_API_URL", "https://api.github.invalid".to_owned()),
            ("GITHUB_EVENT_NAME", "push".to_owned()),
            ("GITHUB_EVENT_PATH", path("event.json")),
            ("GITHUB_JOB", "test".to_owned()),
            ("GITHUB_OUTPUT", path("output")),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REF_PROTECTED", "false".to_owned()),
            ("GITHUB_REPOSITORY", "acme/app".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", "42".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.invalid".to_owned()),
            (
                "GITHUB_SHA",
                "0123456789abcdef0123456789abcdef01234567".to_owned(),
            ),
            ("GITHUB_STATE", path("state")),
            ("GITHUB_STEP_SUMMARY", path("summary")),
            ("GITHUB_WORKFLOW", "CI".to_owned()),
            ("GITHUB_WORKSPACE", path("workspace")),
            ("RUNNER_TEMP", path("temp")),
        ];
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Self { folder, variables }
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Gives an input under `with:`, as the runner passes it.
    pub(crate) fn input(self, name: &str, value: &str) -> Self {
        self.with(
            &format!("INPUT_{}", name.to_uppercase().replace(' ', "_")),
            value,
        )
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.path("workspace")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `slipway` with these arguments, as the container's first process starts it.
    pub(crate) fn command(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Command {
        let mut command = slipway();
        command.envs(&self.variables).args(arguments);
        command.current_dir(self.workspace());
        command
    }

    /// The outputs, read as the runner reads them.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.path("output")).unwrap();
        parse_variables(&text).unwrap()
    }

    pub(crate) fn summary(&self) -> String {
        std::fs::read_to_string(self.path("summary")).unwrap()
    }
}

/// Exit code, standard output and standard error of a command that ended by itself.
pub(crate) fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("printed text is UTF-8");
    (
        output.status.code().expect("ended by itself"),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The bin folder of one of the test bed's Python environments (`tools`, `scanners`), or why there is
/// none.
pub(crate) fn venv(name: &str) -> Result<PathBuf, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/python/venv");
    let output = std::process::Command::new(script).arg(name).output();
    match output {
        Ok(output) if output.status.success() => {
            let folder = String::from_utf8(output.stdout).expect("a path in UTF-8");
            Ok(folder.trim().into())
        }
        failed => Err(format!("{failed:?}")),
    }
}

/// The inputs that these flags give.
pub(crate) fn inputs(flags: &[&str]) -> Inputs {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        inputs: Inputs,
    }
    let line = std::iter::once("slipway").chain(flags.iter().copied());
    Line::try_parse_from(line).unwrap().inputs
}
