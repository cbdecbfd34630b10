//! The files that a step leaves: a folder of its own in `output-directory`, inside the workspace.

use std::path::Path;

use serde::Serialize;

use crate::git::{self, Tracked};
use crate::outcome::{Failure, Result};
use crate::runner::Session;
use crate::runner::console::Console;
use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;

/// The input that names where results go.
const INPUT: &str = "output-directory";
const REPORT: &str = "report.json";

/// Where one step writes.
#[derive(Debug)]
pub struct Results {
    workspace: Folder,
    folder: RelativePath,
    console: Console,
}

impl Results {
    /// Takes the folder of this step, `ACTION` or `ACTION-<step id>`, below `output`, and tries
    /// whether it can be written: nobody should learn only after minutes that results have no place.
    /// What an earlier run has left there is removed: it is not the result of this one.
    ///
    /// # Errors
    /// Invalid: git tracks files in `output`, or something else than a folder stands there. Error:
    /// nothing can be written there.
    pub fn open(
        session: &Session,
        action: &str,
        output: &RelativePath,
        tracked: &Tracked,
    ) -> Result<Self> {
        untracked(output, tracked)?;
        let folder = of_step(session, action, output)?;
        let workspace = Folder::root(&session.workspace.path)?;
        workspace.try_writing(INPUT, &folder)?;
        workspace.remove_all(&folder, |name| {
            name == REPORT.as_bytes() || name.ends_with(b".sarif")
        })?;
        workspace.remove_all(&below(&folder, "logs")?, |name| name.ends_with(b".log"))?;
        Ok(Self {
            workspace,
            folder,
            console: session.console.clone(),
        })
    }

    /// Removes the report of an earlier run where this one ends before it has [`Results`], as far as it
    /// can be told where that is. `output` is the input as it was given.
    pub fn forget(session: &Session, action: &str, output: &str) {
        let remove = || -> Result<()> {
            let output = session.workspace.inside(INPUT, output)?;
            untracked(&output, &git::tracked(&session.workspace.path))?;
            let report = below(&of_step(session, action, &output)?, REPORT)?;
            Folder::root(&session.workspace.path)?.remove(&report)
        };
        // Why the run ends is to be told, not this.
        let _ = remove();
    }

    /// Writes a file as it is, and gives back its path, relative to the workspace.
    ///
    /// # Errors
    /// Error: it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<String> {
        let path = below(&self.folder, name)?;
        self.workspace.write(&path, bytes)?;
        Ok(path.as_str().to_owned())
    }

    /// Writes a text without the secrets that are known.
    ///
    /// # Errors
    /// Error: it cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<String> {
        self.write(name, self.console.redact(text).as_bytes())
    }

    /// Writes `report.json`.
    ///
    /// # Errors
    /// Error: it cannot be written.
    pub fn write_report(&self, report: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(report).map_err(|error| {
            let what = format!("The report is no JSON: {error}.");
            Failure::error("Report not written", what)
        })?;
        self.write_text(REPORT, &text).map(drop)
    }

    /// The path of `report.json`, relative to the workspace.
    #[must_use]
    pub fn report(&self) -> String {
        format!("{}/{REPORT}", self.folder)
    }
}

fn of_step(session: &Session, action: &str, output: &RelativePath) -> Result<RelativePath> {
    let step = session.context.as_ref().map_or("", |it| &it.action);
    below(output, &folder_name(action, step))
}

fn below(folder: &RelativePath, name: &str) -> Result<RelativePath> {
    folder
        .join(name)
        .map_err(|why| Failure::error("File refused", format!("{name}: {why}.")))
}

/// A tracked file there would be overwritten, or a scan would pass it by.
fn untracked(folder: &RelativePath, tracked: &Tracked) -> Result<()> {
    let known = matches!(tracked, Tracked::Paths(_));
    if !known || !tracked.holds(Path::new(folder.as_str())) {
        return Ok(());
    }
    Err(Failure::invalid(
        format!("Invalid input `{INPUT}`"),
        format!("git tracks files in `{INPUT}: {folder}`."),
    )
    .because("What we write would replace them; and as it is never scanned, code could hide there.")
    .next("Take the folder out of git, or name another.")
    .paste(format!(
        "git rm -r --cached -- '{}'",
        folder.as_str().replace('\'', "'\\''")
    )))
}

/// The folder of one step, so that two steps of a job don't overwrite each other:
/// `ACTION-<step id>`. A step without an id is called `__owner_name`, `__owner_name_2`, … by the
/// runner; it gets `ACTION`, `ACTION-2`, ….
fn folder_name(action: &str, step: &str) -> String {
    let suffix = match step.strip_prefix("__") {
        Some(made) => made
            .rsplit_once('_')
            .map(|(_, last)| last)
            .filter(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or_default(),
        None => step,
    };
    let clean: String = suffix
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(100)
        .collect();
    if clean.is_empty() || clean == action {
        action.to_owned()
    } else {
        format!("{action}-{clean}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_each_step() {
        for (step, folder) in [
            ("", "security-scan"),
            ("__self", "security-scan"),
            ("__slipway-ci_slipway", "security-scan"),
            ("__slipway-ci_slipway_2", "security-scan-2"),
            ("scan", "security-scan-scan"),
            ("security-scan", "security-scan"),
            ("../../x\n", "security-scan-x"),
        ] {
            assert_eq!(folder_name("security-scan", step), folder, "{step}");
        }
    }
}
