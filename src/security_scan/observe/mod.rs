//! What is: the tree as the scanners will see it, and what they must not find there.

pub mod credentials;
pub mod ignores;
pub mod tree;
