//! Comments that tell Trivy's misconfiguration scanners to look away: Trivy obeys them, counts them
//! nowhere and has no switch against them.
//!
//! What counts: `trivy:`, `tfsec:` or `cfsec:`, and before the next space or the line's end a section
//! `ignore` (`trivy:ignore:ID`, `trivy:exp:2030-01-01:ignore:ID`). Trivy, which cuts a line into words
//! at spaces alone, looks at fewer places (`pkg/iac/ignore/parse.go` of
//! <https://github.com/aquasecurity/trivy>), and at fewer files: which ones, it decides by rules that
//! are not worth repeating (`pkg/iac/detection/detect.go`). Whoever refuses ignores is better told of
//! one too many.
//! `cfsec:` is obeyed no more by Trivy 0.76, but still means the same to whoever wrote it.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use crate::security_scan::scan::Ignores;

/// Bytes of an ignore that are kept.
const LONGEST: usize = 200;
const PREFIXES: [&[u8]; 3] = [b"trivy:", b"tfsec:", b"cfsec:"];
const IGNORE: &[u8] = b"ignore";

/// Adds the ignores of a file; `path` is what they are reported under. Of the text around them nothing
/// is kept: a secret may stand there.
pub fn in_file(file: &mut impl Read, path: &str, found: &mut Ignores) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut search = Search::new(path, found);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            search.byte(b'\n');
            return Ok(());
        }
        let length = chunk.len();
        search.chunk(chunk);
        reader.consume(length);
    }
}

/// Looks at one byte after the other: no line and no word is too long.
struct Search<'a> {
    path: Arc<str>,
    line: u32,
    /// The last bytes outside a word.
    recent: [u8; 6],
    word: Option<Word>,
    found: &'a mut Ignores,
}

/// What stands behind a prefix, up to a space or the end of the line.
struct Word {
    text: Vec<u8>,
    /// Bytes of `ignore` that this section starts with, if it holds nothing else.
    matched: Option<usize>,
    ignores: bool,
}

impl<'a> Search<'a> {
    fn new(path: &str, found: &'a mut Ignores) -> Self {
        Self {
            path: path.into(),
            line: 1,
            recent: [0; 6],
            word: None,
            found,
        }
    }

    /// Outside a word nothing happens before a colon: most of a tree is passed over quickly.
    fn chunk(&mut self, mut rest: &[u8]) {
        while let Some(first) = rest.first() {
            if self.word.is_some() || *first == b':' {
                self.byte(*first);
                rest = &rest[1..];
                continue;
            }
            let colon = rest.iter().position(|byte| *byte == b':');
            let (before, behind) = rest.split_at(colon.unwrap_or(rest.len()));
            let lines = before.split(|byte| *byte == b'\n').count() - 1;
            let lines = u32::try_from(lines).unwrap_or(u32::MAX);
            self.line = self.line.saturating_add(lines);
            for byte in &before[before.len().saturating_sub(self.recent.len())..] {
                self.remember(*byte);
            }
            rest = behind;
        }
    }

    fn remember(&mut self, byte: u8) {
        self.recent.rotate_left(1);
        self.recent[5] = byte;
    }

    fn byte(&mut self, byte: u8) {
        if let Some(word) = &mut self.word {
            word.byte(byte);
            if byte == b' ' || byte == b'\n' {
                self.end_word();
            }
        } else {
            self.remember(byte);
            if byte == b':' && PREFIXES.contains(&&self.recent[..]) {
                self.word = Some(Word {
                    text: self.recent.to_vec(),
                    matched: Some(0),
                    ignores: false,
                });
            }
        }
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
    }

    fn end_word(&mut self) {
        self.recent = [0; 6];
        if let Some(word) = self.word.take().filter(|word| word.ignores) {
            self.found.add(&self.path, self.line, || {
                String::from_utf8_lossy(&word.text).into_owned()
            });
        }
    }
}

impl Word {
    fn byte(&mut self, byte: u8) {
        self.matched = match self.matched {
            Some(count) if count < IGNORE.len() => (byte == IGNORE[count]).then_some(count + 1),
            Some(_) if !byte.is_ascii_alphanumeric() => {
                self.ignores = true;
                None
            }
            _ => None,
        };
        if byte == b':' {
            self.matched = Some(0);
        }
        if self.text.len() < LONGEST && byte.is_ascii_graphic() {
            self.text.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &[u8]) -> Vec<(u32, String)> {
        let mut found = Ignores::default();
        in_file(&mut &text[..], "main.tf", &mut found).unwrap();
        pairs(found)
    }

    fn pairs(found: Ignores) -> Vec<(u32, String)> {
        let each = found.listed.into_iter();
        each.map(|ignore| (ignore.line, ignore.text)).collect()
    }

    #[test]
    fn which_lines_count() {
        for (line, counts) in [
            ("#trivy:ignore:AVD-AWS-0086", 1),
            ("  # trivy:ignore:*", 1),
            (
                "resource \"x\" \"y\" { // tfsec:ignore:aws-s3-enable-logging",
                1,
            ),
            ("/*trivy:ignore:a*/", 1),
            ("# cfsec:ignore:AWS001", 1),
            ("# trivy:exp:2030-01-01:ignore:*", 1),
            ("# trivy:ignore:DS-0001 trivy:ignore:DS-0002", 2),
            ("# trivy:ignore:a[name=b]", 1),
            ("# trivy:ignore", 1),
            // What Go takes for blanks before a word, and what it doesn't.
            ("# x \u{a0}trivy:ignore:DS-0002", 1),
            ("# x \u{b}trivy:ignore:DS-0002", 1),
            ("# trivy:ignore\u{a0}DS-0002", 1),
            // A tab, or whatever else, does not end a word.
            ("# trivy:x:a\tb:ignore:*", 1),
            ("# trivy:x:a\u{b}\u{c}\rb:ignore:*", 1),
            ("# trivy:x:a b:ignore:*", 0),
            ("# trivy:x:a\n#b:ignore:*", 0),
            // Obeyed by nobody, and still worth a look.
            ("\"trivy:ignore:x\"", 1),
            ("# see trivy:ignored", 0),
            ("# trivyignore: x", 0),
            ("# trivy: ignore:x", 0),
            ("ignore everything", 0),
        ] {
            assert_eq!(found(line.as_bytes()).len(), counts, "{line}");
        }
    }

    #[test]
    fn places_and_texts() {
        let long = " ".repeat(17 << 20);
        let text = format!(
            "a\r\n\"AKIA\" #trivy:ignore:X {}\r\n#{long}trivy:ignore:late\n#tfsec:ignore:{}",
            "z".repeat(300),
            "Y".repeat(300),
        );
        let found = found(text.as_bytes());
        assert_eq!(found[0], (2, "trivy:ignore:X".to_owned()));
        assert_eq!(found[1], (3, "trivy:ignore:late".to_owned()));
        assert_eq!((found[2].0, found[2].1.len()), (4, LONGEST));
    }

    #[test]
    fn many_are_counted_and_share_their_path() {
        let mut found = Ignores::default();
        let file = "#trivy:ignore:*\n".repeat(100_000);
        for path in ["a.tf", "b.tf"] {
            in_file(&mut file.as_bytes(), path, &mut found).unwrap();
        }
        assert_eq!((found.listed.len(), found.count()), (1000, 200_000));
        let first = &found.listed[0].path;
        assert!(found.listed.iter().all(|one| Arc::ptr_eq(&one.path, first)));
    }

    /// The rule once more, by words and sections instead of byte by byte.
    fn naive(text: &str) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        for (line, number) in text.split('\n').zip(1..) {
            for word in line.split(' ') {
                let places = ["trivy:", "tfsec:", "cfsec:"].map(|prefix| word.find(prefix));
                let Some(at) = places.into_iter().flatten().min() else {
                    continue;
                };
                let ignores = word[at..].split(':').skip(1).any(|section| {
                    let rest = section.strip_prefix("ignore");
                    rest.is_some_and(|rest| {
                        !rest.starts_with(|char: char| char.is_ascii_alphanumeric())
                    })
                });
                if ignores {
                    let kept = word[at..].chars().filter(char::is_ascii_graphic);
                    all.push((number, kept.take(LONGEST).collect()));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn words_and_bytes_agree(text in "([ \n\r\t\u{b}:x#]|trivy:|tfsec:|cfsec:|:?ignore:?|ignored|exp|\\PC){0,40}") {
            prop_assert_eq!(found(text.as_bytes()), naive(&text));
        }

        #[test]
        fn where_a_chunk_ends_does_not_matter(text in "([ \n:x#]|trivy:|:?ignore:?|\\PC){0,40}", size in 1_usize..9) {
            let mut kept = Ignores::default();
            let mut search = Search::new("main.tf", &mut kept);
            text.as_bytes().chunks(size).for_each(|chunk| search.chunk(chunk));
            search.byte(b'\n');
            prop_assert_eq!(pairs(kept), found(text.as_bytes()));
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            found(&bytes);
        }
    }
}
