//! SARIF that other tools left in the workspace: finds the files that `sarif-files` names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use tokio_util::sync::CancellationToken;

use super::{gap, scan};
use crate::outcome::{Failure, Result};
use crate::runner::cancel;
use crate::runner::folder::Folder;
use crate::runner::path::{RelativePath, Workspace};
use crate::security_scan::handed::Handed;
use crate::security_scan::sarif::category;
use crate::security_scan::sarif::read::{Checkout, File, Imported, MAX_BYTES, read, too_large};
use crate::security_scan::scan::{GapKind, Scan, Source, State, Tool};
use crate::text;

/// Files that one run takes; more is a glob that caught what it should not.
const MOST_FILES: usize = 1_000;

/// Reads all files that the globs name. A glob that names none gives a scan that is incomplete:
/// what should have been judged is not there.
///
/// # Errors
/// Invalid: more files than are read; one that came with the commit. Error: the run was cancelled.
pub fn import(
    patterns: &[Pattern],
    prefix: &str,
    workspace: &Workspace,
    folder: &Folder,
    handed: Handed<'_>,
    cancel: &CancellationToken,
) -> Result<Imported> {
    let mut paths = BTreeSet::new();
    let mut missing = Vec::new();
    for pattern in patterns {
        let found = pattern.find(&workspace.path, cancel);
        if found.is_empty() {
            missing.push(nothing(&pattern.text, prefix));
        }
        paths.extend(found);
    }
    if paths.len() > MOST_FILES {
        return Err(Failure::invalid(
            "Invalid input `sarif-files`",
            format!(
                "`sarif-files` names {} files; at most {MOST_FILES} are read.",
                paths.len()
            ),
        ));
    }
    handed.check("sarif-files", &paths)?;
    let paths = paths.into_iter().take_while(|_| !cancel.is_cancelled());
    let files = paths.map(|path| File {
        content: content(folder, &path),
        path: path.as_str().to_owned(),
    });
    let roots: Vec<String> = [Some(&workspace.path), workspace.host_path.as_ref()]
        .into_iter()
        .flatten()
        .map(|root| root.to_string_lossy().into_owned())
        .collect();
    let is_file = |path: &str| {
        RelativePath::parse(path).is_ok_and(|path| matches!(folder.open_file(&path), Ok(Some(_))))
    };
    let checkout = Checkout {
        roots: &roots,
        is_file: &is_file,
    };
    let mut imported = read(files, prefix, checkout);
    if cancel.is_cancelled() {
        return Err(cancel::failure());
    }
    imported.scans.extend(missing);
    Ok(imported)
}

/// One glob: `*` and `?` within a part of the path, `**` for any number of parts.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As the user wrote it.
    text: String,
    matcher: GlobMatcher,
    /// The folder that all its matches lie in.
    root: RelativePath,
}

impl Pattern {
    /// Reads an entry of the input `sarif-files`.
    ///
    /// # Errors
    /// Invalid: it is no glob, or leads out of the workspace.
    pub fn parse(glob: &str, workspace: &Workspace) -> Result<Self> {
        let path = workspace.inside("sarif-files", glob)?;
        let matcher = GlobBuilder::new(path.as_str())
            .literal_separator(true)
            .build()
            .map_err(|error| {
                Failure::invalid(
                    "Invalid input `sarif-files`",
                    format!("`{}` is no glob: {}.", text::line(glob), error.kind()),
                )
            })?
            .compile_matcher();
        let fixed: Vec<&str> = path
            .parts()
            .take_while(|part| !part.contains(['*', '?', '[', ']', '{', '}', '\\']))
            .collect();
        let plain = path.parts().count() == fixed.len();
        let root = if plain {
            path.split().map(|(folder, _)| folder).unwrap_or_default()
        } else {
            RelativePath::parse(&fixed.join("/")).unwrap_or_default()
        };
        Ok(Self {
            text: glob.to_owned(),
            matcher,
            root,
        })
    }

    /// Plain files only; no link is followed, `.git` is passed by.
    fn find(&self, workspace: &Path, cancel: &CancellationToken) -> BTreeSet<RelativePath> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop().filter(|_| !cancel.is_cancelled()) {
            // A folder that can't be read holds nothing for us; a glob that names nothing is told.
            let Ok(entries) = fs::read_dir(folder.below(workspace)) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let Some(path) = name.to_str().and_then(|name| folder.join(name).ok()) else {
                    continue;
                };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && name != ".git" => folders.push(path),
                    Ok(kind) if kind.is_file() && self.matcher.is_match(path.as_str()) => {
                        found.insert(path);
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

fn content(folder: &Folder, path: &RelativePath) -> std::result::Result<Vec<u8>, String> {
    let opened = folder.open_file(path).map_err(|failure| failure.what)?;
    let size = opened
        .and_then(|file| file.metadata().ok())
        .map_or(0, |data| data.len());
    if size > MAX_BYTES {
        return Err(too_large(size));
    }
    match folder.read(path, MAX_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("is gone".to_owned()),
        Err(failure) => Err(failure.what),
    }
}

/// The scan that did not happen.
fn nothing(glob: &str, prefix: &str) -> Scan {
    let glob = text::line(glob);
    let source = Source::Sarif(glob.clone());
    let category = category::of(&source, prefix, "");
    let mut missing = scan(
        source,
        glob,
        category,
        Tool {
            name: "SARIF".to_owned(),
            version: None,
            information_uri: None,
        },
    );
    missing.state = State::Incomplete(vec![gap(
        GapKind::NotFound,
        format!("sarif-files: no file is called {}", missing.target),
        Some("check that the tool ran before this step and where it wrote its report"),
    )]);
    missing.duration = Duration::ZERO;
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(globs: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "a.sarif",
            "out/b.sarif",
            "out/deep/c.sarif",
            "out/c.json",
            ".git/d.sarif",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("/etc", folder.path().join("out/etc")).unwrap();
        std::os::unix::fs::symlink("b.sarif", folder.path().join("out/link.sarif")).unwrap();
        let workspace = Workspace {
            path: folder.path().to_owned(),
            host_path: None,
        };
        let all = globs.iter().flat_map(|glob| {
            let pattern = Pattern::parse(glob, &workspace).unwrap();
            pattern.find(&workspace.path, &CancellationToken::new())
        });
        all.map(|path| path.as_str().to_owned()).collect()
    }

    #[test]
    fn globs_name_plain_files() {
        for (glob, expected) in [
            ("a.sarif", &["a.sarif"][..]),
            ("*.sarif", &["a.sarif"]),
            ("out/*.sarif", &["out/b.sarif"]),
            ("out/**/*.sarif", &["out/b.sarif", "out/deep/c.sarif"]),
            (
                "**/*.sarif",
                &["a.sarif", "out/b.sarif", "out/deep/c.sarif"],
            ),
            ("out/{b,x}.sarif", &["out/b.sarif"]),
            ("none.sarif", &[]),
        ] {
            assert_eq!(found(&[glob]), expected, "{glob}");
        }
    }

    #[test]
    fn a_glob_that_names_nothing_is_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            path: folder.path().to_owned(),
            host_path: None,
        };
        let root = Folder::root(folder.path()).unwrap();
        let pattern = Pattern::parse("*.sarif", &workspace).unwrap();
        let request = crate::security_scan::request::Request::check(
            &crate::security_scan::testing::inputs(&[]).unwrap(),
            &workspace,
        );
        let handed = Handed::new(&workspace.path, true, &request.unwrap());
        let cancel = CancellationToken::new();
        let patterns = [pattern];
        let import = || import(&patterns, "slipway", &workspace, &root, handed, &cancel);
        let imported = import().unwrap();
        assert!(
            matches!(&imported.scans[..], [scan] if matches!(scan.state, State::Incomplete(_)))
        );
        cancel.cancel();
        assert_eq!(import().unwrap_err().title, "Cancelled");
        let failure = Pattern::parse("../x", &workspace).unwrap_err();
        assert_eq!(failure.outcome, crate::outcome::Outcome::Invalid);
    }
}
