//! Fingerprints and a large SARIF file, side by side with what `github/codeql-action/upload-sarif` does:
//!
//! ```sh
//! cargo bench --bench fingerprint    # needs node and npm; ROUNDS=5 unless the environment says otherwise
//! ```
//!
//! The two take turns on the same input, one after the other, so that a machine that slows down slows
//! both; what counts is the ratio of each pair, in processor time, which others on the machine change
//! little. Prints the table of BENCHMARKS.md. Linux only: the times are those of /proc.
#![expect(
    clippy::disallowed_methods,
    clippy::naive_bytecount,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it starts programs, writes files of its own and prints"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use slipway::security_scan::fingerprint::line_hashes;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Bytes of the file whose lines are hashed.
const LARGE: usize = 8_000_000;
/// Results of the SARIF file: what GitHub accepts of a run.
const RESULTS: usize = 25_000;
/// Files that they are in.
const FILES: usize = 1_000;

fn main() {
    let rounds = std::env::var("ROUNDS").map_or(5, |it| it.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let modules = modules(folder.path());
    let code = code();
    println!("| what | rounds | median | least | most |");
    println!("|---|---|---|---|---|");
    for (name, text) in [
        ("line hashes of 8 MB, source code", code.clone()),
        (
            "line hashes of 8 MB, every tenth line in Chinese",
            mixed(&code),
        ),
    ] {
        let path = folder.path().join("large");
        std::fs::write(&path, &text).unwrap();
        let pairs = (0..rounds).map(|_| hashes(&path, &modules)).collect();
        row(name, pairs, |ours| {
            format!("{:.0} MB/s", megabytes(text.len()) / ours)
        });
    }
    let workspace = folder.path().join("workspace");
    workspace_with_results(&workspace, &code);
    let pairs = (0..rounds).map(|_| upload(&workspace, &modules)).collect();
    row(
        "25,000 results in 1,000 files, whole process",
        pairs,
        |ours| format!("{ours:.2} s of processor time"),
    );
}

/// Prints the ratios of pairs (ours, theirs) in seconds; the absolute figure goes to stderr.
fn row(name: &str, mut pairs: Vec<(f64, f64)>, absolute: impl Fn(f64) -> String) {
    let rounds = pairs.len();
    let mut ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| theirs / ours).collect();
    ratios.sort_by(f64::total_cmp);
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (median, least, most) = (ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    println!("| {name} | {rounds} | {median:.0}× | {least:.0}× | {most:.0}× |");
    eprintln!("{name}: {} here", absolute(pairs[rounds / 2].0));
}

#[expect(clippy::cast_precision_loss, reason = "some million bytes")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// One pass of each over a file. They must agree.
fn hashes(path: &Path, modules: &Path) -> (f64, f64) {
    let bytes = std::fs::read(path).unwrap();
    let lines = u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap();
    let wanted: BTreeSet<u32> = (1..lines).step_by(100).chain([lines]).collect();
    let began = thread_seconds();
    let bytes = std::fs::read(path).unwrap();
    let found = line_hashes(&bytes, &wanted);
    let ours = thread_seconds() - began;
    let theirs = node(
        modules,
        path.parent().unwrap(),
        &["hash", path.to_str().unwrap()],
    );
    assert_eq!(theirs["last"], found[&lines], "line {lines}");
    (ours, theirs["seconds"].as_f64().unwrap())
}

/// One process of each over a SARIF file.
fn upload(workspace: &Path, modules: &Path) -> (f64, f64) {
    let began = children_seconds();
    let output = Command::new(env!("CARGO_BIN_EXE_slipway"))
        .env_clear()
        .current_dir(workspace)
        .args(["security-scan", "--path", "none", "--scanners", "none"])
        .args(["--sarif-files", "in.sarif", "--fail-on", "never"])
        .output()
        .unwrap();
    let ours = children_seconds() - began;
    assert!(output.status.success(), "{output:?}");
    let report = workspace.join("slipway-results/security-scan/report.json");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["counts"]["findings"], RESULTS);

    let schema = testbed("@microsoft/sarif-multitool-linux/sarif-2.1.0.json");
    let began = children_seconds();
    node(modules, workspace, &["upload", "in.sarif", &schema]);
    (ours, children_seconds() - began)
}

/// Processor time of this thread.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e9
}

/// Processor time of all children that have ended, in steps of 10 ms.
fn children_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // proc(5): the name, in parentheses, may hold spaces; cutime and cstime are fields 16 and 17.
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(13).take(2);
    ticks.map(|it| it.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn node(modules: &Path, folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::new("node")
        .arg(format!("{ROOT}/benches/upstream/upload.mjs"))
        .args(arguments)
        .env("UPSTREAM_MODULES", modules)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Installs the rival's packages.
fn modules(folder: &Path) -> PathBuf {
    let folder = folder.join("upstream");
    std::fs::create_dir(&folder).unwrap();
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        let from = format!("{ROOT}/benches/upstream/{name}");
        std::fs::copy(from, folder.join(name)).unwrap();
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-progress"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    folder.join("node_modules")
}

/// A file of the test bed's Node.js packages.
fn testbed(path: &str) -> String {
    let modules = format!("{ROOT}/tests/testbed/node/modules");
    let output = Command::new(modules).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    format!(
        "{}/{path}",
        String::from_utf8(output.stdout).unwrap().trim()
    )
}

/// This crate's own code until it is large enough. Every fourth line gets a number of its own, so that a
/// repetition is not the same text again.
fn code() -> String {
    let mut files = Vec::new();
    collect(&PathBuf::from(format!("{ROOT}/src")), &mut files);
    files.sort();
    let source: String = files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .filter(|text| text.is_ascii())
        .collect();
    let mut text = String::with_capacity(LARGE + 200);
    for (line, number) in source.lines().cycle().zip(0_u32..) {
        if text.len() >= LARGE {
            break;
        }
        text.push_str(line);
        if number % 4 == 0 {
            write!(text, " // {number}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}

fn mixed(code: &str) -> String {
    let mut text = String::with_capacity(LARGE);
    for (line, number) in code.lines().zip(0_u32..) {
        if number % 10 == 0 {
            text.push_str("// 检查输入并返回错误的位置");
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Source files, and a SARIF file with results in all of them.
fn workspace_with_results(workspace: &Path, code: &str) {
    std::fs::create_dir_all(workspace.join("src")).unwrap();
    let lines: Vec<&str> = code.lines().collect();
    let each = lines.len() / FILES;
    for (chunk, number) in lines.chunks(each).take(FILES).zip(0..) {
        std::fs::write(
            workspace.join(format!("src/f{number}.rs")),
            chunk.join("\n"),
        )
        .unwrap();
    }
    let results: Vec<Value> = (0..RESULTS)
        .map(|number| {
            let line = number / FILES * (each / (RESULTS / FILES)) + 1;
            json!({
                "ruleId": format!("R{}", number % 100),
                "ruleIndex": number % 100,
                "level": "error",
                "message": {"text": format!("Found something that is worth a look, for the {number}th time.")},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": format!("src/f{}.rs", number % FILES)},
                    "region": {"startLine": line, "startColumn": 1, "endLine": line, "endColumn": 8},
                }}],
            })
        })
        .collect();
    let rules: Vec<Value> = (0..100)
        .map(|number| json!({"id": format!("R{number}"), "shortDescription": {"text": "A rule of the benchmark"}}))
        .collect();
    let log = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "Benchmark", "rules": rules}},
        "results": results,
    }]});
    std::fs::write(workspace.join("in.sarif"), log.to_string()).unwrap();
}
