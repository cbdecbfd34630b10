//! The binary as a step of a workflow: masks, annotations, outputs, summary, signals.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use slipway::security_scan::outputs::Outputs;

use crate::support::{Runner, SLIPWAY, ended};

const SCAN: [&str; 1] = ["security-scan"];

#[test]
fn a_wrong_input_is_said_everywhere_the_same() {
    let runner = Runner::new().input("fail-on", "hihg");
    let (code, out, err) = ended(&mut runner.command(SCAN));
    assert_eq!((code, err.as_str()), (2, ""));
    assert_eq!(
        out,
        "::error title=Invalid input `fail-on`::`fail-on: hihg` is not allowed.%0ANext: Allowed: \
         critical, high, medium, low, any, never. Did you mean `high`?\n"
    );
    assert_eq!(
        runner.outputs(),
        [("result".into(), "invalid".into())].into()
    );
    insta::assert_snapshot!(runner.summary(), @r"
    ### ❌ Invalid input <code>fail-on</code>

    <code>fail-on: hihg</code> is not allowed.

    **Next:** Allowed: critical, high, medium, low, any, never. Did you mean <code>high</code>?
    ");
}

#[test]
fn masks_come_before_anything_else() {
    let runner = Runner::new()
        .input("token", "ghs_hunter2")
        .input("registry-auth", "ghcr.io me pass-word\nquay.io you 100%")
        .input("fail-on", "pass-word and ghs_hunter2");
    let (code, out, _) = ended(&mut runner.command(SCAN));
    assert_eq!(code, 2);
    let lines: Vec<_> = out.lines().collect();
    let (masks, rest) = lines.split_at(lines.len() - 1);
    let mut masks = masks.to_vec();
    masks.sort_unstable();
    assert_eq!(
        masks,
        [
            "::add-mask::100%25",
            "::add-mask::bWU6cGFzcy13b3Jk",
            "::add-mask::eW91OjEwMCU=",
            "::add-mask::ghcr.io me pass-word",
            "::add-mask::ghcr.io me pass-word%0Aquay.io you 100%25",
            "::add-mask::ghs_hunter2",
            "::add-mask::me:pass-word",
            "::add-mask::pass-word",
            "::add-mask::quay.io you 100%25",
            "::add-mask::you:100%25",
        ]
    );
    for text in [rest.concat(), runner.summary()] {
        assert!(
            !text.contains("pass-word") && !text.contains("hunter2"),
            "{text}"
        );
        assert!(text.contains("***"), "{text}");
    }
}

#[test]
fn a_secret_too_short_to_mask_is_told_of() {
    let runner = Runner::new().input("token", "abc").input("fail-on", "x");
    let (_, out, _) = ended(&mut runner.command(SCAN));
    assert!(
        out.starts_with("::warning title=Secret not masked::`token` has fewer"),
        "{out}"
    );
}

#[test]
fn a_misspelt_input_does_not_pass_in_silence() {
    let runner = Runner::new().input("fail_on", "low");
    let (code, out, _) = ended(&mut runner.command(SCAN));
    assert_eq!(code, 2);
    assert!(out.contains("did you mean `fail-on`?"), "{out}");
}

#[test]
fn without_an_action_the_step_says_which_there_are() {
    let runner = Runner::new();
    let (code, out, _) = ended(&mut runner.command([""; 0]));
    assert_eq!(code, 2);
    assert!(out.contains("Name an action: security-scan"), "{out}");
    assert_eq!(runner.outputs()["result"], "invalid");
}

#[test]
fn a_runner_that_is_none_is_an_error() {
    for name in [
        "GITHUB_REPOSITORY",
        "GITHUB_SHA",
        "GITHUB_EVENT_NAME",
        "GITHUB_WORKSPACE",
    ] {
        let runner = Runner::new().without(name);
        let (code, out, _) = ended(&mut runner.command(SCAN));
        assert_eq!((code, runner.outputs()["result"].as_str()), (3, "error"));
        assert!(out.contains(name), "{out}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_told_and_makes_none_better() {
    let runner = Runner::new()
        .input("fail-on", "x")
        .with("GITHUB_OUTPUT", "/dev/full");
    let (code, out, _) = ended(&mut runner.command(SCAN));
    // A wrong input weighs more than the environment: `Outcome::conclude`.
    assert_eq!(code, 2);
    assert!(
        out.contains("::error title=Invalid input `fail-on`"),
        "{out}"
    );
    assert!(
        out.contains("::error title=Output not written::GITHUB_OUTPUT"),
        "{out}"
    );
    let runner = runner.without("GITHUB_OUTPUT");
    assert_eq!(ended(&mut runner.command(SCAN)).0, 2);
}

#[test]
fn an_output_is_written_whole_or_not_at_all() {
    if !crate::testing::needs_root() {
        return; // Only root can mount a disk that is soon full.
    }
    // A page that has room for a few bytes more.
    let earlier = format!("earlier={}\n", "x".repeat(4080));
    let runner = Runner::new();
    std::fs::create_dir(runner.path("disk")).unwrap();
    let disk = runner.path("disk/output");
    let runner = runner.with("GITHUB_OUTPUT", disk.to_str().unwrap());
    std::fs::write(runner.path("earlier"), &earlier).unwrap();
    let full = "mount -t tmpfs -o size=4k none ../disk; cp ../earlier ../disk/output; \"$@\"; \
                code=$?; cp ../disk/output ../output; exit $code";
    let mut command = Command::new("/usr/bin/unshare");
    command
        .args(["--mount", "/bin/sh", "-c", full, "sh", SLIPWAY])
        .args(SCAN)
        .args(["--fail-on", "x"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(runner.variables())
        .current_dir(runner.workspace());
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{out}");
    assert!(out.contains("No space left"), "{out}");
    let text = std::fs::read_to_string(runner.path("output")).unwrap();
    assert_eq!(text, earlier);
}

#[test]
fn a_summary_that_cannot_be_written_keeps_the_verdict() {
    let runner = Runner::new()
        .input("fail-on", "x")
        .with("GITHUB_STEP_SUMMARY", "/dev/full");
    let (code, out, _) = ended(&mut runner.command(SCAN));
    assert_eq!((code, runner.outputs()["result"].as_str()), (2, "invalid"));
    assert!(out.contains("::warning title=Summary not written"), "{out}");
}

#[test]
fn links_in_place_of_the_runners_files_are_not_followed() {
    let runner = Runner::new().input("fail-on", "x");
    let (target, link) = (runner.path("target"), runner.path("output"));
    std::fs::write(&target, "").unwrap();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(ended(&mut runner.command(SCAN)).0, 2);
    assert_eq!(std::fs::read_to_string(target).unwrap(), "");
}

#[test]
fn foreign_text_starts_no_command() {
    let runner = Runner::new().input("fail-on", "x\n::stop-commands::y\r##[add-mask]z");
    let (_, out, _) = ended(&mut runner.command(SCAN));
    let commands = out.lines().filter(|line| line.starts_with("::")).count();
    assert_eq!((commands, out.lines().count()), (1, 1), "{out}");
}

#[test]
fn every_declared_output_is_set_by_a_run() {
    let runner = Runner::new()
        .input("path", "none")
        .input("scanners", "none")
        .input("sarif-files", "\n  one.sarif\n\n")
        .input("upload", "false");
    let sarif = serde_json::json!({
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "Lint"}}, "results": []}],
    });
    std::fs::write(runner.workspace().join("one.sarif"), sarif.to_string()).unwrap();
    let (code, out, err) = ended(&mut runner.command(SCAN));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let outputs = runner.outputs();
    let declared: BTreeSet<_> = Outputs::NAMES.into_iter().chain(["result"]).collect();
    let set: BTreeSet<_> = outputs.keys().map(String::as_str).collect();
    assert_eq!(set, declared);
    assert_eq!(outputs["result"], "passed");
    assert_eq!(outputs["findings"], "0");
    for path in [&outputs["report"], &outputs["sarif"]] {
        assert!(runner.workspace().join(path).is_file(), "{path}");
    }
    assert!(runner.summary().contains("Lint"), "{}", runner.summary());
}

/// A scanner that never ends, in a folder that `PATH` can name.
fn endless_scanner(runner: &Runner) -> String {
    let programs = runner.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let trivy = programs.join("trivy");
    std::fs::write(&trivy, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&trivy, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", programs.display())
}

#[test]
fn a_cancelled_step_ends_at_once_and_says_so() {
    for signals in [
        [Signal::INT, Signal::INT],
        [Signal::INT, Signal::TERM],
        [Signal::TERM, Signal::INT],
    ] {
        let runner = Runner::new()
            .input("scanners", "trivy")
            .input("trivy-checks", "secret")
            .input("upload", "false");
        std::fs::write(runner.workspace().join("a.txt"), "text").unwrap();
        let mut child = Command::new(SLIPWAY)
            .args(SCAN)
            .env_clear()
            .envs(runner.variables())
            .env("PATH", endless_scanner(&runner))
            .current_dir(runner.workspace())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The handlers stand before the first line is written.
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("Scanning"), "{line}");
        let begin = std::time::Instant::now();
        let process = Pid::from_child(&child);
        for signal in signals {
            // It may have ended already; a second signal must only not kill it.
            let _ = kill_process(process, signal);
        }
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(3), "{line}{rest}");
        assert!(rest.contains("::error title=Cancelled::"), "{rest}");
        assert_eq!(runner.outputs()["result"], "error");
        // The runner kills 10 s after its first signal.
        assert!(begin.elapsed().as_secs() < 8, "{:?}", begin.elapsed());
    }
}
