//! What GitHub does not take, and why.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use slipway::github::code_scanning::Upload;
use slipway::github::{Client, Error};
use slipway::security_scan::inputs::Upload as Mode;
use slipway::security_scan::upload::Circumstances;
use slipway::security_scan::upload::apply::Settings;
use slipway::security_scan::upload::plan::Content;
use slipway::security_scan::upload::result::{Status, Weight};
use tokio_util::sync::CancellationToken;

use super::super::fake::{ANALYSES, Fake, REPOSITORY, UPLOAD, Wrong};
use super::super::prism::{Proxy, mock};
use super::super::{client, config, slug};
use super::{MERGE, SHA, candidate, found, nothing, one, run, said, settings};

#[tokio::test]
async fn githubs_description_refuses_what_github_would_refuse() {
    // What makes the other tests worth something: their peer says no.
    let client = client(&mock(None).await);
    let good = Upload {
        commit_sha: SHA,
        reference: MERGE,
        gzipped: b"x",
        started_at: Timestamp::UNIX_EPOCH,
        tool_name: "Trivy",
    };
    assert!(
        !client
            .upload_sarif(&slug(), &good)
            .await
            .unwrap()
            .id
            .is_empty()
    );
    for bad in [
        Upload {
            commit_sha: "6dcb09b",
            ..good
        },
        Upload {
            reference: "main",
            ..good
        },
    ] {
        let error = client.upload_sarif(&slug(), &bad).await.unwrap_err();
        assert!(
            matches!(&error, Error::Status(it) if it.code == 400),
            "{error}"
        );
    }
}

/// What goes wrong, and what must come of it: status, weight under `auto`, how often it is tried, a
/// word of the explanation.
type Row = (Wrong, Circumstances, Status, Weight, usize, &'static str);

fn says(status: u16, message: &str) -> Wrong {
    Wrong::status(status, message)
}

#[rustfmt::skip]
fn forbidden() -> Vec<Row> {
    use Weight::{Error, Warning};
    let none = Circumstances::default();
    let fork = Circumstances { fork: true, ..none };
    let dependabot = Circumstances { dependabot: true, ..none };
    let private = Circumstances { private: Some(true), ..none };
    let integration = "Resource not accessible by integration";
    let pay = "Advanced Security must be enabled for this repository to use code scanning.";
    let off = "Code scanning is not enabled for this repository.";
    let archived = "Repository was archived so is read-only.";
    vec![
        (says(403, integration), none, Status::NoPermission, Warning, 1, "security-events: write"),
        (says(403, integration), fork, Status::Fork, Warning, 1, "fork"),
        (says(403, integration), dependabot, Status::Dependabot, Warning, 1, "pull_request"),
        (says(403, pay), private, Status::NotEnabled, Warning, 1, "upload: false"),
        (says(403, off), private, Status::NotEnabled, Warning, 1, "private"),
        (says(403, archived), none, Status::Archived, Error, 1, "archived"),
        (says(403, "Computer says no"), none, Status::Forbidden, Error, 1, "Computer says no"),
    ]
}

#[rustfmt::skip]
fn limits() -> Vec<Row> {
    let none = Circumstances::default();
    let fork = Circumstances { fork: true, ..none };
    let later = (Timestamp::now().as_second() + 3_600).to_string();
    let limit = |headers: &[(&'static str, &str)]| Wrong::with(403, headers, r#"{"message": "no"}"#);
    let reset = limit(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &later)]);
    vec![
        (says(429, "Too Many Requests"), none, Status::RateLimited, Weight::Error, 4, "limit"),
        (limit(&[("retry-after", "0")]), fork, Status::RateLimited, Weight::Error, 4, "limit"),
        (reset, none, Status::RateLimited, Weight::Error, 1, "Run again after"),
        (limit(&[("retry-after", "3600")]), none, Status::RateLimited, Weight::Error, 1, "Run again in 3600 s"),
    ]
}

#[rustfmt::skip]
fn others() -> Vec<Row> {
    use Weight::Error;
    let none = Circumstances::default();
    let html = Wrong::with(413, &[], "<html>too large</html>");
    let busy = Wrong::with(503, &[("retry-after", "0")], "");
    let moved = Wrong::with(301, &[("location", "http://127.0.0.1:1/")], "");
    let lie = |body: &str| Wrong::with(202, &[], body);
    vec![
        (says(400, "Invalid SARIF"), none, Status::BadSarif, Error, 1, "Invalid SARIF"),
        (says(401, "Bad credentials"), none, Status::Unauthorized, Error, 1, "github.token"),
        (says(404, "Not Found"), none, Status::NotFound, Error, 1, "security-events: write"),
        (html, none, Status::TooLarge, Error, 1, "10 MB"),
        (says(422, "commit not found"), none, Status::Unprocessable, Error, 1, "commit not found"),
        (says(500, "Server Error"), none, Status::ServerError, Error, 1, "githubstatus"),
        (Wrong::with(502, &[], ""), none, Status::ServerError, Error, 1, "githubstatus"),
        (says(503, "Service unavailable"), none, Status::ServerError, Error, 1, "githubstatus"),
        (busy, none, Status::ServerError, Error, 4, "githubstatus"),
        (moved, none, Status::UnexpectedAnswer, Error, 1, "present name"),
        (lie(""), none, Status::UnexpectedAnswer, Error, 1, "without a body"),
        (lie("{\"id\""), none, Status::UnexpectedAnswer, Error, 1, "documented JSON"),
        (lie("{\"id\": 7}"), none, Status::UnexpectedAnswer, Error, 1, "documented JSON"),
        (lie("{\"id\": \"\"}"), none, Status::UnexpectedAnswer, Error, 1, "without an id"),
    ]
}

#[tokio::test]
async fn every_refusal_is_an_outcome_of_its_own() {
    let fake = Fake::start().await;
    let proxy = Proxy::lenient(&fake).await;
    let rows = forbidden().into_iter().chain(limits()).chain(others());
    for (wrong, circumstances, status, weight, tries, word) in rows {
        // Prism itself reads JSON only: what is none goes past it.
        let url = if wrong.is_json() {
            &proxy.url
        } else {
            &fake.url
        };
        for (mode, weight) in [(Mode::Auto, weight), (Mode::True, Weight::Error)] {
            let before = fake.asked(UPLOAD);
            fake.fault(UPLOAD, tries, wrong.clone());
            let settings = Settings {
                circumstances,
                ..settings(mode)
            };
            let result = one(url, &settings).await;
            assert_eq!(
                (result.status, result.weight),
                (status, weight),
                "{result:?}"
            );
            assert!(said(&result).contains(word), "{word}: {result:?}");
            assert!(!said(&result).contains("hunter2"));
            assert_eq!(fake.asked(UPLOAD) - before, tries, "{status:?}");
        }
    }
    assert_eq!(fake.state().uploads.len(), 0);
    proxy.requests_are_valid().await;
}

#[tokio::test]
async fn githubs_documented_refusals() {
    for (code, status) in [
        (400, Status::BadSarif),
        (403, Status::Forbidden),
        (404, Status::NotFound),
        (413, Status::TooLarge),
        (503, Status::ServerError),
    ] {
        let result = one(&mock(Some(code)).await, &settings(Mode::Auto)).await;
        assert_eq!(result.status, status, "{result:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_really_too_large() {
    // Prism takes 10 MB, in base64.
    let noise = vec![0x5a; 8_000_000];
    let url = mock(None).await;
    let candidates = vec![candidate("slipway/trivy-fs/", Content::Results(noise))];
    let results = run(&client(&url), candidates, &settings(Mode::Auto)).await;
    assert_eq!(results[0].status, Status::TooLarge, "{results:?}");
}

#[tokio::test]
async fn a_private_repository_without_code_security_is_told_so() {
    let fake = Fake::start().await;
    fake.state().repository = Some(json!({
        "full_name": "octo-org/octo-repo", "private": true, "fork": false, "archived": false,
        "default_branch": "main", "html_url": "https://github.com/octo-org/octo-repo",
    }));
    fake.fault(
        UPLOAD,
        1,
        Wrong::status(403, "Code scanning is not enabled for this repository."),
    );
    let result = one(&fake.url, &settings(Mode::Auto)).await;
    assert_eq!(result.status, Status::NotEnabled);
    assert!(
        said(&result).contains("only with GitHub Code Security"),
        "{result:?}"
    );
    assert_eq!(
        fake.asked(&format!("{REPOSITORY}/")) + 1,
        fake.asked(REPOSITORY)
    );
}

#[tokio::test]
async fn a_limit_that_passes_is_waited_for() {
    let fake = Fake::start().await;
    let proxy = Proxy::lenient(&fake).await;
    fake.fault(UPLOAD, 1, Wrong::with(429, &[("retry-after", "1")], "{}"));
    let result = one(&proxy.url, &settings(Mode::Auto)).await;
    assert_eq!(result.status, Status::Complete);
    let state = fake.state();
    assert_eq!(state.uploads.len(), 1);
    assert!(state.requests[1].at - state.requests[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn what_may_have_arrived_is_not_sent_twice() {
    for wrong in [Wrong::Close, Wrong::ObeyAndClose, Wrong::Hang] {
        let fake = Fake::start().await;
        fake.fault(UPLOAD, 1, wrong);
        let mut config = config(&fake.url);
        config.limits.call = Duration::from_millis(100);
        let client = Client::new(config, CancellationToken::new()).unwrap();
        let candidates = vec![found("slipway/trivy-fs/"), found("slipway/bandit/")];
        let results = run(&client, candidates, &settings(Mode::Auto)).await;
        for result in &results {
            assert_eq!(
                (result.status, result.weight),
                (Status::Network, Weight::Error)
            );
        }
        assert!(results[1].reason.contains("not tried"), "{results:?}");
        assert_eq!(fake.asked(UPLOAD), 1);
    }
}

#[tokio::test]
async fn who_does_not_answer_is_asked_no_more() {
    let fake = Fake::start().await;
    fake.fault("", usize::MAX, Wrong::Hang);
    let mut config = config(&fake.url);
    config.limits.call = Duration::from_millis(50);
    let client = Client::new(config, CancellationToken::new()).unwrap();
    // What is uploaded as it is, and what only closes alerts that are there.
    let candidates = vec![found("slipway/trivy-fs/"), nothing("slipway/bandit/")];
    let results = run(&client, candidates, &settings(Mode::Auto)).await;
    for result in &results {
        assert_eq!(
            (result.status, result.weight),
            (Status::Network, Weight::Error)
        );
        assert!(said(result).contains("no answer in time"), "{result:?}");
    }
    assert!(
        results[0]
            .reason
            .starts_with("slipway/trivy-fs/ was not tried")
    );
    assert_eq!((fake.asked(ANALYSES), fake.asked("")), (2, 2));
}

#[tokio::test]
async fn a_token_that_reads_nothing_may_still_write() {
    let fake = Fake::start().await;
    let no = Wrong::status(403, "Resource not accessible by integration");
    fake.fault(ANALYSES, 1, no);
    let candidates = vec![found("slipway/trivy-fs/"), nothing("slipway/bandit/")];
    let results = run(&client(&fake.url), candidates, &settings(Mode::Auto)).await;
    let statuses: Vec<Status> = results.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Status::Complete, Status::NoPermission]);
}

#[tokio::test]
async fn what_cannot_have_arrived_is_sent_again() {
    // Nobody listens at first.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = config(&format!("http://{address}"));
    config.retry.first_pause = Duration::from_millis(200);
    let client = Client::new(config, CancellationToken::new()).unwrap();
    let settings = settings(Mode::Auto);
    let upload = run(&client, vec![found("slipway/trivy-fs/")], &settings);
    let late = async {
        tokio::task::yield_now().await;
        Fake::start_at(&address.to_string()).await
    };
    let (results, fake) = tokio::join!(upload, late);
    assert_eq!(results[0].status, Status::Complete, "{results:?}");
    assert_eq!(fake.state().uploads.len(), 1);
}

#[tokio::test]
async fn one_refusal_speaks_for_all() {
    let fake = Fake::start().await;
    fake.fault(
        UPLOAD,
        usize::MAX,
        Wrong::status(403, "Resource not accessible by integration"),
    );
    let candidates = ["a/", "b/", "c/"].map(found).into();
    let results = run(&client(&fake.url), candidates, &settings(Mode::Auto)).await;
    assert!(results.iter().all(|it| it.status == Status::NoPermission));
    assert_eq!(fake.asked(UPLOAD), 1);
    // A file of its own is no reason to give up on the others.
    fake.state().faults.clear();
    fake.fault(UPLOAD, 1, Wrong::status(400, "Invalid SARIF"));
    let candidates = ["a/", "b/"].map(found).into();
    let results = run(&client(&fake.url), candidates, &settings(Mode::Auto)).await;
    let statuses: Vec<Status> = results.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Status::BadSarif, Status::Complete]);
}
