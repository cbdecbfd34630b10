//! Reading and writing in a workspace where a pull request controls every name.
//!
//! Each component is opened on its own without following links, so no link can lead us out, not
//! even one that appears while we walk. Files appear whole under their final name, and belong to
//! whoever owns the workspace: the container runs as root, the steps after it do not.

mod refused;

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fchown, fstat, mkdirat, openat, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;
use uuid::Uuid;

use super::path::RelativePath;
use crate::no_follow::{FOLDER, READING};
use crate::outcome::{Failure, Result};

pub use refused::{Refused, Why};

/// What the name of a file begins with that is not whole yet; a UUID follows.
const TEMPORARY: &str = ".slipway-";

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    /// For messages and for programs that need a name.
    path: PathBuf,
    owner: (Uid, Gid),
}

/// For what needs the folder itself, whatever its name leads to by now.
impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Folder {
    /// Opens a folder that we trust: the workspace. What lies below it gets its owner.
    ///
    /// # Errors
    /// Error: it is missing, not a folder, or may not be opened.
    pub fn root(path: &Path) -> Result<Self> {
        let open = || -> rustix::io::Result<Self> {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            let handle = openat(CWD, path, flags, Mode::empty())?;
            let stat = fstat(&handle)?;
            Ok(Self {
                handle,
                path: path.to_owned(),
                owner: (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)),
            })
        };
        open().map_err(|error| refused("opened", path, error))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder below this one; none if it is not there.
    ///
    /// # Errors
    /// A part of the path is a link or not a folder, or may not be opened.
    pub fn open(&self, path: &RelativePath) -> std::result::Result<Option<Self>, Refused> {
        match self.walk(path, false) {
            Err((Errno::NOENT, _)) => Ok(None),
            other => other
                .map(Some)
                .map_err(|(error, at)| Refused::new("opened", &at, error.into())),
        }
    }

    /// Opens a folder below this one and makes what is missing of it.
    ///
    /// # Errors
    /// Error: as [`Folder::open`], or it may not be made.
    pub fn create(&self, path: &RelativePath) -> Result<Self> {
        self.walk(path, true)
            .map_err(|(error, at)| refused("made", &at, error))
    }

    /// Writes a whole file at once, folders included: either the old content stands or the new.
    ///
    /// # Errors
    /// Error: as [`Folder::create`], or the file cannot be written, or its name is a folder's.
    pub fn write(&self, path: &RelativePath, content: &[u8]) -> Result<()> {
        let Some((folder, name)) = path.split() else {
            return Err(refused("written", &self.path, Errno::ISDIR));
        };
        let folder = self.create(&folder)?;
        folder
            .replace(name, content)
            .map_err(|error| refused("written", &folder.path.join(name), error))
    }

    /// Tries whether files can be written below `path`, which need not be there yet, in the deepest
    /// folder of it that is. Leaves nothing behind. `input` is the input that names the path.
    ///
    /// # Errors
    /// Invalid: a link or a file stands where a folder should be. Error: nothing can be written.
    pub fn try_writing(&self, input: &str, path: &RelativePath) -> Result<()> {
        let mut there = RelativePath::default();
        let mut folder = self.walk(&there, false);
        for part in path.parts() {
            let Ok(deeper) = there.join(part) else { break };
            match self.walk(&deeper, false) {
                Err((Errno::NOENT, _)) => break,
                found => folder = found,
            }
            there = deeper;
        }
        let folder = folder.map_err(|(error, at)| match error {
            Errno::LOOP | Errno::NOTDIR => Failure::invalid(
                format!("Invalid input `{input}`"),
                format!(
                    "`{input}: {path}` cannot be a folder: at {}, {}.",
                    at.display(),
                    Why::from(error)
                ),
            )
            .next("Remove what is there, or name another folder."),
            _ => refused("opened", &at, error),
        })?;
        // A full disk may still take a name.
        let tried = folder.unfinished(&[0; 4096]).and_then(|(name, _locked)| {
            match unlinkat(&folder.handle, &name, AtFlags::empty()) {
                // Where there are no locks, another run may have removed it.
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                other => other,
            }
        });
        tried.map_err(|error| {
            let failure = refused("written to", &folder.path, error);
            failure.because(format!("Results go to `{input}: {path}`."))
        })
    }

    /// Opens a plain file in this folder for reading and writing, and makes it if it is missing. What
    /// stands in its place and is no plain file, such as a link, is replaced.
    ///
    /// # Errors
    /// Error: it may not be opened, made or replaced.
    pub fn own_file(&self, name: &str) -> Result<File> {
        const FLAGS: OFlags = READING.union(OFlags::RDWR);
        let open = || -> rustix::io::Result<OwnedFd> {
            match openat(&self.handle, name, FLAGS, Mode::empty()) {
                Ok(file) => {
                    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
                    if kind == FileType::RegularFile {
                        return Ok(file);
                    }
                    unlinkat(&self.handle, name, AtFlags::empty())?;
                }
                Err(Errno::NOENT) => {}
                Err(Errno::LOOP | Errno::NXIO) => unlinkat(&self.handle, name, AtFlags::empty())?,
                Err(error) => return Err(error),
            }
            let new = FLAGS | OFlags::CREATE | OFlags::EXCL;
            match openat(&self.handle, name, new, Mode::from(0o600)) {
                // Somebody else was faster: theirs is as good.
                Err(Errno::EXIST) => openat(&self.handle, name, FLAGS, Mode::empty()),
                made => {
                    let file = made?;
                    self.give(&file)?;
                    Ok(file)
                }
            }
        };
        open()
            .map(File::from)
            .map_err(|error| refused("opened", &self.path.join(name), error))
    }

    /// Reads a file of at most `limit` bytes; none if it is not there.
    ///
    /// # Errors
    /// It is larger, not a plain file, reached by a link, or may not be read.
    pub fn read(
        &self,
        path: &RelativePath,
        limit: u64,
    ) -> std::result::Result<Option<Vec<u8>>, Refused> {
        let unread = |why| Refused::new("read", &path.below(&self.path), why);
        let Some(file) = self.open_file(path)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| unread(Errno::from_io_error(&error).unwrap_or(Errno::IO).into()))?;
        if content.len() as u64 > limit {
            return Err(unread(Why::TooLarge(limit)));
        }
        Ok(Some(content))
    }

    /// Opens a plain file for reading; none if it is not there.
    ///
    /// # Errors
    /// It is not a plain file, reached by a link, or may not be read.
    pub fn open_file(&self, path: &RelativePath) -> std::result::Result<Option<File>, Refused> {
        let unread = |at: &Path, why| Refused::new("read", at, why);
        let Some((folder, name)) = path.split() else {
            return Err(unread(&self.path, Why::NotAFile));
        };
        let Some(folder) = self.open(&folder)? else {
            return Ok(None);
        };
        let at = folder.path.join(name);
        let file = match openat(&folder.handle, name, READING, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            // A socket cannot be opened at all.
            Err(Errno::NXIO) => return Err(unread(&at, Why::NotAFile)),
            other => other.map_err(|error| unread(&at, error.into()))?,
        };
        let stat = fstat(&file).map_err(|error| unread(&at, error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(unread(&at, Why::NotAFile));
        }
        Ok(Some(File::from(file)))
    }

    /// Removes a file; it may be missing. A link is removed itself, never what it leads to.
    ///
    /// # Errors
    /// Error: a folder on the way is a link, or the file may not be removed.
    pub fn remove(&self, path: &RelativePath) -> Result<()> {
        let Some((folder, name)) = path.split() else {
            return Err(refused("removed", &self.path, Errno::ISDIR));
        };
        let Some(folder) = self.open(&folder)? else {
            return Ok(());
        };
        match unlinkat(&folder.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(refused("removed", &folder.path.join(name), error)),
        }
    }

    /// Removes the files of a folder that have such names; it may be missing. Links are removed
    /// themselves, folders stay.
    ///
    /// # Errors
    /// Error: it, or a folder on the way, is a link or cannot be read, or a file may not be removed.
    pub fn remove_all(&self, path: &RelativePath, named: impl Fn(&[u8]) -> bool) -> Result<()> {
        let Some(folder) = self.open(path)? else {
            return Ok(());
        };
        let unread = |error| refused("read", &folder.path, error);
        for entry in Dir::read_from(&folder.handle).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let name = entry.file_name();
            if !named(name.to_bytes()) {
                continue;
            }
            match unlinkat(&folder.handle, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => {}
                Err(error) => {
                    let at = folder.path.join(name.to_string_lossy().as_ref());
                    return Err(refused("removed", &at, error));
                }
            }
        }
        Ok(())
    }

    fn walk(&self, path: &RelativePath, make: bool) -> std::result::Result<Self, (Errno, PathBuf)> {
        let mut at = self.path.clone();
        let mut handle = self.handle.try_clone().map_err(|error| {
            (
                Errno::from_io_error(&error).unwrap_or(Errno::IO),
                at.clone(),
            )
        })?;
        for part in path.parts() {
            at.push(part);
            handle = self.step(&handle, part, make).map_err(|error| {
                // O_DIRECTORY wins over O_NOFOLLOW: a link answers ENOTDIR.
                let link = statat(&handle, part, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
                (if link { Errno::LOOP } else { error }, at.clone())
            })?;
        }
        Ok(Self {
            handle,
            path: at,
            owner: self.owner,
        })
    }

    fn step(&self, from: &OwnedFd, name: &str, make: bool) -> rustix::io::Result<OwnedFd> {
        let open = || openat(from, name, FOLDER, Mode::empty());
        match open() {
            Err(Errno::NOENT) if make => {}
            other => return other,
        }
        match mkdirat(from, name, Mode::from(0o755)) {
            // Somebody else was faster: theirs is as good if it is a folder.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        let folder = open()?;
        self.give(&folder)?;
        Ok(folder)
    }

    fn replace(&self, name: &str, content: &[u8]) -> rustix::io::Result<()> {
        self.remove_unfinished();
        // Locked until it has its name: else another run would remove it.
        let (temporary, _locked) = self.unfinished(content)?;
        renameat(&self.handle, &temporary, &self.handle, name)
            .inspect_err(|_| self.unlink(&temporary))
    }

    /// A new file with this content; none where it cannot be written.
    fn unfinished(&self, content: &[u8]) -> rustix::io::Result<(String, File)> {
        let (name, mut file) = self.temporary()?;
        let written = self.give(&file).and_then(|()| {
            file.write_all(content)
                .and_then(|()| file.sync_data())
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        });
        match written {
            Ok(()) => Ok((name, file)),
            Err(error) => {
                self.unlink(&name);
                Err(error)
            }
        }
    }

    /// A new file, locked for as long as it is open: its writer lives.
    fn temporary(&self) -> rustix::io::Result<(String, File)> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let name = format!("{TEMPORARY}{}", Uuid::new_v4());
            let file = File::from(openat(&self.handle, &name, flags, Mode::from(0o644))?);
            match file.try_lock() {
                // Another run takes it for left behind, and is about to remove it.
                Err(TryLockError::WouldBlock) => self.unlink(&name),
                // Where there are no locks, none is found free either.
                Ok(()) | Err(TryLockError::Error(_)) => {
                    // Another run may have removed it before it was locked.
                    match statat(&self.handle, &name, AtFlags::SYMLINK_NOFOLLOW) {
                        Err(Errno::NOENT) => {}
                        _ => return Ok((name, file)),
                    }
                }
            }
        }
    }

    /// Removes a file of ours that is of no use. It may be gone, and a failure does no harm.
    fn unlink(&self, name: &str) {
        let _ = unlinkat(&self.handle, name, AtFlags::empty());
    }

    /// Removes what a writer left that was killed. Failures do no harm.
    fn remove_unfinished(&self) {
        let entries = Dir::read_from(&self.handle).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let id = name.to_bytes().strip_prefix(TEMPORARY.as_bytes());
            if id.is_none_or(|id| Uuid::try_parse_ascii(id).is_err()) {
                continue;
            }
            let Ok(file) = openat(&self.handle, name, READING, Mode::empty()).map(File::from)
            else {
                continue;
            };
            if file.metadata().is_ok_and(|data| data.is_file()) && file.try_lock().is_ok() {
                let _ = unlinkat(&self.handle, name, AtFlags::empty());
            }
        }
    }

    /// Hands what we made to the workspace's owner. Only root can, and only root needs to.
    pub(crate) fn give(&self, new: impl AsFd) -> rustix::io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        fchown(new, Some(self.owner.0), Some(self.owner.1))
    }
}

fn refused(verb: &str, path: &Path, error: Errno) -> Failure {
    Refused::new(verb, path, error.into()).into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::parse(text).unwrap()
    }

    fn workspace() -> (tempfile::TempDir, Folder) {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::root(directory.path()).unwrap();
        (directory, folder)
    }

    #[test]
    fn files_appear_whole_with_their_folders() {
        let (directory, folder) = workspace();
        folder.write(&path("a/b/c.txt"), b"one").unwrap();
        folder.write(&path("a/b/c.txt"), b"two").unwrap();
        assert_eq!(folder.read(&path("a/b/c.txt"), 3).unwrap().unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(directory.path().join("a/b"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["c.txt"], "no temporary file is left");
        folder.remove(&path("a/b/c.txt")).unwrap();
        folder.remove(&path("a/b/c.txt")).unwrap();
        assert_eq!(folder.read(&path("a/b/c.txt"), 3).unwrap(), None);
        assert_eq!(folder.read(&path("none/c.txt"), 3).unwrap(), None);
        assert!(folder.open(&path("none")).unwrap().is_none());
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let (directory, folder) = workspace();
        let (whole, left) = folder.temporary().unwrap();
        drop(left);
        let (used, _writer) = folder.temporary().unwrap();
        let others = [".slipway-cache", ".slipway-", ".slipway-1", "plain"];
        for name in others {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let id = Uuid::new_v4();
        let (pipe, link) = (
            format!("{TEMPORARY}{id}"),
            format!("{TEMPORARY}{}", id.simple()),
        );
        let fifo = directory.path().join(&pipe);
        rustix::fs::mknodat(CWD, fifo, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        symlink("plain", directory.path().join(&link)).unwrap();

        folder.write(&path("new"), b"whole").unwrap();
        assert!(!directory.path().join(whole).exists());
        for name in others.into_iter().chain(["new", &used, &pipe, &link]) {
            assert!(
                directory.path().join(name).symlink_metadata().is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn links_are_never_followed() {
        let (directory, folder) = workspace();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("target"), "theirs").unwrap();
        symlink(outside.path(), directory.path().join("out")).unwrap();
        symlink(outside.path().join("target"), directory.path().join("file")).unwrap();
        symlink("dangling", directory.path().join("dangle")).unwrap();

        for failure in [
            folder.write(&path("out/x"), b"ours").unwrap_err(),
            folder.create(&path("out")).unwrap_err(),
            folder.create(&path("dangle/x")).unwrap_err(),
            folder.open(&path("out")).unwrap_err().into(),
            folder.read(&path("file"), 100).unwrap_err().into(),
            folder.remove(&path("out/target")).unwrap_err(),
        ] {
            assert!(failure.what.contains("symbolic link"), "{failure}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);

        // A link at the place of the file itself is replaced, not followed.
        folder.write(&path("file"), b"ours").unwrap();
        assert_eq!(folder.read(&path("file"), 100).unwrap().unwrap(), b"ours");
        assert_eq!(fs::read(outside.path().join("target")).unwrap(), b"theirs");
    }

    #[test]
    fn files_of_an_ending_are_removed_and_nothing_else() {
        let (directory, folder) = workspace();
        let inside = |name: &str| directory.path().join("results").join(name);
        let sarif = |name: &[u8]| name.ends_with(b".sarif");
        folder.remove_all(&path("results"), sarif).unwrap();
        fs::create_dir_all(inside("folder.sarif")).unwrap();
        for name in ["one.sarif", "two.sarif", "notes.txt"] {
            fs::write(inside(name), "").unwrap();
        }
        symlink("notes.txt", inside("link.sarif")).unwrap();
        folder.remove_all(&path("results"), sarif).unwrap();
        let entries = fs::read_dir(inside("")).unwrap();
        let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["folder.sarif", "notes.txt"]);
        symlink("results", directory.path().join("away")).unwrap();
        assert!(folder.remove_all(&path("away"), sarif).is_err());
    }

    #[test]
    fn writing_is_tried_without_a_trace() {
        let (directory, folder) = workspace();
        fs::create_dir(directory.path().join("there")).unwrap();
        for name in ["new/a/b", "there/new", "there", "."] {
            folder.try_writing("output-directory", &path(name)).unwrap();
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(
            fs::read_dir(directory.path().join("there"))
                .unwrap()
                .count(),
            0
        );

        fs::write(directory.path().join("file"), "").unwrap();
        symlink("there", directory.path().join("link")).unwrap();
        symlink("nowhere", directory.path().join("dangling")).unwrap();
        for name in ["file", "file/a", "link", "link/a", "dangling"] {
            let failure = folder
                .try_writing("output-directory", &path(name))
                .unwrap_err();
            assert_eq!(failure.outcome.code(), 2, "{name}: {failure}");
            assert!(failure.what.contains(name), "{failure}");
        }

        // Not even root may make files here.
        let kernel = Folder::root(Path::new("/sys/kernel")).unwrap();
        let failure = kernel
            .try_writing("output-directory", &path("a"))
            .unwrap_err();
        assert_eq!(failure.outcome.code(), 3, "{failure}");
        assert!(failure.what.contains("/sys/kernel"), "{failure}");
    }

    #[test]
    fn runs_that_share_a_folder_do_not_remove_what_the_other_writes() {
        let (directory, _) = workspace();
        std::thread::scope(|scope| {
            for run in 0..4 {
                let folder = Folder::root(directory.path()).unwrap();
                scope.spawn(move || {
                    let file = path(&format!("run-{run}"));
                    for _ in 0..100 {
                        folder.try_writing("output-directory", &path(".")).unwrap();
                        folder.write(&file, b"whole").unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_file_of_our_own_replaces_what_is_none() {
        let (directory, folder) = workspace();
        let at = directory.path().join("ours");
        let outside = directory.path().join("outside");
        fs::write(&outside, "theirs").unwrap();
        let mut content = String::new();
        folder.own_file("ours").unwrap().write_all(b"one").unwrap();
        folder
            .own_file("ours")
            .unwrap()
            .read_to_string(&mut content)
            .unwrap();
        assert_eq!(content, "one");
        fs::remove_file(&at).unwrap();
        symlink(&outside, &at).unwrap();
        folder.own_file("ours").unwrap().write_all(b"two").unwrap();
        assert_eq!(fs::read(&at).unwrap(), b"two");
        fs::remove_file(&at).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(&at).unwrap();
        folder.own_file("ours").unwrap();
        assert!(fs::symlink_metadata(&at).unwrap().is_file());
        drop(socket);
        assert_eq!(fs::read(&outside).unwrap(), b"theirs");
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let (directory, folder) = workspace();
        fs::write(directory.path().join("large"), vec![0; 11]).unwrap();
        fs::create_dir(directory.path().join("folder")).unwrap();
        rustix::fs::mknodat(
            CWD,
            directory.path().join("pipe"),
            FileType::Fifo,
            Mode::from(0o600),
            0,
        )
        .unwrap();
        for (name, why) in [
            ("large", "larger than 10 bytes"),
            ("folder", "not a plain file"),
            ("pipe", "not a plain file"),
        ] {
            let failure = folder.read(&path(name), 10).unwrap_err();
            assert!(failure.what.contains(why), "{failure}");
        }
        assert!(folder.write(&path("folder"), b"x").is_err());
        assert!(
            folder
                .write(&path("large/x"), b"x")
                .unwrap_err()
                .what
                .contains("not a folder")
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_root_makes_belongs_to_the_workspace() {
        if !crate::testing::needs_root() {
            return; // Only root can give files away.
        }
        let (directory, _) = workspace();
        std::os::unix::fs::chown(directory.path(), Some(1001), Some(1002)).unwrap();
        let folder = Folder::root(directory.path()).unwrap();
        folder.write(&path("a/b"), b"").unwrap();
        for name in ["a", "a/b"] {
            let stat = fs::metadata(directory.path().join(name)).unwrap();
            assert_eq!((stat.uid(), stat.gid()), (1001, 1002), "{name}");
        }
    }
}
