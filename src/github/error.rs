//! How a call can fail, for callers that branch on it. Holds no token: what the other side said is
//! scrubbed of it before it gets here.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;

use crate::http::{Network, retry_after};
use crate::text::{cut, flat};

/// What the other side says is cut here: it goes into annotations.
const LONGEST_TEXT: usize = 500;

/// Why a call has no answer that we can use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run was cancelled. A call with an effect may have happened.
    #[error("cancelled")]
    Cancelled,
    /// No call was made: the API's URL, the token's form, the certificates.
    #[error("{0}")]
    Setup(String),
    /// No answer, or half of one.
    #[error("{request}: {kind} ({detail})")]
    Network {
        /// Method and path.
        request: String,
        kind: Network,
        detail: String,
    },
    /// GitHub (or something on the way) said no.
    #[error("{0}")]
    Status(Box<Status>),
    /// An answer of success that is not what GitHub documents.
    #[error("{request}: unexpected answer: {detail}")]
    Protocol { request: String, detail: String },
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// An answer that is not a success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Method and path.
    pub request: String,
    /// The HTTP status.
    pub code: u16,
    /// GitHub's `message`, or the start of what came instead; one line.
    pub message: String,
    /// GitHub's `errors`, one line each.
    pub errors: Vec<String>,
    /// `Retry-After`, seconds or date.
    pub retry_after: Option<Duration>,
    /// `x-ratelimit-remaining`.
    pub rate_limit_remaining: Option<u64>,
    /// `x-ratelimit-reset`.
    pub rate_limit_reset: Option<Timestamp>,
    /// `x-accepted-github-permissions`: what the route wants, such as `security_events=write`.
    pub accepted_permissions: Option<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.request, self.code, self.message)?;
        self.errors.iter().try_for_each(|it| write!(f, "; {it}"))
    }
}

impl Status {
    /// Reads GitHub's error body (`message`, `errors`) and headers.
    pub(super) fn read(
        request: String,
        code: u16,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
        scrub: impl Fn(&str) -> String,
    ) -> Self {
        #[derive(Default, Deserialize)]
        struct Body {
            message: Option<String>,
            #[serde(default)]
            errors: Vec<serde_json::Value>,
        }
        let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let parsed: Body = serde_json::from_slice(body).unwrap_or_default();
        let message = parsed
            .message
            .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        let message = match one_line(&scrub(&message)) {
            said if !said.is_empty() => said,
            _ => http::StatusCode::from_u16(code)
                .ok()
                .and_then(|it| it.canonical_reason())
                .unwrap_or("without a message")
                .to_owned(),
        };
        let error = |it: serde_json::Value| match it {
            serde_json::Value::String(text) => text,
            serde_json::Value::Object(fields) => {
                let text = |key| fields.get(key).and_then(serde_json::Value::as_str);
                let named = ["resource", "field", "code", "message"]
                    .into_iter()
                    .filter_map(text);
                named.collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        Self {
            request,
            code,
            message,
            errors: parsed
                .errors
                .into_iter()
                .map(|it| one_line(&scrub(&error(it))))
                .collect(),
            retry_after: header("retry-after").and_then(|text| retry_after(text, now)),
            rate_limit_remaining: header("x-ratelimit-remaining").and_then(|it| it.parse().ok()),
            rate_limit_reset: header("x-ratelimit-reset")
                .and_then(|it| Timestamp::from_second(it.parse().ok()?).ok()),
            accepted_permissions: header("x-accepted-github-permissions")
                .filter(|it| !it.is_empty())
                .map(|it| one_line(&scrub(it))),
        }
    }

    /// Whether a primary or secondary rate limit speaks.
    /// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        self.code == 429
            || (self.code == 403
                && (self.rate_limit_remaining == Some(0)
                    || self.retry_after.is_some()
                    || self.says(&["rate limit", "abuse detection"])))
    }

    /// Whether the token lacks a permission. GitHub's words for job tokens and Apps, for personal
    /// tokens, for roles; there is no code for it.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        self.code == 403
            && !self.is_rate_limit()
            && self.says(&[
                "resource not accessible by",
                "must have admin rights",
                "must have push access",
                "you are not authorized",
                "saml enforcement",
            ])
    }

    /// Whether the message holds one of `words` (lower case).
    #[must_use]
    pub fn says(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|it| message.contains(it))
    }
}

/// Foreign text on one line, at most [`LONGEST_TEXT`] characters.
pub(super) fn one_line(text: &str) -> String {
    cut(&flat(text), LONGEST_TEXT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(headers: &[(&'static str, &str)], body: &str) -> Status {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let now = Timestamp::from_second(1_445_412_470).unwrap();
        let scrub = |text: &str| text.replace("hunter2", "***");
        Status::read("GET /x".into(), 403, &headers, body.as_bytes(), now, scrub)
    }

    #[test]
    fn githubs_own_error_body() {
        let status = read(
            &[
                ("x-accepted-github-permissions", "security_events=write"),
                ("x-ratelimit-remaining", "17"),
                ("x-ratelimit-reset", "1700000000"),
            ],
            r#"{"message": "Validation Failed", "errors": [
                {"resource": "Ref", "field": "ref", "code": "invalid"}, "plain", 7]}"#,
        );
        assert_eq!(
            status.to_string(),
            "GET /x: 403 Validation Failed; Ref ref invalid; plain; 7"
        );
        assert_eq!(
            status.accepted_permissions.as_deref(),
            Some("security_events=write")
        );
        assert_eq!(status.rate_limit_remaining, Some(17));
        assert_eq!(
            status.rate_limit_reset,
            Timestamp::from_second(1_700_000_000).ok()
        );
        assert!(!status.is_rate_limit());
    }

    #[test]
    fn foreign_text_is_one_short_line_without_the_token() {
        let status = read(&[], "<html>\r\n::error::\u{1b}[31m hunter2 </html>");
        assert_eq!(status.message, "<html> ::error:: [31m *** </html>");
        let status = read(&[], &"é".repeat(2 * LONGEST_TEXT));
        assert_eq!(status.message.chars().count(), LONGEST_TEXT);
        assert_eq!(read(&[], "").message, "Forbidden");
    }

    #[test]
    fn limits_and_permissions_are_told_apart() {
        let limit = read(&[("x-ratelimit-remaining", "0")], r#"{"message": "no"}"#);
        assert!(limit.is_rate_limit() && !limit.is_permission());
        let secondary = read(
            &[],
            r#"{"message": "You have exceeded a secondary rate limit"}"#,
        );
        assert!(secondary.is_rate_limit());
        let permission = read(
            &[],
            r#"{"message": "Resource not accessible by integration"}"#,
        );
        assert!(permission.is_permission() && !permission.is_rate_limit());
        let other = read(
            &[],
            r#"{"message": "Repository was archived so is read-only."}"#,
        );
        assert!(!other.is_permission() && !other.is_rate_limit());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_short_lines_without_the_token(
            text in "(hunter2|[\u{0}-\u{20}\u{202e}\"{}:,]|\\PC){0,700}",
            as_json: bool,
        ) {
            let body = if as_json {
                serde_json::json!({"message": text, "errors": [text, {"message": text}, [text]]}).to_string()
            } else {
                text
            };
            let status = read(&[], &body);
            for said in std::iter::once(&status.message).chain(&status.errors) {
                prop_assert!(!said.contains("hunter2") && !said.contains(crate::text::acts), "{said:?}");
                prop_assert!(said.chars().count() <= LONGEST_TEXT);
            }
            prop_assert!(!status.message.is_empty());
            prop_assert_eq!(status.errors.len(), if as_json { 3 } else { 0 });
        }
    }
}
