//! Whatever a scanner does, it is told from a clean result: the table.

use std::time::Duration;

use slipway::outcome::Outcome;
use slipway::security_scan::scan::{GapKind, Source, State};

use super::bench::{Bench, gaps, kinds, of, real, shown};
use crate::testing::needs;

/// JSON of a Trivy that found nothing.
const CLEAN: &str =
    r#"{"SchemaVersion":2,"Trivy":{"Version":"0.76.0"},"ArtifactType":"filesystem"}"#;

#[tokio::test]
async fn every_way_in_which_trivy_fails() {
    for (script, expected) in [
        (format!("echo '{CLEAN}'"), vec![]),
        ("exit 0".to_owned(), vec![GapKind::BadOutput]),
        ("echo not json".to_owned(), vec![GapKind::BadOutput]),
        (format!("echo '{}'", &CLEAN[..40]), vec![GapKind::BadOutput]),
        ("echo '{}'".to_owned(), vec![GapKind::BadOutput]),
        ("echo '[]'".to_owned(), vec![GapKind::BadOutput]),
        (r#"echo '{"SchemaVersion":3}'"#.to_owned(), vec![GapKind::BadOutput]),
        (format!("echo '{CLEAN}'; exit 1"), vec![GapKind::Crashed]),
        (format!("echo '{CLEAN}'; exit 2"), vec![GapKind::Crashed]),
        ("kill -SEGV $$".to_owned(), vec![GapKind::Crashed]),
        ("sleep 1000".to_owned(), vec![GapKind::TimedOut]),
        (
            r#"printf '{"SchemaVersion":2,"Results":'; for i in $(seq 200); do printf '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[['; done"#.to_owned(),
            vec![GapKind::BadOutput],
        ),
    ] {
        let mut bench = Bench::new();
        bench.limit = Duration::from_secs(3);
        bench.put("a.txt", "x");
        bench.tool("trivy", "/bin/sh", &script);
        let observed = bench.run(&["--scanners", "trivy", "--trivy-checks", "misconfig"]).await;
        let scan = of(&observed, &Source::TrivyFs);
        assert_eq!(kinds(scan), expected, "{script}: {:?}", gaps(scan));
        assert_eq!(scan.state == State::Complete, expected.is_empty());
    }
}

/// A Bandit that answers for every file that it was given, as the real one does.
const BANDIT: &str = r"
import json, os, sys
if '--version' in sys.argv:
    print('bandit 1.9.4'); sys.exit(0)
links = sys.argv[-1]
files = [os.path.join(links, name) for name in sorted(os.listdir(links))]
report = {'errors': [], 'results': [], 'metrics': {name: {} for name in files}}
";

#[tokio::test]
async fn every_way_in_which_bandit_fails() {
    let issue = "{'filename': files[0], 'test_id': 'B101', 'test_name': 'assert_used', \
                 'issue_text': 'x', 'issue_severity': 'LOW', 'issue_confidence': 'HIGH', 'line_number': 1}";
    for (script, expected, findings) in [
        ("print(json.dumps(report))".to_owned(), vec![], 0),
        (format!("report['results'] = [{issue}]; print(json.dumps(report)); sys.exit(1)"), vec![], 1),
        ("sys.exit(0)".to_owned(), vec![GapKind::BadOutput], 0),
        ("sys.exit(1)".to_owned(), vec![GapKind::BadOutput], 0),
        ("print(json.dumps(report)[:-9]); sys.exit(1)".to_owned(), vec![GapKind::BadOutput], 0),
        ("print('{}')".to_owned(), vec![GapKind::BadOutput], 0),
        ("print(json.dumps(report)); sys.exit(2)".to_owned(), vec![GapKind::Crashed], 0),
        ("os.kill(os.getpid(), 11)".to_owned(), vec![GapKind::Crashed], 0),
        ("import time; time.sleep(1000)".to_owned(), vec![GapKind::TimedOut], 0),
        (
            "report['metrics'].popitem(); print(json.dumps(report))".to_owned(),
            vec![GapKind::BadOutput],
            0,
        ),
        (
            format!("issue = {issue}; issue['filename'] = '/etc/passwd'; report['results'] = [issue]; print(json.dumps(report))"),
            vec![GapKind::BadOutput],
            0,
        ),
        (
            "sys.stderr.write('[tester] ERROR Bandit internal error running: B602 on file %s at line 1: x' % files[0]); print(json.dumps(report))".to_owned(),
            vec![GapKind::Unparsed],
            0,
        ),
        ("import nowhere".to_owned(), vec![GapKind::BadOutput], 0),
    ] {
        let mut bench = Bench::new();
        bench.limit = Duration::from_secs(5);
        bench.put("a.py", "assert True\n");
        bench.tool("bandit", "/usr/bin/env python3", &format!("{BANDIT}{script}"));
        let observed = bench.run(&["--scanners", "bandit"]).await;
        let scan = of(&observed, &Source::Bandit);
        assert_eq!(kinds(scan), expected, "{script}: {:?}", gaps(scan));
        assert_eq!(scan.findings.len(), findings, "{script}");
    }
}

#[tokio::test]
async fn real_input_that_bandit_cannot_parse_is_not_clean() {
    let bench = Bench::real();
    bench.put("only.py", "def (\n");
    let observed = bench.run(&["--scanners", "bandit"]).await;
    let scan = of(&observed, &Source::Bandit);
    assert_eq!(kinds(scan), [GapKind::Unparsed]);
    assert!(gaps(scan)[0].what.contains("only.py"));
}

#[tokio::test]
async fn a_lost_shard_leaves_the_others_findings() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if !needs("two cores", cores >= 2) {
        return; // One core, one shard.
    }
    let bench = Bench::new();
    let filler = "x = 1\n".repeat(50_000);
    bench.put("good.py", &format!("assert True\n{filler}"));
    bench.put("evil.py", &format!("# evil\n{filler}"));
    // The real Bandit, but its process dies of one file.
    let bandit = real().join("bandit");
    bench.tool(
        "bandit",
        real().join("python").to_str().unwrap(),
        &format!(
            "import glob, os, sys\n\
             for file in glob.glob(sys.argv[-1] + '/*.py'):\n    \
                 if '# evil' in open(file).read(): os.kill(os.getpid(), 9)\n\
             exec(open({bandit:?}).read())"
        ),
    );
    let observed = bench.run(&["--scanners", "bandit"]).await;
    let scan = of(&observed, &Source::Bandit);
    assert_eq!(kinds(scan), [GapKind::Crashed]);
    assert_eq!(shown(scan), ["B101 good.py:1"]);
}

#[tokio::test]
async fn scanners_that_are_not_there_say_how_to_get_them() {
    let bench = Bench::new();
    bench.put("a.py", "assert True\n");
    // One in the workspace, first on PATH, is not taken.
    let mut hostile = Bench::new();
    hostile.tools = hostile.workspace.clone();
    hostile.put("a.py", "x = 1\n");
    for name in ["trivy", "bandit"] {
        hostile.tool(name, "/bin/sh", "touch /tmp/taken; exit 0");
    }
    for bench in [bench, hostile] {
        let observed = bench.run(&[]).await;
        for (source, hint) in [
            (Source::TrivyFs, "trivy.dev"),
            (Source::Bandit, "pipx install"),
        ] {
            let scan = of(&observed, &source);
            assert_eq!(kinds(scan), [GapKind::Missing]);
            assert!(gaps(scan)[0].next.as_deref().unwrap().contains(hint));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_not_clean() {
    let bench = Bench::new();
    bench.put("a.py", "assert True\n");
    for name in ["trivy", "bandit"] {
        bench.tool(name, "/nowhere/interpreter", "");
    }
    let observed = bench.run(&["--trivy-checks", "misconfig"]).await;
    for scan in &observed.scans {
        assert_eq!(kinds(scan), [GapKind::Crashed], "{:?}", scan.source);
    }
}

#[tokio::test]
async fn cancelling_ends_everything() {
    let bench = Bench::new();
    bench.put("a.py", "assert True\n");
    let pids = bench.tools.join("pids");
    for name in ["trivy", "bandit"] {
        let script = format!(
            "trap '' TERM; sleep 1000 & echo $$ $! >> {}; wait",
            pids.display()
        );
        bench.tool(name, "/bin/sh", &script);
    }
    let (cancel, watched) = (bench.cancel.clone(), pids.clone());
    // As soon as both (and Bandit's version) run.
    let watch = tokio::spawn(async move {
        while std::fs::read_to_string(&watched)
            .unwrap_or_default()
            .lines()
            .count()
            < 3
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cancel.cancel();
    });
    let failure = bench
        .try_run(&["--trivy-checks", "misconfig"])
        .await
        .unwrap_err();
    watch.await.unwrap();
    assert_eq!(failure.outcome, Outcome::Error);
    let pids = std::fs::read_to_string(pids).unwrap();
    for pid in pids.split_whitespace() {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        assert!(
            status.is_empty() || status.contains("State:\tZ"),
            "{pid} is alive"
        );
    }
}
