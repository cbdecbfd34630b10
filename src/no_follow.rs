//! Flags to open what somebody else may have put in a place: no link is followed, no pipe waited at
//! for a writer that never comes, and no child inherits it.

use rustix::fs::OFlags;

/// A folder, or nothing.
pub(crate) const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Anything, for reading. Whether it is a plain file is for its `fstat` to say.
pub(crate) const READING: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
