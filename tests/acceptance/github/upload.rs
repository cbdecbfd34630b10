//! Uploads to code scanning: every answer that GitHub can give is an outcome of its own.

mod planned;
mod processed;
mod refused;

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use slipway::github::Client;
use slipway::security_scan::inputs::Upload as Mode;
use slipway::security_scan::upload::Circumstances;
use slipway::security_scan::upload::apply::{Patience, Remote, Settings, apply};
use slipway::security_scan::upload::observe::existing;
use slipway::security_scan::upload::plan::{Candidate, Content, plan};
use slipway::security_scan::upload::result::UploadResult;
use slipway::security_scan::upload::target::Target;

use super::{client, slug};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const MERGE: &str = "refs/pull/7/merge";
const MAIN: &str = "refs/heads/main";
const ID: &str = "6c81cd8e-b078-4ac3-a3be-000000000000";

fn target() -> Target {
    Target {
        reference: MERGE.into(),
        commit_sha: SHA.into(),
        base: Some(MAIN.into()),
    }
}

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        wait: true,
        dry_run: false,
        patience: Patience {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(40),
            // However long an answer takes here; who tests the end of it says so.
            whole: Duration::from_mins(1),
            unknown: Duration::from_mins(1),
        },
        started_at: Timestamp::from_second(1_760_000_000).unwrap(),
        circumstances: Circumstances::default(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Gzipped.
fn sarif(category: &str, results: usize) -> Vec<u8> {
    let result = json!({ "ruleId": "R1", "message": { "text": "found" } });
    let sarif: Value = json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "Trivy" } },
            "automationDetails": { "id": category },
            "results": vec![result; results],
        }],
    });
    gzip(sarif.to_string().as_bytes())
}

fn candidate(category: &str, content: Content) -> Candidate {
    Candidate {
        category: category.into(),
        tool: "Trivy".into(),
        content,
    }
}

fn found(category: &str) -> Candidate {
    candidate(category, Content::Results(sarif(category, 2)))
}

fn nothing(category: &str) -> Candidate {
    candidate(category, Content::Nothing(sarif(category, 0)))
}

/// The rooms in order, as the action calls them.
async fn run(
    client: &Client,
    candidates: Vec<Candidate>,
    settings: &Settings,
) -> Vec<UploadResult> {
    let held = existing(
        client,
        &slug(),
        &target(),
        &candidates,
        settings.circumstances,
    )
    .await;
    let plan = plan(Ok(target()), candidates, &held);
    let repository = &slug();
    apply(plan, Some(Remote { client, repository }), settings).await
}

async fn one(url: &str, settings: &Settings) -> UploadResult {
    let mut results = run(&client(url), vec![found("slipway/trivy-fs/")], settings).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// What a person reads.
fn said(result: &UploadResult) -> String {
    let failure = result.failure.as_ref().expect("an explanation");
    assert!(failure.next.is_some(), "no next step: {failure:?}");
    format!("{failure:?}")
}
