//! How long one call may take.

use std::time::Duration;

/// Time limits of one call, repetitions not counted.
///
/// GitHub itself gives up on a request after 10 seconds
/// (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#timeouts>), so one that is
/// silent for twice as long is not there. With [`Policy::unanswered`], a server that takes connections
/// and never answers costs a reading call 41 s; one that cannot be reached at all costs
/// [`Policy::attempts`] connections, 47 s. A call with an effect that is not answered is not repeated.
///
/// [`Policy::unanswered`]: super::Policy::unanswered
/// [`Policy::attempts`]: super::Policy::attempts
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Name resolution, TCP, proxy and TLS together.
    pub connect: Duration,
    /// From the first byte sent to the last byte read.
    pub call: Duration,
    /// Bytes a second at which an upload must at least go out: its limit is [`Self::call`] and what
    /// its size takes at this rate, for code scanning's largest (14 MB) 2 min 12 s.
    pub slowest_upload: u32,
}

impl Limits {
    /// For a call that sends so many bytes.
    #[must_use]
    pub fn upload(&self, bytes: usize) -> Duration {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Policy;

    #[test]
    fn a_server_that_is_not_there_costs_what_is_documented() {
        let (limits, retry) = (Limits::default(), Policy::default());
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
