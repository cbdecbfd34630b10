//! The tree, seen with the scanners' own rights and without following a link.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileType};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::configuration::{self, Configuration};
use super::manifest::{self, Manifest};
use super::{ignores, kind};
use crate::git::Tracked;
use crate::no_follow::READING;
use crate::outcome::{Failure, Result};
use crate::process::RunAs;
use crate::runner::cancel::Until;
use crate::runner::path::RelativePath;
use crate::security_scan::policy::Paths;
use crate::security_scan::scan::{Gap, GapKind, Ignores};
use crate::text::{acts, line};

/// Paths in a message before "and N more".
const NAMED: usize = 20;
/// Bandit passes these by when it looks for files itself: metadata of version control, and what
/// build tools put there. Of ours only what git does not track is passed by, so that no pull
/// request can hide code there.
/// Source: `constants.EXCLUDE`, <https://github.com/PyCQA/bandit/blob/1.9.4/bandit/core/constants.py>.
const NOT_SOURCES: [&str; 7] = [".svn", "CVS", ".bzr", ".hg", "__pycache__", ".tox", ".eggs"];

/// Where to look, and what to pass by.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// Canonical.
    pub workspace: &'a Path,
    /// The tree to scan.
    pub path: &'a RelativePath,
    /// Folders of ours inside the workspace, which are never scanned: output and cache.
    pub skip: &'a [RelativePath],
    pub tracked: &'a Tracked,
    /// Which paths count: in others, comments for Trivy hide nothing that would.
    pub paths: &'a Paths,
    pub run_as: RunAs,
    /// Whether strangers may have written the tree: in a workflow run. At a desk it is the user's.
    pub in_runner: bool,
    pub until: Until<'a>,
}

/// What lies in the tree. Paths are relative to the workspace.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Files that hold Python, with their size in bytes.
    pub python: Vec<(PathBuf, u64)>,
    /// Lists of packages that git tracks.
    pub manifests: Vec<Manifest>,
    /// Configuration that git tracks and Trivy should judge.
    pub configurations: Vec<Configuration>,
    /// Files that git tracks, with text that Trivy does not search for secrets.
    pub not_searched: Vec<PathBuf>,
    /// Folders of ours that are not empty, where git does not say whether it tracks what is in them,
    /// and why it does not.
    pub ours: Vec<(PathBuf, String)>,
    /// Comments that tell Trivy to look away.
    pub trivy_ignores: Ignores,
    /// What the scanners may not read, and git tracks.
    pub unreadable: BTreeSet<PathBuf>,
    /// What the scanners may not read, and git does not track.
    pub unreadable_untracked: BTreeSet<PathBuf>,
    /// Plain files.
    pub files: u64,
    /// The time was over, or the run cancelled, before all was seen.
    pub is_cut_short: bool,
}

/// Walks the tree. Exit 2 if it is not a folder of the workspace.
pub fn look(look: &Look<'_>) -> Result<Tree> {
    let root = root(look.workspace, look.path)?;
    let walked = look.run_as.act(|| {
        let mut walk = Walk {
            look,
            tree: Tree::default(),
            failed: None,
        };
        // With the scanners' rights: what can't be opened here, they can't open either.
        walk.folder(&root, Path::new(look.path.as_str()), false);
        walk.tree.is_cut_short |= look.until.is_over();
        match walk.failed {
            Some(error) => Err(error),
            None => Ok(walk.tree),
        }
    });
    walked.and_then(|walked| walked).map_err(|error| {
        let failure = Failure::error(
            "Tree can't be read",
            format!("The tree could not be read as the scanners will: {error}."),
        );
        match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE) => {
                failure.next("Raise the limit of open files in the step before: `ulimit -n 4096`.")
            }
            _ => failure,
        }
    })
}

/// The folder to scan, absolute. No part of it may be a link: one could lead out.
pub fn root(workspace: &Path, path: &RelativePath) -> Result<PathBuf> {
    let wrong = |what: String| {
        Failure::invalid("Invalid input `path`", what)
            .next("Give the path of a folder inside the workspace.")
    };
    let mut at = workspace.to_owned();
    for part in path.parts() {
        at.push(part);
        let kind = fs::symlink_metadata(&at)
            .map_err(|error| wrong(format!("`path: {path}` can't be opened: {error}")))?
            .file_type();
        if kind.is_symlink() {
            return Err(wrong(format!(
                "`path: {path}` is reached by a symbolic link, and links are not followed"
            )));
        }
        if !kind.is_dir() {
            return Err(wrong(format!("`path: {path}` is not a folder")));
        }
    }
    Ok(at)
}

struct Walk<'a> {
    look: &'a Look<'a>,
    tree: Tree,
    /// What keeps us from reading anything: no fault of a file's.
    failed: Option<io::Error>,
}

/// Whether it is this process that has reached a limit.
fn is_our_limit(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM)
    )
}

/// What is in a folder, by name. The folder is closed again (a `DirEntry` keeps it open): trees are
/// deeper than the limit of open files.
fn entries(folder: &Path, until: Until<'_>) -> io::Result<Vec<(OsString, io::Result<FileType>)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.file_name(), entry.file_type()));
        // Whoever looks at the first of them is told.
        if until.is_over() {
            break;
        }
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries)
}

impl Walk<'_> {
    /// `hidden`: below a folder whose files count as sources only if git tracks them.
    fn folder(&mut self, folder: &Path, path: &Path, hidden: bool) {
        let entries = match entries(folder, self.look.until) {
            Ok(entries) => entries,
            Err(error) => return self.not_read(path, error),
        };
        for (name, kind) in entries {
            self.tree.is_cut_short |= self.look.until.is_over();
            if self.tree.is_cut_short || self.failed.is_some() {
                return;
            }
            let below = path.join(&name);
            match kind {
                Ok(kind) => self.entry(&folder.join(&name), &below, kind, hidden),
                Err(error) => self.not_read(&below, error),
            }
        }
    }

    fn entry(&mut self, file: &Path, path: &Path, kind: FileType, hidden: bool) {
        let name = path.file_name().unwrap_or_default();
        if kind.is_dir() {
            if name == ".git" {
                return;
            }
            if self.is_ours(path) {
                return self.ours(file, path);
            }
            self.folder(file, path, hidden || not_sources(name));
        } else if kind.is_file() && name != ".git" {
            self.file(file, path, hidden);
        }
        // Links, pipes, sockets, devices: no scanner opens them, and neither do we.
    }

    fn file(&mut self, file: &Path, path: &Path, hidden: bool) {
        self.tree.files += 1;
        if let Err(error) = self.read(file, path, hidden) {
            self.not_read(path, error);
        }
    }

    fn read(&mut self, file: &Path, path: &Path, hidden: bool) -> io::Result<()> {
        let mut file = open(file)?;
        let size = file.metadata()?.len();
        let mut head = Vec::with_capacity(kind::HEAD);
        file.by_ref()
            .take(kind::HEAD as u64)
            .read_to_end(&mut head)?;
        if kind::is_python(path, &head) && (!hidden || self.look.tracked.holds(path)) {
            self.tree.python.push((path.to_owned(), size));
        }
        if kind::hides_secrets(path, size, &head) && self.may_be_tracked(path) {
            self.tree.not_searched.push(path.to_owned());
        }
        if manifest::is_known(path) && self.may_be_tracked(path) {
            file.rewind()?;
            let text = manifest::read(path, &mut file)?;
            let path = path.to_owned();
            let manifest = text.map(|text| Manifest { path, text });
            self.tree.manifests.extend(manifest);
        }
        if configuration::is_known(path) && self.may_be_tracked(path) {
            file.rewind()?;
            let until = self.look.until;
            let mut timed = Timed { file, until };
            let holds = configuration::read(path, &mut timed)?;
            file = timed.file;
            let path = path.to_owned();
            let found = holds.map(|holds| Configuration { path, holds });
            self.tree.configurations.extend(found);
        }
        let name = path.to_string_lossy();
        if !self.look.paths.scanned(&name) {
            return Ok(());
        }
        // Whatever its name: which files Trivy takes for configuration is its own affair.
        file.rewind()?;
        let until = self.look.until;
        ignores::in_file(
            &mut Timed { file, until },
            &name,
            &mut self.tree.trivy_ignores,
        )
    }

    fn not_read(&mut self, path: &Path, error: io::Error) {
        if is_our_limit(&error) {
            self.failed = Some(error);
        } else if self.look.tracked.holds(path) {
            self.tree.unreadable.insert(path.to_owned());
        } else {
            self.tree.unreadable_untracked.insert(path.to_owned());
        }
    }

    /// Of a file, which is quicker to say than of a folder.
    fn may_be_tracked(&self, path: &Path) -> bool {
        match self.look.tracked {
            Tracked::Paths(paths) => paths.contains(path.as_os_str().as_bytes()),
            Tracked::Unknown(_) => true,
        }
    }

    fn is_ours(&self, path: &Path) -> bool {
        self.look
            .skip
            .iter()
            .any(|skip| path == Path::new(skip.as_str()))
    }

    fn ours(&mut self, folder: &Path, path: &Path) {
        if let (true, Tracked::Unknown(why)) = (self.look.in_runner, self.look.tracked)
            && fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_some())
        {
            self.tree.ours.push((path.to_owned(), why.clone()));
        }
    }
}

/// A file of any size, read while there is time.
struct Timed<'a> {
    file: File,
    until: Until<'a>,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until.check()?;
        self.file.read(buffer)
    }
}

fn not_sources(name: &OsStr) -> bool {
    NOT_SOURCES.iter().any(|known| name == *known) || name.as_bytes().ends_with(b".egg")
}

/// Opens a file that was a plain file a moment ago: never through a link, never waiting.
fn open(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(READING.bits().cast_signed())
        .open(path)
}

impl Tree {
    /// The gap that the walk leaves, for every scanner of the tree: it was cut short, or files are
    /// unreadable.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        if self.is_cut_short {
            return Some(Gap {
                kind: GapKind::TimedOut,
                what: "the time was over before the tree was looked through".to_owned(),
                next: Some("give a longer timeout, or a smaller tree by path".to_owned()),
            });
        }
        if self.unreadable.is_empty() {
            return None;
        }
        Some(Gap {
            kind: GapKind::Unreadable,
            what: format!(
                "the scanners (uid {}) may not read {}",
                crate::process::NOBODY,
                named(&self.unreadable)
            ),
            next: Some(format!(
                "make it readable in a step before this one: run: chmod -R a+rX -- {}",
                self.unreadable
                    .iter()
                    .take(NAMED)
                    .map(|path| quoted(path))
                    .collect::<Vec<_>>()
                    .join(" ")
            )),
        })
    }

    /// What is said, without effect on the verdict.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let unreadable = (!self.unreadable_untracked.is_empty()).then(|| {
            format!(
                "not scanned, because the scanners may not read it and git does not track it: {}",
                named(&self.unreadable_untracked)
            )
        });
        let ours = self.ours.first().map(|(_, why)| {
            let folders = named(self.ours.iter().map(|(path, _)| path));
            let why = line(why);
            format!(
                "not scanned, because slipway writes there, and nobody says that it did not come \
                 with the tree ({why}): {folders}"
            )
        });
        unreadable.into_iter().chain(ours).collect()
    }
}

/// The first paths, and how many more there are.
pub(in crate::security_scan) fn named<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> String {
    let mut paths = paths.into_iter();
    let text = paths
        .by_ref()
        .take(NAMED)
        .map(|path| {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            // Names are a pull request's to choose: nothing but printable text gets through.
            line(&path.to_string_lossy())
        })
        .collect::<Vec<_>>()
        .join(", ");
    match paths.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// For a POSIX shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if text.is_empty() { ".".into() } else { text };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    // One that can't be written down exactly is covered by its folder.
    if text
        .chars()
        .any(|c| acts(c) || c == char::REPLACEMENT_CHARACTER)
    {
        return path.parent().map_or_else(|| ".".to_owned(), quoted);
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, Instant};

    use tokio_util::sync::CancellationToken;

    use proptest::prelude::*;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        folder
    }

    fn put(folder: &Path, path: impl AsRef<Path>) -> PathBuf {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x = 1\n").unwrap();
        file
    }

    fn run(folder: &Path, tracked: &[&str], run_as: RunAs) -> Tree {
        let tracked = Tracked::Paths(
            tracked
                .iter()
                .map(|path| path.as_bytes().to_vec())
                .collect(),
        );
        let skip = [RelativePath::parse("slipway-results").unwrap()];
        look(&Look {
            workspace: folder,
            path: &RelativePath::default(),
            skip: &skip,
            tracked: &tracked,
            paths: &Paths::default(),
            run_as,
            in_runner: true,
            until: Until {
                cancel: &CancellationToken::new(),
                deadline: Instant::now() + Duration::from_mins(1),
            },
        })
        .unwrap()
    }

    fn python(tree: &Tree) -> Vec<String> {
        let mut names: Vec<String> = tree
            .python
            .iter()
            .map(|(path, _)| path.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn odd_trees() {
        let folder = tree();
        let at = folder.path();
        put(at, "app/main.py");
        put(at, "app/gui.pyw");
        put(at, "app/LOUD.PY");
        fs::write(put(at, "app/run"), "#!/usr/bin/env python3\n").unwrap();
        put(at, "app/notes.txt");
        put(at, "-dash.py");
        put(at, "new\nline.py");
        put(at, OsStr::from_bytes(b"inv\xff.py"));
        put(at, ".git/hook.py");
        put(at, "slipway-results/x.py");
        put(at, "app/slipway-results/x.py");
        put(at, ".tox/lib/a.py");
        put(at, ".tox/evil.py");
        put(at, "x.egg/a.py");
        symlink(at, at.join("app/loop")).unwrap();
        symlink("/etc", at.join("out")).unwrap();
        symlink("/etc/passwd", at.join("passwd.py")).unwrap();
        symlink("nowhere", at.join("dangling.py")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at.join("pipe.py"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from(0o644),
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at.join("socket.py")).unwrap();

        let tree = run(at, &[".tox/evil.py"], RunAs::Ourselves);
        assert_eq!(
            python(&tree),
            [
                "-dash.py",
                ".tox/evil.py",
                "app/LOUD.PY",
                "app/gui.pyw",
                "app/main.py",
                "app/run",
                "app/slipway-results/x.py",
                "inv\u{fffd}.py",
                "new\nline.py"
            ]
        );
        assert_eq!(tree.gap(), None);
    }

    #[test]
    fn only_what_git_tracks_is_named() {
        let folder = tree();
        let at = folder.path();
        for name in ["go.mod", "node_modules/go.mod", "web/logo.svg", "logo.svg"] {
            fs::write(put(at, name), "module example.com/x\n").unwrap();
        }
        fs::write(put(at, "web/go.mod"), "").unwrap();
        let tracked = ["go.mod", "web/logo.svg", "web/go.mod"];
        let tree = run(at, &tracked, RunAs::Ourselves);
        let manifest = Manifest {
            path: "go.mod".into(),
            text: manifest::Text::Plain,
        };
        assert_eq!(tree.manifests, [manifest]);
        assert_eq!(
            tree.not_searched,
            [Path::new("go.mod"), Path::new("web/logo.svg")]
        );
    }

    #[test]
    fn our_own_limits_are_no_fault_of_a_files() {
        for (errno, ours) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOMEM, true),
            (Errno::ACCESS, false),
            (Errno::LOOP, false),
        ] {
            assert_eq!(is_our_limit(&errno.into()), ours, "{errno}");
        }
    }

    #[test]
    fn our_folders_are_named_where_nobody_vouches_for_them() {
        let folder = tree();
        put(folder.path(), "slipway-results/x.py");
        for (in_runner, named) in [(true, 1), (false, 0)] {
            let tree = look(&Look {
                workspace: folder.path(),
                path: &RelativePath::default(),
                skip: &[RelativePath::parse("slipway-results").unwrap()],
                tracked: &Tracked::Unknown("there is no git repository".to_owned()),
                paths: &Paths::default(),
                run_as: RunAs::Ourselves,
                in_runner,
                until: Until {
                    cancel: &CancellationToken::new(),
                    deadline: Instant::now() + Duration::from_mins(1),
                },
            })
            .unwrap();
            assert_eq!((tree.python.len(), tree.ours.len()), (0, named));
            assert_eq!(tree.notes().len(), named);
        }
    }

    #[test]
    fn a_walk_that_is_cut_short_is_never_clean() {
        let folder = tree();
        put(folder.path(), "app/main.py");
        put(folder.path(), "main.tf");
        let (cancelled, running) = (CancellationToken::new(), CancellationToken::new());
        cancelled.cancel();
        let now = Instant::now();
        for (cancel, deadline) in [(&cancelled, now + Duration::from_mins(1)), (&running, now)] {
            let until = Until { cancel, deadline };
            let tree = look(&Look {
                workspace: folder.path(),
                path: &RelativePath::default(),
                skip: &[],
                tracked: &Tracked::Unknown(String::new()),
                paths: &Paths::default(),
                run_as: RunAs::Ourselves,
                in_runner: true,
                until,
            })
            .unwrap();
            assert_eq!(tree.files, 0, "nothing more is opened");
            assert_eq!(tree.gap().unwrap().kind, GapKind::TimedOut);
            // Within a file too.
            let file = open(&folder.path().join("main.tf")).unwrap();
            let mut found = Ignores::default();
            let read = ignores::in_file(&mut Timed { file, until }, "main.tf", &mut found);
            assert!(read.is_err());
        }
    }

    /// Trivy takes all of these for configuration.
    #[test]
    fn ignores_are_seen_whatever_the_files_name() {
        let folder = tree();
        let names = [
            ".Dockerfile",
            "api.doc\u{212a}erfile",
            "dockerfile",
            "main.tf",
            "notes",
        ];
        for name in names {
            fs::write(folder.path().join(name), "FROM x\n# trivy:ignore:*\n").unwrap();
        }
        let found = run(folder.path(), &[], RunAs::Ourselves).trivy_ignores;
        let found = found.listed.iter();
        let found: Vec<_> = found.map(|one| (&*one.path, one.line)).collect();
        assert_eq!(found, names.map(|name| (name, 2)));
    }

    #[test]
    fn a_tree_that_is_no_folder_of_the_workspace() {
        let folder = tree();
        put(folder.path(), "file");
        symlink("/etc", folder.path().join("link")).unwrap();
        for (path, why) in [
            ("file", "not a folder"),
            ("link", "symbolic link"),
            ("none", "opened"),
        ] {
            let path = RelativePath::parse(path).unwrap();
            let failure = root(folder.path(), &path).unwrap_err();
            assert_eq!(failure.outcome, crate::outcome::Outcome::Invalid);
            assert!(failure.what.contains(why), "{failure}");
        }
    }

    #[test]
    fn what_nobody_may_not_read() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
        }
        let folder = tree();
        let at = folder.path();
        let lock = |path: &str, mode| {
            fs::set_permissions(at.join(path), PermissionsExt::from_mode(mode)).unwrap();
        };
        put(at, "open.py");
        put(at, "closed.py");
        lock("closed.py", 0o600);
        put(at, "it's closed.tf");
        lock("it's closed.tf", 0o640);
        put(at, "untracked.py");
        lock("untracked.py", 0);
        // Listed but not to be entered; entered but not to be listed; neither.
        for (name, mode) in [("list", 0o744), ("enter", 0o711), ("none", 0o700)] {
            put(at, format!("{name}/a.py"));
            lock(name, mode);
        }
        put(at, "empty/untracked.py");
        lock("empty", 0o700);

        let tree = run(
            at,
            &[
                "open.py",
                "closed.py",
                "it's closed.tf",
                "list/a.py",
                "enter/a.py",
                "none/a.py",
            ],
            RunAs::Nobody,
        );
        assert_eq!(python(&tree), ["open.py"]);
        let gap = tree.gap().unwrap();
        assert_eq!(
            gap.what,
            "the scanners (uid 65534) may not read closed.py, enter, it's closed.tf, list/a.py, none"
        );
        assert_eq!(
            gap.next.unwrap(),
            r"make it readable in a step before this one: run: chmod -R a+rX -- closed.py enter 'it'\''s closed.tf' list/a.py none"
        );
        assert_eq!(
            tree.notes(),
            [
                "not scanned, because the scanners may not read it and git does not track it: empty, untracked.py"
            ]
        );
        let ours = run(at, &[], RunAs::Ourselves);
        assert_eq!(ours.python.len(), 7);
    }

    /// The word that a POSIX shell makes of an argument; None: not one word, or not plain text
    /// (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>, 2.2).
    fn word(argument: &str) -> Option<String> {
        let (mut word, mut chars, mut quoted) = (String::new(), argument.chars(), false);
        while let Some(char) = chars.next() {
            match char {
                '\'' => quoted = !quoted,
                char if quoted => word.push(char),
                '\\' => word.push(chars.next()?),
                char if " \t\n|&;<>()$`\"*?[]#~=%!{}".contains(char) => return None,
                char => word.push(char),
            }
        }
        (!quoted).then_some(word)
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_path_that_was_quoted(path in "(([ '\"$`;&|*?~#!\\\\(-]|\n|\u{202e}|\\PC){1,6}/?){1,3}") {
            let read = word(&quoted(Path::new(&path))).unwrap();
            if path.contains(|char| acts(char) || char == char::REPLACEMENT_CHARACTER) {
                prop_assert!(read == "." || Path::new(&path).starts_with(&read), "{read}");
            } else {
                prop_assert_eq!(read, path);
            }
        }
    }
}
