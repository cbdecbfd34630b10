//! Trivy's results as findings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::report::{Block, License, Lines, Misconfiguration, Report, Secret, Vulnerability};
use crate::runner::folder::Folder;
use crate::security_scan::finding::{Finding, Flows, Kind, Location, Package, Region, Rule};
use crate::security_scan::sarif::redact::Found;
use crate::security_scan::scanners::lines::{self, LINE_END};
use crate::security_scan::severity::{Severity, rating};

/// Licence texts serve Trivy as names where it knows no better.
const LONGEST_LICENSE: usize = 100;

/// Where the findings of a report lie.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Tree {
        workspace: PathBuf,
        /// That Trivy scans, relative to the workspace, empty for the workspace itself.
        folder: String,
        /// The path of what lies nowhere in particular: the whole tree's.
        unknown: String,
    },
    /// In an image: its repository without tag, or its archive. It has no lines of the workspace.
    Image(String),
}

impl Place {
    /// The path of a finding in `target`. Trivy names what it scans relative to the tree; what it
    /// names otherwise (a remote module, a name that would lead out) stands at the tree itself. What
    /// looks like an address can be the name of a file all the same.
    pub(super) fn path(&self, target: &str) -> String {
        let (below, unknown) = match self {
            Self::Tree {
                folder, unknown, ..
            } => (folder, unknown),
            Self::Image(folder) => (folder, folder),
        };
        let inner = target.trim_start_matches('/');
        let path = match below.as_str() {
            "" => inner.to_owned(),
            folder => format!("{folder}/{inner}"),
        };
        let leads_out = || {
            let mut parts = inner.split('/');
            parts.any(|part| matches!(part, "" | "." | ".."))
        };
        let is_file = || match self {
            Self::Tree { workspace, .. } => workspace.join(&path).symlink_metadata().is_ok(),
            Self::Image(_) => false,
        };
        let odd = leads_out() || (inner.contains("::") && !is_file());
        match (odd, unknown.as_str()) {
            (false, _) => path,
            (true, "") => ".".to_owned(),
            (true, unknown) => unknown.to_owned(),
        }
    }

    fn location(&self, target: &str, lines: Lines) -> Location {
        let region =
            (matches!(self, Self::Tree { .. }) && lines.start_line > 0).then_some(Region {
                start_line: lines.start_line,
                start_column: 1,
                end_line: lines.end_line.max(lines.start_line),
                end_column: LINE_END,
            });
        Location {
            path: self.path(target),
            region,
        }
    }
}

/// Everything that the report says, in its order, and the rules that it names.
pub(super) fn of(report: &Report, place: &Place) -> (Vec<Finding>, BTreeMap<String, Rule>) {
    let mut all = All {
        place,
        findings: Vec::new(),
        rules: BTreeMap::new(),
    };
    for block in report.results.iter().flatten() {
        for item in block.vulnerabilities.iter().flatten() {
            all.vulnerability(block, item);
        }
        // Without --include-non-failures there are only failures; to be sure.
        let failed = |item: &&Misconfiguration| matches!(item.status.as_str(), "FAIL" | "");
        for item in block.misconfigurations.iter().flatten().filter(failed) {
            all.misconfiguration(block, item);
        }
        for item in block.secrets.iter().flatten() {
            all.secret(block, item);
        }
        for item in block.licenses.iter().flatten() {
            all.license(block, item);
        }
    }
    (all.findings, all.rules)
}

/// The paths of the files in which packages were found, with or without a vulnerability.
pub(super) fn with_packages(report: &Report, place: &Place) -> BTreeSet<String> {
    let blocks = report.results.iter().flatten();
    blocks
        .filter(|block| block.packages.as_ref().is_some_and(|all| !all.is_empty()))
        .map(|block| place.path(&block.target))
        .collect()
}

/// The files that Trivy has taken for configuration, each with what for (`kubernetes`, `helm`, …).
pub(super) fn configured(report: &Report, place: &Place) -> BTreeSet<(String, String)> {
    let blocks = report.results.iter().flatten();
    blocks
        .filter(|block| block.class == "config")
        .map(|block| (place.path(&block.target), block.r#type.clone()))
        .collect()
}

/// What stands where Trivy found secrets, from the files of the tree themselves.
pub(super) fn secrets(report: &Report, place: &Place) -> Found {
    let mut all = Found::default();
    let Place::Tree { workspace, .. } = place else {
        return all;
    };
    let Ok(folder) = Folder::root(workspace) else {
        return all;
    };
    for block in report.results.iter().flatten() {
        let secrets = block.secrets.iter().flatten();
        let file = secrets.clone().next().map(|_| place.path(&block.target));
        let Some(text) = file.and_then(|path| lines::read(&folder, &path)) else {
            continue;
        };
        let text: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for secret in secrets {
            let number = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
            let end = number(secret.lines.end_line).min(text.len());
            let start = number(secret.lines.start_line).saturating_sub(1);
            all.learn_masked(text.get(start..end).unwrap_or_default(), &secret.r#match);
        }
    }
    all
}

struct All<'a> {
    place: &'a Place,
    findings: Vec<Finding>,
    rules: BTreeMap<String, Rule>,
}

impl All<'_> {
    fn add(&mut self, rule: Rule, finding: Finding) {
        self.findings.push(finding);
        self.rules.entry(rule.id.clone()).or_insert(rule);
    }

    fn vulnerability(&mut self, block: &Block, item: &Vulnerability) {
        let package = Package {
            name: item.pkg_name.clone(),
            version: item.installed_version.clone(),
            fixed: (!item.fixed_version.is_empty()).then(|| item.fixed_version.clone()),
            purl: item.pkg_identifier.purl.clone(),
        };
        let target = if item.pkg_path.is_empty() {
            // The packages of an operating system have no file.
            if block.class == "os-pkgs" {
                ""
            } else {
                &block.target
            }
        } else {
            &item.pkg_path
        };
        let fix = match (&package.fixed, item.status.as_str()) {
            (Some(fixed), _) => format!("fixed in {fixed}"),
            (None, "" | "affected" | "unknown") => "no fix is known".to_owned(),
            (None, status) => format!("no fix ({})", status.replace('_', " ")),
        };
        let title = if item.title.is_empty() {
            String::new()
        } else {
            format!(": {}", item.title)
        };
        let finding = Finding {
            rule: item.id.clone(),
            kind: Kind::Vulnerability,
            severity: severity(&item.severity),
            score: score(item),
            message: format!(
                "{} {} has {}, {fix}{title}",
                package.name, package.version, item.id
            ),
            location: self.place.location(target, lines_of(block, item)),
            package: Some(package),
            aliases: aliases(item),
            given_fingerprint: None,
            fingerprint: String::new(),
            flows: Flows::default(),
        };
        let mut tags = vec!["security".to_owned(), "vulnerability".to_owned()];
        tags.extend(item.cwe_ids.iter().flatten().filter_map(|cwe| {
            Some(format!(
                "external/cwe/cwe-{:0>3}",
                cwe.strip_prefix("CWE-")?
            ))
        }));
        let rule = Rule {
            id: item.id.clone(),
            name: Some("Vulnerability".to_owned()),
            short_description: some(&item.title),
            full_description: some(&item.description),
            help: some(&item.description),
            help_uri: item.primary_url.clone(),
            tags,
        };
        self.add(rule, finding);
    }

    fn misconfiguration(&mut self, block: &Block, item: &Misconfiguration) {
        let text = if item.message.is_empty() {
            &item.title
        } else {
            &item.message
        };
        let mut aliases: Vec<String> = item
            .avd_id
            .iter()
            .filter(|id| **id != item.id)
            .cloned()
            .collect();
        // Older releases of Trivy, and their users' suppressions, write AVD-DS-0001.
        let old = format!("AVD-{}", item.id);
        if !item.id.starts_with("AVD-") && !aliases.contains(&old) {
            aliases.push(old);
        }
        let finding = Finding {
            kind: Kind::Misconfiguration,
            aliases,
            ..self.finding(
                &item.id,
                &item.severity,
                text,
                &block.target,
                item.cause_metadata,
            )
        };
        let help = match item.resolution.as_str() {
            "" => some(&item.description),
            resolution => Some(format!("{}\n\n{resolution}", item.description)),
        };
        let rule = Rule {
            id: item.id.clone(),
            name: some(&item.r#type),
            short_description: some(&item.title),
            full_description: some(&item.description),
            help,
            help_uri: item.primary_url.clone(),
            tags: vec!["security".to_owned(), "misconfiguration".to_owned()],
        };
        self.add(rule, finding);
    }

    fn secret(&mut self, block: &Block, item: &Secret) {
        let what = if item.title.is_empty() {
            &item.rule_id
        } else {
            &item.title
        };
        let message = match self.place {
            Place::Tree { .. } => format!("Secret: {what}"),
            Place::Image(_) => format!("Secret: {what} in {}", block.target),
        };
        let finding = Finding {
            kind: Kind::Secret,
            ..self.finding(
                &item.rule_id,
                &item.severity,
                &message,
                &block.target,
                item.lines,
            )
        };
        let rule = Rule {
            id: item.rule_id.clone(),
            name: some(&item.category),
            short_description: Some(format!("Secret: {what}")),
            full_description: None,
            help: Some(
                "Whoever can read the file can use the secret. Revoke it, put the new one into a \
                 secret store, and remember that the history of the repository keeps the old one."
                    .to_owned(),
            ),
            help_uri: None,
            tags: vec!["security".to_owned(), "secret".to_owned()],
        };
        self.add(rule, finding);
    }

    fn license(&mut self, block: &Block, item: &License) {
        let name: String = item.name.chars().take(LONGEST_LICENSE).collect();
        let name = if name.is_empty() {
            "unknown".to_owned()
        } else {
            name
        };
        let target = if item.file_path.is_empty() {
            &block.target
        } else {
            &item.file_path
        };
        let who = if item.pkg_name.is_empty() {
            "this file"
        } else {
            &item.pkg_name
        };
        let category = if item.category.is_empty() {
            "unknown"
        } else {
            &item.category
        };
        let message = format!("{who} is under {name} (category {category})");
        let package = (!item.pkg_name.is_empty()).then(|| Package {
            name: item.pkg_name.clone(),
            ..Package::default()
        });
        let finding = Finding {
            kind: Kind::License,
            package,
            ..self.finding(&name, &item.severity, &message, target, Lines::default())
        };
        let rule = Rule {
            id: name.clone(),
            name: Some("License".to_owned()),
            short_description: Some(format!("License {name}")),
            tags: vec!["license".to_owned()],
            ..Rule::default()
        };
        self.add(rule, finding);
    }

    fn finding(&self, rule: &str, word: &str, text: &str, target: &str, lines: Lines) -> Finding {
        Finding {
            rule: rule.to_owned(),
            kind: Kind::Code,
            severity: severity(word),
            score: None,
            message: if text.is_empty() {
                rule.to_owned()
            } else {
                text.to_owned()
            },
            location: self.place.location(target, lines),
            package: None,
            aliases: Vec::new(),
            given_fingerprint: None,
            fingerprint: String::new(),
            flows: Flows::default(),
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn severity(word: &str) -> Severity {
    rating::word(word).unwrap_or(Severity::Unknown)
}

/// The score of the source that the severity is from; else NVD's; else the highest.
fn score(item: &Vulnerability) -> Option<f64> {
    let scores = item.cvss.as_ref()?;
    let of = |source: &str| {
        let cvss = scores.get(source)?;
        cvss.v3.or(cvss.v40).or(cvss.v2)
    };
    of(&item.severity_source)
        .or_else(|| of("nvd"))
        .or_else(|| {
            scores
                .keys()
                .filter_map(|source| of(source))
                .max_by(f64::total_cmp)
        })
        .filter(|score| (0.0..=10.0).contains(score))
}

/// Vendors' ids, and the GitHub advisory that the references name.
fn aliases(item: &Vulnerability) -> Vec<String> {
    let mut aliases: Vec<String> = item.vendor_ids.iter().flatten().cloned().collect();
    for reference in item.references.iter().flatten() {
        let id = reference
            .strip_prefix("https://github.com/advisories/")
            .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(rest))
            .filter(|id| id.starts_with("GHSA-"));
        aliases.extend(id.map(str::to_owned));
    }
    aliases.retain(|alias| *alias != item.id);
    aliases.sort();
    aliases.dedup();
    aliases
}

/// The lines of the vulnerable package in its lock file.
fn lines_of(block: &Block, item: &Vulnerability) -> Lines {
    block
        .packages
        .iter()
        .flatten()
        .find(
            |package| match (&package.identifier.uid, &item.pkg_identifier.uid) {
                (Some(uid), Some(of)) => uid == of,
                _ if !item.pkg_id.is_empty() => package.id == item.pkg_id,
                _ => package.name == item.pkg_name && package.version == item.installed_version,
            },
        )
        .and_then(|package| package.locations.as_ref()?.first().copied())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let workspace = tempfile::tempdir().unwrap();
        for folder in ["src/a::b", "backend/http:/c"] {
            std::fs::create_dir_all(workspace.path().join(folder)).unwrap();
            std::fs::write(workspace.path().join(folder).join("x"), "").unwrap();
        }
        let tree = |folder: &str| Place::Tree {
            workspace: workspace.path().to_owned(),
            folder: folder.to_owned(),
            unknown: folder.split('/').next().unwrap_or_default().to_owned(),
        };
        let image = Place::Image("ghcr.io/acme/api".to_owned());
        for (place, target, expected) in [
            (tree(""), "a/b.tf", "a/b.tf"),
            (tree(""), ".", "."),
            (tree("backend"), "a.py", "backend/a.py"),
            (tree("backend"), ".", "backend"),
            (tree("backend"), "../../etc/passwd", "backend"),
            (tree(""), "git::https://example.com/m.git", "."),
            (tree("a/dev"), "git::https://example.com/m.git", "a"),
            (tree(""), "src/a::b/x", "src/a::b/x"),
            (tree(""), "src/a::b/y", "."),
            (tree("backend"), "http:/c/x", "backend/http:/c/x"),
            (tree("backend"), "http://c/y", "backend"),
            (image.clone(), "", "ghcr.io/acme/api"),
            (image, "/app/.env", "ghcr.io/acme/api/app/.env"),
        ] {
            assert_eq!(place.path(target), expected, "{target}");
        }
    }

    #[test]
    fn scores_and_aliases() {
        let item: Vulnerability = serde_json::from_value(serde_json::json!({
            "VulnerabilityID": "CVE-2099-1", "SeveritySource": "ghsa",
            "CVSS": {"ghsa": {"V40Score": 7.1, "V2Score": 1.0}, "nvd": {"V3Score": 9.8}},
            "VendorIDs": ["DSA-1"],
            "References": [
                "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
                "https://github.com/advisories/GHSA-aaaa-bbbb-cccc?x",
                "https://example.com/GHSA-xxxx-xxxx-xxxx"
            ]
        }))
        .unwrap();
        assert_eq!(score(&item), Some(7.1));
        assert_eq!(aliases(&item), ["DSA-1", "GHSA-aaaa-bbbb-cccc"]);
    }
}
