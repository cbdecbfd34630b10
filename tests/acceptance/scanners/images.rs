//! Images: archives of the workspace, references, and what is not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use slipway::outcome::Outcome;
use slipway::security_scan::scan::{GapKind, Source, State};
use slipway::security_scan::scanners::Observed;

use super::bench::{Bench, REPOSITORY, gaps, kinds, of, shown};
use crate::testing::needs_root;

fn image(bench: &Bench, name: &str, arguments: &[&str]) {
    let status = Command::new("python3")
        .arg(format!("{REPOSITORY}/tests/testbed/trivy_db/image.py"))
        .arg(bench.workspace.join(name))
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success());
}

const EXPECTED: [&str; 6] = [
    "CVE-2099-10001 NAME/usr/local/lib/python3.11/site-packages/slipway_fixture_http-2.3.0.dist-info/METADATA:0",
    "CVE-2099-20001 NAME:0",
    "CVE-2099-20001 NAME:0",
    "CVE-2099-20002 NAME:0",
    "CVE-2099-20003 NAME:0",
    "TEMP-0000000-F1C710 NAME:0",
];

fn expected(name: &str) -> Vec<String> {
    EXPECTED
        .iter()
        .map(|finding| finding.replace("NAME", name))
        .collect()
}

fn source(name: &str) -> Source {
    Source::TrivyImage(name.to_owned())
}

async fn scan_images(bench: &Bench, images: &[&str]) -> Observed {
    let mut arguments = vec!["--path", "none", "--scanners", "trivy"];
    arguments.extend(images.iter().flat_map(|image| ["--images", *image]));
    bench.run(&arguments).await
}

#[tokio::test]
async fn archives_of_both_kinds() {
    let bench = Bench::real();
    image(&bench, "api.tar", &[]);
    image(&bench, "layout", &["--format", "oci"]);
    let observed = scan_images(&bench, &["./api.tar", "./layout"]).await;
    assert_eq!(observed.scans.len(), 2);
    for name in ["api.tar", "layout"] {
        let scan = of(&observed, &source(name));
        assert_eq!(scan.state, State::Complete, "{name}");
        assert_eq!(shown(scan), expected(name));
        assert_eq!(scan.category, format!("slipway/trivy-image/{name}/"));
    }
}

#[tokio::test]
async fn an_archive_that_nobody_may_read_is_copied() {
    if !needs_root() {
        return; // Only root can become another.
    }
    let bench = Bench::real_trivy_for_nobody();
    image(&bench, "api.tar", &[]);
    image(&bench, "layout", &["--format", "oci"]);
    for closed in ["api.tar", "layout/blobs"] {
        fs::set_permissions(
            bench.workspace.join(closed),
            PermissionsExt::from_mode(0o700),
        )
        .unwrap();
    }
    let observed = scan_images(&bench, &["api.tar", "./layout"]).await;
    for name in ["api.tar", "layout"] {
        let scan = of(&observed, &source(name));
        assert_eq!(scan.state, State::Complete, "{:?}", scan.state);
        assert_eq!(shown(scan), expected(name));
    }
}

#[tokio::test]
async fn what_is_not_there_says_what_to_do() {
    let bench = Bench::real();
    bench.put("broken.tar", "not an image");
    // A registry that refuses every connection: nothing listens on port 9 of this machine.
    let reference = "127.0.0.1:9/acme/api:1.2";
    let observed = scan_images(&bench, &["missing.tar", reference, "broken.tar"]).await;
    for (name, image) in [
        ("missing.tar", "missing.tar"),
        ("127.0.0.1:9/acme/api", reference),
    ] {
        let scan = of(&observed, &source(name));
        assert_eq!(kinds(scan), [GapKind::NotFound], "{:?}", scan.state);
        let next = gaps(scan)[0].next.as_deref().unwrap();
        assert!(
            next.contains(&format!("docker save {image} > image.tar")),
            "{next}"
        );
    }
    assert_eq!(
        kinds(of(&observed, &source("broken.tar"))),
        [GapKind::Crashed]
    );
}

#[tokio::test]
async fn two_images_of_one_repository_are_refused() {
    let bench = Bench::real();
    let failure = bench
        .try_run(&[
            "--scanners",
            "trivy",
            "--images",
            "ghcr.io/a/b:1",
            "--images",
            "ghcr.io/a/b:2",
        ])
        .await
        .unwrap_err();
    assert_eq!(failure.outcome, Outcome::Invalid);
    assert!(failure.what.contains("ghcr.io/a/b:1") && failure.what.contains("ghcr.io/a/b:2"));
}

#[tokio::test]
async fn credentials_reach_the_image_child_alone() {
    let mut bench = Bench::new();
    bench.put("main.tf", "x = 1\n");
    bench.environment.push((
        "HTTPS_PROXY".to_owned(),
        "http://proxy.invalid:1".to_owned(),
    ));
    bench.tool(
        "trivy",
        "/bin/sh",
        "echo \"$1 ${DOCKER_CONFIG:+$(cat $DOCKER_CONFIG/config.json)} $HTTPS_PROXY $*\" >&2\n\
         echo '{\"SchemaVersion\":2}'",
    );
    let observed = bench
        .run(&[
            "--scanners",
            "trivy",
            "--trivy-checks",
            "secret",
            "--images",
            "ghcr.io/acme/api:1",
            "--images",
            "other.io/x",
            "--registry-auth",
            "other.io user hunter2",
            "--token",
            "canary",
        ])
        .await;
    let log = |name: &str| &observed.logs.iter().find(|(log, _)| log == name).unwrap().1;
    let tree = log("trivy-fs");
    assert!(tree.starts_with("fs  http://127.0.0.1:9 "), "{tree}");
    // base64 of `user:hunter2` and `slipway:canary`
    let (user, ours) = ("dXNlcjpodW50ZXIy", "c2xpcHdheTpjYW5hcnk=");
    let ghcr = log("trivy-image-ghcr.io-acme-api");
    assert!(ghcr.contains(user) && ghcr.contains(ours) && ghcr.contains("http://proxy.invalid:1"));
    let other = log("trivy-image-other.io-x");
    assert!(other.contains(user) && !other.contains(ours));
    for log in [tree, ghcr, other] {
        assert!(!log.contains("hunter2") && !log.contains("canary"), "{log}");
    }
}
