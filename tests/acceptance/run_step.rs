//! The plain binary in a `run:` step: under the runner, outside our image, as the job's own user.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::support::{Runner, SLIPWAY};

/// The user of GitHub's runners.
const RUNNER_UID: u32 = 1001;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A step whose folder belongs to the job's user, with slipway and a `trivy` that writes its uid to
/// the folder's `ran-as`.
struct RunStep(Runner);

impl RunStep {
    fn new() -> Self {
        let step = Self(Runner::new());
        fs::create_dir(step.0.path("programs")).unwrap();
        fs::copy(SLIPWAY, step.0.path("programs/slipway")).unwrap();
        let trivy = format!(
            "#!/bin/sh\nid -u >'{}'\necho '{}'\n",
            step.0.path("ran-as").display(),
            r#"{"SchemaVersion":2,"Trivy":{"Version":"0.0.0"}}"#
        );
        fs::write(step.0.path("programs/trivy"), trivy).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(step.0.path("programs/trivy"), executable).unwrap();
        fs::write(step.0.workspace().join("a.txt"), "text").unwrap();
        step
    }

    /// Exit code and what was printed.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run_as(is_root().then_some(RUNNER_UID), arguments)
    }

    /// As another user, if one is given.
    fn run_as(&self, user: Option<u32>, arguments: &[&str]) -> (Option<i32>, String) {
        let path = format!("{}:/usr/bin:/bin", self.0.path("programs").display());
        let mut command = Command::new(self.0.path("programs/slipway"));
        command
            .env_clear()
            .envs(self.0.variables())
            .env("PATH", path)
            .current_dir(self.0.workspace())
            .args(["security-scan", "--scanners=trivy", "--trivy-checks=secret"])
            .args(arguments);
        if let Some(user) = user {
            let given = Command::new("chown")
                .args(["-R", &format!("{user}:{user}")])
                .arg(self.0.path(""))
                .status()
                .unwrap();
            assert!(given.success());
            command.uid(user).gid(user);
        }
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&told).into_owned(),
        )
    }
}

#[test]
fn it_scans_as_the_jobs_own_user() {
    let step = RunStep::new();
    let (code, told) = step.run(&[]);
    assert_eq!(code, Some(0), "{told}");
    let ran_as = fs::read_to_string(step.0.path("ran-as")).unwrap();
    let ours = if is_root() {
        RUNNER_UID
    } else {
        rustix::process::geteuid().as_raw()
    };
    assert_eq!(ran_as.trim(), ours.to_string());
    let outputs = step.0.outputs();
    assert_eq!(outputs["result"], "passed");
    assert!(step.0.workspace().join(&outputs["report"]).exists());
}

#[test]
fn a_token_that_its_scanners_can_read_is_told() {
    let step = RunStep::new();
    let git = step.0.workspace().join(".git");
    fs::create_dir(&git).unwrap();
    let header = "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp5\n";
    fs::write(git.join("config"), header).unwrap();
    // Closed to every other user, but not to this one.
    fs::set_permissions(git.join("config"), fs::Permissions::from_mode(0o600)).unwrap();
    let (_, told) = step.run(&[]);
    assert!(told.contains("::warning"), "{told}");
    assert!(told.contains("persist-credentials: false"), "{told}");
    assert!(!told.contains("eDp5"));
}

/// Whether they are ended or the run is: no process of one scanner sees the next one's password.
#[test]
fn what_a_scanner_leaves_behind_never_meets_the_next_ones_password() {
    for user in [is_root().then_some(RUNNER_UID), None] {
        let step = RunStep::new();
        let lock = step.0.path("forks.lock");
        fs::write(&lock, "").unwrap();
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
        let trivy = include_str!("forks.py").replace("/tmp/forks.lock", lock.to_str().unwrap());
        fs::write(step.0.path("programs/trivy"), trivy).unwrap();
        let (code, told) = step.run_as(
            user,
            &[
                "--images=registry.example/a/b:1",
                "--output-directory=results",
            ],
        );
        let log = step
            .0
            .workspace()
            .join("results/security-scan/logs/trivy-image-registry.example-a-b.log");
        let log = fs::read_to_string(log).unwrap_or_default();
        // Exit 3: they could not be ended, and nobody got a password.
        if code != Some(3) {
            assert_eq!(code, Some(0), "{told}");
            assert!(log.contains("nobody is left"), "{log}{told}");
        }
    }
}
