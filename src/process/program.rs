//! Finding a program without taking it from the tree that it is to judge.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folders of `PATH` that programs may come from: absolute, and outside the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Programs {
    folders: Vec<PathBuf>,
    workspace: PathBuf,
}

impl Programs {
    /// `workspace` must be canonical.
    #[must_use]
    pub fn new(path: &OsStr, workspace: &Path) -> Self {
        let folders = std::env::split_paths(path)
            .filter(|folder| folder.is_absolute() && !inside(folder, workspace))
            .collect();
        Self {
            folders,
            workspace: workspace.to_owned(),
        }
    }

    /// The value of `PATH` for children.
    #[must_use]
    pub fn path(&self) -> OsString {
        std::env::join_paths(&self.folders).unwrap_or_default()
    }

    /// The absolute path of a program, or None. One that lies in the workspace, by whatever link,
    /// is passed over: a pull request could have brought it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| executable(path) && !inside(path, &self.workspace))
    }
}

/// Whether the path leads into the folder once every link is followed.
fn inside(path: &Path, folder: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real.starts_with(folder))
}

fn executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What a script's first lines say about who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// The absolute path of an interpreter whose name begins with `python`.
    Python(PathBuf),
    /// `#!/usr/bin/env python3`: the name to look up.
    PythonOnPath(String),
    /// Anything else, a binary for instance.
    Other,
}

/// Reads a script's shebang; pip's form for long paths (`#!/bin/sh`, then `'''exec' PYTHON …`)
/// is understood as well.
pub fn interpreter(script: &Path) -> std::io::Result<Interpreter> {
    let mut head = Vec::new();
    fs::File::open(script)?.take(4096).read_to_end(&mut head)?;
    Ok(parse(&head))
}

fn parse(head: &[u8]) -> Interpreter {
    let mut lines = head.split(|byte| *byte == b'\n');
    let Some(first) = lines.next().and_then(|line| line.strip_prefix(b"#!")) else {
        return Interpreter::Other;
    };
    let words = |line: &[u8]| -> Vec<Vec<u8>> {
        line.split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let python = |word: &[u8]| {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
        name.starts_with(b"python")
    };
    let absolute = |word: &[u8]| {
        let path = PathBuf::from(OsString::from_vec(word.to_vec()));
        (path.is_absolute() && python(word)).then_some(Interpreter::Python(path))
    };
    let first = words(first);
    match first.as_slice() {
        [program, name, ..]
            if program.ends_with(b"/env") && python(name) && !name.contains(&b'/') =>
        {
            Interpreter::PythonOnPath(String::from_utf8_lossy(name).into_owned())
        }
        [shell, ..] if shell == b"/bin/sh" => lines
            .next()
            .and_then(|line| line.strip_prefix(b"'''exec' "))
            .and_then(|rest| {
                let path = rest.strip_prefix(b"\"").map_or_else(
                    || rest.split(|byte| *byte == b' ').next(),
                    |quoted| quoted.split(|byte| *byte == b'"').next(),
                );
                absolute(path?)
            })
            .unwrap_or(Interpreter::Other),
        [program, ..] => absolute(program).unwrap_or(Interpreter::Other),
        [] => Interpreter::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shebangs() {
        for (head, expected) in [
            (
                "#!/opt/venv/bin/python\n",
                Interpreter::Python("/opt/venv/bin/python".into()),
            ),
            (
                "#! /usr/bin/python3.13 -E\n",
                Interpreter::Python("/usr/bin/python3.13".into()),
            ),
            (
                "#!/usr/bin/env python3\n",
                Interpreter::PythonOnPath("python3".into()),
            ),
            (
                "#!/bin/sh\n'''exec' /very/long/python3 \"$0\" \"$@\"\n' '''\n",
                Interpreter::Python("/very/long/python3".into()),
            ),
            (
                "#!/bin/sh\n'''exec' \"/with space/python3\" \"$0\" \"$@\"\n' '''\n",
                Interpreter::Python("/with space/python3".into()),
            ),
            ("#!/usr/bin/env bash\n", Interpreter::Other),
            ("#!/bin/sh\nexec python3\n", Interpreter::Other),
            ("#!python3\n", Interpreter::Other),
            ("#!\n", Interpreter::Other),
            ("\x7fELF", Interpreter::Other),
            ("", Interpreter::Other),
        ] {
            assert_eq!(parse(head.as_bytes()), expected, "{head:?}");
        }
    }

    #[test]
    fn programs_of_the_workspace_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        let (workspace, tools) = (root.join("work"), root.join("tools"));
        for folder in [&workspace, &tools] {
            fs::create_dir_all(folder.join("bin")).unwrap();
            for name in ["trivy", "bandit"] {
                let program = folder.join("bin").join(name);
                fs::write(&program, "#!/bin/sh\n").unwrap();
                fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        // A link from outside into the workspace, and a file that can't be run.
        let linked = root.join("linked");
        fs::create_dir(&linked).unwrap();
        std::os::unix::fs::symlink(workspace.join("bin/trivy"), linked.join("trivy")).unwrap();
        fs::write(linked.join("bandit"), "").unwrap();

        let path = std::env::join_paths([
            PathBuf::from("relative"),
            workspace.join("bin"),
            tools.join("../work/bin"),
            linked,
            tools.join("bin"),
        ])
        .unwrap();
        let programs = Programs::new(&path, &workspace);
        assert_eq!(programs.find("trivy"), Some(tools.join("bin/trivy")));
        assert_eq!(programs.find("bandit"), Some(tools.join("bin/bandit")));
        assert_eq!(programs.find("snyk"), None);
        assert!(!programs.path().to_string_lossy().contains("work/bin"));
    }
}
