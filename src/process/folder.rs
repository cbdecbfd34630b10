//! The one place where a child may write, and beside it what slipway hands it to read.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use tempfile::TempDir;

use super::identity::{NOBODY, RunAs, refused};
use super::left_behind::{self, PREFIX};
use crate::outcome::{Failure, Result};

const HOME: &str = "home";
const GIVEN: &str = "given";
const EMPTY: &str = "empty";

/// A private folder in the temporary directory, removed with all that is in it when dropped. What a
/// killed run left, or what could not be removed, is removed by the next one
/// ([`super::left_behind`]).
///
/// | part | mode | whose | for |
/// |---|---|---|---|
/// | `home` | 0700 | the child's | `HOME`, `TMPDIR`: the only place where it may write |
/// | `given` | 0755 | ours | configuration, links to what it scans: it may read, not change |
/// | `empty` | 0755 | ours | its working directory: nothing there can be taken for configuration |
/// | `lock` | 0600 | ours | locked for as long as the folder is in use |
#[derive(Debug)]
pub struct Folder {
    whole: TempDir,
    run_as: RunAs,
    /// Files with secrets.
    entrusted: Mutex<Vec<PathBuf>>,
    _lock: File,
}

impl Folder {
    /// `prefix` shows in paths, and begins with [`PREFIX`], such as `slipway-trivy-`.
    pub fn new(prefix: &str, run_as: RunAs) -> Result<Self> {
        Self::below(&temporary(), prefix, run_as)
    }

    pub(super) fn below(base: &Path, prefix: &str, run_as: RunAs) -> Result<Self> {
        debug_assert!(prefix.starts_with(PREFIX));
        let unusable = |error: std::io::Error| {
            Failure::error(
                "No temporary folder",
                format!(
                    "A private folder for a scanner could not be made in {}: {error}.",
                    base.display()
                ),
            )
            .next(format!(
                "Make sure that {} exists, is writable and has space, or name another folder in the variable TMPDIR.",
                base.display()
            ))
        };
        let whole = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(base)
            .map_err(unusable)?;
        let lock = left_behind::lock(whole.path()).map_err(unusable)?;
        let folder = Self {
            whole,
            run_as,
            entrusted: Mutex::default(),
            _lock: lock,
        };
        // The child must pass through, and has no business to list.
        set_mode(folder.whole.path(), 0o711).map_err(unusable)?;
        for (part, mode) in [
            (folder.home(), 0o700),
            (folder.given(), 0o755),
            (folder.empty(), 0o755),
        ] {
            fs::create_dir(&part).map_err(unusable)?;
            set_mode(&part, mode).map_err(unusable)?;
        }
        if run_as == RunAs::Nobody {
            chown(folder.home(), Some(NOBODY), Some(NOBODY)).map_err(|error| refused(&error))?;
        }
        match closed(&folder.home(), run_as).map_err(|error| refused(&error))? {
            Some(closed) => Err(out_of_reach(base, &closed)),
            None => Ok(folder),
        }
    }

    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.whole.path().join(HOME)
    }

    #[must_use]
    pub fn given(&self) -> PathBuf {
        self.whole.path().join(GIVEN)
    }

    #[must_use]
    pub fn empty(&self) -> PathBuf {
        self.whole.path().join(EMPTY)
    }

    #[must_use]
    pub fn run_as(&self) -> RunAs {
        self.run_as
    }

    /// Puts a file into `given`, readable for the child.
    pub fn give(&self, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.given().join(name);
        create(&path, 0o644, content)?;
        Ok(path)
    }

    /// Puts a secret into a folder of its own below `home`, readable for this child alone.
    pub fn entrust(&self, folder: &str, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        let parent = self.home().join(folder);
        fs::create_dir(&parent)?;
        set_mode(&parent, 0o700)?;
        let path = parent.join(name);
        let mut entrusted = self
            .entrusted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        entrusted.push(path.clone());
        create(&path, 0o600, content)?;
        if self.run_as == RunAs::Nobody {
            chown(&path, Some(NOBODY), Some(NOBODY))?;
            chown(&parent, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(parent)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // First: what a child left may take a while.
        let entrusted = self.entrusted.get_mut();
        for secret in entrusted.unwrap_or_else(PoisonError::into_inner) {
            // The child may have moved it: with all else, then.
            let _ = fs::remove_file(secret);
        }
        if !left_behind::empty(self.whole.path()) {
            // With its lock, so that the next run knows it.
            self.whole.disable_cleanup(true);
        }
    }
}

/// The temporary directory: `TMPDIR`, or `/tmp`. A relative one would lie in the tree that is to be
/// scanned.
pub(super) fn temporary() -> PathBuf {
    let named = tempfile::env::temp_dir();
    if named.is_absolute() {
        named
    } else {
        "/tmp".into()
    }
}

/// The first folder on the way to `home` that the child may not pass.
fn closed(home: &Path, run_as: RunAs) -> std::io::Result<Option<PathBuf>> {
    let mut way: Vec<&Path> = home.ancestors().collect();
    way.reverse();
    run_as.act(|| {
        way.into_iter()
            .find(|folder| accessat(CWD, *folder, Access::EXEC_OK, AtFlags::EACCESS).is_err())
            .map(Path::to_owned)
    })
}

fn out_of_reach(base: &Path, closed: &Path) -> Failure {
    let (base, closed) = (base.display(), closed.display());
    Failure::error(
        "Temporary folder out of reach",
        format!(
            "scanners run as uid {NOBODY}, and {closed} on the way to the temporary directory {base} \
             is closed to it."
        ),
    )
    .because("The variable TMPDIR names a private folder.")
    .next("Leave TMPDIR unset in this step, name a folder there that every user may enter, or open it.")
    .paste(format!("chmod a+x '{closed}'"))
}

/// Makes a new file, readable for nobody else before its mode says so.
fn create(path: &Path, mode: u32, content: &[u8]) -> std::io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(content)?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_behind() {
        let folder = Folder::new("slipway-test-", RunAs::Ourselves).unwrap();
        let whole = folder.whole.path().to_owned();
        let locked = folder.home().join("a/b");
        fs::create_dir_all(&locked).unwrap();
        set_mode(&locked, 0).unwrap();
        folder.give("config", b"x").unwrap();
        let secret = folder.entrust("docker", "config.json", b"{}").unwrap();
        assert_eq!(
            fs::metadata(secret.join("config.json"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
        drop(folder);
        assert!(!whole.exists());
    }

    #[test]
    fn a_temporary_directory_that_the_child_cannot_enter_is_named() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
        }
        let outer = tempfile::tempdir().unwrap();
        let (closed, base) = (outer.path().join("closed"), outer.path().join("closed/tmp"));
        fs::create_dir_all(&base).unwrap();
        for (path, mode) in [(outer.path(), 0o755), (&closed, 0o700), (&base, 0o1777)] {
            set_mode(path, mode).unwrap();
        }
        let failure = Folder::below(&base, PREFIX, RunAs::Nobody).unwrap_err();
        let message = failure.message();
        for word in ["TMPDIR", &format!("chmod a+x '{}'", closed.display())] {
            assert!(message.contains(word), "{message}");
        }
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
        assert!(Folder::below(&base, PREFIX, RunAs::Ourselves).is_ok());
        set_mode(&closed, 0o711).unwrap();
        assert!(Folder::below(&base, PREFIX, RunAs::Nobody).is_ok());
    }

    #[test]
    fn a_temporary_directory_that_is_not_there_is_named() {
        let base = Path::new("/nowhere/tmp");
        let failure = Folder::below(base, PREFIX, RunAs::Ourselves).unwrap_err();
        assert!(failure.what.contains("/nowhere/tmp"), "{failure}");
        assert!(failure.next.unwrap().contains("TMPDIR"));
    }
}
