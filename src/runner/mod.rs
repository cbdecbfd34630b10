//! The protocol of the GitHub Actions runner, whole and small.
//!
//! Sources: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>
//! and the runner's own code (`actions/runner`).

pub mod annotations;
pub mod cancel;
pub mod commands;
pub mod console;
pub mod context;
pub mod environment;
pub mod event;
pub mod files;
pub mod folder;
mod input_errors;
pub mod inputs;
pub mod markdown;
pub mod path;
pub mod progress;
pub mod secrets;
mod session;
mod style;
pub mod summary;

pub use session::{Session, fail, harden};
