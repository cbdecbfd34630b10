//! What Trivy says in its log alone: files that it could not parse, modules that it did not follow.
//!
//! Trivy counts a lock file that it can't parse as no lock file, and says so only with `--debug`.
//! The lines are those of Trivy 0.76; the acceptance tests hold the real program to them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::security_scan::scan::{Gap, GapKind};
use crate::security_scan::scanners::gap;
use crate::text;

/// Messages about a file that could not be parsed.
const UNPARSED: [&str; 6] = [
    "Walk error",
    "Analysis error",
    "Error parsing file",
    "Failed to parse file",
    "Skipping chart",
    "Failed to parse uv lockfile",
];
/// What errors say in words of their own. The rest of an error quotes the file, and so maybe a
/// secret: it stays in the log.
const CAUSES: [&str; 20] = [
    "unknown directive",
    "unknown instruction",
    "unknown flag",
    "file with no instructions",
    "execution error",
    "undefined variable",
    "values don't meet the specifications of the schema",
    "mapping key",
    "did not find expected",
    "could not find expected",
    "found character that cannot start any token",
    "invalid character",
    "unexpected end of JSON input",
    "unexpected EOF",
    "Invalid multi-line string",
    "Unclosed configuration block",
    "Invalid expression",
    "Unsupported",
    "permission denied",
    "failed to decode",
];

/// Which lines are kept: all but the details of `--debug`, which are ten lines for each file.
pub(super) fn keep(line: &str) -> bool {
    Line::read(line).is_none_or(|line| line.level != "DEBUG" || line.is_unparsed())
}

/// What is known of the files that the log names, by their paths there.
pub(super) struct Files<'a> {
    /// What the paths of the log are relative to, relative to the workspace; may be empty.
    pub below: &'a Path,
    /// Whether the scanners may not read it, which is said elsewhere, tracked or not.
    pub is_unreadable: &'a dyn Fn(&Path) -> bool,
    /// Whether the policy leaves it out; None if there is no such file.
    pub is_left_out: &'a dyn Fn(&Path) -> Option<bool>,
}

/// A gap for each file that could not be parsed and counts. A line always leaves a gap unless the
/// file that it means is known beyond doubt: names and contents are a pull request's to choose.
/// Each comes with its path as it is shown, empty where it is not clear which.
pub(super) fn unparsed<'a>(
    lines: impl Iterator<Item = &'a str>,
    files: &Files<'_>,
) -> Vec<(String, Gap)> {
    let mut named: BTreeMap<String, Gap> = BTreeMap::new();
    for line in lines.filter_map(Line::read).filter(Line::is_unparsed) {
        let attributes = attributes(line.attributes);
        let error = one(&attributes, "err");
        let path = one(&attributes, "file_path");
        if path.is_some_and(|path| is_known(path, error, files)) {
            continue;
        }
        let next =
            "correct the file, leave it out in the policy (exclude), or set unparsed: warn there";
        let candidates = match (path, error) {
            (Some(path), _) => vec![path.value.as_slice()],
            (None, Some(error)) => named_in(&error.value),
            (None, None) => Vec::new(),
        };
        if is_left_out(&candidates, path.is_none_or(|path| path.whole), files) {
            continue;
        }
        // Where the error goes on, the longest name of one that exists is shown.
        let shown = candidates
            .iter()
            .rfind(|path| (files.is_left_out)(as_path(path)).is_some())
            .or(candidates.first());
        let name = shown.map(|path| {
            let path = files.below.join(as_path(path));
            text::line(&path.to_string_lossy())
        });
        let why = error.map_or_else(
            || "its log says no more".to_owned(),
            |error| why(&error.text(), shown.copied().unwrap_or_default()),
        );
        let file = name.as_deref().unwrap_or("a file that could not be named");
        let what = format!("Trivy could not parse {file}: {why}");
        let gap = gap(GapKind::Unparsed, what, Some(next));
        named.entry(name.unwrap_or_default()).or_insert(gap);
    }
    named.into_iter().collect()
}

/// What an error says without anything that it quotes: a constant, and the number of a line.
fn why(error: &str, path: &[u8]) -> String {
    let cause = CAUSES.into_iter().find(|cause| error.contains(cause));
    let path = String::from_utf8_lossy(path);
    let name = path.rsplit('/').next().unwrap_or_default();
    let line = [format!("{name}:"), "line ".to_owned(), "line: ".to_owned()]
        .iter()
        .flat_map(|start| error.match_indices(start.as_str()))
        .find_map(|(at, start)| {
            let rest = &error[at + start.len()..];
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (1..=7).contains(&end).then(|| &rest[..end])
        });
    match (cause, line) {
        (Some(cause), Some(line)) => format!("{cause}, line {line} (its log says more)"),
        (Some(cause), None) => format!("{cause} (its log says more)"),
        (None, Some(line)) => format!("line {line} (its log says why)"),
        (None, None) => "its log says why".to_owned(),
    }
}

/// Terraform modules that were not followed, because the tree may not make Trivy use the network.
pub(super) fn not_followed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut places: Vec<String> = lines
        .filter_map(Line::read)
        .filter(|line| line.message.starts_with("Failed to load module"))
        .filter_map(|line| {
            let attributes = attributes(line.attributes);
            Some(text::line(&one(&attributes, "loc")?.text()))
        })
        .collect();
    places.sort();
    places.dedup();
    places
        .into_iter()
        .map(|place| format!("remote Terraform module not followed: {place}"))
        .collect()
}

/// Whether this is a file that may not be read, and that is known already.
fn is_known(path: &Attribute<'_>, error: Option<&Attribute<'_>>, files: &Files<'_>) -> bool {
    path.whole
        && error.is_some_and(|error| error.whole && error.value.ends_with(b": permission denied"))
        && (files.is_unreadable)(as_path(&path.value))
}

/// Whether every file that a line can mean is left out, and there is one.
fn is_left_out(candidates: &[&[u8]], whole: bool, files: &Files<'_>) -> bool {
    let there: Vec<bool> = candidates
        .iter()
        .filter_map(|path| (files.is_left_out)(as_path(path)))
        .collect();
    whole && !there.is_empty() && there.iter().all(|left_out| *left_out)
}

/// `failed to parse PATH: …`, at the start, behind an analyzer's own constant words or behind
/// `PATH parse error: `: every path that this can mean, the shortest first, because a path can hold
/// `: ` and all of those words as well.
/// Source: `pkg/fanal/analyzer/language/analyze.go`, `Parse`, and its callers.
fn named_in(error: &[u8]) -> Vec<&[u8]> {
    const FAILED: &[u8] = b"failed to parse ";
    const TWICE: &[u8] = b" parse error: failed to parse ";
    let places = |words: &'static [u8]| {
        let windows = error.windows(words.len()).enumerate();
        windows.filter_map(move |(at, part)| (part == words).then_some(at))
    };
    let mut paths: Vec<&[u8]> = places(TWICE)
        .map(|at| (&error[..at], &error[at + TWICE.len()..]))
        .filter(|(path, rest)| {
            let rest = rest.strip_prefix(*path);
            rest.is_some_and(|rest| rest.starts_with(b": "))
        })
        .map(|(path, _)| path)
        .collect();
    if let Some(at) = places(FAILED).next() {
        let (before, rest) = error.split_at(at);
        // A path in those words could hold words of its own.
        let colons = before.windows(2).filter(|part| part == b": ").count();
        let ends = before.is_empty() || before.ends_with(b": ");
        if ends && colons <= 1 && !before.contains(&b'/') {
            let rest = &rest[FAILED.len()..];
            let ends = rest.windows(2).enumerate();
            let ends = ends.filter(|(_, part)| part == b": ");
            paths.extend(ends.map(|(end, _)| &rest[..end]));
        }
    }
    paths.sort_by_key(|path| path.len());
    paths
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A line of the log. Source: `pkg/log/handler.go`: time, level, `[prefix] message`, attributes,
/// with tabs between.
struct Line<'a> {
    level: &'a str,
    message: &'a str,
    attributes: &'a str,
}

impl<'a> Line<'a> {
    /// None for the further lines of a message.
    fn read(line: &'a str) -> Option<Self> {
        let mut columns = line.splitn(4, '\t').skip(1);
        let (level, message) = (columns.next()?, columns.next()?);
        let behind = message.starts_with('[').then(|| message.split_once("] "));
        Some(Self {
            level,
            message: behind.flatten().map_or(message, |(_, message)| message),
            attributes: columns.next().unwrap_or_default(),
        })
    }

    fn is_unparsed(&self) -> bool {
        UNPARSED
            .iter()
            .any(|message| self.message.starts_with(message))
    }
}

/// `key="value"`.
struct Attribute<'a> {
    key: &'a str,
    value: Vec<u8>,
    /// Whether the value has an end.
    whole: bool,
}

impl Attribute<'_> {
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// The attribute with this key; None if there is more than one.
fn one<'a, 'b>(attributes: &'a [Attribute<'b>], key: &str) -> Option<&'a Attribute<'b>> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    found.next().filter(|_| found.next().is_none())
}

/// From left to right: what stands in a value is never a key. Strings and errors are quoted; what
/// is not (numbers, lists) ends at a blank.
fn attributes(mut text: &str) -> Vec<Attribute<'_>> {
    let mut all = Vec::new();
    while let Some((key, rest)) = text.trim_start_matches(' ').split_once('=') {
        let (value, whole, rest) = if let Some(quoted) = rest.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (value, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            (value.as_bytes().to_vec(), true, rest)
        };
        all.push(Attribute { key, value, whole });
        text = rest;
    }
    all
}

/// Undoes Go's `strconv.Quote`: the bytes, whether there was a closing quote, and what follows it.
fn unquoted(text: &str) -> (Vec<u8>, bool, &str) {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (bytes, true, chars.as_str()),
            '\\' => {
                let Some(escaped) = chars.next() else { break };
                let digits = match escaped {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let number = chars.as_str().get(..digits);
                let number = number.and_then(|number| u32::from_str_radix(number, 16).ok());
                match (escaped, number) {
                    ('x', Some(byte)) => bytes.extend(u8::try_from(byte)),
                    ('u' | 'U', Some(code)) => push(&mut bytes, char::from_u32(code)),
                    ('x' | 'u' | 'U', None) => break,
                    ('a', _) => bytes.push(7),
                    ('b', _) => bytes.push(8),
                    ('f', _) => bytes.push(12),
                    ('n', _) => bytes.push(b'\n'),
                    ('r', _) => bytes.push(b'\r'),
                    ('t', _) => bytes.push(b'\t'),
                    ('v', _) => bytes.push(11),
                    (other, _) => push(&mut bytes, Some(other)),
                }
                chars = chars.as_str()[digits..].chars();
            }
            other => push(&mut bytes, Some(other)),
        }
    }
    (bytes, false, "")
}

fn push(bytes: &mut Vec<u8>, c: Option<char>) {
    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// A tree that has all of `files` and of what the policy leaves out.
    #[derive(Default)]
    struct Tree {
        unreadable: &'static [&'static str],
        files: &'static [&'static str],
        left_out: &'static [&'static str],
    }

    /// What could not be parsed, up to the error's first colon.
    fn named(log: &[&str], tree: &Tree) -> Vec<String> {
        let is = |path: &Path, list: &[&str]| list.iter().any(|it| path == Path::new(it));
        let files = Files {
            below: Path::new(""),
            is_unreadable: &|path| is(path, tree.unreadable),
            is_left_out: &|path| {
                let left_out = is(path, tree.left_out);
                (left_out || is(path, tree.files)).then_some(left_out)
            },
        };
        unparsed(log.iter().copied(), &files)
            .into_iter()
            .map(|(_, gap)| {
                assert_eq!(gap.kind, GapKind::Unparsed);
                let what = gap.what.strip_prefix("Trivy could not parse ").unwrap();
                let end = what.match_indices(':').nth(1).map_or(what.len(), |it| it.0);
                what[..end].to_owned()
            })
            .collect()
    }

    fn walk_error(path: &str, error: &str) -> String {
        format!("T\tDEBUG\tWalk error\tfile_path={path:?} err={error:?}")
    }

    fn analysis_error(path: &str) -> String {
        let failed = format!("failed to parse {path}: ").repeat(2);
        let error = format!("unable to parse Pipfile.lock: {failed}failed to decode");
        format!("T\tDEBUG\t[analyzer] Analysis error\terr={error:?}")
    }

    fn parse_error(path: &str) -> String {
        let failed = format!("failed to parse {path}: ").repeat(2);
        let error = format!("{path} parse error: {failed}xml decode error: EOF");
        format!("T\tDEBUG\t[analyzer] Analysis error\terr={error:?}")
    }

    #[test]
    fn only_what_may_not_be_read_is_known_already() {
        let tree = Tree {
            unreadable: &["secret"],
            ..Tree::default()
        };
        for (path, error, expected) in [
            ("secret", "open secret: permission denied", None),
            ("secret", "parse error", Some("secret: its log says why")),
            (
                "permission denied/package-lock.json",
                "bad x: permission denied/x",
                Some("permission denied/package-lock.json: permission denied (its log says more)"),
            ),
            (
                "ok",
                "x: permission denied",
                Some("ok: permission denied (its log says more)"),
            ),
        ] {
            let found = named(&[&walk_error(path, error)], &tree);
            assert_eq!(
                found.first().map(String::as_str),
                expected,
                "{path} {error}"
            );
        }
    }

    #[test]
    fn a_line_that_was_cut_is_a_gap() {
        let long = "X".repeat(20_000);
        let tree = Tree {
            left_out: &["vendor/a"],
            ..Tree::default()
        };
        for (line, expected) in [
            (
                "T\tERROR\t[dockerfile scanner] Failed to parse file\tfile_path=\"Dockerfile\" err=\"parse",
                "Dockerfile: its log says why",
            ),
            (
                "T\tERROR\t[terraform parser] Error parsing file\tmodule=\"root\" cause=\"",
                "a file that could not be named: its log says no more",
            ),
            (
                "T\tDEBUG\tWalk error\tfile_path=\"vendor/a",
                "vendor/a: its log says no more",
            ),
            (
                "T\tDEBUG\tWalk error\terr=\"x\\",
                "a file that could not be named: its log says why",
            ),
            (
                "T\tDEBUG\tWalk error",
                "a file that could not be named: its log says no more",
            ),
        ] {
            // Whatever follows, however long: it has no end.
            for line in [line.to_owned(), format!("{line}{long}")] {
                let found = named(&[&line], &tree);
                assert_eq!(found.len(), 1, "{}", &line[..line.len().min(100)]);
                if line.len() < 1000 {
                    assert_eq!(found, [expected]);
                }
            }
        }
    }

    /// Errors of Trivy 0.76.
    #[test]
    fn what_an_error_quotes_is_not_told() {
        for (path, error, told) in [
            (
                "a/go.mod",
                "parse error: failed to parse a/go.mod: go.mod parse error: go.mod:5: unknown directive: hunter2",
                "unknown directive, line 5 (its log says more)",
            ),
            (
                "Dockerfile",
                "parse dockerfile instruction: parse instruction \"hunter2\": unknown instruction: hunter2",
                "unknown instruction (its log says more)",
            ),
            (
                "chart",
                "parse chart: execution error at (chart/templates/x.yaml:1:3): hunter2",
                "execution error (its log says more)",
            ),
            (
                "main.tf",
                "main.tf:2,49-3,1: Invalid multi-line string; Quoted strings may not be hunter2",
                "Invalid multi-line string, line 2 (its log says more)",
            ),
            (
                "uv.lock",
                "toml: line 2 (last key \"hunter2\")",
                "line 2 (its log says why)",
            ),
            ("x", "line 123456789012", "its log says why"),
            ("x", "hunter2", "its log says why"),
        ] {
            assert_eq!(why(error, path.as_bytes()), told, "{error}");
        }
    }

    #[test]
    fn names_do_not_make_lines_that_are_kept() {
        for (line, kept) in [
            (
                "T\tDEBUG\t[secret] scanChunk called\tfile_path=\"Walk error/a\"",
                false,
            ),
            ("T\tDEBUG\tWalk error\tfile_path=\"a\"", true),
            ("T\tDEBUG\t[analyzer] Analysis error\terr=\"a\"", true),
            ("T\tINFO\tx", true),
            ("  - of a message\tDEBUG", true),
        ] {
            assert_eq!(keep(line), kept, "{line}");
        }
    }

    #[test]
    fn a_name_does_not_lead_into_a_folder_that_is_left_out() {
        let tree = Tree {
            files: &[
                "a.md: x/Pipfile.lock",
                "a file_path=vendor/Pipfile.lock",
                "é\u{1}/x",
                "b/pom.xml",
                "x: failed to parse vendor/pom.xml",
            ],
            left_out: &[
                "vendor/Pipfile.lock",
                "a.md",
                "vendor/b: c/Pipfile.lock",
                "vendor/a: b/pom.xml",
                "vendor/pom.xml parse error",
                "\u{7f}v",
            ],
            ..Tree::default()
        };
        let quote = "a\" file_path=\"vendor/Pipfile.lock";
        for (line, counts) in [
            (walk_error("vendor/Pipfile.lock", "x"), false),
            (walk_error("vendor/gone", "x"), true),
            (walk_error("b", "x file_path=\"vendor/Pipfile.lock\""), true),
            (walk_error(quote, "x"), true),
            (
                "T\tDEBUG\tWalk error\tfile_path=\"\\x7fv\" err=\"x\"".to_owned(),
                false,
            ),
            (
                "T\tDEBUG\tWalk error\tn=1 file_path=\"vendor/Pipfile.lock\" file_path=\"b\""
                    .to_owned(),
                true,
            ),
            (analysis_error("vendor/Pipfile.lock"), false),
            (analysis_error("vendor/b: c/Pipfile.lock"), false),
            (analysis_error("a file_path=vendor/Pipfile.lock"), true),
            (analysis_error("a.md: x/Pipfile.lock"), true),
            (parse_error("vendor/a: b/pom.xml"), false),
            (parse_error("b/pom.xml"), true),
            (parse_error("x: failed to parse vendor/pom.xml"), true),
            (
                "T\tDEBUG\tAnalysis error\terr=\"b/x: failed to parse vendor/Pipfile.lock: y\""
                    .to_owned(),
                true,
            ),
        ] {
            assert_eq!(named(&[&line], &tree).len(), usize::from(counts), "{line}");
        }
    }

    #[test]
    fn lines_of_trivy() {
        let log = [
            "2026-01-01T00:00:00Z\tINFO\t[npm] Run \"npm install\" to collect\tdir=\"a/node_modules\"",
            "2026-01-01T00:00:00Z\tDEBUG\tWalk error\tfile_path=\"a/package-lock.json\" err=\"parse error: failed to parse a/package-lock.json: decode error: x\"",
            "2026-01-01T00:00:00Z\tDEBUG\t[analyzer] Analysis error\terr=\"unable to parse Pipfile.lock: failed to parse we\\nird/Pipfile.lock: failed to parse we\\nird/Pipfile.lock: failed to decode \\\"x\\\"\"",
            "2026-01-01T00:00:00Z\tERROR\t[terraform parser] Error parsing file\tmodule=\"root\" file_path=\"inv\\xff.tf\" cause=\"x\" err=\"bad.tf:1,18-2,1: Invalid\"",
            "2026-01-01T00:00:00Z\tWARN\t[uv] Failed to parse uv lockfile\terr=\"failed to parse d/uv.lock: failed to decode uv lock file: toml\"",
            "2026-01-01T00:00:00Z\tDEBUG\tWalk error\tfile_path=\"secret\" err=\"open secret: permission denied\"",
            "2026-01-01T00:00:00Z\tDEBUG\t[secret] scanChunk called\tfile_path=\"a\"",
        ];
        let tree = Tree {
            unreadable: &["secret"],
            ..Tree::default()
        };
        assert_eq!(
            named(&log, &tree),
            [
                "a/package-lock.json: its log says why",
                "d/uv.lock: failed to decode (its log says more)",
                "inv\u{fffd}.tf: its log says why",
                "we\\nird/Pipfile.lock: failed to decode (its log says more)",
            ]
        );
        let module = "2026-01-01T00:00:00Z\tERROR\t[terraform evaluator] Failed to load module. Maybe try 'terraform init'?\tmodule=\"root\" loc=\"main.tf:4-7\" err=\"x\"";
        assert_eq!(
            not_followed([module, module].into_iter()),
            ["remote Terraform module not followed: main.tf:4-7"]
        );
        let kept: Vec<bool> = log.into_iter().map(keep).collect();
        assert_eq!(kept, [true, true, true, true, true, true, false]);
    }

    /// Go's `strconv.Quote`, of what it shows as it is less than the real one.
    fn quote(bytes: &[u8]) -> String {
        let mut text = String::from("\"");
        for chunk in bytes.utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '"' | '\\' => text.extend(['\\', char]),
                    '\u{7}' => text += r"\a",
                    '\u{8}' => text += r"\b",
                    '\u{c}' => text += r"\f",
                    '\n' => text += r"\n",
                    '\r' => text += r"\r",
                    '\t' => text += r"\t",
                    '\u{b}' => text += r"\v",
                    '\0'..'\u{20}' | '\u{7f}' => write!(text, r"\x{:02x}", char as u32).unwrap(),
                    ' '..='~' | 'ä'..='ÿ' => text.push(char),
                    '\u{80}'..='\u{ffff}' => write!(text, r"\u{:04x}", char as u32).unwrap(),
                    _ => write!(text, r"\U{:08x}", char as u32).unwrap(),
                }
            }
            for byte in chunk.invalid() {
                write!(text, r"\x{byte:02x}").unwrap();
            }
        }
        text + "\""
    }

    proptest! {
        #[test]
        fn what_go_quotes_is_read_back(first: Vec<u8>, second in "([\"\\\\= \n\u{0}-\u{20}]|err=|\\PC)*") {
            let text = format!("a={} n=12 err={}", quote(&first), quote(second.as_bytes()));
            let all = attributes(&text);
            let read: Vec<_> = all.iter().map(|one| (one.key, one.value.as_slice(), one.whole)).collect();
            prop_assert_eq!(
                read,
                [("a", first.as_slice(), true), ("n", b"12", true), ("err", second.as_bytes(), true)]
            );
        }

        #[test]
        fn any_line_is_read_without_a_panic(line in "([\"\\\\=xuU0-9a-f\t ]|\\[|\\]|\\PC)*") {
            attributes(&line);
            named(&[&line], &Tree::default());
        }
    }
}
