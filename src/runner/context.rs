//! Where and why the runner started us.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/variables>.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use url::Url;

use super::environment::Environment;
use super::event::Event;
use super::path::Workspace;
use crate::outcome::{Failure, Result};

/// GitHub's own limit of a payload is 25 MB.
const LARGEST_EVENT: u64 = 32 << 20;

/// What the runner tells a step. At a desk there is none.
#[derive(Clone, Debug)]
pub struct Context {
    pub repository: Repository,
    /// `GITHUB_REF`, complete (`refs/heads/…`, `refs/tags/…`, `refs/pull/N/merge`). None for
    /// events without one.
    pub git_ref: Option<String>,
    /// `GITHUB_REF_PROTECTED`.
    pub ref_protected: bool,
    /// `GITHUB_SHA`: of a pull request the test merge, not its head.
    pub sha: CommitSha,
    /// `GITHUB_EVENT_NAME`, such as `push`.
    pub event_name: String,
    pub event: Event,
    /// `GITHUB_API_URL`, without a trailing slash in its path.
    pub api_url: Url,
    /// `GITHUB_SERVER_URL`.
    pub server_url: Url,
    pub run_id: u64,
    /// From 1, counts re-runs.
    pub run_attempt: u64,
    /// The workflow's name or path.
    pub workflow: String,
    /// The job's id in the workflow.
    pub job: String,
    /// The step's id, or a name that the runner made for it.
    pub action: String,
    /// Who started the workflow first.
    pub actor: String,
    /// Who started this attempt.
    pub triggering_actor: Option<String>,
    /// The source branch of a pull request, without `refs/heads/`.
    pub head_ref: Option<String>,
    /// The target branch of a pull request, without `refs/heads/`.
    pub base_ref: Option<String>,
    /// `RUNNER_TEMP`: emptied at the end of each job, shared by its steps.
    pub temp: Option<PathBuf>,
}

impl Context {
    /// Reads the variables and the event's payload. None at a desk.
    ///
    /// # Errors
    /// Error: a variable is missing or has another shape; the payload is there but can't be read.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>> {
        if !environment.in_runner() {
            return Ok(None);
        }
        let optional = |name: &str| environment.get(name).map(str::to_owned);
        let required = |name: &str| {
            optional(name)
                .ok_or_else(|| wrong(name, "is not set", "the runner sets it for each step"))
        };
        Ok(Some(Self {
            repository: parsed(
                environment,
                "GITHUB_REPOSITORY",
                "owner/name",
                Repository::parse,
            )?,
            git_ref: optional("GITHUB_REF"),
            ref_protected: environment.get("GITHUB_REF_PROTECTED") == Some("true"),
            sha: parsed(
                environment,
                "GITHUB_SHA",
                "40 hexadecimal digits",
                CommitSha::parse,
            )?,
            event_name: required("GITHUB_EVENT_NAME")?,
            event: read_event(environment)?,
            api_url: address(environment, "GITHUB_API_URL", "https://api.github.com")?,
            server_url: address(environment, "GITHUB_SERVER_URL", "https://github.com")?,
            run_id: number(environment, "GITHUB_RUN_ID", 0)?,
            run_attempt: number(environment, "GITHUB_RUN_ATTEMPT", 1)?,
            workflow: optional("GITHUB_WORKFLOW").unwrap_or_default(),
            job: optional("GITHUB_JOB").unwrap_or_default(),
            action: optional("GITHUB_ACTION").unwrap_or_default(),
            actor: optional("GITHUB_ACTOR").unwrap_or_default(),
            triggering_actor: optional("GITHUB_TRIGGERING_ACTOR"),
            head_ref: optional("GITHUB_HEAD_REF"),
            base_ref: optional("GITHUB_BASE_REF"),
            temp: environment.get_os("RUNNER_TEMP").map(PathBuf::from),
        }))
    }

    /// Whether this run works on a pull request whose branch lives in another repository (or in
    /// one that was deleted). Its token can only read.
    #[must_use]
    pub fn from_fork(&self) -> bool {
        self.event
            .pull_request
            .as_ref()
            .is_some_and(|request| request.head_repository.as_ref() != Some(&self.repository))
    }

    /// Whether Dependabot started this run. Its token can only read, and it sees no secrets of
    /// Actions.
    #[must_use]
    pub fn from_dependabot(&self) -> bool {
        self.actor == "dependabot[bot]"
    }

    /// Whether the event is a pull request's, in the base's context or not.
    #[must_use]
    pub fn is_pull_request(&self) -> bool {
        self.event_name.starts_with("pull_request")
    }

    /// The page of this run and attempt.
    #[must_use]
    pub fn run_url(&self) -> String {
        format!(
            "{}/{}/actions/runs/{}/attempts/{}",
            self.server_url.as_str().trim_end_matches('/'),
            self.repository,
            self.run_id,
            self.run_attempt
        )
    }
}

/// The workspace: `GITHUB_WORKSPACE`, at a desk the current folder.
///
/// # Errors
/// Error: the runner did not say where it is, or the current folder is gone.
pub fn workspace(environment: &Environment) -> Result<Workspace> {
    if !environment.in_runner() {
        let path = std::env::current_dir().map_err(|error| {
            Failure::error(
                "No current folder",
                format!("The current folder cannot be found: {error}."),
            )
        })?;
        return Ok(Workspace {
            path,
            host_path: None,
        });
    }
    let path = environment
        .get_os("GITHUB_WORKSPACE")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .ok_or_else(|| {
            wrong(
                "GITHUB_WORKSPACE",
                "is not set",
                "the runner sets it for each step",
            )
        })?;
    // On the host it is `work/NAME/NAME`, below RUNNER_WORKSPACE.
    let host_path = environment
        .get_os("RUNNER_WORKSPACE")
        .zip(
            environment
                .get("GITHUB_REPOSITORY")
                .and_then(Repository::parse),
        )
        .map(|(parent, repository)| PathBuf::from(parent).join(repository.name))
        .filter(|host| *host != path);
    Ok(Workspace { path, host_path })
}

/// `owner/name` of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    pub owner: String,
    pub name: String,
}

impl Repository {
    /// None unless both parts are of GitHub's letters: they go into addresses.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        (plain(owner) && plain(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A full commit id: 40 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitSha(String);

impl CommitSha {
    /// None for anything but 40 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let full = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        full.then(|| Self(text.to_ascii_lowercase()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn wrong(name: &str, what: &str, expected: &str) -> Failure {
    Failure::error("Runner not understood", format!("{name} {what}: {expected}."))
        .because("GITHUB_ACTIONS is `true`, so the variables of the Actions runner are expected.")
        .next("Outside of a workflow, unset GITHUB_ACTIONS; inside, let the runner start the action by `uses:`.")
}

fn parsed<T>(
    environment: &Environment,
    name: &str,
    shape: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    let text = environment
        .get(name)
        .ok_or_else(|| wrong(name, "is not set", "the runner sets it for each step"))?;
    parse(text).ok_or_else(|| wrong(name, &format!("is `{text}`"), &format!("expected {shape}")))
}

fn number(environment: &Environment, name: &str, missing: u64) -> Result<u64> {
    if environment.get(name).is_none() {
        return Ok(missing);
    }
    parsed(environment, name, "a whole number", |text| {
        text.parse().ok()
    })
}

fn address(environment: &Environment, name: &str, missing: &str) -> Result<Url> {
    let text = environment
        .get(name)
        .unwrap_or(missing)
        .trim_end_matches('/');
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| {
            wrong(
                name,
                "is no address",
                "expected https://… without credentials",
            )
        })
}

fn read_event(environment: &Environment) -> Result<Event> {
    let Some(path) = environment.get_os("GITHUB_EVENT_PATH").map(PathBuf::from) else {
        return Ok(Event::default());
    };
    let unreadable = |why: String| {
        Failure::error(
            "Event not readable",
            format!(
                "The event's payload {} cannot be read: {why}.",
                path.display()
            ),
        )
    };
    // A pipe must not make us wait for a writer.
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(CWD, &path, flags, Mode::empty()).map(File::from) {
        Err(Errno::NOENT) => return Ok(Event::default()),
        other => other.map_err(|error| unreadable(std::io::Error::from(error).to_string()))?,
    };
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err(unreadable("it is not a plain file".to_owned()));
    }
    let mut payload = Vec::new();
    file.take(LARGEST_EVENT + 1)
        .read_to_end(&mut payload)
        .map_err(|error| unreadable(error.to_string()))?;
    if payload.len() as u64 > LARGEST_EVENT {
        return Err(unreadable(format!(
            "it is larger than {LARGEST_EVENT} bytes"
        )));
    }
    serde_json::from_slice(&payload)
        .map(|json| Event::from_json(&json))
        .map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use rustix::fs::FileType;

    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn with(more: &[(&str, &str)]) -> Environment {
        let base = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/app"),
            ("GITHUB_SHA", SHA),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_RUN_ID", "42"),
        ];
        Environment::new(base.into_iter().chain(more.iter().copied()))
    }

    fn context(more: &[(&str, &str)]) -> Result<Context> {
        Context::from_environment(&with(more)).map(Option::unwrap)
    }

    #[test]
    fn a_desk_has_none() {
        let desk = Environment::new([("GITHUB_REPOSITORY", "broken")]);
        assert!(Context::from_environment(&desk).unwrap().is_none());
    }

    #[test]
    fn the_runners_variables() {
        let context = context(&[
            ("GITHUB_API_URL", "https://ghe.example/api/v3/"),
            ("GITHUB_SERVER_URL", "https://ghe.example"),
            ("GITHUB_REF_PROTECTED", "true"),
            ("GITHUB_HEAD_REF", ""),
        ])
        .unwrap();
        assert_eq!(context.api_url.as_str(), "https://ghe.example/api/v3");
        assert_eq!(
            context.run_url(),
            "https://ghe.example/acme/app/actions/runs/42/attempts/1"
        );
        assert!(context.ref_protected && context.head_ref.is_none());
        assert!(!context.from_fork() && !context.from_dependabot());
    }

    #[test]
    fn another_shape_is_named() {
        for (name, value) in [
            ("GITHUB_REPOSITORY", ""),
            ("GITHUB_REPOSITORY", "acme/app/x"),
            ("GITHUB_REPOSITORY", "acme/.."),
            ("GITHUB_SHA", "HEAD"),
            ("GITHUB_EVENT_NAME", ""),
            ("GITHUB_RUN_ID", "many"),
            ("GITHUB_API_URL", "file:///etc"),
            ("GITHUB_API_URL", "https://user:pass@example.com"),
        ] {
            let failure = context(&[(name, value)]).unwrap_err();
            assert!(failure.what.contains(name), "{failure}");
        }
    }

    #[test]
    fn forks_are_known_by_the_heads_repository() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        for (head, fork) in [
            (r#"{"full_name":"acme/app"}"#, false),
            (r#"{"full_name":"them/app"}"#, true),
            ("null", true),
        ] {
            let payload = format!(
                r#"{{"pull_request":{{"number":1,"base":{{"sha":"{SHA}","ref":"main"}},
                "head":{{"sha":"{SHA}","ref":"x","repo":{head}}}}}}}"#
            );
            std::fs::write(&path, payload).unwrap();
            assert_eq!(
                context(&[("GITHUB_EVENT_PATH", &path)])
                    .unwrap()
                    .from_fork(),
                fork
            );
        }
    }

    #[test]
    fn a_payload_is_there_whole_or_not_at_all() {
        assert!(context(&[("GITHUB_EVENT_PATH", "/nonexistent")]).is_ok());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        for payload in ["", "{", &"[".repeat(10_000)] {
            std::fs::write(&path, payload).unwrap();
            let failure = context(&[("GITHUB_EVENT_PATH", &path)]).unwrap_err();
            assert_eq!(failure.title, "Event not readable");
        }
        // It is not waited for a writer.
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        for path in [pipe.as_path(), folder.path()] {
            let failure = context(&[("GITHUB_EVENT_PATH", path.to_str().unwrap())]).unwrap_err();
            assert!(failure.what.contains("not a plain file"), "{failure}");
        }
    }

    #[test]
    fn the_workspace_on_both_sides() {
        let environment = with(&[
            ("GITHUB_WORKSPACE", "/github/workspace"),
            ("RUNNER_WORKSPACE", "/home/runner/work/app"),
        ]);
        let workspace = workspace(&environment).unwrap();
        assert_eq!(workspace.path, PathBuf::from("/github/workspace"));
        assert_eq!(
            workspace.host_path,
            Some("/home/runner/work/app/app".into())
        );
        assert!(super::workspace(&with(&[])).is_err());
    }
}
