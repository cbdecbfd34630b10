//! Acceptance tests: the real thing against real peers, a module a topic.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests write their own files and start peers with what PATH names"
)]

mod cli;
mod container;
mod desk;
mod git;
mod github;
mod handed;
mod metadata;
mod policy;
mod protocol;
mod report;
mod run_step;
mod runner;
mod sarif;
mod scan;
mod scanners;
mod support;
#[path = "../../src/testing.rs"]
mod testing;
mod verdict;
mod workflows;
