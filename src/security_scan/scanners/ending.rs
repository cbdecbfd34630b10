//! How a scanner's process ended, in the terms of a gap.

use std::time::Duration;

use super::gap;
use crate::process::{End, Ended, Log};
use crate::security_scan::scan::{Gap, GapKind};
use crate::text;

/// The gap that an end leaves which is not an exit with one of the documented codes.
pub(super) fn gap_of(program: &str, ended: &Ended, good: &[i32], limit: Duration) -> Option<Gap> {
    let last = ended
        .log
        .last()
        .map(|line| format!("; its last words: {}", text::line(&line)))
        .unwrap_or_default();
    let log = Some("its whole log is in output-directory");
    Some(match &ended.end {
        End::Code(code) if good.contains(code) => return None,
        End::Code(code) => gap(
            GapKind::Crashed,
            format!("{program} ended with exit code {code}{last}"),
            log,
        ),
        End::Signal(signal) => gap(
            GapKind::Crashed,
            format!(
                "{program} was ended by signal {signal}{}{last}",
                cause(*signal)
            ),
            log,
        ),
        End::TimedOut => {
            let state = if ended.duration.is_zero() {
                "was not started"
            } else {
                "was not done"
            };
            gap(
                GapKind::TimedOut,
                format!(
                    "{program} {state} when the {} seconds of all scanners together were up{last}",
                    limit.as_secs()
                ),
                Some("raise the input timeout, or leave paths out in the policy (exclude)"),
            )
        }
        End::TooMuchOutput => gap(
            GapKind::BadOutput,
            format!("{program} printed more than slipway takes"),
            Some("leave paths out in the policy (exclude)"),
        ),
        End::Cancelled => gap(GapKind::TimedOut, format!("{program} was cancelled"), None),
        End::NotStarted(error) => gap(
            GapKind::Crashed,
            format!("{program} could not be started: {error}"),
            Some("check that the program and its interpreter can be run by every user"),
        ),
    })
}

fn cause(signal: i32) -> &'static str {
    match signal {
        7 => " (SIGBUS: a database file that is cut off, or no memory)",
        9 => " (SIGKILL: most often the system is out of memory)",
        11 => " (SIGSEGV)",
        _ => "",
    }
}

/// The gap that a log leaves of which a part is missing: a scanner says there alone what it could
/// not parse.
pub(super) fn gap_of_log(program: &str, log: &Log) -> Option<Gap> {
    let what = match (log.dropped(), log.unfinished()) {
        (0, false) => return None,
        (0, true) => format!(
            "the log of {program} could not be read to its end, which may say that files could not \
             be parsed"
        ),
        (lines, _) => format!(
            "{program} said more than slipway takes: {lines} lines of its log are missing, which \
             may say that files could not be parsed"
        ),
    };
    let next = "the rest of its log is in output-directory: mend what it complains about";
    Some(gap(GapKind::BadOutput, what, Some(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_not_whole_leaves_a_gap() {
        let mut log = Log::default();
        log.push("short\n".to_owned());
        assert_eq!(gap_of_log("Trivy", &log), None);
        let line = format!("{}\n", "x".repeat(16 * 1024));
        for _ in 0..100 {
            log.push(line.clone());
        }
        let mut copy = Log::default();
        copy.append(&log, str::to_owned);
        for log in [log, copy] {
            let gap = gap_of_log("Trivy", &log).unwrap();
            assert_eq!(gap.kind, GapKind::BadOutput);
            let said = format!("{} lines of its log are missing", log.dropped());
            assert!(gap.what.contains(&said), "{}", gap.what);
        }
    }
}
