//! Wrong inputs: exit 2 with one annotation that names them, and nothing done.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::docker::docker;
use super::super::runner::{Job, StepResult};
use super::{annotations, keeps_secrets, scan};

/// One error that says all of `named`; no result, no claimed category, no folder.
fn refused(job: &Job, result: &StepResult, named: &[&str]) {
    assert_eq!(result.exit, 2, "{named:?}: {}", result.log);
    assert_eq!(
        result.outputs,
        [("result".to_owned(), "invalid".to_owned())].into(),
        "{named:?}"
    );
    let [error] = annotations(result, "error")[..] else {
        panic!("{named:?}: {:?}", result.annotations)
    };
    let text = format!("{} {}", error.title.as_deref().unwrap_or(""), error.message);
    for name in named {
        assert!(text.contains(name), "no '{name}' in: {text}");
        let plain = name.trim_matches('`');
        // Markdown's own spelling of an underscore.
        let summary = result.summary.replace("&#95;", "_");
        assert!(summary.contains(plain), "no '{plain}' in: {summary}");
    }
    let made: Vec<_> = ["workspace/slipway-results", "workspace/.slipway-cache"]
        .into_iter()
        .map(|name| job.workspace().parent().unwrap().join(name))
        .filter(|path| path.exists())
        .collect();
    assert!(made.is_empty(), "{named:?}: {made:?}");
    keeps_secrets(job, result);
}

#[test]
fn wrong_inputs_are_named_before_anything_runs() {
    let Some(docker) = docker() else { return };
    let job = Job::new()
        .file("app.py", "import os\n")
        .file("cache/db/trivy.db", "brought by a pull request")
        .file("unknown-key.yml", "version: 1\nfail_on: low\n")
        .file("broken.yml", "version: 1\nfail-on: [\n");
    symlink("/etc", job.workspace().join("outside")).unwrap();
    let job = job.commit();
    for (input, value, named) in [
        ("path", "../..", &["`path`", ".."][..]),
        ("path", "/etc", &["`path`", "/etc"]),
        ("path", "outside", &["`path`", "outside", "link"]),
        ("path", "nowhere", &["`path`", "nowhere"]),
        (
            "scanners",
            "trivy,grype",
            &["`scanners`", "grype", "bandit"],
        ),
        ("trivy-checks", "vulns", &["`trivy-checks`", "vulns"]),
        ("timeout", "soon", &["`timeout`", "soon"]),
        ("fail-on", "hihg", &["`fail-on`", "hihg", "`high`"]),
        ("only-fixable", "yes", &["`only-fixable`", "yes"]),
        ("policy", "broken.yml", &["broken.yml:2:"]),
        (
            "policy",
            "unknown-key.yml",
            &["unknown-key.yml:2:1", "fail_on"],
        ),
        (
            "cache-directory",
            "cache",
            &["`cache-directory`", "cache", "git"],
        ),
        ("output-directory", ".", &["`output-directory`"]),
        ("outptu-directory", "x", &["output-directory"]),
    ] {
        let result = scan(docker).input(input, value).run(&job);
        refused(&job, &result, named);
    }
    let claimed: Vec<_> = fs::read_dir(job.temp())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("slipway-category-"))
        .collect();
    assert!(claimed.is_empty(), "a refused step has claimed {claimed:?}");
}

#[test]
fn a_category_twice_in_one_job_is_refused_before_scanning() {
    let Some(docker) = docker() else { return };
    let job = Job::new().file("app.py", "import os\n").commit();
    let step = |number: &str| {
        let action = format!("__slipway-ci_slipway{number}");
        scan(docker)
            .input("scanners", "bandit")
            .env("GITHUB_ACTION", &action)
    };
    let first = step("").run(&job);
    assert_eq!(first.exit, 0, "{}", first.log);

    let second = step("_2").run(&job);
    assert_eq!(second.exit, 2, "{}", second.log);
    let [error] = annotations(&second, "error")[..] else {
        panic!("{:?}", second.annotations)
    };
    assert!(error.message.contains("slipway/bandit/"), "{error:?}");
    assert!(
        second.summary.contains("category: slipway-"),
        "{}",
        second.summary
    );
    assert!(
        !job.workspace()
            .join("slipway-results/security-scan-2")
            .exists()
    );

    let third = step("_3").input("category", "other").run(&job);
    assert_eq!(third.exit, 0, "{}", third.log);
    // The next attempt of the job begins anew.
    let again = step("").env("GITHUB_RUN_ATTEMPT", "2").run(&job);
    assert_eq!(again.exit, 0, "{}", again.log);
}
