//! Path globs: which files count, and which a suppression covers.

use globset::{GlobBuilder, GlobMatcher};

use super::Set;

/// Longer patterns are refused: a path on Linux is at most this long (`PATH_MAX`).
const LONGEST: usize = 4096;

/// A glob over paths as findings carry them: relative to the workspace, `/` between parts.
///
/// The whole path must match, case counts. `*` and `?` stay within one part, `**` spans parts
/// (`**/x`, `x/**`, `a/**/b`), `[ab]`, `[!ab]` and `{a,b}` choose, `\` takes the next letter
/// literally. A pattern that ends in `/` covers all beneath that folder: `vendor/` is `vendor/**`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Says what is wrong with the pattern, for a message that already names its place.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty; for everything write `**`".to_owned());
        }
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        if text.starts_with('/') {
            return Err(
                "starts with `/`; paths are relative to the workspace, such as `src/**`".to_owned(),
            );
        }
        if text.split('/').any(|part| part == "." || part == "..") {
            return Err(
                "holds `.` or `..` as a part; paths are relative to the workspace, such as \
                 `src/**`"
                    .to_owned(),
            );
        }
        let whole = if text.ends_with('/') {
            format!("{text}**")
        } else {
            text.to_owned()
        };
        GlobBuilder::new(&whole)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map(|glob| Self {
                text: text.to_owned(),
                matcher: glob.compile_matcher(),
            })
            .map_err(|error| format!("is not a glob: {}", error.kind()))
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// `include` and `exclude`: which paths of the tree count. Images have no paths of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Empty: everything.
    pub include: Vec<Set<Pattern>>,
    /// Wins over `include`.
    pub exclude: Vec<Set<Pattern>>,
}

/// The line of the policy that leaves a path out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// This `exclude` matches.
    Excluded { line: u32 },
    /// No `include` matches; the line of the first.
    NotIncluded { line: u32 },
}

impl Paths {
    /// Whether findings in this path count.
    #[must_use]
    pub fn scanned(&self, path: &str) -> bool {
        self.left_out(path).is_none()
    }

    /// Why this path does not count, if so.
    #[must_use]
    pub fn left_out(&self, path: &str) -> Option<LeftOut> {
        let matching = |list: &[Set<Pattern>]| {
            list.iter()
                .find(|pattern| pattern.value.matches(path))
                .map(|pattern| pattern.line)
        };
        if let Some(line) = matching(&self.exclude) {
            return Some(LeftOut::Excluded { line });
        }
        let first = self.include.first()?.line;
        matching(&self.include)
            .is_none()
            .then_some(LeftOut::NotIncluded { line: first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_patterns_mean() {
        for (pattern, matches, not) in [
            (
                "src/*.py",
                &["src/a.py", "src/.py"][..],
                &["src/b/a.py", "a.py", "SRC/a.py"][..],
            ),
            ("**/*.py", &["a.py", "src/a.py", "src/b/a.py"], &["a.pyc"]),
            ("src/**", &["src/a", "src/b/c"], &["src", "srcs/a"]),
            ("src/", &["src/a", "src/b/c"], &["src", "srcs/a"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/bb", "ab"]),
            ("vendor", &["vendor"], &["vendor/a", "x/vendor"]),
            ("*", &["a", ".env"], &["a/b"]),
            ("**", &["a", "a/b/c"], &[]),
            ("?.py", &["a.py"], &["ab.py", "/.py"]),
            ("{app,web}/[!t]*", &["app/x", "web/y"], &["api/x", "app/t"]),
            (r"a\*b", &["a*b"], &["axb"]),
            (
                "app/[id]/page.tsx",
                &["app/i/page.tsx"],
                &["app/[id]/page.tsx"],
            ),
            (
                r"app/\[id\]/page.tsx",
                &["app/[id]/page.tsx"],
                &["app/i/page.tsx"],
            ),
            ("dir with space/ü*", &["dir with space/über"], &[]),
        ] {
            let glob = Pattern::new(pattern).unwrap();
            for path in matches {
                assert!(glob.matches(path), "{pattern} should match {path}");
            }
            for path in not {
                assert!(!glob.matches(path), "{pattern} should not match {path}");
            }
        }
    }

    #[test]
    fn patterns_that_could_never_match_are_refused() {
        for (pattern, says) in [
            ("", "empty"),
            ("/etc/passwd", "starts with `/`"),
            ("./src", "`.` or `..`"),
            ("a/../b", "`.` or `..`"),
            ("a[", "not a glob"),
            ("{a", "not a glob"),
            (&"x".repeat(5000), "longer than"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(says), "{pattern}: {error}");
        }
    }

    #[test]
    fn exclude_wins_over_include() {
        let set = |text, line| Set {
            value: Pattern::new(text).unwrap(),
            line,
        };
        let paths = Paths {
            include: vec![set("src/", 3), set("*.py", 4)],
            exclude: vec![set("**/generated/", 6)],
        };
        assert_eq!(paths.left_out("src/a.py"), None);
        assert_eq!(paths.left_out("setup.py"), None);
        assert_eq!(
            paths.left_out("src/generated/a.py"),
            Some(LeftOut::Excluded { line: 6 })
        );
        assert_eq!(
            paths.left_out("docs/a.md"),
            Some(LeftOut::NotIncluded { line: 3 })
        );
    }
}
