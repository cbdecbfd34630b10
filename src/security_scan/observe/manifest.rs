//! Lists of packages that Trivy knows by their names, and whether they can be read in two ways: by
//! Trivy in one, by whoever installs what they list in another.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes of a list that are looked at; no real one is longer.
const LARGEST: u64 = 64 << 20;
/// Source: the `Required` functions in `pkg/fanal/analyzer/language` of
/// <https://github.com/aquasecurity/trivy>, those of a file system scan.
const NAMES: [&[u8]; 25] = [
    b"Cargo.lock",
    b"Gemfile.lock",
    b"Manifest.toml",
    b"Package.resolved",
    b"Pipfile.lock",
    b"Podfile.lock",
    b"build.sbt.lock",
    b"bun.lock",
    b"composer.lock",
    b"conan.lock",
    b"environment.yaml",
    b"environment.yml",
    b"go.mod",
    b"mix.lock",
    b"package-lock.json",
    b"packages.config",
    b"packages.lock.json",
    b"pnpm-lock.yaml",
    b"poetry.lock",
    b"pom.xml",
    b"pubspec.lock",
    b"pylock.toml",
    b"requirements.txt",
    b"uv.lock",
    b"yarn.lock",
];
const ENDINGS: [&str; 3] = [".deps.json", "gradle.lockfile", "packages.props"];

/// A list of packages that git tracks and that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Relative to the workspace.
    pub path: PathBuf,
    pub text: Text,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// UTF-8.
    Plain,
    /// With a byte order mark: some of Trivy's parsers know it, others find nothing, or nonsense.
    Utf16,
    /// Neither.
    Undecodable,
    /// Characters that end a line, or end everything, for one program and not for another: NUL,
    /// other control characters, a lone carriage return; in requirements.txt also what Python's
    /// `str.splitlines` takes for the end of a line.
    Ambiguous,
}

/// Whether Trivy takes a file of this name for a list of packages.
pub(super) fn is_known(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    let lower = name.to_ascii_lowercase();
    NAMES.contains(&name)
        || ENDINGS
            .iter()
            .any(|ending| lower.ends_with(ending.as_bytes()))
}

/// Looks at the text of a list; None if it is empty.
pub(super) fn read(path: &Path, file: &mut impl Read) -> io::Result<Option<Text>> {
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let lines = path.file_name() == Some(OsStr::new("requirements.txt"));
    Ok((!bytes.is_empty()).then(|| text(&bytes, lines)))
}

/// The text of a file as parsers of YAML take it: UTF-16 by its mark, else UTF-8, without the mark.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .chunks_exact(2)
            .map(|pair| order([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units).into()
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn text(bytes: &[u8], python_lines: bool) -> Text {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Text::Utf16;
    }
    let control = |(at, byte): (usize, &u8)| match byte {
        b'\t' | b'\n' => false,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        0..0x20 | 0x7f => true,
        _ => false,
    };
    if bytes.iter().enumerate().any(control) {
        return Text::Ambiguous;
    }
    match std::str::from_utf8(bytes) {
        Err(_) => Text::Undecodable,
        Ok(text) if python_lines && text.contains(['\u{85}', '\u{2028}', '\u{2029}']) => {
            Text::Ambiguous
        }
        Ok(_) => Text::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_files_are_known() {
        for (name, known) in [
            ("a/requirements.txt", true),
            ("requirements-dev.txt", false),
            ("REQUIREMENTS.TXT", false),
            ("app.deps.json", true),
            ("buildscript-gradle.lockfile", true),
            ("Directory.Packages.props", true),
            ("package.json", false),
            ("go.sum", false),
        ] {
            assert_eq!(is_known(Path::new(name)), known, "{name}");
        }
    }

    #[test]
    fn how_they_are_written() {
        for (bytes, lines, expected) in [
            (&b"a==1\r\n# caf\xc3\xa9\tb\n"[..], true, Text::Plain),
            (b"\xef\xbb\xbfa==1\n", true, Text::Plain),
            (b"\xff\xfea\0", true, Text::Utf16),
            (b"\xfe\xff\0a", false, Text::Utf16),
            (b"a\0=\0", false, Text::Ambiguous),
            (b"a==1\rb==2\n", true, Text::Ambiguous),
            (b"a==1\r", true, Text::Ambiguous),
            (b"a==1\x0cb==2\n", true, Text::Ambiguous),
            (b"a==1\x1eb==2\n", true, Text::Ambiguous),
            (b"a==1\xe2\x80\xa8b==2\n", true, Text::Ambiguous),
            (b"a==1\xc2\x85b==2\n", true, Text::Ambiguous),
            (b"{\"a\": \"\xe2\x80\xa8\"}", false, Text::Plain),
            (b"# caf\xe9\n", true, Text::Undecodable),
        ] {
            assert_eq!(text(bytes, lines), expected, "{bytes:?}");
        }
        let path = Path::new("go.mod");
        assert_eq!(read(path, &mut io::empty()).unwrap(), None);
        assert_eq!(read(path, &mut &b"x"[..]).unwrap(), Some(Text::Plain));
    }
}
