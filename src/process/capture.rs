//! Reading what a child prints, within limits.

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

    /// Line by line, without the lines that were dropped.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.head
            .lines()
            .chain(self.tail.iter().flat_map(|line| line.lines()))
    }

    /// The whole text, which says how many lines are missing in the middle.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        if self.dropped > 0 {
            text.extend(["[", &self.dropped.to_string(), " lines left out]\n"]);
        }
        text.extend(self.tail.iter().map(String::as_str));
        text
    }

    /// The last line that says something, cut at 300 characters: for messages.
    #[must_use]
    pub fn last(&self) -> Option<String> {
        let line = self.lines().filter(|line| !line.trim().is_empty()).last()?;
        Some(line.trim().chars().take(300).collect())
    }
}

/// Reads standard error to its end.
pub(super) async fn log(pipe: impl AsyncRead + Unpin, keep: Keep) -> Log {
    let mut log = Log::default();
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    // An error of the pipe is its end.
    while let Ok(true) = next_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        if keep(&text) {
            log.push(format!("{}\n", text.trim_end_matches(['\n', '\r'])));
        }
    }
    log
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

/// Reads standard output to its end; None if it is longer than `cap` bytes.
pub(super) async fn output(pipe: impl AsyncRead + Unpin, cap: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // What an error of the pipe cuts off shows as output that can't be parsed.
    let _ = pipe
        .take(cap.saturating_add(1))
        .read_to_end(&mut bytes)
        .await;
    (bytes.len() as u64 <= cap).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_log_keeps_both_ends() {
        let lines: Vec<String> = (0..200_000).map(|n| format!("line {n}\n")).collect();
        let text = lines.concat();
        let log = log(text.as_bytes(), everything).await;
        let kept = log.text();
        assert!(kept.starts_with("line 0\nline 1\n"));
        assert!(kept.contains(" lines left out]\n"));
        assert!(kept.ends_with("line 199999\n"));
        assert!(kept.len() <= 2 * HALF + 100);
        assert_eq!(log.last().as_deref(), Some("line 199999"));
    }

    #[tokio::test]
    async fn lines_are_cut_filtered_and_made_text() {
        let mut text = vec![b'x'; LINE * 3];
        text.extend_from_slice(b"\nbad \xff\r\nDEBUG no\nlast");
        let log = log(&text[..], |line| !line.starts_with("DEBUG")).await;
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].len(), LINE);
        assert_eq!(lines[1..], ["bad \u{fffd}", "last"]);
    }

    #[tokio::test]
    async fn output_has_a_limit() {
        assert_eq!(output(&b"1234"[..], 4).await.as_deref(), Some(&b"1234"[..]));
        assert_eq!(output(&b"12345"[..], 4).await, None);
    }
}
