//! What a finished run says, and what it leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::{Value, json};

use super::super::docker::docker;
use super::super::runner::{Job, RUNNER_UID};
use super::{
    RESULTS, TOKEN, annotations, clean, database, expected, faulty, files, keeps_secrets, report,
    scan, with_image,
};

/// How many there are of each.
fn counted<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// A finding as `expected.json` and the report both have it.
fn shape(scanner: &str, finding: &Value, path: &Value, line: &Value) -> String {
    json!([
        scanner,
        finding["kind"],
        finding["rule"],
        finding["severity"],
        path,
        line
    ])
    .to_string()
}

fn expected_findings(wanted: impl Fn(&Value) -> bool) -> BTreeMap<String, usize> {
    let expected = expected();
    let findings = expected["findings"].as_array().unwrap();
    counted(findings.iter().filter(|it| wanted(it)).map(|it| {
        let scanner = it["scanner"].as_str().unwrap();
        shape(scanner, it, &it["path"], &it["line"])
    }))
}

fn found(report: &Value) -> BTreeMap<String, usize> {
    counted(report["findings"].as_array().unwrap().iter().map(|it| {
        let scanner = it["tool"].as_str().unwrap().to_lowercase();
        let location = &it["location"];
        let line = location.pointer("/region/start_line");
        shape(
            &scanner,
            it,
            &location["path"],
            line.unwrap_or(&Value::Null),
        )
    }))
}

#[test]
fn an_app_with_faults_fails_and_every_fault_is_told() {
    let Some(docker) = docker() else { return };
    let job = faulty();
    database(&job);
    let result = scan(docker).run(&job);
    assert_eq!(result.exit, 1, "{}", result.log);
    assert_eq!(result.runner_errors, Vec::<String>::new());
    assert!(
        result.masks.iter().any(|mask| mask == TOKEN),
        "{:?}",
        result.masks
    );

    let report = report(&job);
    assert_eq!(found(&report), expected_findings(|_| true));
    let of = |severity: &str| {
        let same = |it: &Value| it["severity"] == severity;
        expected_findings(same).values().sum::<usize>().to_string()
    };
    let outputs = &result.outputs;
    assert_eq!(outputs["result"], "failed");
    for severity in ["critical", "high", "medium", "low", "unknown"] {
        assert_eq!(outputs[severity], of(severity), "{severity}");
    }
    let findings: usize = expected_findings(|_| true).values().sum();
    assert_eq!(outputs["findings"], findings.to_string());
    let serious = |it: &Value| {
        ["critical", "high"]
            .iter()
            .any(|high| it["severity"] == *high)
    };
    let blocking: usize = expected_findings(serious).values().sum();
    assert_eq!(outputs["blocking"], blocking.to_string());
    assert_eq!(outputs["suppressed"], "0");
    assert_eq!(outputs["report"], format!("{RESULTS}/report.json"));
    assert_eq!((&*outputs["alerts-url"], &*outputs["sarif-ids"]), ("", ""));

    let summary = &result.summary;
    assert!(
        summary.starts_with("## ❌ security-scan: Gate closed\n\n**"),
        "{summary}"
    );
    for told in [
        "### Blocking findings",
        "CVE-2099-10001",
        "backend/requirements.txt:2",
        "https://github.com/octocat/hello-world/blob/",
        "### Counts",
        "### Timings",
    ] {
        assert!(summary.contains(told), "no '{told}' in:\n{summary}");
    }

    let errors = annotations(&result, "error");
    assert!((2..=10).contains(&errors.len()), "{errors:?}");
    assert_eq!(result.dropped_annotations, 0);
    assert!(
        errors
            .iter()
            .any(|it| it.title.as_deref() == Some("Gate closed")),
        "{errors:?}"
    );
    // Worst first: the findings among them are critical ones until those run out.
    let finding = errors.iter().find(|it| it.file.is_some()).unwrap();
    assert!(
        finding.title.as_deref().unwrap().starts_with("critical "),
        "{finding:?}"
    );
    assert!(finding.line.is_some(), "{finding:?}");
    keeps_secrets(&job, &result);
}

#[test]
fn results_lie_in_the_workspace_and_are_the_runners() {
    let Some(docker) = docker() else { return };
    let job = faulty();
    database(&job);
    let result = scan(docker).run(&job);
    let sarif: Vec<_> = result.outputs["sarif"].lines().collect();
    assert_eq!(
        sarif,
        [
            format!("{RESULTS}/slipway-trivy-fs.sarif"),
            format!("{RESULTS}/slipway-bandit.sarif")
        ]
    );
    let mut findings = 0;
    for (file, tool) in sarif.iter().zip(["Trivy", "Bandit"]) {
        let text = fs::read_to_string(job.workspace().join(file)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let runs = document["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 1, "{file}");
        assert_eq!(runs[0]["tool"]["driver"]["name"], tool);
        for one in runs[0]["results"].as_array().unwrap() {
            findings += 1;
            let hash = &one["partialFingerprints"]["primaryLocationLineHash"];
            assert!(hash.as_str().is_some_and(|hash| !hash.is_empty()), "{one}");
        }
    }
    assert_eq!(findings.to_string(), result.outputs["findings"]);

    let written = files(&job.workspace().join("slipway-results"));
    let mut names: Vec<_> = written
        .iter()
        .map(|path| {
            path.strip_prefix(job.workspace())
                .unwrap()
                .to_str()
                .unwrap()
        })
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "logs/bandit.log",
            "logs/trivy-fs.log",
            "report.json",
            "slipway-bandit.sarif",
            "slipway-trivy-fs.sarif"
        ]
        .map(|name| format!("{RESULTS}/{name}"))
    );
    // A later step runs as `runner`, and has to be able to read, replace and delete them.
    let mut all = written;
    all.push(job.workspace().join("slipway-results"));
    all.push(job.workspace().join(RESULTS));
    all.push(job.workspace().join(RESULTS).join("logs"));
    for path in all {
        let data = fs::metadata(&path).unwrap();
        assert_eq!(
            (data.uid(), data.gid()),
            (RUNNER_UID, RUNNER_UID),
            "{}",
            path.display()
        );
        assert_eq!(data.mode() & 0o600, 0o600, "{}", path.display());
    }
}

#[test]
fn an_app_without_faults_passes() {
    let Some(docker) = docker() else { return };
    let job = clean();
    database(&job);
    let result = scan(docker).run(&job);
    assert_eq!(result.exit, 0, "{}", result.log);
    assert_eq!(result.outputs["result"], "passed");
    assert_eq!(result.outputs["blocking"], "0");
    assert_eq!(annotations(&result, "error"), Vec::<&_>::new());
    assert!(
        result
            .summary
            .starts_with("## ✅ security-scan: Gate open\n"),
        "{}",
        result.summary
    );
    let report = report(&job);
    assert_eq!(report["result"], "passed");
    for scan in report["scans"].as_array().unwrap() {
        assert_eq!(scan["coverage"]["state"], "complete", "{scan}");
    }
    keeps_secrets(&job, &result);
}

#[test]
fn without_a_database_the_other_checks_are_still_judged() {
    let Some(docker) = docker() else { return };
    let job = faulty();
    let result = scan(docker).input("fail-on", "never").run(&job);
    // Even where no finding can close the gate: unknown is not clean.
    assert_eq!(result.exit, 5, "{}", result.log);
    assert_eq!(result.outputs["result"], "incomplete");
    let report = report(&job);
    assert_eq!(
        found(&report),
        expected_findings(|it| it["kind"] != "vulnerability")
    );
    for told in [
        "## ⚠️ security-scan: Not enough evidence",
        "### Not scanned",
        "no usable database",
        "restore cache-directory, or set offline: false",
    ] {
        assert!(result.summary.contains(told), "{}", result.summary);
    }
    let errors = annotations(&result, "error");
    let incomplete = |title: &str| errors.iter().any(|it| it.title.as_deref() == Some(title));
    assert!(incomplete("Trivy . incomplete"), "{errors:?}");
    assert!(incomplete("Not enough evidence"), "{errors:?}");
    assert!(
        !job.workspace().join(".slipway-cache").exists(),
        "offline, so there was nothing to keep"
    );
    keeps_secrets(&job, &result);
}

#[test]
fn a_blocking_finding_outweighs_a_missing_database() {
    let Some(docker) = docker() else { return };
    let job = faulty();
    let result = scan(docker).run(&job);
    assert_eq!(result.exit, 1, "{}", result.log);
    assert_eq!(result.outputs["result"], "failed");
    assert!(
        result.summary.contains("### Not scanned") && result.summary.contains("no usable database"),
        "{}",
        result.summary
    );
}

#[test]
fn the_image_without_scanners_is_never_green() {
    let Some(docker) = docker() else { return };
    let job = clean();
    let result = with_image(docker, &docker.slipway.tag).run(&job);
    assert_eq!(result.exit, 5, "{}", result.log);
    assert_eq!(result.outputs["result"], "incomplete");
    for told in ["Trivy", "Bandit"] {
        let errors = annotations(&result, "error");
        let named = errors.iter().any(|it| it.message.contains(told));
        assert!(named, "{told}: {:?}", result.annotations);
    }
    keeps_secrets(&job, &result);
}

#[test]
fn what_is_missing_may_be_accepted_and_is_told_all_the_same() {
    let Some(docker) = docker() else { return };
    let job = Job::new()
        .file("app.py", "import os\n")
        .file("broken.py", "def (:\n")
        .commit();
    let step = || scan(docker).input("scanners", "bandit");
    let refused = step().run(&job);
    assert_eq!(refused.exit, 5, "{}", refused.log);

    let accepted = step()
        .input("on-incomplete", "warn")
        .env("GITHUB_RUN_ATTEMPT", "2")
        .run(&job);
    assert_eq!(accepted.exit, 0, "{}", accepted.log);
    assert_eq!(accepted.outputs["result"], "passed");
    assert_eq!(annotations(&accepted, "error"), Vec::<&_>::new());
    let warned = |it: &&super::Annotation| it.message.contains("broken.py");
    assert!(
        annotations(&accepted, "warning").iter().any(warned),
        "{:?}",
        accepted.annotations
    );
    for told in [
        "### Not scanned",
        "broken.py",
        "accepted by `on-incomplete: warn`",
    ] {
        assert!(accepted.summary.contains(told), "{}", accepted.summary);
    }
    keeps_secrets(&job, &accepted);
}

#[test]
fn a_tracked_file_that_the_scanners_may_not_read_is_no_clean_one() {
    let Some(docker) = docker() else { return };
    let job = clean();
    database(&job);
    let close = |path: &str| {
        let path = job.workspace().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    close("backend/app/store.py");
    fs::write(job.workspace().join("untracked.py"), "import os\n").unwrap();
    close("untracked.py");
    let result = scan(docker).run(&job);
    assert_eq!(result.exit, 5, "{}", result.log);
    assert_eq!(result.outputs["result"], "incomplete");
    for told in [
        "may not read backend/app/store.py",
        "chmod -R a+rX -- backend/app/store.py",
        "git does not track it: untracked.py",
    ] {
        assert!(result.summary.contains(told), "{}", result.summary);
    }
    let told = |it: &&&super::Annotation| it.message.contains("chmod -R a+rX");
    assert!(
        annotations(&result, "error").iter().any(|it| told(&it)),
        "{:?}",
        result.annotations
    );
}
