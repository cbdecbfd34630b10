//! Acceptance tests: the real thing against real peers, a module a topic.
#![cfg(test)]

mod workflows;
