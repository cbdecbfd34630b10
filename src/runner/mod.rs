//! The protocol of the GitHub Actions runner, whole and small.
//!
//! Sources: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>
//! and the runner's own code (`actions/runner`).

pub mod inputs;
