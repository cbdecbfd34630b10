//! What is wrong with an input, in its user's words.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::inputs::{Collected, secrets};
use crate::outcome::Failure;
use crate::text::sentence;

impl Collected {
    /// Turns the parser's error into one failure that names the input as its user wrote it, its
    /// value unless that is secret, and what is allowed.
    pub(crate) fn explain(&self, error: &Error, command: &Command) -> Failure {
        let flag = text(error, ContextKind::InvalidArg).unwrap_or_default();
        let name = name(&flag);
        let written = self.written(error, name, command);
        let title = format!("Invalid input `{name}`");
        match error.kind() {
            ErrorKind::InvalidValue => {
                let failure = Failure::invalid(title, format!("{written} is not allowed."));
                match text(error, ContextKind::ValidValue).filter(|all| !all.is_empty()) {
                    Some(all) => failure.next(format!("Allowed: {all}.{}", similar(error))),
                    None => failure.next("Give a value."),
                }
            }
            ErrorKind::ValueValidation => {
                let failure = Failure::invalid(title, format!("{written} is not allowed."));
                // A parser's own words say what is allowed, never the value.
                match std::error::Error::source(error) {
                    Some(why) => failure.next(sentence(&why.to_string())),
                    None => failure,
                }
            }
            ErrorKind::MissingRequiredArgument => {
                let names: Vec<_> = flag.split(", ").map(self::name).collect();
                Failure::invalid(
                    "Missing input",
                    format!("`{}` is required.", names.join("`, `")),
                )
                .next("Give it under `with:` in a workflow, as a flag at a desk.")
            }
            ErrorKind::UnknownArgument => {
                let what = format!("There is no argument {written}.{}", similar(error));
                Failure::invalid("Unknown argument", what).next("`--help` lists what there is.")
            }
            ErrorKind::InvalidSubcommand => {
                let name = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
                let what = format!("There is no action `{name}`.{}", similar(error));
                Failure::invalid("Unknown action", what)
            }
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Failure::invalid("No action", "No action is named.")
            }
            ErrorKind::ArgumentConflict => {
                Failure::invalid(title, format!("{written} is given more than once."))
            }
            other => {
                let what = other.as_str().unwrap_or("the arguments are not understood");
                Failure::invalid("Invalid arguments", sentence(what))
                    .next("`--help` lists what there is.")
            }
        }
    }

    /// `fail-on: hihg` as in a workflow, `--fail-on hihg` as at a desk.
    fn written(&self, error: &Error, name: &str, command: &Command) -> String {
        let is_secret = secrets(command).any(|secret| secret.get_long() == Some(name));
        let value = text(error, ContextKind::InvalidValue).filter(|_| !is_secret);
        let (dashes, colon) = match self.names.contains(name) {
            true => ("", ":"),
            false
                if text(error, ContextKind::InvalidArg)
                    .is_some_and(|flag| !flag.starts_with('-')) =>
            {
                ("", "")
            }
            false => ("--", ""),
        };
        match value {
            Some(value) if value.is_empty() => format!("`{dashes}{name}` without a value"),
            Some(value) => format!("`{dashes}{name}{colon} {value}`"),
            None => format!("`{dashes}{name}`"),
        }
    }
}

/// `--fail-on <SEVERITY>` is `fail-on`.
fn name(flag: &str) -> &str {
    let end = flag.find([' ', '=', '[']).unwrap_or(flag.len());
    flag[..end].trim_start_matches('-')
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

fn similar(error: &Error) -> String {
    let kinds = [
        ContextKind::SuggestedValue,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
    ];
    kinds
        .into_iter()
        .find_map(|kind| text(error, kind))
        .map_or(String::new(), |similar| {
            format!(" Did you mean `{similar}`?")
        })
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, ValueEnum};
    use secrecy::SecretString;

    use super::*;
    use crate::runner::environment::Environment;
    use crate::runner::inputs::{boolean, collect, duration};

    #[derive(Clone, Debug, ValueEnum)]
    enum FailOn {
        High,
        Low,
    }

    #[derive(Debug, clap::Args)]
    struct Inputs {
        #[arg(long, value_name = "SEVERITY", default_value = "high")]
        fail_on: FailOn,
        #[arg(long, num_args = 0..=1, default_missing_value = "true", value_parser = boolean)]
        dry_run: Option<bool>,
        #[arg(long, value_parser = duration)]
        timeout: Option<std::time::Duration>,
        #[arg(long)]
        target: String,
        #[arg(long, value_parser = |_: &str| Err::<SecretString, _>("wrong shape"))]
        token: Option<SecretString>,
    }

    fn explain(variables: &[(&str, &str)], given: &[&str]) -> String {
        let command = Inputs::augment_args(Command::new("scan"));
        let environment = Environment::new(
            [("GITHUB_ACTIONS", "true")]
                .iter()
                .chain(variables)
                .copied(),
        );
        let flags: Vec<_> = given.iter().map(Into::into).collect();
        let collected = collect(&command, &flags, &environment).unwrap();
        let all = [vec!["scan".into()], collected.arguments.clone(), flags].concat();
        let error = command.clone().try_get_matches_from(all).unwrap_err();
        let failure = collected.explain(&error, &command);
        format!(
            "{} | {}",
            failure.title,
            failure.message().replace('\n', " | ")
        )
    }

    #[test]
    fn an_error_names_the_input_the_value_and_what_is_allowed() {
        let target: &[(&str, &str)] = &[("INPUT_TARGET", "x")];
        let with = |name, value| explain(&[target, &[(name, value)]].concat(), &[]);
        insta::assert_snapshot!(
            [
                with("INPUT_FAIL-ON", "hihg"),
                with("INPUT_DRY-RUN", "yes"),
                with("INPUT_TIMEOUT", "20"),
                with("INPUT_TOKEN", "hunter2"),
                explain(&[], &[]),
                explain(target, &["--fail-on", "hihg"]),
                explain(target, &["--fail-on"]),
                explain(target, &["--fail-no=low"]),
                explain(target, &["--fail-on=low", "--fail-on=low"]),
                explain(target, &["path"]),
                explain(target, &["--dry-run=yes"]),
            ]
            .join("\n"),
            @r"
        Invalid input `fail-on` | `fail-on: hihg` is not allowed. | Next: Allowed: high, low. Did you mean `high`?
        Invalid input `dry-run` | `dry-run: yes` is not allowed. | Next: Allowed: true, True, TRUE, false, False, FALSE.
        Invalid input `timeout` | `timeout: 20` is not allowed. | Next: Allowed: a whole number with s, m or h, from 1s to 24h, such as 90s or 20m.
        Invalid input `token` | `token` is not allowed. | Next: Wrong shape.
        Missing input | `target` is required. | Next: Give it under `with:` in a workflow, as a flag at a desk.
        Invalid input `fail-on` | `--fail-on hihg` is not allowed. | Next: Allowed: high, low. Did you mean `high`?
        Invalid input `fail-on` | `--fail-on` without a value is not allowed. | Next: Allowed: high, low.
        Unknown argument | There is no argument `--fail-no`. Did you mean `--fail-on`? | Next: `--help` lists what there is.
        Invalid input `fail-on` | `--fail-on` is given more than once.
        Unknown argument | There is no argument `path`. | Next: `--help` lists what there is.
        Invalid input `dry-run` | `--dry-run yes` is not allowed. | Next: Allowed: true, True, TRUE, false, False, FALSE.
        "
        );
    }
}
