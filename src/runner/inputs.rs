//! Inputs as the runner passes them: `INPUT_<NAME>`, upper case, spaces as `_`, hyphens kept,
//! empty where absent.
//!
//! An action's inputs are declared once, as the arguments of its `clap` command. Values from the
//! environment become arguments in this process's memory, never in a list that others can read.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{Arg, ArgAction, Command};
use secrecy::SecretString;

use super::environment::Environment;
use super::secrets::SHORTEST;
use crate::outcome::{Failure, Result};

/// What the runner itself passes to a `docker://` step besides inputs.
const RUNNERS_OWN: [&str; 2] = ["INPUT_ARGS", "INPUT_ENTRYPOINT"];

/// The runner toolkit's own rule (`getBooleanInput`): YAML 1.2 core schema booleans only.
pub fn boolean(text: &str) -> std::result::Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err("allowed: true, True, TRUE, false, False, FALSE".to_owned()),
    }
}

/// A whole number with `s`, `m` or `h`; 1 second to 24 hours.
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    [("s", 1), ("m", 60), ("h", 3600)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .and_then(|(digits, seconds)| digits.parse::<u64>().ok()?.checked_mul(seconds))
        .filter(|seconds| (1..=86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            "allowed: a whole number with s, m or h, from 1s to 24h, such as 90s or 20m".to_owned()
        })
}

/// The values of an action's inputs that the environment gives.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Arguments to put behind the action's name.
    pub(crate) arguments: Vec<OsString>,
    /// The inputs concerned: an error names them as a workflow does, without dashes.
    pub(crate) names: BTreeSet<String>,
}

/// The secrets of an action: arguments of type [`SecretString`].
pub(crate) fn secrets(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| argument.get_value_parser().type_id() == TypeId::of::<SecretString>())
}

/// The variables that may hold a secret, the first wins: in the runner its input, at a desk those
/// that users of `gh` know, or our own.
pub(crate) fn secret_variables(input: &str, environment: &Environment) -> Vec<String> {
    let declared = variable(input);
    // A runner's step that is not our action (`run:`) has no inputs at all: a desk within.
    if environment.in_runner() && environment.has(&declared) {
        return vec![declared];
    }
    match input {
        "token" => vec!["GH_TOKEN".to_owned(), "GITHUB_TOKEN".to_owned()],
        _ => vec![format!(
            "SLIPWAY_{}",
            input.to_uppercase().replace('-', "_")
        )],
    }
}

/// Collects the values of all inputs that the command line does not give.
pub(crate) fn collect(
    command: &Command,
    given: &[OsString],
    environment: &Environment,
) -> Result<Collected> {
    refuse_secret_flags(command, given)?;
    if environment.in_runner() {
        refuse_misspelt(command, environment)?;
    }
    let secrets: Vec<_> = secrets(command).filter_map(Arg::get_long).collect();
    let mut collected = Collected::default();
    for argument in command.get_arguments() {
        let Some(name) = argument.get_long().filter(|name| !is_given(name, given)) else {
            continue;
        };
        let candidates = if secrets.contains(&name) {
            secret_variables(name, environment)
        } else if environment.in_runner() {
            vec![variable(name)]
        } else {
            continue;
        };
        let set = candidates
            .iter()
            .find_map(|candidate| environment.get_os(candidate));
        for value in values(name, set.unwrap_or_default(), argument)? {
            collected.names.insert(name.to_owned());
            collected.arguments.push(format!("--{name}={value}").into());
        }
    }
    Ok(collected)
}

/// The values of one variable, trimmed as the toolkit does; a list's are its lines, or what its
/// delimiter separates.
fn values<'a>(name: &str, text: &'a OsStr, argument: &Arg) -> Result<Vec<&'a str>> {
    let text = text.to_str().ok_or_else(|| {
        Failure::invalid(
            format!("Invalid input `{name}`"),
            format!("`{name}` is not UTF-8 text."),
        )
    })?;
    let is_list = matches!(argument.get_action(), ArgAction::Append);
    let separates =
        |letter| is_list && (letter == '\n' || Some(letter) == argument.get_value_delimiter());
    let entries: Vec<_> = text
        .split(separates)
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    // Nothing but commas is no absent value.
    let only_delimiters = entries.is_empty() && !text.trim().is_empty();
    Ok(if only_delimiters { vec![""] } else { entries })
}

/// Says so when a secret is too short to be masked.
pub(crate) fn short_secret(input: &str, value: &str) -> Option<String> {
    let length = value.trim().chars().count();
    (1..SHORTEST).contains(&length).then(|| {
        format!(
            "`{input}` has fewer than {SHORTEST} characters and is not masked: masking it would \
             blank out unrelated text in the log."
        )
    })
}

fn variable(input: &str) -> String {
    format!("INPUT_{}", input.to_uppercase().replace(' ', "_"))
}

fn is_given(name: &str, given: &[OsString]) -> bool {
    given.iter().filter_map(|flag| flag.to_str()).any(|flag| {
        flag.strip_prefix("--")
            .and_then(|flag| flag.strip_prefix(name))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

fn refuse_secret_flags(command: &Command, given: &[OsString]) -> Result<()> {
    let flag = secrets(command)
        .filter_map(Arg::get_long)
        .find(|name| is_given(name, given));
    let Some(name) = flag else {
        return Ok(());
    };
    let desk = secret_variables(name, &Environment::default()).join("` or `");
    Err(Failure::invalid(
        format!("Invalid input `{name}`"),
        format!(
            "`--{name}` takes no value on the command line: every user of the machine can read \
             argument lists."
        ),
    )
    .next(format!(
        "At a desk set the variable `{desk}`; in a workflow give `{name}` under `with:`."
    )))
}

/// A variable that nearly is one of our inputs: a misspelt `fail_on` would otherwise be ignored,
/// and the gate stay wider than its user thinks. The runner only warns.
fn refuse_misspelt(command: &Command, environment: &Environment) -> Result<()> {
    let inputs: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
    let known: BTreeSet<String> = inputs.iter().map(|name| variable(name)).collect();
    let unknown = environment
        .names()
        .filter(|name| !RUNNERS_OWN.contains(name) && !known.contains(*name))
        .filter_map(|name| name.strip_prefix("INPUT_"));
    for name in unknown {
        let written = name.to_lowercase();
        let plain = written.replace(['_', ' '], "-");
        let meant = inputs
            .iter()
            .find(|input| strsim::damerau_levenshtein(input, &plain) <= input.len() / 4);
        if let Some(meant) = meant {
            return Err(Failure::invalid(
                format!("Unknown input `{written}`"),
                format!("There is no input `{written}`; did you mean `{meant}`?"),
            )
            .next(format!("Write `{meant}:` under `with:`.")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[derive(Debug, clap::Args)]
    struct Inputs {
        #[arg(long)]
        images: Vec<String>,
        #[arg(long, value_delimiter = ',')]
        checks: Vec<String>,
        #[arg(long, default_value = "high")]
        fail_on: String,
        #[arg(long, num_args = 0..=1, default_missing_value = "true", default_value = "false", value_parser = boolean)]
        dry_run: bool,
        #[arg(long)]
        token: Option<SecretString>,
        #[arg(long)]
        registry_auth: Option<SecretString>,
    }

    fn command() -> Command {
        Inputs::augment_args(Command::new("scan"))
    }

    fn collected(given: &[&str], variables: &[(&str, &str)]) -> Result<Vec<String>> {
        let given: Vec<_> = given.iter().map(OsString::from).collect();
        let environment = Environment::new(variables.iter().copied());
        let arguments = collect(&command(), &given, &environment)?.arguments;
        Ok(arguments
            .into_iter()
            .map(|one| one.into_string().unwrap())
            .collect())
    }

    fn in_runner(variables: &[(&str, &str)]) -> Vec<String> {
        collected(&[], &[&[("GITHUB_ACTIONS", "true")], variables].concat()).unwrap()
    }

    #[test]
    fn variables_become_arguments() {
        for (name, value, expected) in [
            ("INPUT_FAIL-ON", " low \n", vec!["--fail-on=low"]),
            ("INPUT_FAIL-ON", "", vec![]),
            ("INPUT_FAIL-ON", "  ", vec![]),
            (
                "INPUT_IMAGES",
                "a:1\r\n\n  b:2  \n",
                vec!["--images=a:1", "--images=b:2"],
            ),
            ("INPUT_IMAGES", "a,b", vec!["--images=a,b"]),
            (
                "INPUT_CHECKS",
                " a , b,,\nc",
                vec!["--checks=a", "--checks=b", "--checks=c"],
            ),
            ("INPUT_CHECKS", " , ", vec!["--checks="]),
            ("INPUT_CHECKS", " \n", vec![]),
            ("INPUT_DRY-RUN", "True", vec!["--dry-run=True"]),
            ("INPUT_TOKEN", "t", vec!["--token=t"]),
            ("INPUT_ARGS", "x", vec![]),
            ("INPUT_SOMETHING_ELSE", "x", vec![]),
        ] {
            assert_eq!(in_runner(&[(name, value)]), expected, "{name}={value:?}");
        }
    }

    #[test]
    fn a_value_that_looks_like_a_flag_stays_a_value() {
        let arguments = in_runner(&[("INPUT_FAIL-ON", "--token=x"), ("INPUT_IMAGES", "-v")]);
        let all = ["scan".to_owned()].into_iter().chain(arguments);
        let inputs = Inputs::from_arg_matches(&command().get_matches_from(all)).unwrap();
        assert_eq!(
            (inputs.fail_on.as_str(), &inputs.images[..]),
            ("--token=x", &["-v".to_owned()][..])
        );
        assert!(inputs.token.is_none() && inputs.registry_auth.is_none() && !inputs.dry_run);
    }

    proptest! {
        /// From variable to argument to the parsed struct: a value is what was written, without the
        /// blanks around it, and never a flag, another value or the end of the arguments.
        #[test]
        fn any_value_survives_unchanged(
            fail_on in value(),
            images in proptest::collection::vec(value(), 0..4),
            token in value(),
        ) {
            let lines = images.join("\n");
            let arguments = in_runner(&[
                ("INPUT_FAIL-ON", &fail_on),
                ("INPUT_IMAGES", &lines),
                ("INPUT_TOKEN", &token),
            ]);
            let all = ["scan".to_owned()].into_iter().chain(arguments);
            let matches = command().try_get_matches_from(all);
            let inputs = Inputs::from_arg_matches(&matches.unwrap()).unwrap();
            let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            prop_assert_eq!(inputs.fail_on, given(&fail_on).unwrap_or_else(|| "high".to_owned()));
            let wanted: Vec<_> = lines.split('\n').filter_map(given).collect();
            prop_assert_eq!(inputs.images, wanted);
            let token = given(&token);
            prop_assert_eq!(inputs.token.map(|it| it.expose_secret().to_owned()), token);
            prop_assert!(inputs.registry_auth.is_none() && !inputs.dry_run);
        }
    }

    /// Text of any kind, and often what a parser of arguments could take for its own.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            "[^\0\n]{0,20}",
            "[ \t]{0,2}-{0,3}(dry-run|registry-auth|token|images|h|help|v|)=?[^\0\n]{0,3}[ \t]{0,2}",
            "[-=,'\"\\\\ ]{0,6}",
        ]
    }

    #[test]
    fn flags_win_and_a_desk_has_no_inputs() {
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("INPUT_FAIL-ON", "low"),
            ("INPUT_IMAGES", "a"),
        ];
        for given in ["--fail-on", "--fail-on=any"] {
            assert_eq!(collected(&[given], &variables).unwrap(), ["--images=a"]);
        }
        assert!(collected(&[], &variables[1..]).unwrap().is_empty());
    }

    #[test]
    fn secrets_come_from_variables_alone() {
        let desk = |variables: &[_]| collected(&[], variables).unwrap();
        assert_eq!(
            desk(&[("GITHUB_TOKEN", "a"), ("GH_TOKEN", "b")]),
            ["--token=b"]
        );
        assert_eq!(
            desk(&[("GITHUB_TOKEN", "a"), ("GH_TOKEN", "")]),
            ["--token=a"]
        );
        assert_eq!(
            desk(&[("SLIPWAY_REGISTRY_AUTH", "a b c")]),
            ["--registry-auth=a b c"]
        );
        // An empty input is an answer: the job's GITHUB_TOKEN is not taken behind its back.
        assert!(in_runner(&[("INPUT_TOKEN", ""), ("GITHUB_TOKEN", "a")]).is_empty());
        for flag in ["--token", "--token=hunter2"] {
            let failure = collected(&[flag, "hunter2"], &[]).unwrap_err();
            assert!(
                failure.message().contains("GH_TOKEN` or `GITHUB_TOKEN"),
                "{failure:?}"
            );
            assert!(!failure.message().contains("hunter2"));
        }
    }

    #[test]
    fn misspelt_inputs_are_refused() {
        for name in [
            "INPUT_FAIL_ON",
            "INPUT_FAILON",
            "INPUT_FAIL-NO",
            "INPUT_IMAGE",
        ] {
            let failure = collected(&[], &[("GITHUB_ACTIONS", "true"), (name, "x")]).unwrap_err();
            assert!(failure.what.contains("did you mean"), "{failure}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = Environment::new([
            ("GITHUB_ACTIONS", OsString::from("true")),
            ("INPUT_FAIL-ON", OsString::from_vec(vec![0xff])),
        ]);
        let failure = collect(&command(), &[], &environment).unwrap_err();
        assert!(failure.what.contains("`fail-on` is not UTF-8"));
    }

    #[test]
    fn booleans_and_durations() {
        for (text, expected) in [
            ("true", Some(true)),
            ("FALSE", Some(false)),
            ("yes", None),
            ("1", None),
            ("tRUE", None),
        ] {
            assert_eq!(boolean(text).ok(), expected, "{text}");
        }
        for (text, seconds) in [
            ("90s", Some(90)),
            ("20m", Some(1200)),
            ("24h", Some(86_400)),
            ("0s", None),
            ("25h", None),
            ("99999999999999999999h", None),
            ("-1s", None),
            ("1.5h", None),
            ("20", None),
            ("20 m", None),
            ("", None),
        ] {
            assert_eq!(
                duration(text).ok(),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn short_secrets_are_told() {
        assert!(short_secret("token", "abc").unwrap().contains("`token`"));
        assert_eq!(short_secret("token", "abcd"), None);
        assert_eq!(short_secret("token", " "), None);
    }
}
