//! Where GitHub is, with which token, within which limits of time.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::error::Error;
use super::retry::Policy;

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

/// Time limits of one call, repetitions not counted.
///
/// GitHub itself gives up on a request after 10 seconds
/// (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts>), so one that is
/// silent for twice as long is not there. With [`Policy::unanswered`], a GitHub that takes connections
/// and never answers costs a reading call 41 s; one that cannot be reached at all costs
/// [`Policy::attempts`] connections, 47 s. An upload that is not answered is not repeated.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Name resolution, TCP, proxy and TLS together.
    pub connect: Duration,
    /// From the first byte sent to the last byte read.
    pub call: Duration,
    /// Bytes a second at which an upload must at least go out: its limit is [`Self::call`] and what
    /// its size takes at this rate, for the largest (14 MB) 2 min 12 s.
    pub slowest_upload: u32,
}

impl Limits {
    /// For a call that sends so many bytes.
    pub(super) fn upload(&self, bytes: usize) -> Duration {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let seconds = bytes / u64::from(self.slowest_upload.max(1));
        self.call.saturating_add(Duration::from_secs(seconds))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_secs(20),
            // 1 Mbit/s
            slowest_upload: 125_000,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_github_that_is_not_there_costs_what_is_documented() {
        let Config { limits, retry, .. } = Config::new(Config::DEFAULT_API_URL, None);
        let pauses = |calls: u32| retry.first_pause * ((1 << (calls - 1)) - 1);
        let silent = limits.call * retry.unanswered + pauses(retry.unanswered);
        let unreachable = limits.connect * retry.attempts + pauses(retry.attempts);
        assert_eq!((silent.as_secs(), unreachable.as_secs()), (41, 47));
    }

    #[test]
    fn an_upload_has_the_time_that_its_size_takes() {
        let limits = Limits::default();
        assert_eq!(limits.upload(0), limits.call);
        assert_eq!(limits.upload(14_000_000), Duration::from_secs(20 + 112));
        assert!(limits.upload(usize::MAX) > Duration::from_hours(1));
    }
}
