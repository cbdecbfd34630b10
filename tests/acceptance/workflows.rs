//! The workflows, templates and actions that this repository ships, held to the rules that its
//! documentation promises. The field's linters run beside this: `tests/testbed/lint/run`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The five actions; a release ships a folder for each.
const ACTIONS: [&str; 5] = [
    "security-scan",
    "bluegreen-deploy",
    "model-retrain",
    "rotate-secrets",
    "slack-notify",
];

/// Whose actions our workflows and templates may use besides our own: GitHub's and Docker's.
const OWNERS: [&str; 2] = ["actions", "docker"];

struct File {
    name: String,
    text: String,
    yaml: Value,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    File {
        name: path.strip_prefix(root()).unwrap().display().to_string(),
        yaml: serde_saphyr::from_str(&text).unwrap(),
        text,
    }
}

/// Every `.yml` of a folder.
fn folder(name: &str) -> Vec<File> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    paths.sort();
    assert_ne!(paths, Vec::<PathBuf>::new(), "{name} holds no workflow");
    paths.iter().map(|path| read(path)).collect()
}

fn own() -> Vec<File> {
    folder(".github/workflows")
}

fn templates() -> Vec<File> {
    folder("action-templates/workflows")
}

fn all() -> Vec<File> {
    own().into_iter().chain(templates()).collect()
}

/// Name and body of each job.
fn jobs(file: &File) -> Vec<(&String, &Value)> {
    let jobs: Vec<_> = file.yaml["jobs"].as_object().unwrap().iter().collect();
    assert!(!jobs.is_empty(), "{} has no job", file.name);
    jobs
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().map_or(&[], Vec::as_slice)
}

fn every_step(file: &File) -> Vec<&Value> {
    jobs(file)
        .into_iter()
        .flat_map(|(_, job)| steps(job))
        .collect()
}

/// What follows `uses:`, with the rest of its line.
fn uses(file: &File) -> Vec<(&str, &str)> {
    let found: Vec<_> = file
        .text
        .lines()
        .filter_map(|line| {
            line.trim_start()
                .trim_start_matches("- ")
                .strip_prefix("uses: ")
        })
        .map(|rest| rest.split_once(' ').unwrap_or((rest, "")))
        .collect();
    let parsed = every_step(file)
        .iter()
        .filter(|step| step["uses"].is_string())
        .count();
    assert_eq!(
        found.len(),
        parsed,
        "{}: a `uses` is written in a way this test misses",
        file.name
    );
    found
}

fn is_commit(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_version(text: &str) -> bool {
    let parts: Vec<_> = text
        .strip_prefix('v')
        .unwrap_or_default()
        .split('.')
        .collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

#[test]
fn what_others_wrote_is_pinned_to_a_commit_whose_version_stands_beside_it() {
    let mut pins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in all() {
        for (name, comment) in uses(&file) {
            if let Some(path) = name.strip_prefix("./") {
                assert!(
                    !file.name.starts_with("action-templates"),
                    "{}: {name}",
                    file.name
                );
                assert!(path.starts_with("actions/"), "{}: {name}", file.name);
                continue;
            }
            let (action, reference) = name.split_once('@').unwrap();
            if let Some(ours) = action.strip_prefix("slipway-ci/slipway/actions/") {
                assert!(ACTIONS.contains(&ours), "{}: {name}", file.name);
                assert_eq!(reference, "v1", "{}: {name}", file.name);
                continue;
            }
            let owner = action.split('/').next().unwrap();
            assert!(
                OWNERS.contains(&owner),
                "{}: {name} is not of {OWNERS:?}",
                file.name
            );
            assert!(
                is_commit(reference),
                "{}: {name} is not pinned to a commit",
                file.name
            );
            let version = comment.trim_start().strip_prefix("# ").unwrap_or_default();
            assert!(
                is_version(version),
                "{}: {name} lacks its `# vX.Y.Z`",
                file.name
            );
            pins.entry(action.to_owned())
                .or_default()
                .insert(format!("{reference} {version}"));
        }
    }
    for (action, pins) in pins {
        assert_eq!(
            pins.len(),
            1,
            "{action} is pinned in several ways: {pins:?}"
        );
    }
}

#[test]
fn our_actions_run_our_dockerfile_or_an_image_by_digest() {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root().join("actions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert_ne!(folders, Vec::<PathBuf>::new());
    for folder in folders {
        let action = folder.file_name().unwrap().to_str().unwrap();
        assert!(ACTIONS.contains(&action), "{action} is a sixth action");
        let file = read(&folder.join("action.yml"));
        assert_eq!(file.yaml["runs"]["using"], "docker", "{action}");
        let image = file.yaml["runs"]["image"].as_str().unwrap();
        if image == "../../Dockerfile" {
            assert!(folder.join(image).is_file());
            continue;
        }
        let (reference, digest) = image.split_once("@sha256:").unwrap_or((image, ""));
        assert!(
            reference.starts_with("docker://ghcr.io/slipway-ci/"),
            "{action}: {image}"
        );
        let hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(
            digest.len() == 64 && hexadecimal,
            "{action}: {image} is not pinned by digest"
        );
    }
}

/// Files that a reader can follow from the documentation.
#[test]
fn every_link_between_our_documents_leads_somewhere() {
    for document in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "action-templates/README.md",
        "actions/security-scan/README.md",
    ] {
        let path = root().join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let target = path.parent().unwrap().join(target);
            assert!(
                target.exists(),
                "{document}: nothing at {}",
                target.display()
            );
        }
    }
}

#[test]
fn no_script_takes_an_expression() {
    // An expression is pasted into the script before the shell reads it: whoever names a branch
    // could write shell. Values reach a script through its environment.
    for file in all().into_iter().chain([read(&root().join("action.yml"))]) {
        let steps = file.yaml.pointer("/runs/steps").and_then(Value::as_array);
        let steps = steps.map_or_else(|| every_step(&file), |steps| steps.iter().collect());
        for step in steps {
            let script = step["run"].as_str().unwrap_or_default();
            assert!(!script.contains("${{"), "{}: {script}", file.name);
        }
    }
}

#[test]
fn every_permission_is_asked_for_by_the_job_that_needs_it() {
    for file in all() {
        assert_eq!(
            file.yaml["permissions"],
            serde_json::json!({}),
            "{}",
            file.name
        );
        for (name, job) in jobs(&file) {
            assert!(
                job["permissions"].is_object(),
                "{}: {name} states no permissions",
                file.name
            );
            assert!(
                job["timeout-minutes"].is_u64(),
                "{}: {name} has no time limit",
                file.name
            );
        }
        assert!(
            file.yaml["concurrency"].is_object(),
            "{} has no concurrency",
            file.name
        );
    }
}

#[test]
fn no_checkout_leaves_its_token_behind() {
    for file in all() {
        for step in every_step(&file) {
            let name = step["uses"].as_str().unwrap_or_default();
            if name.starts_with("actions/checkout@") {
                let persist = &step["with"]["persist-credentials"];
                assert_eq!(persist, &Value::Bool(false), "{}: {step}", file.name);
            }
        }
    }
}

#[test]
fn no_job_that_uses_our_actions_compiles() {
    let mut dogfooding = 0;
    for file in own() {
        for (name, job) in jobs(&file) {
            let Some(first) = steps(job).iter().position(|step| {
                step["uses"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("./actions/"))
            }) else {
                continue;
            };
            dogfooding += 1;
            let scripts: Vec<_> = steps(job)[..first]
                .iter()
                .filter_map(|step| step["run"].as_str())
                .collect();
            let rewrites = scripts
                .iter()
                .any(|run| run.contains(".github/scripts/use-image"));
            assert!(
                rewrites,
                "{}: {name} runs the action's Dockerfile",
                file.name
            );
            for script in scripts {
                for builder in ["cargo", "docker build", "docker buildx"] {
                    assert!(
                        !script.contains(builder),
                        "{}: {name} runs {builder}",
                        file.name
                    );
                }
            }
        }
    }
    assert_ne!(dogfooding, 0, "no job uses our own actions");
}

#[test]
fn the_ci_template_has_every_stage_of_the_guide() {
    let file = read(&root().join("action-templates/workflows/ci.yml"));
    for event in ["push", "pull_request"] {
        let branches = &file.yaml["on"][event]["branches"];
        assert_eq!(branches, &serde_json::json!(["main", "develop"]), "{event}");
    }
    let job = |name: &str| &file.yaml["jobs"][name];
    for service in ["postgres", "redis"] {
        assert!(job("backend")["services"][service].is_object(), "{service}");
    }
    for (name, what) in [
        ("backend", "\"python-version\":\"3.11\""),
        ("backend", "\"cache\":\"pip\""),
        ("backend", "flake8"),
        ("backend", "mypy"),
        ("backend", "validate"),
        ("backend", "pytest"),
        ("frontend", "\"cache\":\"npm\""),
        ("frontend", "npm ci"),
        ("frontend", "npm run lint"),
        ("frontend", "npm run typecheck"),
        ("frontend", "npm run build"),
        ("images", "\"cache-from\":\"type=gha"),
        ("images", "\"cache-to\":\"type=gha"),
        (
            "security-scan",
            "slipway-ci/slipway/actions/security-scan@v1",
        ),
        ("integration", "docker compose up"),
        ("integration", "integration/api.py"),
        ("integration", "integration/performance.py"),
        ("publish", "ghcr.io"),
    ] {
        let steps = job(name)["steps"].to_string();
        assert!(steps.contains(what), "{name} lacks {what}");
    }
    // A pull request never publishes, and what is published was scanned and tested.
    assert_eq!(job("publish")["if"], "${{ github.event_name == 'push' }}");
    assert_eq!(
        job("publish")["needs"],
        serde_json::json!(["security-scan", "integration"])
    );
    for (name, job) in jobs(&file) {
        let writes = job["permissions"]["packages"] == "write";
        assert_eq!(writes, name == "publish", "{name}");
    }
}

#[test]
fn the_ci_template_fits_the_sample_app() {
    let app = root().join("tests/sample-app");
    let text = |file: &str| std::fs::read_to_string(app.join(file)).unwrap();
    for file in [
        "backend/requirements-dev.txt",
        "backend/validate.py",
        "backend/Dockerfile",
        "frontend/package-lock.json",
        "frontend/Dockerfile",
        "integration/api.py",
        "integration/performance.py",
    ] {
        assert!(app.join(file).is_file(), "{file}");
    }
    let package: Value = serde_json::from_str(&text("frontend/package.json")).unwrap();
    for script in ["lint", "typecheck", "build"] {
        assert!(package["scripts"][script].is_string(), "{script}");
    }
    let compose = text("docker-compose.yml");
    let settings = text("backend/app/settings.py");
    let file = read(&root().join("action-templates/workflows/ci.yml"));
    for (job, reader) in [("integration", &compose), ("backend", &settings)] {
        for variable in file.yaml["jobs"][job]["env"].as_object().unwrap().keys() {
            assert!(
                reader.contains(variable.as_str()),
                "nothing reads {variable}"
            );
        }
    }
}

/// Runs a script of this repository with what GitHub's runner would give it: nothing ambient.
fn bash(arguments: &[&str]) -> Output {
    Command::new("bash")
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_script_parses() {
    for file in all() {
        for step in every_step(&file) {
            let Some(script) = step["run"].as_str() else {
                continue;
            };
            let output = bash(&["-n", "-c", script]);
            assert!(
                output.status.success(),
                "{}: {}",
                file.name,
                text(&output.stderr)
            );
        }
    }
}

#[test]
fn the_root_stub_names_the_five_actions_and_fails() {
    let stub = read(&root().join("action.yml"));
    assert_eq!(stub.yaml["runs"]["using"], "composite");
    let steps = stub.yaml["runs"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1);
    let output = bash(&["-e", "-c", steps[0]["run"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.starts_with("::error title="), "{said}");
    for action in ACTIONS {
        let line = format!("\n  uses: slipway-ci/slipway/actions/{action}@v1\n");
        assert!(said.contains(&line), "{action} is missing in: {said}");
    }
}

mod use_image {
    use super::{bash, text};

    const DOCKERFILE_ACTION: &str = "name: X\ninputs:\n  image:\n    description: |\n      runs:\n  \
                                     \u{20}     image: no\nruns:\n  using: docker\n  image: \
                                     ../../Dockerfile\n  args: [x]\n";

    /// Exit code, standard error, and what the file holds afterwards.
    fn use_image(action: &str, image: &str) -> (Option<i32>, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("action.yml");
        std::fs::write(&file, action).unwrap();
        let output = bash(&[".github/scripts/use-image", file.to_str().unwrap(), image]);
        let after = std::fs::read_to_string(&file).unwrap();
        (output.status.code(), text(&output.stderr), after)
    }

    #[test]
    fn one_line_changes() {
        let digest = format!("ghcr.io/slipway-ci/slipway:v1@sha256:{}", "0a".repeat(32));
        for image in ["slipway-scan:ci", "local/runner", &digest] {
            let (code, error, after) = use_image(DOCKERFILE_ACTION, image);
            assert_eq!(code, Some(0), "{error}");
            let expected =
                DOCKERFILE_ACTION.replace("../../Dockerfile", &format!("docker://{image}"));
            assert_eq!(after, expected);
        }
    }

    #[test]
    fn anything_else_is_refused_and_left_alone() {
        let twice = DOCKERFILE_ACTION.replace("  args", "  image: x\n  args");
        let composite = "name: X\nruns:\n  using: composite\n  steps: []\n";
        for (action, image, code) in [
            (composite, "slipway-scan:ci", 1),
            (twice.as_str(), "slipway-scan:ci", 1),
            (DOCKERFILE_ACTION, "", 2),
            (DOCKERFILE_ACTION, "x y", 2),
            (DOCKERFILE_ACTION, "x\n  entrypoint: /bin/sh", 2),
            (DOCKERFILE_ACTION, "--help", 2),
        ] {
            let (was, error, after) = use_image(action, image);
            assert_eq!(was, Some(code), "{image:?}: {error}");
            assert_ne!(error, "");
            assert_eq!(after, action);
        }
    }
}

mod policies {
    use jiff::civil::{Date, date};
    use slipway::security_scan::policy::Policy;

    use super::root;

    fn parse(file: &str, text: &str, today: Date) -> Policy {
        Policy::parse(text.as_bytes(), file, today).unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    fn text(file: &str) -> String {
        std::fs::read_to_string(root().join(file)).unwrap()
    }

    #[test]
    fn our_own_is_taken() {
        let file = ".github/slipway/security-scan.yml";
        let policy = parse(file, &text(file), date(2026, 11, 23));
        assert!(
            !policy
                .paths
                .scanned("tests/sample-app-vulnerable/tree/Dockerfile")
        );
        assert!(policy.paths.scanned("tests/sample-app/backend/Dockerfile"));
        assert!(policy.paths.scanned("src/main.rs"));
    }

    #[test]
    fn the_example_is_taken_as_it_is_and_with_every_example_in_it_used() {
        let file = "action-templates/config/security-scan.yml";
        let example = text(file);
        let policy = parse(file, &example, date(2026, 1, 1));
        assert!(policy.suppressions.is_empty());

        // Prose has one blank after its `#`; an example's key none, or the blanks of its indentation.
        let mut used = String::new();
        for line in example.lines() {
            let is_prose = line
                .strip_prefix("# ")
                .is_some_and(|rest| !rest.starts_with(' '));
            used.push_str(if is_prose {
                line
            } else {
                line.strip_prefix('#').unwrap_or(line)
            });
            used.push('\n');
        }
        let policy = parse(file, &used, date(2026, 1, 1));
        assert_eq!(policy.suppressions.len(), 3);
        assert_eq!(policy.scanners.len(), 3);
        assert!(!policy.paths.scanned("docs/index.md"));

        // Every key that the format knows is explained here.
        let schema: serde_json::Value =
            serde_json::from_str(&text("schemas/security-scan.policy.v1.json")).unwrap();
        for key in schema["properties"].as_object().unwrap().keys() {
            let shown = used
                .lines()
                .any(|line| line.starts_with(&format!("{key}:")));
            assert!(shown, "{file} does not show `{key}`");
        }
    }
}
