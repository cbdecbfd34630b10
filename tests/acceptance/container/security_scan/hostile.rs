//! A scanner that was tampered with (trivy-action, March 2026) gets nothing and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde::Deserialize;
use tempfile::TempDir;

use super::super::docker::{Docker, docker, repository};
use super::super::runner::{Job, RUNNER_UID};
use super::{
    SECRETS, TOKEN, annotations, database, keeps_secrets, report, result_file, with_image,
};

/// `slipway-scan` with another `trivy`, which comes first on `PATH`.
pub(super) fn image(docker: &Docker, name: &str, trivy: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("trivy");
    fs::write(&program, trivy).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let dockerfile = format!(
        "FROM {}\nCOPY trivy /opt/{name}/trivy\nENV PATH=/opt/{name}:/usr/local/bin:/usr/bin\n",
        docker.slipway_scan.tag
    );
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let id = docker.run(&["build", "--quiet", &folder.path().display().to_string()]);
    let id = id.trim().trim_start_matches("sha256:");
    let tag = format!("slipway-testbed/{name}:{}", &id[..12]);
    docker.run(&["tag", id, &tag]);
    tag
}

fn hostile(docker: &Docker) -> String {
    let script = repository().join("tests/acceptance/container/security_scan/hostile.py");
    image(docker, "hostile", &fs::read(script).unwrap())
}

/// What `hostile.py` says of itself.
#[derive(Debug, Deserialize)]
struct Account {
    managed: BTreeMap<String, String>,
    refused: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    status: BTreeMap<String, String>,
    writable: Vec<String>,
    home: String,
    open: Vec<String>,
}

impl Account {
    fn read(log: &str) -> Self {
        let pieces = log.lines().filter_map(|line| line.strip_prefix("ACCOUNT "));
        // In digits, which look like no token: those are taken out of logs.
        let digits: String = pieces.collect();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let text: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}:\n{log}"))
    }
}

/// A checkout whose token lies in both places of `actions/checkout`, for its owner alone.
fn job() -> Job {
    let job = Job::new().file("app.py", "import os\n").commit();
    database(&job);
    let header =
        format!("[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic {TOKEN}\n");
    for path in [
        job.workspace().join(".git/config"),
        job.temp().join("git-credentials-1.config"),
    ] {
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, old + &header).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    job
}

#[test]
fn a_scanner_that_was_tampered_with_gets_nothing() {
    let Some(docker) = docker() else { return };
    let job = job();
    let result = with_image(docker, &hostile(docker))
        .input("scanners", "trivy")
        .input(
            "registry-auth",
            "registry.example.com user pass-word-of-the-registry",
        )
        .env("AWS_SECRET_ACCESS_KEY", "a-variable-of-the-workflow")
        .run(&job);
    let account = Account::read(&result_file(&job, "logs/trivy-fs.log"));

    assert_eq!(account.managed, BTreeMap::new());
    // Not because there was nothing to try.
    for tried in [
        "/proc/1/environ",
        "/proc/1/mem",
        "ptrace 1",
        "signal 1",
        "connect /var/run/docker.sock",
        "append set_output",
        "append step_summary",
        "append set_env",
        "append add_path",
        "create in /github/workspace",
        "append /github/workspace/app.py",
        "credentials in .git/config",
        "credentials in RUNNER_TEMP",
        "append the given database",
    ] {
        let error = account.refused.get(tried);
        assert!(
            error.is_some_and(|it| it.starts_with("PermissionError") || it.contains("ptrace")),
            "{tried}: {error:?}"
        );
    }

    let environment = format!("{:?}", account.environment);
    for prefix in ["GITHUB_", "ACTIONS_", "RUNNER_", "INPUT_", "AWS_"] {
        let none = account
            .environment
            .keys()
            .all(|name| !name.starts_with(prefix));
        assert!(none, "{environment}");
    }
    let own = ["pass-word-of-the-registry", "a-variable-of-the-workflow"];
    for secret in SECRETS.iter().chain(&own) {
        assert!(!environment.contains(secret), "{environment}");
        assert!(!format!("{:?}", account.arguments).contains(secret));
    }
    let status = |name: &str| account.status[name].trim();
    assert_eq!(status("Uid"), "65534\t65534\t65534\t65534");
    assert_eq!(status("Gid"), "65534\t65534\t65534\t65534");
    assert_eq!(status("Groups"), "");
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!(status("NoNewPrivs"), "1");
    assert!(
        account
            .open
            .iter()
            .all(|it| it.starts_with(['0', '1', '2'])),
        "{:?}",
        account.open
    );
    // Besides its own folder: where every process of a container may write. All of it goes with the container.
    assert!(
        account.home.starts_with("/tmp/slipway-trivy-"),
        "{}",
        account.home
    );
    for folder in &account.writable {
        assert!(
            ["/tmp", "/dev/shm", "/dev/mqueue"].contains(&folder.as_str()),
            "{folder}"
        );
    }

    // What it printed is taken as it is: nothing found.
    assert_eq!(result.exit, 0, "{}", result.log);
    assert_eq!(report(&job)["counts"]["findings"], 0);
    assert_eq!(
        fs::read_to_string(job.workspace().join("app.py")).unwrap(),
        "import os\n"
    );
    assert!(!result.environment.contains_key("stolen") && !result.outputs.contains_key("stolen"));
    keeps_secrets(&job, &result);
}

/// That the attempts of `hostile.py` succeed where nothing holds them: run by root, in slipway's place.
#[test]
fn processes_that_fork_without_end_do_not_outlive_their_scanner() {
    let Some(docker) = docker() else { return };
    let job = Job::new().file("app.py", "import os\n").commit();
    database(&job);
    let script = repository().join("tests/acceptance/forks.py");
    // More than could be ended one by one.
    let script = fs::read_to_string(script).unwrap();
    let script = script.replace("CHAINS = 4", "CHAINS = 60");
    let image = image(docker, "forks", script.as_bytes());
    let result = with_image(docker, &image)
        .input("scanners", "trivy")
        .input("images", "registry.example.com/a/b:1")
        .input(
            "registry-auth",
            "registry.example.com user pass-word-of-the-registry",
        )
        .run(&job);
    assert_eq!(result.exit, 0, "{}", result.log);
    let log = result_file(&job, "logs/trivy-image-registry.example.com-a-b.log");
    assert!(log.contains("nobody is left"), "{log}");
}

#[test]
fn the_attempts_succeed_without_slipway_around_them() {
    let Some(docker) = docker() else { return };
    let job = job();
    let result = with_image(docker, &hostile(docker))
        .entrypoint("/opt/hostile/trivy", &[])
        .run(&job);
    let account = Account::read(&result.stderr);
    for managed in [
        "/proc/1/environ",
        "/proc/1/mem",
        "signal 1",
        "connect /var/run/docker.sock",
        "append set_output",
        "create in /github/workspace",
        "append /github/workspace/app.py",
        "credentials in .git/config",
        "credentials in RUNNER_TEMP",
        "become root",
    ] {
        assert!(
            account.managed.contains_key(managed),
            "{managed}: {:?}",
            account.refused
        );
    }
    assert!(account.managed["credentials in .git/config"].contains(TOKEN));
    assert_eq!(account.environment["INPUT_TOKEN"], TOKEN);
    assert_eq!(result.outputs["stolen"], "1");
}

#[test]
fn credentials_that_scanners_can_read_are_told_or_refused() {
    let Some(docker) = docker() else { return };
    let job = job();
    for path in [
        job.workspace().join(".git/config"),
        job.temp().join("git-credentials-1.config"),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let told = |text: &str| {
        [
            "/github/workspace/.git/config",
            "git-credentials-1.config",
            "persist-credentials: false",
        ]
        .iter()
        .all(|it| text.contains(it))
    };
    let warned = with_image(docker, &docker.slipway_scan.tag)
        .input("scanners", "trivy")
        .run(&job);
    assert_eq!(warned.exit, 0, "{}", warned.log);
    assert!(
        annotations(&warned, "warning")
            .iter()
            .any(|it| told(&it.message)),
        "{:?}",
        warned.annotations
    );
    assert!(told(&warned.summary), "{}", warned.summary);
    keeps_secrets(&job, &warned);

    fs::write(
        job.workspace().join("strict.yml"),
        "version: 1\ncredentials: refuse\n",
    )
    .unwrap();
    let refused = with_image(docker, &docker.slipway_scan.tag)
        .input("policy", "strict.yml")
        .input("category", "strict")
        .run(&job);
    assert_eq!(refused.exit, 2, "{}", refused.log);
    assert!(told(&refused.summary), "{}", refused.summary);
    keeps_secrets(&job, &refused);
}

#[test]
fn our_image_without_root_is_refused() {
    let Some(docker) = docker() else { return };
    let result = with_image(docker, &docker.slipway_scan.tag)
        .user(RUNNER_UID)
        .run(&job());
    assert_eq!(result.exit, 3, "{}", result.log);
    let [error] = annotations(&result, "error")[..] else {
        panic!("{:?}", result.annotations)
    };
    for told in ["uid 1001", "ubuntu-latest", "`run:`"] {
        assert!(error.message.contains(told), "{told}: {error:?}");
    }
}
