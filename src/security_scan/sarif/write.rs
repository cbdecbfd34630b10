//! One run as SARIF 2.1.0 that GitHub takes.
//!
//! What GitHub asks for beyond the standard
//! (<https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning>):
//! rules with non-empty descriptions and help; a location with all four numbers of its region and
//! a relative URI; `partialFingerprints.primaryLocationLineHash`; `security-severity` as a string
//! on the *rule*, shown only for rules with the tag `security`. A rule whose findings differ in
//! severity says the worst; each result keeps its own level, and its own `security-severity` among
//! its properties.
//!
//! Columns are those that the tool counted. Trivy says UTF-16 code units, which is also SARIF's
//! own default; Bandit counts what Python's parser does.
//!
//! Output is deterministic: results worst first, rules by id.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use serde_sarif::sarif as s;

use super::limits;
use crate::security_scan::finding::{Finding, Kind, Region, Rule};
use crate::security_scan::scan::{Scan, State};
use crate::security_scan::severity::Severity;
use crate::text::cut;

/// The schema that results name; the official one of SARIF 2.1.0 with errata.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The base that all URIs are relative to: the root of the workspace.
const ROOT: &str = "%SRCROOT%";
/// Property of a result with what SARIF has no place for: read back by [`super::read`].
pub(super) const OWN: &str = "slipway";
/// The fingerprint that GitHub reads.
pub(super) const LINE_HASH: &str = "primaryLocationLineHash";

/// What stays as it is in a part of a relative URI: RFC 3986 `pchar` without what other readers
/// stumble over. A colon in the first part would make it a scheme.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'@')
    .remove(b'+')
    .remove(b',')
    .remove(b'=');

/// Prints a scan's `findings`, in their order, as one run under `category`.
#[must_use]
pub fn document(scan: &Scan, findings: &[&Finding], category: &str) -> Vec<u8> {
    let rules = rules(scan, findings);
    let places: BTreeMap<&str, i64> = rules.iter().map(|rule| rule.id.as_str()).zip(0..).collect();
    let results: Vec<s::Result> = findings
        .iter()
        .map(|finding| result(finding, places.get(finding.rule.as_str()).copied()))
        .collect();
    let run = run(scan, rules, results, category);
    let sarif = s::Sarif::builder()
        .schema(SCHEMA)
        .version(json!("2.1.0"))
        .runs([run])
        .build();
    // Maps with text keys and finite numbers: this cannot fail.
    serde_json::to_vec(&sarif).unwrap_or_default()
}

/// Worst first; within a severity by score, then by what stays the same from run to run.
#[must_use]
pub fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|left, right| {
        let score = |finding: &Finding| finding.severity.security_severity(finding.score);
        let place = |finding: &Finding| finding.location.region;
        right
            .severity
            .cmp(&left.severity)
            .then_with(|| score(right).total_cmp(&score(left)))
            .then_with(|| left.rule.cmp(&right.rule))
            .then_with(|| left.location.path.cmp(&right.location.path))
            .then_with(|| place(left).cmp(&place(right)))
            .then_with(|| left.fingerprint.cmp(&right.fingerprint))
            .then_with(|| left.message.cmp(&right.message))
    });
    sorted
}

fn run(
    scan: &Scan,
    rules: Vec<s::ReportingDescriptor>,
    results: Vec<s::Result>,
    category: &str,
) -> s::Run {
    let mut driver = s::ToolComponent::builder()
        .name(non_empty(&scan.tool.name, "Unknown tool"))
        .rules(rules)
        .build();
    driver.version = scan.tool.version.clone().filter(|text| !text.is_empty());
    driver.information_uri = scan
        .tool
        .information_uri
        .clone()
        .filter(|uri| url::Url::parse(uri).is_ok());
    let root = s::ArtifactLocation::builder()
        .description("The root of the workspace.")
        .build();
    s::Run::builder()
        .tool(s::Tool::from(driver))
        .automation_details(s::RunAutomationDetails::builder().id(category).build())
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .column_kind(json!(scan.source.column_kind()))
        .invocations([invocation(&scan.state)])
        .results(results)
        .build()
}

/// Whether the tool saw everything, and what it missed.
fn invocation(state: &State) -> s::Invocation {
    let State::Incomplete(gaps) = state else {
        return s::Invocation::builder().execution_successful(true).build();
    };
    let notes: Vec<s::Notification> = gaps
        .iter()
        .map(|gap| {
            s::Notification::builder()
                .level(json!("error"))
                .message(gap.what.as_str())
                .build()
        })
        .collect();
    s::Invocation::builder()
        .execution_successful(false)
        .tool_execution_notifications(notes)
        .build()
}

/// The rules of the findings, by id.
fn rules(scan: &Scan, findings: &[&Finding]) -> Vec<s::ReportingDescriptor> {
    let mut worst: BTreeMap<&str, &Finding> = BTreeMap::new();
    let rank = |finding: &Finding| {
        let score = finding.severity.security_severity(finding.score);
        (finding.severity, score)
    };
    for finding in findings {
        let entry = worst.entry(&finding.rule).or_insert(finding);
        if rank(finding) > rank(entry) {
            *entry = finding;
        }
    }
    worst
        .into_iter()
        .map(|(id, finding)| match scan.rules.get(id) {
            Some(rule) => descriptor(rule, id, finding),
            None => descriptor(&Rule::default(), id, finding),
        })
        .collect()
}

fn descriptor(rule: &Rule, id: &str, worst: &Finding) -> s::ReportingDescriptor {
    let name = rule.name.as_deref().unwrap_or_default().trim();
    let short = [rule.short_description.as_deref(), Some(name), Some(id)]
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(|text| !text.is_empty())
        .unwrap_or("Unnamed rule");
    let full = non_empty(rule.full_description.as_deref().unwrap_or_default(), short);
    let help = non_empty(rule.help.as_deref().unwrap_or_default(), full);
    let uri = rule
        .help_uri
        .as_deref()
        .filter(|uri| url::Url::parse(uri).is_ok());
    let help = match uri {
        Some(uri) if !help.contains(uri) => format!("{help}\n\n{uri}"),
        _ => help.to_owned(),
    };
    let help = cut(&help, limits::HELP);
    let message = |text: &str, most: usize| {
        s::MultiformatMessageString::builder()
            .text(cut(text, most))
            .build()
    };
    let mut descriptor = s::ReportingDescriptor::builder()
        .id(id)
        .short_description(message(short, limits::DESCRIPTION))
        .full_description(message(full, limits::DESCRIPTION))
        .help(
            s::MultiformatMessageString::builder()
                .text(help.clone())
                .markdown(help)
                .build(),
        )
        .default_configuration(
            s::ReportingConfiguration::builder()
                .level(json!(worst.severity.level()))
                .build(),
        )
        .properties(
            s::PropertyBag::builder()
                .tags(tags(rule, worst.kind))
                .additional_properties(BTreeMap::from([security_severity(worst)]))
                .build(),
        )
        .build();
    // §3.49.7: a name is for people; one that only repeats the id is none.
    if !name.is_empty() && name != id {
        descriptor.name = Some(cut(name, limits::NAME));
    }
    descriptor.help_uri = uri.map(str::to_owned);
    descriptor
}

/// `security` first: without it GitHub does not show `security-severity`.
fn tags(rule: &Rule, kind: Kind) -> Vec<String> {
    let kind = match kind {
        Kind::Vulnerability => Some("vulnerability"),
        Kind::Misconfiguration => Some("misconfiguration"),
        Kind::Secret => Some("secret"),
        Kind::License => Some("license"),
        Kind::Code => None,
    };
    let mut tags = vec!["security".to_owned()];
    let own = rule.tags.iter().map(String::as_str);
    for tag in kind.into_iter().chain(own) {
        let tag = tag.trim();
        if !tag.is_empty() && !tags.iter().any(|other| other == tag) && tags.len() < limits::TAGS {
            tags.push(tag.to_owned());
        }
    }
    tags
}

fn security_severity(finding: &Finding) -> (String, serde_json::Value) {
    let score = finding.severity.security_severity(finding.score);
    ("security-severity".to_owned(), json!(format!("{score:.1}")))
}

fn result(finding: &Finding, rule_index: Option<i64>) -> s::Result {
    let mut result = s::Result::builder()
        .rule_id(finding.rule.as_str())
        .level(level(finding.severity))
        .message(cut(non_empty(&finding.message, &finding.rule), limits::MESSAGE).as_str())
        .locations([location(finding)])
        .properties(
            s::PropertyBag::builder()
                .additional_properties(BTreeMap::from([
                    security_severity(finding),
                    (OWN.to_owned(), own(finding)),
                ]))
                .build(),
        )
        .build();
    result.rule_index = rule_index;
    if !finding.fingerprint.is_empty() {
        result.partial_fingerprints = Some(BTreeMap::from([(
            LINE_HASH.to_owned(),
            finding.fingerprint.clone(),
        )]));
    }
    let (flows, related) = limits::flows(&finding.flows);
    result.code_flows = Some(flows).filter(|flows| !flows.is_empty());
    result.related_locations = Some(related).filter(|related| !related.is_empty());
    result
}

const fn level(severity: Severity) -> s::ResultLevel {
    match severity {
        Severity::Critical | Severity::High => s::ResultLevel::Error,
        Severity::Medium | Severity::Unknown => s::ResultLevel::Warning,
        Severity::Low => s::ResultLevel::Note,
    }
}

/// What SARIF has no place for. A file of ours that is imported again is judged as the first
/// time.
fn own(finding: &Finding) -> serde_json::Value {
    let mut own = json!({
        "kind": finding.kind,
        "severity": finding.severity,
    });
    if let Some(package) = &finding.package {
        own["package"] = json!(package);
    }
    if !finding.aliases.is_empty() {
        own["aliases"] = json!(finding.aliases);
    }
    if finding.location.region.is_none() {
        own["line"] = json!(false);
    }
    own
}

/// The one location that GitHub uses. A finding without a line is shown at the first.
fn location(finding: &Finding) -> s::Location {
    let region = finding.location.region.unwrap_or(Region {
        start_line: 1,
        start_column: 1,
        end_line: 1,
        end_column: 1,
    });
    s::Location::builder()
        .physical_location(
            s::PhysicalLocation::builder()
                .artifact_location(artifact(&finding.location.path))
                .region(self::region(region))
                .build(),
        )
        .build()
}

pub(super) fn region(region: Region) -> s::Region {
    s::Region::builder()
        .start_line(i64::from(region.start_line))
        .start_column(i64::from(region.start_column))
        .end_line(i64::from(region.end_line))
        .end_column(i64::from(region.end_column))
        .build()
}

pub(super) fn artifact(path: &str) -> s::ArtifactLocation {
    s::ArtifactLocation::builder()
        .uri(uri(path))
        .uri_base_id(ROOT)
        .build()
}

/// A path as relative URI.
fn uri(path: &str) -> String {
    match path {
        "" => ".".to_owned(),
        path => utf8_percent_encode(path, &KEPT).to_string(),
    }
}

fn non_empty<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.trim().is_empty() {
        otherwise
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::security_scan::finding::Package;
    use crate::security_scan::sarif::tests::scan;
    use crate::security_scan::scan::{Gap, GapKind};
    use crate::security_scan::testing::finding;

    fn written(scan: &Scan) -> serde_json::Value {
        let findings = sorted(&scan.findings);
        serde_json::from_slice(&document(scan, &findings, &scan.category)).unwrap()
    }

    #[test]
    fn a_run_as_github_takes_it() {
        let mut one = finding("CVE-2023-0286", "ghcr.io/o/api", None);
        one.kind = Kind::Vulnerability;
        one.score = Some(9.8);
        one.message = "openssl 3.0.1: type confusion".to_owned();
        one.package = Some(Package {
            name: "openssl".to_owned(),
            version: "3.0.1".to_owned(),
            fixed: Some("3.0.8".to_owned()),
            purl: Some("pkg:deb/debian/openssl@3.0.1".to_owned()),
        });
        one.aliases = vec!["GHSA-x4qr-2fvf-3mr5".to_owned()];
        one.fingerprint = "8cf8079c4d49e9ab:1".to_owned();
        let mut two = finding("DS002", "my app/ünï:code#1.py", None);
        two.severity = Severity::Unknown;
        two.location.region = Some(Region {
            start_line: 3,
            start_column: 2,
            end_line: 4,
            end_column: 1,
        });
        let mut scan = scan(vec![two, one]);
        scan.rules.insert(
            "CVE-2023-0286".to_owned(),
            Rule {
                id: "CVE-2023-0286".to_owned(),
                name: Some("OsPackageVulnerability".to_owned()),
                short_description: Some("X.400 address type confusion".to_owned()),
                full_description: Some(String::new()),
                help: None,
                help_uri: Some("https://avd.aquasec.com/nvd/cve-2023-0286".to_owned()),
                tags: vec!["security".to_owned(), "HIGH".to_owned()],
            },
        );
        insta::assert_json_snapshot!(written(&scan));
    }

    #[test]
    fn an_incomplete_run_says_what_it_missed() {
        let mut scan = scan(Vec::new());
        scan.duration = Duration::from_secs(1);
        scan.state = State::Incomplete(vec![Gap {
            kind: GapKind::Unparsed,
            what: "broken.py could not be parsed".to_owned(),
            next: None,
        }]);
        let invocation = &written(&scan)["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        assert_eq!(
            invocation["toolExecutionNotifications"][0]["message"]["text"],
            "broken.py could not be parsed"
        );
    }

    #[test]
    fn the_rule_says_the_worst_each_result_its_own() {
        let mut low = finding("r", "a", Some(1));
        low.severity = Severity::Low;
        let mut high = finding("r", "b", Some(1));
        high.severity = Severity::High;
        let run = &written(&scan(vec![low, high]))["runs"][0];
        let rule = &run["tool"]["driver"]["rules"][0];
        assert_eq!(rule["properties"]["security-severity"], "8.0");
        assert_eq!(rule["defaultConfiguration"]["level"], "error");
        assert_eq!(run["results"][0]["level"], "error");
        assert_eq!(run["results"][1]["level"], "note");
        assert_eq!(run["results"][1]["properties"]["security-severity"], "2.0");
    }

    #[test]
    fn tags_stay_within_the_limit() {
        let rule = Rule {
            tags: (0..30).map(|tag| format!("tag-{tag}")).collect(),
            ..Rule::default()
        };
        let tags = tags(&rule, Kind::Secret);
        assert_eq!(tags.len(), limits::TAGS);
        assert_eq!(tags[..3], ["security", "secret", "tag-0"]);
    }
}
