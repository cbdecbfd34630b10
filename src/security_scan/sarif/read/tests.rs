mod properties;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::security_scan::finding::Location;
use crate::security_scan::testing;

/// The files of the tree that the fixtures were made from, a line each.
const TREE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/sarif/tree.txt"
));

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
        is_file: &|path| TREE.lines().any(|file| file == path),
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
        for ignore in &scan.inline_ignores.listed {
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
    let [ignore] = &scan.inline_ignores.listed[..] else {
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
