//! The job's own token, left where scanners can read it.
//!
//! `actions/checkout` with its default `persist-credentials: true` writes the token into
//! `.git/config` (`http.<url>.extraheader`), newer versions into `$RUNNER_TEMP/git-credentials-*`,
//! which `.git/config` then includes. Both may be read by everybody, so a scanner that was tampered
//! with could take it along. Source: `src/git-auth-helper.ts`, <https://github.com/actions/checkout>.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::git::Repository;
use crate::outcome::Failure;
use crate::process::RunAs;
use crate::runner::cancel::Until;

/// A git configuration is read up to this size.
const LARGEST: u64 = 1024 * 1024;
/// Submodules within submodules are followed this deep.
const DEEPEST: usize = 8;

/// What was seen of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readable {
    pub files: BTreeSet<PathBuf>,
    /// Why not every checkout was looked at.
    pub cut_short: Option<String>,
}

/// The files with credentials that the scanners may read. For the runner: at a desk they run as the
/// user whose credentials these are.
#[must_use]
pub fn readable(
    workspace: &Path,
    temp: Option<&Path>,
    run_as: RunAs,
    until: Until<'_>,
) -> Readable {
    let mut files = BTreeSet::new();
    let checkouts = match checkouts(workspace, run_as, until) {
        Ok(checkouts) => checkouts,
        Err(error) => return Readable::cut_short(&error),
    };
    for checkout in checkouts {
        if until.is_over() {
            break;
        }
        if let Some(repository) = Repository::of(&checkout) {
            configurations(repository.common_dir(), DEEPEST, until, &mut files);
            files.insert(repository.git_dir().join("config.worktree"));
        } else {
            configurations(&checkout.join(".git"), DEEPEST, until, &mut files);
        }
    }
    if let Some(entries) = temp.and_then(|temp| fs::read_dir(temp).ok()) {
        files.extend(
            entries
                .flatten()
                .filter(|entry| {
                    entry
                        .file_name()
                        .to_string_lossy()
                        .starts_with("git-credentials-")
                })
                .map(|entry| entry.path()),
        );
    }
    let look = || {
        let looked_at = files.into_iter().take_while(|_| !until.is_over());
        looked_at.filter(|file| holds_credentials(file)).collect()
    };
    match run_as.act(look) {
        Ok(files) => Readable {
            files,
            cut_short: until.check().err().map(|error| error.to_string()),
        },
        Err(error) => Readable::cut_short(&error),
    }
}

impl Readable {
    fn cut_short(error: &io::Error) -> Self {
        Self {
            files: BTreeSet::new(),
            cut_short: Some(error.to_string()),
        }
    }
}

/// The workspace and every folder below it that has a `.git`, a folder or a file: a job may check out
/// more than one repository (`path` of `actions/checkout`). No link is followed.
fn checkouts(workspace: &Path, run_as: RunAs, until: Until<'_>) -> io::Result<Vec<PathBuf>> {
    let look = || {
        let mut found = vec![workspace.to_owned()];
        let mut folders = found.clone();
        while let Some(folder) = folders.pop() {
            // What the scanners may not list, they could still open by a name that they know.
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                if until.is_over() {
                    return found;
                }
                if entry.file_name() == ".git" {
                    found.push(folder.clone());
                } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
        found
    };
    // With the scanners' rights, as all of this.
    run_as.act(look)
}

/// The configuration of a repository and of its submodules (`modules/<name>`).
fn configurations(git_dir: &Path, depth: usize, until: Until<'_>, files: &mut BTreeSet<PathBuf>) {
    files.insert(git_dir.join("config"));
    let Ok(entries) = fs::read_dir(git_dir.join("modules")) else {
        return;
    };
    for entry in entries.flatten() {
        if until.is_over() {
            return;
        }
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            configurations(&entry.path(), depth - 1, until, files);
        }
    }
}

/// Whether the file can be opened here and now, and holds a header or an address with a password.
fn holds_credentials(file: &Path) -> bool {
    let mut bytes = Vec::new();
    let plain = fs::symlink_metadata(file).is_ok_and(|data| data.is_file());
    let read = || fs::File::open(file)?.take(LARGEST).read_to_end(&mut bytes);
    plain && { read }().is_ok() && tells_credentials(&String::from_utf8_lossy(&bytes))
}

fn tells_credentials(text: &str) -> bool {
    // A value goes on behind a backslash at the end of its line.
    // Source: <https://git-scm.com/docs/git-config#_syntax>.
    let text = text.replace("\\\r\n", "").replace("\\\n", "");
    text.lines().any(|line| {
        let Some((key, value)) = line.split_once('=') else {
            return false;
        };
        let key = key.trim().to_lowercase();
        // The section may stand on the key's own line.
        let key = key.rsplit(']').next().unwrap_or_default().trim();
        match key {
            "extraheader" => value.to_lowercase().contains("authorization"),
            "url" | "pushurl" => url::Url::parse(value.trim().trim_matches('"')).is_ok_and(|url| {
                url.password().is_some() || (url.scheme() == "https" && !url.username().is_empty())
            }),
            _ => false,
        }
    })
}

/// What to say about such files: a warning, or under the policy's `credentials: refuse` the error
/// that ends the run (exit 2; 3 if none was seen, and not all was looked at).
#[must_use]
pub fn failure(readable: &Readable) -> Option<Failure> {
    let cut_short = readable.cut_short.as_deref();
    if readable.files.is_empty() {
        return cut_short.map(not_all);
    }
    let list: Vec<String> = readable
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Some(
        Failure::invalid(
            "The job's token is within the scanners' reach",
            format!(
                "Credentials that were left by actions/checkout can be read by every process of \
                 this job, scanners included: {}{}",
                list.join(", "),
                cut_short.map_or_else(String::new, |why| format!(
                    "; and not every checkout was looked at: {why}"
                ))
            ),
        )
        .because("actions/checkout keeps the token for later steps unless it is told not to.")
        .next(
            "Check out without keeping the token; a later step that pushes can be given it there.",
        )
        .paste("- uses: actions/checkout@v6\n  with:\n    persist-credentials: false"),
    )
}

fn not_all(why: &str) -> Failure {
    Failure::error(
        "Not every checkout was looked at for the job's token",
        format!(
            "Whether actions/checkout left credentials that scanners can read is not known of every \
             repository in the workspace: {why}"
        ),
    )
    .next("Give a longer timeout, or check out fewer files.")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn what_holds_credentials() {
        for (text, holds) in [
            (
                "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp5\n",
                true,
            ),
            (
                "[http \"https://ghe/\"]\n\tExtraHeader=Authorization: Bearer x",
                true,
            ),
            (
                "[http \"x\"] extraheader = AUTHORIZATION: basic eDp5\n",
                true,
            ),
            (
                "[remote \"origin\"]\n\turl = https://x-access-token:t@github.com/a/b\n",
                true,
            ),
            (
                "[remote \"origin\"]\n\turl = https://ghp_x@github.com/a/b\n",
                true,
            ),
            (
                "[remote \"origin\"]\n\turl = https://github.com/a/b\n",
                false,
            ),
            ("[remote \"origin\"]\n\turl = git@github.com:a/b\n", false),
            (
                "[remote \"origin\"]\n\turl = ssh://git@github.com/a/b\n",
                false,
            ),
            (
                "[http \"x\"]\n\textraheader = \\\nAUTHORIZATION: basic eDp5\n",
                true,
            ),
            (
                "[http \"x\"]\n\textraheader = AUTHOR\\\r\nIZATION: basic eDp5\n",
                true,
            ),
            (
                "[remote \"origin\"]\n\turl = https://x:\\\nt@github.com/a/b\n",
                true,
            ),
            ("[http]\n\textraheader = X-Team: a\n", false),
            ("", false),
        ] {
            assert_eq!(tells_credentials(text), holds, "{text}");
        }
    }

    #[test]
    fn only_what_the_scanners_can_read_counts() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
        }
        let folder = tempfile::tempdir().unwrap();
        let open = PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        let (workspace, temp) = (folder.path().join("work"), folder.path().join("temp"));
        fs::create_dir_all(workspace.join(".git/modules/deps/lib")).unwrap();
        fs::create_dir(&temp).unwrap();
        fs::create_dir_all(workspace.join("libs/app/.git")).unwrap();
        let header = "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp5\n";
        let put = |path: PathBuf, mode| {
            fs::write(&path, header).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        let config = put(workspace.join(".git/config"), 0o644);
        let submodule = put(workspace.join(".git/modules/deps/config"), 0o644);
        put(workspace.join(".git/modules/deps/lib/config"), 0o600);
        let second = put(workspace.join("libs/app/.git/config"), 0o644);
        std::os::unix::fs::symlink(&workspace, workspace.join("libs/round")).unwrap();
        let credentials = put(temp.join("git-credentials-1.config"), 0o644);
        put(temp.join("git-credentials-2.config"), 0o600);
        put(temp.join("other"), 0o644);

        let cancel = CancellationToken::new();
        let until = Until {
            cancel: &cancel,
            deadline: Instant::now() + Duration::from_mins(1),
        };
        let found = readable(&workspace, Some(&temp), RunAs::Nobody, until);
        assert_eq!(found.cut_short, None);
        assert_eq!(
            found.files,
            [config, submodule, second, credentials]
                .into_iter()
                .collect()
        );
        let failure = failure(&found).unwrap();
        assert!(failure.what.contains("git-credentials-1.config"));
        assert!(!failure.what.contains("eDp5"));
        assert!(
            failure
                .paste
                .unwrap()
                .contains("persist-credentials: false")
        );
        // A `run:` step: what is closed to others is open to its scanners.
        let ours = readable(&workspace, Some(&temp), RunAs::Ourselves, until);
        assert!(ours.files.len() > found.files.len());
    }

    #[test]
    fn a_look_that_is_cut_short_is_never_clean() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("app/.git")).unwrap();
        let (cancelled, running) = (CancellationToken::new(), CancellationToken::new());
        cancelled.cancel();
        let now = Instant::now();
        for (cancel, deadline, clean) in [
            (&cancelled, now + Duration::from_mins(1), false),
            (&running, now, false),
            (&running, now + Duration::from_mins(1), true),
        ] {
            let until = Until { cancel, deadline };
            let found = readable(folder.path(), None, RunAs::Ourselves, until);
            assert_eq!(failure(&found).is_none(), clean, "{found:?}");
        }
        let found = Readable {
            files: ["/w/.git/config".into()].into(),
            cut_short: Some("there was no time left".to_owned()),
        };
        let told = failure(&found).unwrap();
        assert_eq!(told.outcome, Outcome::Invalid);
        assert!(told.what.ends_with(
            "/w/.git/config; and not every checkout was looked at: there was no time left"
        ));
        let found = Readable {
            files: BTreeSet::new(),
            ..found
        };
        assert_eq!(failure(&found).unwrap().outcome, Outcome::Error);
    }
}
