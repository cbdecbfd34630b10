//! The HTTP client under all of ours.

use std::time::Duration;

use http::HeaderMap;

use super::{Limits, causes};

/// An HTTP client by our rules: proxies and `SSL_CERT_FILE` obeyed, nothing followed, nothing
/// repeated.
///
/// # Errors
/// In words: it cannot be made, as where there are no CA certificates.
pub(crate) fn build(limits: &Limits, headers: HeaderMap) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .user_agent(concat!("slipway/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        // A token must not travel.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(limits.connect)
        // A connection that idled through a pause may be dead, and a POST on it is lost.
        .pool_idle_timeout(Duration::from_secs(15))
        .build()
        .map_err(|error| {
            format!(
                "no HTTPS client: {} (are there CA certificates? SSL_CERT_FILE names a bundle)",
                causes(&error)
            )
        })
}
