//! Slipway: five GitHub container actions for a whole delivery pipeline.
//!
//! Every action is the same house of five rooms, in the order in which data flows:
//! `inputs` (what the user asks) → `observe` (what is) → `plan` (what to do about it, pure)
//! → `apply` (doing it) → `report` (saying it).
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "tests write their own files and read what updates snapshots"
    )
)]

pub mod cli;
pub mod git;
pub mod github;
pub mod http;
mod no_follow;
pub mod outcome;
pub mod process;
pub mod results;
pub mod runner;
pub mod security_scan;
#[cfg(test)]
mod testing;
mod text;
