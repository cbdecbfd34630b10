//! The job summary, within what the runner takes.
//!
//! Source: `CreateStepSummaryCommand` in `FileCommandManager.cs` of
//! <https://github.com/actions/runner>: a step's file above 1,024 KiB is dropped whole, with an
//! error.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::environment::Environment;
use super::files::append;
use super::markdown;
use crate::outcome::{Failure, Result};

/// The largest summary of a step, in bytes.
pub const LIMIT: usize = 1024 * 1024;

/// Sections gathered for the summary, the most important first. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    file: Option<PathBuf>,
    sections: Arc<Mutex<Vec<Section>>>,
}

/// A part of the summary that is shown whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Named when the section had to be left out.
    pub title: String,
    /// Markdown, its heading included.
    pub body: String,
}

impl Summary {
    /// Finds `GITHUB_STEP_SUMMARY`. At a desk there is none.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let file = environment.get_os("GITHUB_STEP_SUMMARY").map(PathBuf::from);
        Self {
            file: file.filter(|_| environment.in_runner()),
            sections: Arc::default(),
        }
    }

    /// Adds a section at the end. When all is too large, the last sections go first.
    pub fn add(&self, title: impl Into<String>, body: impl Into<String>) {
        self.lock().push(Section {
            title: title.into(),
            body: body.into(),
        });
    }

    /// Puts a section before all others.
    pub fn add_first(&self, title: impl Into<String>, body: impl Into<String>) {
        let section = Section {
            title: title.into(),
            body: body.into(),
        };
        self.lock().insert(0, section);
    }

    /// Puts a failure before all other sections; false if it stands there already.
    #[must_use = "what stands there already is not told again"]
    pub fn failure(&self, failure: &Failure) -> bool {
        let prose = markdown::prose;
        let mut body = format!("### ❌ {}\n", prose(&failure.headline()));
        for (label, text) in failure.sentences() {
            let label = match label {
                "" => String::new(),
                label => format!("**{label}:** "),
            };
            body.extend(["\n", &label, &prose(&text), "\n"]);
        }
        if let Some(paste) = &failure.paste {
            body.extend(["\n", &markdown::fence("", paste)]);
        }
        let known = self
            .lock()
            .iter()
            .any(|section| section.title == failure.title && section.body == body);
        if !known {
            self.add_first(&failure.title, body);
        }
        !known
    }

    /// Writes what was gathered, cleaned by `redact`, behind what the step has there already.
    ///
    /// # Errors
    /// Error: the file cannot be written.
    pub fn write(&self, redact: impl Fn(&str) -> String) -> Result<()> {
        let sections = std::mem::take(&mut *self.lock());
        let (Some(file), false) = (&self.file, sections.is_empty()) else {
            return Ok(());
        };
        let sections: Vec<_> = sections
            .into_iter()
            .map(|section| Section {
                title: redact(&section.title),
                body: redact(&section.body),
            })
            .collect();
        let text = render(&sections, LIMIT.saturating_sub(size(file)));
        append(file, text.as_bytes()).map_err(|error| {
            Failure::error(
                "Summary not written",
                format!(
                    "GITHUB_STEP_SUMMARY ({}) cannot be written: {error}.",
                    file.display()
                ),
            )
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Section>> {
        self.sections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(file: &Path) -> usize {
    let length = std::fs::symlink_metadata(file).map_or(0, |data| data.len());
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The sections that fit, in order, and one line that names those that didn't. Whole sections go,
/// the last first.
fn render(sections: &[Section], budget: usize) -> String {
    for kept in (0..=sections.len()).rev() {
        let (shown, dropped) = sections.split_at(kept);
        let mut text = String::new();
        for section in shown {
            text.push_str(section.body.trim_end());
            text.push_str("\n\n");
            if text.len() > budget {
                break;
            }
        }
        text.push_str(&left_out(dropped));
        if text.len() <= budget {
            return text;
        }
    }
    // Not even the line fits: what is there already fills the file.
    String::new()
}

fn left_out(dropped: &[Section]) -> String {
    if dropped.is_empty() {
        return String::new();
    }
    let first = dropped
        .iter()
        .take(10)
        .map(|section| markdown::text(&section.title));
    let mut names = first.collect::<Vec<_>>().join(", ");
    if dropped.len() > 10 {
        names.push_str(", …");
    }
    let verb = if dropped.len() == 1 {
        "section was"
    } else {
        "sections were"
    };
    format!(
        "> **Note:** {} {verb} left out, because GitHub takes 1 MiB of summary: {names}.\n",
        dropped.len()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn section(title: &str, body: &str) -> Section {
        Section {
            title: title.to_owned(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn the_last_sections_go_first_and_are_named() {
        let sections = [
            section("Verdict", "## Closed"),
            section("Findings", &"x".repeat(200)),
            section("Timings|", "10 s"),
        ];
        insta::assert_snapshot!(render(&sections, 160), @r"
        ## Closed

        > **Note:** 2 sections were left out, because GitHub takes 1 MiB of summary: Findings, Timings\|.
        ");
        assert!(render(&sections, 400).ends_with("10 s\n\n"));
        assert_eq!(render(&sections, 10), "");
    }

    #[test]
    fn a_failure_comes_first() {
        let summary = Summary::default();
        summary.add("Findings", "none");
        let failure = Failure::error("No upload", "GitHub said 403 to <acme/app>.")
            .because("The token may not.")
            .next("Add the permission.")
            .paste("permissions:\n  security-events: write\n");
        assert!(summary.failure(&failure));
        assert!(!summary.failure(&failure), "told already");
        insta::assert_snapshot!(summary.lock()[0].body, @r"
        ### ❌ No upload

        GitHub said 403 to &lt;acme/app&gt;.

        **Cause:** The token may not.

        **Next:** Add the permission.

        ```
        permissions:
          security-events: write
        ```
        ");
    }

    #[test]
    fn what_the_step_wrote_before_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![b'a'; LIMIT - 300]).unwrap();
        let summary = Summary::new(&Environment::new([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", file.path().to_str().unwrap()),
        ]));
        summary.add("Second", "b".repeat(500));
        summary.add_first("First", "token");
        summary.write(|text| text.replace("token", "***")).unwrap();
        summary.write(|_| unreachable!("written once")).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.len() <= LIMIT);
        assert!(
            text.contains("***\n\n> **Note:** 1 section was left out"),
            "{}",
            &text[LIMIT - 310..]
        );
    }

    proptest! {
        #[test]
        fn never_above_the_budget(
            bodies in proptest::collection::vec("\\PC{0,80}", 0..20),
            budget in 0usize..1500,
        ) {
            let sections: Vec<_> = bodies.iter().map(|body| section("é|title", body)).collect();
            prop_assert!(render(&sections, budget).len() <= budget);
        }
    }
}
