//! The inputs, checked against each other and the workspace: exit 2 before anything runs.

use std::collections::BTreeSet;

use super::inputs::{Inputs, Scanner, Tree, TrivyCheck};
use super::scanners::imported::Pattern;
use super::scanners::trivy::auth::Credentials;
use super::scanners::trivy::image::{self, Target};
use crate::outcome::{Failure, Result};
use crate::runner::path::{RelativePath, Workspace};

/// What is to be scanned, and with what: checked values only.
#[derive(Clone, Debug)]
pub struct Request {
    /// Without [`Scanner::None`]. Empty: run nothing, judge `sarif-files` only.
    pub scanners: BTreeSet<Scanner>,
    pub trivy_checks: BTreeSet<TrivyCheck>,
    /// None: `path: none`.
    pub path: Option<RelativePath>,
    pub images: Vec<Target>,
    /// Of the registries that `images` come from.
    pub credentials: Credentials,
    pub sarif_files: Vec<Pattern>,
}

impl Request {
    /// Refuses what names nothing in the workspace, and a combination that would scan nothing at
    /// all: empty is never clean.
    ///
    /// # Errors
    /// Invalid: an input is wrong.
    pub fn check(inputs: &Inputs, workspace: &Workspace) -> Result<Self> {
        let scanners = scanners(inputs)?;
        let path = match &inputs.path {
            Tree::Nothing => None,
            Tree::At(path) => Some(workspace.inside("path", path)?),
        };
        if !inputs.images.is_empty() && !scanners.contains(&Scanner::Trivy) {
            return Err(Failure::invalid(
                "Invalid input `images`",
                format!(
                    "`images` are scanned by Trivy, and `scanners: {}` leaves it out.",
                    written(inputs)
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
                    inputs.path,
                    written(inputs)
                ),
            )
            .next("Give `path` and `scanners`, `images`, or `sarif-files`."));
        }
        let patterns = inputs.sarif_files.iter();
        Ok(Self {
            scanners,
            trivy_checks: inputs.trivy_checks.iter().copied().collect(),
            path,
            images: image::targets(&workspace.path, &inputs.images)?,
            credentials: Credentials::parse(inputs.registry_auth.as_ref())?,
            sarif_files: patterns
                .map(|glob| Pattern::parse(glob, workspace))
                .collect::<Result<_>>()?,
        })
    }
}

fn scanners(inputs: &Inputs) -> Result<BTreeSet<Scanner>> {
    let mut scanners: BTreeSet<_> = inputs.scanners.iter().copied().collect();
    if scanners.remove(&Scanner::None) && !scanners.is_empty() {
        return Err(Failure::invalid(
            "Invalid input `scanners`",
            format!("`scanners: {}` asks for both.", written(inputs)),
        )
        .next("Give `none` alone, or leave it out."));
    }
    Ok(scanners)
}

fn written(inputs: &Inputs) -> String {
    let names: Vec<_> = inputs.scanners.iter().map(|it| it.name()).collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security_scan::testing;

    fn check(args: &[&str]) -> std::result::Result<Request, String> {
        let inputs = testing::inputs(args).map_err(|error| error.to_string())?;
        let workspace = Workspace {
            path: "/nowhere".into(),
            host_path: None,
        };
        Request::check(&inputs, &workspace)
            .map_err(|failure| format!("{failure} {}", failure.next.as_deref().unwrap_or("")))
    }

    #[test]
    fn defaults_scan_the_tree_with_both() {
        let request = check(&[]).unwrap();
        assert_eq!(
            request.scanners,
            [Scanner::Trivy, Scanner::Bandit].into_iter().collect()
        );
        assert_eq!(request.path, Some(RelativePath::default()));
        assert_eq!(request.trivy_checks.len(), 3);
    }

    #[test]
    fn wrong_combinations_are_named_with_what_is_allowed() {
        for (args, expected) in [
            (
                &["--scanners", "none,trivy"][..],
                "Invalid input `scanners`: `scanners: none,trivy` asks for both. Give `none` alone, or \
                 leave it out.",
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
        ] {
            assert_eq!(check(args).unwrap_err(), expected, "{args:?}");
        }
        for (args, input) in [
            (["--images", "a b"], "images"),
            (["--sarif-files", "../*.sarif"], "sarif-files"),
            (["--sarif-files", "[a.sarif"], "sarif-files"),
            (["--path", "/etc"], "path"),
        ] {
            let told = check(&args).unwrap_err();
            assert!(told.contains(&format!("Invalid input `{input}`")), "{told}");
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
