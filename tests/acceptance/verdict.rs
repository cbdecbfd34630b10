//! A verdict outlives whatever cannot be written or printed: at a desk and in the runner, by the
//! real binary. Scanners are fakes on `PATH` that find something at once.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Runner, SLIPWAY, ended, slipway};

/// A workspace with one Python file, and a `bandit` that runs `then` and finds one fault of
/// `severity`; none: nothing.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(severity: Option<&str>, then: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open.clone()).unwrap();
        for name in ["tree", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let desk = Self { folder };
        fs::write(desk.tree().join("app.py"), "import os\n").unwrap();
        let bandit = desk.folder.path().join("bin/bandit");
        fs::write(&bandit, Self::bandit(&desk.tree(), severity, then)).unwrap();
        fs::set_permissions(bandit, open).unwrap();
        desk
    }

    /// Answers for the one file that it is given, by the name under which it gets it.
    fn bandit(tree: &Path, severity: Option<&str>, then: &str) -> String {
        let issue = severity.map(|severity| {
            serde_json::json!({
                "filename": "$file", "test_id": "B404", "test_name": "blacklist",
                "issue_text": "A fault.", "issue_severity": severity, "issue_confidence": "HIGH",
                "line_number": 1, "line_range": [1], "col_offset": 0, "end_col_offset": 9,
            })
        });
        let answer = serde_json::json!({
            "errors": [], "metrics": {"$file": {}}, "results": Vec::from_iter(issue),
        });
        format!(
            "#!/bin/sh\n\
             case \"$*\" in *--version*) echo 'bandit 1.9.4'; exit 0;; esac\n\
             for links; do :; done\nfor file in \"$links\"/*; do :; done\n\
             cd '{}'\n{then}\ncat <<END\n{answer}\nEND\nexit {}\n",
            tree.display(),
            u8::from(severity.is_some()),
        )
    }

    fn tree(&self) -> std::path::PathBuf {
        self.folder.path().join("tree")
    }

    fn path(&self) -> String {
        format!("{}/bin:/usr/bin:/bin", self.folder.path().display())
    }

    fn scan(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(
            slipway()
                .env("PATH", self.path())
                .current_dir(self.tree())
                .args(["security-scan", "--scanners", "bandit"])
                .args(arguments),
        )
    }

    /// The same with the two streams where `streams` says.
    fn printed_to(&self, out: Stdio, err: Stdio, arguments: &[&str]) -> Option<i32> {
        let status = Command::new(SLIPWAY)
            .env_clear()
            .env("PATH", self.path())
            .current_dir(self.tree())
            .args(["security-scan", "--scanners", "bandit"])
            .args(arguments)
            .stdout(out)
            .stderr(err)
            .status()
            .unwrap();
        status.code()
    }
}

fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_place_for_results_is_looked_for_before_anything_runs() {
    let desk = Desk::new(None, ": >ran");
    let tree = desk.tree();
    fs::write(tree.join("file"), "").unwrap();
    symlink("/tmp", tree.join("link")).unwrap();
    for name in ["file", "link", "file/deeper", "link/deeper"] {
        let (code, _, told) = desk.scan(&["--output-directory", name]);
        assert_eq!(code, 2, "{name}: {told}");
        assert!(
            told.contains("output-directory") && told.contains(name),
            "{told}"
        );
    }
    assert!(!tree.join("ran").exists());

    // Not even root may make files here.
    let (code, _, told) = ended(
        slipway()
            .env("PATH", desk.path())
            .current_dir("/sys/kernel")
            .args(["security-scan", "--scanners", "bandit"]),
    );
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("/sys/kernel could not be written to"),
        "{told}"
    );
}

/// Puts a file where the results should go, while the scanner runs.
const IN_THE_WAY: &str = ": >slipway-results";

#[test]
fn a_closed_gate_outlives_results_that_cannot_be_written() {
    let desk = Desk::new(Some("HIGH"), IN_THE_WAY);
    let (code, out, told) = desk.scan(&["--format", "json"]);
    assert_eq!(code, 1, "{told}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["result"], "failed");
    assert_eq!(report["counts"]["blocking"], 1);
    assert_eq!(report["failure"]["title"], "Results not written");
    assert!(told.contains("error: Results not written"), "{told}");
    assert_eq!(report["sarif"], serde_json::json!([]));
    let (code, out, _) = desk.scan(&["--output-directory", "other"]);
    assert_eq!(code, 1);
    assert!(desk.tree().join("other/security-scan/report.json").exists());
    assert!(!out.contains("not written"), "{out}");
}

#[test]
fn an_open_gate_without_its_results_is_an_error() {
    let desk = Desk::new(None, IN_THE_WAY);
    let (code, out, told) = desk.scan(&[]);
    assert_eq!(code, 3, "{told}");
    assert!(out.contains("not every result could be written"), "{out}");
    assert!(told.contains("error: Results not written"), "{told}");
    assert!(told.contains("slipway-results"), "{told}");
}

#[test]
fn in_the_runner_the_rest_is_told_all_the_same() {
    let runner = Runner::new();
    let tree = runner.workspace();
    fs::write(tree.join("app.py"), "import os\n").unwrap();
    let sarif = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"X","rules":[{"id":"R",
        "properties":{"security-severity":"9"}}]}},"results":[{"ruleId":"R","message":{"text":"m"},
        "locations":[{"physicalLocation":{"artifactLocation":{"uri":"app.py"},"region":{"startLine":1}}}]}]}]}"#;
    fs::write(tree.join("x.sarif"), sarif).unwrap();
    let scan = |runner: &Runner, fail_on: &str| {
        let arguments = [
            "security-scan",
            "--path=none",
            "--scanners=none",
            "--sarif-files=x.sarif",
        ];
        ended(runner.command(arguments).args(["--fail-on", fail_on]))
    };
    // A folder where the report should be: everything else can be written.
    fs::create_dir_all(tree.join("slipway-results/security-scan/report.json")).unwrap();
    let (code, out, _) = scan(&runner, "high");
    assert_eq!(code, 1, "{out}");
    assert_eq!(runner.outputs()["result"], "failed");
    assert_eq!(runner.outputs()["blocking"], "1");
    assert_eq!(runner.outputs()["report"], "", "there is none");
    assert!(runner.summary().contains("Results not written"));
    assert!(runner.summary().contains("Blocking findings"));
    assert!(out.contains("::error title=Results not written::"), "{out}");

    // Nor can outputs and summary, or there are none.
    let runner = runner.with("GITHUB_JOB", "other");
    fs::remove_dir(tree.join("slipway-results/security-scan/report.json")).unwrap();
    for (name, value) in [
        ("GITHUB_OUTPUT", Some("/dev/full")),
        ("GITHUB_OUTPUT", None),
        ("GITHUB_STEP_SUMMARY", Some("/dev/full")),
        ("GITHUB_STEP_SUMMARY", None),
    ] {
        let before = runner.variables()[name].clone();
        for (fail_on, expected) in [("high", 1), ("never", 0)] {
            let mut command = runner.command(["security-scan", "--path=none", "--scanners=none"]);
            command.args(["--sarif-files=x.sarif", "--fail-on", fail_on]);
            command.args(["--category", &format!("{fail_on}-{}", name.len())]);
            command.env("RUNNER_TEMP", tempfile::tempdir().unwrap().keep());
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
            let (code, out, _) = ended(&mut command);
            // Without outputs later steps would take nothing for clean.
            let expected = if name == "GITHUB_OUTPUT" && expected == 0 {
                3
            } else {
                expected
            };
            assert_eq!(code, expected, "{name} {value:?}: {out}");
            let told = out.matches("::error title=Output not written::").count()
                + out.matches("::error title=Runner not understood::").count();
            assert_eq!(told, usize::from(name == "GITHUB_OUTPUT"), "{out}");
        }
        assert_eq!(runner.variables()[name], before);
    }
}

#[test]
fn a_verdict_outlives_streams_that_are_full_or_closed() {
    for format in ["text", "json"] {
        let arguments = ["--format", format];
        let closed_gate = Desk::new(Some("HIGH"), "");
        for (out, err) in [
            (full(), Stdio::null()),
            (closed(), Stdio::null()),
            (Stdio::null(), full()),
            (Stdio::null(), closed()),
            (full(), full()),
            (closed(), closed()),
        ] {
            assert_eq!(closed_gate.printed_to(out, err, &arguments), Some(1));
        }
        let open_gate = Desk::new(None, "");
        assert_eq!(
            open_gate.printed_to(full(), Stdio::null(), &arguments),
            Some(3)
        );
        assert_eq!(
            open_gate.printed_to(Stdio::null(), full(), &arguments),
            Some(0)
        );
        // `| head` has seen enough of a text; half a JSON document is none.
        let expected = if format == "json" { 3 } else { 0 };
        let code = open_gate.printed_to(closed(), Stdio::null(), &arguments);
        assert_eq!(code, Some(expected));
    }
    let help = Command::new(SLIPWAY)
        .arg("--help")
        .stdout(full())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(help.code(), Some(3));
}

#[test]
fn streams_of_the_runner_may_be_full_or_closed_too() {
    let runner = Runner::new();
    fs::write(runner.workspace().join("x.sarif"), "{").unwrap();
    for out in [full(), closed()] {
        let status = Command::new(SLIPWAY)
            .env_clear()
            .envs(runner.variables())
            .env("RUNNER_TEMP", tempfile::tempdir().unwrap().keep())
            .args([
                "security-scan",
                "--path=none",
                "--scanners=none",
                "--sarif-files=x.sarif",
            ])
            .stdout(out)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(5), "a SARIF file that cannot be read");
        assert_eq!(runner.outputs()["result"], "incomplete");
    }
}

/// A program of this name that runs a script, and the `PATH` that finds it.
fn program(runner: &Runner, name: &str, script: &str) -> String {
    let folder = runner.path("programs");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

#[test]
fn a_category_goes_to_one_step_and_to_a_fallback_only_if_the_first_could_not_scan() {
    let runner = Runner::new();
    fs::write(runner.workspace().join("app.py"), "import os\n").unwrap();
    let scan = |bandit: &str| {
        let path = program(&runner, "bandit", bandit);
        let mut command = runner.command(["security-scan", "--scanners", "bandit"]);
        ended(command.env("PATH", path))
    };
    let works = Desk::bandit(&runner.workspace(), None, "");
    let works = works.strip_prefix("#!/bin/sh\n").unwrap();
    let (code, out, _) = scan("exit 7");
    assert_eq!(code, 5, "{out}");
    let (code, out, _) = scan(works);
    assert_eq!(code, 0, "the fallback: {out}");
    let (code, out, _) = scan(works);
    assert_eq!(code, 2, "{out}");
    assert!(
        out.contains("::error title=A category is used twice::"),
        "{out}"
    );
}

#[test]
fn a_running_step_keeps_its_categories_until_it_is_killed() {
    let runner = Runner::new();
    fs::write(runner.workspace().join("app.py"), "import os\n").unwrap();
    let scan = |script: &str| {
        let mut command = Command::new(SLIPWAY);
        command
            .env_clear()
            .envs(runner.variables())
            .env("PATH", program(&runner, "bandit", script))
            .current_dir(runner.workspace())
            .args(["security-scan", "--scanners", "bandit"]);
        command
    };
    // Ends with whoever started it.
    let mut first = scan("while [ -d /proc/$PPID ]; do sleep 0.1; done")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(first.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("Scanning"), "{line}");

    let second = scan("exit 7").output().unwrap();
    let told = String::from_utf8(second.stdout).unwrap();
    assert_eq!(second.status.code(), Some(2), "{told}");
    assert!(told.contains("still running"), "{told}");

    kill_process(Pid::from_child(&first), Signal::KILL).unwrap();
    first.wait().unwrap();
    let third = scan("exit 7").output().unwrap();
    assert_eq!(third.status.code(), Some(5), "{third:?}");
}
