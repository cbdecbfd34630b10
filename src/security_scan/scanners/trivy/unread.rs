//! What Trivy did not look at, or maybe not as others do: from its log, and where it says nothing,
//! from the tree.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::log::{self, Files};
use super::passed_by_at_root;
use crate::process::Log;
use crate::runner::path::RelativePath;
use crate::security_scan::observe::configuration::{Configuration, Format, Holds};
use crate::security_scan::observe::manifest::{Manifest, Text};
use crate::security_scan::observe::tree::{Tree, named};
use crate::security_scan::scan::{Gap, GapKind};
use crate::security_scan::scanners::{Job, capped, gap};
use crate::text;

const NEXT: &str =
    "correct the file, leave it out in the policy (exclude), or set unparsed: warn there";
/// Lists whose parsers know a byte order mark, and with it UTF-16: YAML's, and that of pip's files.
const KNOWS_UTF16: [&str; 6] = [
    "Podfile.lock",
    "environment.yaml",
    "environment.yml",
    "pnpm-lock.yaml",
    "pubspec.lock",
    "requirements.txt",
];

/// One folder of the tree that a process has scanned.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    pub tree: &'a Tree,
    /// Relative to the workspace.
    pub path: &'a RelativePath,
}

/// A gap for each file that could not be parsed, by its path as it is shown (empty: it is not clear
/// which). `root` is none for an image, whose files are nowhere here.
pub(super) fn not_parsed(job: &Job<'_>, log: &Log, root: Option<Root<'_>>) -> Vec<(String, Gap)> {
    let at = |root: Root<'_>, path: &Path| Path::new(root.path.as_str()).join(path);
    let files = Files {
        below: Path::new(root.map_or("", |root| root.path.as_str())),
        is_unreadable: &|path| {
            root.is_some_and(|root| {
                let path = at(root, path);
                root.tree.unreadable.contains(&path)
                    || root.tree.unreadable_untracked.contains(&path)
            })
        },
        is_left_out: &|path| {
            let path = root.map_or_else(|| path.to_owned(), |root| at(root, path));
            let there = root.is_none() || is_file(job.workspace, &path);
            there.then(|| !job.policy.paths.scanned(&path.to_string_lossy()))
        },
    };
    log::unparsed(log.lines(), &files)
}

/// Whether a path, plain and relative, is that of a plain file.
fn is_file(workspace: &Path, path: &Path) -> bool {
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let file = || workspace.join(path).symlink_metadata();
    plain && file().is_ok_and(|file| file.is_file())
}

/// Lists of packages of which Trivy's log says nothing: gaps for those that it may have read
/// otherwise than whoever installs from them, and a note on those in which it found no package.
/// Some parsers take whatever they do not understand for nothing; the acceptance tests hold the
/// table.
///
/// `found` holds the paths in which Trivy found packages, `told` what its log names.
pub(super) fn lists(
    job: &Job<'_>,
    root: Root<'_>,
    found: &BTreeSet<String>,
    told: &[(String, Gap)],
) -> (Vec<Gap>, Option<String>) {
    let (mut gaps, mut empty): (Vec<Gap>, Vec<&PathBuf>) = Default::default();
    for manifest in &root.tree.manifests {
        let Ok(below) = manifest.path.strip_prefix(root.path.as_str()) else {
            continue;
        };
        let path = manifest.path.to_string_lossy();
        let shown = text::line(&path);
        let elsewhere = passed_by_at_root(below) || !job.policy.paths.scanned(&path);
        if elsewhere || told.iter().any(|(told, _)| *told == shown) {
            continue;
        }
        match doubt(manifest, found.contains(&*path)) {
            Doubt::None => {}
            Doubt::Empty => empty.push(&manifest.path),
            Doubt::Read(why) => {
                let what = format!("Trivy may have read {shown} otherwise than others do: {why}");
                gaps.push(gap(GapKind::Unparsed, what, Some(NEXT)));
            }
        }
    }
    let note = (!empty.is_empty()).then(|| {
        format!(
            "Trivy found no packages to look up in {} (it looks up none without an exact version)",
            named(empty)
        )
    });
    (capped(gaps), note)
}

#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    None,
    Empty,
    Read(&'static str),
}

fn doubt(manifest: &Manifest, found: bool) -> Doubt {
    let name = manifest.path.file_name();
    let knows_utf16 = || {
        KNOWS_UTF16
            .into_iter()
            .any(|known| name == Some(known.as_ref()))
    };
    match (manifest.text, found) {
        (Text::Plain | Text::Undecodable, true) => Doubt::None,
        (Text::Utf16, true) if knows_utf16() => Doubt::None,
        (Text::Plain, false) => Doubt::Empty,
        (Text::Utf16, _) => Doubt::Read("it is UTF-16"),
        (Text::Undecodable, false) => Doubt::Read("it is not UTF-8"),
        (Text::Ambiguous, _) => Doubt::Read(
            "it holds control characters, or ends of lines that not every program takes for one",
        ),
    }
}

/// Gaps for configuration of which Trivy's log says nothing, and which it did not judge.
///
/// `taken` holds what Trivy has taken for configuration, `told` what its log names: a file, or the
/// folder of a chart.
pub(super) fn configurations(
    job: &Job<'_>,
    root: Root<'_>,
    taken: &BTreeSet<(String, String)>,
    told: &[(String, Gap)],
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for Configuration { path, holds } in &root.tree.configurations {
        let Ok(below) = path.strip_prefix(root.path.as_str()) else {
            continue;
        };
        let name = path.to_string_lossy();
        let shown = text::line(&name);
        let is_told = |(told, _): &(String, Gap)| {
            let behind = shown.strip_prefix(told.as_str());
            let behind = behind.filter(|_| !told.is_empty());
            behind.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let elsewhere = passed_by_at_root(below) || !job.policy.paths.scanned(&name);
        if elsewhere || told.iter().any(is_told) {
            continue;
        }
        // Trivy reads what Helm makes of it, and that can be nothing.
        if holds.template && is_in_chart(job.workspace, path) {
            continue;
        }
        let is_taken = |kind: &str| taken.contains(&(name.to_string(), kind.to_owned()));
        gaps.extend(not_judged(holds, &is_taken).map(|why| {
            let what = format!("Trivy did not judge all of {shown}: {why}");
            gap(GapKind::Unparsed, what, Some(NEXT))
        }));
    }
    capped(gaps)
}

/// Why Trivy did not judge all that a file holds, if so.
fn not_judged(holds: &Holds, is_taken: &dyn Fn(&str) -> bool) -> Option<String> {
    let passed_by = |format: &Format| !match format {
        Format::Kubernetes => is_taken("kubernetes") || is_taken("helm"),
        Format::CloudFormation => is_taken("cloudformation"),
        Format::Dockerfile => is_taken("dockerfile"),
    };
    let why = match holds.formats.iter().find(|format| passed_by(format)) {
        Some(Format::Kubernetes) => {
            "it does not take it for a Kubernetes manifest (a key that stands twice, a tag, a comment or a \
             mark in JSON, `.yaml` not in lower case)"
        }
        Some(Format::CloudFormation) => {
            "it does not take it for a CloudFormation template (a key that stands twice, a tag, a resource \
             that is no mapping)"
        }
        Some(Format::Dockerfile) => {
            "it does not take it for a Dockerfile, which it calls `Dockerfile`, `Dockerfile.NAME` \
             or `NAME.Dockerfile`"
        }
        None if holds.list => "it judges no objects in a list (items): write them as documents",
        None => {
            let line = holds.lost?;
            return Some(format!(
                "it does not read the document of line {line}, because it splits only at lines \
                 that are `---` and nothing else"
            ));
        }
    };
    Some(why.to_owned())
}

/// Whether a file is one of the templates of a Helm chart.
fn is_in_chart(workspace: &Path, path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1);
    folders.any(|folder| {
        let chart = folder.parent().map(|chart| chart.join("Chart.yaml"));
        folder.ends_with("templates") && chart.is_some_and(|chart| is_file(workspace, &chart))
    })
}

/// Names what git tracks and Trivy does not search for secrets.
pub(super) fn not_searched(job: &Job<'_>, tree: &Tree) -> Option<String> {
    let counts = |path: &&PathBuf| job.policy.paths.scanned(&path.to_string_lossy());
    let paths: Vec<&PathBuf> = tree.not_searched.iter().filter(counts).collect();
    (!paths.is_empty()).then(|| {
        format!(
            "not searched for secrets, because Trivy passes them by (lock files, names of images \
             and archives, node_modules, UTF-16, control characters): {}",
            named(paths)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_doubtful() {
        const MAY: bool = false;
        for (name, text, found, silent) in [
            ("go.mod", Text::Plain, true, true),
            ("go.mod", Text::Undecodable, true, true),
            ("a/requirements.txt", Text::Utf16, true, true),
            ("requirements.txt", Text::Utf16, false, MAY),
            ("mix.lock", Text::Utf16, true, MAY),
            ("go.mod", Text::Undecodable, false, MAY),
            ("requirements.txt", Text::Ambiguous, true, MAY),
        ] {
            let path = name.into();
            let doubt = doubt(&Manifest { path, text }, found);
            assert_eq!(doubt == Doubt::None, silent, "{name} {text:?} {found}");
            assert_ne!(doubt, Doubt::Empty);
        }
        let path = "go.mod".into();
        let text = Text::Plain;
        assert_eq!(doubt(&Manifest { path, text }, false), Doubt::Empty);
    }
}
