//! What other steps hand over, image archives and SARIF files, and who may have written it.

use std::fs;
use std::path::Path;

use crate::git::{commit, git};
use crate::support::{Runner, ended, slipway};

/// A report of a tool that found nothing.
fn clean_sarif(workspace: &Path, path: &str) {
    let path = workspace.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sarif = serde_json::json!({
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "Lint"}}, "results": []}],
    });
    fs::write(path, sarif.to_string()).unwrap();
}

/// Exit code and what is printed.
fn run(runner: &Runner) -> (i32, String) {
    let (code, out, err) = ended(&mut runner.command(["security-scan"]));
    (code, format!("{out}{err}"))
}

/// Commits the workspace as the event's own commit.
fn committed(runner: Runner, files: &[&str]) -> Runner {
    let workspace = runner.workspace();
    git(&workspace, &["init", "-q"]);
    commit(&workspace, files);
    let head = git(&workspace, &["rev-parse", "HEAD"]);
    runner.with("GITHUB_SHA", &head)
}

fn step() -> Runner {
    Runner::new().input("upload", "false")
}

fn imports(glob: &str) -> Runner {
    step().input("scanners", "none").input("sarif-files", glob)
}

#[test]
fn what_came_with_the_commit_is_no_result_of_this_run() {
    let long = "x/".repeat(20) + "it's.tar";
    for (input, value, named) in [
        ("images", "app.tar", "app.tar"),
        ("images", "./layout", "layout"),
        ("images", "r.invalid/a:1\n./deep/app.tgz", "deep/app.tgz"),
        ("images", &long, "it'\\''s.tar"),
        ("sarif-files", "reports/*.sarif", "reports/clean.sarif"),
        ("sarif-files", "**/*.sarif", "reports/clean.sarif"),
    ] {
        let runner = step().input(input, value);
        let workspace = runner.workspace();
        let files = ["app.tar", "layout/index.json", "deep/app.tgz", &long];
        clean_sarif(&workspace, "reports/clean.sarif");
        let runner = committed(runner, &files);
        // What the tool itself has written beside it is fine.
        clean_sarif(&workspace, "reports/a.sarif");
        let (code, told) = run(&runner);
        assert_eq!(code, 2, "{value}: {told}");
        let title = format!("::error title=Invalid input `{input}`::`{input}` names ");
        assert!(told.contains(&title), "{told}");
        for word in [named, "which git tracks", "git rm -r --cached -- "] {
            assert!(
                runner.summary().contains(word) || told.contains(word),
                "{word}: {told}"
            );
        }
        assert!(!workspace.join("slipway-results").exists(), "{value}");
    }
}

#[test]
fn what_a_step_has_written_is_taken() {
    let runner = imports("reports/*.sarif");
    let runner = committed(runner, &["app.py", "reports/.gitkeep"]);
    clean_sarif(&runner.workspace(), "reports/lint.sarif");
    let (code, told) = run(&runner);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn a_checkout_in_a_folder_of_its_own_is_looked_up_there() {
    for (glob, path, expected) in [
        ("out/lint.sarif", "app", 0),
        ("app/new.sarif", "app", 0),
        ("app/old.sarif", "app", 2),
        ("app/old.sarif", ".", 2),
        ("app/old.sarif", "none", 2),
    ] {
        let runner = imports(glob).input("path", path);
        let workspace = runner.workspace();
        clean_sarif(&workspace, "app/old.sarif");
        git(&workspace.join("app"), &["init", "-q"]);
        commit(&workspace.join("app"), &["app.py"]);
        clean_sarif(&workspace, "app/new.sarif");
        clean_sarif(&workspace, "out/lint.sarif");
        let (code, told) = run(&runner);
        assert_eq!(code, expected, "{glob} {path}: {told}");
    }
}

#[test]
fn where_git_says_nothing_a_tree_makes_it_doubtful() {
    for (path, broken, expected) in [(".", false, 2), ("none", false, 0), ("none", true, 2)] {
        let runner = imports("lint.sarif").input("path", path);
        let workspace = runner.workspace();
        clean_sarif(&workspace, "lint.sarif");
        if broken {
            git(&workspace, &["init", "-q"]);
            fs::write(workspace.join(".git/index"), "no index").unwrap();
        }
        let (code, told) = run(&runner);
        assert_eq!(code, expected, "{path} {broken}: {told}");
        let doubtful = told.contains("git does not say whether that came with the commit");
        assert_eq!(doubtful, expected == 2, "{told}");
    }
}

#[test]
fn at_a_desk_the_tree_is_the_users() {
    let folder = tempfile::tempdir().unwrap();
    clean_sarif(folder.path(), "lint.sarif");
    git(folder.path(), &["init", "-q"]);
    commit(folder.path(), &["app.py"]);
    let mut command = slipway();
    command.current_dir(folder.path()).args([
        "security-scan",
        "--scanners=none",
        "--sarif-files=lint.sarif",
    ]);
    let (code, out, err) = ended(&mut command);
    assert_eq!(code, 0, "{out}{err}");
}
