//! GitHub's REST API: what Slipway needs of it, nothing more.
//!
//! One [`Client`] speaks to one API (`GITHUB_API_URL`: github.com, `*.ghe.com`, GitHub Enterprise
//! Server) with one token. Every call has limits of time and size, is repeated by the rules of
//! [`http::Policy`](crate::http::Policy), and ends at once when the run is cancelled. Clients know no policy: what an error
//! means for a run is the caller's to say, with [`Error::failure`] for what is always the same.
//!
//! Source of every route: <https://docs.github.com/rest>, which the tests hold this code to.

mod client;
pub mod code_scanning;
mod config;
pub mod contents;
mod error;
mod explain;
pub mod repository;
mod retry;

pub use client::Client;
pub use config::Config;
pub use error::{Error, Status};
