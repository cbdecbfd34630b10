//! Private folders that a killed run left in the temporary directory: they may hold credentials, and
//! the next run removes them.
//!
//! A folder is in use for as long as its lock file is locked: the kernel lets go of the lock with the
//! process that held it, however that ended.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::process::geteuid;

use crate::no_follow::{FOLDER, READING};

use super::folder::{EMPTY, GIVEN, HOME};

/// What the name of every private folder begins with.
pub(super) const PREFIX: &str = "slipway-";
const LOCK: &str = "lock";

/// Marks a new folder as in use. The file appears under its name only once it is locked.
pub(super) fn lock(folder: &Path) -> io::Result<File> {
    let new = folder.join("lock.new");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let lock = File::from(openat(CWD, &new, flags, Mode::from(0o600))?);
    // A file system without locks: the folder will never be taken for left behind.
    if lock.try_lock().is_ok() {
        fs::rename(&new, folder.join(LOCK))?;
    }
    Ok(lock)
}

/// Removes what killed runs of this user left there.
pub(super) fn remove(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Held until the folder is gone: two runs that start at once don't get into each other's way.
        let Some(_lock) = named.then(|| unlocked(&path)).flatten() else {
            continue;
        };
        empty(&path);
        // What somebody still writes there, a later run removes.
        let _ = fs::remove_dir_all(&path);
    }
}

/// Removes all that a private folder holds but its lock: a run that is killed meanwhile must not
/// leave a secret without it. The child's part may hold folders that its owner can't enter.
pub(super) fn empty(folder: &Path) {
    open_up(&folder.join(HOME));
    for part in [HOME, GIVEN, EMPTY] {
        // A failure shows when the folder itself is removed.
        let _ = fs::remove_dir_all(folder.join(part));
    }
}

/// Gives the owner access to every folder below, so that it can be removed. Root needs none.
fn open_up(folder: &Path) {
    if geteuid().is_root() {
        return;
    }
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// The lock of a folder of ours that nobody uses. Everybody can make a folder of that name, so no
/// link is followed, and what belongs to another user is left alone.
fn unlocked(path: &Path) -> Option<File> {
    let folder = openat(CWD, path, FOLDER, Mode::empty()).ok()?;
    let lock = openat(&folder, LOCK, READING, Mode::empty()).ok()?;
    let known =
        ours(&folder) == Some(FileType::Directory) && ours(&lock) == Some(FileType::RegularFile);
    let lock = File::from(lock);
    (known && lock.try_lock().is_ok()).then_some(lock)
}

/// What it is, if it belongs to us.
fn ours(file: impl AsFd) -> Option<FileType> {
    let stat = fstat(file).ok()?;
    (stat.st_uid == geteuid().as_raw()).then(|| FileType::from_raw_mode(stat.st_mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::super::folder::Folder;
    use super::super::identity::{NOBODY, RunAs};
    use super::*;

    /// A private folder as a killed run leaves it.
    fn abandoned(base: &Path, name: &str) -> std::path::PathBuf {
        let path = base.join(name);
        fs::create_dir_all(path.join("home/docker")).unwrap();
        fs::write(path.join("home/docker/config.json"), "{}").unwrap();
        let closed = path.join("home/closed/inner");
        fs::create_dir_all(&closed).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        drop(lock(&path).unwrap());
        path
    }

    #[test]
    fn what_nobody_uses_is_removed_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let elsewhere = tempfile::tempdir().unwrap();
        let removed = abandoned(base, "slipway-trivy-dead");
        let mut kept = vec![
            abandoned(base, "other"),
            abandoned(elsewhere.path(), "slipway-linked"),
        ];
        symlink(&kept[1], base.join("slipway-link")).unwrap();
        for name in ["slipway-new", "slipway-strange"] {
            fs::create_dir(base.join(name)).unwrap();
            kept.push(base.join(name));
        }
        // Not a lock, but what would wait for a writer if it were opened carelessly.
        let pipe = kept[3].join(LOCK);
        rustix::fs::mknodat(CWD, pipe, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        fs::write(base.join("slipway-file"), "").unwrap();
        kept.push(base.join("slipway-file"));
        if geteuid().is_root() {
            let path = abandoned(base, "slipway-theirs");
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            kept.push(path);
        }
        let used = Folder::below(base, PREFIX, RunAs::Ourselves).unwrap();
        kept.push(used.home());

        remove(base);
        assert!(!removed.exists());
        for path in kept {
            assert!(path.exists(), "{}", path.display());
        }
        assert!(base.join("slipway-link").is_symlink());
    }
}
