//! Whatever a file of SARIF holds, what is read from it is sound.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::{import, import_json};
use crate::security_scan::finding::{Finding, Kind, Location, Package, Region};
use crate::security_scan::sarif::{tests as make, write};
use crate::security_scan::severity::Severity;
use crate::security_scan::testing;

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
