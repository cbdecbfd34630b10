//! Third-party programs as hostile children: an environment built from nothing, a user of their
//! own, one private writable folder, a time limit, capped output, and no survivors.
//!
//! In the action's container slipway is root, and a child runs as uid and gid 65534 without
//! supplementary groups ([`RunAs::Nobody`]): it can read what everybody may read, and can't reach
//! slipway's memory or environment, the Docker socket, the runner's command files or the
//! workspace's files for writing. At a desk the uid is never changed, and a child is as free as the
//! user who started slipway; so it is in a `run:` step of a user other than root.

mod capture;
mod folder;
mod identity;
mod launch;
mod left_behind;
mod network;
mod program;
mod run;
mod strays;

use tokio_util::sync::CancellationToken;

pub use capture::{Keep, Log, everything};
pub use folder::Folder;
pub use identity::{NOBODY, Place, RunAs};
pub use launch::launched;
pub use left_behind::kept;
pub use network::Network;
pub use program::{Interpreter, Programs, interpreter};
pub use run::{Child, End, Ended, run};
pub use strays::nobody_left;

/// For a process that is slipway and nothing else, before it starts the first child: what a killed run
/// left is removed, and children at a desk end with this process and leave nothing behind.
pub fn take_charge(cancel: &CancellationToken) {
    left_behind::remove(&folder::temporary(), cancel);
    strays::adopt_all();
    strays::alone_in_image();
    launch::enable();
}
