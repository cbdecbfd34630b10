//! How the network can fail, and whether the request may have arrived.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::text::flat;

/// Where the network failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// No connection: nothing was sent.
    Connect,
    /// The time limit passed; the request may have arrived.
    TimedOut,
    /// The connection broke; the request may have arrived.
    Broken,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::TimedOut => "no answer in time",
            Self::Broken => "the connection broke",
        })
    }
}

/// Whether a failed exchange can have reached the other side, and why it failed.
pub(crate) fn broken(error: &(dyn Error + 'static)) -> (Network, String) {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(it) = source {
        if let Some(error) = it.downcast_ref::<reqwest::Error>() {
            let kind = if error.is_connect() {
                Network::Connect
            } else {
                Network::Broken
            };
            return (kind, causes(error));
        }
        source = it.source();
    }
    (Network::Broken, causes(error))
}

/// The chain below an error, which is where the cause is, on one line. The URL above it, which may
/// be a secret, is left out.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(it) = source {
        let text = it.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        source = it.source();
    }
    if texts.is_empty() {
        return match error.downcast_ref::<reqwest::Error>() {
            // Its own text holds the URL.
            Some(_) => "the request failed".to_owned(),
            None => flat(&error.to_string()),
        };
    }
    flat(&texts.join(": "))
}

/// RFC 9110 §10.2.3: a number of seconds or a date.
pub(crate) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let left = until.as_second().saturating_sub(now.as_second()).max(0);
    Some(Duration::from_secs(left.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let now = Timestamp::from_second(1_445_412_470).unwrap();
        let after = |text| retry_after(text, now);
        assert_eq!(after("90"), Some(Duration::from_secs(90)));
        assert_eq!(
            after("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(after("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[tokio::test]
    async fn an_error_does_not_name_its_address() {
        let secret = "http://127.0.0.1:9/services/T0/B0/hunter2";
        let error = reqwest::Client::new().get(secret).send().await.unwrap_err();
        assert!(error.to_string().contains("hunter2"), "{error}");
        let (kind, text) = broken(&error);
        assert_eq!(kind, Network::Connect);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
