//! What the user asks. The only place that names, documents and defaults an input, and that refuses
//! a value which is wrong by itself: flags, `INPUT_*`, `action.yml`, the README table and the
//! report's schema all come from [`Inputs`]. What needs the workspace or another input to be checked
//! is in [`super::request`] and `super::setting`.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::runner::inputs::duration;

/// Trivy and Bandit (and any other SARIF) over sources, dependencies, configuration, secrets and
/// images in one step; one explained gate; alerts in the GitHub Security tab.
#[derive(Clone, Debug, clap::Args, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an input of its own that the user sets by name"
)]
pub struct Inputs {
    /// Tree to scan, inside the workspace. `none`: no tree, only `images` and `sarif-files`.
    #[arg(long, value_name = "DIR|none", default_value = ".")]
    #[schemars(with = "String")]
    pub path: Tree,

    /// Scanners to run, separated by commas: `trivy`, `bandit`. `none`: run nothing, judge
    /// `sarif-files` only.
    #[arg(
        long,
        value_name = "LIST",
        default_value = "trivy,bandit",
        value_delimiter = ','
    )]
    pub scanners: Vec<Scanner>,

    /// What Trivy looks for in the tree and in images, separated by commas: `vuln`, `misconfig`,
    /// `secret`, `license`.
    #[arg(
        long,
        value_name = "LIST",
        default_value = "vuln,misconfig,secret",
        value_delimiter = ','
    )]
    pub trivy_checks: Vec<TrivyCheck>,

    /// Images to scan, one a line: references (pulled from their registry, never through the
    /// Docker socket) or archives in the workspace (a `docker save` tar, an OCI layout). An archive
    /// begins with `./` or ends in `.tar`, `.tar.gz` or `.tgz`. In a workflow, one that git tracks is
    /// refused.
    #[arg(long, value_name = "IMAGE")]
    pub images: Vec<String>,

    /// Credentials for the registries of `images`: a dockerconfigjson document, or lines of
    /// `registry user password`. For ghcr.io the `token` does (`packages: read`). Only the child
    /// that scans images sees them.
    #[arg(long, value_name = "SECRET", hide = true)]
    #[serde(skip)]
    pub registry_auth: Option<SecretString>,

    /// SARIF files of other tools to merge and judge alike: globs inside the workspace, one a
    /// line. A glob that matches nothing is `incomplete`. In a workflow, a file that git tracks is
    /// refused.
    #[arg(long, value_name = "GLOB")]
    pub sarif_files: Vec<String>,

    /// The least severity that closes the gate.
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    pub fail_on: FailOn,

    /// Vulnerabilities without a fix don't close the gate (they are still reported).
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", value_parser = crate::runner::inputs::boolean)]
    pub only_fixable: bool,

    /// Policy file; there may be none. On `pull_request` it is read at the base commit, in a merge
    /// queue at the queue's base, on events that others can start at `GITHUB_SHA`. What it says wins
    /// over `fail-on`, `only-fixable` and `on-incomplete`.
    #[arg(
        long,
        value_name = "FILE",
        default_value = ".github/slipway/security-scan.yml"
    )]
    pub policy: String,

    /// Upload to code scanning. `auto`: where token and repository allow; `true`: not uploading
    /// is an error; `false`: never.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub upload: Upload,

    /// Prefix of the stable code scanning categories (`slipway/trivy-fs/`, `slipway/bandit/`, …).
    #[arg(long, value_name = "PREFIX", default_value = "slipway", value_parser = category)]
    pub category: String,

    /// Wait until GitHub has processed the upload (at most 5 minutes).
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", value_parser = crate::runner::inputs::boolean)]
    pub wait_for_processing: bool,

    /// OCI repositories of Trivy's vulnerability database, tried in order, one a line. Empty:
    /// Trivy's own.
    #[arg(long, value_name = "REPOSITORY")]
    pub database: Vec<String>,

    /// Where Trivy's databases are kept, inside the workspace: a path for `actions/cache`. Never
    /// scanned.
    #[arg(long, value_name = "DIR", default_value = ".slipway-cache")]
    pub cache_directory: String,

    /// Download nothing: use the databases that lie in `cache-directory`.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", value_parser = crate::runner::inputs::boolean)]
    pub offline: bool,

    /// What a scan that could not see everything means when the findings alone would pass: `fail`
    /// (exit 5) or `warn`.
    #[arg(long, value_name = "ACTION", default_value = "fail")]
    pub on_incomplete: OnIncomplete,

    /// Where SARIF, `report.json` and scanner logs are written, inside the workspace: each step has
    /// a folder there, `security-scan` or `security-scan-<step id>`. Never scanned.
    #[arg(long, value_name = "DIR", default_value = "slipway-results")]
    pub output_directory: String,

    /// GitHub token: `contents: read` for a policy that is read at a commit (see `policy`),
    /// `security-events: write` for uploads, `packages: read` for private images on ghcr.io.
    #[arg(long, value_name = "SECRET", hide = true)]
    #[serde(skip)]
    pub token: Option<SecretString>,

    /// Time limit of all scanners together, downloads of the database and of images included: a
    /// number with `s`, `m` or `h`. What is not done by then is stopped, and `incomplete`.
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = duration)]
    #[serde(serialize_with = "seconds")]
    #[schemars(
        with = "u64",
        description = "In seconds: time limit of all scanners together."
    )]
    pub timeout: Duration,

    /// Scan and judge, but upload nothing.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", value_parser = crate::runner::inputs::boolean)]
    pub dry_run: bool,
}

/// `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// `none`: only `images` and `sarif-files`.
    Nothing,
    /// As the user wrote it.
    At(String),
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        match text {
            "none" => Self::Nothing,
            path => Self::At(path.to_owned()),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "none",
            Self::At(path) => path,
        })
    }
}

impl Serialize for Tree {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `scanners`: what slipway starts itself; `sarif-files` judges all others.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scanner {
    Trivy,
    Bandit,
    // Stands alone: run nothing.
    None,
}

impl Scanner {
    /// As written in inputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trivy => "trivy",
            Self::Bandit => "bandit",
            Self::None => "none",
        }
    }
}

/// `trivy-checks`: what Trivy looks for, its `--scanners`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TrivyCheck {
    Vuln,
    Misconfig,
    Secret,
    License,
}

impl TrivyCheck {
    /// As Trivy's `--scanners` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vuln => "vuln",
            Self::Misconfig => "misconfig",
            Self::Secret => "secret",
            Self::License => "license",
        }
    }
}

/// A prefix that stays readable in GitHub's list of analyses and can't break out of its category.
fn category(prefix: &str) -> Result<String, String> {
    let part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if prefix.len() <= 100 && prefix.split('/').all(part) {
        return Ok(prefix.to_owned());
    }
    let allowed = "allowed: letters, digits, `-`, `_`, `.` and single `/` between parts; at most 100 \
                   characters";
    Err(allowed.to_owned())
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

/// `fail-on`: the least severity that closes the gate, in inputs and in policies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    Critical,
    High,
    Medium,
    /// Unknown severity included: what nobody rated may be as bad as this.
    Low,
    /// Every finding.
    Any,
    /// No finding closes the gate.
    Never,
}

/// `upload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Upload {
    Auto,
    True,
    False,
}

/// `on-incomplete`, in inputs and in policies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum OnIncomplete {
    Fail,
    Warn,
}

impl FailOn {
    /// As written in inputs and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Any => "any",
            Self::Never => "never",
        }
    }
}
