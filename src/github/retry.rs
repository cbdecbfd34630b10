//! What an error means for the next call.
//!
//! GitHub's rules: <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately>

use std::time::Duration;

use jiff::Timestamp;

use super::error::{Error, Status};
use crate::http::Refusal;

impl Error {
    pub(super) fn refusal(&self, now: Timestamp) -> Refusal {
        match self {
            Self::Cancelled | Self::Setup(_) | Self::Protocol { .. } => Refusal::Final,
            Self::Network { kind, .. } => Refusal::Network(*kind),
            Self::Status(status) => status.refusal(now),
        }
    }
}

impl Status {
    /// GitHub counts a request against a limit before it looks at it: such an answer, like 503 with
    /// `Retry-After`, says that nothing was done.
    fn refusal(&self, now: Timestamp) -> Refusal {
        if self.is_rate_limit() {
            let reset = || self.until_reset(now);
            return Refusal::Later(self.retry_after.or_else(reset));
        }
        match (self.code, self.retry_after) {
            (503, Some(told)) => Refusal::Later(Some(told)),
            (500 | 502 | 503 | 504, _) => Refusal::Fault,
            _ => Refusal::Final,
        }
    }

    /// Where the primary limit is used up.
    fn until_reset(&self, now: Timestamp) -> Option<Duration> {
        let reset = self.rate_limit_reset?;
        (self.rate_limit_remaining == Some(0)).then(|| {
            // One second more: GitHub's clock and ours differ, and the header is truncated.
            let left = reset.as_second().saturating_sub(now.as_second()).max(0);
            Duration::from_secs(left.unsigned_abs().saturating_add(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Network;

    fn status(code: u16) -> Status {
        Status {
            code,
            ..Status::default()
        }
    }

    #[test]
    fn what_each_error_means() {
        let seconds = Duration::from_secs;
        let reset = |n| Some(Timestamp::from_second(n).unwrap());
        let limit = |remaining, reset| Status {
            rate_limit_remaining: remaining,
            rate_limit_reset: reset,
            message: "API rate limit exceeded".into(),
            ..status(403)
        };
        let told = |code, after| Status {
            retry_after: Some(seconds(after)),
            ..status(code)
        };
        let network = |kind| Error::Network {
            request: "GET /".into(),
            kind,
            detail: String::new(),
        };
        let table: Vec<(Error, Refusal)> = vec![
            (
                network(Network::Connect),
                Refusal::Network(Network::Connect),
            ),
            (
                network(Network::TimedOut),
                Refusal::Network(Network::TimedOut),
            ),
            (network(Network::Broken), Refusal::Network(Network::Broken)),
            (Error::Cancelled, Refusal::Final),
            (Error::Setup("no".into()), Refusal::Final),
            (status(400).into(), Refusal::Final),
            (status(401).into(), Refusal::Final),
            (status(403).into(), Refusal::Final),
            (status(404).into(), Refusal::Final),
            (status(413).into(), Refusal::Final),
            (status(422).into(), Refusal::Final),
            (status(500).into(), Refusal::Fault),
            (status(502).into(), Refusal::Fault),
            (status(503).into(), Refusal::Fault),
            (status(504).into(), Refusal::Fault),
            (told(503, 7).into(), Refusal::Later(Some(seconds(7)))),
            (status(429).into(), Refusal::Later(None)),
            (told(429, 30).into(), Refusal::Later(Some(seconds(30)))),
            (told(403, 30).into(), Refusal::Later(Some(seconds(30)))),
            (
                limit(Some(0), reset(1_009)).into(),
                Refusal::Later(Some(seconds(10))),
            ),
            // A reset that lies in the past.
            (
                limit(Some(0), reset(1)).into(),
                Refusal::Later(Some(seconds(1))),
            ),
            // A secondary limit: something is left of the primary one.
            (
                limit(Some(4_000), reset(4_600)).into(),
                Refusal::Later(None),
            ),
        ];
        let now = Timestamp::from_second(1_000).unwrap();
        for (error, wanted) in table {
            assert_eq!(error.refusal(now), wanted, "{error:?}");
        }
    }
}
