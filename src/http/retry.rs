//! When a call is repeated, and after how long: a value, so that it can be tested as one.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Network;

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
pub(crate) enum Effect {
    /// Reading, or writing what is the same twice: may be repeated freely.
    None,
    /// Repeated only when the first call cannot have happened.
    Once,
}

/// What a failed call means for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Network(Network),
    /// Nothing was done, the server says: try again after so long, if it says how long.
    Later(Option<Duration>),
    /// The server is at fault. It may have done what was asked.
    Fault,
    /// The same call would fail the same way.
    Final,
}

impl Policy {
    /// How long to wait before the next call, or `None` to give up.
    ///
    /// `failed` counts calls so far (from 1), `jitter` is random from 0 to 1.
    pub(crate) fn pause(
        &self,
        refusal: Refusal,
        effect: Effect,
        failed: u32,
        jitter: f64,
    ) -> Option<Duration> {
        let attempts = match refusal {
            Refusal::Network(Network::TimedOut) => self.unanswered,
            _ => self.attempts,
        };
        if failed >= attempts {
            return None;
        }
        let back_off = self.first_pause.saturating_mul(1 << (failed - 1).min(16));
        let pause = match (refusal, effect) {
            (Refusal::Final, _)
            | (
                Refusal::Network(Network::TimedOut | Network::Broken) | Refusal::Fault,
                Effect::Once,
            ) => {
                return None;
            }
            (Refusal::Network(_) | Refusal::Fault, _) => back_off.mul_f64(0.5 + jitter / 2.0),
            // Everybody was told the same moment: spread out behind it.
            (Refusal::Later(told), _) => told
                .unwrap_or(self.rate_limit_pause)
                .saturating_add(self.first_pause.mul_f64(jitter)),
        };
        (pause <= self.longest_pause).then_some(pause)
    }
}

/// Makes a call, again where the policy says so. `None`: cancelled; a call with an effect may have
/// happened.
pub(crate) async fn repeat<T, E>(
    policy: &Policy,
    effect: Effect,
    cancel: &CancellationToken,
    mut call: impl AsyncFnMut() -> Result<T, E>,
    refusal: impl Fn(&E) -> Refusal,
) -> Option<Result<T, E>> {
    let mut failed = 0;
    loop {
        let error = match unless_cancelled(cancel, call()).await? {
            Ok(answer) => return Some(Ok(answer)),
            Err(error) => error,
        };
        failed += 1;
        let pause = policy.pause(refusal(&error), effect, failed, fastrand::f64());
        let Some(pause) = pause else {
            return Some(Err(error));
        };
        unless_cancelled(cancel, tokio::time::sleep(pause)).await?;
    }
}

/// `None`: cancelled first.
pub(crate) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        done = work => Some(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(refusal: Refusal, effect: Effect) -> Vec<Option<u128>> {
        let pause = |failed| Policy::default().pause(refusal, effect, failed, 1.0);
        (1..=4)
            .map(|failed| pause(failed).map(|it| it.as_millis()))
            .collect()
    }

    #[test]
    fn what_is_repeated_and_when() {
        let (never, back_off) = ([None; 4], [Some(1_000), Some(2_000), Some(4_000), None]);
        let after = |n| [Some(n), Some(n), Some(n), None];
        let later = |seconds| Refusal::Later(Some(Duration::from_secs(seconds)));
        // (what happened, pauses of a reading call, pauses of a call with an effect)
        for (refusal, reading, once) in [
            (Refusal::Network(Network::Connect), back_off, back_off),
            (
                Refusal::Network(Network::TimedOut),
                [Some(1_000), None, None, None],
                never,
            ),
            (Refusal::Network(Network::Broken), back_off, never),
            (Refusal::Fault, back_off, never),
            (Refusal::Final, never, never),
            (later(7), after(8_000), after(8_000)),
            // A limit that says nothing: a minute (and the jitter's second).
            (Refusal::Later(None), after(61_000), after(61_000)),
            // An hour is not worth waiting for.
            (later(3_600), never, never),
        ] {
            assert_eq!(
                pauses(refusal, Effect::None),
                reading,
                "reading: {refusal:?}"
            );
            assert_eq!(pauses(refusal, Effect::Once), once, "once: {refusal:?}");
        }
    }

    #[test]
    fn jitter_halves_a_back_off_at_most_and_never_shortens_what_we_were_told() {
        let pause = |refusal| Policy::default().pause(refusal, Effect::None, 1, 0.0);
        let broken = Refusal::Network(Network::Broken);
        assert_eq!(pause(broken), Some(Duration::from_millis(500)));
        let told = Duration::from_secs(7);
        assert_eq!(pause(Refusal::Later(Some(told))), Some(told));
    }
}
