//! What every client of ours has in common: limits of time and size, how the network can fail, and
//! when a call is repeated. Which system answers what is its client's own knowledge.

mod client;
mod limits;
mod network;
mod retry;

pub(crate) use client::build;
pub use limits::Limits;
pub use network::Network;
pub(crate) use network::{broken, causes, retry_after};
pub use retry::Policy;
pub(crate) use retry::{Effect, Refusal, repeat, unless_cancelled};
