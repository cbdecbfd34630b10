//! Reading what a child prints, within limits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Lines that are kept of a child's log.
pub type Keep = fn(&str) -> bool;

/// Keeps every line.
#[must_use]
pub fn everything(_line: &str) -> bool {
    true
}

/// Of a log that grows longer, the beginning and the end are kept, this many bytes each.
const HALF: usize = 512 * 1024;
/// A longer line is cut; the rest of it is dropped.
const LINE: usize = 16 * 1024;

/// What a child wrote to standard error, at most 1 MiB of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    head: String,
    tail: std::collections::VecDeque<String>,
    tail_bytes: usize,
    dropped: u64,
    unfinished: bool,
    output_held: bool,
}

impl Log {
    pub(crate) fn push(&mut self, line: String) {
        if self.tail.is_empty() && self.head.len() + line.len() <= HALF {
            self.head.push_str(&line);
            return;
        }
        self.tail_bytes += line.len();
        self.tail.push_back(line);
        while self.tail_bytes > HALF {
            let Some(oldest) = self.tail.pop_front() else {
                break;
            };
            self.tail_bytes -= oldest.len();
            self.dropped += 1;
        }
    }

    /// Adds another log's lines, each as `line` gives it back, and what is missing in it.
    pub(crate) fn append(&mut self, other: &Self, line: impl Fn(&str) -> String) {
        for text in other.lines() {
            self.push(format!("{}\n", line(text)));
        }
        self.dropped += other.dropped;
        self.unfinished |= other.unfinished;
        self.output_held |= other.output_held;
    }

    /// How many lines are missing in the middle.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether it was not read to its end: a process that we could not end held it open.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        self.unfinished
    }

    pub(super) fn cut_off(&mut self) {
        self.unfinished = true;
    }

    /// Standard output was not read to its end: what the child itself wrote there is whole.
    pub(super) fn output_held(&mut self) {
        self.output_held = true;
    }

    /// Line by line, without the lines that were dropped.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.head
            .lines()
            .chain(self.tail.iter().flat_map(|line| line.lines()))
    }

    /// The whole text, which says how many lines are missing in the middle, and whether its end is.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        if self.dropped > 0 {
            text.extend(["[", &self.dropped.to_string(), " lines left out]\n"]);
        }
        text.extend(self.tail.iter().map(String::as_str));
        if self.unfinished {
            text.push_str("[not read to its end]\n");
        }
        if self.output_held {
            text.push_str(
                "[a process that it left behind held its output open: what it had printed is kept]\n",
            );
        }
        text
    }

    /// The last line that says something, cut at 300 characters: for messages.
    #[must_use]
    pub fn last(&self) -> Option<String> {
        let line = self.lines().filter(|line| !line.trim().is_empty()).last()?;
        Some(line.trim().chars().take(300).collect())
    }
}

/// Reads standard error into `log`; true if it was read to its end. What was read so far stays
/// there if this future is dropped.
pub(super) async fn log(pipe: impl AsyncRead + Unpin, keep: Keep, log: &Mutex<Log>) -> bool {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        match next_line(&mut reader, &mut line).await {
            Ok(true) => {}
            Ok(false) => return true,
            Err(_) => return false,
        }
        let text = String::from_utf8_lossy(&line);
        if keep(&text) {
            let text = text.trim_end_matches(['\n', '\r']);
            lock(log).push(format!("{text}\n"));
        }
    }
}

/// A reader that panicked leaves what it read before.
pub(super) fn lock<T>(read: &Mutex<T>) -> MutexGuard<'_, T> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next line, cut at [`LINE`]; false at the end.
async fn next_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(LINE - line.len())]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Reads standard output into `bytes`, to its end; false once it is longer than `cap` bytes. What
/// was read so far stays there if this future is dropped.
pub(super) async fn output(
    mut pipe: impl AsyncRead + Unpin,
    cap: u64,
    bytes: &Mutex<Vec<u8>>,
) -> bool {
    let mut part = vec![0; 64 * 1024];
    loop {
        // What an error of the pipe cuts off shows as output that can't be parsed.
        let count = pipe.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return true;
        }
        let mut bytes = lock(bytes);
        bytes.extend_from_slice(&part[..count]);
        if bytes.len() as u64 > cap {
            *bytes = Vec::new();
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pipe: impl AsyncRead + Unpin, keep: Keep) -> Log {
        let into = Mutex::default();
        assert!(log(pipe, keep, &into).await);
        into.into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_long_log_keeps_both_ends() {
        let lines: Vec<String> = (0..200_000).map(|n| format!("line {n}\n")).collect();
        let text = lines.concat();
        let log = read(text.as_bytes(), everything).await;
        let kept = log.text();
        assert!(kept.starts_with("line 0\nline 1\n"));
        assert!(kept.contains(" lines left out]\n"));
        assert!(kept.ends_with("line 199999\n"));
        assert!(kept.len() <= 2 * HALF + 100);
        assert_eq!(log.last().as_deref(), Some("line 199999"));
        assert_eq!(log.dropped() + log.lines().count() as u64, 200_000);

        let mut copy = Log::default();
        copy.append(&log, str::to_owned);
        assert_eq!(copy.dropped(), log.dropped(), "a copy says what is missing");
    }

    #[tokio::test]
    async fn lines_are_cut_filtered_and_made_text() {
        let mut text = vec![b'x'; LINE * 3];
        text.extend_from_slice(b"\nbad \xff\r\nDEBUG no\nlast");
        let log = read(&text[..], |line| !line.starts_with("DEBUG")).await;
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].len(), LINE);
        assert_eq!(lines[1..], ["bad \u{fffd}", "last"]);
    }

    #[tokio::test]
    async fn output_has_a_limit() {
        for (text, whole, kept) in [("1234", true, "1234"), ("12345", false, ""), ("", true, "")] {
            let bytes = Mutex::default();
            assert_eq!(output(text.as_bytes(), 4, &bytes).await, whole);
            assert_eq!(bytes.into_inner().unwrap(), kept.as_bytes());
        }
    }
}
