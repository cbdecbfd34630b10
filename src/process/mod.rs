//! Third-party programs as hostile children: an environment built from nothing, a user of their
//! own, one private writable folder, a time limit, capped output, and no survivors.
//!
//! In the action's container slipway is root, and a child runs as uid and gid 65534 without
//! supplementary groups ([`RunAs::Nobody`]): it can read what everybody may read, and can't reach
//! slipway's memory or environment, the Docker socket, the runner's command files or the
//! workspace's files for writing. At a desk the uid is never changed.

mod capture;
mod folder;
mod identity;
mod program;
mod run;
mod strays;

pub use capture::{Keep, Log, everything};
pub use folder::Folder;
pub use identity::{NOBODY, RunAs};
pub use program::{Interpreter, Programs, interpreter};
pub use run::{Child, End, Ended, run};
