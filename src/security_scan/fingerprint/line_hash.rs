//! GitHub's hash of a line and what follows it, as `github/codeql-action/upload-sarif` computes
//! it for `partialFingerprints.primaryLocationLineHash`.
//!
//! The rules (`src/fingerprints.ts` of `github/codeql-action`):
//! 1. The file is decoded as UTF-8 (malformed sequences become U+FFFD) into UTF-16 code units. A
//!    byte order mark counts.
//! 2. Spaces and tabs are dropped. CR becomes LF; an LF directly after a CR is dropped.
//! 3. One unit 65535 follows, then 100 zeros.
//! 4. A line starts at its first kept unit (an empty line's is its LF), so a final newline makes
//!    the 65535 a last line of its own.
//! 5. A line's hash is the sum of `c[s+i] * 37^(99-i)` for `i` in `0..100`, modulo 2^64.
//! 6. Its text is the hash in lowercase hexadecimal without padding, `:`, and how many lines of
//!    the file up to this one have that hash.
//!
//! The text streams through a buffer that stays in the processor's cache: decode, drop, hash.

use std::collections::{BTreeSet, HashMap};

/// Units that a hash covers.
const WINDOW: usize = 100;
/// Base of the polynomial.
const BASE: u64 = 37;
/// `BASE` to the power of [`WINDOW`], modulo 2^64: the weight of what leaves the window.
const LEAVING: u64 = power(WINDOW);
/// What stands for the end of the file.
const END: u16 = u16::MAX;
const LF: u16 = b'\n' as u16;
/// Units in the buffer before the lines in it are hashed.
const BUFFER: usize = 16 * 1024;

const fn power(mut exponent: usize) -> u64 {
    let mut product = 1_u64;
    while exponent > 0 {
        product = product.wrapping_mul(BASE);
        exponent -= 1;
    }
    product
}

/// The hashes of `lines` (from 1) of a file with these bytes. A line that the file does not have
/// is missing from the answer. Takes up to eight times the bytes' memory (a hash for every line
/// up to the last requested).
#[must_use]
pub fn line_hashes(bytes: &[u8], lines: &BTreeSet<u32>) -> HashMap<u32, String> {
    let Some(last) = lines.last() else {
        return HashMap::new();
    };
    let hashes = hash_lines(bytes, usize::try_from(*last).unwrap_or(usize::MAX));
    count(&hashes, lines)
}

/// Adds to each requested line's hash its count among the lines up to it.
fn count(hashes: &[u64], lines: &BTreeSet<u32>) -> HashMap<u32, String> {
    let hash_of = |line: u32| {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        hashes.get(index).copied()
    };
    let mut filter = Filter::new(lines.len().min(hashes.len()));
    let mut seen: HashMap<u64, u32> = HashMap::new();
    for hash in lines.iter().copied().filter_map(hash_of) {
        filter.add(hash);
        seen.insert(hash, 0);
    }
    let mut answer = HashMap::with_capacity(seen.len());
    let mut requested = lines.iter().copied().filter(|line| *line > 0).peekable();
    for (hash, line) in hashes.iter().zip(1_u32..) {
        if !filter.may_hold(*hash) {
            continue;
        }
        let Some(occurrences) = seen.get_mut(hash) else {
            continue;
        };
        *occurrences += 1;
        if requested.next_if_eq(&line).is_some() {
            answer.insert(line, format!("{hash:x}:{occurrences}"));
        }
    }
    answer
}

/// Hashes of the first `limit` lines, or of all where there are fewer.
fn hash_lines(bytes: &[u8], limit: usize) -> Vec<u64> {
    let mut stream = Stream::new(limit);
    let mut rest = bytes;
    while !stream.is_done() {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                stream.push_text(text);
                break;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                stream.push_text(std::str::from_utf8(valid).unwrap_or_default());
                stream.push(0xFFFD);
                // None: the file ends within a sequence.
                match error.error_len().and_then(|length| invalid.get(length..)) {
                    Some(after) => rest = after,
                    None => break,
                }
            }
        }
    }
    stream.finish()
}

/// Steps 2 to 5 over a text that comes in pieces.
struct Stream {
    /// Kept units: at first those that lines yet to be hashed begin with.
    buffer: Box<[u16]>,
    length: usize,
    /// Classes of units that are dropped here: [`FEED`] too after a CR.
    dropping: u8,
    /// Where in the buffer the next line starts that has no hash yet.
    start: Option<usize>,
    /// Where to look for that start when it is not known.
    unseen: usize,
    hashes: Vec<u64>,
    limit: usize,
}

/// Class of spaces and tabs.
const BLANK: u8 = 1;
/// Class of LF.
const FEED: u8 = 2;
/// Class of every byte.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    class[b' ' as usize] = BLANK;
    class[b'\t' as usize] = BLANK;
    class[b'\n' as usize] = FEED;
    class
};

impl Stream {
    /// Bytes that are looked at together: short enough that one foreign letter costs little.
    const BLOCK: usize = 64;

    fn new(limit: usize) -> Self {
        Self {
            buffer: vec![0; BUFFER + Self::BLOCK + 1 + WINDOW].into(),
            length: 0,
            dropping: BLANK,
            start: Some(0),
            unseen: 0,
            hashes: Vec::new(),
            limit,
        }
    }

    const fn is_done(&self) -> bool {
        self.hashes.len() >= self.limit
    }

    fn push_text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut position = 0;
        while position < bytes.len() && !self.is_done() {
            let block = &bytes[position..bytes.len().min(position + Self::BLOCK)];
            if block.is_ascii() {
                self.push_ascii(block);
                position += block.len();
                continue;
            }
            let until = position + block.len();
            for letter in text[position..].chars() {
                let mut pair = [0; 2];
                for unit in letter.encode_utf16(&mut pair) {
                    self.push(*unit);
                }
                position += letter.len_utf8();
                if position >= until {
                    break;
                }
            }
        }
    }

    /// Without a branch that depends on the text: indentation is what mispredicts.
    fn push_ascii(&mut self, block: &[u8]) {
        self.make_room();
        let room = &mut self.buffer[self.length..self.length + block.len()];
        let mut kept = 0;
        let mut dropping = self.dropping;
        for byte in block {
            let cr = *byte == b'\r';
            room[kept] = if cr { LF } else { u16::from(*byte) };
            kept += usize::from(CLASS[usize::from(*byte)] & dropping == 0);
            dropping = if cr { BLANK | FEED } else { BLANK };
        }
        self.length += kept;
        self.dropping = dropping;
    }

    fn push(&mut self, unit: u16) {
        if let Ok(byte) = u8::try_from(unit) {
            self.push_ascii(&[byte]);
            return;
        }
        self.make_room();
        self.dropping = BLANK;
        self.buffer[self.length] = unit;
        self.length += 1;
    }

    fn finish(mut self) -> Vec<u64> {
        self.make_room();
        self.buffer[self.length] = END;
        self.buffer[self.length + 1..=self.length + WINDOW].fill(0);
        self.length += 1 + WINDOW;
        self.hash_buffer();
        self.hashes.truncate(self.limit);
        self.hashes
    }

    /// Room for one block, or for what [`Self::finish`] adds.
    fn make_room(&mut self) {
        if self.length < BUFFER {
            return;
        }
        self.hash_buffer();
        let keep = self.start.unwrap_or(self.length);
        self.buffer.copy_within(keep..self.length, 0);
        self.length -= keep;
        self.start = self.start.map(|_| 0);
        self.unseen = 0;
    }

    /// Hashes each line whose whole window is in the buffer.
    fn hash_buffer(&mut self) {
        let text = &self.buffer[..self.length];
        let mut rolling = Rolling::default();
        loop {
            if self.start.is_none() {
                self.start = find_lf(&text[self.unseen..]).map(|offset| self.unseen + offset + 1);
                self.unseen = self.start.unwrap_or(text.len());
            }
            match self.start {
                Some(start) if start + WINDOW <= text.len() => {
                    self.hashes.push(rolling.at(text, start));
                    self.start = None;
                }
                _ => break,
            }
        }
    }
}

/// The first LF, sixteen units at a step.
fn find_lf(text: &[u16]) -> Option<usize> {
    let (steps, _) = text.as_chunks::<16>();
    let skipped = steps
        .iter()
        .take_while(|step| {
            step.iter()
                .fold(0, |found, unit| found + u16::from(*unit == LF))
                == 0
        })
        .count()
        * 16;
    text[skipped..]
        .iter()
        .position(|unit| *unit == LF)
        .map(|offset| skipped + offset)
}

/// Hashes at growing positions of one text: the difference of two prefix hashes, each of which
/// only ever moves forward.
#[derive(Default)]
struct Rolling {
    /// Prefix hash of the text up to `start`.
    before: u64,
    start: usize,
    /// Prefix hash of the text up to `end`.
    through: u64,
    end: usize,
}

impl Rolling {
    fn at(&mut self, text: &[u16], start: usize) -> u64 {
        if start >= self.end {
            // Nothing in common with the last window: skip the gap.
            *self = Self {
                before: 0,
                start,
                through: 0,
                end: start,
            };
        }
        self.before = fold(self.before, &text[self.start..start]);
        self.start = start;
        self.through = fold(self.through, &text[self.end..start + WINDOW]);
        self.end = start + WINDOW;
        self.through.wrapping_sub(self.before.wrapping_mul(LEAVING))
    }
}

/// Horner's rule, eight units at a step so that the multiplications overlap.
fn fold(hash: u64, units: &[u16]) -> u64 {
    const WEIGHTS: [u64; 8] = [
        power(7),
        power(6),
        power(5),
        power(4),
        power(3),
        power(2),
        power(1),
        power(0),
    ];
    let (eights, rest) = units.as_chunks::<8>();
    let hash = eights.iter().fold(hash, |hash, eight| {
        let sum = eight
            .iter()
            .zip(WEIGHTS)
            .fold(0_u64, |sum, (unit, weight)| {
                sum.wrapping_add(u64::from(*unit).wrapping_mul(weight))
            });
        hash.wrapping_mul(const { power(8) }).wrapping_add(sum)
    });
    rest.iter().fold(hash, |hash, unit| {
        hash.wrapping_mul(BASE).wrapping_add(u64::from(*unit))
    })
}

/// A set of hashes that may say yes wrongly, never no: spares almost every line the look-up.
struct Filter {
    words: Vec<u64>,
    /// How far the hash is shifted to give a bit's place.
    shift: u32,
}

impl Filter {
    /// Sixteen bits and more for each hash.
    fn new(hashes: usize) -> Self {
        let words = (hashes / 4).next_power_of_two().max(4);
        Self {
            words: vec![0; words],
            shift: u64::BITS - 6 - words.trailing_zeros(),
        }
    }

    /// Word and bit. The upper bits of the hash are mixed best.
    const fn place(&self, hash: u64) -> (usize, u64) {
        let place = hash >> self.shift;
        ((place >> 6) as usize, 1 << (place & 63))
    }

    fn add(&mut self, hash: u64) {
        let (word, bit) = self.place(hash);
        self.words[word] |= bit;
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.words[word] & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of a file, by the rolling implementation.
    fn all(bytes: &[u8]) -> Vec<String> {
        let found = line_hashes(bytes, &(1..=5_000).collect());
        let mut lines: Vec<_> = found.into_iter().collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, hash)| hash).collect()
    }

    /// The rules again, word for word, with no window, no table and no wrapping arithmetic.
    fn naive(bytes: &[u8]) -> Vec<String> {
        let mut kept: Vec<u16> = Vec::new();
        let mut previous = 0;
        for unit in String::from_utf8_lossy(bytes).encode_utf16() {
            match unit {
                0x20 | 0x09 => {}
                0x0D => kept.push(0x0A),
                0x0A if previous == 0x0D => {}
                other => kept.push(other),
            }
            previous = unit;
        }
        kept.push(65_535);
        let unit_at = |index: usize| u128::from(kept.get(index).copied().unwrap_or(0));
        let mut earlier: Vec<u128> = Vec::new();
        (0..kept.len())
            .filter(|index| *index == 0 || kept[index - 1] == 0x0A)
            .map(|start| {
                let hash = (start..start + 100)
                    .fold(0_u128, |sum, index| (sum * 37 + unit_at(index)) % (1 << 64));
                earlier.push(hash);
                let count = earlier.iter().filter(|other| **other == hash).count();
                format!("{hash:x}:{count}")
            })
            .collect()
    }

    /// Inputs and answers of `github/codeql-action`'s own tests.
    #[test]
    fn upstream_vectors() {
        let greetings = [
            "e9496ae3ebfced30:1",
            "fb7c023a8b9ccb3f:1",
            "ce8ba1a563dcdaca:1",
            "e20e36e16fcb0cc8:1",
            "b3edc88f2938467e:1",
            "c8e28b0b4002a3a0:1",
            "c129715d7a2bc9a3:1",
        ];
        let lorem = "Lorem ipsum dolor sit amet.\n".repeat(10);
        let vectors: [(&str, &[&str]); 10] = [
            ("", &["c129715d7a2bc9a3:1"]),
            (
                " a\nb\n  \t\tc\n d",
                &[
                    "271789c17abda88f:1",
                    "54703d4cd895b18:1",
                    "180aee12dab6264:1",
                    "a23a3dc5e078b07b:1",
                ],
            ),
            (
                " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End",
                &[
                    "8b7cf3e952e7aeb2:1",
                    "b1ae1287ec4718d9:1",
                    "bff680108adb0fcc:1",
                    "c6805c5e1288b612:1",
                    "b86d3392aea1be30:1",
                    "e6ceba753e1a442:1",
                ],
            ),
            (
                " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n",
                &greetings,
            ),
            (
                " hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r",
                &greetings,
            ),
            (
                " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
                &greetings,
            ),
            (
                " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n",
                &greetings,
            ),
            (
                &lorem,
                &[
                    "a7f2ff13bc495cf2:1",
                    "a7f2ff13bc495cf2:2",
                    "a7f2ff13bc495cf2:3",
                    "a7f2ff13bc495cf2:4",
                    "a7f2ff13bc495cf2:5",
                    "a7f2ff13bc495cf2:6",
                    "a7f2ff1481e87703:1",
                    "a9cf91f7bbf1862b:1",
                    "55ec222b86bcae53:1",
                    "cc97dc7b1d7d8f7b:1",
                    "c129715d7a2bc9a3:1",
                ],
            ),
            (
                "x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n",
                &[
                    "e54938cc54b302f1:1",
                    "bb609acbe9138d60:1",
                    "1131fd5871777f34:1",
                    "5c482a0f8b35ea28:1",
                    "54517377da7028d2:1",
                    "2c644846cb18d53e:1",
                    "f1b89f20de0d133:1",
                    "c129715d7a2bc9a3:1",
                ],
            ),
            // U+2028 and U+2029 end no line.
            ("x = 2\u{2028}x=1\u{2029}print(x)", &["f0a8eee29e998ed7:1"]),
        ];
        for (input, expected) in vectors {
            assert_eq!(all(input.as_bytes()), expected, "{input:?}");
            assert_eq!(naive(input.as_bytes()), expected, "naive, {input:?}");
        }
    }

    /// `addFingerprints` upstream, end to end.
    #[test]
    fn upstream_files() {
        let first = line_hashes(
            b"var a = 0;\nvar b = 0;\nvar c = 0;\nvar d = 0;\n",
            &[1].into(),
        );
        assert_eq!(first[&1], "5e4d5a9cf1294ad9:1");
        let second = line_hashes(
            b"var foo = 0;\nvar bar = 0;\nvar baz = 0;\nvar qux = 0;\n",
            &[2].into(),
        );
        assert_eq!(second[&2], "f7592a95a9381ac0:1");
    }

    #[test]
    fn lines_that_are_not_there_have_no_hash() {
        let found = line_hashes(b"a\nb\n", &[0, 3, 4, u32::MAX].into());
        assert_eq!(found.keys().collect::<Vec<_>>(), [&3]);
        assert!(line_hashes(b"a\n", &BTreeSet::new()).is_empty());
    }

    #[test]
    fn occurrences_count_lines_nobody_asked_for() {
        let text = "same\n".repeat(200);
        let found = line_hashes(text.as_bytes(), &[150].into());
        assert!(found[&150].ends_with(":150"), "{}", found[&150]);
    }

    /// Text in which every rule has work to do.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just(b"\n".to_vec()),
            2 => Just(b"\r\n".to_vec()),
            1 => Just(b"\r".to_vec()),
            1 => Just(b"\r \n".to_vec()),
            2 => Just(b"  \t".to_vec()),
            4 => "[a-z]{1,12}".prop_map(String::into_bytes),
            1 => "[a-z]{60,300}".prop_map(String::into_bytes),
            1 => "\\PC{1,8}".prop_map(String::into_bytes),
            1 => Just("\u{feff}".as_bytes().to_vec()),
            1 => Just("\u{1F980}".as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 1..6),
            1 => Just(b"the same line again and again\n".repeat(7)),
        ];
        prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn a_line_longer_than_the_buffer() {
        for length in [BUFFER - 100, BUFFER, BUFFER + 1, 3 * BUFFER] {
            for end in ["", "\n", "\nnext", "\r\n\r\nnext\n"] {
                let text = format!("{}{end}", "x".repeat(length));
                assert_eq!(
                    all(text.as_bytes()),
                    naive(text.as_bytes()),
                    "{length} {end:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_one(bytes in texts()) {
            prop_assert_eq!(all(&bytes), naive(&bytes));
        }

        #[test]
        fn a_line_alone_has_the_hash_it_has_among_all(bytes in texts(), line in 1_u32..40) {
            let among_all = naive(&bytes);
            let alone = line_hashes(&bytes, &[line].into());
            prop_assert_eq!(alone.get(&line), among_all.get(line as usize - 1));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn agrees_across_buffers(
            lines in prop::collection::vec((texts(), "[ -~]{0,400}"), 30..60),
            repeat in 2_usize..6,
        ) {
            let mut bytes = Vec::new();
            for (bits, line) in &lines {
                bytes.extend_from_slice(bits);
                bytes.extend_from_slice(line.repeat(repeat).as_bytes());
            }
            prop_assert!(bytes.len() > BUFFER);
            prop_assert_eq!(all(&bytes), naive(&bytes));
        }
    }
}
