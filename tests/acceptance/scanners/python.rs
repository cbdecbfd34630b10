//! Python's own standard library through the real Bandit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use slipway::security_scan::scan::{GapKind, Source, State};

use super::bench::{Bench, gaps, of, real, shown};

/// Where the interpreter of the scanners' environment has its library.
fn library() -> PathBuf {
    let output = Command::new(real().join("python"))
        .args(["-c", "import os; print(os.path.dirname(os.__file__))"])
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn copy(from: &Path, bench: &Bench) {
    let status = Command::new("cp")
        .arg("-rT")
        .arg(from)
        .arg(&bench.workspace)
        .status()
        .unwrap();
    assert!(status.success());
    // What others installed, and most of the library's own tests, which are half of it.
    for unneeded in ["site-packages", "__pycache__"] {
        let _ = std::fs::remove_dir_all(bench.workspace.join(unneeded));
    }
    for entry in std::fs::read_dir(bench.workspace.join("test")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("test_") && entry.path().is_file() {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[tokio::test]
async fn the_standard_library_is_scanned_as_bandit_itself_does_it() {
    let bench = Bench::real();
    copy(&library(), &bench);
    let observed = bench.run(&["--scanners", "bandit"]).await;
    let scan = of(&observed, &Source::Bandit);

    // One Bandit, on its own, over the same folder.
    let output = Command::new(real().join("bandit"))
        .args(["-q", "-r", "-f", "json", "-x", "", "."])
        .current_dir(&bench.workspace)
        .output()
        .unwrap();
    let plain: Value = serde_json::from_slice(&output.stdout).unwrap();
    let clean = |item: &Value| {
        let name = item["filename"].as_str().unwrap();
        name.strip_prefix("./").unwrap_or(name).to_owned()
    };
    let mut expected: Vec<String> = plain["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            format!(
                "{} {}:{}",
                item["test_id"].as_str().unwrap(),
                clean(item),
                item["line_number"]
            )
        })
        .collect();
    expected.sort();
    assert!(expected.len() > 1000, "{}", expected.len());
    assert_eq!(shown(scan), expected);

    let unparsed: BTreeSet<String> = plain["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(clean)
        .collect();
    assert!(!unparsed.is_empty());
    assert_eq!(gaps(scan).len(), unparsed.len());
    for name in &unparsed {
        let named = gaps(scan).iter().any(|gap| {
            gap.kind == GapKind::Unparsed && gap.what.contains(&format!("scan {name}:"))
        });
        assert!(named, "{name} is not named: {:#?}", gaps(scan));
    }
}

#[tokio::test]
async fn no_python_is_nothing_to_do() {
    let bench = Bench::real();
    bench.put("README.md", "x");
    let observed = bench.run(&["--scanners", "bandit"]).await;
    let scan = of(&observed, &Source::Bandit);
    assert!(matches!(&scan.state, State::NothingToDo(what) if what.contains("Python")));
}

#[tokio::test]
async fn excluded_paths_are_not_even_parsed() {
    let mut bench = Bench::real();
    bench.put("vendor/broken.py", "def (\n");
    bench.put("app.py", "assert True\n");
    bench.policy = "version: 1\nexclude: [vendor/]\n".to_owned();
    let observed = bench.run(&["--scanners", "bandit"]).await;
    let scan = of(&observed, &Source::Bandit);
    assert_eq!(scan.state, State::Complete);
    assert_eq!(shown(scan), ["B101 app.py:1"]);
}

#[test]
fn a_tree_deeper_than_the_limit_of_open_files() {
    let bench = Bench::real();
    let deep = "d/".repeat(300);
    bench.put(&format!("{deep}a.py"), "assert True\n");
    let run = |limit: u32| {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"])
            .args([env!("CARGO_BIN_EXE_slipway"), "security-scan"])
            .args(["--scanners", "bandit", "--fail-on", "never"])
            .current_dir(&bench.workspace)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bench.tools.display()))
            .env("HOME", &bench.workspace)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (output.status.code(), text)
    };
    let (code, text) = run(64);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 finding"), "{text}");
    // Far too few is the environment's fault, not that of any file.
    let (code, text) = run(10);
    assert_eq!(code, Some(3), "{text}");
    assert!(!text.contains("may not read"), "{text}");
}
