//! The inputs, checked and typed: exit 2 before anything runs.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use crate::outcome::{Failure, Result};

/// A scanner that slipway starts itself; `sarif-files` judges all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scanner {
    Trivy,
    Bandit,
}

/// What Trivy looks for: its `--scanners`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrivyCheck {
    Vuln,
    Misconfig,
    Secret,
    License,
}

impl TrivyCheck {
    /// As Trivy's `--scanners` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vuln => "vuln",
            Self::Misconfig => "misconfig",
            Self::Secret => "secret",
            Self::License => "license",
        }
    }
}

/// The comma-separated lists of [`Inputs`], and what they mean together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Empty: run nothing, judge `sarif-files` only.
    pub scanners: BTreeSet<Scanner>,
    pub trivy_checks: BTreeSet<TrivyCheck>,
    /// None: `path: none`.
    pub path: Option<String>,
}

impl Request {
    /// Refuses unknown names, and a combination that would scan nothing at all: empty is never
    /// clean.
    pub fn check(inputs: &Inputs) -> Result<Self> {
        let scanners = list(
            "scanners",
            &inputs.scanners,
            &[("trivy", Scanner::Trivy), ("bandit", Scanner::Bandit)],
            Some("none"),
        )?;
        let trivy_checks = list(
            "trivy-checks",
            &inputs.trivy_checks,
            &[
                ("vuln", TrivyCheck::Vuln),
                ("misconfig", TrivyCheck::Misconfig),
                ("secret", TrivyCheck::Secret),
                ("license", TrivyCheck::License),
            ],
            None,
        )?;
        let path = (inputs.path != "none").then(|| inputs.path.clone());
        if !inputs.images.is_empty() && !scanners.contains(&Scanner::Trivy) {
            return Err(Failure::invalid(
                "Invalid input `images`",
                format!(
                    "`images` are scanned by Trivy, and `scanners: {}` leaves it out.",
                    inputs.scanners
                ),
            )
            .next("Add `trivy` to `scanners`, or remove `images`."));
        }
        let scans_tree = path.is_some() && !scanners.is_empty();
        if !scans_tree && inputs.images.is_empty() && inputs.sarif_files.is_empty() {
            return Err(Failure::invalid(
                "Nothing to scan",
                format!(
                    "`path: {}` and `scanners: {}` leave nothing to scan, and neither `images` nor \
                     `sarif-files` is given.",
                    inputs.path, inputs.scanners
                ),
            )
            .next("Give `path` and `scanners`, `images`, or `sarif-files`."));
        }
        category(&inputs.category)?;
        Ok(Self {
            scanners,
            trivy_checks,
            path,
        })
    }
}

/// A comma-separated list of known names; `none` alone stands for the empty list where allowed.
fn list<T: Copy + Ord>(
    input: &str,
    text: &str,
    known: &[(&str, T)],
    none: Option<&str>,
) -> Result<BTreeSet<T>> {
    let wrong = |what: String| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).chain(none).collect();
        Failure::invalid(format!("Invalid input `{input}`"), what).next(format!(
            "Allowed: {}, separated by commas.",
            names.join(", ")
        ))
    };
    if none == Some(text.trim()) {
        return Ok(BTreeSet::new());
    }
    let mut found = BTreeSet::new();
    for name in text
        .split([',', '\n'])
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let (_, value) = known
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| wrong(format!("`{input}: {text}` holds `{name}`.")))?;
        found.insert(*value);
    }
    if found.is_empty() {
        return Err(wrong(format!("`{input}: {text}` names nothing.")));
    }
    Ok(found)
}

/// A prefix that stays readable in GitHub's list of analyses and can't break out of its category.
fn category(prefix: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if prefix.len() <= 100 && prefix.split('/').all(part) {
        return Ok(());
    }
    Err(Failure::invalid(
        "Invalid input `category`",
        format!("`category: {prefix}` is not allowed."),
    )
    .next("Allowed: letters, digits, `-`, `_`, `.` and single `/` between parts; at most 100 characters."))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        inputs: Inputs,
    }

    fn check(args: &[&str]) -> std::result::Result<Request, String> {
        let line = Line::try_parse_from(std::iter::once("slipway").chain(args.iter().copied()))
            .map_err(|error| error.to_string())?;
        Request::check(&line.inputs)
            .map_err(|failure| format!("{failure} {}", failure.next.as_deref().unwrap_or("")))
    }

    #[test]
    fn defaults_scan_the_tree_with_both() {
        let request = check(&[]).unwrap();
        assert_eq!(
            request.scanners,
            [Scanner::Trivy, Scanner::Bandit].into_iter().collect()
        );
        assert_eq!(request.path.as_deref(), Some("."));
        assert_eq!(request.trivy_checks.len(), 3);
    }

    #[test]
    fn wrong_input_is_named_with_what_is_allowed() {
        for (args, expected) in [
            (
                &["--scanners", "trivy,snyk"][..],
                "Invalid input `scanners`: `scanners: trivy,snyk` holds `snyk`. Allowed: trivy, bandit, \
                 none, separated by commas.",
            ),
            (
                &["--trivy-checks", "none"],
                "Invalid input `trivy-checks`: `trivy-checks: none` holds `none`. Allowed: vuln, \
                 misconfig, secret, license, separated by commas.",
            ),
            (
                &["--scanners", " , "],
                "Invalid input `scanners`: `scanners:  , ` names nothing. Allowed: trivy, bandit, \
                 none, separated by commas.",
            ),
            (
                &["--path", "none"],
                "Nothing to scan: `path: none` and `scanners: trivy,bandit` leave nothing to scan, and \
                 neither `images` nor `sarif-files` is given. Give `path` and `scanners`, `images`, \
                 or `sarif-files`.",
            ),
            (
                &["--scanners", "none"],
                "Nothing to scan: `path: .` and `scanners: none` leave nothing to scan, and neither \
                 `images` nor `sarif-files` is given. Give `path` and `scanners`, `images`, or \
                 `sarif-files`.",
            ),
            (
                &["--scanners", "bandit", "--images", "a"],
                "Invalid input `images`: `images` are scanned by Trivy, and `scanners: bandit` leaves it \
                 out. Add `trivy` to `scanners`, or remove `images`.",
            ),
            (
                &["--category", "../x"],
                "Invalid input `category`: `category: ../x` is not allowed. Allowed: letters, digits, \
                 `-`, `_`, `.` and single `/` between parts; at most 100 characters.",
            ),
        ] {
            assert_eq!(check(args).unwrap_err(), expected, "{args:?}");
        }
    }

    #[test]
    fn none_is_fine_where_something_is_left() {
        assert!(check(&["--path", "none", "--images", "app.tar"]).is_ok());
        assert!(
            check(&["--scanners", "none", "--sarif-files", "*.sarif"])
                .unwrap()
                .scanners
                .is_empty()
        );
    }
}
