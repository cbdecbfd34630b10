//! The test bed's Docker daemon, and the images under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::testing::{needs, skipped};

/// An image that was built from this checkout's Dockerfile.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// `slipway-test:<target>-<id>`: this very image's for good.
    pub(crate) tag: String,
    /// Of the saved image, gzipped.
    pub(crate) compressed_bytes: u64,
}

/// The daemon, and both images.
#[derive(Debug)]
pub(crate) struct Docker {
    environment: BTreeMap<String, String>,
    pub(crate) slipway: Image,
    pub(crate) slipway_scan: Image,
}

/// Docker with both images, or `None` with a message where it can't run and a test may be skipped.
///
/// The first call of a process starts the daemon and builds the images, unless `tests/run` has done so
/// (`SLIPWAY_TEST_IMAGES`).
pub(crate) fn docker() -> Option<&'static Docker> {
    static DOCKER: OnceLock<Result<Docker, String>> = OnceLock::new();
    match DOCKER.get_or_init(Docker::start) {
        Ok(docker) => Some(docker),
        Err(reason) => {
            if std::env::var_os("SLIPWAY_SKIP_CONTAINERS").is_some_and(|value| !value.is_empty()) {
                skipped(reason);
            } else {
                needs(&format!("containers, but {reason}"), false);
            }
            None
        }
    }
}

impl Docker {
    fn start() -> Result<Self, String> {
        if std::env::var_os("SLIPWAY_SKIP_CONTAINERS").is_some_and(|value| !value.is_empty()) {
            return Err("SLIPWAY_SKIP_CONTAINERS is set".to_owned());
        }
        let environment = exports(&script("up")?);
        let images = match std::env::var("SLIPWAY_TEST_IMAGES") {
            Ok(images) if !images.is_empty() => images,
            _ => script("images")?,
        };
        let image = |target: &str| {
            images
                .lines()
                .find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
                    [name, tag, bytes] if name == target => Some(Image {
                        tag: tag.to_owned(),
                        compressed_bytes: bytes.parse().ok()?,
                    }),
                    _ => None,
                })
                .ok_or_else(|| format!("no image '{target}' in: {images}"))
        };
        Ok(Self {
            environment,
            slipway: image("slipway")?,
            slipway_scan: image("slipway-scan")?,
        })
    }

    /// `docker` on the test bed's daemon, with nothing of this process's environment but the path.
    pub(crate) fn command(&self) -> Command {
        let program = if Path::new("/usr/bin/docker").exists() {
            "/usr/bin/docker"
        } else {
            "docker"
        };
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// The daemon's socket, as a container action gets it mounted.
    pub(crate) fn socket(&self) -> &str {
        self.environment["DOCKER_HOST"].trim_start_matches("unix://")
    }

    /// The folder of the daemon's socket and its locks.
    pub(crate) fn state(&self) -> &Path {
        Path::new(self.socket()).parent().unwrap()
    }

    /// Runs `docker ARGUMENTS`, which must succeed, and returns its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self
            .command()
            .args(arguments)
            .output()
            .expect("docker starts");
        succeeded(&format!("docker {}", arguments.join(" ")), &output).unwrap()
    }
}

/// A script of `tests/testbed/docker`; its standard output.
fn script(name: &str) -> Result<String, String> {
    let path = testbed("docker").join(name);
    let output = Command::new(&path)
        .output()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    succeeded(&path.display().to_string(), &output)
}

/// The folder of one of the test bed's peers.
pub(crate) fn testbed(peer: &str) -> PathBuf {
    repository().join("tests/testbed").join(peer)
}

/// This checkout.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The standard output of a program that exited 0; otherwise what it was and how it ended.
pub(crate) fn succeeded(what: &str, output: &Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{what}: {}\n{}", output.status, error.trim_end()))
}

/// The variables in an `export NAME=value …` line.
fn exports(line: &str) -> BTreeMap<String, String> {
    line.trim()
        .trim_start_matches("export ")
        .split(' ')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
