//! The job `integration` of `action-templates/workflows/ci.yml`, run as it stands on the sample app: its two images, the
//! system by Compose, the tests of API and performance.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};
use uuid::Uuid;

use super::act::Workflow;
use super::docker::{Docker, docker, repository, succeeded, testbed};

/// In place of the artifacts that the job `images` uploads: the images themselves.
const DOWNLOAD: &str = r#"name: download-artifact
description: Stands in for the artifacts of an earlier job
inputs:
  pattern: {required: true}
  merge-multiple: {required: true}
  path: {required: true}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        FOLDER: ${{ inputs.path }}
      run: |
        mkdir -p "$FOLDER"
        for image in "$BACKEND_IMAGE" "$FRONTEND_IMAGE"; do
          docker save --output "$FOLDER/${image%%:*}.tar" "$image"
          docker rmi "$image"
        done
"#;

/// The two images by the tags that the template gives them, until dropped.
struct Images<'a> {
    docker: &'a Docker,
    tags: [String; 2],
}

impl<'a> Images<'a> {
    fn build(docker: &'a Docker, sha: &str) -> Self {
        let tags = ["backend", "frontend"].map(|name| format!("{name}:{sha}"));
        let script = testbed("sample_app").join("images/build");
        let output = Command::new(script).args(&tags).output().unwrap();
        succeeded("sample_app/images/build", &output).unwrap();
        Self { docker, tags }
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        let mut remove = self.docker.command();
        // The workflow may have removed them itself.
        let _ = remove.args(["rmi", "--force"]).args(&self.tags).output();
    }
}

/// The job alone: what it needs is built here.
fn workflow() -> (Value, String) {
    let path = repository().join("action-templates/workflows/ci.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut template: Value = serde_saphyr::from_str(&text).unwrap();
    let mut job = template["jobs"]["integration"].take();
    job.as_object_mut().unwrap().remove("needs").unwrap();
    job["runs-on"] = json!("ubuntu-latest");
    let uses = |step: &Value| step["uses"].as_str().map(str::to_owned);
    let download = job["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|step| uses(step).filter(|it| it.starts_with("actions/download-artifact@")));
    (
        json!({ "on": "push", "jobs": { "integration": job } }),
        download.unwrap(),
    )
}

/// A port of 127.0.0.1 that nothing listens on. Two at once, so that they differ.
fn free_ports() -> [u16; 2] {
    [(); 2]
        .map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn the_templates_integration_job_passes_on_the_sample_app() {
    let Some(docker) = docker() else { return };
    let id = Uuid::new_v4().simple().to_string();
    let sha = format!("{id}{}", &id[..8]);
    let project = format!("slipway-test-{id}");
    let images = Images::build(docker, &sha);
    let [backend, frontend] = free_ports();
    // Two runs on one machine must not meet: other ports than the app's own.
    let ports = format!(
        "services:\n  backend: {{ports: !override ['127.0.0.1:{backend}:8000']}}\n  \
         frontend: {{ports: !override ['127.0.0.1:{frontend}:8080']}}\n"
    );
    let (workflow, download) = workflow();
    let result = Workflow::new(docker)
        .tree("tests/sample-app/docker-compose.yml", "docker-compose.yml")
        .tree("tests/sample-app/integration", "integration")
        .file("ports.yml", ports)
        .stand_in(&download, DOWNLOAD)
        .env("SHA_REF", &sha)
        .env("COMPOSE_FILE", "docker-compose.yml:ports.yml")
        .env("COMPOSE_PROJECT_NAME", &project)
        .env("COMPOSE_ANSI", "never")
        .env("BACKEND_URL", &format!("http://127.0.0.1:{backend}"))
        .env("FRONTEND_URL", &format!("http://127.0.0.1:{frontend}"))
        // The budget is the app's; a machine that compiles beside it gets more.
        .env("P95_MILLISECONDS", "2000")
        .run(&workflow.to_string());
    drop(images);
    assert!(result.success, "{}", result.log);

    // By their place: the template's steps have no ids.
    let names: Vec<_> = workflow["jobs"]["integration"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    let step = |name: &str| {
        let number = names.iter().position(|it| *it == name);
        result.step(&format!("integration/{}", number.unwrap()))
    };
    for name in &names {
        // act says nothing of a step that it skips.
        if *name == "Show the logs" {
            assert!(!result.log.contains("Run Main Show the logs"));
        } else {
            assert_eq!(step(name).result, "success", "{name}: {}", result.log);
        }
    }
    let api = &step("Test the API").log;
    assert!(
        api.contains("test_it_hands_the_api_on") && api.contains("\nOK\n"),
        "{api}"
    );
    let performance = &step("Measure performance").log;
    assert!(
        performance.starts_with("1000 requests, 8 clients: "),
        "{performance}"
    );
    assert!(performance.contains(" 0 failed\n"), "{performance}");
    for kind in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
        let filter = format!("label=com.docker.compose.project={project}");
        let left = docker.run(&[kind, &["--quiet", "--filter", &filter]].concat());
        assert_eq!(left, "", "{kind:?}");
    }
}
