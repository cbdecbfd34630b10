//! How a run ends: one type for all actions, the same in the output `result` and the exit code.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

use crate::text::{capitalised, sentence};

/// The end of a run; [`Outcome::meaning`] says which is which. Output `result` holds its name, the process its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    /// Gate closed, rolled back, not verified.
    Failed,
    Invalid,
    Error,
    Busy,
    Incomplete,
}

impl Outcome {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 6] = [
        Self::Passed,
        Self::Failed,
        Self::Invalid,
        Self::Error,
        Self::Busy,
        Self::Incomplete,
    ];

    /// What it means, for the help and the tables in READMEs.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "done, and the verdict is positive",
            Self::Failed => "the verdict is negative",
            Self::Invalid => "an input or a configuration file is wrong; nothing was done",
            Self::Error => {
                "the environment failed us: a missing permission, GitHub's answer, the machine"
            }
            Self::Busy => "another run holds the lock",
            Self::Incomplete => "not enough evidence to say",
        }
    }

    /// The process exit code, 0 to 5.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Error => 3,
            Self::Busy => 4,
            Self::Incomplete => 5,
        }
    }

    /// The end of the run, when more came to light after this one. A wrong input comes first, then a
    /// negative verdict, then a gap, then a failure of the environment: a closed gate is `failed`
    /// even when something is incomplete, and what could not be written or uploaded shows only
    /// over an open one.
    #[must_use]
    pub fn conclude(self, later: impl IntoIterator<Item = Self>) -> Self {
        const PRECEDENCE: [Outcome; 6] = [
            Outcome::Invalid,
            Outcome::Failed,
            Outcome::Incomplete,
            Outcome::Error,
            Outcome::Busy,
            Outcome::Passed,
        ];
        let rank = |outcome: Self| PRECEDENCE.iter().position(|one| *one == outcome);
        later
            .into_iter()
            .chain([self])
            .min_by_key(|outcome| rank(*outcome))
            .unwrap_or(self)
    }

    /// The value of output `result`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Error => "error",
            Self::Busy => "busy",
            Self::Incomplete => "incomplete",
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a run could not reach a verdict: what happened to what, the likely cause, the next step.
///
/// Shown as one `::error title=…::`, in the summary and, at a desk, on standard error.
/// Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{title}: {what}")]
pub struct Failure {
    /// Never [`Outcome::Passed`].
    pub outcome: Outcome,
    /// A few words: the annotation's title.
    pub title: String,
    /// What happened, to what: one or two sentences that name the thing.
    pub what: String,
    /// The likely cause.
    pub cause: Option<String>,
    /// What to do next.
    pub next: Option<String>,
    /// The exact YAML or command to paste.
    pub paste: Option<String>,
}

/// What every fallible function of an action returns.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    fn new(outcome: Outcome, title: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            outcome,
            title: title.into(),
            what: what.into(),
            cause: None,
            next: None,
            paste: None,
        }
    }

    /// A wrong input or configuration (exit 2).
    pub fn invalid(title: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Outcome::Invalid, title, what)
    }

    /// The environment failed us (exit 3).
    pub fn error(title: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Outcome::Error, title, what)
    }

    /// Another run holds the lock (exit 4).
    pub fn busy(title: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Outcome::Busy, title, what)
    }

    /// Not enough evidence to say (exit 5).
    pub fn incomplete(title: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Outcome::Incomplete, title, what)
    }

    /// Adds the likely cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Adds the YAML or command to paste.
    #[must_use]
    pub fn paste(mut self, paste: impl Into<String>) -> Self {
        self.paste = Some(paste.into());
        self
    }

    /// The title, capitalised.
    #[must_use]
    pub fn headline(&self) -> String {
        capitalised(&self.title)
    }

    /// What happened, the cause and the next step, as labelled sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<(&'static str, String)> {
        [
            ("", Some(&self.what)),
            ("Cause", self.cause.as_ref()),
            ("Next", self.next.as_ref()),
        ]
        .into_iter()
        .filter_map(|(label, text)| Some((label, sentence(text?))))
        .collect()
    }

    /// All of it but the title, as lines for a log or an annotation.
    #[must_use]
    pub fn message(&self) -> String {
        let lines = self
            .sentences()
            .into_iter()
            .map(|(label, text)| match label {
                "" => text,
                label => format!("{label}: {text}"),
            });
        let mut message = lines.collect::<Vec<_>>().join("\n");
        if let Some(paste) = &self.paste {
            message.extend(["\n\n", paste.trim_end()]);
        }
        message
    }
}

/// What happened to what, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Message {
    /// A few words.
    pub title: String,
    pub what: String,
    pub cause: Option<String>,
    pub next: Option<String>,
    /// YAML or command to paste.
    pub paste: Option<String>,
}

impl From<&Failure> for Message {
    fn from(failure: &Failure) -> Self {
        Self {
            title: failure.title.clone(),
            what: failure.what.clone(),
            cause: failure.cause.clone(),
            next: failure.next.clone(),
            paste: failure.paste.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let all = [
            (Outcome::Passed, 0, "passed"),
            (Outcome::Failed, 1, "failed"),
            (Outcome::Invalid, 2, "invalid"),
            (Outcome::Error, 3, "error"),
            (Outcome::Busy, 4, "busy"),
            (Outcome::Incomplete, 5, "incomplete"),
        ];
        assert_eq!(all.map(|(outcome, ..)| outcome), Outcome::ALL);
        for (outcome, code, name) in all {
            assert_eq!((outcome.code(), outcome.name()), (code, name));
            assert_eq!(serde_json::to_value(outcome).unwrap(), name);
        }
    }

    #[test]
    fn precedence() {
        use Outcome::{Error, Failed, Incomplete, Invalid, Passed};
        for (first, later, expected) in [
            (Passed, &[][..], Passed),
            (Passed, &[Passed, Error], Error),
            (Passed, &[Incomplete, Error], Incomplete),
            (Incomplete, &[Error], Incomplete),
            (Failed, &[Error], Failed),
            (Failed, &[Incomplete, Error], Failed),
            (Failed, &[Invalid], Invalid),
        ] {
            let end = first.conclude(later.iter().copied());
            assert_eq!(end, expected, "{first} {later:?}");
        }
    }

    #[test]
    fn a_failure_tells_everything() {
        let failure = Failure::error("No upload", "GitHub said 403 to <acme/app>.")
            .because("The token may not.")
            .next("Add the permission.")
            .paste("permissions:\n  security-events: write\n");
        insta::assert_snapshot!(failure.message(), @r"
        GitHub said 403 to <acme/app>.
        Cause: The token may not.
        Next: Add the permission.

        permissions:
          security-events: write
        ");
    }
}
