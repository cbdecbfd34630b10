//! An image whose program does what a container action can do (`probe.c`), for the harnesses' own tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::docker::{Docker, repository, succeeded};

/// Compiles the probe into a folder; the program's path.
pub(crate) fn program(folder: &Path) -> PathBuf {
    let program = folder.join("probe");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program);
    compiler.arg(repository().join("tests/acceptance/container/probe.c"));
    succeeded("cc", &compiler.output().expect("cc starts")).unwrap();
    program
}

/// The probe's image, by a name that is this very image's.
pub(crate) fn image(docker: &Docker) -> String {
    let folder = TempDir::new().unwrap();
    program(folder.path());
    let dockerfile = "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n";
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let id = docker.run(&["build", "--quiet", &folder.path().display().to_string()]);
    let id = id.trim().trim_start_matches("sha256:");
    let tag = format!("slipway-testbed/probe:{}", &id[..12]);
    docker.run(&["tag", id, &tag]);
    tag
}
