use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::security_scan::finding::{Finding, Kind, Location, Package, Region};
use crate::security_scan::sarif::{tests as make, write};
use crate::security_scan::severity::Severity;
use crate::security_scan::testing;

/// The files of the tree that the fixtures were made from.
const TREE: [&str; 7] = [
    "Dockerfile",
    "deploy.yaml",
    "src/app.py",
    "src/settings.py",
    "src/ünï code/my app.py",
    "web/index.js",
    ".github/workflows/ci.yml",
];

fn import(files: &[(&str, &[u8])]) -> Imported {
    let files: Vec<File> = files
        .iter()
        .map(|(path, bytes)| File {
            path: (*path).to_owned(),
            content: Ok(bytes.to_vec()),
        })
        .collect();
    let roots = ["/github/workspace".to_owned()];
    let checkout = Checkout {
        roots: &roots,
        is_file: &|path| TREE.contains(&path),
    };
    read(files, "slipway", checkout)
}

fn import_json(log: &Value) -> Imported {
    import(&[("out/results.sarif", log.to_string().as_bytes())])
}

fn run(results: &Value) -> Value {
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}, "results": results}]})
}

/// Scans as a person would want to see them: everything that later rooms read, a line a finding.
fn told(imported: &Imported) -> String {
    let mut told = String::new();
    for scan in &imported.scans {
        let Tool { name, version, .. } = &scan.tool;
        let version = version.as_deref().unwrap_or("-");
        writeln!(
            told,
            "{} {name} {version} of {}: {:?}",
            scan.category, scan.target, scan.state
        )
        .unwrap();
        for finding in &scan.findings {
            let Location { path, region } = &finding.location;
            let region = region.map_or("no line".to_owned(), |at| {
                format!(
                    "{}:{}-{}:{}",
                    at.start_line, at.start_column, at.end_line, at.end_column
                )
            });
            let score = finding.severity.security_severity(finding.score);
            writeln!(
                told,
                "  {} {} {score:.1} {:?} {path} {region} {:?}",
                finding.severity.name(),
                finding.rule,
                finding.kind,
                finding.message
            )
            .unwrap();
            if let Some(package) = &finding.package {
                writeln!(told, "    {package:?}").unwrap();
            }
            if finding.flows != testing::finding("", "", None).flows {
                let flows = &finding.flows;
                writeln!(
                    told,
                    "    {} flows, {} related",
                    flows.code_flows.len(),
                    flows.related_locations.len()
                )
                .unwrap();
            }
        }
        for rule in scan.rules.values() {
            let short = rule.short_description.as_deref().unwrap_or("-");
            writeln!(told, "  rule {} {short:?} {:?}", rule.id, rule.tags).unwrap();
        }
        for ignore in &scan.inline_ignores {
            writeln!(
                told,
                "  ignored {}:{} {}",
                ignore.path, ignore.line, ignore.text
            )
            .unwrap();
        }
        for note in &scan.notes {
            writeln!(told, "  note {note}").unwrap();
        }
    }
    told
}

macro_rules! dialect {
    ($name:ident, $file:literal) => {
        #[test]
        fn $name() {
            let bytes = include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/sarif/",
                $file
            ));
            let imported = import(&[(concat!("out/", $file), bytes)]);
            let told = told(&imported);
            // What the tree's settings hold, in fixtures of whichever tool.
            for secret in ["AKIAIOSFODNN7EXAMPLE", "ghp_EXAMPLE", "hunter2", "jane.doe"] {
                assert!(!told.contains(secret), "{told}");
                assert!(!format!("{:?}", imported.scans).contains(secret));
            }
            insta::assert_snapshot!(stringify!($name), told);
        }
    };
}

dialect!(bandit, "bandit.sarif");
dialect!(eslint, "eslint.sarif");
dialect!(gitleaks, "gitleaks.sarif");
dialect!(hadolint, "hadolint.sarif");
dialect!(ruff, "ruff.sarif");
dialect!(semgrep, "semgrep.sarif");
dialect!(trivy, "trivy.sarif");
dialect!(trivy_image, "trivy-image.sarif");
dialect!(zizmor, "zizmor.sarif");

#[test]
fn a_secret_that_one_tool_found_is_in_no_other_tools_text() {
    let secret = "correct-horse-battery";
    let finder = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "gitleaks"}},
        "results": [{"ruleId": "generic", "message": {"text": "found one"}, "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": "a"}, "region":
                {"startLine": 1, "snippet": {"text": secret}}}}]}],
    }]});
    let other = run(&json!([{
        "ruleId": "r",
        "message": {"text": format!("the string {secret} is long")},
        "relatedLocations": [{"message": {"text": secret}, "physicalLocation":
            {"artifactLocation": {"uri": "a"}, "region": {"startLine": 1, "snippet": {"text": secret}}}}],
        "codeFlows": [{"message": {"text": secret}, "threadFlows": [{"locations": [
            {"location": {"physicalLocation": {"artifactLocation": {"uri": "a"}}, "message": {"text": secret}}}]}]}],
        "properties": {"secret": secret},
    }]));
    // The finder comes last.
    let imported = import(&[
        ("a.sarif", other.to_string().as_bytes()),
        ("b.sarif", finder.to_string().as_bytes()),
    ]);
    assert_eq!(imported.secrets.iter().collect::<Vec<_>>(), [secret]);
    let all = format!("{:?}", imported.scans);
    assert!(!all.contains(secret), "{all}");
    assert!(all.contains("the string *** is long"), "{all}");
    let flows = &imported.scans[1].findings[0].flows;
    assert_eq!(
        (flows.code_flows.len(), flows.related_locations.len()),
        (1, 1)
    );
}

#[test]
fn what_is_not_known_to_be_complete_is_incomplete() {
    for (log, gap) in [
        (
            json!({"version": "2.1.0", "runs": []}),
            "BadOutput out/results.sarif holds no run: no tool says that it looked",
        ),
        (
            json!({"version": "2.1.0", "runs": [7]}),
            "BadOutput out/results.sarif holds a run that is no object",
        ),
        (
            run(&json!(null)),
            "BadOutput Test says nothing of results in out/results.sarif: it did not run to its end",
        ),
        (
            run(&json!({})),
            "BadOutput Test says nothing of results in out/results.sarif: it did not run to its end",
        ),
        (
            run(&json!([7])),
            "BadOutput result 1 of Test in out/results.sarif is no object",
        ),
        (
            json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}}]}),
            "BadOutput Test says nothing of results in out/results.sarif: it did not run to its end",
        ),
        (
            json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}, "results": [],
                "externalPropertyFileReferences": {"results": [{"guid": "x"}]}}]}),
            "BadOutput results of Test in out/results.sarif are in other files, which are not read",
        ),
        (
            json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}, "results": [],
                "invocations": [{"executionSuccessful": false, "exitCode": 2, "exitCodeDescription": "no memory"}]}]}),
            "Crashed Test says in out/results.sarif that it failed with exit code 2: no memory",
        ),
        (
            json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}, "results": [],
                "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": "slow"}},
                    {"level": "error", "message": {"text": "Syntax error in broken.py"}}]}]}]}),
            "Unparsed Test reports in out/results.sarif: Syntax error in broken.py",
        ),
        (
            json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Test"}}, "results": [],
                "invocations": [{"toolConfigurationNotifications": [{"level": "error", "message": {"text": "no rules"}}]}]}]}),
            "BadOutput Test reports in out/results.sarif: no rules",
        ),
    ] {
        let imported = import_json(&log);
        let [scan] = &imported.scans[..] else {
            panic!("{log}: {:?}", imported.scans)
        };
        let State::Incomplete(gaps) = &scan.state else {
            panic!("{log}: complete")
        };
        let [found] = &gaps[..] else {
            panic!("{log}: {gaps:?}")
        };
        assert_eq!(format!("{:?} {}", found.kind, found.what), gap);
    }
}

#[test]
fn a_file_that_is_refused_is_named_with_the_reason() {
    let files = [
        File {
            path: "a.sarif".to_owned(),
            content: Err(too_large(300_000_000)),
        },
        File {
            path: "b.sarif".to_owned(),
            content: Ok(b"<html>".to_vec()),
        },
        File {
            path: "c.sarif".to_owned(),
            content: Ok(run(&json!([])).to_string().into_bytes()),
        },
    ];
    let imported = read(
        files,
        "slipway",
        Checkout {
            roots: &[],
            is_file: &|_| false,
        },
    );
    insta::assert_snapshot!(told(&imported), @r#"
    slipway/sarif/a.sarif/ a.sarif - of a.sarif: Incomplete([Gap { kind: BadOutput, what: "a.sarif is 300000000 bytes large; at most 268435456 bytes (256 MiB) are read", next: Some("look at the step that writes it: it must finish, and write SARIF 2.1.0") }])
    slipway/sarif/b.sarif/ b.sarif - of b.sarif: Incomplete([Gap { kind: BadOutput, what: "b.sarif is not SARIF: it does not start with an object", next: Some("look at the step that writes it: it must finish, and write SARIF 2.1.0") }])
    slipway/sarif/test/ Test - of c.sarif: Complete
    "#);
}

#[test]
fn results_are_read_up_to_a_number() {
    let file = |path: &str, count: usize| File {
        path: path.to_owned(),
        content: Ok(run(&json!(vec![json!({"ruleId": "r"}); count]))
            .to_string()
            .into_bytes()),
    };
    let files = [file("a", 2), file("b", 4), file("c", 3)];
    let checkout = Checkout {
        roots: &[],
        is_file: &|_| false,
    };
    let imported = read_at_most(5, files, "slipway", checkout);
    let [refused, test] = &imported.scans[..] else {
        panic!("{:?}", imported.scans)
    };
    assert_eq!((&*test.target, test.findings.len()), ("a, c", 5));
    let State::Incomplete(gaps) = &refused.state else {
        panic!("{refused:?}")
    };
    assert_eq!(
        gaps[0].what,
        "b holds 4 results; of 5 that are read of all files, 3 are left"
    );
}

#[test]
fn files_of_one_tool_are_one_scan() {
    let log = |rule: &str, category: &str| {
        let mut log = run(&json!([{"ruleId": rule, "message": {"text": "m"}}]));
        log["runs"][0]["automationDetails"] = json!({"id": category});
        log.to_string().into_bytes()
    };
    let imported = import(&[
        ("a.sarif", &log("one", "slipway/trivy-fs/")),
        ("b.sarif", &log("two", "slipway/bandit/")),
    ]);
    let [scan] = &imported.scans[..] else {
        panic!("{:?}", imported.scans)
    };
    assert_eq!(scan.category, "slipway/sarif/test/");
    assert_eq!(scan.target, "a.sarif, b.sarif");
    assert_eq!(scan.rules.keys().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(scan.findings.len(), 2);
    // A result without a place is where it was reported.
    assert_eq!(scan.findings[1].location.path, "b.sarif");
}

#[test]
fn what_is_no_problem_is_no_finding() {
    let result = |field: &str, value: &str| {
        let mut result = json!({"ruleId": format!("{field}-{value}"), "message": {"text": "m"}});
        result[field] = json!(value);
        result
    };
    let imported = import_json(&run(&json!([
        result("kind", "pass"),
        result("kind", "notApplicable"),
        result("kind", "informational"),
        result("kind", "open"),
        result("kind", "review"),
        result("kind", "fail"),
        result("baselineState", "absent"),
        result("baselineState", "unchanged"),
        result("baselineState", "new"),
        {"ruleId": "nosec", "message": {"text": "m"}, "suppressions": [{"kind": "inSource", "justification": "a test"}]},
        {"ruleId": "rejected", "message": {"text": "m"}, "suppressions": [{"kind": "inSource", "status": "rejected"}]},
        {"ruleId": "none", "message": {"text": "m"}, "suppressions": []},
    ])));
    let scan = &imported.scans[0];
    let rules: Vec<_> = scan
        .findings
        .iter()
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(
        rules,
        [
            "kind-open",
            "kind-review",
            "kind-fail",
            "baselineState-unchanged",
            "baselineState-new",
            "rejected",
            "none"
        ]
    );
    let [ignore] = &scan.inline_ignores[..] else {
        panic!("{:?}", scan.inline_ignores)
    };
    assert_eq!(ignore.text, "Test nosec, suppressed in the source: a test");
}

#[test]
fn odd_values_spoil_nothing() {
    let imported = import_json(&run(&json!([
        {"ruleId": 7, "ruleIndex": null, "level": null, "message": "text", "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": "src/app.py"},
                "region": {"startLine": "3", "startColumn": 0, "endLine": 1, "endColumn": 1e300}}}],
            "properties": {"security-severity": 7.5, "tags": "x"}, "codeFlows": {}, "suppressions": null},
        {"message": {"id": "gone"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/app.py"},
            "region": {"startLine": 0, "charOffset": 7}}}], "properties": {"security-severity": "eleven"}},
        {"message": {"text": " "}, "locations": [null, {"physicalLocation": {"artifactLocation": {"index": 99}}}]},
    ])));
    insta::assert_snapshot!(told(&imported), @r#"
    slipway/sarif/test/ Test - of out/results.sarif: Complete
      high 7 7.5 Code src/app.py 3:1-3:1 "7"
      medium unnamed-rule 5.5 Code src/app.py no line "unnamed-rule"
      medium unnamed-rule 5.5 Code out/results.sarif no line "unnamed-rule"
      rule 7 "-" []
      rule unnamed-rule "-" []
    "#);
}

/// Findings as any scanner may bring them.
fn findings() -> impl Strategy<Value = Finding> {
    let place = (
        "[a-z]{1,5}(/[a-zé %#:+~]{1,6}x){0,2}",
        prop::option::of((1_u32..90, 1_u32..90, 0_u32..9, 0_u32..9)),
    );
    let package = prop::option::of(("[a-z]{1,6}", "[0-9.]{0,4}", prop::option::of("[0-9]{1,3}")));
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let kind = prop::sample::select(vec![
        Kind::Vulnerability,
        Kind::Misconfiguration,
        Kind::License,
        Kind::Code,
    ]);
    (
        "[A-Z]{1,3}[0-9]{1,4}",
        "[^\\s]\\PC{0,40}[^\\s]",
        place,
        package,
        severity,
        kind,
        prop::option::of(0.0..10.0_f64),
    )
        .prop_map(
            |(rule, message, (path, region), package, severity, kind, score)| Finding {
                message,
                kind,
                severity,
                // As it reads back: a number in the band, with one digit.
                score: Some((severity.security_severity(score) * 10.0).round() / 10.0)
                    .filter(|_| severity != Severity::Unknown),
                location: Location {
                    path,
                    region: region.map(|(line, column, lines, columns)| Region {
                        start_line: line,
                        start_column: column,
                        end_line: line + lines,
                        end_column: if lines == 0 {
                            column + columns
                        } else {
                            columns + 1
                        },
                    }),
                },
                package: package.map(|(name, version, fixed)| Package {
                    name,
                    version,
                    fixed,
                    purl: None,
                }),
                aliases: vec!["GHSA-x".to_owned()],
                given_fingerprint: None,
                fingerprint: "1f:1".to_owned(),
                ..testing::finding(&rule, "", None)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_reads_back(findings in prop::collection::vec(findings(), 0..8)) {
        let scan = make::scan(findings);
        let sorted = write::sorted(&scan.findings);
        let bytes = write::document(&scan, &sorted, &scan.category);
        let imported = import(&[("ours.sarif", &bytes)]);
        let [back] = &imported.scans[..] else { panic!("one scan") };
        prop_assert_eq!(&back.state, &State::Complete);
        prop_assert_eq!(&back.category, &scan.category);
        let expected: Vec<Finding> = sorted
            .into_iter()
            .cloned()
            .map(|finding| Finding {
                given_fingerprint: Some(finding.fingerprint.clone()),
                fingerprint: String::new(),
                ..finding
            })
            .collect();
        prop_assert_eq!(&back.findings, &expected);
    }

    #[test]
    fn whatever_happens_to_a_real_file_its_findings_are_sound(log in mutated()) {
        let imported = import_json(&log);
        prop_assert!(!imported.scans.is_empty());
        for scan in &imported.scans {
            prop_assert!(scan.category.starts_with("slipway/sarif/"));
            for finding in &scan.findings {
                let Location { path, region } = &finding.location;
                prop_assert!(!path.is_empty() && !path.starts_with('/'), "{path}");
                prop_assert!(path.split('/').all(|part| part != ".."), "{path}");
                prop_assert!(!finding.rule.is_empty() && !finding.message.is_empty());
                if let Some(Region { start_line, start_column, end_line, end_column }) = *region {
                    prop_assert!(start_line >= 1 && start_column >= 1 && end_column >= 1);
                    prop_assert!((end_line, end_column) >= (start_line, start_column) || end_line > start_line);
                    prop_assert!(i32::try_from(end_line.max(start_column).max(end_column)).is_ok());
                }
            }
            let sorted = write::sorted(&scan.findings);
            let bytes = write::document(scan, &sorted, &scan.category);
            // Ours: what is lost is lost at once.
            let again = import(&[("ours.sarif", &bytes)]);
            prop_assert_eq!(again.scans[0].findings.len(), scan.findings.len());
        }
    }

    #[test]
    fn no_bytes_of_a_real_file_make_it_panic(
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/sarif/semgrep.sarif"
        ))
        .to_vec();
        for (at, byte) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if flips.len() % 2 == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        import(&[("out/results.sarif", &bytes)]);
    }

    #[test]
    fn no_json_makes_it_panic(log in logs()) {
        let imported = import_json(&log);
        for scan in &imported.scans {
            let sorted = write::sorted(&scan.findings);
            let bytes = write::document(scan, &sorted, &scan.category);
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
    }
}

/// What real tools write, with some of it changed to something else: a value in another's place,
/// gone, or odd.
fn mutated() -> impl Strategy<Value = Value> {
    const FIXTURES: [&str; 9] = [
        "bandit",
        "eslint",
        "gitleaks",
        "hadolint",
        "ruff",
        "semgrep",
        "trivy",
        "trivy-image",
        "zizmor",
    ];
    let fixture = prop::sample::select(FIXTURES.to_vec()).prop_map(|name| {
        let path = format!(
            "{}/tests/fixtures/sarif/{name}.sarif",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    });
    let odd = prop_oneof![
        Just(Value::Null),
        Just(json!(-1)),
        Just(json!("3")),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!("\u{0}\n::error::x")),
        Just(json!("../../../etc/passwd")),
        Just(json!("file:///%00/%zz\\")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{}, null, [[]]])),
    ];
    let change = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::option::of(odd),
    );
    (fixture, prop::collection::vec(change, 1..20)).prop_map(|(mut log, changes)| {
        for (at, from, odd) in changes {
            let places = places(&log);
            // Without an odd value, that of another place.
            let value = odd.or_else(|| log.pointer(from.get::<String>(&places)).cloned());
            if let (Some(place), Some(value)) = (log.pointer_mut(at.get::<String>(&places)), value)
            {
                *place = value;
            }
        }
        log["version"] = json!("2.1.0");
        log
    })
}

/// JSON pointers to all values but the log itself.
fn places(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(values) => values
            .iter()
            .zip(0..)
            .map(|(value, index)| (format!("/{index}"), value))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                (
                    format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                    value,
                )
            })
            .collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(name, value)| {
            let below = places(value).into_iter().map({
                let name = name.clone();
                move |place| format!("{name}{place}")
            });
            std::iter::once(name).chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// JSON in the shape of SARIF, with anything anywhere.
fn logs() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("error")),
        Just(json!("gitleaks")),
        Just(json!("file:///github/workspace/src/app.py")),
    ];
    let names = prop::sample::select(vec![
        "tool",
        "driver",
        "name",
        "rules",
        "id",
        "results",
        "message",
        "text",
        "locations",
        "physicalLocation",
        "artifactLocation",
        "uri",
        "uriBaseId",
        "index",
        "region",
        "startLine",
        "endColumn",
        "snippet",
        "ruleId",
        "ruleIndex",
        "rule",
        "level",
        "properties",
        "security-severity",
        "tags",
        "codeFlows",
        "threadFlows",
        "location",
        "relatedLocations",
        "suppressions",
        "invocations",
        "artifacts",
        "originalUriBaseIds",
        "HERE",
        "extensions",
        "partialFingerprints",
        "primaryLocationLineHash",
        "arguments",
        "slipway",
        "package",
    ]);
    let value = leaf.prop_recursive(10, 60, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..6).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    });
    (value.clone(), value.clone(), value).prop_map(|(run, results, tool)| {
        let mut run = match run {
            Value::Object(run) => run,
            other => serde_json::Map::from_iter([("artifacts".to_owned(), other)]),
        };
        run.entry("results").or_insert(json!([results]));
        run.entry("tool").or_insert(json!({"driver": tool}));
        json!({"version": "2.1.0", "runs": [run]})
    })
}
