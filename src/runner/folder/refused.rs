//! What in a workspace was not opened, read or written, and why.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::outcome::Failure;

/// Why something in the workspace was not opened, read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It, or a folder on the way, is a symbolic link.
    Link,
    /// Something on the way is no folder.
    NotAFolder,
    /// It is a folder, a device, a pipe or a socket.
    NotAFile,
    /// It has more bytes than this.
    TooLarge(u64),
    /// The system's own answer.
    Io(Errno),
}

/// What was refused. As a [`Failure`] it is an error (exit 3); whoever asked for a file that the
/// user named may say better.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    /// What happened to what: a sentence.
    pub what: String,
    pub why: Why,
    path: PathBuf,
}

impl Refused {
    pub(super) fn new(verb: &str, path: &Path, why: Why) -> Self {
        Self {
            what: format!("{} could not be {verb}: {why}.", path.display()),
            why,
            path: path.to_owned(),
        }
    }
}

impl From<Errno> for Why {
    fn from(error: Errno) -> Self {
        match error {
            Errno::LOOP => Self::Link,
            Errno::NOTDIR => Self::NotAFolder,
            Errno::ISDIR => Self::NotAFile,
            other => Self::Io(other),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::NotAFolder => f.write_str("it is not a folder"),
            Self::NotAFile => f.write_str("it is not a plain file"),
            Self::TooLarge(limit) => write!(f, "it is larger than {limit} bytes"),
            Self::Io(error) => std::io::Error::from(*error).fmt(f),
        }
    }
}

impl From<Refused> for Failure {
    fn from(Refused { what, why, path }: Refused) -> Self {
        let (failure, path) = (Self::error("File refused", what), path.display());
        match why {
            Why::Link => failure
                .because(
                    "A pull request can put a link anywhere; we never follow one in the workspace.",
                )
                .next(format!("Remove the link {path}, or choose another path.")),
            Why::Io(Errno::ACCESS | Errno::PERM) => {
                failure.next(format!("Check who owns {path} and its mode."))
            }
            Why::Io(Errno::NOSPC | Errno::DQUOT) => failure.next(
                "Make room there: `df -h` and `df -i` show which file system is full, `quota` what \
                 is allowed.",
            ),
            Why::Io(Errno::ROFS) => failure.next("Mount the workspace so that it can be written."),
            Why::NotAFolder | Why::NotAFile | Why::TooLarge(_) | Why::Io(_) => failure,
        }
    }
}
