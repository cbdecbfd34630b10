//! The report file and the policy against their published JSON schemas, read by `check-jsonschema`:
//! an implementation of JSON Schema that knows nothing of us.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::civil::date;
use serde_json::{Value, json};
use slipway::outcome::Failure;
use slipway::security_scan::finding::{Finding, Flows, Kind, Location, Package, Region};
use slipway::security_scan::plan::{Settings, judge};
use slipway::security_scan::policy::{Origin, Policy};
use slipway::security_scan::report::{Checkout, Run, UploadReport, build};
use slipway::security_scan::scan::{Database, Gap, GapKind, Ignores, Scan, Source, State, Tool};
use slipway::security_scan::severity::Severity;
use slipway::security_scan::upload::result::{Status, Weight};

use crate::support::{inputs, venv};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the checker says about each document; none: it is valid.
fn complaints(schema: &str, documents: &[String], extension: &str) -> Vec<Option<String>> {
    let folder = tempfile::tempdir().unwrap();
    let checker = venv("tools").unwrap().join("check-jsonschema");
    documents
        .iter()
        .map(|document| {
            let file = folder.path().join(format!("document.{extension}"));
            std::fs::write(&file, document).unwrap();
            let output = Command::new(&checker)
                .arg("--schemafile")
                .args([&root().join("schemas").join(schema), &file])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            (!output.status.success()).then_some(said)
        })
        .collect()
}

fn finding() -> Finding {
    Finding {
        rule: "CVE-2024-0001".into(),
        kind: Kind::Vulnerability,
        severity: Severity::High,
        score: Some(7.5),
        message: "A message".into(),
        location: Location {
            path: "backend/requirements.txt".into(),
            region: Some(Region {
                start_line: 3,
                start_column: 1,
                end_line: 3,
                end_column: 9,
            }),
        },
        package: Some(Package {
            name: "requests".into(),
            version: "2.19.0".into(),
            fixed: None,
            purl: Some("pkg:pypi/requests@2.19.0".into()),
        }),
        aliases: vec!["GHSA-x84v-xcm2-53pg".into()],
        given_fingerprint: None,
        fingerprint: "39fa2ee980eb94b0:1".into(),
        flows: Flows::default(),
    }
}

fn scan(state: State, findings: Vec<Finding>) -> Scan {
    Scan {
        source: Source::TrivyFs,
        target: ".".into(),
        category: "slipway/trivy-fs/".into(),
        tool: Tool {
            name: "Trivy".into(),
            version: None,
            information_uri: None,
        },
        state,
        rules: [].into(),
        findings,
        notes: vec!["a note".into()],
        inline_ignores: Ignores::default(),
        duration: Duration::from_millis(1500),
    }
}

/// Reports of a run with every kind of decision, and of one whose results could not be written.
fn reports() -> Vec<Value> {
    let inputs = inputs(&[]);
    let yaml = "version: 1\nscanners: {trivy: {on-incomplete: warn}}\nsuppressions:\n  - {rule: \
                CVE-2024-0001, path: a/, owner: ann, reason: r, expires: 2026-07-01}\n  - {cve: \
                CVE-2024-0001, path: b/, owner: eve, reason: r, expires: 2026-06-01}\n";
    let policy = Policy::parse(yaml.as_bytes(), "policy.yml", date(2026, 6, 15)).unwrap();
    let at = |path: &str| Finding {
        location: Location {
            path: path.into(),
            region: None,
        },
        ..finding()
    };
    let low = Finding {
        severity: Severity::Low,
        ..finding()
    };
    let gap = Gap {
        kind: GapKind::TimedOut,
        what: "timed out".into(),
        next: None,
    };
    let scans = [
        scan(State::Complete, vec![finding(), at("a/x"), at("b/x"), low]),
        scan(State::Incomplete(vec![gap]), vec![]),
        scan(State::NothingToDo("*.py".into()), vec![]),
    ];
    let judgement = judge(&scans, &policy, &Settings::from(&inputs), date(2026, 6, 15));
    let unwritten = Failure::error("Results not written", "The disk is full.").next("Free space.");
    let database = Database {
        name: "Trivy vulnerability database",
        version: 2,
        updated_at: "2026-06-15T06:00:00Z".parse().unwrap(),
        next_update: "2026-06-16T06:00:00Z".parse().unwrap(),
        downloaded_at: None,
        repository: Some("ghcr.io/aquasecurity/trivy-db:2".into()),
    };
    let run = Run {
        inputs: &inputs,
        started: "2026-06-15T10:00:00Z".parse().unwrap(),
        duration: Duration::from_secs(3),
        checkout: Some(Checkout {
            server_url: "https://github.com".into(),
            repository: "acme/app".into(),
            sha: "0123456789abcdef0123456789abcdef01234567".into(),
            git_ref: None,
            event: "push".into(),
            run_url: "https://github.com/acme/app/actions/runs/1".into(),
        }),
        policy: &policy,
        origin: &Origin::Workspace,
        changes: vec![],
        scans: &scans,
        judgement: &judgement,
        failure: None,
        warnings: vec![],
        uploads: vec![UploadReport {
            category: "slipway/bandit/".into(),
            status: Status::Off,
            weight: Weight::Fine,
            reason: "upload is off".into(),
            sarif_id: None,
            analyses_url: None,
            failure: None,
        }],
        dropped: vec![],
        databases: &[database],
        timings: vec![("policy".into(), Duration::from_millis(3))],
        sarif: vec![],
        report: "slipway-results/report.json".into(),
    };
    let not_written = Run {
        failure: Some(&unwritten),
        ..run.clone()
    };
    [run, not_written].map(|run| build(&run).json()).to_vec()
}

#[test]
fn reports_are_as_their_schema_says() {
    let good = reports();
    let with = |pointer: &str, value: Value| {
        let mut report = good[0].clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report
    };
    let wrong = [
        with("/schema", json!(2)),
        with("/result", json!("clean")),
        with("/findings/0/verdict", json!("perhaps")),
        with("/findings/0/because/kind", json!("luck")),
        with("/counts/findings", json!(-1)),
        with("/scans/0/coverage/state", json!("unknown")),
    ];
    let documents: Vec<_> = good.iter().chain(&wrong).map(Value::to_string).collect();
    let told = complaints("security-scan.report.v1.json", &documents, "json");
    for (index, complaint) in told.iter().enumerate() {
        assert_eq!(
            complaint.is_some(),
            index >= good.len(),
            "{index}: {complaint:?}"
        );
    }
}

/// What the schema refuses in an editor, slipway refuses as well, and the other way round.
#[test]
fn schema_and_parser_agree_on_policies() {
    let suppression = |fields: &str| format!("version: 1\nsuppressions:\n  - {{{fields}}}\n");
    let whole = "owner: o, reason: r, expires: 2026-07-01";
    let cases = [
        ("version: 1\n".to_owned(), true),
        (suppression(&format!("rule: B101, {whole}")), true),
        (
            suppression(&format!("cve: cve-2024-12345, path: 'a/**', {whole}")),
            true,
        ),
        (
            "version: 1\nscanners: {Semgrep OSS: {unparsed: warn}}\n".to_owned(),
            true,
        ),
        ("version: 1\nsuppressions:\nexclude:\n".to_owned(), true),
        ("{}\n".to_owned(), false),
        ("version: 2\n".to_owned(), false),
        ("version: 1\nfail_on: high\n".to_owned(), false),
        ("version: 1\nfail-on: severe\n".to_owned(), false),
        (
            "version: 1\nscanners: {bandit: {exclude: [a]}}\n".to_owned(),
            false,
        ),
        ("version: 1\ninline-ignores: maybe\n".to_owned(), false),
        (suppression(whole), false),
        (
            suppression("rule: B101, reason: r, expires: 2026-07-01"),
            false,
        ),
        (suppression(&format!("fingerprint: 'a:1', {whole}")), false),
        (
            suppression(&format!("rule: B101, fingerprint: 'a:1', {whole}")),
            false,
        ),
        (
            suppression(&format!("path: a, fingerprint: 'a:1', {whole}")),
            false,
        ),
        (
            suppression(&format!("rule: B101, path: a, fingerprint: 'a:1', {whole}")),
            true,
        ),
        (suppression(&format!("cve: GHSA-1, {whole}")), false),
        (suppression(&format!("purl: requests, {whole}")), false),
        (
            suppression("rule: B101, owner: '', reason: r, expires: 2026-07-01"),
            false,
        ),
        (
            suppression("rule: B101, owner: o, reason: r, expires: soon"),
            false,
        ),
    ];
    let documents: Vec<_> = cases.iter().map(|(yaml, _)| yaml.clone()).collect();
    let told = complaints("security-scan.policy.v1.json", &documents, "yaml");
    for ((yaml, good), complaint) in cases.iter().zip(told) {
        assert_eq!(complaint.is_none(), *good, "{yaml}{complaint:?}");
        let parsed = Policy::parse(yaml.as_bytes(), "p.yml", date(2026, 6, 15));
        assert_eq!(parsed.is_ok(), *good, "{yaml}{parsed:?}");
    }
}
