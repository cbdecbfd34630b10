//! From bytes to a SARIF log, or a clear refusal.

use std::borrow::Cow;

use super::model::Log;

/// The largest SARIF file that is read: 256 MiB. GitHub takes 10 MB gzipped; what is larger than
/// this cannot be of use.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// How deep objects and lists may lie in each other. SARIF itself needs about 20.
pub const MAX_DEPTH: usize = 100;

/// Values that a file may hold, objects and all others: what is read of a value takes a few hundred
/// bytes however short its text is, and memory must not be at the mercy of a file. A file of
/// [`MAX_BYTES`] as tools write it has about half as many.
pub const MAX_OBJECTS: usize = 5_000_000;
/// Objects and all others.
pub const MAX_VALUES: usize = 20_000_000;

/// Parses a log. The error says what the file is, to follow its name: `is empty`.
pub(super) fn decode(bytes: &[u8]) -> Result<Log, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    let text = text(bytes)?;
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let shape = Shape::of(text.as_bytes());
    if shape.depth > MAX_DEPTH {
        return Err(format!(
            "is nested {} levels deep; at most {MAX_DEPTH} are read",
            shape.depth
        ));
    }
    for (found, most, what) in [
        (shape.objects, MAX_OBJECTS, "objects"),
        (shape.values, MAX_VALUES, "values"),
    ] {
        if found > most {
            return Err(format!("holds {found} {what}; at most {most} are read"));
        }
    }
    if !text.trim_start().starts_with('{') {
        return Err("is not SARIF: it does not start with an object".to_owned());
    }
    let log: Log = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_eof() {
            format!("ends in the middle (line {line}, column {column}): it was cut off")
        } else if error.is_data() {
            // All else that has the wrong shape is passed over ([`super::lenient`]).
            format!(
                "names a field twice in one object (line {line}, column {column}): readers differ \
                 in which of the two counts"
            )
        } else {
            // The parser's own words may quote the file: a secret for instance.
            format!("is not JSON: syntax error in line {line}, column {column}")
        }
    })?;
    match log.version.get() {
        Some("2.1.0") => {}
        // Written before the standard was final, same shape.
        Some(version) if version.starts_with("2.1.0-") => {}
        Some(version) => {
            let version: String = version.chars().take(20).collect();
            return Err(format!("is SARIF of version {version:?}; 2.1.0 is read"));
        }
        None => return Err("is not SARIF: it has no version".to_owned()),
    }
    if log.runs.0.is_none() {
        return Err("is not SARIF: it has no list of runs".to_owned());
    }
    Ok(log)
}

/// Why a file of that many bytes is not read.
#[must_use]
pub fn too_large(bytes: u64) -> String {
    format!("is {bytes} bytes large; at most {MAX_BYTES} bytes (256 MiB) are read")
}

/// UTF-8, with or without byte order mark, or UTF-16 with one (PowerShell's `>` writes that).
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .ok()
            .filter(|_| rest.is_empty())
            .map(Cow::Owned)
            .ok_or_else(|| "is not valid UTF-16".to_owned())
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| format!("is not valid UTF-8 (byte {})", error.valid_up_to() + 1))
}

/// What a JSON text, right or wrong, will take to be read.
#[derive(Default)]
struct Shape {
    /// The deepest nesting.
    depth: usize,
    objects: usize,
    /// At least as many as there are.
    values: usize,
}

impl Shape {
    fn of(json: &[u8]) -> Self {
        let mut shape = Self::default();
        let mut depth = 0_usize;
        let (mut in_string, mut escaped) = (false, false);
        for byte in json {
            if in_string {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                    shape.objects += usize::from(*byte == b'{');
                    shape.values += 1;
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' => shape.values += 1,
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(bytes: &[u8]) -> String {
        decode(bytes).err().unwrap_or_else(|| "taken".to_owned())
    }

    #[test]
    fn what_is_no_sarif_is_refused_in_words() {
        let deep = |open: &str, close: &str| {
            format!("{}{}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
        };
        let hidden = format!(
            "{{\"version\":\"2.1.0\",\"runs\":[],\"properties\":{}{}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        for (bytes, expected) in [
            (&b""[..], "is empty"),
            (b" \n", "is empty"),
            (b"\xEF\xBB\xBF", "is empty"),
            (b"hello", "is not SARIF: it does not start with an object"),
            (b"[]", "is not SARIF: it does not start with an object"),
            (b"{}", "is not SARIF: it has no version"),
            (
                b"{\"version\":\"2.1.0\"}",
                "is not SARIF: it has no list of runs",
            ),
            (
                b"{\"version\":\"2.1.0\",\"runs\":null}",
                "is not SARIF: it has no list of runs",
            ),
            (
                b"{\"version\":\"2.1.0\",\"runs\":{}}",
                "is not SARIF: it has no list of runs",
            ),
            (
                b"{\"version\":\"1.0.0\",\"runs\":[]}",
                "is SARIF of version \"1.0.0\"; 2.1.0 is read",
            ),
            (
                b"{\"version\":\"2.1.0\",\"runs\":[{\"results\":[",
                "ends in the middle (line 1, column 39): it was cut off",
            ),
            (
                b"{\"version\":\"2.1.0\",\n\"runs\": hunter2}",
                "is not JSON: syntax error in line 2, column 9",
            ),
            (
                b"{\"version\":\"2.1.0\",\"runs\":[]} trailing",
                "is not JSON: syntax error in line 1, column 31",
            ),
            (
                b"{\"version\":\"1.0.0\",\"version\":\"2.1.0\",\"runs\":[]}",
                "names a field twice in one object (line 1, column 28): readers differ in which \
                 of the two counts",
            ),
            (b"{\"a\":\"\xff\"}", "is not valid UTF-8 (byte 7)"),
            (b"\xFF\xFE{\x00}", "is not valid UTF-16"),
            (
                &deep("[", "]"),
                "is nested 10000 levels deep; at most 100 are read",
            ),
            (
                &deep("{\"a\":", "}"),
                "is nested 10000 levels deep; at most 100 are read",
            ),
            (
                hidden.as_bytes(),
                "is nested 10001 levels deep; at most 100 are read",
            ),
        ] {
            assert_eq!(refused(bytes), expected);
        }
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused() {
        let filled = |value: &str, count: usize| {
            let values = vec![value; count].join(",");
            format!("{{\"version\":\"2.1.0\",\"runs\":[{{\"results\":[{values}]}}]}}").into_bytes()
        };
        assert_eq!(
            refused(&filled("{}", MAX_OBJECTS - 1)),
            format!(
                "holds {} objects; at most 5000000 are read",
                MAX_OBJECTS + 1
            )
        );
        assert_eq!(
            refused(&filled("0", MAX_VALUES)),
            format!("holds {} values; at most 20000000 are read", MAX_VALUES + 4)
        );
        // Within a text nothing counts.
        assert_eq!(refused(&filled("\"{,[\"", 1)), "taken");
        // What an empty one of the most frequent takes.
        let result = size_of::<super::super::model::Result>();
        assert!(result <= 400, "{result} bytes");
    }

    #[test]
    fn every_encoding_of_a_log_is_taken() {
        let log = "{\"version\":\"2.1.0\",\"$schema\":\"[[[\\\"{\",\"runs\":[]}";
        let wide = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xFEFF)
                .chain(log.encode_utf16())
                .flat_map(unit)
                .collect()
        };
        for bytes in [
            log.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", log.as_bytes()].concat(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(refused(&bytes), "taken");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }
    }
}
