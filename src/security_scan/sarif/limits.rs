//! What GitHub accepts of one analysis, and what we leave out to stay within it.
//!
//! Source of the numbers:
//! <https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning#file-size-limits>.
//! Where GitHub accepts more than it keeps, what it keeps is the limit here: what it drops it
//! drops in silence.
//!
//! A run with more than [`RESULTS`] findings, or one too large, loses its least severe ones. Only
//! when critical or high findings would be among them it is split: into 2, 4, 8 or 16 parts, by a
//! hash of the rule, so that a rule stays in its part while the number of parts does. The first
//! part keeps the run's category ([`super::category::part`]). Within a part the least severe are
//! left out again. Whatever is left out is counted ([`Dropped`]).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_sarif::sarif as s;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{category, write};
use crate::security_scan::finding::{Finding, Flows};
use crate::security_scan::scan::Scan;
use crate::security_scan::severity::Severity;

/// Results of a run that GitHub keeps (it accepts 25,000). A run's rules (25,000) are never more
/// than its results.
pub const RESULTS: usize = 5_000;
/// Gzipped bytes of a file: 10 MB.
pub const GZIPPED: usize = 10_000_000;
/// Parts of a run that is split. A file may hold 20 runs; each part is a file of its own.
pub const PARTS: usize = 16;
/// Locations of all thread flows of a result that GitHub keeps (it accepts 10,000).
pub const THREAD_FLOW_LOCATIONS: usize = 1_000;
/// Locations of a result that GitHub keeps (it accepts 1,000).
pub const LOCATIONS: usize = 100;
/// Tags of a rule that GitHub keeps (it accepts 20).
pub const TAGS: usize = 10;
/// Characters of a rule's name.
pub const NAME: usize = 255;
/// Characters of a rule's short and full description.
pub const DESCRIPTION: usize = 1_024;
/// Characters of a rule's help. Ours: GitHub states none, and a rule's help is repeated by no
/// result.
pub const HELP: usize = 20_000;
/// Characters of a message. Ours: GitHub states none.
pub const MESSAGE: usize = 10_000;

/// One file for code scanning: one run, one category.
#[derive(Clone, Debug)]
pub struct Document {
    /// `automationDetails.id`.
    pub category: String,
    /// The SARIF text.
    pub bytes: Vec<u8>,
    /// The same, gzipped: what is uploaded.
    pub gzipped: Vec<u8>,
    /// Results in it.
    pub results: usize,
    pub dropped: Vec<Dropped>,
}

/// Findings that a file does not hold. They are still judged and reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub severity: Severity,
    pub count: usize,
}

/// The files of one scan: one, or up to [`PARTS`] where one would lose critical or high findings.
/// Some of them, of use to nobody, if the run is cancelled meanwhile.
#[must_use]
pub fn documents(scan: &Scan, cancel: &CancellationToken) -> Vec<Document> {
    let findings = write::sorted(&scan.findings);
    let mut parts = fewest_parts(&findings);
    loop {
        let split = split(&findings, parts);
        let too_many: usize = split.iter().map(|part| lost(part)).sum();
        let documents: Vec<Document> = split
            .into_iter()
            .zip(1..)
            .take_while(|_| !cancel.is_cancelled())
            .map(|(part, number)| {
                fit(
                    scan,
                    &part,
                    &category::part(&scan.category, number),
                    GZIPPED,
                )
            })
            .collect();
        let too_large = documents
            .iter()
            .flat_map(|document| &document.dropped)
            .filter(|dropped| dropped.severity >= Severity::High)
            .map(|dropped| dropped.count)
            .sum::<usize>()
            > too_many;
        if !too_large || parts >= PARTS {
            return documents;
        }
        parts *= 2;
    }
}

/// Empty files for the parts of a scan that its `used` files don't use: uploaded where GitHub
/// holds their categories, they close the alerts that were there when the run was larger.
#[must_use]
pub fn unused_parts(scan: &Scan, used: usize) -> Vec<Document> {
    (used + 1..=PARTS)
        .map(|number| fit(scan, &[], &category::part(&scan.category, number), GZIPPED))
        .collect()
}

/// The smallest number of parts in which the fewest critical and high findings are lost to
/// [`RESULTS`]. A rule with more findings than that loses some in any number.
fn fewest_parts(findings: &[&Finding]) -> usize {
    std::iter::successors(Some(1), |parts| Some(parts * 2))
        .take_while(|parts| *parts <= PARTS)
        .min_by_key(|parts| {
            let split = split(findings, *parts);
            split.iter().map(|part| lost(part)).sum::<usize>()
        })
        .unwrap_or(1)
}

/// Critical and high findings beyond the number that GitHub keeps.
fn lost(part: &[&Finding]) -> usize {
    part.iter()
        .filter(|finding| finding.severity >= Severity::High)
        .count()
        .saturating_sub(RESULTS)
}

/// Findings by the hash of their rule, each part in the order given.
fn split<'a>(findings: &[&'a Finding], parts: usize) -> Vec<Vec<&'a Finding>> {
    let mut split = vec![Vec::new(); parts];
    if let [whole] = &mut split[..] {
        whole.extend_from_slice(findings);
        return split;
    }
    for finding in findings {
        let hash = Sha256::digest(finding.rule.as_bytes())[0];
        split[usize::from(hash) % parts].push(*finding);
    }
    split
}

/// As many of the findings, worst first, as fit into one file of `most` gzipped bytes.
fn fit(scan: &Scan, findings: &[&Finding], category: &str, most: usize) -> Document {
    let mut keep = findings.len().min(RESULTS);
    loop {
        let bytes = write::document(scan, &findings[..keep], category);
        let gzipped = gzip(&bytes);
        let size = gzipped.len();
        if size <= most || keep == 0 {
            return Document {
                category: category.to_owned(),
                bytes,
                gzipped,
                results: keep,
                dropped: dropped(&findings[keep..]),
            };
        }
        // What would fit if all were of a size, less a twentieth; at least one less.
        keep = (keep * most / size * 19 / 20).min(keep - 1);
    }
}

fn dropped(findings: &[&Finding]) -> Vec<Dropped> {
    Severity::ALL
        .into_iter()
        .map(|severity| Dropped {
            severity,
            count: findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .count(),
        })
        .filter(|dropped| dropped.count > 0)
        .collect()
}

/// Without a name or time: the same text gives the same bytes.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to a Vec never fails.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Code flows and related locations within GitHub's limits: whole flows first, then locations of
/// the last one.
pub(super) fn flows(flows: &Flows) -> (Vec<s::CodeFlow>, Vec<s::Location>) {
    let mut room = THREAD_FLOW_LOCATIONS;
    let mut code_flows = Vec::new();
    for value in &flows.code_flows {
        let Ok(mut flow) = serde_json::from_value::<s::CodeFlow>(value.clone()) else {
            continue;
        };
        for thread in &mut flow.thread_flows {
            thread.locations.truncate(room);
            room -= thread.locations.len();
        }
        // SARIF wants at least one of each.
        flow.thread_flows
            .retain(|thread| !thread.locations.is_empty());
        if !flow.thread_flows.is_empty() {
            code_flows.push(flow);
        }
    }
    let related = flows
        .related_locations
        .iter()
        .filter_map(|value| serde_json::from_value(value.clone()).ok())
        .take(LOCATIONS)
        .collect();
    (code_flows, related)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security_scan::sarif::tests::scan;
    use crate::security_scan::testing::finding;

    fn documents(scan: &Scan) -> Vec<Document> {
        super::documents(scan, &CancellationToken::new())
    }

    #[test]
    fn no_file_is_made_for_a_run_that_is_cancelled() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(super::documents(&scan(Vec::new()), &cancel).is_empty());
    }

    /// `count` findings of `rules` rules, all of one severity.
    fn many(count: usize, rules: usize, severity: Severity) -> Vec<Finding> {
        (0..count)
            .map(|index| {
                let rule = format!("rule-{}", index % rules);
                let mut finding = finding(&rule, &format!("src/f{index}.py"), Some(1));
                finding.severity = severity;
                finding
            })
            .collect()
    }

    fn shape(documents: &[Document]) -> Vec<(&str, usize, usize)> {
        documents
            .iter()
            .map(|document| {
                let dropped = document.dropped.iter().map(|dropped| dropped.count).sum();
                (document.category.as_str(), document.results, dropped)
            })
            .collect()
    }

    #[test]
    fn a_run_within_the_limits_is_one_file() {
        let documents = documents(&scan(many(RESULTS, 7, Severity::High)));
        assert_eq!(shape(&documents), [("slipway/sarif/test/", 5_000, 0)]);
    }

    #[test]
    fn an_empty_run_is_one_file_without_results() {
        let documents = documents(&scan(Vec::new()));
        assert_eq!(shape(&documents), [("slipway/sarif/test/", 0, 0)]);
    }

    #[test]
    fn the_least_severe_are_dropped_and_counted() {
        let mut findings = many(3_000, 7, Severity::Low);
        findings.extend(many(2_000, 5, Severity::Critical));
        findings.extend(many(1_000, 3, Severity::Unknown));
        let documents = documents(&scan(findings));
        assert_eq!(shape(&documents), [("slipway/sarif/test/", 5_000, 1_000)]);
        assert_eq!(
            documents[0].dropped,
            [Dropped {
                severity: Severity::Unknown,
                count: 1_000
            }]
        );
    }

    #[test]
    fn a_run_that_would_lose_high_findings_is_split_by_rule() {
        let first = documents(&scan(many(8_000, 50, Severity::High)));
        let kept: usize = first.iter().map(|document| document.results).sum();
        assert_eq!(kept, 8_000);
        assert_eq!(first.len(), 2);
        assert_eq!(first[1].category, "slipway/sarif/test/part-2/");
        // Other findings of the same rules: the rules stay in their parts.
        let rules = |document: &Document| {
            let sarif: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap();
            sarif["runs"][0]["tool"]["driver"]["rules"]
                .as_array()
                .unwrap()
                .iter()
                .map(|rule| rule["id"].to_string())
                .collect::<Vec<_>>()
        };
        let second = documents(&scan(many(7_000, 50, Severity::Critical)));
        assert_eq!(rules(&first[0]), rules(&second[0]));
        assert_eq!(rules(&first[1]), rules(&second[1]));
    }

    #[test]
    fn one_rule_alone_cannot_be_split() {
        let documents = documents(&scan(many(6_000, 1, Severity::High)));
        assert_eq!(shape(&documents), [("slipway/sarif/test/", 5_000, 1_000)]);
    }

    #[test]
    fn parts_no_longer_used_are_empty() {
        let unused = unused_parts(&scan(many(3, 1, Severity::High)), 14);
        assert_eq!(
            shape(&unused),
            [
                ("slipway/sarif/test/part-15/", 0, 0),
                ("slipway/sarif/test/part-16/", 0, 0)
            ]
        );
    }

    #[test]
    fn a_file_too_large_loses_its_least_severe() {
        // Text that hardly compresses.
        let mut state = 1_u64;
        let mut findings = many(300, 3, Severity::Low);
        for (index, finding) in findings.iter_mut().enumerate() {
            if index % 2 == 0 {
                finding.severity = Severity::Medium;
            }
            finding.message = (0..800)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    char::from(b'0' + (state >> 58) as u8)
                })
                .collect();
        }
        let scan = scan(findings);
        let document = fit(&scan, &write::sorted(&scan.findings), "c/", 120_000);
        let size = document.gzipped.len();
        assert!(size <= 120_000, "{size}");
        assert!(
            (150..250).contains(&document.results),
            "{}",
            document.results
        );
        let [dropped] = &document.dropped[..] else {
            panic!("{:?}", document.dropped)
        };
        assert_eq!(dropped.severity, Severity::Low);
        assert_eq!(document.results + dropped.count, 300);
        // Not even the rules of one finding fit.
        assert_eq!(
            fit(&scan, &write::sorted(&scan.findings), "c/", 10).results,
            0
        );
    }

    #[test]
    fn a_file_of_just_the_size_that_github_takes_is_whole() {
        let scan = scan(many(200, 3, Severity::Low));
        let sorted = write::sorted(&scan.findings);
        let Document { gzipped, bytes, .. } = fit(&scan, &sorted, "c/", GZIPPED);
        assert_eq!(gzip(&bytes), gzipped);
        let gzipped = gzipped.len();
        let at = |most| fit(&scan, &sorted, "c/", most);
        assert_eq!((at(gzipped).results, at(gzipped).dropped.len()), (200, 0));
        let less = at(gzipped - 1);
        assert!(less.gzipped.len() < gzipped && (150..200).contains(&less.results));
        assert_eq!(less.results + less.dropped[0].count, 200);
    }

    #[test]
    fn the_same_scan_gives_the_same_bytes_whatever_the_order() {
        let mut findings = many(300, 7, Severity::High);
        let forward = documents(&scan(findings.clone()));
        findings.reverse();
        let backward = documents(&scan(findings));
        assert_eq!(forward[0].bytes, backward[0].bytes);
        assert_eq!(forward[0].gzipped, backward[0].gzipped);
    }
}
