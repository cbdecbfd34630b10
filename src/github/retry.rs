//! When a call is repeated, and after how long: a value, so that it can be tested as one.
//!
//! GitHub's rules: <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately>

use std::time::Duration;

use jiff::Timestamp;

use super::error::{Error, Network, Status};

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Calls in all, the first included.
    pub attempts: u32,
    /// The same where no answer came in time: who is silent once may be busy, who is silent twice is
    /// not there, and every try costs the whole time limit.
    pub unanswered: u32,
    /// Pause after the first failure; doubles each time.
    pub first_pause: Duration,
    /// A longer pause than this is not worth a job's time: the error is returned at once.
    pub longest_pause: Duration,
    /// Pause after a rate limit that doesn't say when it ends. GitHub: "at least one minute".
    pub rate_limit_pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 4,
            unanswered: 2,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(2),
            rate_limit_pause: Duration::from_mins(1),
        }
    }
}

/// What a repetition would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Reading: may be repeated freely.
    None,
    /// Repeated only when the first call cannot have happened.
    Once,
}

impl Policy {
    /// How long to wait before the next call, or `None` to give up.
    ///
    /// `failed` counts calls so far (from 1), `jitter` is random from 0 to 1.
    pub(super) fn pause(
        &self,
        error: &Error,
        effect: Effect,
        failed: u32,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Duration> {
        let attempts = match error {
            Error::Network {
                kind: Network::TimedOut,
                ..
            } => self.unanswered,
            _ => self.attempts,
        };
        if failed >= attempts {
            return None;
        }
        let back_off = self.first_pause.saturating_mul(1 << (failed - 1).min(16));
        let pause = match error {
            Error::Cancelled | Error::Setup(_) | Error::Protocol { .. } => return None,
            Error::Network { kind, .. } => match (kind, effect) {
                (Network::Connect, _) | (_, Effect::None) => back_off.mul_f64(0.5 + jitter / 2.0),
                (Network::TimedOut | Network::Broken, Effect::Once) => return None,
            },
            Error::Status(status) => {
                if !may_repeat(status, effect) {
                    return None;
                }
                // Everybody was told the same moment: spread out behind it.
                self.told(status, now).map_or_else(
                    || back_off.mul_f64(0.5 + jitter / 2.0),
                    |told| told.saturating_add(self.first_pause.mul_f64(jitter)),
                )
            }
        };
        (pause <= self.longest_pause).then_some(pause)
    }

    /// How long the server asks us to wait.
    fn told(&self, status: &Status, now: Timestamp) -> Option<Duration> {
        if status.retry_after.is_some() {
            return status.retry_after;
        }
        if !status.is_rate_limit() {
            return None;
        }
        let until_reset = (status.rate_limit_remaining == Some(0))
            .then_some(status.rate_limit_reset)
            .flatten()
            .map(|reset| {
                // One second more: GitHub's clock and ours differ, and the header is truncated.
                let left = reset.as_second().saturating_sub(now.as_second()).max(0);
                Duration::from_secs(left.unsigned_abs().saturating_add(1))
            });
        Some(until_reset.unwrap_or(self.rate_limit_pause))
    }
}

/// GitHub counts a request against a limit before it looks at it: such an answer, like 503 with
/// `Retry-After`, says that nothing was done.
fn may_repeat(status: &Status, effect: Effect) -> bool {
    status.is_rate_limit()
        || (status.code == 503 && status.retry_after.is_some())
        || (matches!(status.code, 500 | 502 | 503 | 504) && effect == Effect::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Status {
        Status {
            code,
            ..Status::default()
        }
    }

    fn network(kind: Network) -> Error {
        Error::Network {
            request: "GET /".into(),
            kind,
            detail: String::new(),
        }
    }

    fn pauses(error: &Error, effect: Effect) -> Vec<Option<u64>> {
        let now = Timestamp::from_second(1_000).unwrap();
        (1..=4)
            .map(|failed| {
                Policy::default()
                    .pause(error, effect, failed, now, 1.0)
                    .map(|it| u64::try_from(it.as_millis()).unwrap())
            })
            .collect()
    }

    #[test]
    fn what_is_repeated_and_when() {
        let seconds = |n| Some(Duration::from_secs(n));
        let reset = |n| Some(Timestamp::from_second(n).unwrap());
        let back_off = [Some(1_000), Some(2_000), Some(4_000), None];
        let never = [None; 4];
        let after = |n: u64| [Some(n), Some(n), Some(n), None];
        let rate_limit = |remaining, reset| Status {
            rate_limit_remaining: remaining,
            rate_limit_reset: reset,
            message: "API rate limit exceeded".into(),
            ..status(403)
        };
        // (what happened, pauses of a reading call, pauses of a call with an effect)
        let table = [
            (network(Network::Connect), back_off, back_off),
            (
                network(Network::TimedOut),
                [Some(1_000), None, None, None],
                never,
            ),
            (network(Network::Broken), back_off, never),
            (Error::Cancelled, never, never),
            (Error::Setup("no".into()), never, never),
            (status(400).into(), never, never),
            (status(401).into(), never, never),
            (status(403).into(), never, never),
            (status(404).into(), never, never),
            (status(413).into(), never, never),
            (status(422).into(), never, never),
            (status(500).into(), back_off, never),
            (status(502).into(), back_off, never),
            (status(503).into(), back_off, never),
            (status(504).into(), back_off, never),
            (
                Status {
                    retry_after: seconds(7),
                    ..status(503)
                }
                .into(),
                after(8_000),
                after(8_000),
            ),
            // A limit that says nothing: a minute, as GitHub asks (and the jitter's second).
            (status(429).into(), after(61_000), after(61_000)),
            (
                Status {
                    retry_after: seconds(30),
                    ..status(429)
                }
                .into(),
                after(31_000),
                after(31_000),
            ),
            (
                rate_limit(Some(0), reset(1_009)).into(),
                after(11_000),
                after(11_000),
            ),
            // A reset that lies in the past.
            (
                rate_limit(Some(0), reset(1)).into(),
                after(2_000),
                after(2_000),
            ),
            // An hour is not worth waiting for.
            (rate_limit(Some(0), reset(4_600)).into(), never, never),
            (
                Status {
                    retry_after: seconds(3_600),
                    ..status(429)
                }
                .into(),
                never,
                never,
            ),
            // A secondary limit: something is left of the primary one.
            (
                rate_limit(Some(4_000), reset(4_600)).into(),
                after(61_000),
                after(61_000),
            ),
        ];
        for (error, reading, once) in table {
            assert_eq!(pauses(&error, Effect::None), reading, "reading: {error:?}");
            assert_eq!(pauses(&error, Effect::Once), once, "once: {error:?}");
        }
    }

    #[test]
    fn jitter_halves_a_back_off_at_most_and_never_shortens_what_we_were_told() {
        let now = Timestamp::UNIX_EPOCH;
        let pause =
            |error: &Error, jitter| Policy::default().pause(error, Effect::None, 1, now, jitter);
        assert_eq!(
            pause(&network(Network::Broken), 0.0),
            Some(Duration::from_millis(500))
        );
        let told = Status {
            retry_after: Some(Duration::from_secs(7)),
            ..status(429)
        }
        .into();
        assert_eq!(pause(&told, 0.0), Some(Duration::from_secs(7)));
    }
}
