//! What a file is, by its name and its first bytes, and which scanner would pass it by.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// Bytes by which Trivy tells text from binary files.
/// Source: `IsBinary` in `pkg/fanal/utils/utils.go` of <https://github.com/aquasecurity/trivy>.
pub(super) const HEAD: usize = 300;
/// A shorter file holds no secret that Trivy knows: `Required` in `pkg/fanal/analyzer/secret/secret.go`.
const SHORTEST_SECRET: u64 = 10;
/// What Trivy looks for no secrets in, by names, endings and folders anywhere in the path.
/// Source: `skipFiles`, `skipExts` and `skipDirs` in the same file.
const NO_SECRETS: [&[u8]; 7] = [
    b"go.mod",
    b"go.sum",
    b"package-lock.json",
    b"yarn.lock",
    b"pnpm-lock.yaml",
    b"Pipfile.lock",
    b"Gemfile.lock",
];
const NO_SECRETS_ENDINGS: [&[u8]; 14] = [
    b".jpg", b".png", b".gif", b".doc", b".pdf", b".bin", b".svg", b".socket", b".deb", b".rpm",
    b".zip", b".gz", b".gzip", b".tar",
];
const NO_SECRETS_FOLDERS: [&str; 2] = [".git", "node_modules"];
/// A binary file that Trivy looks into all the same: `allowedBinaries`.
const LOOKED_INTO: &[u8] = b".pyc";

/// Whether a file holds Python, whatever it is called: by its ending (Bandit's `*.py` and `*.pyw`,
/// in any case) or by the interpreter that its first line asks for. Stubs (`*.pyi`) are never run.
pub(super) fn is_python(path: &Path, head: &[u8]) -> bool {
    // `.py` alone is a name of a file as well.
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    let name = name.to_ascii_lowercase();
    name.ends_with(b".py") || name.ends_with(b".pyw") || asks_for_python(head)
}

/// `#!/usr/bin/python3`, `#!/usr/bin/env -S python3 -u`, `#!/usr/bin/env -S uv run --script`. The
/// words of `env -S` can be quoted and escaped (`\_` is a space).
/// Source: <https://www.gnu.org/software/coreutils/manual/html_node/env-invocation.html>.
fn asks_for_python(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(b"#!") else {
        return false;
    };
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line: Vec<u8> = line
        .iter()
        .copied()
        .filter(|byte| !b"\"'".contains(byte))
        .collect();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\\=".contains(byte);
    line.split(ends).any(|word| {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let options = name
            .starts_with(b"-")
            .then(|| name.iter().position(|byte| *byte == b'S'));
        let name = options.flatten().map_or(name, |at| &name[at + 1..]);
        let name = name.strip_prefix(b"_").unwrap_or(name);
        let starts = |start: &[u8]| name.starts_with(start);
        starts(b"python") || starts(b"pypy") || name == b"uv" || name == b"pipx"
    })
}

/// Whether Trivy passes by a file with text in it when it looks for secrets. What is plainly no
/// text does not count: there is nothing that could be read.
pub(super) fn hides_secrets(path: &Path, size: u64, head: &[u8]) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    let ending = name
        .iter()
        .rposition(|byte| *byte == b'.')
        .map_or(&b""[..], |at| &name[at..]);
    if size < SHORTEST_SECRET || ending == LOOKED_INTO {
        return false;
    }
    let in_folder = |folder: &str| {
        path.components()
            .any(|part| part == Component::Normal(folder.as_ref()))
    };
    let passed_by = NO_SECRETS.contains(&name)
        || NO_SECRETS_ENDINGS.contains(&ending)
        || NO_SECRETS_FOLDERS.into_iter().any(in_folder);
    (passed_by || is_binary(head)) && is_text(head)
}

/// Trivy's own test.
fn is_binary(head: &[u8]) -> bool {
    head.iter().any(|byte| is_odd(*byte))
}

fn is_odd(byte: u8) -> bool {
    matches!(byte, 0..=6 | 11 | 14..=26 | 28..=31 | 127)
}

/// Whether people could read it: UTF-16, or UTF-8 with a few odd characters.
fn is_text(head: &[u8]) -> bool {
    let utf16 = |first: usize| {
        let every_other = head.iter().skip(first).step_by(2);
        head.len() > 3 && every_other.clone().all(|byte| *byte == 0)
    };
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    // The last character may be cut.
    let utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let odd = head.iter().filter(|byte| is_odd(**byte)).count();
    marked || utf16(0) || utf16(1) || (utf8 && odd * 10 <= head.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_python() {
        for (name, head, python) in [
            ("a.py", "", true),
            ("b.PY", "", true),
            ("c.pyw", "", true),
            ("d.PyW", "", true),
            ("e.pyi", "", false),
            ("f.pyx", "", false),
            ("py", "", false),
            (".py", "", true),
            ("a/.PYW", "", true),
            ("run", "#!/usr/bin/python3\nimport os\n", true),
            ("run", "#!/usr/bin/env python\r\n", true),
            ("run", "#! /usr/bin/env -S python3.13 -u\n", true),
            ("run", "#!/usr/bin/env -Spython3 -u\n", true),
            ("run", "#!/usr/bin/env -S \"python3\" -u\n", true),
            ("run", "#!/usr/bin/env -S 'pyth'on3\n", true),
            ("run", "#!/usr/bin/env -vS\"/usr/bin/python3\"\n", true),
            ("run", "#!/usr/bin/env --split-string=python3\n", true),
            ("run", "#!/usr/bin/env -S\\_python3\n", true),
            ("run", "#!/usr/bin/env -S PATH=/x python3\n", true),
            ("run", "#!/usr/bin/env -S node --python\n", false),
            ("run.cgi", "#!/opt/venv/bin/python", true),
            ("run", "#!/usr/bin/env -S uv run --script\n", true),
            ("run", "#!/usr/bin/pypy3\n", true),
            ("run.sh", "#!/bin/sh\npython3 run.py\n", false),
            ("run", "# !/usr/bin/python3\n", false),
            ("run", "\n#!/usr/bin/python3\n", false),
        ] {
            assert_eq!(
                is_python(Path::new(name), head.as_bytes()),
                python,
                "{name} {head}"
            );
        }
    }

    #[test]
    fn what_hides_secrets_from_trivy() {
        let text = b"token = 'abcdef0123456789'\n".as_slice();
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let text = std::str::from_utf8(text).unwrap();
            text.encode_utf16().flat_map(order).collect()
        };
        let picture =
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0\\r\xa8f".as_slice();
        for (name, head, hides) in [
            ("a.env", text, false),
            ("package-lock.json", text, true),
            ("a/b/yarn.lock", text, true),
            ("go.sum", text, true),
            ("Cargo.lock", text, false),
            ("logo.svg", text, true),
            ("logo.SVG", text, false),
            (".pdf", text, true),
            ("a.png", text, true),
            ("a.png", picture, false),
            ("a.ico", picture, false),
            ("node_modules/a.js", text, true),
            ("a/node_modules/b/c.js", text, true),
            ("node_modules.js", text, false),
            ("a.env", &utf16(u16::to_le_bytes), true),
            ("a.env", &utf16(u16::to_be_bytes), true),
            (
                "a.env",
                &[b"\xff\xfe", &*utf16(u16::to_le_bytes)].concat(),
                true,
            ),
            ("a.env", &[b"\x01", text].concat(), true),
            ("a.env", &[b"\x1b[0m\x07\t\x0c", text].concat(), false),
            ("a.pyc", &[b"\x01", text].concat(), false),
            ("caf\u{e9}.svg", "\u{e9}".repeat(150).as_bytes(), true),
            ("cut.svg", &"\u{e9}".repeat(151).as_bytes()[..299], true),
            ("latin.env", b"caf\xe9 au lait", false),
        ] {
            assert_eq!(
                hides_secrets(Path::new(name), 100, head),
                hides,
                "{name} {head:?}"
            );
        }
        assert!(!hides_secrets(Path::new("a.svg"), 9, text));
    }
}
