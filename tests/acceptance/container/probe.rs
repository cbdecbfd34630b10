//! An image whose program does what a container action can do (`probe.c`), for the harnesses' own tests.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::docker::{Docker, repository, succeeded};

/// The probe's image, by a name that is this very image's.
pub(crate) fn image(docker: &Docker) -> String {
    let folder = TempDir::new().unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(folder.path().join("probe"));
    compiler.arg(repository().join("tests/acceptance/container/probe.c"));
    succeeded("cc", &compiler.output().expect("cc starts")).unwrap();
    fs::write(
        folder.path().join("Dockerfile"),
        "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n",
    )
    .unwrap();
    let id = docker.run(&["build", "--quiet", &folder.path().display().to_string()]);
    let id = id.trim().trim_start_matches("sha256:");
    let tag = format!("slipway-testbed/probe:{}", &id[..12]);
    docker.run(&["tag", id, &tag]);
    tag
}
