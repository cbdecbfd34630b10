//! As whom a child runs.

use std::io;

use rustix::process::{Gid, Uid, geteuid};

use crate::outcome::{Failure, Result};

/// The user and group that own nothing (`nobody`, `nogroup`).
pub const NOBODY: u32 = 65534;

/// As whom a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// At a desk: as the user who started slipway.
    Ourselves,
    /// In the action's container: uid and gid 65534, no supplementary groups, no capabilities,
    /// no way to gain any.
    Nobody,
}

impl RunAs {
    /// Chooses, and proves that the choice can be had: exit 3 where the container does not let
    /// slipway change the uid.
    pub fn choose(in_container: bool) -> Result<Self> {
        if !in_container {
            return Ok(Self::Ourselves);
        }
        undumpable().map_err(|error| refused(&error))?;
        if !geteuid().is_root() {
            return Err(refused(&io::Error::other(format!(
                "slipway runs as uid {}, not as root",
                geteuid()
            ))));
        }
        Self::Nobody
            .act(|| ())
            .map_err(|error| refused(&error))
            .map(|()| Self::Nobody)
    }

    /// Does something with the child's rights: what the kernel lets this code read, it lets the
    /// child read, whatever mode bits, access control lists and security modules say.
    ///
    /// Runs on a thread of its own, because the kernel keeps credentials by thread. Only the
    /// *effective* ids change, so that no process of uid 65534 may send this thread a signal.
    pub fn act<T: Send>(self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        if self == Self::Ourselves {
            return Ok(work());
        }
        let nobody = || -> io::Result<()> {
            let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(None, gid, None)?;
            rustix::thread::set_thread_res_uid(None, uid, None)?;
            // A change of the effective uid makes a process dumpable where
            // /proc/sys/fs/suid_dumpable says so.
            undumpable()
        };
        std::thread::scope(|scope| {
            scope
                .spawn(|| nobody().map(|()| work()))
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Closes this process's memory and environment to other processes, as `runner::harden` does.
fn undumpable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Exit 3: the container does not allow what safety asks for.
pub(super) fn refused(error: &io::Error) -> Failure {
    Failure::error(
        "scanners can't be locked in",
        format!("a scanner must not run as root, and its user can't be changed to uid {NOBODY}: {error}"),
    )
    .because(
        "the container runs without root, without CAP_SETUID, CAP_SETGID or CAP_CHOWN, or in a user \
         namespace that does not know uid 65534 (rootless Docker, some Kubernetes runners)",
    )
    .next(
        "run the job on a runner whose containers start as root with Docker's default capabilities, \
         such as ubuntu-latest; or run `slipway security-scan` itself in a step, where scanners run \
         as the job's own user",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn at_a_desk_nothing_changes() {
        assert_eq!(RunAs::choose(false).unwrap(), RunAs::Ourselves);
        assert_eq!(RunAs::Ourselves.act(geteuid).unwrap(), geteuid());
    }

    #[test]
    fn the_kernel_says_what_nobody_may_read() {
        if !geteuid().is_root() {
            return; // Only root can become another; tests/run runs this as root in a container.
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for (mode, readable) in [(0o644, true), (0o640, false), (0o600, false)] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            let read = RunAs::Nobody.act(|| std::fs::read(&file)).unwrap();
            assert_eq!(read.is_ok(), readable, "{mode:o}");
        }
        assert!(geteuid().is_root(), "only one thread was changed");
    }
}
