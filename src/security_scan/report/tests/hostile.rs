//! Foreign text keeps its place in everything that is shown.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser as Markdown, Tag, TagEnd};

use super::example::whole;
use super::{annotations, markdown};
use crate::runner::files::entries;
use crate::security_scan::outputs::Outputs;

/// The blocks and links that a reader of Markdown sees, without any text. (Mathematics is left out:
/// GitHub does not read it by this parser's rules, but by its own, which `runner::markdown` follows.)
fn shape(markdown: &str) -> Vec<String> {
    let mut shape = Vec::new();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    for event in Markdown::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let host = dest_url.split('/').take(3).collect::<Vec<_>>().join("/");
                shape.push(format!("link to {host}"));
            }
            Event::Start(tag) => shape.push(format!("{tag:?}")),
            Event::End(TagEnd::Paragraph) => shape.push("end of paragraph".into()),
            Event::InlineHtml(html) | Event::Html(html) => {
                let ours = [
                    "<code>",
                    "</code>",
                    "<!-- -->",
                    "<span>",
                    "</span>",
                    "<details>",
                    "</details>",
                    "<summary>",
                    "</summary>",
                ];
                let mut rest = html.to_string();
                for tag in ours {
                    rest = rest.replace(tag, "");
                }
                if rest.contains('<') {
                    shape.push(format!("foreign HTML {html}"));
                }
            }
            Event::Text(_) | Event::SoftBreak | Event::End(_) => {}
            other => shape.push(format!("{other:?}")),
        }
    }
    shape
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever findings, scanners, policies and GitHub say: the summary keeps the shape that it
    /// has with plain words, the log and the annotations hold no command of theirs.
    #[test]
    fn foreign_text_changes_nothing_but_itself(
        text_of in "(<script>|<!--|-->|</details>|</code>|```|~~~|\\|---\\||\\$\\$|\\[x\\]\\(https://evil.example\\)|!\\[|https://evil.example|www.evil.example|@admins|::error::|##\\[error\\]|%0A|\u{1b}\\[31m|\u{202e}|\\\\|`|\\*|_|#|>|- |1\\. |\\||\\PC| |    ){1,20}"
    ) {
        let plain = whole(Some("word"));
        // Something must stand there, or the paragraph itself is gone.
        let report = whole(Some(&format!("{text_of} word")));
        prop_assert_eq!(shape(&markdown(&report)), shape(&markdown(&plain)));
        for annotation in annotations(&report) {
            let command = annotation.command();
            prop_assert_eq!(command.lines().count(), 1);
            let (name, properties, _) = crate::runner::commands::parse(&command).unwrap();
            prop_assert!(["error", "warning", "notice"].contains(&name.as_str()));
            let known = ["file", "line", "endLine", "col", "endColumn", "title"];
            prop_assert!(properties.iter().all(|(key, _)| known.contains(&key.as_str())));
        }
        for (_, value) in entries(&Outputs::NAMES, &Outputs::from(&report)) {
            prop_assert!(!value.contains("evil"));
        }
    }
}
