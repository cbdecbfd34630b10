//! Copies of what lies in the workspace, for a child that may not read it there.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, fstat, openat};
use rustix::io::Errno;

use crate::no_follow::READING;
use crate::runner::cancel::Until;

/// Copies a plain file, or a folder with the plain files and folders in it, readable for everybody.
/// Nothing else is copied, and no link is followed: names can change while we look. An error also if
/// the time is over.
pub(super) fn copy(
    from: impl AsFd,
    name: impl AsRef<Path>,
    to: &Path,
    until: Until<'_>,
) -> io::Result<()> {
    until.check()?;
    let opened = match openat(from, name.as_ref(), READING, Mode::empty()) {
        // A link; a socket.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(()),
        other => other?,
    };
    match FileType::from_raw_mode(fstat(&opened)?.st_mode) {
        FileType::Directory => {
            fs::create_dir(to)?;
            fs::set_permissions(to, Permissions::from_mode(0o755))?;
            for entry in Dir::read_from(&opened)? {
                let entry = entry?;
                let name = Path::new(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()));
                if name.file_name().is_some() && name != "." {
                    copy(&opened, name, &to.join(name), until)?;
                }
            }
        }
        FileType::RegularFile => {
            let mut copy = File::options().write(true).create_new(true).open(to)?;
            let mut file = File::from(opened);
            until.copy(&mut file, &mut copy)?;
            fs::set_permissions(to, Permissions::from_mode(0o644))?;
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn plain_files_and_folders_alone() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("a/b")).unwrap();
        for (path, text) in [("one", "1"), ("a/b/two", "2")] {
            fs::write(from.join(path), text).unwrap();
            fs::set_permissions(from.join(path), Permissions::from_mode(0o600)).unwrap();
        }
        symlink("/etc/passwd", from.join("file")).unwrap();
        symlink("/etc", from.join("a/out")).unwrap();
        let pipe = from.join("pipe");
        let mode = Mode::from(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();

        let to = folder.path().join("to");
        let cancel = CancellationToken::new();
        let deadline = Instant::now() + Duration::from_mins(1);
        let until = Until {
            cancel: &cancel,
            deadline,
        };
        copy(File::open(folder.path()).unwrap(), "from", &to, until).unwrap();
        let names = |path: &str| {
            let mut names: Vec<_> = fs::read_dir(to.join(path))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(
            (names(""), names("a")),
            (vec!["a".into(), "one".into()], vec!["b".into()])
        );
        assert_eq!(fs::read_to_string(to.join("a/b/two")).unwrap(), "2");
        let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("one"), mode("a")), (0o644, 0o755));
        assert!(
            copy(
                File::open(folder.path()).unwrap(),
                "none",
                &to.join("x"),
                until
            )
            .is_err()
        );
    }

    #[test]
    fn nothing_is_copied_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large"), vec![7; 1 << 20]).unwrap();
        let (cancelled, running) = (CancellationToken::new(), CancellationToken::new());
        cancelled.cancel();
        let now = Instant::now();
        for (cancel, deadline) in [(&cancelled, now + Duration::from_mins(1)), (&running, now)] {
            let to = folder.path().join("to");
            let until = Until { cancel, deadline };
            copy(File::open(folder.path()).unwrap(), "large", &to, until).unwrap_err();
            assert!(!to.exists());
        }
    }
}
