//! Where GitHub is, with which token, within which limits of time.

use secrecy::SecretString;
use url::Url;

use super::error::Error;
use crate::http::{Limits, Policy};

/// How to reach GitHub.
#[derive(Clone, Debug)]
pub struct Config {
    /// `GITHUB_API_URL`, such as `https://api.github.com` or `https://HOST/api/v3`.
    pub api_url: String,
    /// Sent to that host only, and nowhere else when there is none.
    pub token: Option<SecretString>,
    pub limits: Limits,
    pub retry: Policy,
}

impl Config {
    /// What `GITHUB_API_URL` is on github.com, and at a desk.
    pub const DEFAULT_API_URL: &str = "https://api.github.com";

    /// The usual limits and retries.
    #[must_use]
    pub fn new(api_url: impl Into<String>, token: Option<SecretString>) -> Self {
        Self {
            api_url: api_url.into(),
            token,
            limits: Limits::default(),
            retry: Policy::default(),
        }
    }
}

/// An absolute http(s) URL without credentials, query or fragment.
pub(super) fn api_url(text: &str) -> Result<Url, Error> {
    // Named without what it may hold before an @.
    let wrong = |why: &str| Error::Setup(format!("GITHUB_API_URL is not usable: {why}"));
    let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("it must start with https:// (or http://)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not hold credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must end with the path"));
    }
    Ok(url)
}
