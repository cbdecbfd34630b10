//! Whether a child may reach the network.

use std::io;

use landlock::{
    ABI, Access as _, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetError, Scope,
};

/// What a child needs of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It pulls an image, or downloads a database.
    Open,
    /// It reads what a pull request may have written. The kernel refuses it every TCP connection,
    /// every TCP port and every abstract Unix socket, as far as it can; other protocols are left.
    Closed,
}

impl Network {
    /// Closes the network for this thread, for good, and for what it starts from now on; also gives up
    /// every privilege that a program could gain. Without the kernel's help (Landlock's network rules
    /// came with Linux 6.7, its abstract sockets with 6.12) nothing is closed.
    ///
    /// # Errors
    /// Linux 3.5 and newer know none.
    pub(super) fn enforce(self) -> io::Result<()> {
        if self == Self::Closed {
            rustix::thread::set_no_new_privs(true)?;
            // Landlock that is not there, or forbidden by a seccomp filter, is no error of ours.
            let _ = close(CompatLevel::BestEffort);
        }
        Ok(())
    }
}

/// Source: <https://docs.kernel.org/userspace-api/landlock.html#network-flags>.
fn close(level: CompatLevel) -> Result<(), RulesetError> {
    let rules = Ruleset::default()
        .set_compatibility(level)
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::AbstractUnixSocket)?;
    // No rule: nothing is allowed.
    rules.create()?.restrict_self()?;
    Ok(())
}

/// Whether the kernel can close all of it.
#[cfg(test)]
pub(super) fn can_be_closed() -> bool {
    let thread = std::thread::spawn(|| close(CompatLevel::HardRequirement).is_ok());
    thread.join().unwrap()
}
