//! Renders `actions/*` from the code's own declarations and `action-templates/metadata`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use slipway::outcome::Outcome;

/// `action-templates/metadata/<action>.yml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    name: String,
    author: String,
    branding: BTreeMap<String, String>,
    inputs: BTreeMap<String, Override>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    default: String,
}

/// An input as `action.yml` declares it.
#[derive(Debug, Serialize)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) default: Option<String>,
    pub(super) required: bool,
}

/// An output as `action.yml` declares it.
#[derive(Debug, Serialize)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) description: String,
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What an action's folder should hold.
pub(super) fn files(action: &str) -> Vec<(PathBuf, String)> {
    let templates = root().join("action-templates/metadata");
    let overrides = std::fs::read_to_string(templates.join(format!("{action}.yml"))).unwrap();
    let overrides: Overrides = serde_saphyr::from_str(&overrides).unwrap();
    let command = command(action);
    let mut inputs = inputs(&command);
    for (name, Override { default }) in overrides.inputs {
        let input = inputs.iter_mut().find(|input| input.name == name);
        input
            .expect("an override is for an input that exists")
            .default = Some(default);
    }
    let environment = environment(&templates);
    let context = Serde(serde_json::json!({
        "action": action,
        "name": overrides.name,
        "author": overrides.author,
        "branding": overrides.branding,
        "description": sentence(&command.get_about().unwrap().to_string()),
        "inputs": inputs,
        "outputs": outputs(action),
        "outcomes": outcomes(),
    }));
    let folder = root().join("actions").join(action);
    let render = |template: &str| {
        environment
            .get_template(template)
            .unwrap()
            .render(Serde(&context.0))
            .unwrap()
    };
    vec![
        (folder.join("action.yml"), render("action.yml.j2")),
        (folder.join("README.md"), render(&format!("{action}.md.j2"))),
    ]
}

fn outcomes() -> Vec<serde_json::Value> {
    let row =
        |it: Outcome| serde_json::json!({"result": it, "code": it.code(), "meaning": it.meaning()});
    Outcome::ALL.map(row).to_vec()
}

/// The table of exit codes, as every README has it.
pub(super) fn exit_codes() -> String {
    environment(&root().join("action-templates/metadata"))
        .get_template("exit-codes.md.j2")
        .unwrap()
        .render(Serde(serde_json::json!({ "outcomes": outcomes() })))
        .unwrap()
}

/// The actions that the binary has.
pub(super) fn actions() -> Vec<String> {
    let command = slipway::cli::command();
    command
        .get_subcommands()
        .map(|action| action.get_name().to_owned())
        .collect()
}

fn command(action: &str) -> Command {
    slipway::cli::command()
        .find_subcommand(action)
        .unwrap()
        .clone()
}

/// The inputs of the action's struct. What only a desk has (`--format`) is the binary's own.
pub(super) fn inputs(command: &Command) -> Vec<Input> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && argument.get_id() != "help")
        .map(|argument| Input {
            name: argument.get_long().unwrap().to_owned(),
            description: description(argument),
            default: default(argument),
            required: argument.is_required_set(),
        })
        .collect()
}

/// `result`, which every action has, and the fields of the action's own outputs.
pub(super) fn outputs(action: &str) -> Vec<Output> {
    let (_, (names, schema)) = slipway::cli::OUTPUTS
        .into_iter()
        .find(|(name, _)| *name == action)
        .unwrap();
    let schema = schema();
    let ends = Outcome::ALL
        .map(|outcome| format!("`{outcome}`"))
        .join(", ");
    let result = format!("How it ended: one of {ends}. The exit code says the same.");
    let mut outputs = vec![Output {
        name: "result".to_owned(),
        description: result,
    }];
    let properties = schema.get("properties").unwrap().as_object().unwrap();
    outputs.extend(names.iter().map(|name| {
        Output {
            name: (*name).to_owned(),
            description: sentence(
                properties[*name]["description"]
                    .as_str()
                    .expect("each output is documented"),
            ),
        }
    }));
    outputs
}

fn description(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let mut text = sentence(&help.expect("each input is documented").to_string());
    let values = argument.get_possible_values();
    let documented = values.iter().any(|value| value.get_help().is_some());
    if argument.get_value_parser().type_id() == std::any::TypeId::of::<bool>() {
        text.push_str(" `true` or `false`.");
    } else if documented
        || !values
            .iter()
            .all(|value| text.contains(&format!("`{}`", value.get_name())))
    {
        let values: Vec<_> = values
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!(
                    "`{}` ({})",
                    value.get_name(),
                    uncapitalised(&help.to_string())
                ),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        text.extend([" One of ", &values.join(", "), "."]);
    }
    if argument.is_required_set() {
        text.push_str(" Required.");
    }
    text
}

fn default(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values();
    assert!(
        values.is_empty()
            || !matches!(argument.get_action(), ArgAction::Append)
            || argument.get_value_delimiter().is_some(),
        "a list by lines has no default"
    );
    values
        .first()
        .map(|value| value.to_str().unwrap().to_owned())
}

/// One paragraph that ends in a full stop; `clap` takes it away.
fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        text + "."
    }
}

fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

fn environment(templates: &Path) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    for entry in std::fs::read_dir(templates).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "j2") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            environment.add_template_owned(name, text).unwrap();
        }
    }
    environment.add_filter("folded", folded);
    environment.add_filter("quoted", |text: String| {
        format!("'{}'", text.replace('\'', "''"))
    });
    environment.add_filter("cell", |text: String| text.replace('|', "\\|"));
    environment
}

/// Lines of a YAML folded block scalar (`>-`), which needs no escapes.
fn folded(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().unwrap();
        if !line.is_empty() && indent + line.len() + 1 + word.len() > 110 {
            lines.push(String::new());
        }
        let line = lines.last_mut().unwrap();
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
        .iter()
        .map(|line| format!("{}{line}", " ".repeat(indent)))
        .collect::<Vec<_>>()
        .join("\n")
}
