//! Paths of the workspace as users write them.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::outcome::{Failure, Result};

/// A path inside the workspace: `/` between parts, no `.`, no `..`, no control characters. Empty:
/// the workspace itself, shown as `.`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

impl RelativePath {
    /// Takes a relative path apart; `a//b/./c/` is `a/b/c`.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if text.starts_with('/') {
            return Err("it is absolute".to_owned());
        }
        if text.contains(char::is_control) {
            return Err("it holds a control character".to_owned());
        }
        let parts: Vec<_> = text
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if parts.contains(&"..") {
            return Err("`..` is not allowed, because a link may lead it anywhere".to_owned());
        }
        Ok(Self(parts.join("/")))
    }

    /// Without a leading or trailing `/`; empty for the workspace itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the workspace itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Its parts, from the root on.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// Its folder and its own name; none for the workspace itself.
    #[must_use]
    pub fn split(&self) -> Option<(Self, &str)> {
        let (folder, name) = self.0.rsplit_once('/').unwrap_or(("", &self.0));
        (!name.is_empty()).then(|| (Self(folder.to_owned()), name))
    }

    /// The path below a folder.
    #[must_use]
    pub fn below(&self, folder: &Path) -> PathBuf {
        if self.is_root() {
            folder.to_owned()
        } else {
            folder.join(&self.0)
        }
    }

    /// A path below this one.
    ///
    /// # Errors
    /// As [`RelativePath::parse`].
    pub fn join(&self, text: &str) -> std::result::Result<Self, String> {
        let Self(below) = Self::parse(text)?;
        Ok(Self(match (self.is_root(), below.is_empty()) {
            (true, _) => below,
            (_, true) => self.0.clone(),
            _ => format!("{}/{below}", self.0),
        }))
    }

    /// Whether a path is this one or lies below it.
    #[must_use]
    pub fn contains(&self, path: &Self) -> bool {
        self.is_root()
            || path
                .0
                .strip_prefix(&self.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

/// The folder that we work in: `GITHUB_WORKSPACE`, at a desk the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Absolute, as this process sees it.
    pub path: PathBuf,
    /// The same folder as the host sees it. `${{ github.workspace }}` in a workflow gives that one,
    /// and the runner only translates it where it stands at the start of an input.
    pub host_path: Option<PathBuf>,
}

impl Workspace {
    /// Checks a path that the user gave for an input: relative, or absolute below the workspace in
    /// the container's or the host's view. Looks at the text alone: what lies there is opened by
    /// [`super::folder::Folder`], without following links.
    ///
    /// # Errors
    /// Invalid: the path is outside the workspace, absolute elsewhere, or holds `..`.
    pub fn inside(&self, input: &str, text: &str) -> Result<RelativePath> {
        let refuse = |why: &str| {
            Failure::invalid(
                format!("Invalid input `{input}`"),
                format!("`{input}: {text}` is not a path inside the workspace: {why}."),
            )
            .next(format!(
                "Give a path relative to the workspace ({}), without `..`.",
                self.path.display()
            ))
        };
        let path = Path::new(text);
        if !path.is_absolute() {
            return RelativePath::parse(text).map_err(|why| refuse(&why));
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(refuse(
                "`..` is not allowed, because a link may lead it anywhere",
            ));
        }
        let rest = [Some(&self.path), self.host_path.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|root| path.strip_prefix(root).ok())
            .and_then(Path::to_str)
            .ok_or_else(|| refuse("it is outside"))?;
        RelativePath::parse(if rest.is_empty() { "." } else { rest }).map_err(|why| refuse(&why))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn workspace() -> Workspace {
        Workspace {
            path: "/github/workspace".into(),
            host_path: Some("/home/runner/work/app/app".into()),
        }
    }

    #[test]
    fn paths_inside() {
        for (text, expected) in [
            (".", "."),
            ("./", "."),
            ("./src//api/", "src/api"),
            ("/github/workspace", "."),
            ("/github/workspace/x", "x"),
            ("/home/runner/work/app/app/x/./y", "x/y"),
            ("..x/y..", "..x/y.."),
            ("a b/é", "a b/é"),
        ] {
            let path = workspace().inside("path", text).unwrap();
            assert_eq!(path.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn paths_outside() {
        for (text, why) in [
            ("", "empty"),
            ("..", "`..`"),
            ("a/../b", "`..`"),
            ("/github/workspace/../etc", "`..`"),
            ("/etc/passwd", "outside"),
            ("/github/workspace-2/x", "outside"),
            ("a\nb", "control"),
        ] {
            let failure = workspace().inside("output-directory", text).unwrap_err();
            assert_eq!(failure.outcome, crate::outcome::Outcome::Invalid);
            assert!(failure.title.contains("`output-directory`"));
            assert!(failure.what.contains(why), "{text}: {}", failure.what);
        }
    }

    #[test]
    fn parts_and_joins() {
        let path = RelativePath::parse("a/b/c").unwrap();
        assert_eq!(path.parts().collect::<Vec<_>>(), ["a", "b", "c"]);
        let (folder, name) = path.split().unwrap();
        assert_eq!((folder.as_str(), name), ("a/b", "c"));
        assert_eq!(folder.join("./d").unwrap().as_str(), "a/b/d");
        assert_eq!(RelativePath::default().split(), None);
        assert_eq!(RelativePath::default().join("d").unwrap().as_str(), "d");
        assert!(folder.contains(&path) && !path.contains(&folder));
        assert!(
            !RelativePath::parse("a/b")
                .unwrap()
                .contains(&RelativePath::parse("a/bc").unwrap())
        );
        assert_eq!(
            RelativePath::default().below(Path::new("/w")),
            Path::new("/w")
        );
    }

    /// A second opinion: a stack of names, as a shell would walk.
    fn walked(text: &str) -> Option<Vec<&str>> {
        let refused = text.is_empty() || text.starts_with('/') || text.contains(char::is_control);
        let mut names = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return None,
                name => names.push(name),
            }
        }
        (!refused).then_some(names)
    }

    /// Short names, so that two paths often share their beginning.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab./]{0,8}",
            "(a|b|ab|\\.|\\.\\.|é|/){0,6}",
            "[^/]{0,4}/\\PC{0,6}",
            ".{0,8}"
        ]
    }

    fn relative() -> impl Strategy<Value = RelativePath> {
        text().prop_filter_map("not a path", |text| RelativePath::parse(&text).ok())
    }

    proptest! {
        #[test]
        fn a_path_is_its_names(text in text()) {
            let path = RelativePath::parse(&text);
            let names = path.as_ref().ok().map(|path| path.parts().collect::<Vec<_>>());
            prop_assert_eq!(names, walked(&text));
        }

        #[test]
        fn no_path_leaves_its_folder(path in relative()) {
            // What is shown means the same when it is given again.
            let shown = path.to_string();
            prop_assert_eq!(&RelativePath::parse(&shown).unwrap(), &path);
            let below = path.below(Path::new("/w"));
            prop_assert!(below.starts_with("/w"));
            let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
            prop_assert!(below.components().all(plain));
        }

        #[test]
        fn joins_lie_below(path in relative(), more in text()) {
            let joined = path.join(&more).ok();
            let names = walked(&more).map(|more| path.parts().chain(more).collect::<Vec<_>>());
            prop_assert_eq!(joined.as_ref().map(|it| it.parts().collect::<Vec<_>>()), names);
            prop_assert!(joined.is_none_or(|joined| path.contains(&joined)));
        }

        #[test]
        fn a_folder_contains_what_begins_with_its_names(folder in relative(), path in relative()) {
            let (outer, inner): (Vec<_>, Vec<_>) = (folder.parts().collect(), path.parts().collect());
            prop_assert_eq!(folder.contains(&path), inner.starts_with(&outer));
            let split = path.split().map(|(folder, name)| folder.join(name).unwrap());
            prop_assert_eq!(split, (!path.is_root()).then_some(path));
        }
    }
}
