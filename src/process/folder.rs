//! The one place where a child may write, and beside it what slipway hands it to read.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::identity::{NOBODY, RunAs, refused};
use crate::outcome::{Failure, Result};

/// A private folder in the temporary directory, removed with all that is in it when dropped.
///
/// | part | mode | whose | for |
/// |---|---|---|---|
/// | `home` | 0700 | the child's | `HOME`, `TMPDIR`: the only place where it may write |
/// | `given` | 0755 | ours | configuration, links to what it scans: it may read, not change |
/// | `empty` | 0755 | ours | its working directory: nothing there can be taken for configuration |
#[derive(Debug)]
pub struct Folder {
    whole: TempDir,
    run_as: RunAs,
}

impl Folder {
    /// `prefix` shows in paths, such as `slipway-trivy-`.
    pub fn new(prefix: &str, run_as: RunAs) -> Result<Self> {
        let unusable = |error: std::io::Error| {
            Failure::error(
                "no temporary folder",
                format!("a private folder for a scanner could not be made: {error}"),
            )
            .next("make sure that /tmp (or $TMPDIR) exists, is writable and has space")
        };
        let whole = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .map_err(unusable)?;
        let folder = Self { whole, run_as };
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
        Ok(folder)
    }

    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.whole.path().join("home")
    }

    #[must_use]
    pub fn given(&self) -> PathBuf {
        self.whole.path().join("given")
    }

    #[must_use]
    pub fn empty(&self) -> PathBuf {
        self.whole.path().join("empty")
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
        // A child may have left folders that its own user can't enter; root removes them anyway.
        if self.run_as == RunAs::Ourselves {
            open_up(&self.home());
        }
    }
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

/// Gives the owner access to every folder below, so that it can be removed.
fn open_up(folder: &Path) {
    // Failures show when the folder is removed; there is nothing to do about them.
    let _ = set_mode(folder, 0o700);
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
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
}
