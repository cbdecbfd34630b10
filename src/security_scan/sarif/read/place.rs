//! Which file of the workspace an `artifactLocation` means (SARIF 2.1.0 §3.4, §3.14.14).
//!
//! Tools name files by relative URIs, by URIs below a base, by absolute URIs of the checkout they
//! saw. That was this workspace, the same one as the runner's host names it, or a checkout on
//! another machine. In this order:
//! 1. below a known root of this workspace: what follows the root;
//! 2. below the place where a GitHub runner checks out (`/home/runner/work/REPO/REPO/`, `/__w/…`,
//!    `D:\a\…`): what follows it;
//! 3. relative, and there is such a file: that one; else below the folder of the SARIF file or
//!    one above it, where there is such a file (a tool that ran in a subfolder);
//! 4. absolute, and the end of its path names a file of the workspace: that one, if the
//!    checkout's root this gives explains most absolute paths of the run;
//! 5. else the path as it is, made relative; it counts as outside.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use percent_encoding::percent_decode_str;

use super::model::{ArtifactLocation, Run};

/// The workspace that results are about.
#[derive(Clone, Copy)]
pub struct Checkout<'a> {
    /// Absolute paths by which tools may know the workspace's root: here, on the host, in a
    /// container.
    pub roots: &'a [String],
    /// Whether a path relative to the workspace is a file.
    pub is_file: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Checkout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkout")
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

/// A path relative to the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    /// It is not known to lie in the workspace.
    pub(super) outside: bool,
}

/// Answers for one run.
pub(super) struct Places<'a> {
    checkout: Checkout<'a>,
    run: &'a Run,
    /// The folder of the SARIF file, `""` for the workspace itself.
    folder: &'a str,
    /// Root of a checkout elsewhere, with `/` at its end.
    foreign: Option<String>,
    known: RefCell<HashMap<(String, String), Place>>,
}

/// How many bases may build on each other.
const BASES: usize = 8;
/// Absolute paths that are looked at to find a foreign root.
const SAMPLE: usize = 1_000;

impl<'a> Places<'a> {
    pub(super) fn new(checkout: Checkout<'a>, run: &'a Run, sarif_file: &'a str) -> Self {
        let folder = sarif_file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut places = Self {
            checkout,
            run,
            folder,
            foreign: None,
            known: RefCell::default(),
        };
        places.foreign = places.find_foreign_root();
        places
    }

    /// None: it names nothing.
    pub(super) fn of(&self, location: &ArtifactLocation) -> Option<Place> {
        let (uri, base) = self.uri_and_base(location)?;
        let key = (uri.to_owned(), base.to_owned());
        if let Some(place) = self.known.borrow().get(&key) {
            return Some(place.clone());
        }
        let place = self.resolve(&self.full(uri, base));
        self.known.borrow_mut().insert(key, place.clone());
        Some(place)
    }

    /// The URI and its base, its own or that of the artifact it points to.
    fn uri_and_base<'l>(&'l self, location: &'l ArtifactLocation) -> Option<(&'l str, &'l str)> {
        let location = if location.uri.filled().is_some() {
            location
        } else {
            self.run
                .artifacts
                .at(location.index.index())?
                .location
                .0
                .as_deref()?
        };
        let base = location.uri_base_id.get().unwrap_or_default();
        Some((location.uri.filled()?, base))
    }

    /// The decoded path, below its base where the base is known.
    fn full(&self, uri: &str, base: &str) -> Path {
        let mut path = Path::parse(uri, self.checkout.is_file);
        let mut base = base;
        for _ in 0..BASES {
            let bases = self.run.original_uri_base_ids.0.as_deref();
            let Some(location) = bases
                .and_then(|bases| bases.get(base))
                .and_then(|base| base.0.as_deref())
                .filter(|_| path.root.is_none())
            else {
                break;
            };
            let Some(uri) = location.uri.filled() else {
                break;
            };
            let above = Path::parse(uri, &|_| false);
            path.relative.get_or_insert_with(|| path.text.clone());
            path.text = format!("{}/{}", above.text.trim_end_matches('/'), path.text);
            path.root = above.root;
            base = location.uri_base_id.get().unwrap_or_default();
        }
        path
    }

    fn resolve(&self, path: &Path) -> Place {
        let inside = |path: &str| {
            normal(path).map(|path| Place {
                path,
                outside: false,
            })
        };
        let place = match path.root {
            Some(Root::File) => self
                .below_a_root(&path.text)
                .and_then(|rest| inside(&rest))
                // A base that only says where the other machine had its checkout.
                .or_else(|| {
                    let relative = path.relative.as_deref().and_then(normal)?;
                    (self.checkout.is_file)(&relative).then(|| inside(&relative))?
                }),
            Some(Root::Elsewhere) => None,
            None => normal(&path.text).map(|path| Place {
                path: self.below_the_sarif_file(&path).unwrap_or(path),
                outside: false,
            }),
        };
        place.unwrap_or_else(|| {
            let text = path.relative.as_ref().unwrap_or(&path.text);
            Place {
                path: clipped(text),
                // A relative path below an unknown base is most likely one of this repository.
                outside: path.relative.is_none() || path.root == Some(Root::Elsewhere),
            }
        })
    }

    /// What follows the checkout's root in an absolute path.
    fn below_a_root(&self, path: &str) -> Option<String> {
        let own = self
            .checkout
            .roots
            .iter()
            .map(|root| root.trim_end_matches('/'))
            .filter(|root| !root.is_empty())
            .find_map(|root| path.strip_prefix(root)?.strip_prefix('/'));
        own.or_else(|| below_a_runner(path))
            .or_else(|| path.strip_prefix(self.foreign.as_deref()?))
            .map(str::to_owned)
    }

    /// The file below the SARIF file's folder or one above it; the workspace itself first.
    fn below_the_sarif_file(&self, path: &str) -> Option<String> {
        if (self.checkout.is_file)(path) {
            return None;
        }
        let mut folder = self.folder;
        while !folder.is_empty() {
            let below = format!("{folder}/{path}");
            if (self.checkout.is_file)(&below) {
                return Some(below);
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        None
    }

    /// The root of a checkout elsewhere: the prefix that turns most absolute paths of the run
    /// into files of this workspace.
    fn find_foreign_root(&self) -> Option<String> {
        let paths: BTreeSet<String> = self
            .run
            .results
            .iter()
            .flat_map(|result| result.locations.iter())
            .filter_map(|location| location.physical_location.0.as_deref())
            .filter_map(|physical| physical.artifact_location.0.as_deref())
            .filter_map(|artifact| self.uri_and_base(artifact))
            .map(|(uri, base)| self.full(uri, base))
            .filter(|path| path.root == Some(Root::File))
            .map(|path| path.text)
            .filter(|path| self.below_a_root(path).is_none())
            .take(SAMPLE)
            .collect();
        let mut votes: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for path in &paths {
            let split = path
                .match_indices('/')
                .map(|(slash, _)| path.split_at(slash + 1))
                .find(|(_, rest)| (self.checkout.is_file)(rest));
            if let Some((root, rest)) = split {
                let (count, deep) = votes.entry(root).or_default();
                *count += 1;
                *deep |= rest.contains('/');
            }
        }
        votes
            .into_iter()
            // One README.md is in every folder: only a deeper path is evidence.
            .filter(|(_, (count, deep))| *deep && *count * 2 >= paths.len())
            .max_by_key(|(_, (count, _))| *count)
            .map(|(root, _)| root.to_owned())
    }
}

/// A decoded URI.
struct Path {
    text: String,
    root: Option<Root>,
    /// The part that was given relative to a base.
    relative: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    /// An absolute path of some file system.
    File,
    /// A URI with another scheme.
    Elsewhere,
}

impl Path {
    fn parse(uri: &str, is_file: &dyn Fn(&str) -> bool) -> Self {
        let (text, root) = match scheme(uri) {
            Some(("file", rest)) => {
                // Two slashes open a host, which is this machine or means nothing here.
                let path = rest.strip_prefix("//").map_or(rest, |rest| {
                    rest.find('/').map_or("", |slash| &rest[slash..])
                });
                (decoded(path), Some(Root::File))
            }
            Some((_, rest)) => (decoded(rest.trim_start_matches('/')), Some(Root::Elsewhere)),
            // A name with a percent sign that nobody encoded.
            None if uri.contains('%') && is_file(uri) => (uri.to_owned(), None),
            None => (decoded(uri), None),
        };
        let text = if text.contains('\\') && !is_file(&text) {
            text.replace('\\', "/")
        } else {
            text
        };
        // `/C:/x` and `C:/x` are the same.
        let bare = text.strip_prefix('/').unwrap_or(&text);
        let drive =
            matches!(bare.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
        let root = root.or_else(|| (drive || text.starts_with('/')).then_some(Root::File));
        let text = if drive { bare.to_owned() } else { text };
        Self {
            text,
            root,
            relative: None,
        }
    }
}

/// A scheme of two letters or more (one is a drive of Windows), in lower case, and the rest.
fn scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let valid = scheme.len() > 1
        && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && rest.starts_with('/');
    let scheme = if scheme.eq_ignore_ascii_case("file") {
        "file"
    } else {
        scheme
    };
    valid.then_some((scheme, rest))
}

/// Percent-decoded, unless that gives no text.
fn decoded(uri: &str) -> String {
    percent_decode_str(uri)
        .decode_utf8()
        .map_or_else(|_| uri.to_owned(), std::borrow::Cow::into_owned)
}

/// Behind the folder where a GitHub runner, on a host of its own or in a job's container, checks
/// a repository out.
fn below_a_runner(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("/github/workspace/") {
        return Some(rest);
    }
    let work = ["/home/runner/work/", "/Users/runner/work/", "/__w/"]
        .into_iter()
        .find_map(|work| path.strip_prefix(work))
        .or_else(|| path.get(1..)?.strip_prefix(":/a/"))?;
    let (repository, rest) = work.split_once('/')?;
    rest.strip_prefix(repository)?.strip_prefix('/')
}

/// Without `.`, `..` and empty parts; none where `..` leads out or nothing is left.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// As [`normal`], but whatever leads out is left out.
fn clipped(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILES: [&str; 6] = [
        "README.md",
        "src/app.py",
        "backend/src/main.py",
        "src/ünï code/my app.py",
        "100%25.py",
        "web/index.js",
    ];

    fn run(json: serde_json::Value) -> Run {
        serde_json::from_value(json).unwrap()
    }

    /// The place of each URI of a run that names them all.
    fn places(uris: &[&str], base: &str, bases: &serde_json::Value, sarif: &str) -> Vec<Place> {
        let locations = |uri: &&str| {
            serde_json::json!({"locations": [{"physicalLocation": {"artifactLocation":
                {"uri": uri, "uriBaseId": base}}}]})
        };
        let run = run(serde_json::json!({
            "results": uris.iter().map(locations).collect::<Vec<_>>(),
            "originalUriBaseIds": bases,
        }));
        let roots = ["/github/workspace".to_owned(), "/home/me/work".to_owned()];
        let checkout = Checkout {
            roots: &roots,
            is_file: &|path| FILES.contains(&path),
        };
        let places = Places::new(checkout, &run, sarif);
        run.results
            .iter()
            .flat_map(|result| result.locations.iter())
            .map(|location| {
                let physical = location.physical_location.0.as_deref().unwrap();
                places
                    .of(physical.artifact_location.0.as_deref().unwrap())
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn every_way_to_name_a_file() {
        for (uri, path, outside) in [
            ("src/app.py", "src/app.py", false),
            ("./src//./app.py", "src/app.py", false),
            ("src/x/../app.py", "src/app.py", false),
            ("src/gone.py", "src/gone.py", false),
            ("src\\app.py", "src/app.py", false),
            (
                "src/%C3%BCn%C3%AF%20code/my%20app.py",
                "src/ünï code/my app.py",
                false,
            ),
            ("src/ünï code/my app.py", "src/ünï code/my app.py", false),
            ("100%25.py", "100%25.py", false),
            ("50%.py", "50%.py", false),
            ("a%FFb.py", "a%FFb.py", false),
            ("a%0Ab.py", "a\nb.py", false),
            ("file:///github/workspace/src/app.py", "src/app.py", false),
            ("file:/github/workspace/src/app.py", "src/app.py", false),
            (
                "FILE://localhost/github/workspace/src/app.py",
                "src/app.py",
                false,
            ),
            ("/github/workspace/src/app.py", "src/app.py", false),
            ("/home/me/work/src/app.py", "src/app.py", false),
            (
                "/home/runner/work/repo/repo/src/gone.py",
                "src/gone.py",
                false,
            ),
            ("/__w/repo/repo/src/gone.py", "src/gone.py", false),
            ("file:///D:/a/repo/repo/src/gone.py", "src/gone.py", false),
            ("D:\\a\\repo\\repo\\src\\gone.py", "src/gone.py", false),
            (
                "/home/runner/work/repo/other/src/x.py",
                "home/runner/work/repo/other/src/x.py",
                true,
            ),
            ("/etc/passwd", "etc/passwd", true),
            ("/usr/lib/README.md", "usr/lib/README.md", true),
            ("../../etc/passwd", "etc/passwd", true),
            (
                "file:///github/workspace/../../etc/passwd",
                "github/workspace/etc/passwd",
                true,
            ),
            ("https://example.com/a%20b?x", "example.com/a b?x", true),
            ("..", ".", true),
        ] {
            let expected = Place {
                path: path.to_owned(),
                outside,
            };
            assert_eq!(
                places(&[uri], "", &serde_json::json!({}), "out.sarif"),
                [expected],
                "{uri}"
            );
        }
    }

    #[test]
    fn bases_build_on_each_other() {
        let bases = serde_json::json!({
            "ROOTPATH": {"uri": "file:///tmp/elsewhere/"},
            "HERE": {"uri": "file:///github/workspace/backend/"},
            "SRC": {"uri": "src/", "uriBaseId": "HERE"},
            "LOOP": {"uri": "x/", "uriBaseId": "LOOP"},
            "BARE": {"description": {"text": "no uri"}},
            "%SRCROOT%": null,
        });
        for (uri, base, path, outside) in [
            ("src/app.py", "ROOTPATH", "src/app.py", false),
            ("src/gone.py", "ROOTPATH", "src/gone.py", false),
            ("src/main.py", "HERE", "backend/src/main.py", false),
            ("main.py", "SRC", "backend/src/main.py", false),
            ("src/app.py", "BARE", "src/app.py", false),
            ("src/app.py", "%SRCROOT%", "src/app.py", false),
            ("src/app.py", "UNKNOWN", "src/app.py", false),
            ("/etc/passwd", "HERE", "etc/passwd", true),
            ("y", "LOOP", "x/x/x/x/x/x/x/x/y", false),
        ] {
            let expected = Place {
                path: path.to_owned(),
                outside,
            };
            assert_eq!(
                places(&[uri], base, &bases, "o.sarif"),
                [expected],
                "{uri} {base}"
            );
        }
    }

    #[test]
    fn a_tool_that_ran_in_a_subfolder_is_understood() {
        let found = places(
            &["src/main.py", "src/app.py"],
            "",
            &serde_json::json!({}),
            "backend/out/r.sarif",
        );
        assert_eq!(found[0].path, "backend/src/main.py");
        assert_eq!(found[1].path, "src/app.py");
    }

    #[test]
    fn a_checkout_elsewhere_is_found_by_its_files() {
        let found = places(
            &[
                "file:///builds/x/web/index.js",
                "file:///builds/x/src/app.py",
                "/builds/x/gone.py",
                "/usr/lib/x.py",
            ],
            "",
            &serde_json::json!({}),
            "r.sarif",
        );
        let paths: Vec<_> = found.iter().map(|place| place.path.as_str()).collect();
        assert_eq!(
            paths,
            ["web/index.js", "src/app.py", "gone.py", "usr/lib/x.py"]
        );
    }

    proptest! {
        #[test]
        fn no_uri_leads_out(uri in "\\PC*|[a-z./%:\\\\]{0,30}", base in "|HERE") {
            let bases = serde_json::json!({"HERE": {"uri": "file:///github/workspace/x/"}});
            let run = run(serde_json::json!({"originalUriBaseIds": bases}));
            let checkout = Checkout { roots: &[], is_file: &|_| false };
            let location: ArtifactLocation =
                serde_json::from_value(serde_json::json!({"uri": uri, "uriBaseId": base})).unwrap();
            if let Some(place) = Places::new(checkout, &run, "a/b.sarif").of(&location) {
                prop_assert!(!place.path.is_empty());
                prop_assert!(!place.path.starts_with('/'), "{:?}", place);
                prop_assert!(place.path == "." || place.path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{:?}", place);
            }
        }
    }
}
