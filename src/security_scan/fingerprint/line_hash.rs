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

const fn power(mut exponent: usize) -> u64 {
    let mut product = 1_u64;
    while exponent > 0 {
        product = product.wrapping_mul(BASE);
        exponent -= 1;
    }
    product
}

/// The hashes of `lines` (from 1) of a file with these bytes. A line that the file does not have
/// is missing from the answer.
#[must_use]
pub fn line_hashes(bytes: &[u8], lines: &BTreeSet<u32>) -> HashMap<u32, String> {
    let units = Units::new(bytes);
    // First the requested lines alone, then one pass that counts how often their hashes occurred
    // before: memory stays bound by what was asked, not by the lines of a hostile file.
    let requested: Vec<(u32, u64)> = units
        .starts()
        .zip(1_u32..)
        .take_while(|(_, line)| lines.last().is_some_and(|last| line <= last))
        .filter(|(_, line)| lines.contains(line))
        .map(|(start, line)| (line, fold(0, &units.text[start..start + WINDOW])))
        .collect();
    count(&units, &requested)
}

/// Adds to each requested line's hash its count among the lines up to it.
fn count(units: &Units, requested: &[(u32, u64)]) -> HashMap<u32, String> {
    let mut filter = Filter::default();
    let mut seen: HashMap<u64, u32> = HashMap::with_capacity(requested.len());
    for (_, hash) in requested {
        filter.add(*hash);
        seen.insert(*hash, 0);
    }
    let mut requested = requested.iter().peekable();
    let mut rolling = Rolling::default();
    let mut answer = HashMap::with_capacity(requested.len());
    for (start, line) in units.starts().zip(1_u32..) {
        let Some((next, _)) = requested.peek() else {
            break;
        };
        let hash = rolling.at(&units.text, start);
        if !filter.may_hold(hash) {
            continue;
        }
        let Some(occurrences) = seen.get_mut(&hash) else {
            continue;
        };
        *occurrences += 1;
        if *next == line {
            answer.insert(line, format!("{hash:x}:{occurrences}"));
            requested.next();
        }
    }
    answer
}

/// A file after steps 1 to 3.
struct Units {
    /// Kept units, the 65535, 100 zeros.
    text: Vec<u16>,
    /// Index of the 65535.
    end: usize,
}

impl Units {
    fn new(bytes: &[u8]) -> Self {
        let mut kept = Kept {
            // UTF-16 never takes more units than UTF-8 takes bytes.
            text: vec![0; bytes.len() + 1 + WINDOW],
            length: 0,
            after_cr: false,
        };
        let mut rest = bytes;
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    kept.push_text(text);
                    break;
                }
                Err(error) => {
                    let (valid, invalid) = rest.split_at(error.valid_up_to());
                    kept.push_text(std::str::from_utf8(valid).unwrap_or_default());
                    kept.push(0xFFFD);
                    // None: the file ends within a sequence.
                    rest = error
                        .error_len()
                        .and_then(|length| invalid.get(length..))
                        .unwrap_or_default();
                    if rest.is_empty() {
                        break;
                    }
                }
            }
        }
        let end = kept.length;
        let mut text = kept.text;
        text[end] = END;
        text.truncate(end + 1 + WINDOW);
        Self { text, end }
    }

    /// Where each line starts, in order.
    fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            next = self.text[start..self.end]
                .iter()
                .position(|unit| *unit == LF)
                .map(|offset| start + offset + 1);
            Some(start)
        })
    }
}

/// Step 2 over a text that comes in pieces.
struct Kept {
    text: Vec<u16>,
    length: usize,
    after_cr: bool,
}

impl Kept {
    /// Bytes that are looked at together: short enough that one foreign letter costs little.
    const BLOCK: usize = 64;

    fn push_text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut position = 0;
        while position < bytes.len() {
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

    /// Without a branch that depends on the text.
    fn push_ascii(&mut self, block: &[u8]) {
        let Some(room) = self.text.get_mut(self.length..self.length + block.len()) else {
            return;
        };
        let mut kept = 0;
        let mut after_cr = self.after_cr;
        for byte in block {
            let cr = *byte == b'\r';
            let dropped = match *byte {
                b' ' | b'\t' => true,
                b'\n' => after_cr,
                _ => false,
            };
            room[kept] = if cr { LF } else { u16::from(*byte) };
            kept += usize::from(!dropped);
            after_cr = cr;
        }
        self.length += kept;
        self.after_cr = after_cr;
    }

    fn push(&mut self, unit: u16) {
        if let Ok(byte) = u8::try_from(unit)
            && byte.is_ascii()
        {
            self.push_ascii(&[byte]);
            return;
        }
        self.after_cr = false;
        self.text[self.length] = unit;
        self.length += 1;
    }
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
struct Filter(Vec<u64>);

impl Default for Filter {
    fn default() -> Self {
        Self(vec![0; 64])
    }
}

impl Filter {
    /// Word and bit. The upper bits of the hash are mixed best.
    const fn place(hash: u64) -> (usize, u64) {
        ((hash >> 58) as usize, 1 << (hash >> 52 & 63))
    }

    fn add(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= bit;
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & bit != 0
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
}
