//! Picks the action, and sees to it that exit code and output `result` say the same whatever
//! happens.

use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use secrecy::SecretString;
use tokio::runtime::{Builder, Runtime};

use crate::outcome::{Failure, Outcome, Result};
use crate::runner::annotations::{Annotation, Level};
use crate::runner::console::{Console, Format, Place};
use crate::runner::environment::Environment;
use crate::runner::files::Files;
use crate::runner::summary::Summary;
use crate::runner::{Session, cancel, fail, harden, inputs};
use crate::{process, security_scan};

/// Five GitHub container actions for a whole delivery pipeline; each also runs at a desk.
#[derive(Debug, Parser)]
#[command(name = "slipway", version, disable_help_subcommand = true)]
struct Cli {
    /// What is printed on standard output at a desk.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    SecurityScan(Box<security_scan::inputs::Inputs>),
}

/// Name and schema of an action's outputs; `result`, which all have, aside.
pub type Outputs = (&'static [&'static str], fn() -> schemars::Schema);

/// The outputs of each action, in the order in which its README names them. Beside [`Action`] and
/// [`act`] the only place that lists the actions: `actions/` is generated from these.
pub const OUTPUTS: [(&str, Outputs); 1] = [("security-scan", {
    use security_scan::outputs::Outputs;
    (&Outputs::NAMES, || schemars::schema_for!(Outputs))
})];

/// Secrets that the runner or a user may have put into the environment besides our inputs.
const AMBIENT_SECRETS: [&str; 4] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "GH_TOKEN",
    "GITHUB_TOKEN",
];

/// Threads of the runtime. One, because what fails to start the second waits for the first for ever.
const WORKERS: usize = 1;

/// What `--help` of each action ends with.
const AFTER_HELP: &str = "\
A list (\"one a line\") is a flag for each entry. Secrets are never flags: at a desk they come from
the environment, the token from GH_TOKEN or GITHUB_TOKEN, others from SLIPWAY_ and their name, such
as SLIPWAY_REGISTRY_AUTH.

Exit codes:";

/// The whole command line. `action.yml` and READMEs are generated from it.
#[must_use]
pub fn command() -> clap::Command {
    let command = Cli::command();
    let actions: Vec<_> = command
        .get_subcommands()
        .map(|action| action.get_name().to_owned())
        .collect();
    let codes = Outcome::ALL.map(|it| format!("\n  {}  {it:<10}  {}", it.code(), it.meaning()));
    let after_help = AFTER_HELP.to_owned() + &codes.concat();
    actions.into_iter().fold(command, |command, action| {
        command.mut_subcommand(action, |action| action.after_help(after_help.clone()))
    })
}

/// Runs one action to its end.
#[must_use]
pub fn run(arguments: Vec<OsString>, environment: &Environment) -> ExitCode {
    if let Some(code) = process::launched(&arguments) {
        return code;
    }
    let console = console(&arguments, environment);
    let (files, summary) = (Files::new(environment), Summary::new(environment));
    let ended = runtime().and_then(|runtime| {
        let ended = start(arguments, environment, &runtime, &console, &summary);
        // Time for tasks that were dropped to end their children and remove their folders; a thread
        // that still waits for somebody's answer must not hold up the end.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    });
    for folder in process::kept() {
        let (title, message) = kept(&folder);
        console.annotate(Annotation::new(Level::Warning, title, message));
    }
    let ended = match ended {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(outcome)) => Ok(outcome),
        Err(failure) => Err(failure),
    };
    finish(ended, &console, &files, &summary).into()
}

/// Tokio panics where there are no threads or descriptors for it.
fn runtime() -> Result<Runtime> {
    let start = || {
        Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
    };
    let before = take_hook();
    set_hook(Box::new(|_| {}));
    let started = catch_unwind(start);
    set_hook(before);
    let why = match started {
        Ok(Ok(runtime)) => return Ok(runtime),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>();
            text.map_or("the system refuses", String::as_str).to_owned()
        }
    };
    Err(Failure::error(
        "No runtime",
        format!("The threads and files that every run needs could not be had: {why}."),
    )
    .because("The limit of processes (`ulimit -u`) or of open files (`ulimit -n`) is too low.")
    .next("Raise it for this step, or end what else runs as this user."))
}

/// Of a private folder that could not be removed.
fn kept(folder: &Path) -> (&'static str, String) {
    let what = format!(
        "{} could not be removed, and may hold registry credentials. The next run on this machine \
         tries again; `rm -rf` it if there is none.",
        folder.display()
    );
    ("Temporary folder left behind", what)
}

/// None: the arguments asked for help or the version, and got it.
fn start(
    arguments: Vec<OsString>,
    environment: &Environment,
    runtime: &Runtime,
    console: &Console,
    summary: &Summary,
) -> Result<Option<Outcome>> {
    // First: until then a signal ends the process without a word.
    let cancel = {
        let _inside = runtime.enter();
        cancel::listen(console)?
    };
    harden()?;
    mask(environment, console);
    let Some(action) = parse(arguments, environment)? else {
        return Ok(None);
    };
    if cancel.is_cancelled() {
        return Err(cancel::failure());
    }
    process::take_charge(&cancel);
    let session = Session::new(
        console.clone(),
        environment.clone(),
        summary.clone(),
        cancel,
    )?;
    act(action, &session, runtime).map(Some)
}

/// The console is there before anything can go wrong, so the format is looked up by hand; the
/// parser checks it later.
fn console(arguments: &[OsString], environment: &Environment) -> Console {
    let json = arguments.iter().any(|argument| argument == "--format=json")
        || arguments
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json");
    let format = if json { Format::Json } else { Format::Text };
    let terminal = stderr().is_terminal() && environment.get("TERM") != Some("dumb");
    let place = if environment.in_runner() {
        Place::Runner {
            debug: environment.get("RUNNER_DEBUG") == Some("1"),
        }
    } else {
        Place::Desk {
            terminal,
            colour: terminal && environment.get("NO_COLOR").is_none(),
        }
    };
    Console::new(place, format, stdout(), stderr())
}

/// Before anything is logged, whatever action it will be.
fn mask(environment: &Environment, console: &Console) {
    let command = command();
    let declared = command.get_subcommands().flat_map(inputs::secrets);
    let variables = declared
        .filter_map(|secret| secret.get_long())
        .flat_map(|name| {
            inputs::secret_variables(name, environment)
                .into_iter()
                .map(move |variable| (name, variable))
        })
        .chain(AMBIENT_SECRETS.map(|name| (name, name.to_owned())));
    let mut warnings = Vec::new();
    for (name, variable) in variables {
        let Some(value) = environment.get(&variable) else {
            continue;
        };
        console.mask(&SecretString::from(value));
        warnings.extend(inputs::short_secret(name, value));
    }
    for warning in warnings {
        console.annotate(Annotation::new(
            Level::Warning,
            "Secret not masked",
            warning,
        ));
    }
}

/// None: the arguments asked for help or the version, and got it.
fn parse(mut arguments: Vec<OsString>, environment: &Environment) -> Result<Option<Action>> {
    let command = command();
    let mut collected = inputs::Collected::default();
    let mut action = None;
    let found = arguments.iter().enumerate().skip(1).find_map(|(at, name)| {
        let action = command.find_subcommand(name)?;
        Some((at + 1, action))
    });
    if let Some((behind, found)) = found {
        collected = inputs::collect(found, &arguments[behind..], environment)?;
        arguments.splice(behind..behind, collected.arguments.clone());
        action = Some(found.clone());
    }
    let parsed = command
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Some(cli.action)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            // The parser's own printing, for its styles. A reader that went away is no error.
            match error.print() {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(Failure::error(
                        "Help not printed",
                        format!("Standard output could not be written to: {error}."),
                    ))
                }
                _ => Ok(None),
            }
        }
        Err(error) => Err(match action {
            Some(action) => collected.explain(&error, &action),
            None => collected.explain(&error, &command).next(which(&command)),
        }),
    }
}

fn which(command: &clap::Command) -> String {
    let names: Vec<_> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    format!(
        "Name an action: {}. `slipway --help` tells more.",
        names.join(", ")
    )
}

/// Runs the action. A panic is a bug, and still ends in `error`.
fn act(action: Action, session: &Session, runtime: &Runtime) -> Result<Outcome> {
    let told = session.console.clone();
    set_hook(Box::new(move |panic| {
        told.say(&format!("Bug in slipway: {panic}"));
    }));
    let run = || {
        runtime.block_on(async {
            match action {
                Action::SecurityScan(inputs) => security_scan::run(*inputs, session).await,
            }
        })
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(Failure::error(
            "Bug in slipway",
            "The program stopped where it should not have.",
        )
        .next("Report it with the lines above: github.com/slipway-ci/slipway/issues."))
    })
}

/// Says how it ended, everywhere the same. What cannot be written changes the result as
/// [`Outcome::conclude`] says.
fn finish(ended: Result<Outcome>, console: &Console, files: &Files, summary: &Summary) -> Outcome {
    let mut outcome = ended.unwrap_or_else(|failure| {
        fail(&failure, console, summary);
        if console.format() == Format::Json && !console.in_runner() {
            let json = serde_json::json!({ "result": failure.outcome, "error": failure });
            // Standard error has said it already.
            let _ = console.result("", || json);
        }
        failure.outcome
    });
    // Written when all else that decides is done.
    if let Err(failure) = files.output("result", outcome.name()) {
        fail(&failure, console, summary);
        outcome = outcome.conclude([failure.outcome]);
    }
    if let Err(failure) = summary.write(|text| console.redact(text)) {
        // The verdict stands; log and outputs have it too.
        console.annotate(Annotation::new(
            Level::Warning,
            failure.headline(),
            failure.message(),
        ));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_its_outputs() {
        let command = command();
        let actions = command.get_subcommands().map(clap::Command::get_name);
        assert!(actions.eq(OUTPUTS.iter().map(|(action, _)| *action)));
        for (action, (names, schema)) in OUTPUTS {
            let schema = schema();
            let fields = schema.get("properties").and_then(|it| it.as_object());
            let fields: std::collections::BTreeSet<_> = fields.unwrap().keys().collect();
            assert!(
                names
                    .iter()
                    .all(|name| fields.contains(&(*name).to_owned()))
            );
            assert_eq!(names.len(), fields.len(), "{action}");
        }
    }
}
