//! What `slipway::git` reads of repositories that the real git made.

use std::path::Path;
use std::process::Command;

use slipway::git::{Tracked, head, tracked};

use crate::testing::needs_root;

/// The real git makes the repositories.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .envs([
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@b"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@b"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn repository(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    commit(folder.path(), files);
    folder
}

pub(crate) fn commit(folder: &Path, files: &[&str]) {
    for file in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-qm", "x"]);
}

fn names(tracked: Tracked) -> Vec<String> {
    let Tracked::Paths(paths) = tracked else {
        panic!("{tracked:?}");
    };
    let mut names: Vec<String> = paths
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_checkout() {
    let folder = repository(&["a", "src/b.py", "we\nird"]);
    std::fs::write(folder.path().join("untracked"), "x").unwrap();
    let expected = git(folder.path(), &["rev-parse", "HEAD"]);
    assert_eq!(head(folder.path()), Some(expected.clone()));
    let all = tracked(folder.path());
    assert!(all.holds(Path::new("src")) && all.holds(Path::new("src/b.py")));
    assert!(all.holds(Path::new("")));
    assert!(!all.holds(Path::new("sr")) && !all.holds(Path::new("untracked")));
    assert_eq!(names(all), ["a", "src/b.py", "we\nird"]);
    assert_eq!(names(tracked(&folder.path().join("src"))), ["b.py"]);
    assert_eq!(head(&folder.path().join("src")), Some(expected));
}

#[test]
fn a_repository_of_the_newer_hash() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "--object-format=sha256"]);
    commit(folder.path(), &["a", "src/b.py"]);
    let expected = git(folder.path(), &["rev-parse", "HEAD"]);
    assert_eq!(expected.len(), 64);
    assert_eq!(head(folder.path()), Some(expected));
    assert_eq!(names(tracked(folder.path())), ["a", "src/b.py"]);
}

#[test]
fn shallow_clones_linked_worktrees_and_submodules() {
    let origin = repository(&["a"]);
    commit(origin.path(), &["b"]);
    let work = tempfile::tempdir().unwrap();
    let url = format!("file://{}", origin.path().display());
    git(
        work.path(),
        &["clone", "-q", "--depth", "1", &url, "shallow"],
    );
    let shallow = work.path().join("shallow");
    assert_eq!(
        head(&shallow),
        Some(git(origin.path(), &["rev-parse", "HEAD"]))
    );
    assert_eq!(names(tracked(&shallow)), ["a", "b"]);

    git(
        &shallow,
        &["worktree", "add", "-q", "../linked", "-b", "other"],
    );
    let linked = work.path().join("linked");
    commit(&linked, &["c"]);
    assert_eq!(head(&linked), Some(git(&linked, &["rev-parse", "HEAD"])));
    assert_eq!(names(tracked(&linked)), ["a", "b", "c"]);

    git(
        &shallow,
        &["submodule", "--quiet", "add", &url, "deps/origin"],
    );
    git(&shallow, &["commit", "-qm", "x"]);
    assert_eq!(
        names(tracked(&shallow)),
        [
            ".gitmodules",
            "a",
            "b",
            "deps/origin",
            "deps/origin/a",
            "deps/origin/b"
        ]
    );
}

#[test]
fn no_repository_no_commit_and_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(head(folder.path()), None);
    assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
    assert!(tracked(folder.path()).holds(Path::new("x")));

    git(folder.path(), &["init", "-q"]);
    assert_eq!(head(folder.path()), None);
    assert_eq!(names(tracked(folder.path())), [""; 0]);

    std::fs::write(folder.path().join(".git/index"), "not an index").unwrap();
    assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
    std::fs::write(folder.path().join(".git/config"), "[core\nbare").unwrap();
    assert!(matches!(tracked(folder.path()), Tracked::Unknown(_)));
    assert_eq!(head(folder.path()), None);
}

#[test]
fn configuration_that_git_would_execute_is_not_obeyed() {
    let folder = repository(&["a"]);
    let proof = folder.path().join("proof");
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch {0}\n\tsshCommand = touch {0}\n\
         [include]\n\tpath = /nonexistent\n[alias]\n\tx = !touch {0}\n",
        proof.display()
    );
    std::fs::write(folder.path().join(".git/config"), config).unwrap();
    assert!(head(folder.path()).is_some());
    assert_eq!(names(tracked(folder.path())), ["a"]);
    assert!(!proof.exists());
}

#[test]
fn a_workspace_of_another_owner() {
    if !needs_root() {
        return; // Only root can give files away.
    }
    let folder = repository(&["a"]);
    for path in [".git", ".git/config", ".git/HEAD", ".git/index", ""] {
        std::os::unix::fs::chown(folder.path().join(path), Some(1001), Some(1001)).unwrap();
    }
    assert!(head(folder.path()).is_some());
    assert_eq!(names(tracked(folder.path())), ["a"]);
}
