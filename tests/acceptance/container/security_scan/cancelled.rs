//! A job that is cancelled while it scans.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use serde_json::json;

use super::super::docker::{Docker, docker, repository};
use super::super::runner::{Job, Running, StepResult};
use super::{annotations, database, hostile, keeps_secrets, with_image};

/// A scan by a Trivy that never ends (`slow.py`), and the connections of its two processes.
fn scanning(docker: &Docker, job: &Job, deaf: bool) -> (Running, [UnixStream; 2]) {
    let script = repository().join("tests/acceptance/container/security_scan/slow.py");
    let image = hostile::image(docker, "slow", &fs::read(script).unwrap());
    // What reads the tree is refused TCP; a socket in the tree is a file.
    let socket = job.workspace().join("slow.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).unwrap();
    let settings = json!({ "deaf": deaf }).to_string();
    fs::write(job.workspace().join("slow.json"), settings).unwrap();
    let running = with_image(docker, &image).start(job);
    let running_scanners = [(); 2].map(|()| {
        let (mut peer, _) = listener.accept().unwrap();
        let mut hello = [0; 8];
        peer.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"running\n");
        peer
    });
    (running, running_scanners)
}

fn job() -> Job {
    let job = Job::new().file("app.py", "import os\n").commit();
    database(&job);
    job
}

/// The step said that it was cancelled, and left nothing that looks like a result.
fn ended_cleanly(job: &Job, result: &StepResult, scanners: [UnixStream; 2]) {
    assert_eq!(result.exit, 3, "{}", result.log);
    assert_eq!(
        result.outputs,
        [("result".to_owned(), "error".to_owned())].into()
    );
    assert_eq!(result.runner_errors, Vec::<String>::new());
    let [error] = annotations(result, "error")[..] else {
        panic!("{:?}", result.annotations)
    };
    assert_eq!(error.title.as_deref(), Some("Cancelled"));
    assert!(result.summary.contains("Cancelled"), "{}", result.summary);
    assert!(!job.workspace().join("slipway-results").exists());
    for mut scanner in scanners {
        // The end of the connection is the end of the process.
        let mut rest = Vec::new();
        scanner
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        assert!(matches!(scanner.read_to_end(&mut rest), Ok(0) | Err(_)) && rest.is_empty());
    }
    keeps_secrets(job, result);
}

#[test]
fn a_cancelled_scan_ends_at_once() {
    let Some(docker) = docker() else { return };
    let job = job();
    let (running, scanners) = scanning(docker, &job, false);
    let result = running.cancel(&job);
    let took = result.cancelled_after.unwrap();
    assert!(took < Duration::from_secs(3), "{took:?}: {}", result.log);
    ended_cleanly(&job, &result, scanners);
    assert!(result.log.contains("Cancelled by SIGINT"), "{}", result.log);
}

#[test]
fn a_scanner_that_will_not_end_is_killed_before_the_runner_loses_patience() {
    let Some(docker) = docker() else { return };
    let job = job();
    let (running, scanners) = scanning(docker, &job, true);
    let result = running.cancel(&job);
    let took = result.cancelled_after.unwrap();
    // 7.5 s after SIGINT the runner sends SIGTERM.
    assert!(
        took < Duration::from_millis(7500),
        "{took:?}: {}",
        result.log
    );
    ended_cleanly(&job, &result, scanners);
}

#[test]
fn a_second_signal_changes_nothing() {
    let Some(docker) = docker() else { return };
    let job = job();
    let (running, scanners) = scanning(docker, &job, true);
    for signal in ["INT", "TERM", "INT"] {
        let name = running.name();
        docker.run(&["kill", "--signal", signal, name]);
    }
    let result = running.cancel(&job);
    ended_cleanly(&job, &result, scanners);
}
