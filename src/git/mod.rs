//! What git knows of the workspace: its HEAD commit, and which paths it tracks.
//!
//! Reads the repository's own files by `gix`. Never runs git, reads no configuration of user or
//! system and no `GIT_*` variable, and needs no `safe.directory`: in a container the workspace
//! belongs to another user, which makes git itself refuse to look.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::index::entry::Mode;

/// Submodules within submodules are followed this deep.
const DEEPEST: usize = 8;

/// The repository that a folder lies in.
pub struct Repository {
    inner: gix::Repository,
    /// The working tree.
    root: PathBuf,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Which paths git tracks, relative to the folder that was asked about, `/` between parts, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tracked {
    Paths(HashSet<Vec<u8>>),
    /// There is no repository, or its index can't be read; why. Nothing is known to be untracked.
    Unknown(String),
}

impl Tracked {
    /// Whether git tracks the path or, for a folder, anything below it. Unknown counts as tracked.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Paths(paths) => {
                let path = path.as_os_str().as_bytes();
                paths.contains(path)
                    || paths.iter().any(|tracked| {
                        path.is_empty()
                            || tracked
                                .strip_prefix(path)
                                .is_some_and(|rest| rest.first() == Some(&b'/'))
                    })
            }
        }
    }
}

impl Repository {
    /// The repository of the folder or of the nearest folder above it; None if there is none or
    /// it can't be opened (why is in [`tracked`]).
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        open(folder).ok().flatten()
    }

    /// The commit that is checked out, 40 hexadecimal digits (64 where the repository's objects are
    /// named by SHA-256); None if there is none yet.
    #[must_use]
    pub fn head(&self) -> Option<String> {
        Some(self.inner.head_id().ok()?.to_string())
    }

    /// The repository's own folder (`.git`, of a linked worktree its part in the main one).
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        self.inner.git_dir()
    }

    /// The folder that linked worktrees share: where `config` lies.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        self.inner.common_dir()
    }
}

/// The commit that is checked out in the folder; None without a repository or commit.
#[must_use]
pub fn head(folder: &Path) -> Option<String> {
    Repository::of(folder)?.head()
}

/// Which paths below the folder git tracks, those of checked-out submodules included.
#[must_use]
pub fn tracked(folder: &Path) -> Tracked {
    let repository = match open(folder) {
        Ok(Some(repository)) => repository,
        Ok(None) => return Tracked::Unknown("there is no git repository".to_owned()),
        Err(why) => return Tracked::Unknown(why),
    };
    // Of a folder below the working tree, only what lies in it counts.
    let Ok(below) = folder.strip_prefix(&repository.root) else {
        return Tracked::Unknown("the folder is not in the working tree".to_owned());
    };
    let mut paths = HashSet::new();
    match collect(&repository, &[], DEEPEST, &mut paths) {
        Err(why) => Tracked::Unknown(why),
        Ok(()) if below.as_os_str().is_empty() => Tracked::Paths(paths),
        Ok(()) => {
            let mut prefix = below.as_os_str().as_bytes().to_vec();
            prefix.push(b'/');
            Tracked::Paths(
                paths
                    .iter()
                    .filter_map(|path| path.strip_prefix(prefix.as_slice()))
                    .map(<[u8]>::to_vec)
                    .collect(),
            )
        }
    }
}

/// The working trees that a file or folder lies in (or is), the nearest first, whether their
/// repositories can be read or not.
pub fn repositories(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors()
        .filter(|folder| folder.join(".git").symlink_metadata().is_ok())
}

fn open(folder: &Path) -> Result<Option<Repository>, String> {
    let Some(root) = repositories(folder).next() else {
        return Ok(None);
    };
    // Reduced trust: whatever the repository's configuration says, nothing of it is executed.
    let options = gix::open::Options::isolated().with(gix::sec::Trust::Reduced);
    let inner = gix::open_opts(root, options)
        .map_err(|error| format!("the git repository can't be opened: {error}"))?;
    Ok(Some(Repository {
        inner,
        root: root.to_owned(),
    }))
}

/// Adds the paths of the repository's index, each behind `prefix`.
fn collect(
    repository: &Repository,
    prefix: &[u8],
    depth: usize,
    paths: &mut HashSet<Vec<u8>>,
) -> Result<(), String> {
    let index = repository
        .inner
        .index_or_empty()
        .map_err(|error| format!("git's index can't be read: {error}"))?;
    for entry in index.entries() {
        let name: &[u8] = entry.path(&index);
        let path = [prefix, name].concat();
        if entry.mode == Mode::COMMIT && depth > 0 {
            let folder = repository.root.join(OsStr::from_bytes(name));
            // One that is not checked out has no files here.
            if folder.join(".git").symlink_metadata().is_ok()
                && let Ok(Some(submodule)) = open(&folder)
            {
                let below = [&path, &b"/"[..]].concat();
                collect(&submodule, &below, depth - 1, paths)?;
            }
        }
        paths.insert(path);
    }
    Ok(())
}
