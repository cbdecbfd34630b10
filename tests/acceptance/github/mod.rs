//! GitHub's REST API, three peers deep: Slipway's client → Prism, which holds every request and
//! answer to GitHub's own description → a small fake that keeps state.

mod client;
mod contents;
pub(crate) mod fake;
mod network;
pub(crate) mod prism;
mod upload;

use std::time::Duration;

use slipway::github::{Client, Config};
use slipway::runner::context::Repository;
use tokio_util::sync::CancellationToken;

/// A token that no test may find anywhere but in an `Authorization` header.
pub(crate) const TOKEN: &str = "ghs_hunter2hunter2hunter2";

/// How the tests reach `url`: the real thing with shorter pauses.
pub(crate) fn config(url: &str) -> Config {
    let mut config = Config::new(url, Some(TOKEN.to_owned().into()));
    config.retry.first_pause = Duration::from_millis(10);
    config.retry.rate_limit_pause = Duration::from_millis(20);
    config
}

pub(crate) fn client(url: &str) -> Client {
    Client::new(config(url), CancellationToken::new()).unwrap()
}

pub(crate) fn slug() -> Repository {
    Repository::parse("octo-org/octo-repo").unwrap()
}
