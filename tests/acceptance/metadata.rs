//! `actions/*` are fresh, say what the code does, and are what GitHub takes.

mod generate;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::venv;
use crate::testing::needs;
use generate::{actions, exit_codes, files, inputs, outputs, root};

fn action_yml(action: &str) -> Value {
    let path = root().join("actions").join(action).join("action.yml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn generated_files_are_fresh() {
    let update = std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1");
    for (path, text) in actions().iter().flat_map(|action| files(action)) {
        let text = text.trim_end().to_owned() + "\n";
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{} is not fresh: run UPDATE_GENERATED=1 cargo test --test acceptance metadata::",
            path.display()
        );
    }
}

#[test]
fn the_readme_has_the_same_exit_codes() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = exit_codes();
    assert!(
        readme.contains(table.trim()),
        "README.md should hold:\n{table}"
    );
}

#[test]
fn every_action_folder_is_an_action() {
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("actions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, actions().into_iter().collect());
}

#[test]
fn inputs_in_the_file_are_those_of_the_struct() {
    for action in actions() {
        let file = action_yml(&action);
        let command = slipway::cli::command();
        let declared = inputs(command.find_subcommand(&action).unwrap());
        let names: BTreeSet<_> = declared.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(keys(&file["inputs"]), names);
        for input in &declared {
            let found = &file["inputs"][&input.name];
            assert_eq!(found["required"], input.required, "{}", input.name);
            assert_eq!(found["description"], input.description.as_str());
            match found.get("default").and_then(Value::as_str) {
                // Contexts exist in a workflow alone; anything else is the struct's own default.
                Some(default) if default.starts_with("${{") => assert_eq!(input.default, None),
                default => assert_eq!(default, input.default.as_deref(), "{}", input.name),
            }
        }
    }
}

#[test]
fn outputs_in_the_file_are_those_that_the_code_sets() {
    for action in actions() {
        let (_, (names, _)) = slipway::cli::OUTPUTS
            .into_iter()
            .find(|(name, _)| *name == action)
            .unwrap();
        let set: BTreeSet<_> = names.iter().copied().chain(["result"]).collect();
        let file = action_yml(&action);
        assert_eq!(keys(&file["outputs"]), set);
        assert_eq!(outputs(&action).len(), set.len());
    }
}

#[test]
fn an_action_runs_our_image_and_gets_no_input_as_an_argument() {
    for action in actions() {
        // Arguments are public and quoted badly by the runner: inputs travel as variables.
        let expected = serde_json::json!({
            "using": "docker", "image": "../../Dockerfile", "args": [action],
        });
        assert_eq!(action_yml(&action)["runs"], expected);
    }
}

/// The bin folder of the test bed's Python tools; none if it cannot be made here.
fn tools() -> Option<PathBuf> {
    let tools = venv("tools");
    needs(&format!("check-jsonschema: {tools:?}"), tools.is_ok());
    tools.ok()
}

fn schema_takes(path: &std::path::Path) -> Option<bool> {
    let output = Command::new(tools()?.join("check-jsonschema"))
        .args(["--builtin-schema", "vendor.github-actions"])
        .arg(path)
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    Some(output.status.success())
}

#[test]
fn githubs_schema_takes_each_action() {
    let mut paths: Vec<_> = actions()
        .iter()
        .map(|action| root().join("actions").join(action).join("action.yml"))
        .collect();
    paths.push(root().join("action.yml"));
    for path in paths {
        assert_ne!(schema_takes(&path), Some(false), "{}", path.display());
    }
}

#[test]
fn githubs_schema_refuses_what_it_should() {
    let good = std::fs::read_to_string(root().join("actions/security-scan/action.yml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("  icon: shield", "  icon: castle"),
        ("  color: blue", "  color: pink"),
        ("    required: false", "    mandatory: false"),
        ("  using: docker", "  using: podman"),
        ("name: Slipway", "title: Slipway"),
    ] {
        assert!(good.contains(from), "{from}");
        let path = folder.path().join("action.yml");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        assert_ne!(schema_takes(&path), Some(true), "{to}");
    }
}
