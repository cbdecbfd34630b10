//! What becomes of an upload that GitHub took.

use std::time::{Duration, Instant};

use slipway::github::Client;
use slipway::security_scan::inputs::Upload as Mode;
use slipway::security_scan::upload::apply::{Patience, Settings};
use slipway::security_scan::upload::result::{Status, Weight};
use tokio_util::sync::CancellationToken;

use super::super::config;
use super::super::fake::{Fake, POLL, UPLOAD, Wrong};
use super::super::prism::Proxy;
use super::{ID, MERGE, SHA, found, one, run, said, settings};

#[tokio::test]
async fn uploaded_processed_complete() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    fake.state().pending_polls = 2;
    let result = one(&proxy.url, &settings(Mode::True)).await;
    assert_eq!(
        (result.status, result.weight),
        (Status::Complete, Weight::Fine)
    );
    assert_eq!(result.sarif_id.as_deref(), Some(ID));
    assert!(
        result
            .analyses_url
            .unwrap()
            .ends_with(&format!("analyses?sarif_id={ID}"))
    );
    assert!(result.failure.is_none());
    {
        let state = fake.state();
        let upload = &state.uploads[0];
        assert_eq!((&*upload.reference, &*upload.commit_sha), (MERGE, SHA));
        assert_eq!(
            (&*upload.tool_name, upload.category()),
            ("Trivy", "slipway/trivy-fs/")
        );
        assert_eq!((upload.results(), upload.polls), (2, 3));
    }
    assert_eq!(proxy.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_first_question_comes_within_two_seconds() {
    let fake = Fake::start().await;
    let settings = Settings {
        patience: Patience::default(),
        ..settings(Mode::Auto)
    };
    assert_eq!(one(&fake.url, &settings).await.status, Status::Complete);
    let state = fake.state();
    let waited = state.requests[1].at - state.requests[0].at;
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    let whole = Patience::default().whole;
    assert_eq!(whole, Duration::from_mins(5));
}

#[tokio::test]
async fn nobody_waits_where_that_is_asked() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    let settings = Settings {
        wait: false,
        ..settings(Mode::True)
    };
    let result = one(&proxy.url, &settings).await;
    assert_eq!(
        (result.status, result.weight),
        (Status::Accepted, Weight::Fine)
    );
    assert_eq!(fake.asked(POLL), 0);
}

#[tokio::test]
async fn what_github_could_not_process_is_shown() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    for (errors, wanted) in [
        (
            vec!["rejecting SARIF, as there are more runs than allowed (21 > 20)"],
            "(21 > 20)",
        ),
        (vec![], "no reason"),
    ] {
        fake.state().failed = Some(errors.into_iter().map(Into::into).collect());
        for mode in [Mode::Auto, Mode::True] {
            let result = one(&proxy.url, &settings(mode)).await;
            assert_eq!(
                (result.status, result.weight),
                (Status::ProcessingFailed, Weight::Error)
            );
            assert!(said(&result).contains(wanted), "{result:?}");
        }
    }
}

#[tokio::test]
async fn patience_ends() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    fake.state().pending_polls = usize::MAX;
    for (mode, weight) in [(Mode::Auto, Weight::Warning), (Mode::True, Weight::Error)] {
        let mut settings = settings(mode);
        settings.patience.whole = Duration::from_millis(900);
        let result = one(&proxy.url, &settings).await;
        assert_eq!((result.status, result.weight), (Status::Pending, weight));
        assert!(result.sarif_id.is_some());
        assert!(said(&result).contains("wait-for-processing: false"));
    }
    // Fewer questions each time, not one every 5 ms.
    let polls = fake.state().uploads[0].polls;
    assert!((3..30).contains(&polls), "{polls}");
}

#[tokio::test]
async fn an_upload_that_github_does_not_speak_about_is_not_taken_for_good() {
    let fake = Fake::start().await;
    for (wrong, word) in [
        (
            Wrong::status(403, "Resource not accessible by integration"),
            "security-events",
        ),
        (Wrong::status(500, "Server Error"), "githubstatus"),
        (Wrong::status(404, "Not Found"), "404"),
        (
            Wrong::with(200, &[], r#"{"processing_status": "done"}"#),
            "done",
        ),
        (Wrong::with(200, &[], "{}"), "documented JSON"),
        (Wrong::with(200, &[], ""), "without a body"),
        (Wrong::Close, "broke"),
    ] {
        fake.state().faults.clear();
        fake.fault(POLL, usize::MAX, wrong);
        for mode in [Mode::Auto, Mode::True] {
            let mut settings = settings(mode);
            settings.patience.unknown = Duration::from_millis(100);
            let result = one(&fake.url, &settings).await;
            assert_eq!(
                (result.status, result.weight),
                (Status::StatusUnknown, Weight::Error)
            );
            assert!(result.sarif_id.is_some());
            assert!(said(&result).contains(word), "{word}: {result:?}");
        }
    }
}

#[tokio::test]
async fn github_may_need_a_moment_to_know_an_upload() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    fake.fault(POLL, 2, Wrong::status(404, "Not Found"));
    assert_eq!(
        one(&proxy.url, &settings(Mode::True)).await.status,
        Status::Complete
    );
    assert_eq!(fake.asked(POLL), 3);
}

#[tokio::test]
async fn cancellation_stops_at_once_and_says_what_is_not_known() {
    // In the first upload; while the first of two is processed.
    for (on, known) in [(UPLOAD, [false, false]), (POLL, [true, true])] {
        let fake = Fake::start().await;
        fake.fault(on, 1, Wrong::Hang);
        let cancelled = CancellationToken::new();
        let client = Client::new(config(&fake.url), cancelled.clone()).unwrap();
        let cancel = async {
            while fake.asked(on) == 0 {
                tokio::task::yield_now().await;
            }
            cancelled.cancel();
        };
        let settings = settings(Mode::Auto);
        let began = Instant::now();
        let (results, ()) = tokio::join!(
            run(&client, vec![found("a/"), found("b/")], &settings),
            cancel
        );
        assert!(began.elapsed() < Duration::from_secs(10));
        for (result, known) in results.iter().zip(known) {
            assert_eq!(
                (result.status, result.weight),
                (Status::Cancelled, Weight::Error)
            );
            assert_eq!(result.sarif_id.is_some(), known);
            assert!(said(result).contains("Run again"));
        }
        assert_eq!(fake.asked(UPLOAD), if known[0] { 2 } else { 1 });
    }
}

#[tokio::test]
async fn who_does_not_answer_for_one_upload_is_not_asked_about_the_next() {
    let fake = Fake::start().await;
    fake.fault(POLL, usize::MAX, Wrong::Hang);
    let mut config = config(&fake.url);
    config.limits.call = Duration::from_millis(50);
    let client = Client::new(config, CancellationToken::new()).unwrap();
    let candidates = ["a/", "b/", "c/"].map(found).into();
    let results = run(&client, candidates, &settings(Mode::Auto)).await;
    for result in &results {
        assert_eq!(
            (result.status, result.weight),
            (Status::StatusUnknown, Weight::Error)
        );
        assert!(said(result).contains("no answer in time"), "{result:?}");
    }
    assert_eq!((fake.asked(UPLOAD), fake.asked(POLL)), (3, 2));
}
