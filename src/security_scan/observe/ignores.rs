//! Comments that tell Trivy's misconfiguration scanners to look away: Trivy obeys them, counts them
//! nowhere and has no switch against them.
//!
//! A line's words, cut at spaces and freed of leading `#`, `/` and `*`, that start with `trivy:` or
//! `tfsec:` and hold a section `ignore` (`trivy:ignore:ID`, `trivy:exp:2030-01-01:ignore:ID`) count.
//! Source: `pkg/iac/ignore/parse.go` of <https://github.com/aquasecurity/trivy>. `cfsec:` is obeyed no
//! more by Trivy 0.76, but still means the same to whoever wrote it.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::security_scan::scan::InlineIgnore;

/// Characters of a comment that are kept.
const LONGEST: usize = 200;
/// Bytes of a line that are looked at: more than any line that is written by hand.
const LINE: u64 = 16 * 1024 * 1024;

/// Whether Trivy's misconfiguration scanners may read a file of this name.
/// Source: `pkg/iac/detection/detect.go`.
#[must_use]
pub fn read_by_trivy(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return false;
    };
    let extension = Path::new(name.as_ref())
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    let stem = match &extension {
        Some(extension) => &name[..name.len() - extension.len() - 1],
        None => &name,
    };
    matches!(stem, "Dockerfile" | "Containerfile")
        || matches!(
            extension.as_deref(),
            Some(
                "tf" | "tfvars"
                    | "tofu"
                    | "json"
                    | "yaml"
                    | "yml"
                    | "tpl"
                    | "dockerfile"
                    | "containerfile"
            )
        )
}

/// The ignores of a file; `path` is what they are reported under.
pub fn in_file(file: &mut impl Read, path: &str) -> io::Result<Vec<InlineIgnore>> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut found = Vec::new();
    let mut line = Vec::new();
    let mut number: u32 = 0;
    loop {
        line.clear();
        if reader.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        number = number.saturating_add(1);
        if tells_to_ignore(&line) {
            found.push(InlineIgnore {
                path: path.to_owned(),
                line: number,
                text: String::from_utf8_lossy(&line)
                    .trim()
                    .chars()
                    .take(LONGEST)
                    .collect(),
            });
        }
        // The rest of a longer line belongs to it.
        while !line.ends_with(b"\n") {
            line.clear();
            if reader.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
        }
    }
}

fn tells_to_ignore(line: &[u8]) -> bool {
    // Most lines are told by one search.
    line.windows(6).any(|part| part == b"ignore")
        && line
            .split(u8::is_ascii_whitespace)
            .map(|word| {
                let start = word.iter().position(|byte| !b"#/*".contains(byte));
                &word[start.unwrap_or(word.len())..]
            })
            .filter_map(|word| {
                [&b"trivy:"[..], b"tfsec:", b"cfsec:"]
                    .iter()
                    .find_map(|prefix| word.strip_prefix(*prefix))
            })
            .any(|rest| {
                rest.split(|byte| *byte == b':')
                    .any(|section| section == b"ignore")
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_lines_count() {
        for (line, counts) in [
            ("#trivy:ignore:AVD-AWS-0086", true),
            ("  # trivy:ignore:*", true),
            (
                "resource \"x\" \"y\" { // tfsec:ignore:aws-s3-enable-logging",
                true,
            ),
            ("/*trivy:ignore:a*/", true),
            ("# cfsec:ignore:AWS001", true),
            ("# trivy:exp:2030-01-01:ignore:*", true),
            ("# trivy:ignore:DS-0001 trivy:ignore:DS-0002", true),
            ("# trivy:ignore:a[name=b]", true),
            ("# see trivy:ignored", false),
            ("# trivyignore: x", false),
            ("# trivy: ignore:x", false),
            ("ignore everything", false),
            ("\"trivy:ignore:x\"", false),
        ] {
            assert_eq!(tells_to_ignore(line.as_bytes()), counts, "{line}");
        }
    }

    #[test]
    fn places_and_texts() {
        let long = format!(
            "#{} trivy:ignore:late\n",
            "x".repeat(usize::try_from(LINE).unwrap())
        );
        let text = format!(
            "a\r\n#trivy:ignore:X \u{e9}{}\r\n{long}#tfsec:ignore:Y",
            "z".repeat(300)
        );
        let found = in_file(&mut text.as_bytes(), "main.tf").unwrap();
        let lines: Vec<u32> = found.iter().map(|ignore| ignore.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(found[0].text.chars().count(), LONGEST);
        assert_eq!(found[1].text, "#tfsec:ignore:Y");
        assert!(in_file(&mut &b"\xff\xfe\n"[..], "a").unwrap().is_empty());
    }

    #[test]
    fn which_files_count() {
        for (name, read) in [
            ("main.tf", true),
            ("a/x.tofu", true),
            ("main.tf.json", true),
            ("Dockerfile", true),
            ("Dockerfile.dev", true),
            ("api.dockerfile", true),
            ("Containerfile", true),
            ("deploy.YAML", true),
            ("chart/templates/_helpers.tpl", true),
            ("README.md", false),
            ("Makefile", false),
            ("a.py", false),
        ] {
            assert_eq!(read_by_trivy(Path::new(name)), read, "{name}");
        }
    }
}
