//! Private folders that a killed run left in the temporary directory: they may hold credentials, and
//! the next run removes them.
//!
//! A folder is in use for as long as its lock file is locked: the kernel lets go of the lock with the
//! process that held it, however that ended.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, fstat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::no_follow::{FOLDER, READING};

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

/// Private folders of this run that could not be removed.
static KEPT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Private folders that are still there although their time is over, each once.
pub fn kept() -> Vec<PathBuf> {
    std::mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Removes what killed runs of this user left there; what cannot be is told by [`kept`].
pub(super) fn remove(temporary: &Path, cancel: &CancellationToken) {
    let Ok(entries) = fs::read_dir(temporary) else {
        return;
    };
    for entry in entries.flatten() {
        if cancel.is_cancelled() {
            return;
        }
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Held until the folder is gone: two runs that start at once don't get into each other's way.
        let Some(_lock) = named.then(|| unlocked(&path)).flatten() else {
            continue;
        };
        if empty(&path) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Removes all that a private folder holds but its lock: a run that is killed meanwhile must not
/// leave a secret without it. False if something is left, and then the lock must stay as well.
pub(super) fn empty(folder: &Path) -> bool {
    let emptied = openat(CWD, folder, FOLDER, Mode::empty()).and_then(|top| clear(&top));
    if emptied.is_err() {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(folder.to_owned());
    }
    emptied.is_ok()
}

/// The child's part may be deeper than there are descriptors, or than a path can say: a folder that
/// is not empty is moved to the top before it is looked into.
fn clear(top: &OwnedFd) -> rustix::io::Result<()> {
    let lock = |name: &CString| name.as_bytes() == LOCK.as_bytes();
    let mut folders = Vec::new();
    let mut cleared = Ok(());
    for name in names(top)?.into_iter().filter(|name| !lock(name)) {
        match unlink(top, &name) {
            Err(Errno::NOTEMPTY) => folders.push(name),
            other => cleared = cleared.and(other),
        }
    }
    while let Some(name) = folders.pop() {
        cleared = cleared.and(flatten(top, &name, &mut folders));
    }
    cleared
}

/// Removes one folder of the top, after its own folders were moved there. One error does not keep the
/// rest.
fn flatten(top: &OwnedFd, name: &CString, folders: &mut Vec<CString>) -> rustix::io::Result<()> {
    open_up(top, name);
    let folder = openat(top, name, FOLDER, Mode::empty())?;
    let mut emptied = Ok(());
    for inner in names(&folder)? {
        emptied = emptied.and(match unlink(&folder, &inner) {
            Err(Errno::NOTEMPTY) => {
                // To move a folder its owner must be allowed to write to it, too.
                open_up(&folder, &inner);
                let moved = CString::new(Uuid::new_v4().to_string()).map_err(|_| Errno::INVAL)?;
                renameat(&folder, &inner, top, &moved).map(|()| folders.push(moved))
            }
            other => other,
        });
    }
    emptied.and(unlinkat(top, name, AtFlags::REMOVEDIR))
}

/// Removes a file or an empty folder; [`Errno::NOTEMPTY`] is a folder that is none.
fn unlink(folder: &OwnedFd, name: &CString) -> rustix::io::Result<()> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => unlinkat(folder, name, AtFlags::REMOVEDIR),
        other => other,
    }
}

fn names(folder: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    Dir::read_from(folder)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .filter(|name| !matches!(name, Ok(name) if matches!(name.as_bytes(), b"." | b"..")))
        .collect()
}

/// Gives the owner access to a folder, so that it can be removed. Root needs none.
fn open_up(parent: &OwnedFd, name: &CString) {
    if geteuid().is_root() {
        return;
    }
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory) {
        let _ = chmodat(parent, name, Mode::RWXU, AtFlags::empty());
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
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

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

        remove(base, &CancellationToken::new());
        assert!(!removed.exists());
        for path in kept {
            assert!(path.exists(), "{}", path.display());
        }
        assert!(base.join("slipway-link").is_symlink());
    }
}
