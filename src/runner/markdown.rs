//! Foreign text in GitHub Flavored Markdown.
//!
//! Everything here may stand in a table cell: no line ends, no bare `|`. What could start markup,
//! HTML, a mention or a link of its own is broken up without changing how it reads.

use std::fmt::Write as _;

use crate::text::visible;

/// Prose: reads as it is written, and does nothing.
#[must_use]
pub fn text(foreign: &str) -> String {
    // Four blanks at the start of a line would make it code.
    words(foreign.trim())
}

/// [`text`] that stands behind something on its line: the blanks around it are kept.
fn words(foreign: &str) -> String {
    encode(foreign, |char, at_start| match char {
        '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => Some(format!("\\{char}")),
        '#' | '+' | '-' | '=' | ':' if at_start => Some(format!("\\{char}")),
        // GitHub reads `$…$` as mathematics; the span is the escape that it documents, the entity
        // is for parsers that look before they know of elements.
        '$' => Some("<span>&#36;</span>".to_owned()),
        _ => None,
    })
}

/// Prose of our own making that may quote foreign text: what stands between backticks is shown as
/// [`code`], all else as [`text`].
#[must_use]
pub fn prose(ours: &str) -> String {
    let parts: Vec<_> = ours.trim().split('`').collect();
    if parts.len() % 2 == 0 {
        return text(ours);
    }
    let parts = parts.into_iter().enumerate().map(|(index, part)| {
        if index % 2 == 0 {
            words(part)
        } else {
            code(part)
        }
    });
    parts.collect()
}

/// A name, path or value in a fixed-width font.
#[must_use]
pub fn code(foreign: &str) -> String {
    // Not backticks: within them nothing can be escaped, and a table's `|` must be.
    let encoded = encode(foreign, |char, _| {
        "\\`*_[]|~$".contains(char).then(|| entity(char))
    });
    format!("<code>{encoded}</code>")
}

/// A link; `label` is Markdown already (from [`text`] or [`code`]). Any address but `http` and
/// `https` gives the label alone.
#[must_use]
pub fn link(label: &str, address: &str) -> String {
    let known = ["https://", "http://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    if !known {
        return label.to_owned();
    }
    let mut safe = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[@!$&'+,;=%".contains(&byte) && byte != b'[' {
            safe.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    format!("[{label}]({safe})")
}

/// Many lines in a fixed-width font, on lines of their own.
#[must_use]
pub fn fence(language: &str, foreign: &str) -> String {
    let text = visible(foreign);
    let longest = text
        .split(|char| char != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!(
        "{fence}{language}\n{}\n{fence}\n",
        text.trim_end_matches('\n')
    )
}

fn entity(char: char) -> String {
    format!("&#{};", u32::from(char))
}

/// One line, with `escape` for what only the caller needs.
fn encode(foreign: &str, escape: impl Fn(char, bool) -> Option<String>) -> String {
    let line = visible(foreign).replace(['\n', '\t'], " ");
    let mut encoded = String::with_capacity(line.len() * 2);
    for (index, char) in line.char_indices() {
        let before = &line[..index];
        match char {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            // An empty comment is not seen, and keeps GitHub from making a mention or a link.
            '@' => encoded.push_str("@<!-- -->"),
            '/' if before.ends_with(':') => encoded.push_str("<!-- -->/"),
            '.' if before.to_ascii_lowercase().ends_with("www") => encoded.push_str("<!-- -->."),
            // `1.` and `1)` at the start of a line would be a list.
            '.' if !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit()) => {
                encoded.push_str("\\.");
            }
            char => match escape(char, before.is_empty()) {
                Some(escaped) => encoded.push_str(&escaped),
                None => encoded.push(char),
            },
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_foreign_acts() {
        for (foreign, expected) in [
            ("plain text, no more.", "plain text, no more."),
            ("a|b\nc\r\nd", "a\\|b c d"),
            ("<img src=x>&amp;", "&lt;img src=x&gt;&amp;amp;"),
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("@octocat *b* `c`", "@<!-- -->octocat \\*b\\* \\`c\\`"),
            ("https://evil.example", "https:<!-- -->//evil.example"),
            ("see www.evil.example", "see www<!-- -->.evil.example"),
            ("1. item", "1\\. item"),
            ("\n\t    indented ", "indented"),
            ("# no heading", "\\# no heading"),
            ("- a-b # c", "\\- a-b # c"),
            ("$x$", "<span>&#36;</span>x<span>&#36;</span>"),
            ("\u{1b}[0m\u{202e}", "\\\\u{1b}\\[0m\\\\u{202e}"),
        ] {
            assert_eq!(text(foreign), expected);
        }
    }

    #[test]
    fn code_is_one_element() {
        assert_eq!(code("src/a_b.py"), "<code>src/a&#95;b.py</code>");
        assert_eq!(
            code("`</code>|<script>"),
            "<code>&#96;&lt;/code&gt;&#124;&lt;script&gt;</code>"
        );
    }

    #[test]
    fn backticks_of_our_own_are_code() {
        assert_eq!(prose("`a|b` is *no*"), "<code>a&#124;b</code> is \\*no\\*");
        assert_eq!(prose("odd ` one"), "odd \\` one");
        assert_eq!(prose("plain"), "plain");
    }

    #[test]
    fn links_stay_within_their_brackets() {
        assert_eq!(
            link("x", "https://a.b/c?d=1&e#L2"),
            "[x](https://a.b/c?d=1&e#L2)"
        );
        assert_eq!(
            link("x", "https://a/) [y](z"),
            "[x](https://a/%29%20%5By%5D%28z)"
        );
        assert_eq!(link("x", "javascript:alert(1)"), "x");
    }

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(fence("yaml", "a: b\n"), "```yaml\na: b\n```\n");
        assert_eq!(fence("", "````\nx"), "`````\n````\nx\n`````\n");
    }

    /// Takes our own markup out; what is left is what Markdown could still act on.
    fn bare(markdown: &str) -> String {
        let mut bare = markdown
            .replace("<!-- -->", "")
            .replace("<span>&#36;</span>", "");
        for char in "\\`*_{}[]()#+-!|~=.".chars() {
            bare = bare.replace(&format!("\\{char}"), "");
        }
        bare
    }

    /// What an independent parser shows of a table's cells: their text, our own markup left out.
    fn cells(row: &str) -> Vec<String> {
        use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
        let table = format!("| a | b |\n|---|---|\n{row}\n");
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
        let (mut cells, mut in_head) = (Vec::new(), false);
        for event in Parser::new_ext(&table, options) {
            match event {
                Event::Start(Tag::TableHead) => in_head = true,
                Event::End(TagEnd::TableHead) => in_head = false,
                Event::Start(Tag::TableCell) if !in_head => cells.push(String::new()),
                Event::Start(Tag::Table(_) | Tag::TableRow | Tag::TableCell) | Event::End(_) => {}
                Event::Text(_) if in_head => {}
                Event::Text(text) => cells.last_mut().unwrap().push_str(&text),
                Event::InlineHtml(html) => {
                    let ours = ["<!-- -->", "<span>", "</span>", "<code>", "</code>"];
                    assert!(ours.contains(&&*html), "{html}");
                }
                other => panic!("{other:?} in {row:?}"),
            }
        }
        cells
    }

    proptest! {
        #[test]
        fn a_parser_shows_foreign_text_as_it_is(
            foreign in "([\\\\|`<>*_\\[\\]()!&$~#:.=+-]|\n|<b>|&amp;|&#124;|https://a|www.|a@b.c|1\\. |- |[ab ]|\\PC)*",
        ) {
            // White space at the edges is not shown anyway.
            let shown = |foreign: &str| visible(foreign).replace(['\n', '\t'], " ").trim().to_owned();
            for (markdown, foreign) in [
                (text(&foreign), foreign.trim()),
                (code(&foreign), &foreign),
                (prose(&foreign.replace('`', "'")), foreign.trim()),
            ] {
                let cells = cells(&format!("| {markdown} | end |"));
                prop_assert_eq!(cells.len(), 2, "{}", markdown);
                prop_assert_eq!(cells[0].trim().replace('`', "'"), shown(foreign).replace('`', "'"));
                prop_assert_eq!(&cells[1], "end");
            }
        }

        #[test]
        fn cells_cannot_be_left(foreign in "([\\\\|`<>*_\\[\\]()!&$~]|\n|\r|\\\\\\|\\PC)*") {
            let cell = text(&foreign);
            let left = bare(&cell);
            prop_assert!(!left.contains(['|', '<', '>', '`', '*', '_', '[', ']', '\n', '\r', '$']), "{cell}");
            let code = code(&foreign);
            let inside = code.strip_prefix("<code>").unwrap().strip_suffix("</code>").unwrap();
            let inside = inside.replace("<!-- -->", "");
            prop_assert!(!inside.contains(['|', '<', '>', '`', '*', '\\', '\n', '\r']), "{code}");
        }

        #[test]
        fn link_addresses_cannot_be_left(rest in "([|()<> \\[\\]\n\"'`]|\\PC)*") {
            let link = link("x", &format!("https://a/{rest}"));
            let inside = link.strip_prefix("[x](").unwrap().strip_suffix(')').unwrap();
            prop_assert!(!inside.contains(['|', '(', ')', '<', '>', ' ', '\n', '"', '`', '[', ']', '\\']));
        }

        #[test]
        fn fences_cannot_be_left(foreign in "([`~]|\n|\r|a)*") {
            let block = fence("", &foreign);
            let end = block.lines().next().unwrap().to_owned();
            prop_assert_eq!(block.lines().filter(|line| line.starts_with(&end)).count(), 2);
            let last = format!("\n{end}\n");
            prop_assert!(block.ends_with(&last));
        }
    }
}
