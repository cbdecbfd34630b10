//! Workflow commands: what the runner reads from standard output, and how to keep foreign text
//! from being read so.
//!
//! Source: `ActionCommand.cs` of <https://github.com/actions/runner>. A command is a line that,
//! after leading white space, starts with `::name k=v,…::`; the older form `##[name k=v;]` counts
//! anywhere in a line. Lines end at LF, CR or both.

use std::fmt::Write as _;

use crate::text::visible;

/// One command, without its line end.
pub(crate) fn command(name: &str, properties: &[(&str, String)], message: &str) -> String {
    let mut line = format!("::{name}");
    for (index, (key, value)) in properties.iter().enumerate() {
        let before = if index == 0 { ' ' } else { ',' };
        // Writing to a String cannot fail.
        let _ = write!(line, "{before}{key}={}", property(value));
    }
    line + "::" + &data(message)
}

/// Escapes a command's message.
pub(crate) fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a command's property.
pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// [`visible`] text in which the runner finds no command: a space breaks up what would start one.
#[must_use]
pub fn inert(text: &str) -> String {
    let lines = visible(text).replace("##[", "# #[");
    let lines = lines.split('\n').map(|line| {
        let start = line.len() - line.trim_start().len();
        match line.split_at(start) {
            (space, text) if text.starts_with("::") => format!("{space}: {}", &text[1..]),
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A command as the runner reads it: name, properties and message.
#[cfg(test)]
pub(crate) type Command = (String, Vec<(String, String)>, String);

/// The runner's own reading of a line, for tests.
#[cfg(test)]
pub(crate) fn parse(line: &str) -> Option<Command> {
    let undo = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
    let rest = line.trim_start().strip_prefix("::")?;
    let (info, message) = rest.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let properties = properties
        .trim()
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| {
            let value = undo(value).replace("%3A", ":").replace("%2C", ",");
            (key.to_owned(), value.replace("%25", "%"))
        })
        .collect();
    Some((
        name.to_owned(),
        properties,
        undo(message).replace("%25", "%"),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_commands_are_broken_up() {
        assert_eq!(inert("::error::x"), ": :error::x");
        assert_eq!(
            inert("ok\n \u{a0}::add-mask::a"),
            "ok\n \u{a0}: :add-mask::a"
        );
        assert_eq!(inert("x\r::stop-commands::a"), "x\n: :stop-commands::a");
        assert_eq!(inert("a ##[set-env name=A]b"), "a # #[set-env name=A]b");
        assert_eq!(inert("a::b::c"), "a::b::c");
        assert_eq!(inert(":::"), ": ::");
    }

    proptest! {
        #[test]
        fn the_runner_reads_back_what_was_written(
            first in "\\PC*|[%:,=\r\n0-9AD ]*",
            // The runner trims white space around all properties together.
            last in "([%:,=\r\n0-9AD ]*[!-~])?",
            message in "\\PC*|[%:,=\r\n0-9AD ]*",
        ) {
            let line = command("error", &[("title", first.clone()), ("file", last.clone())], &message);
            prop_assert!(!line.contains(['\n', '\r']));
            let (name, properties, text) = parse(&line).unwrap();
            prop_assert_eq!(name, "error");
            prop_assert_eq!(properties, [("title".to_owned(), first), ("file".to_owned(), last)]);
            prop_assert_eq!(text, message);
        }

        #[test]
        fn inert_text_holds_no_command(text in "([ \t\r\n]|::|##\\[|#|error|stop-commands|:|\\PC)*") {
            for line in inert(&text).split(['\n', '\r']) {
                prop_assert!(parse(line).is_none() , "{line:?}");
                prop_assert!(!line.contains("##["));
            }
        }
    }
}
