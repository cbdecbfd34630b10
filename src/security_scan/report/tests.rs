//! One run with something of everything, drawn in every form.

mod example;
mod hostile;

use std::time::Duration;

use jiff::civil::date;

use super::*;
use crate::outcome::Failure;
use crate::runner::files::entries;
use crate::security_scan::observe::ignores;
use crate::security_scan::outputs::Outputs;
use crate::security_scan::plan::{Settings, judge};
use crate::security_scan::policy::{Origin, Policy};
use crate::security_scan::scan::{GapKind, Scan, Source, State};
use crate::security_scan::testing::{gap, scan, vulnerability as finding};
pub(super) use example::inputs;
use example::whole;

fn markdown(report: &Report) -> String {
    let bodies: Vec<_> = summary(report)
        .into_iter()
        .map(|section| section.body)
        .collect();
    bodies.join("\n")
}

#[test]
fn summary_of_a_whole_run() {
    insta::assert_snapshot!(markdown(&whole(None)));
}

#[test]
fn text_of_a_whole_run() {
    insta::assert_snapshot!(text(&whole(None)));
}

#[test]
fn json_of_a_whole_run() {
    insta::assert_json_snapshot!(whole(None).json());
}

#[test]
fn annotations_of_a_whole_run() {
    let report = whole(None);
    let lines: Vec<_> = verdict(&report)
        .into_iter()
        .chain(annotations(&report))
        .map(|one| one.command())
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn outputs_of_a_whole_run() {
    let lines: Vec<_> = entries(&Outputs::NAMES, &Outputs::from(&whole(None)))
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn no_secret_input_is_told() {
    let report = whole(None);
    let all = format!(
        "{report:?}{}{}{}",
        report.json(),
        markdown(&report),
        text(&report)
    );
    assert!(!all.contains("ghs_secret") && !all.contains("p4ss"));
}

/// A run with nothing more to tell.
pub(super) fn small(
    scans: &[Scan],
    arguments: &[&str],
    failure: Option<&Failure>,
    uploads: Vec<UploadReport>,
) -> Report {
    of(scans, &Policy::default(), arguments, failure, uploads)
}

fn of(
    scans: &[Scan],
    policy: &Policy,
    arguments: &[&str],
    failure: Option<&Failure>,
    uploads: Vec<UploadReport>,
) -> Report {
    let inputs = inputs(arguments);
    let judgement = judge(scans, policy, &Settings::from(&inputs), date(2026, 6, 15));
    build(&Run {
        inputs: &inputs,
        started: "2026-06-15T10:00:00Z".parse().unwrap(),
        duration: Duration::from_millis(80),
        checkout: None,
        policy,
        origin: &Origin::Workspace,
        changes: vec![],
        scans,
        judgement: &judgement,
        failure,
        warnings: vec![],
        uploads,
        dropped: vec![],
        databases: &[],
        timings: vec![],
        sarif: vec![],
        report: "slipway-results/report.json".into(),
    })
}

#[test]
fn verdicts_in_a_sentence() {
    let high = || vec![finding(Severity::High)];
    let complete = |findings| scan(Source::TrivyFs, State::Complete, findings);
    let nothing = || scan(Source::Bandit, State::NothingToDo("*.py".into()), vec![]);
    let broken = || {
        scan(
            Source::Bandit,
            State::Incomplete(vec![gap(GapKind::TimedOut)]),
            vec![],
        )
    };
    let failed_upload = || UploadReport {
        weight: Weight::Error,
        ..example::uploads(None)[0].clone()
    };
    let unwritten = Failure::error("Results not written", "No space left on device.");
    let told: Vec<_> = [
        small(&[complete(vec![])], &[], None, vec![]),
        small(&[complete(vec![]), nothing()], &[], None, vec![]),
        small(&[complete(high())], &[], None, vec![]),
        small(
            &[complete(high())],
            &["--fail-on", "critical"],
            None,
            vec![],
        ),
        small(&[complete(high()), broken()], &[], None, vec![]),
        small(&[broken()], &["--fail-on", "never"], None, vec![]),
        small(&[broken()], &["--on-incomplete", "warn"], None, vec![]),
        small(&[], &[], None, vec![]),
        small(&[complete(vec![])], &[], None, vec![failed_upload()]),
        small(&[complete(high())], &[], None, vec![failed_upload()]),
        small(&[complete(vec![])], &[], Some(&unwritten), vec![]),
        small(&[complete(high())], &[], Some(&unwritten), vec![]),
        small(&[broken()], &[], Some(&unwritten), vec![failed_upload()]),
    ]
    .iter()
    .map(|report| format!("{} {}: {}", report.exit_code, report.result, report.verdict))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn many_findings_leave_room_for_the_rest() {
    let mut findings = vec![];
    for line in 1..=30_000 {
        let mut one = finding(Severity::High);
        one.location.path = format!("{}/x.py", "a_long_folder/".repeat(15));
        one.location.region.as_mut().unwrap().start_line = line;
        one.message = "*".repeat(2000);
        findings.push(one);
    }
    let report = small(
        &[scan(Source::TrivyFs, State::Complete, findings)],
        &[],
        None,
        vec![],
    );
    let size: usize = summary(&report).iter().map(|one| one.body.len()).sum();
    assert!(size < crate::runner::summary::LIMIT, "{size}");
    assert!(text(&report).contains("and 29950 more in slipway-results/report.json"));
    let told = annotations(&report).len();
    assert_eq!(told, 30_000, "the runner's part chooses and counts");
}

/// 2 MB of comments, in the deepest folder that a path can name.
#[test]
fn a_file_full_of_ignores_makes_no_report_without_end() {
    let mut tree = scan(Source::TrivyFs, State::Complete, vec![]);
    let path = format!("{}main.tf", "a_long_folder/".repeat(290));
    let file = "#trivy:ignore:*\n".repeat(131_072);
    ignores::in_file(&mut file.as_bytes(), &path, &mut tree.inline_ignores).unwrap();
    let refuse = b"version: 1\ninline-ignores: refuse\nsuppressions:\n  - {rule: inline-ignore, \
                   owner: ann, reason: r, expires: 2026-12-31}\n";
    let today = date(2026, 6, 15);
    for policy in [
        Policy::default(),
        Policy::parse(refuse, "p.yml", today).unwrap(),
    ] {
        let report = of(std::slice::from_ref(&tree), &policy, &[], None, vec![]);
        let size = serde_json::to_vec(&report).unwrap().len();
        assert!(size < 10_000_000, "{size}");
        let scan = &report.scans[0];
        let told = (scan.inline_ignores.len(), scan.inline_ignores_not_listed);
        assert_eq!(told, (1000, 130_072));
        let said = "131072 inline ignores in the tree, 130072 of them not listed";
        assert!(text(&report).contains(said), "{}", text(&report));
        assert!(markdown(&report).contains(said), "{}", markdown(&report));
        if policy.suppressions.is_empty() {
            assert_eq!(report.result, Outcome::Passed);
            continue;
        }
        // The suppression covers what is listed, and that alone.
        assert_eq!(report.result, Outcome::Failed);
        let counts = report.counts;
        assert_eq!((counts.suppressed, counts.blocking), (1000, 1));
        assert!(markdown(&report).contains("130072 are too many to be listed"));
        assert!(!markdown(&report).contains("Accept a finding"));
    }
}
