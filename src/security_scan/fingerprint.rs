//! What GitHub recognises an alert by from one analysis to the next:
//! `partialFingerprints.primaryLocationLineHash`.
//!
//! | finding | fingerprint |
//! |---|---|
//! | the tool gave one in GitHub's own format | that one, as `upload-sarif` keeps it |
//! | has a line of a file of the workspace | GitHub's hash of that line (`line_hash`) |
//! | anything else: OS packages, whole files, lines of a file that cannot be read | [`identity`]: rule, path, package name and package URL without version, qualifiers and subpath |
//!
//! The identity holds no tag, digest, version, line or message, so none of these makes a new
//! alert. Findings that share one are numbered (`:1`, `:2`, …) in order of line, version and
//! message.
//!
//! Two packages at one line (a lock file in one line, a manifest that lists both) would be one
//! alert for GitHub. The first by name keeps the hash of the line, the others get one of line and
//! package. Without a package the same rule twice at one line stays one alert, as it is when
//! `upload-sarif` uploads it.

mod line_hash;

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::finding::{Finding, Package};
use super::purl;
use super::scan::Scan;

pub use line_hash::line_hashes;

/// A larger file is not read for its fingerprints: 64 MiB. Hashing takes up to eight times as
/// much memory for a moment, when all its lines are empty.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A file that findings name a line of, and why it could not be read. Their fingerprints are
/// identities instead of line hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub path: String,
    pub reason: String,
}

/// Fills [`Finding::fingerprint`] of every finding. Each file is read once, through `read`, which
/// takes a path relative to the workspace. Files come from a hostile workspace: `read` opens
/// regular files only, follows no link that leaves the tree, and reads at most
/// [`MAX_FILE_BYTES`].
pub fn fill(
    scans: &mut [Scan],
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Vec<Unread> {
    let mut unread = Vec::new();
    for (path, wanted) in wanted_lines(scans) {
        let lines = wanted.iter().map(|wanted| wanted.line).collect();
        match read(&path) {
            Ok(bytes) => {
                let hashes = line_hashes(&bytes, &lines);
                for Wanted {
                    scan,
                    finding,
                    line,
                } in wanted
                {
                    scans[scan].findings[finding].fingerprint =
                        hashes.get(&line).cloned().unwrap_or_default();
                }
            }
            Err(reason) => unread.push(Unread { path, reason }),
        }
    }
    for scan in scans {
        fill_identities(&mut scan.findings);
        part_packages(&mut scan.findings);
    }
    unread
}

/// A line whose hash a finding needs.
struct Wanted {
    scan: usize,
    finding: usize,
    line: u32,
}

/// Sets given fingerprints, clears the others, and collects the lines to hash by file.
fn wanted_lines(scans: &mut [Scan]) -> BTreeMap<String, Vec<Wanted>> {
    let mut files: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
    for (scan_index, scan) in scans.iter_mut().enumerate() {
        let elsewhere = !scan.source.in_tree();
        for (finding_index, finding) in scan.findings.iter_mut().enumerate() {
            finding.fingerprint = finding
                .given_fingerprint
                .clone()
                .filter(|given| is_line_hash(given))
                .unwrap_or_default();
            if let Some(region) = &finding.location.region
                && finding.fingerprint.is_empty()
                && !elsewhere
            {
                let wanted = Wanted {
                    scan: scan_index,
                    finding: finding_index,
                    line: region.start_line,
                };
                if let Some(file) = files.get_mut(&finding.location.path) {
                    file.push(wanted);
                } else {
                    files.insert(finding.location.path.clone(), vec![wanted]);
                }
            }
        }
    }
    files
}

/// Whether a value is in GitHub's own format: up to 16 lowercase hexadecimal digits, `:`, a
/// count from 1. Tools write other things there: SHA-256 sums, advertisements.
#[must_use]
pub fn is_line_hash(value: &str) -> bool {
    value.split_once(':').is_some_and(|(hash, count)| {
        (1..=16).contains(&hash.len())
            && hash
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && (1..=9).contains(&count.len())
            && !count.starts_with('0')
            && count.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Gives the findings of one run that have no fingerprint yet their identity, numbered.
fn fill_identities(findings: &mut [Finding]) {
    let mut order: Vec<usize> = (0..findings.len())
        .filter(|index| findings[*index].fingerprint.is_empty())
        .collect();
    order.sort_by(|left, right| rank(&findings[*left]).cmp(&rank(&findings[*right])));
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    for index in order {
        let hash = identity(&findings[index]);
        let count = counts.entry(hash).or_default();
        *count += 1;
        findings[index].fingerprint = format!("{hash:x}:{count}");
    }
}

/// Order of findings with one identity: what a tool prints first must not matter.
fn rank(finding: &Finding) -> impl Ord + '_ {
    let version = finding
        .package
        .as_ref()
        .map(|package| package.version.as_str());
    (finding.location.region, version, finding.message.as_str())
}

/// The first 64 bits of a SHA-256 over rule, path without the package's version, package name and
/// bare package URL.
#[must_use]
pub fn identity(finding: &Finding) -> u64 {
    let (name, purl) = package_identity(finding.package.as_ref());
    digest(&[
        "slipway finding 1",
        &finding.rule,
        &path_without_version(finding),
        name,
        purl,
    ])
}

/// Packages lie in folders and files with their version in the name: `http-2.3.0.dist-info`,
/// `log4j-core-2.14.1.jar`.
fn path_without_version(finding: &Finding) -> Cow<'_, str> {
    let path = &finding.location.path;
    match &finding.package {
        Some(package) if package.version.contains('.') && path.contains(&package.version) => {
            Cow::Owned(path.replace(&package.version, "*"))
        }
        _ => Cow::Borrowed(path),
    }
}

/// Which package, whatever its version.
fn package_identity(package: Option<&Package>) -> (&str, &str) {
    package.map_or(("", ""), |package| {
        let purl = package.purl.as_deref().unwrap_or_default();
        (&package.name, purl::bare(purl))
    })
}

/// Keeps two packages with one rule at one line two alerts.
fn part_packages(findings: &mut [Finding]) {
    let mut shared: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if finding.package.is_some() {
            shared
                .entry((&finding.rule, &finding.fingerprint))
                .or_default()
                .push(index);
        }
    }
    let mut parted: Vec<(usize, String)> = Vec::new();
    for ((_, fingerprint), mut group) in shared {
        if group.len() < 2 {
            continue;
        }
        group.sort_by_key(|index| {
            let finding = &findings[*index];
            (package_identity(finding.package.as_ref()), rank(finding))
        });
        let first = package_identity(findings[group[0]].package.as_ref());
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        for index in group.into_iter().skip(1) {
            let package = package_identity(findings[index].package.as_ref());
            let hash = if package == first {
                // Another version of the first package.
                digest(&["slipway version 1", fingerprint])
            } else {
                digest(&["slipway package 1", fingerprint, package.0, package.1])
            };
            let count = counts.entry(hash).or_default();
            *count += 1;
            parted.push((index, format!("{hash:x}:{count}")));
        }
    }
    for (index, fingerprint) in parted {
        findings[index].fingerprint = fingerprint;
    }
}

/// Fields are hashed with their length before them: no two lists of fields read alike.
fn digest(fields: &[&str]) -> u64 {
    let mut sha = Sha256::new();
    for field in fields {
        sha.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        sha.update(field.as_bytes());
    }
    sha.finalize()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::security_scan::scan::{Source, State};
    use crate::security_scan::testing::{self, finding};

    fn package(name: &str, version: &str, purl: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            fixed: None,
            purl: Some(purl.to_owned()),
        }
    }

    fn scan(source: Source, findings: Vec<Finding>) -> Scan {
        testing::scan(source, State::Complete, findings)
    }

    /// Fingerprints of one scan over a workspace of one file, `a.txt`.
    fn filled(findings: Vec<Finding>) -> Vec<String> {
        let mut scans = [scan(Source::TrivyFs, findings)];
        fill(&mut scans, &mut |path| match path {
            "a.txt" => Ok(b"var a = 0;\nvar b = 0;\nvar c = 0;\nvar d = 0;\n".to_vec()),
            _ => Err("not there".to_owned()),
        });
        let [scan] = scans;
        scan.findings.into_iter().map(|f| f.fingerprint).collect()
    }

    #[test]
    fn each_file_is_read_once_for_all_scans() {
        let mut scans = [
            scan(
                Source::Bandit,
                vec![
                    finding("r", "a.txt", Some(1)),
                    finding("r", "a.txt", Some(2)),
                ],
            ),
            scan(Source::TrivyFs, vec![finding("r", "a.txt", Some(1))]),
            scan(
                Source::TrivyImage("ghcr.io/o/api".to_owned()),
                vec![finding("r", "only-in-the-image.txt", Some(1))],
            ),
        ];
        let mut reads = Vec::new();
        let unread = fill(&mut scans, &mut |path| {
            reads.push(path.to_owned());
            Ok(b"var a = 0;\nvar b = 0;\nvar c = 0;\nvar d = 0;\n".to_vec())
        });
        assert_eq!(reads, ["a.txt"]);
        assert_eq!(unread, []);
        assert_eq!(scans[0].findings[0].fingerprint, "5e4d5a9cf1294ad9:1");
        assert_eq!(scans[1].findings[0].fingerprint, "5e4d5a9cf1294ad9:1");
        assert!(is_line_hash(&scans[2].findings[0].fingerprint));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let mut scans = [scan(
            Source::Bandit,
            vec![
                finding("r", "gone.py", Some(3)),
                finding("r", "gone.py", Some(9)),
            ],
        )];
        let unread = fill(&mut scans, &mut |_| Err("it is a link".to_owned()));
        assert_eq!(
            unread,
            [Unread {
                path: "gone.py".to_owned(),
                reason: "it is a link".to_owned()
            }]
        );
        let [first, second] = &scans[0].findings[..] else {
            panic!("two findings")
        };
        assert_eq!(
            first.fingerprint.trim_end_matches(":1"),
            second.fingerprint.trim_end_matches(":2")
        );
    }

    #[test]
    fn the_identity_never_changes() {
        // A new value is a new alert for every user: change it never.
        let mut openssl = finding("CVE-2023-0286", "ghcr.io/o/api", None);
        openssl.package = Some(package(
            "openssl",
            "3.0.1",
            "pkg:deb/debian/openssl@3.0.1?distro=debian-12.1",
        ));
        let whole_file = finding("DS002", "Dockerfile", None);
        insta::assert_snapshot!(
            filled(vec![openssl, whole_file]).join("\n"),
            @r"
        8cf8079c4d49e9ab:1
        1f2aad36d1640e5c:1
        "
        );
    }

    #[test]
    fn neither_version_nor_tag_nor_line_makes_a_new_alert() {
        let mut before = finding("CVE-1", "ghcr.io/o/api", None);
        before.package = Some(package(
            "libc6",
            "2.36-1",
            "pkg:deb/debian/libc6@2.36-1?arch=amd64&distro=debian-12.1",
        ));
        let mut after = before.clone();
        after.package = Some(package(
            "libc6",
            "2.36-9",
            "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12.7",
        ));
        after.message = "other words".to_owned();
        assert_eq!(filled(vec![before]), filled(vec![after]));
        assert_eq!(
            filled(vec![finding("r", "gone.py", Some(3))]),
            filled(vec![finding("r", "gone.py", Some(8))])
        );
    }

    #[test]
    fn a_version_in_the_path_makes_no_new_alert() {
        let at = |version: &str| {
            let path = format!("lib/site-packages/http-{version}.dist-info/METADATA");
            let mut finding = finding("CVE-1", &path, None);
            finding.package = Some(package("http", version, ""));
            finding
        };
        assert_eq!(filled(vec![at("2.3.0")]), filled(vec![at("2.4.0-rc1")]));
    }

    #[test]
    fn two_packages_with_one_cve_stay_two() {
        let mut one = finding("CVE-1", "ghcr.io/o/api", None);
        one.package = Some(package("libssl3", "3.0.1", "pkg:deb/debian/libssl3@3.0.1"));
        let mut two = one.clone();
        two.package = Some(package("openssl", "3.0.1", "pkg:deb/debian/openssl@3.0.1"));
        let found = filled(vec![one.clone(), two.clone()]);
        assert_ne!(found[0], found[1]);
        assert_eq!(filled(vec![two, one]), [found[1].clone(), found[0].clone()]);
    }

    #[test]
    fn packages_at_one_line_stay_apart_whatever_their_order() {
        let at_line = |name: &str, version: &str| {
            let mut finding = finding("CVE-1", "a.txt", Some(1));
            finding.package = Some(package(name, version, &format!("pkg:npm/{name}@{version}")));
            finding
        };
        let findings = [
            at_line("b", "1"),
            at_line("a", "2"),
            at_line("a", "1"),
            at_line("c", "1"),
        ];
        let forward = filled(findings.to_vec());
        let mut backward = filled(findings.iter().rev().cloned().collect());
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(forward.iter().collect::<BTreeSet<_>>().len(), 4);
        // The first keeps GitHub's hash of the line.
        assert_eq!(forward[2], "5e4d5a9cf1294ad9:1");
        assert!(
            forward.iter().all(|value| is_line_hash(value)),
            "{forward:?}"
        );
        // Another rule at that line has its own alerts.
        assert_eq!(
            filled(vec![
                finding("x", "a.txt", Some(1)),
                finding("x", "a.txt", Some(1))
            ]),
            ["5e4d5a9cf1294ad9:1", "5e4d5a9cf1294ad9:1"]
        );
    }

    #[test]
    fn a_line_past_the_end_gets_an_identity() {
        let past = filled(vec![finding("r", "a.txt", Some(99))]);
        assert_eq!(
            past,
            [format!("{:x}:1", identity(&finding("r", "a.txt", None)))]
        );
    }

    #[test]
    fn only_githubs_own_format_is_taken_from_a_tool() {
        for (given, taken) in [
            ("39fa2ee980eb94b0:1", true),
            ("1:12", true),
            ("", false),
            ("requires login", false),
            ("39fa2ee980eb94b0", false),
            ("39FA2EE980EB94B0:1", false),
            ("39fa2ee980eb94b01:1", false),
            ("39fa2ee980eb94b0:0", false),
            ("39fa2ee980eb94b0:", false),
            (":1", false),
            (
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:1",
                false,
            ),
        ] {
            let mut finding = finding("r", "a.txt", Some(1));
            finding.given_fingerprint = Some(given.to_owned());
            let expected = if taken { given } else { "5e4d5a9cf1294ad9:1" };
            assert_eq!(filled(vec![finding]), [expected], "{given}");
        }
    }
}
