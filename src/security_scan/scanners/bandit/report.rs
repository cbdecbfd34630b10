//! Bandit's JSON, read as findings.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::shard::Shard;
use crate::process::Ended;
use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;
use crate::security_scan::finding::{Finding, Flows, Kind, Location, Region, Rule};
use crate::security_scan::policy::Policy;
use crate::security_scan::sarif::redact;
use crate::security_scan::scan::{Gap, GapKind, Ignores, Scan};
use crate::security_scan::scanners::{Job, gap, lines, unparsed};
use crate::security_scan::severity::{Severity, rating};
use crate::text;

/// `bandit --format json`. Source: `bandit/formatters/json.py` of Bandit 1.9.4.
#[derive(Debug, Deserialize)]
struct Report {
    errors: Vec<Skipped>,
    metrics: HashMap<String, Metrics>,
    results: Vec<Issue>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    filename: String,
    reason: Option<String>,
}

/// Of one file.
#[derive(Debug, Deserialize)]
struct Metrics {
    /// Issues that a `# nosec` without test ids kept back.
    #[serde(default)]
    nosec: u64,
    /// Issues that a `# nosec B101` kept back.
    #[serde(default)]
    skipped_tests: u64,
}

/// `code` and whatever else could hold a secret is not read.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are Bandit's")]
struct Issue {
    filename: String,
    test_id: String,
    test_name: String,
    issue_text: String,
    issue_severity: String,
    issue_confidence: Option<String>,
    #[serde(default)]
    issue_cwe: Cwe,
    line_number: u32,
    #[serde(default)]
    line_range: Vec<u32>,
    /// Bytes from 0; -1 if it is not known.
    #[serde(default = "unknown")]
    col_offset: i64,
    #[serde(default = "unknown")]
    end_col_offset: i64,
    more_info: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Cwe {
    id: Option<u32>,
}

fn unknown() -> i64 {
    -1
}

/// Adds a shard's findings to the scan; what it did not see comes back as gaps.
pub(super) fn read(job: &Job<'_>, shard: &Shard, ended: &Ended, scan: &mut Scan) -> Vec<Gap> {
    let report: Report = match serde_json::from_slice(&ended.output) {
        Ok(report) => report,
        Err(error) => {
            let what = if ended.output.is_empty() {
                "Bandit printed nothing".to_owned()
            } else {
                format!("Bandit's output is not the JSON that it documents: {error}")
            };
            return vec![gap(
                GapKind::BadOutput,
                what,
                Some("its log is in output-directory"),
            )];
        }
    };
    let mut gaps = Vec::new();
    let mut lost = shard
        .files()
        .filter(|(link, _)| {
            !report.metrics.contains_key(link)
                && !report
                    .errors
                    .iter()
                    .any(|skipped| skipped.filename == *link)
        })
        .map(|(_, file)| file.to_path_buf())
        .collect::<Vec<_>>();
    if !lost.is_empty() {
        lost.sort();
        gaps.push(gap(
            GapKind::BadOutput,
            format!(
                "Bandit says nothing about {}",
                crate::security_scan::observe::tree::named(&lost)
            ),
            None,
        ));
    }
    gaps.extend(unparsed(job.policy, skipped(shard, &report.errors)));
    gaps.extend(broken_tests(job.policy, shard, ended));
    let ignores = ignores(job.workspace, shard, &report.metrics);
    scan.inline_ignores.listed.extend(ignores.listed);
    scan.inline_ignores.unlisted += ignores.unlisted;
    for issue in report.results {
        match shard.file(&issue.filename) {
            Some(file) => add(scan, file, issue),
            None => gaps.push(gap(
                GapKind::BadOutput,
                format!(
                    "Bandit reports on a file that it was not given: {}",
                    text::line(&issue.filename)
                ),
                None,
            )),
        }
    }
    gaps
}

fn skipped(shard: &Shard, errors: &[Skipped]) -> Vec<(String, Gap)> {
    errors
        .iter()
        .map(|error| {
            let path = shard.file(&error.filename).map_or_else(
                || error.filename.clone(),
                |file| file.to_string_lossy().into_owned(),
            );
            let reason = text::line(error.reason.as_deref().unwrap_or("no reason given"));
            // Bandit gives the system's own words where a file could not be opened.
            let parse = reason.contains("syntax error") || reason.contains("exception");
            let gap = gap(
                if parse {
                    GapKind::Unparsed
                } else {
                    GapKind::Unreadable
                },
                format!("Bandit could not scan {}: {reason}", text::line(&path)),
                parse.then_some(
                    "correct the file, leave it out in the policy (exclude), or set unparsed: warn \
                     there; Bandit parses what its own Python parses",
                ),
            );
            (path, gap)
        })
        .collect()
}

/// A test of Bandit's that raised an exception: the file counts as scanned, and something in it was
/// not looked at. Source: `BanditTester.report_error`.
fn broken_tests(policy: &Policy, shard: &Shard, ended: &Ended) -> Vec<Gap> {
    let links = format!("{}/", shard.links().display());
    let next = "correct or leave out the file; the log in output-directory says more";
    let mut broken: BTreeMap<String, Gap> = BTreeMap::new();
    let mut unnamed = None;
    for line in ended.log.lines() {
        let Some((_, rest)) = line.split_once("Bandit internal error running: ") else {
            continue;
        };
        let test = text::line(rest.split_whitespace().next().unwrap_or_default());
        let file = rest.split_once(links.as_str()).and_then(|(_, name)| {
            shard.file(&format!("{links}{}", name.get(.."000000.py".len())?))
        });
        let failed = |on: &str| {
            let what = format!("Bandit's test {test} failed on {on}");
            gap(GapKind::Unparsed, what, Some(next))
        };
        if let Some(file) = file {
            let path = file.to_string_lossy().into_owned();
            let gap = failed(&text::line(&path));
            broken.insert(path, gap);
        } else if unnamed.is_none() {
            unnamed = Some(failed("a file that could not be named"));
        }
    }
    unnamed
        .into_iter()
        .chain(unparsed(policy, broken))
        .collect()
}

fn add(scan: &mut Scan, file: &Path, issue: Issue) {
    let severity = rating::word(&issue.issue_severity).unwrap_or(Severity::Unknown);
    let rating = rating::bandit(severity, issue.issue_confidence.as_deref());
    let region = region(&issue);
    scan.findings.push(Finding {
        rule: issue.test_id.clone(),
        kind: Kind::Code,
        severity: rating.severity,
        score: rating.score,
        message: message(&issue),
        location: Location {
            path: file.to_string_lossy().into_owned(),
            region: Some(region),
        },
        package: None,
        aliases: Vec::new(),
        given_fingerprint: None,
        fingerprint: String::new(),
        flows: Flows::default(),
    });
    scan.rules
        .entry(issue.test_id.clone())
        .or_insert_with(|| rule(issue));
}

/// Without the password that Bandit found: it ends here.
fn message(issue: &Issue) -> String {
    let text = issue.issue_text.trim();
    match redact::without_password(&issue.test_id, text) {
        Some((safe, _)) => safe,
        None if text.is_empty() => issue.test_name.clone(),
        None => text.to_owned(),
    }
}

fn region(issue: &Issue) -> Region {
    let column = |offset: i64| {
        u32::try_from(offset)
            .ok()
            .map(|offset| offset.saturating_add(1))
    };
    let start_line = issue.line_number.max(1);
    let end_line = issue
        .line_range
        .iter()
        .copied()
        .max()
        .unwrap_or(start_line)
        .max(start_line);
    Region {
        start_line,
        start_column: column(issue.col_offset).unwrap_or(1),
        end_line,
        end_column: column(issue.end_col_offset)
            .filter(|end| *end > 1)
            .unwrap_or(lines::LINE_END),
    }
}

fn rule(issue: Issue) -> Rule {
    let mut tags = vec!["security".to_owned()];
    tags.extend(
        issue
            .issue_cwe
            .id
            .map(|id| format!("external/cwe/cwe-{id:03}")),
    );
    Rule {
        short_description: Some(issue.test_name.replace('_', " ")),
        id: issue.test_id,
        name: Some(issue.test_name),
        full_description: None,
        help: None,
        help_uri: issue.more_info,
        tags,
    }
}

/// Sources are read for their comments up to this size.
const LARGEST_SOURCE: u64 = 64 << 20;

/// Bandit counts what `# nosec` kept back, by file; the lines are looked up there.
fn ignores(workspace: &Path, shard: &Shard, metrics: &HashMap<String, Metrics>) -> Ignores {
    let mut found = Ignores::default();
    let folder = Folder::root(workspace).ok();
    let mut files: Vec<_> = shard.files().collect();
    // The first of a shard are kept, and then the first of all: whichever shard ends first.
    files.sort_by(|(_, file), (_, other)| file.to_string_lossy().cmp(&other.to_string_lossy()));
    for (link, file) in files {
        let kept_back = metrics
            .get(&link)
            .is_some_and(|of| of.nosec + of.skipped_tests > 0);
        if !kept_back {
            continue;
        }
        let path = file.to_string_lossy();
        let text = RelativePath::parse(&path)
            .ok()
            .zip(folder.as_ref())
            .and_then(|(path, folder)| folder.read(&path, LARGEST_SOURCE).ok()?)
            .unwrap_or_default();
        let before = found.count();
        let name: Arc<str> = (&*path).into();
        for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            if let Some(comment) = nosec(line) {
                let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
                found.add(&name, line, || comment);
            }
        }
        if found.count() == before {
            found.add(&name, 1, || "# nosec".to_owned());
        }
    }
    found
}

/// `#\s*nosec`, as Bandit looks for it, and the tests that it names. No more of the line is kept: a
/// secret may stand there.
fn nosec(line: &str) -> Option<String> {
    let behind = line.match_indices('#').find_map(|(at, _)| {
        let comment = line[at..].trim_start_matches('#').trim_start();
        comment.strip_prefix("nosec")
    })?;
    let tests = behind
        .split([' ', '\t', ',', ':'])
        .filter(|word| word.strip_prefix('B').is_some_and(|id| id.len() == 3))
        .filter(|word| word.bytes().skip(1).all(|byte| byte.is_ascii_digit()));
    Some(
        std::iter::once("# nosec")
            .chain(tests)
            .take(20)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(id: &str, text: &str) -> Issue {
        serde_json::from_value(serde_json::json!({
            "filename": "a.py", "test_id": id, "test_name": "some_test", "issue_text": text,
            "issue_severity": "LOW", "line_number": 3,
        }))
        .unwrap()
    }

    #[test]
    fn passwords_are_not_kept() {
        for (test, text, expected) in [
            (
                "B105",
                "Possible hardcoded password: 'hunter2'",
                "Possible hardcoded password",
            ),
            (
                "B106",
                "Possible hardcoded password: 'a: b'",
                "Possible hardcoded password",
            ),
            (
                "B107",
                "'hunter2' is a password",
                "Possible hardcoded password",
            ),
            ("B105", "", "Possible hardcoded password"),
            (
                "B101",
                "Use of assert detected: why",
                "Use of assert detected: why",
            ),
            ("B101", " ", "some_test"),
        ] {
            assert_eq!(message(&issue(test, text)), expected);
        }
    }

    #[test]
    fn regions() {
        let mut issue = issue("B101", "x");
        assert_eq!(region(&issue).end_column, lines::LINE_END);
        issue.col_offset = 4;
        issue.end_col_offset = 9;
        issue.line_range = vec![2, 3, 4];
        let region = region(&issue);
        assert_eq!((region.start_line, region.start_column), (3, 5));
        assert_eq!((region.end_line, region.end_column), (4, 10));
    }

    #[test]
    fn nosec_comments() {
        for (line, found) in [
            ("x = 1  # nosec", Some("# nosec")),
            ("x = 1  #nosec B101", Some("# nosec B101")),
            ("x = '#' # noqa # nosec: B101", Some("# nosec B101")),
            (
                "p = 's3cr3t' # nosec B105,B106 is s3cr3t",
                Some("# nosec B105 B106"),
            ),
            ("## nosec", Some("# nosec")),
            ("# no sec", None),
            ("nosec", None),
        ] {
            assert_eq!(nosec(line).as_deref(), found, "{line}");
        }
    }
}
