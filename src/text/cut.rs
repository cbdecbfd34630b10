//! Text within a limit.

/// At most `most` characters (Unicode scalar values); what is cut ends in `…`, which counts.
#[must_use]
pub(crate) fn cut(text: &str, most: usize) -> String {
    within(text, most, |_| 1)
}

/// At most `most` UTF-16 code units, cut between characters; what is cut ends in `…`, which counts.
#[must_use]
pub(crate) fn cut_utf16(text: &str, most: usize) -> String {
    within(text, most, char::len_utf16)
}

fn within(text: &str, most: usize, size: fn(char) -> usize) -> String {
    let (mut used, mut end) = (0, 0);
    for (at, char) in text.char_indices() {
        used += size(char);
        if used > most {
            let ellipsis = if most == 0 { "" } else { "…" };
            return format!("{}{ellipsis}", &text[..end]);
        }
        // Where one unit is left for the ellipsis.
        if used < most {
            end = at + char.len_utf8();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_says_so() {
        for (text, most, by_characters, by_units) in [
            ("añb", 3, "añb", "añb"),
            ("añbc", 3, "añ…", "añ…"),
            ("a😀", 2, "a😀", "a…"),
            ("😀😀", 3, "😀😀", "😀…"),
            ("😀", 1, "😀", "…"),
            ("ab", 1, "…", "…"),
            ("ab", 0, "", ""),
            ("", 0, "", ""),
        ] {
            assert_eq!(cut(text, most), by_characters, "{text} {most}");
            assert_eq!(cut_utf16(text, most), by_units, "{text} {most}");
        }
    }

    proptest! {
        #[test]
        fn a_cut_keeps_the_most_that_fits(text in "([a😀é…\n]|\\PC){0,60}", most in 0usize..70) {
            type Cut = (fn(&str, usize) -> String, fn(char) -> usize);
            for (cut, size) in [(cut as fn(&str, usize) -> String, (|_| 1) as fn(char) -> usize), (cut_utf16, char::len_utf16)] as [Cut; 2] {
                let length = |text: &str| text.chars().map(size).sum::<usize>();
                let short = cut(&text, most);
                prop_assert!(length(&short) <= most);
                prop_assert_eq!(&cut(&short, most), &short);
                if length(&text) <= most {
                    prop_assert_eq!(&short, &text);
                } else if most > 0 {
                    let kept = short.strip_suffix('…').unwrap();
                    prop_assert!(text.starts_with(kept));
                    let next = text[kept.len()..].chars().next().unwrap();
                    prop_assert!(length(&short) + size(next) > most);
                }
            }
        }
    }
}
