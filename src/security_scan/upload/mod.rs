//! Uploads to code scanning: which ref and commit, which categories, and what became of each.
//!
//! The rooms of the house in small: [`target::decide`] and [`plan::plan`] are pure,
//! [`observe::existing`] reads, [`apply::apply`] writes.

pub mod apply;
mod explain;
pub mod observe;
pub mod plan;
pub mod result;
pub mod target;

pub use explain::Circumstances;
