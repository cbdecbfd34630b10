//! A run that has something of everything.

use std::time::Duration;

use jiff::civil::date;

use super::super::*;
use crate::security_scan::finding::{Finding, Region, Rule};
use crate::security_scan::inputs::Inputs;
use crate::security_scan::plan::{Settings, judge};
use crate::security_scan::policy::{Origin, Policy, differences};
use crate::security_scan::scan::{Database, GapKind, Scan, Source, State};
use crate::security_scan::testing::{self, gap, scan, vulnerability as finding};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

pub(in crate::security_scan::report) fn inputs(arguments: &[&str]) -> Inputs {
    let secrets = ["--token", "ghs_secret", "--registry-auth", "r u p4ss"];
    testing::inputs(&[&secrets, arguments].concat()).unwrap()
}

const POLICY: &str = "\
version: 1
scanners:
  bandit: {fail-on: medium, on-incomplete: warn}
  nessus: {fail-on: low}
suppressions:
  - {cve: CVE-2024-0002, owner: '@acme/web', reason: not reachable, expires: 2026-06-20}
  - {rule: B602, owner: eve, reason: to be rewritten, expires: 2026-06-01}
inline-ignores: refuse
";

/// Every foreign text of the run; `None` for the sample's own.
pub(super) type Hostile<'a> = Option<&'a str>;

pub(super) fn scans(hostile: Hostile) -> Vec<Scan> {
    let foreign = |text: &str| hostile.unwrap_or(text).to_owned();
    let mut second = finding(Severity::Critical);
    second.rule = foreign("CVE-2024-0002");
    second.aliases = vec!["CVE-2024-0002".into()];
    second.message = foreign("Prototype pollution in lodash");
    second.location.path = foreign("frontend/package-lock.json");
    let mut first = finding(Severity::High);
    first.score = Some(7.5);
    let mut trivy = scan(Source::TrivyFs, State::Complete, vec![second, first]);
    trivy.tool.name = "Trivy".into();
    trivy.category = "slipway/trivy-fs/".into();
    trivy.rules.insert(
        "CVE-2024-0001".into(),
        Rule {
            id: "CVE-2024-0001".into(),
            short_description: Some(foreign("requests: credentials leak on redirect")),
            help_uri: Some("https://avd.aquasec.com/nvd/cve-2024-0001".into()),
            ..Rule::default()
        },
    );
    trivy.notes = vec![foreign("Terraform module github.com/x/y was not followed")];
    trivy.inline_ignores.listed = vec![InlineIgnore {
        path: foreign("infra/main.tf").into(),
        line: 7,
        text: foreign("#trivy:ignore:AVD-AWS-0086"),
    }];
    let code = |rule: &str, severity, line| Finding {
        rule: rule.to_owned(),
        kind: Kind::Code,
        message: foreign("subprocess call with shell=True\nsecond line"),
        location: Location {
            path: foreign("backend/app/jobs.py"),
            region: Some(Region {
                start_line: line,
                start_column: 5,
                end_line: line + 2,
                end_column: 9,
            }),
        },
        package: None,
        ..finding(severity)
    };
    let mut lost = gap(GapKind::Unparsed);
    lost.what = foreign("backend/app/new.py could not be parsed: invalid syntax at line 3");
    lost.next = Some(foreign(
        "look at it; run: python3 -m py_compile backend/app/new.py",
    ));
    let mut bandit = scan(
        Source::Bandit,
        State::Incomplete(vec![lost]),
        vec![
            code("B602", Severity::Medium, 12),
            code("B101", Severity::Low, 3),
        ],
    );
    bandit.tool.name = "Bandit".into();
    bandit.category = "slipway/bandit/".into();
    bandit.duration = Duration::from_secs(75);
    let mut os = finding(Severity::Unknown);
    os.location = Location {
        path: foreign("ghcr.io/acme/api"),
        region: None,
    };
    os.package.as_mut().unwrap().fixed = None;
    let mut image = scan(
        Source::TrivyImage("ghcr.io/acme/api".into()),
        State::Complete,
        vec![os],
    );
    image.tool.name = "Trivy".into();
    image.target = foreign("ghcr.io/acme/api:1.2");
    image.category = "slipway/trivy-image/ghcr.io/acme/api/".into();
    let mut nothing = scan(
        Source::Sarif("ESLint".into()),
        State::NothingToDo(foreign("no results in reports/eslint.sarif")),
        vec![],
    );
    nothing.tool.name = foreign("ESLint");
    nothing.target = "reports/eslint.sarif".into();
    nothing.category = "slipway/sarif/eslint/".into();
    let mut imported = scan(
        Source::Sarif("Semgrep OSS".into()),
        State::Complete,
        vec![code("rules.sqli", Severity::High, 40)],
    );
    imported.tool.name = foreign("Semgrep OSS");
    imported.target = "reports/semgrep.sarif".into();
    imported.category = "slipway/sarif/semgrep-oss/".into();
    imported.rules.insert(
        "rules.sqli".into(),
        Rule {
            id: "rules.sqli".into(),
            name: Some(foreign("SQL injection")),
            help_uri: Some(foreign("https://example.com/rules/sqli")),
            ..Rule::default()
        },
    );
    vec![trivy, bandit, image, nothing, imported]
}

pub(super) fn uploads(hostile: Hostile) -> Vec<UploadReport> {
    let foreign = |text: &str| hostile.unwrap_or(text).to_owned();
    vec![
        UploadReport {
            category: "slipway/trivy-fs/".into(),
            status: Status::Complete,
            weight: Weight::Fine,
            reason: "processed".into(),
            sarif_id: Some("47177e22-5596-11eb-80a1-c1e54ef945c6".into()),
            analyses_url: None,
            failure: None,
        },
        UploadReport {
            category: "slipway/bandit/".into(),
            status: Status::Incomplete,
            weight: Weight::Warning,
            reason: "the scan is not complete: the last analysis stands".into(),
            sarif_id: None,
            analyses_url: None,
            failure: None,
        },
        UploadReport {
            category: "slipway/trivy-image/ghcr.io/acme/api/".into(),
            status: Status::NoPermission,
            weight: Weight::Warning,
            reason: "403".into(),
            failure: Some(Message {
                title: "No permission to upload".into(),
                what: foreign("GitHub said 403: Resource not accessible by integration."),
                cause: Some("The token lacks security-events: write.".into()),
                next: Some("Add the permission to the job.".into()),
                paste: Some("permissions:\n  security-events: write".into()),
            }),
            sarif_id: None,
            analyses_url: None,
        },
    ]
}

pub(super) fn whole(hostile: Hostile) -> Report {
    let foreign = |text: &str| hostile.unwrap_or(text).to_owned();
    let today = date(2026, 6, 15);
    let read = |yaml: &str| {
        Policy::parse(yaml.as_bytes(), ".github/slipway/security-scan.yml", today).unwrap()
    };
    let mut policy = read(POLICY);
    policy.suppressions[0].owner = foreign("@acme/web");
    policy.suppressions[1].owner = foreign("eve");
    policy.suppressions[1].reason = foreign("to be rewritten");
    let proposed = read("version: 1\nfail-on: never\nscanners: {bandit: {fail-on: medium}}\n");
    let mut changes = differences(&policy, &proposed);
    changes[0].to = Some(foreign("never"));
    let inputs = inputs(&["--images", "ghcr.io/acme/api:1.2"]);
    let scans = scans(hostile);
    let judgement = judge(&scans, &policy, &Settings::from(&inputs), today);
    let origin = Origin::Commit {
        sha: SHA.into(),
        named: "pull_request.base.sha",
    };
    let mut report = build(&Run {
        inputs: &inputs,
        started: "2026-06-15T10:00:00Z".parse().unwrap(),
        duration: Duration::from_millis(80_412),
        checkout: Some(Checkout {
            server_url: "https://github.com".into(),
            repository: "acme/app".into(),
            sha: SHA.into(),
            git_ref: Some("refs/pull/12/merge".into()),
            event: "pull_request".into(),
            run_url: "https://github.com/acme/app/actions/runs/1/attempts/1".into(),
        }),
        policy: &policy,
        origin: &origin,
        changes,
        scans: &scans,
        judgement: &judgement,
        failure: None,
        warnings: vec![Message {
            title: "Credentials within reach of scanners".into(),
            what: foreign(".git/config holds the job's token."),
            cause: None,
            next: Some("Let actions/checkout forget it.".into()),
            paste: Some("with:\n  persist-credentials: false".into()),
        }],
        uploads: uploads(hostile),
        dropped: vec![Dropped {
            category: "slipway/trivy-fs/".into(),
            what: foreign("12 results beyond GitHub's 25,000 were left out, the least severe"),
        }],
        databases: &[Database {
            name: "Trivy vulnerability database",
            version: 2,
            updated_at: "2026-06-15T06:00:00Z".parse().unwrap(),
            next_update: "2026-06-16T06:00:00Z".parse().unwrap(),
            downloaded_at: Some("2026-06-15T09:59:58Z".parse().unwrap()),
            repository: Some("mirror.gcr.io/aquasec/trivy-db".into()),
        }],
        timings: vec![("policy".into(), Duration::from_millis(120))],
        sarif: vec!["slipway-results/trivy-fs.sarif".into()],
        report: "slipway-results/report.json".into(),
    });
    // A release changes no snapshot.
    report.slipway = "0.0.0".into();
    report
}
