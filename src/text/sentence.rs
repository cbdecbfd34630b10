//! Text as a sentence.

/// Capitalised, with a full stop unless something else ends it.
pub(crate) fn sentence(text: &str) -> String {
    let text = capitalised(text.trim_end());
    if text.is_empty() || text.ends_with(['.', '!', '?', ':', '…']) {
        text
    } else {
        text + "."
    }
}

/// A plain first word gets a capital; a path, an address or a name such as `trivy.yaml` stays.
pub(crate) fn capitalised(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let plain = word.trim_end_matches([':', ',']);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return text.to_owned();
    }
    text[..1].to_ascii_uppercase() + &text[1..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_shown_as_sentences() {
        for (text, shown) in [
            ("the token may not", "The token may not."),
            ("nothing: wait", "Nothing: wait."),
            ("trivy.yaml is wrong.", "trivy.yaml is wrong."),
            ("https://github.com", "https://github.com."),
            ("`path` is empty", "`path` is empty."),
            ("a/b", "a/b."),
            ("paste this:", "Paste this:"),
            (" ", ""),
        ] {
            assert_eq!(sentence(text), shown);
        }
    }

    proptest! {
        #[test]
        fn twice_is_once_and_nothing_is_lost(text in "([a-c:,. ]|\\PC)*") {
            let shown = sentence(&text);
            prop_assert_eq!(&sentence(&shown), &shown);
            prop_assert!(shown.to_lowercase().starts_with(&text.trim_end().to_lowercase()));
        }
    }
}
