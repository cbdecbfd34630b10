//! That the first harness does what the Actions runner does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use serde_json::json;

use super::docker::docker;
use super::probe;
use super::runner::{Job, Network, RUNNER_UID, Step};

#[test]
fn a_step_is_heard_as_the_runner_hears_it() {
    let Some(docker) = docker() else { return };
    let step = Step::with_image(docker, &probe::image(docker))
        .action("speak")
        .input("exit-code", "3");
    let result = step.run(&Job::new());
    assert_eq!(result.exit, 3);
    assert_eq!(result.masks, ["hunter2"]);
    assert!(result.stdout.contains("the password is hunter2"));
    assert!(result.log.contains("the password is ***"), "{}", result.log);
    assert!(result.log.contains("::error::not obeyed"), "{}", result.log);
    assert_eq!(result.groups, ["A group"]);
    assert_eq!(result.debug, ["for those who look closely"]);
    let of = |level: &str| {
        result
            .annotations
            .iter()
            .filter(|one| one.level == level)
            .collect::<Vec<_>>()
    };
    assert_eq!((of("notice").len(), result.dropped_annotations), (10, 2));
    let ([error], [warning]) = (&of("error")[..], &of("warning")[..]) else {
        panic!("{:?}", result.annotations)
    };
    assert_eq!(
        (error.title.as_deref(), error.file.as_deref(), error.line),
        (Some("A title"), Some("app.py"), Some(3))
    );
    assert_eq!(error.message, "first\nsecond");
    assert_eq!(warning.message, "from standard error");
    assert_eq!(result.outputs["greeting"], "hello\nworld");
    assert_eq!(result.outputs["second"], "2");
    assert_eq!(result.state["started"], "yes");
    assert_eq!(result.environment["LATER"], "on");
    assert_eq!(result.summary, "# A summary\n");
    assert_eq!(result.runner_errors, Vec::<String>::new());
}

#[test]
fn a_step_finds_what_the_runner_gives_it() {
    let Some(docker) = docker() else { return };
    let job = Job::new()
        .tree("docker")
        .file("folder/file", "text")
        .commit();
    let step = Step::with_image(docker, &probe::image(docker))
        .action("look")
        .input("dry-run", "true")
        .input("with blank", "a\nb")
        .event("pull_request", json!({"number": 7}));
    let result = step.run(&job);
    assert_eq!(result.exit, 0, "{}", result.stderr);
    let lines: Vec<_> = result.stdout.lines().collect();
    for expected in [
        "uid=0 pid=1 folder=/github/workspace",
        "owner /github/workspace 1001",
        "owner /github/home 1001",
        "owner /github/workflow/event.json 1001",
        "owner /github/file_commands 1001",
        "owner /github/runner_temp 1001",
        "owner /var/run/docker.sock 0",
        "env HOME=/github/home",
        "env INPUT_DRY-RUN=true",
        "env INPUT_WITH_BLANK=a",
        "env GITHUB_ACTIONS=true",
        "env CI=true",
        "env GITHUB_EVENT_NAME=pull_request",
        "env RUNNER_TEMP=/github/runner_temp",
        &format!("env GITHUB_SHA={}", job.sha()),
    ] {
        assert!(
            lines.contains(&expected),
            "no '{expected}' in:\n{}",
            result.stdout
        );
    }
    let event = fs::read_to_string(job.temp().join("_github_workflow/event.json")).unwrap();
    assert!(event.contains("\"number\": 7"), "{event}");
    for file in ["folder/file", "make-root"] {
        let owner = fs::metadata(job.workspace().join(file)).unwrap().uid();
        assert_eq!(owner, RUNNER_UID, "{file}");
    }
    assert!(result.took < Duration::from_mins(1), "{:?}", result.took);
    assert!(
        !result.stdout.contains("DOCKER_"),
        "of the harness's own environment: {}",
        result.stdout
    );
}

#[test]
fn cancelling_sends_sigint_and_gives_time() {
    let Some(docker) = docker() else { return };
    let job = Job::new();
    let mut running = Step::with_image(docker, &probe::image(docker))
        .action("wait")
        .network(Network::Host)
        .start(&job);
    running.wait_for(|line| line == "waiting");
    let result = running.cancel(&job);
    assert_eq!(result.exit, 130);
    assert!(result.stdout.contains("caught 2"), "{}", result.stdout);
    assert!(result.cancelled_after.unwrap() < Duration::from_secs(7));
}

#[test]
fn a_step_that_ignores_signals_is_killed_after_ten_seconds() {
    let Some(docker) = docker() else { return };
    let job = Job::new();
    let mut running = Step::with_image(docker, &probe::image(docker))
        .action("deaf")
        .network(Network::Host)
        .start(&job);
    running.wait_for(|line| line == "waiting");
    let result = running.cancel(&job);
    assert_eq!(result.exit, 128 + 9);
    let took = result.cancelled_after.unwrap();
    assert!(
        (Duration::from_secs(10)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn a_step_that_hangs_fails_its_test() {
    let Some(docker) = docker() else { return };
    let step = Step::with_image(docker, &probe::image(docker))
        .action("wait")
        .limit(Duration::from_secs(2));
    let hung = std::panic::catch_unwind(|| step.run(&Job::new())).unwrap_err();
    let message = hung.downcast_ref::<String>().unwrap();
    assert!(
        message.starts_with("the step was still running after 2s:\nwaiting"),
        "{message}"
    );
}

#[test]
fn a_program_of_the_hosts_stands_in_for_one_of_the_images() {
    let Some(docker) = docker() else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let result = Step::new(docker, &docker.slipway_scan)
        .mount(&probe::program(folder.path()), "/usr/local/bin/bandit")
        .entrypoint("bandit", &["look"])
        .run(&Job::new());
    assert_eq!(result.exit, 0, "{}", result.stderr);
    assert!(
        result.stdout.starts_with("uid=0 pid=1"),
        "{}",
        result.stdout
    );
}
