//! A workspace, scanners on a `PATH` of its own, and one call that runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use slipway::git;
use slipway::outcome::Result;
use slipway::process::{Place, RunAs};
use slipway::runner::environment::Environment;
use slipway::runner::path::{RelativePath, Workspace};
use slipway::security_scan::policy::Policy;
use slipway::security_scan::request::Request;
use slipway::security_scan::scan::{Gap, GapKind, Scan, Source, State};
use slipway::security_scan::scanners::{Job, Observed, categories, run};
use tokio_util::sync::CancellationToken;

use crate::support::{inputs, venv};

pub(super) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The folder with the real `trivy` and `bandit`.
pub(super) fn real() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| venv("scanners").unwrap())
}

/// Writes a fixture database into a cache directory.
pub(super) fn database(cache: &Path, arguments: &[&str]) {
    let status = Command::new("python3")
        .arg(format!("{REPOSITORY}/tests/testbed/trivy_db/generate.py"))
        .arg(cache)
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success());
}

pub(super) struct Bench {
    _folder: tempfile::TempDir,
    pub(super) workspace: PathBuf,
    pub(super) tools: PathBuf,
    pub(super) policy: String,
    pub(super) run_as: RunAs,
    pub(super) environment: Vec<(String, String)>,
    pub(super) limit: Duration,
    pub(super) cancel: CancellationToken,
}

impl Bench {
    /// An empty workspace that everybody may read, and no scanner.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let (workspace, tools) = (root.join("work"), root.join("tools"));
        fs::create_dir(&workspace).unwrap();
        fs::create_dir(&tools).unwrap();
        for path in [&root, &workspace, &tools] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self {
            _folder: folder,
            workspace,
            tools,
            policy: "version: 1\n".to_owned(),
            run_as: RunAs::Ourselves,
            environment: Vec::new(),
            limit: Duration::from_mins(5),
            cancel: CancellationToken::new(),
        }
    }

    /// With the real scanners and a fresh database in the cache.
    pub(super) fn real() -> Self {
        let mut bench = Self::new();
        bench.tools = real().to_owned();
        bench.cached(&[]);
        bench
    }

    /// With the real Trivy where uid 65534 can run it.
    pub(super) fn real_trivy_for_nobody() -> Self {
        let mut bench = Self::new();
        fs::copy(real().join("trivy"), bench.tools.join("trivy")).unwrap();
        bench.cached(&[]);
        bench.run_as = RunAs::choose(Place::Image).unwrap();
        bench
    }

    pub(super) fn cached(&self, arguments: &[&str]) {
        database(&self.workspace.join(".slipway-cache"), arguments);
    }

    pub(super) fn put(&self, path: &str, text: &str) -> PathBuf {
        let file = self.workspace.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Puts a program on PATH: `shebang`, then the text.
    pub(super) fn tool(&self, name: &str, shebang: &str, text: &str) {
        let file = self.tools.join(name);
        fs::write(&file, format!("#!{shebang}\n{text}\n")).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    }

    pub(super) fn copy(&self, from: &str) {
        let status = Command::new("cp")
            .args([
                "-r",
                "--no-preserve=mode",
                &format!("{REPOSITORY}/{from}/."),
            ])
            .arg(&self.workspace)
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub(super) async fn run(&self, arguments: &[&str]) -> Observed {
        self.try_run(arguments).await.unwrap()
    }

    pub(super) async fn try_run(&self, arguments: &[&str]) -> Result<Observed> {
        let inputs = inputs(arguments);
        let workspace = Workspace {
            path: self.workspace.clone(),
            host_path: None,
        };
        let request = Request::check(&inputs, &workspace)?;
        let today = jiff::civil::date(2026, 1, 1);
        let policy = Policy::parse(self.policy.as_bytes(), "policy.yml", today)?;
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.tools.display());
        let mut variables = self.environment.clone();
        variables.push(("PATH".to_owned(), path));
        let relative = |text: &str| RelativePath::parse(text).unwrap();
        let job = Job {
            workspace: &self.workspace,
            inputs: &inputs,
            request: &request,
            policy: &policy,
            output: relative(&inputs.output_directory),
            cache: relative(&inputs.cache_directory),
            tracked: &git::tracked(&self.workspace),
            environment: &Environment::new(variables),
            run_as: self.run_as,
            limit: self.limit,
            deadline: Instant::now() + self.limit,
        };
        categories(&job)?;
        run(&job, &self.cancel).await
    }
}

/// The scan of a kind.
pub(super) fn of<'a>(observed: &'a Observed, source: &Source) -> &'a Scan {
    observed
        .scans
        .iter()
        .find(|scan| scan.source == *source)
        .unwrap()
}

pub(super) fn gaps(scan: &Scan) -> &[Gap] {
    match &scan.state {
        State::Incomplete(gaps) => gaps,
        _ => &[],
    }
}

pub(super) fn kinds(scan: &Scan) -> Vec<GapKind> {
    gaps(scan).iter().map(|gap| gap.kind).collect()
}

/// `rule path:line`, sorted.
pub(super) fn shown(scan: &Scan) -> Vec<String> {
    let mut all: Vec<String> = scan
        .findings
        .iter()
        .map(|finding| {
            let line = finding
                .location
                .region
                .map_or(0, |region| region.start_line);
            format!("{} {}:{line}", finding.rule, finding.location.path)
        })
        .collect();
    all.sort();
    all
}
