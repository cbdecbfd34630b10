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

fn open(folder: &Path) -> Result<Option<Repository>, String> {
    let Some(root) = folder
        .ancestors()
        .find(|folder| folder.join(".git").symlink_metadata().is_ok())
    else {
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The real git makes the repositories.
    fn git(folder: &Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "protocol.file.allow=always",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", folder)
            .envs([
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@b"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@b"),
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn repository(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        commit(folder.path(), files);
        folder
    }

    fn commit(folder: &Path, files: &[&str]) {
        for file in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-qm", "x"]);
    }

    fn names(tracked: Tracked) -> Vec<String> {
        let Tracked::Paths(paths) = tracked else {
            panic!("{tracked:?}");
        };
        let mut names: Vec<String> = paths
            .iter()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_checkout() {
        let folder = repository(&["a", "src/b.py", "we\nird"]);
        std::fs::write(folder.path().join("untracked"), "x").unwrap();
        let expected = git(folder.path(), &["rev-parse", "HEAD"]);
        assert_eq!(head(folder.path()), Some(expected.clone()));
        let all = tracked(folder.path());
        assert!(all.holds(Path::new("src")) && all.holds(Path::new("src/b.py")));
        assert!(all.holds(Path::new("")));
        assert!(!all.holds(Path::new("sr")) && !all.holds(Path::new("untracked")));
        assert_eq!(names(all), ["a", "src/b.py", "we\nird"]);
        assert_eq!(names(tracked(&folder.path().join("src"))), ["b.py"]);
        assert_eq!(head(&folder.path().join("src")), Some(expected));
    }

    #[test]
    fn a_repository_of_the_newer_hash() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--object-format=sha256"]);
        commit(folder.path(), &["a", "src/b.py"]);
        let expected = git(folder.path(), &["rev-parse", "HEAD"]);
        assert_eq!(expected.len(), 64);
        assert_eq!(head(folder.path()), Some(expected));
        assert_eq!(names(tracked(folder.path())), ["a", "src/b.py"]);
    }

    #[test]
    fn shallow_clones_linked_worktrees_and_submodules() {
        let origin = repository(&["a"]);
        commit(origin.path(), &["b"]);
        let work = tempfile::tempdir().unwrap();
        let url = format!("file://{}", origin.path().display());
        git(
            work.path(),
            &["clone", "-q", "--depth", "1", &url, "shallow"],
        );
        let shallow = work.path().join("shallow");
        assert_eq!(
            head(&shallow),
            Some(git(origin.path(), &["rev-parse", "HEAD"]))
        );
        assert_eq!(names(tracked(&shallow)), ["a", "b"]);

        git(
            &shallow,
            &["worktree", "add", "-q", "../linked", "-b", "other"],
        );
        let linked = work.path().join("linked");
        commit(&linked, &["c"]);
        assert_eq!(head(&linked), Some(git(&linked, &["rev-parse", "HEAD"])));
        assert_eq!(names(tracked(&linked)), ["a", "b", "c"]);

        git(
            &shallow,
            &["submodule", "--quiet", "add", &url, "deps/origin"],
        );
        git(&shallow, &["commit", "-qm", "x"]);
        assert_eq!(
            names(tracked(&shallow)),
            [
                ".gitmodules",
                "a",
                "b",
                "deps/origin",
                "deps/origin/a",
                "deps/origin/b"
            ]
        );
    }

    #[test]
    fn no_repository_no_commit_and_a_broken_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(head(folder.path()), None);
        assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
        assert!(tracked(folder.path()).holds(Path::new("x")));

        git(folder.path(), &["init", "-q"]);
        assert_eq!(head(folder.path()), None);
        assert_eq!(names(tracked(folder.path())), [""; 0]);

        std::fs::write(folder.path().join(".git/index"), "not an index").unwrap();
        assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
        std::fs::write(folder.path().join(".git/config"), "[core\nbare").unwrap();
        assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
        assert_eq!(head(folder.path()), None);
    }

    #[test]
    fn configuration_that_git_would_execute_is_not_obeyed() {
        let folder = repository(&["a"]);
        let proof = folder.path().join("proof");
        let config = format!(
            "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch {0}\n\tsshCommand = touch {0}\n\
             [include]\n\tpath = /nonexistent\n[alias]\n\tx = !touch {0}\n",
            proof.display()
        );
        std::fs::write(folder.path().join(".git/config"), config).unwrap();
        assert!(head(folder.path()).is_some());
        assert_eq!(names(tracked(folder.path())), ["a"]);
        assert!(!proof.exists());
    }

    #[test]
    fn a_workspace_of_another_owner() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can give files away; the container tests run as root.
        }
        let folder = repository(&["a"]);
        for path in [".git", ".git/config", ".git/HEAD", ".git/index", ""] {
            std::os::unix::fs::chown(folder.path().join(path), Some(1001), Some(1001)).unwrap();
        }
        assert!(head(folder.path()).is_some());
        assert_eq!(names(tracked(folder.path())), ["a"]);
    }
}
