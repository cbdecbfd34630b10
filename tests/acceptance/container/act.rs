//! Whole workflows under `act`: what goes from one step into the next.
//!
//! ```ignore
//! let Some(docker) = docker() else { return };
//! let result = Workflow::new(docker).actions().tree("tests/sample-app", ".").run("on: push\njobs: …");
//! assert_eq!(result.step("scan").outputs["result"], "failed");
//! ```
//!
//! act is not GitHub's runner: it uses other paths, runs as its own user, knows no summary limit and no OIDC. What
//! depends on those is tested by [`super::runner`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::docker::{Docker, repository, succeeded, testbed};
use super::runner::{commit, copy};
use crate::protocol::Annotation;

/// A repository with one workflow, as act gets it.
#[derive(Debug)]
pub(crate) struct Workflow<'a> {
    docker: &'a Docker,
    root: TempDir,
    event: (String, Value),
    secrets: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    stand_ins: Vec<String>,
}

impl<'a> Workflow<'a> {
    pub(crate) fn new(docker: &'a Docker) -> Self {
        let root = TempDir::new().unwrap();
        for folder in ["repository/.github/workflows", "home"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        Self {
            docker,
            root,
            event: ("push".to_owned(), Value::Null),
            secrets: BTreeMap::new(),
            environment: BTreeMap::new(),
            stand_ins: Vec::new(),
        }
    }

    /// This repository's `actions/`, for `uses: ./actions/<name>`, on the image under test instead of the Dockerfile.
    pub(crate) fn actions(self) -> Self {
        let target = self.repository().join("actions");
        copy(&repository().join("actions"), &target);
        for folder in fs::read_dir(target).unwrap() {
            let file = folder.unwrap().path().join("action.yml");
            let text = fs::read_to_string(&file).unwrap();
            let rewritten = with_image(&text, &self.docker.slipway_scan.tag)
                .unwrap_or_else(|| panic!("{}: not exactly one `image:` line", file.display()));
            fs::write(file, rewritten).unwrap();
        }
        self
    }

    /// Copies a folder of this repository to `to`.
    pub(crate) fn tree(self, from: &str, to: &str) -> Self {
        copy(&repository().join(from), &self.repository().join(to));
        self
    }

    pub(crate) fn file(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.repository().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    /// The event that starts the workflow (`push` unless this is called) and its payload.
    pub(crate) fn event(mut self, name: &str, payload: Value) -> Self {
        self.event = (name.to_owned(), payload);
        self
    }

    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable of every step.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// An action in place of one of GitHub's (`owner/name@commit`), which can't be fetched here.
    pub(crate) fn stand_in(mut self, uses: &str, action_yml: &str) -> Self {
        let folder = self
            .root
            .path()
            .join(format!("action-{}", self.stand_ins.len()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("action.yml"), action_yml).unwrap();
        self.stand_ins.push(format!("{uses}={}", folder.display()));
        self
    }

    /// Runs the workflow's jobs to their end.
    pub(crate) fn run(self, yaml: &str) -> ActResult {
        let repository = self.repository();
        let file = repository.join(".github/workflows/workflow.yml");
        fs::write(&file, yaml).unwrap();
        commit(&repository);
        let event = self.root.path().join("event.json");
        fs::write(&event, self.event.1.to_string()).unwrap();

        // Containers are named after workflow and job: two runs at once would end each other's.
        let lock = File::create(self.docker.state().join("act.lock")).unwrap();
        lock.lock().unwrap();
        let mut command = self.command();
        command
            .current_dir(&repository)
            .arg(&self.event.0)
            .args(["--workflows".as_ref(), file.as_os_str()]);
        if !self.event.1.is_null() {
            command.args(["--eventpath".as_ref(), event.as_os_str()]);
        }
        let output = command.output().expect("act starts");
        drop(lock);
        ActResult::parse(
            output.status.success(),
            &String::from_utf8_lossy(&output.stdout),
            &String::from_utf8_lossy(&output.stderr),
        )
    }

    fn command(&self) -> Command {
        let (act, image) = peers();
        let home = self.root.path().join("home");
        let docker = self.docker.command();
        let mut command = Command::new(act);
        // act reads settings from the home folder and keeps a cache there: neither may be the user's.
        command.env_clear().envs(
            docker
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", &home)
            .env("XDG_CONFIG_HOME", &home);
        command.args([
            "--json",
            "--pull=false",
            "--rm",
            "--no-cache-server",
            // A database in an ignored folder goes into the job too.
            "--use-gitignore=false",
            "--platform",
        ]);
        command.arg(format!("ubuntu-latest={image}"));
        for (name, value) in &self.secrets {
            // Without a value act takes it from its own environment, out of sight of `ps`.
            command.args(["--secret", name]).env(name, value);
        }
        for stand_in in &self.stand_ins {
            command.args(["--local-repository", stand_in]);
        }
        for (name, value) in &self.environment {
            command.args(["--env", &format!("{name}={value}")]);
        }
        command
    }

    /// The workspace, before act copies it.
    pub(crate) fn repository(&self) -> PathBuf {
        self.root.path().join("repository")
    }
}

/// What a workflow did.
#[derive(Debug)]
pub(crate) struct ActResult {
    pub(crate) success: bool,
    pub(crate) steps: Vec<ActStep>,
    /// act's whole log, masked, to read when a test fails.
    pub(crate) log: String,
}

/// What a step did. The first of equal ids counts: `pre`, `main` and `post` share one.
#[derive(Debug, Default)]
pub(crate) struct ActStep {
    /// `job/id`; steps without an `id:` are numbered from 0.
    pub(crate) id: String,
    /// `success`, `failure`, `skipped`, or empty if it never ended.
    pub(crate) result: String,
    pub(crate) exit: i32,
    /// What it printed, masked.
    pub(crate) log: String,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
    pub(crate) masks: Vec<String>,
}

impl ActResult {
    /// The step of that id, in whatever job.
    pub(crate) fn step(&self, id: &str) -> &ActStep {
        self.steps
            .iter()
            .find(|step| {
                step.id == id || step.id.split_once('/').is_some_and(|(_, step)| step == id)
            })
            .unwrap_or_else(|| panic!("no step '{id}' ran:\n{}", self.log))
    }

    fn parse(success: bool, stdout: &str, stderr: &str) -> Self {
        let mut result = Self {
            success,
            steps: Vec::new(),
            log: stderr.to_owned(),
        };
        for line in stdout.lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(entry) => result.take(&entry),
                Err(_) => result.print(line),
            }
        }
        result
    }

    fn print(&mut self, line: &str) {
        self.log.push_str(line);
        self.log.push('\n');
    }

    fn take(&mut self, entry: &Value) {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        // Without a remote act can't name the commit, and says so before every step.
        if text("msg").starts_with("unable to get git ") {
            return;
        }
        self.print(text("msg").trim_end());
        let (job, Some(id)) = (text("jobID"), entry["stepID"][0].as_str()) else {
            return;
        };
        let id = format!("{job}/{id}");
        let position = self
            .steps
            .iter()
            .position(|step| step.id == id)
            .unwrap_or_else(|| {
                self.steps.push(ActStep {
                    id,
                    ..ActStep::default()
                });
                self.steps.len() - 1
            });
        self.steps[position].take(entry);
    }
}

impl ActStep {
    fn take(&mut self, entry: &Value) {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        if let Some(result) = entry["stepResult"].as_str()
            && entry["stage"] == "Main"
        {
            result.clone_into(&mut self.result);
        }
        if let Some(code) = text("msg").strip_prefix("exit with `FAILURE`: ") {
            self.exit = code.trim().parse().unwrap();
        }
        if entry["raw_output"] == true {
            self.log.push_str(&text("msg"));
        }
        match entry["command"].as_str() {
            Some(level @ ("error" | "warning" | "notice")) => {
                let property = |name: &str| entry["kvPairs"][name].as_str().map(str::to_owned);
                self.annotations.push(Annotation {
                    level: level.to_owned(),
                    title: property("title"),
                    file: property("file"),
                    line: property("line").and_then(|line| line.parse().ok()),
                    message: text("arg"),
                });
            }
            Some("set-output") => drop(self.outputs.insert(text("name"), text("arg"))),
            Some("summary") => self.summary.push_str(&text("content")),
            Some("add-mask") => self.masks.push(text("arg")),
            _ => {}
        }
    }
}

/// `runs.image` replaced by a local tag, if there is exactly one.
fn with_image(action: &str, tag: &str) -> Option<String> {
    let is_image = |line: &str| line.trim_start().starts_with("image:");
    if action.lines().filter(|line| is_image(line)).count() != 1 {
        return None;
    }
    let lines = action.lines().map(|line| {
        let indent = &line[..line.len() - line.trim_start().len()];
        if is_image(line) {
            format!("{indent}image: docker://{tag}\n")
        } else {
            format!("{line}\n")
        }
    });
    Some(lines.collect())
}

/// act itself, and the image that its jobs run in.
fn peers() -> (PathBuf, String) {
    let run = |script: &Path, argument: &[&str]| {
        let output = Command::new(script).args(argument).output().unwrap();
        succeeded(&script.display().to_string(), &output)
            .unwrap()
            .trim()
            .to_owned()
    };
    let tools = run(&testbed("python").join("venv"), &["tools"]);
    (
        Path::new(&tools).join("act"),
        run(&testbed("act").join("image"), &[]),
    )
}

#[cfg(test)]
mod tests {
    use super::with_image;

    #[test]
    fn only_the_one_image_is_replaced() {
        let action = "name: a\nruns:\n  using: docker\n  image: ../../Dockerfile\n  args: [a]\n";
        let expected = "name: a\nruns:\n  using: docker\n  image: docker://local:1\n  args: [a]\n";
        assert_eq!(with_image(action, "local:1").as_deref(), Some(expected));
        assert_eq!(with_image("runs: {}\n", "local:1"), None);
        assert_eq!(with_image("image: a\nimage: b\n", "local:1"), None);
    }
}
