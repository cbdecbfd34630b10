//! The name under which GitHub keeps an analysis: `automationDetails.id`.
//!
//! | run | category |
//! |---|---|
//! | Trivy over a tree | `slipway/trivy-fs/[<path>/]` |
//! | Trivy over an image | `slipway/trivy-image/<repository without tag, or archive path>/` |
//! | Bandit | `slipway/bandit/[<path>/]` |
//! | imported SARIF | `slipway/sarif/<tool>/` |
//!
//! GitHub closes the alerts of an analysis that the next one of the same category does not
//! repeat. So a category never holds a tag, digest or number of a run, every kind of run has a
//! folder of its own that no imported file can name, and one that two steps of a job want is an
//! error (`claim`).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::security_scan::scan::Source;

/// The longest name of a target in a category, in bytes; what is longer ends in a hash.
const LONGEST: usize = 200;

/// The category of a run. `path` is the tree that was scanned, `.` or empty for the whole
/// workspace; an image's is its repository ([`repository`]) or its archive's path, and all files of
/// one imported tool share theirs.
#[must_use]
pub fn of(source: &Source, prefix: &str, path: &str) -> String {
    let kind = source.name();
    let target = match source {
        Source::TrivyImage(image) => target(image),
        Source::Sarif(tool) => tool_name(tool),
        Source::TrivyFs | Source::Bandit => target(path),
    };
    if target.is_empty() {
        format!("{prefix}/{kind}/")
    } else {
        format!("{prefix}/{kind}/{target}/")
    }
}

/// An image reference without tag and digest: `ghcr.io/o/api:v1@sha256:…` is `ghcr.io/o/api`.
#[must_use]
pub fn repository(reference: &str) -> &str {
    let name = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    match name.rfind(':') {
        // Else it is the port of the registry.
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

/// The category of one part of a run that had to be split (`limits`): the first part
/// keeps the run's own.
#[must_use]
pub fn part(category: &str, number: usize) -> String {
    if number == 1 {
        category.to_owned()
    } else {
        format!("{category}part-{number}/")
    }
}

/// A path whose parts hold nothing but letters, digits and `-._~+@:`; anything else is
/// percent-encoded, so that two targets never share a name.
fn target(path: &str) -> String {
    let mut name = String::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if !name.is_empty() {
            name.push('/');
        }
        if part == ".." {
            name.push_str("%2E%2E");
            continue;
        }
        // A folder with the name of a part of a split run.
        let is_part = part
            .strip_prefix("part-")
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        for (index, byte) in part.bytes().enumerate() {
            if is_part && index == 0 {
                name.push_str("%70");
            } else if byte.is_ascii_alphanumeric() || b"-._~+@:".contains(&byte) {
                name.push(char::from(byte));
            } else {
                // Writing to a String never fails.
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    if name.len() > LONGEST {
        let hash = short_hash(path);
        name.truncate(LONGEST - hash.len() - 1);
        name = format!("{}-{hash}", name.trim_end_matches('/'));
    }
    name
}

/// `Semgrep OSS` is `semgrep-oss`. A name that loses more than case and spaces gets a hash of
/// itself, so that two tools don't meet.
pub(super) fn tool_name(tool: &str) -> String {
    let mut name = String::new();
    let mut lost = false;
    for letter in tool.trim().chars() {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            letter @ ('-' | '_' | '.') => name.push(letter),
            ' ' => name.push('-'),
            _ => lost = true,
        }
    }
    if name.len() > LONGEST / 4 {
        name.truncate(LONGEST / 4);
        lost = true;
    }
    let bare = name.trim_matches(['-', '.', '_']);
    match (bare.is_empty(), lost) {
        (false, false) => bare.to_owned(),
        (false, true) => format!("{bare}-{}", short_hash(tool)),
        (true, _) => format!("tool-{}", short_hash(tool)),
    }
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(4)
        .fold(String::new(), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}");
            hash
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        for (found, expected) in [
            (of(&Source::TrivyFs, "slipway", "."), "slipway/trivy-fs/"),
            (of(&Source::TrivyFs, "slipway", ""), "slipway/trivy-fs/"),
            (
                of(&Source::TrivyFs, "a/b", "./back end/./api/"),
                "a/b/trivy-fs/back%20end/api/",
            ),
            (
                of(&Source::TrivyFs, "slipway", "part-2/part-x"),
                "slipway/trivy-fs/%70art-2/part-x/",
            ),
            (part("slipway/bandit/", 1), "slipway/bandit/"),
            (part("slipway/bandit/", 2), "slipway/bandit/part-2/"),
            (
                of(&Source::TrivyFs, "slipway", "a/../b"),
                "slipway/trivy-fs/a/%2E%2E/b/",
            ),
            (of(&Source::Bandit, "slipway", "."), "slipway/bandit/"),
            (
                of(&Source::Bandit, "slipway", "src\n"),
                "slipway/bandit/src%0A/",
            ),
            (
                of(
                    &Source::TrivyImage("ghcr.io/o/api".into()),
                    "slipway",
                    "src",
                ),
                "slipway/trivy-image/ghcr.io/o/api/",
            ),
            (
                of(
                    &Source::TrivyImage("localhost:5000/api".into()),
                    "slipway",
                    "src",
                ),
                "slipway/trivy-image/localhost:5000/api/",
            ),
            (
                of(&Source::TrivyImage("out/api.tar".into()), "slipway", "src"),
                "slipway/trivy-image/out/api.tar/",
            ),
            (
                of(&Source::Sarif("ESLint".into()), "slipway", "src"),
                "slipway/sarif/eslint/",
            ),
            (
                of(&Source::Sarif("Semgrep OSS".into()), "slipway", "src"),
                "slipway/sarif/semgrep-oss/",
            ),
            (
                of(&Source::Sarif("../trivy-fs".into()), "slipway", "src"),
                "slipway/sarif/trivy-fs-a7307c89/",
            ),
            (
                of(&Source::Sarif("a/b".into()), "slipway", "src"),
                "slipway/sarif/ab-c14cddc0/",
            ),
            (
                of(&Source::Sarif(String::new()), "slipway", "src"),
                "slipway/sarif/tool-e3b0c442/",
            ),
            (
                of(&Source::Sarif("扫描".into()), "slipway", "src"),
                "slipway/sarif/tool-c2a291b6/",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn references_lose_tag_and_digest() {
        for (reference, name) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("ghcr.io/o/api:v1", "ghcr.io/o/api"),
            ("ghcr.io/o/api@sha256:abc", "ghcr.io/o/api"),
            ("ghcr.io/o/api:v1@sha256:abc", "ghcr.io/o/api"),
            ("localhost:5000/api", "localhost:5000/api"),
            ("localhost:5000/api:v1", "localhost:5000/api"),
        ] {
            assert_eq!(repository(reference), name);
        }
    }

    proptest! {
        #[test]
        fn no_tool_leaves_its_folder(tool in "\\PC*|[./ a-z-]*") {
            let category = of(&Source::Sarif(tool), "slipway", "");
            let name = category.strip_prefix("slipway/sarif/").unwrap().strip_suffix('/').unwrap();
            prop_assert!(!name.is_empty() && !name.contains('/') && name != "..", "{}", name);
            prop_assert!(category.len() < 300);
        }

        #[test]
        fn two_targets_never_share_a_category(one in "[a-z ./%é]{0,12}", two in "[a-z ./%é]{0,12}") {
            let parts = |path: &str| -> Vec<String> {
                path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
            };
            prop_assert_eq!(target(&one) == target(&two), parts(&one) == parts(&two));
        }
    }
}
