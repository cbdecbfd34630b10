//! What Trivy says in its log alone: files that it could not parse, modules that it did not follow.
//!
//! Trivy counts a lock file that it can't parse as no lock file, and says so only with `--debug`.
//! The lines are those of Trivy 0.76; the acceptance tests hold the real program to them.

use std::collections::BTreeMap;

use crate::security_scan::scan::{Gap, GapKind};
use crate::security_scan::scanners::{gap, printable};

/// Messages about a file that could not be parsed.
const UNPARSED: [&str; 6] = [
    "Walk error",
    "Analysis error",
    "Error parsing file",
    "Failed to parse file",
    "Skipping chart",
    "Failed to parse uv lockfile",
];

/// Which lines are kept: all but the details of `--debug`, which are ten lines for each file.
pub(super) fn keep(line: &str) -> bool {
    !line.contains("\tDEBUG\t") || UNPARSED.iter().any(|message| line.contains(message))
}

/// Every file that could not be parsed, by its path in the tree.
pub(super) fn unparsed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, Gap)> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for line in lines {
        // What may not be read is known already, tracked or not.
        let known = line.contains("permission denied");
        if known || !UNPARSED.iter().any(|message| line.contains(message)) {
            continue;
        }
        let error = value(line, " err=").or_else(|| value(line, "\terr="));
        let path = value(line, "file_path=").or_else(|| named_in(error.as_deref()?));
        if let (Some(path), Some(error)) = (path, error) {
            files.entry(path).or_insert(error);
        }
    }
    files
        .into_iter()
        .map(|(path, error)| {
            let short: String = error.chars().take(200).collect();
            let what = format!("Trivy could not parse {}: {}", printable(&path), printable(&short));
            let next = "correct the file, leave it out in the policy (exclude), or set unparsed: warn there";
            (path, gap(GapKind::Unparsed, what, Some(next)))
        })
        .collect()
}

/// Terraform modules that were not followed, because the tree may not make Trivy use the network.
pub(super) fn not_followed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut places: Vec<String> = lines
        .filter(|line| line.contains("Failed to load module"))
        .filter_map(|line| value(line, "loc="))
        .map(|place| printable(&place))
        .collect();
    places.sort();
    places.dedup();
    places
        .into_iter()
        .map(|place| format!("remote Terraform module not followed: {place}"))
        .collect()
}

/// `failed to parse PATH: …`, the outermost of several: the inner ones name formats.
fn named_in(error: &str) -> Option<String> {
    let (_, rest) = error.split_once("failed to parse ")?;
    let (path, _) = rest.split_once(": ")?;
    Some(path.to_owned())
}

/// The value behind a key, which Go has quoted.
fn value(line: &str, key: &str) -> Option<String> {
    let rest = &line[line.find(key)? + key.len()..];
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest.split_whitespace().next().map(str::to_owned);
    };
    let mut text = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'x' => {
                    // A byte that is not UTF-8.
                    chars.nth(1)?;
                    text.push(char::REPLACEMENT_CHARACTER);
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_trivy() {
        let log = [
            "2026-01-01T00:00:00Z\tINFO\t[npm] Run \"npm install\" to collect\tdir=\"a/node_modules\"",
            "2026-01-01T00:00:00Z\tDEBUG\tWalk error\tfile_path=\"a/package-lock.json\" err=\"parse error: failed to parse a/package-lock.json: decode error: x\"",
            "2026-01-01T00:00:00Z\tDEBUG\t[analyzer] Analysis error\terr=\"unable to parse Pipfile.lock: failed to parse we\\nird/Pipfile.lock: failed to parse we\\nird/Pipfile.lock: failed to decode \\\"x\\\"\"",
            "2026-01-01T00:00:00Z\tERROR\t[terraform parser] Error parsing file\tmodule=\"root\" file_path=\"inv\\xff.tf\" cause=\"x\" err=\"bad.tf:1,18-2,1: Invalid\"",
            "2026-01-01T00:00:00Z\tWARN\t[uv] Failed to parse uv lockfile\terr=\"failed to parse d/uv.lock: failed to decode uv lock file: toml\"",
            "2026-01-01T00:00:00Z\tDEBUG\tWalk error\tfile_path=\"secret\" err=\"open secret: permission denied\"",
            "2026-01-01T00:00:00Z\tDEBUG\t[secret] scanChunk called\tfile_path=\"a\"",
        ];
        let found: Vec<String> = unparsed(log.into_iter())
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(
            found,
            [
                "a/package-lock.json",
                "d/uv.lock",
                "inv\u{fffd}.tf",
                "we\nird/Pipfile.lock"
            ]
        );
        let module = "2026-01-01T00:00:00Z\tERROR\t[terraform evaluator] Failed to load module. Maybe try 'terraform init'?\tmodule=\"root\" loc=\"main.tf:4-7\" err=\"x\"";
        assert_eq!(
            not_followed([module, module].into_iter()),
            ["remote Terraform module not followed: main.tf:4-7"]
        );
        let kept: Vec<bool> = log.into_iter().map(keep).collect();
        assert_eq!(kept, [true, true, true, true, true, true, false]);
    }
}
