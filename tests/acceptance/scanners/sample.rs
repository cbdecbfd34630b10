//! The vulnerable sample app: exactly what is written down beside it.

use serde_json::Value;
use slipway::security_scan::finding::Kind;
use slipway::security_scan::scan::{Source, State};
use slipway::security_scan::scanners::Observed;

use super::bench::{Bench, REPOSITORY, of, shown};

fn expected() -> Value {
    let file = format!("{REPOSITORY}/tests/sample-app-vulnerable/expected.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Every finding in the terms of expected.json, without those that a suppression key adds.
fn found(observed: &Observed) -> Vec<String> {
    let mut all = Vec::new();
    for scan in &observed.scans {
        for finding in &scan.findings {
            let package = finding.package.as_ref();
            all.push(format!(
                "{} {} {} {} {}:{} {}@{} {}",
                if scan.source == Source::Bandit {
                    "bandit"
                } else {
                    "trivy"
                },
                match finding.kind {
                    Kind::Vulnerability => "vulnerability",
                    Kind::Misconfiguration => "misconfiguration",
                    Kind::Secret => "secret",
                    Kind::License => "license",
                    Kind::Code => "code",
                },
                finding.rule,
                finding.severity.name(),
                finding.location.path,
                finding
                    .location
                    .region
                    .map_or(0, |region| region.start_line),
                package.map_or("", |package| &package.name),
                package.map_or("", |package| &package.version),
                package
                    .and_then(|package| package.fixed.as_deref())
                    .unwrap_or(""),
            ));
        }
    }
    all.sort();
    all
}

fn listed(expected: &Value, keys: &[&str]) -> Vec<String> {
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or("").to_owned();
    let mut all: Vec<String> = keys
        .iter()
        .flat_map(|key| expected[key].as_array().unwrap())
        .map(|item| {
            format!(
                "{} {} {} {} {}:{} {}@{} {}",
                text(item, "scanner"),
                text(item, "kind"),
                text(item, "rule"),
                text(item, "severity"),
                text(item, "path"),
                item["line"].as_u64().unwrap_or(0),
                text(item, "package"),
                text(item, "version"),
                text(item, "fixed_version"),
            )
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn everything_and_nothing_else_is_found() {
    let bench = Bench::real();
    bench.copy("tests/sample-app-vulnerable/tree");
    let observed = bench.run(&[]).await;
    let expected = expected();
    assert_eq!(found(&observed), listed(&expected, &["findings"]));

    let trivy = of(&observed, &Source::TrivyFs);
    let bandit = of(&observed, &Source::Bandit);
    assert_eq!(trivy.state, State::Complete);
    assert_eq!(bandit.state, State::Complete);
    assert_eq!(trivy.tool.version.as_deref(), Some("0.76.0"));
    assert_eq!(bandit.tool.version.as_deref(), Some("1.9.4"));
    assert_eq!(
        (trivy.category.as_str(), bandit.category.as_str()),
        ("slipway/trivy-fs/", "slipway/bandit/")
    );
    for scan in &observed.scans {
        for finding in &scan.findings {
            assert!(scan.rules.contains_key(&finding.rule));
            assert!(!finding.message.is_empty());
            if let Some(region) = finding.location.region {
                let start = (region.start_line, region.start_column);
                assert!(start < (region.end_line, region.end_column), "{finding:?}");
            }
        }
    }
    let mut ignores: Vec<(String, u32)> = observed
        .scans
        .iter()
        .flat_map(|scan| &scan.inline_ignores.listed)
        .map(|ignore| (ignore.path.to_string(), ignore.line))
        .collect();
    ignores.sort();
    let mut known: Vec<(String, u32)> = expected["inline_ignores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ignore| {
            let line = u32::try_from(ignore["line"].as_u64().unwrap()).unwrap();
            (ignore["path"].as_str().unwrap().to_owned(), line)
        })
        .collect();
    known.sort();
    assert_eq!(ignores, known);
    let not_followed = expected["not_followed"].as_array().unwrap().len();
    let notes = trivy
        .notes
        .iter()
        .filter(|note| note.contains("not followed"))
        .count();
    assert_eq!(notes, not_followed, "{:?}", trivy.notes);
}

#[tokio::test]
async fn refused_ignores_and_lifted_allow_rules_add_exactly_what_they_hid() {
    let mut bench = Bench::real();
    bench.copy("tests/sample-app-vulnerable/tree");
    bench.policy = "version: 1\ninline-ignores: refuse\nsecret-allow-rules: none\n".to_owned();
    let observed = bench.run(&[]).await;
    let expected = expected();
    let mut known = listed(
        &expected,
        &["findings", "inline_ignored", "secret_allow_rules"],
    );
    // Trivy has no switch: the gate judges its ignores themselves.
    let hidden: Vec<String> = listed(&expected, &["inline_ignored"])
        .into_iter()
        .filter(|finding| finding.starts_with("trivy"))
        .collect();
    known.retain(|finding| !hidden.contains(finding));
    assert_eq!(found(&observed), known);
    assert!(
        of(&observed, &Source::Bandit)
            .inline_ignores
            .listed
            .is_empty()
    );
    assert!(
        !of(&observed, &Source::TrivyFs)
            .inline_ignores
            .listed
            .is_empty()
    );
}

#[tokio::test]
async fn no_secret_is_kept() {
    let bench = Bench::real();
    let token = ["gh", "p_0123456789abcdefABCDEF0123456789abcd"].concat();
    let text = format!("password = 'hunter2-is-my-password'\ntoken = '{token}'\n");
    bench.put("app.py", &text);
    let observed = bench.run(&[]).await;
    assert_eq!(
        shown(of(&observed, &Source::TrivyFs)),
        ["github-pat app.py:2"]
    );
    assert_eq!(shown(of(&observed, &Source::Bandit)).len(), 2);
    let everything = format!("{observed:?}");
    assert!(!everything.contains("hunter2-is-my"), "{everything}");
    assert!(!everything.contains(&token[4..]), "{everything}");
}

#[tokio::test]
async fn a_part_of_the_workspace_is_scanned_under_its_own_category() {
    let bench = Bench::real();
    bench.copy("tests/sample-app-vulnerable/tree");
    let whole = bench.run(&[]).await;
    let part = bench.run(&["--path", "backend"]).await;
    let below: Vec<String> = found(&whole)
        .into_iter()
        .filter(|finding| finding.contains(" backend/"))
        .collect();
    assert_eq!(found(&part), below);
    assert_eq!(
        of(&part, &Source::TrivyFs).category,
        "slipway/trivy-fs/backend/"
    );
    assert_eq!(
        of(&part, &Source::Bandit).category,
        "slipway/bandit/backend/"
    );
}
