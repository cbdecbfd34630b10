//! Text in which nothing acts and nothing hides.

/// Whether a character does something instead of being seen: controls (Unicode's `Cc`), line and
/// paragraph separators, and what reorders the text around it. The latter are the nine of "Trojan
/// Source" (<https://trojansource.codes/trojan-source.pdf>, table 1).
pub(crate) fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that can be printed as it stands: what [`acts`] is shown as an escape, line ends are LF, tabs
/// stay.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => visible.push('\n'),
            char => show(char, &mut visible),
        }
    }
    visible
}

/// [`visible`] on one line: line ends are shown too.
pub(crate) fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        show(char, &mut line);
    }
    line
}

/// The words alone, on one line: white space and what [`acts`] is one blank.
pub(crate) fn flat(text: &str) -> String {
    let words = text.split(|char: char| char.is_whitespace() || acts(char));
    let words = words.filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn show(char: char, to: &mut String) {
    if char != '\t' && acts(char) {
        to.extend(char.escape_default());
    } else {
        to.push(char);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_is_shown() {
        for (text, shown, one_line, words) in [
            ("a\tb", "a\tb", "a\tb", "a b"),
            ("a\r\nb\rc\n", "a\nb\nc\n", r"a\r\nb\rc\n", "a b c"),
            ("\u{1b}[31mé", r"\u{1b}[31mé", r"\u{1b}[31mé", "[31mé"),
            (
                "safe\u{202e}gpj.exe",
                r"safe\u{202e}gpj.exe",
                r"safe\u{202e}gpj.exe",
                "safe gpj.exe",
            ),
            ("a\u{2028}b", r"a\u{2028}b", r"a\u{2028}b", "a b"),
            ("", "", "", ""),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(line(text), one_line);
            assert_eq!(flat(text), words);
        }
    }

    proptest! {
        #[test]
        fn nothing_acts_and_twice_is_once(text in "([\\x00-\\x20\u{7f}-\u{a0}\u{2028}-\u{202f}\u{2066}-\u{2069}]|\\PC|\\\\)*") {
            for (show, kept) in [(visible as fn(&str) -> String, "\n\t"), (line, "\t"), (flat, "")] {
                let shown = show(&text);
                prop_assert!(!shown.contains(|char| acts(char) && !kept.contains(char)), "{shown:?}");
                prop_assert_eq!(&show(&shown), &shown);
            }
            // What does not act is not touched.
            let plain: String = text.chars().filter(|char| !acts(*char)).collect();
            prop_assert_eq!(visible(&plain), plain.as_str());
            prop_assert_eq!(line(&plain), plain.as_str());
        }
    }
}
