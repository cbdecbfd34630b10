//! What the runner does with a step's output: workflow commands in its lines, and the files behind `GITHUB_OUTPUT` and
//! its like. After `ActionCommand.cs`, `ActionCommandManager.cs` and `FileCommandManager.cs` of `actions/runner`.

use std::collections::BTreeMap;

/// `CreateStepSummaryCommand`: a larger summary is dropped with an error.
const SUMMARY_LIMIT: usize = 1024 * 1024;
/// `ExecutionContext`: what is kept of each type in a step; the others stay in the log alone.
const ANNOTATIONS_PER_TYPE: usize = 10;
/// `ExecutionContext`: a longer message is cut.
const ANNOTATION_LENGTH: usize = 4096;

/// Commands that the runner knows. Everything else that looks like one is plain text.
const KNOWN: [&str; 15] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// One `::error::`, `::warning::` or `::notice::`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// `error`, `warning` or `notice`.
    pub(crate) level: String,
    pub(crate) title: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u64>,
    pub(crate) message: String,
}

/// What a step's lines made the runner do.
#[derive(Debug, Default)]
pub(crate) struct Log {
    stop_token: Option<String>,
    /// The log as a user reads it: commands taken out, masked values as `***`.
    pub(crate) text: String,
    /// What appears beside the run: the first 10 of each level, cut to 4,096 characters.
    pub(crate) annotations: Vec<Annotation>,
    /// Annotations beyond the first 10 of their level.
    pub(crate) dropped_annotations: usize,
    /// Every `::add-mask::` value, in order.
    pub(crate) masks: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) debug: Vec<String>,
    /// What the runner would complain about: commands that are off, files that it can't read, a summary too large.
    pub(crate) errors: Vec<String>,
}

struct Command<'a> {
    name: &'a str,
    properties: BTreeMap<String, String>,
    data: String,
}

impl Log {
    /// Takes one line of standard output or error: the runner reads commands from both.
    pub(crate) fn take(&mut self, line: &str) {
        match self.parse(line) {
            Some(command) => self.process(&command, line),
            None => self.print(line),
        }
    }

    fn parse<'a>(&self, line: &'a str) -> Option<Command<'a>> {
        parse_v2(line, self.stop_token.as_deref())
            .or_else(|| parse_v1(line, self.stop_token.as_deref()))
    }

    fn process(&mut self, command: &Command<'_>, line: &str) {
        let name = command.name.to_ascii_lowercase();
        if let Some(token) = &self.stop_token {
            if name.eq_ignore_ascii_case(token) {
                self.stop_token = None;
            } else {
                self.print(line);
            }
            return;
        }
        let data = &command.data;
        match name.as_str() {
            "stop-commands" => {
                let reserved = KNOWN.contains(&data.to_ascii_lowercase().as_str());
                if data.is_empty() || data == "pause-logging" || reserved {
                    self.errors
                        .push(format!("invalid stop-commands token '{data}'"));
                } else {
                    self.stop_token = Some(data.clone());
                }
            }
            "add-mask" if data.trim().is_empty() => {
                self.errors
                    .push("can't add secret mask for empty string".to_owned());
            }
            "add-mask" => self.masks.push(data.clone()),
            "error" | "warning" | "notice" => self.annotate(&name, command),
            "group" => self.groups.push(data.clone()),
            "debug" => self.debug.push(data.clone()),
            "echo" | "endgroup" | "add-matcher" | "remove-matcher" => {}
            _ => self
                .errors
                .push(format!("the command '{name}' is disabled or deprecated")),
        }
    }

    fn annotate(&mut self, level: &str, command: &Command<'_>) {
        let property = |name: &str| command.properties.get(name).cloned();
        self.print(&format!("##[{level}]{}", command.data));
        if self
            .annotations
            .iter()
            .filter(|other| other.level == level)
            .count()
            >= ANNOTATIONS_PER_TYPE
        {
            self.dropped_annotations += 1;
            return;
        }
        self.annotations.push(Annotation {
            level: level.to_owned(),
            title: property("title").map(|title| self.mask(&title)),
            file: property("file"),
            line: property("line").and_then(|line| line.parse().ok()),
            message: self
                .mask(&command.data)
                .chars()
                .take(ANNOTATION_LENGTH)
                .collect(),
        });
    }

    fn print(&mut self, line: &str) {
        let masked = self.mask(line);
        self.text.push_str(&masked);
        self.text.push('\n');
    }

    /// The runner masks the value and each of its lines.
    fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for value in &self.masks {
            let lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
            for part in std::iter::once(value.as_str()).chain(lines) {
                masked = masked.replace(part, "***");
            }
        }
        masked
    }

    /// The variables in a file behind `GITHUB_OUTPUT`, `GITHUB_STATE` or `GITHUB_ENV`.
    pub(crate) fn variables(&mut self, file: &str, text: &str) -> BTreeMap<String, String> {
        parse_variables(text).unwrap_or_else(|error| {
            self.errors
                .push(format!("unable to process file command '{file}': {error}"));
            BTreeMap::new()
        })
    }

    /// The summary that the user sees.
    pub(crate) fn summary(&mut self, text: &str) -> String {
        if text.len() > SUMMARY_LIMIT {
            self.errors.push(format!(
                "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got {}k",
                text.len() / 1024
            ));
            return String::new();
        }
        self.mask(text)
    }
}

fn known(name: &str, stop_token: Option<&str>) -> bool {
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
        || stop_token.is_some_and(|token| token.eq_ignore_ascii_case(name))
}

/// `::name property=value,…::data`, alone on its line but for leading white space.
fn parse_v2<'a>(line: &'a str, stop_token: Option<&str>) -> Option<Command<'a>> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (info, data) = rest.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    known(name, stop_token).then(|| Command {
        name,
        properties: pairs(properties.trim(), ',', |value| {
            unescape(
                value,
                &[
                    ("%0D", "\r"),
                    ("%0A", "\n"),
                    ("%3A", ":"),
                    ("%2C", ","),
                    ("%25", "%"),
                ],
            )
        }),
        data: unescape(data, &[("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]),
    })
}

/// `##[name property=value;…]data`, anywhere in the line: the older form, which the runner still obeys.
fn parse_v1<'a>(line: &'a str, stop_token: Option<&str>) -> Option<Command<'a>> {
    const ESCAPES: [(&str, &str); 5] = [
        ("%3B", ";"),
        ("%0D", "\r"),
        ("%0A", "\n"),
        ("%5D", "]"),
        ("%25", "%"),
    ];
    let (_, rest) = line.split_once("##[")?;
    let (info, data) = rest.split_once(']')?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    known(name, stop_token).then(|| Command {
        name,
        properties: pairs(properties, ';', |value| unescape(value, &ESCAPES)),
        data: unescape(data, &ESCAPES),
    })
}

fn pairs(
    text: &str,
    separator: char,
    unescape: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    text.split(separator)
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .map(|(name, value)| (name.to_owned(), unescape(value)))
        .collect()
}

fn unescape(text: &str, escapes: &[(&str, &str)]) -> String {
    escapes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The variables of a command file, or why the runner would not take it.
pub(crate) fn parse_variables(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        // Whichever comes first decides: `a=b<<c` is a value, `a<<b=c` a delimiter.
        let invalid = || format!("invalid format '{line}'");
        let at = line
            .find('=')
            .into_iter()
            .chain(line.find("<<"))
            .min()
            .ok_or_else(invalid)?;
        let (name, rest) = line.split_at(at);
        if name.is_empty() || rest == "<<" {
            return Err(invalid());
        }
        let value = match rest.strip_prefix("<<") {
            Some(delimiter) => heredoc(&mut lines, delimiter)?,
            None => rest[1..].to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

fn heredoc<'a>(
    lines: &mut impl Iterator<Item = &'a str>,
    delimiter: &str,
) -> Result<String, String> {
    let mut value = String::new();
    loop {
        let line = lines
            .next()
            .ok_or_else(|| format!("matching delimiter not found '{delimiter}'"))?;
        if line.strip_suffix('\n').unwrap_or(line) == delimiter {
            break;
        }
        value.push_str(line);
    }
    // The line end before the delimiter is not the value's.
    if value.ends_with('\n') {
        value.pop();
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{Log, parse_variables};

    fn log(lines: &[&str]) -> Log {
        let mut log = Log::default();
        for line in lines {
            log.take(line);
        }
        log
    }

    #[test]
    fn annotations_are_unescaped_once() {
        let log = log(&["  ::error file=a%2Cb.py,line=7,title=One%3A two::100%25 of%0Athem %250A"]);
        let [error] = &log.annotations[..] else {
            panic!("{log:?}")
        };
        assert_eq!(error.file.as_deref(), Some("a,b.py"));
        assert_eq!(error.line, Some(7));
        assert_eq!(error.title.as_deref(), Some("One: two"));
        assert_eq!(error.message, "100% of\nthem %0A");
    }

    #[test]
    fn the_old_form_is_obeyed_anywhere_in_a_line() {
        let log = log(&["found ##[add-mask]hunter2", "the password is hunter2"]);
        assert_eq!(log.masks, ["hunter2"]);
        assert_eq!(log.text, "the password is ***\n");
    }

    #[test]
    fn nothing_is_obeyed_between_stop_and_token() {
        let log = log(&[
            "::stop-commands::a-token",
            "::add-mask::x",
            "##[error]no",
            "::other-token::",
            "::A-Token::",
            "::warning::yes",
        ]);
        assert_eq!(log.masks, Vec::<String>::new());
        assert_eq!(log.annotations.len(), 1);
        assert_eq!(
            log.text,
            "::add-mask::x\n##[error]no\n::other-token::\n##[warning]yes\n"
        );
    }

    #[test]
    fn a_stop_token_that_is_a_command_is_refused() {
        let log = log(&["::stop-commands::error", "::error::seen"]);
        assert_eq!(log.errors, ["invalid stop-commands token 'error'"]);
        assert_eq!(log.annotations.len(), 1);
    }

    #[test]
    fn unknown_commands_are_text_and_dangerous_ones_are_errors() {
        let log = log(&[
            "::nothing::x",
            "::set-output name=a::b",
            "::set-env name=PATH::b",
            "::not one",
        ]);
        assert_eq!(log.text, "::nothing::x\n::not one\n");
        assert_eq!(log.errors.len(), 2);
    }

    #[test]
    fn the_eleventh_of_a_level_is_dropped() {
        let mut lines = vec!["::error::e"; 11];
        lines.push("::notice::n");
        let log = log(&lines);
        assert_eq!((log.annotations.len(), log.dropped_annotations), (11, 1));
    }

    #[test]
    fn masks_hide_each_line_of_their_value() {
        let log = log(&["::add-mask::first%0Asecond", "a first", "a second"]);
        assert_eq!(log.text, "a ***\na ***\n");
    }

    #[test]
    fn variables_in_both_forms() {
        let text = "a=1=2\nb<<X\nline 1\n\nline=3\nX\n\nc<<Y\nY\nd=";
        let variables = parse_variables(text).unwrap();
        let expected = [
            ("a", "1=2"),
            ("b", "line 1\n\nline=3"),
            ("c", ""),
            ("d", ""),
        ];
        assert_eq!(
            variables,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }

    #[test]
    fn broken_variables_are_refused() {
        for (text, reason) in [
            ("a", "invalid format 'a'"),
            ("=1", "invalid format '=1'"),
            ("<<X\nX", "invalid format '<<X'"),
            ("a<<\n", "invalid format 'a<<'"),
            ("a<<X\nb\n", "matching delimiter not found 'X'"),
        ] {
            assert_eq!(parse_variables(text).unwrap_err(), reason);
        }
    }

    #[test]
    fn a_summary_beyond_one_mebibyte_is_lost() {
        let mut log = Log::default();
        assert_eq!(log.summary(&"a".repeat(1024 * 1024)).len(), 1024 * 1024);
        assert_eq!(log.summary(&"a".repeat(1024 * 1024 + 1)), "");
        assert_eq!(log.errors.len(), 1);
    }
}
