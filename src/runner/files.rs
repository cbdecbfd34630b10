//! The runner's command files: outputs and state for the post step.
//!
//! Source: `FileCommandManager.cs` of <https://github.com/actions/runner> reads
//! `name<<delimiter`, the value's lines, `delimiter`; on Linux a line ends at LF alone.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::environment::Environment;
use crate::outcome::{Failure, Result};

/// GitHub keeps 1 MB of outputs for each job.
const LARGEST_VALUE: usize = 1 << 20;

/// Where outputs and state go. At a desk nowhere.
#[derive(Clone, Debug, Default)]
pub struct Files {
    in_runner: bool,
    output: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Files {
    /// Finds `GITHUB_OUTPUT` and `GITHUB_STATE`.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let in_runner = environment.in_runner();
        let file = |name| {
            let path = environment.get_os(name).map(PathBuf::from);
            path.filter(|_| in_runner)
        };
        Self {
            in_runner,
            output: file("GITHUB_OUTPUT"),
            state: file("GITHUB_STATE"),
        }
    }

    /// Sets an output of this step.
    ///
    /// # Errors
    /// Error: name or value cannot be written as asked, or the file cannot be.
    pub fn output(&self, name: &str, value: &str) -> Result<()> {
        self.set("GITHUB_OUTPUT", self.output.as_deref(), name, value)
    }

    /// Keeps a value for the action's own post step, which finds it as `STATE_name`.
    ///
    /// # Errors
    /// Error: as [`Files::output`].
    pub fn state(&self, name: &str, value: &str) -> Result<()> {
        self.set("GITHUB_STATE", self.state.as_deref(), name, value)
    }

    fn set(&self, file: &str, path: Option<&Path>, name: &str, value: &str) -> Result<()> {
        let delimiter = format!("ghadelimiter_{}", Uuid::new_v4());
        let entry = heredoc(name, value, &delimiter).map_err(|why| {
            Failure::error("Output refused", format!("`{name}` cannot be set: {why}."))
        })?;
        match path {
            None if self.in_runner => Err(Failure::error(
                "Runner not understood",
                format!("{file} is not set, so nothing can be handed on to later steps."),
            )
            .because("GITHUB_ACTIONS is `true`, so the variables of the Actions runner are expected.")
            .next("Outside of a workflow, unset GITHUB_ACTIONS; inside, let the runner start the action by `uses:`.")),
            None => Ok(()),
            Some(path) => append(path, entry.as_bytes()).map_err(|why| {
                Failure::error(
                    "Output not written",
                    format!("{file} ({}) cannot be written: {why}.", path.display()),
                )
                .because("The runner's disk is full, or an earlier step put something else there.")
                .next("Look at the steps before this one, and at the space on the runner.")
            }),
        }
    }
}

/// One entry of a command file. A name or value that holds the delimiter would let text become
/// another output, so it is refused.
fn heredoc(name: &str, value: &str, delimiter: &str) -> std::result::Result<String, String> {
    let mut letters = name.bytes();
    let starts_well = letters
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts_well || !letters.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err("a name has only letters, digits, - and _".to_owned());
    }
    if name.contains(delimiter) || value.contains(delimiter) {
        return Err("name or value holds the delimiter".to_owned());
    }
    if value.len() > LARGEST_VALUE {
        return Err(format!("its value is larger than {LARGEST_VALUE} bytes"));
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// Outputs by name as the text that a later step gets: a list is its lines, what is none is empty.
pub(crate) fn entries(
    names: &[&'static str],
    outputs: &impl Serialize,
) -> Vec<(&'static str, String)> {
    let fields = serde_json::to_value(outputs).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let lines = items.iter().filter_map(Value::as_str);
            lines.collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    };
    names
        .iter()
        .map(|name| (*name, text(&fields[*name])))
        .collect()
}

/// Appends to one of the runner's files, all or nothing, without following a link that an earlier step
/// may have put in its place.
pub(super) fn append(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::CLOEXEC;
    let handle = openat(CWD, path, flags, Mode::from(0o644))?;
    if FileType::from_raw_mode(fstat(&handle)?.st_mode) != FileType::RegularFile {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut file = File::from(handle);
    let before = file.metadata()?.len();
    file.write_all(content).inspect_err(|_| {
        // Half an entry would take the ones that follow with it.
        let _ = file.set_len(before);
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_text() {
        let outputs = serde_json::json!({
            "report": "slipway-results/report.json", "sarif": ["a.sarif", "b.sarif"],
            "findings": 3, "sent": false, "ts": null, "alerts-url": "",
        });
        let names = ["report", "sarif", "findings", "sent", "ts", "alerts-url"];
        let texts = [
            "slipway-results/report.json",
            "a.sarif\nb.sarif",
            "3",
            "false",
            "",
            "",
        ];
        let wanted: Vec<_> = names.into_iter().zip(texts.map(str::to_owned)).collect();
        assert_eq!(entries(&names, &outputs), wanted);
    }

    /// The runner's own reading of a command file on Linux.
    fn read(mut text: &str) -> Vec<(String, String)> {
        fn line<'a>(text: &mut &'a str) -> Option<&'a str> {
            let (line, rest) = text.split_once('\n')?;
            *text = rest;
            Some(line)
        }
        let mut entries = Vec::new();
        while let Some(head) = line(&mut text) {
            let (name, delimiter) = head.split_once("<<").unwrap();
            assert!(!name.contains('='));
            let mut lines = Vec::new();
            loop {
                match line(&mut text).unwrap() {
                    end if end == delimiter => break,
                    more => lines.push(more),
                }
            }
            entries.push((name.to_owned(), lines.join("\n")));
        }
        assert_eq!(text, "");
        entries
    }

    fn files(path: &Path) -> Files {
        Files::new(&Environment::new([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_OUTPUT", path.to_str().unwrap()),
        ]))
    }

    proptest! {
        #[test]
        fn the_runner_reads_back_what_was_written(
            values in proptest::collection::vec("\\PC*|([a<=\r\n]|<<|ghadelimiter_|EOF)*", 1..4),
        ) {
            let file = tempfile::NamedTempFile::new().unwrap();
            let files = files(file.path());
            for value in &values {
                files.output("name-1", value).unwrap();
            }
            let text = std::fs::read_to_string(file.path()).unwrap();
            let expected: Vec<_> = values.into_iter().map(|v| ("name-1".to_owned(), v)).collect();
            prop_assert_eq!(read(&text), expected);
        }
    }

    #[test]
    fn what_could_become_another_output_is_refused() {
        assert!(heredoc("a", "x\nghadelimiter_1\nb=c", "ghadelimiter_1").is_err());
        assert!(heredoc("ghadelimiter_1", "", "ghadelimiter_1").is_err());
        for name in ["", "a=b", "a<<b", "a\nb", "1a", "a b"] {
            assert!(heredoc(name, "", "d").is_err(), "{name}");
        }
        assert!(heredoc("a", &"x".repeat(LARGEST_VALUE + 1), "d").is_err());
    }

    #[test]
    fn links_and_devices_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("target"), &link).unwrap();
        assert!(files(&link).output("a", "b").is_err());
        assert!(!directory.path().join("target").exists());
        assert!(files(Path::new("/dev/null")).output("a", "b").is_err());
    }

    #[test]
    fn a_desk_has_no_outputs_but_a_runner_must() {
        let desk = Environment::new([("GITHUB_OUTPUT", "/nonexistent/x")]);
        assert!(Files::new(&desk).output("a", "b").is_ok());
        let runner = Environment::new([("GITHUB_ACTIONS", "true")]);
        assert!(Files::new(&runner).state("a", "b").is_err());
    }
}
