//! As whom a child runs.

use std::io;
use std::path::Path;

use rustix::process::{Gid, Uid, geteuid};

use crate::outcome::{Failure, Result};
use crate::runner::environment::Environment;

/// The user and group that own nothing (`nobody`, `nogroup`).
pub const NOBODY: u32 = 65534;

/// What our images hold and nothing else does (`docker/make-root`). A file, because a workflow can
/// set or empty any variable of a container action, and mounts nothing there.
const MARK: &str = "/usr/share/slipway/image";

/// Where slipway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In one of our images, whoever started it.
    Image,
    /// Under the runner, outside our images: a `run:` step, on the machine itself or in somebody
    /// else's image.
    Runner,
    Desk,
}

impl Place {
    /// Looks where we are.
    #[must_use]
    pub fn here(environment: &Environment) -> Self {
        if Self::is_image() {
            Self::Image
        } else if environment.in_runner() {
            Self::Runner
        } else {
            Self::Desk
        }
    }

    pub(super) fn is_image() -> bool {
        Path::new(MARK).exists()
    }
}

/// As whom a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// At a desk, and in a `run:` step that is not root: as the user who started slipway.
    Ourselves,
    /// In our image, and as root under the runner: uid and gid 65534, no supplementary groups, no
    /// capabilities, no way to gain any.
    Nobody,
}

impl RunAs {
    /// Chooses, and proves that the choice can be had: exit 3 where it cannot be changed to another
    /// user although it must.
    ///
    /// | | root | another user |
    /// |---|---|---|
    /// | our image | nobody | refused: whoever takes root away takes the lock away |
    /// | a `run:` step | nobody | ourselves: that user has no more than the job's other steps |
    /// | a desk | ourselves | ourselves |
    pub fn choose(place: Place) -> Result<Self> {
        let user = geteuid();
        match place {
            Place::Desk => return Ok(Self::Ourselves),
            Place::Runner if !user.is_root() => return Ok(Self::Ourselves),
            Place::Image if !user.is_root() => {
                let why = format!("slipway runs as uid {user}, not as root");
                return Err(refused(&io::Error::other(why)));
            }
            Place::Image | Place::Runner => {}
        }
        undumpable().map_err(|error| refused(&error))?;
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
            // Too many processes of whatever a scanner left, and there is no thread to be had.
            std::thread::Builder::new()
                .spawn_scoped(scope, || nobody().map(|()| work()))?
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Closes this process's memory and environment to other processes, as `runner::harden` does.
pub(super) fn undumpable() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Exit 3: the system does not allow what safety asks for.
pub(super) fn refused(error: &io::Error) -> Failure {
    Failure::error(
        "Scanners can't be locked in",
        format!("A scanner must not run as root, and its user can't be changed to uid {NOBODY}: {error}."),
    )
    .because(
        "Slipway runs in its image without root, or without CAP_SETUID, CAP_SETGID or CAP_CHOWN, or in a user \
         namespace that does not know uid 65534 (rootless Docker, some Kubernetes runners).",
    )
    .next(
        "Run the job on a runner whose containers start as root with Docker's default capabilities, \
         such as ubuntu-latest; or run the binary `slipway security-scan` in a `run:` step of a user \
         other than root: its scanners then run as that user, and SECURITY.md says what that gives up.",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn at_a_desk_nothing_changes() {
        assert_eq!(RunAs::choose(Place::Desk).unwrap(), RunAs::Ourselves);
        assert_eq!(RunAs::Ourselves.act(geteuid).unwrap(), geteuid());
    }

    #[test]
    fn what_root_has_is_given_up_and_our_image_wants_root() {
        let chosen = [Place::Image, Place::Runner].map(RunAs::choose);
        let found = chosen.map(|choice| choice.map_err(|failure| failure.outcome));
        let expected = if geteuid().is_root() {
            [Ok(RunAs::Nobody), Ok(RunAs::Nobody)]
        } else {
            [Err(Outcome::Error), Ok(RunAs::Ourselves)]
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_place_is_known_by_its_runner() {
        for (variables, place) in [
            (&[][..], Place::Desk),
            (&[("CI", "true")], Place::Desk),
            (&[("GITHUB_ACTIONS", "true")], Place::Runner),
        ] {
            let environment = Environment::new(variables.iter().copied());
            assert_eq!(Place::here(&environment), place);
        }
    }

    #[test]
    fn the_kernel_says_what_nobody_may_read() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
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
