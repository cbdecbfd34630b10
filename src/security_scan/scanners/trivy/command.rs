//! The command lines of Trivy.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Target, Trivy, log, unwritable};
use crate::outcome::Result;
use crate::process::{Child, Ended, Folder, run as child};
use crate::security_scan::inputs::TrivyCheck;
use crate::security_scan::policy::SecretAllowRules;

/// Bytes of JSON from one target.
const CAP: u64 = 512 * 1024 * 1024;
/// Trivy's own allow rules for secrets, by their ids.
/// Source: `pkg/fanal/secret/builtin-allow-rules.go`.
pub(super) const ALLOW_RULES: [&str; 12] = [
    "tests",
    "examples",
    "vendor",
    "usr-dirs",
    "locale-dir",
    "markdown",
    "node.js",
    "golang",
    "python",
    "rubygems",
    "wordpress",
    "anaconda-log",
];
/// Between the end of a child's time and that of Trivy's own patience.
const MARGIN: Duration = Duration::from_mins(1);

impl Trivy<'_> {
    pub(super) fn secrets_are_allowed(&self, checks: &BTreeSet<TrivyCheck>) -> bool {
        checks.contains(&TrivyCheck::Secret)
            && self.job.policy.secret_allow_rules() == SecretAllowRules::Builtin
    }

    /// Starts Trivy on the target, and waits for its end.
    pub(super) async fn start(
        &self,
        target: &Target<'_>,
        checks: &BTreeSet<TrivyCheck>,
    ) -> Result<Ended> {
        let folder = target.folder;
        let cache = folder.given().join("cache");
        let until = self.until();
        let shown = self.database.show(&cache, folder, self.job.run_as, until);
        // Without time left no child is started, and its end says so.
        if !until.is_over() {
            shown?;
        }
        let mut args: Vec<OsString> = vec![target.command.into()];
        args.extend(common(&cache, self.job.deadline));
        let names: Vec<&str> = checks.iter().map(|check| check.name()).collect();
        args.extend(["--scanners".into(), names.join(",").into()]);
        args.extend(["--ignorefile".into(), OsString::new()]);
        args.extend(["--secret-config".into(), self.secret_rules(folder)?]);
        args.extend(
            [
                "--format=json",
                "--list-all-pkgs",
                "--offline-scan",
                "--skip-db-update",
                "--skip-java-db-update",
                "--skip-check-update",
                "--cache-backend=memory",
                "--debug",
            ]
            .map(OsString::from),
        );
        args.extend(target.args.iter().cloned());
        child(
            Child {
                program: self.program.clone(),
                args,
                path: self.job.programs().path(),
                env: target.env.clone(),
                folder,
                network: target.network,
                deadline: self.job.deadline,
                cap: CAP,
                keep: log::keep,
            },
            self.cancel,
        )
        .await
    }

    /// The value of `--secret-config`: empty for Trivy's own rules. A file that the tree's root has
    /// under the same name would not be scanned, so the name can't be guessed.
    fn secret_rules(&self, folder: &Folder) -> Result<OsString> {
        if self.job.policy.secret_allow_rules() == SecretAllowRules::Builtin {
            return Ok(OsString::new());
        }
        let name = format!("{}.yaml", uuid::Uuid::new_v4());
        let rules: Vec<String> = ALLOW_RULES
            .iter()
            .map(|rule| format!("  - {rule}\n"))
            .collect();
        let text = format!("disable-allow-rules:\n{}", rules.concat());
        let path = folder
            .give(&name, text.as_bytes())
            .map_err(|error| unwritable(&error))?;
        Ok(path.into())
    }
}

/// Options of every Trivy process. Its own time limit lies behind ours, and ends it only where
/// slipway is not there any more to do it.
pub(super) fn common(cache: &Path, deadline: Instant) -> Vec<OsString> {
    let ours = deadline.saturating_duration_since(Instant::now());
    let timeout = (ours + MARGIN).as_secs();
    let mut args: Vec<OsString> = vec!["--config".into(), OsString::new()];
    args.extend(["--cache-dir".into(), cache.into()]);
    args.push(format!("--timeout={timeout}s").into());
    args.extend(
        [
            "--no-progress",
            "--skip-version-check",
            "--disable-telemetry",
        ]
        .map(OsString::from),
    );
    args
}

/// A path as a value of `--skip-dirs`, which is a CSV record of globs.
pub(super) fn literal(path: &Path) -> OsString {
    let mut glob = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'\\' => glob.push(b'\\'),
            b'"' => glob.push(b'"'),
            _ => {}
        }
        glob.push(*byte);
    }
    glob.push(b'"');
    OsString::from_vec(glob)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Read by another implementation of globs, behind a reading of CSV.
        #[test]
        fn a_path_matches_itself_alone(
            path in "([a*?{}!^,\"\\\\ \\[\\]-]|\\PC){1,12}",
            other in "[a*?{}!^,\\[\\]-]{1,12}",
        ) {
            let record = literal(Path::new(&path)).into_string().unwrap();
            let quoted = record.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert!(!quoted.replace("\"\"", "").contains('"'), "{record}");
            let glob = quoted.replace("\"\"", "\"");
            let glob = globset::GlobBuilder::new(&glob).backslash_escape(true).build().unwrap();
            let glob = glob.compile_matcher();
            prop_assert!(glob.is_match(&path), "{record}");
            prop_assert!(other == path || !glob.is_match(&other), "{record} {other}");
        }
    }
}
