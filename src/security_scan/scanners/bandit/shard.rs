//! A share of the files for one Bandit process, handed over as links with plain names.
//!
//! Links instead of arguments: no limit to their number, no name that Bandit could take for an
//! option or trip over (it can't print a name that is not UTF-8), nothing that it passes by.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::outcome::{Failure, Result};
use crate::process::Folder;
use crate::security_scan::scanners::Job;
use crate::text;

/// Below this many bytes of Python a further process costs more than it saves: Bandit takes about
/// 0.4 s to start and 1 s for 400 kB.
const WORTHWHILE: u64 = 200_000;

/// How many processes may run side by side.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Splits the files into at most `most` shares of about the same size: the largest file first, each
/// to the share that is smallest so far.
pub(super) fn split(mut files: Vec<(PathBuf, u64)>, most: usize) -> Vec<Vec<PathBuf>> {
    files.sort_by(|(path, size), (path_b, size_b)| (size_b, path).cmp(&(size, path_b)));
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    let worthwhile = usize::try_from(total / WORTHWHILE).unwrap_or(usize::MAX);
    let count = worthwhile
        .saturating_add(1)
        .min(most)
        .min(files.len())
        .max(1);
    let mut shares: Vec<(u64, Vec<PathBuf>)> = vec![(0, Vec::new()); count];
    for (path, size) in files {
        // An empty file is work as well.
        if let Some((load, share)) = shares.iter_mut().min_by_key(|(load, _)| *load) {
            *load += size + 100;
            share.push(path);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// One Bandit process's share.
#[derive(Debug)]
pub(super) struct Shard {
    folder: Folder,
    /// By the link's name.
    files: HashMap<String, PathBuf>,
}

impl Shard {
    /// Makes the links; `files` are relative to the workspace.
    pub(super) fn new(job: &Job<'_>, files: Vec<PathBuf>) -> Result<Self> {
        let folder = Folder::new("slipway-bandit-", job.run_as)?;
        let unusable = |error: std::io::Error| {
            Failure::error(
                "No temporary folder",
                format!("The list of Python files could not be written: {error}."),
            )
            .next("Make sure that /tmp (or $TMPDIR) has space and free inodes.")
        };
        folder.give("bandit.ini", b"[bandit]\n").map_err(unusable)?;
        let links = folder.given().join("files");
        fs::create_dir(&links).map_err(unusable)?;
        let mut names = HashMap::with_capacity(files.len());
        for (number, file) in files.into_iter().enumerate() {
            let name = format!("{number:06}.py");
            symlink(job.workspace.join(&file), links.join(&name)).map_err(unusable)?;
            names.insert(name, file);
        }
        Ok(Self {
            folder,
            files: names,
        })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn ini(&self) -> PathBuf {
        self.folder.given().join("bandit.ini")
    }

    pub(super) fn links(&self) -> PathBuf {
        self.folder.given().join("files")
    }

    /// The file that a link stands for; None if it is none of ours.
    pub(super) fn file(&self, link: &str) -> Option<&Path> {
        let name = Path::new(link).strip_prefix(self.links()).ok()?.to_str()?;
        self.files.get(name).map(PathBuf::as_path)
    }

    /// Every link with its file.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &Path)> {
        let links = self.links();
        self.files.iter().map(move |(name, file)| {
            (
                links.join(name).to_string_lossy().into_owned(),
                file.as_path(),
            )
        })
    }

    /// A line of the log with the files' own names.
    pub(super) fn real_names(&self, line: &str) -> String {
        let links = format!("{}/", self.links().display());
        let mut parts = line.split(links.as_str());
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part
                .split_at_checked("000000.py".len())
                .unwrap_or((part, ""));
            match self.files.get(name) {
                Some(file) => text.push_str(&text::line(&file.to_string_lossy())),
                None => text.push_str(name),
            }
            text.push_str(rest);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(shares: &[Vec<PathBuf>]) -> Vec<usize> {
        shares.iter().map(Vec::len).collect()
    }

    #[test]
    fn shares_are_balanced_by_size() {
        let file = |name: &str, size| (PathBuf::from(name), size);
        assert_eq!(sizes(&split(vec![file("a", 10), file("b", 10)], 4)), [2]);
        let files = vec![
            file("small1", 100_000),
            file("large", 300_000),
            file("small2", 100_000),
            file("small3", 100_000),
        ];
        let shares = split(files, 2);
        assert_eq!(shares[0], [PathBuf::from("large")]);
        assert_eq!(shares[1].len(), 3);
        assert_eq!(sizes(&split(vec![file("one", 9_000_000)], 4)), [1]);
    }
}
