//! The client itself: headers, limits, retries, cancellation, and where the token goes.

use std::time::{Duration, Instant};

use slipway::github::{Client, Error};
use slipway::http::Network;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fake::{ANALYSES, Fake, REPOSITORY, Wrong};
use super::prism::{Proxy, mock};
use super::{TOKEN, client, config, slug};

#[tokio::test]
async fn githubs_own_examples_are_understood() {
    let client = client(&mock(None).await);
    let repository = client.repository(&slug()).await.unwrap();
    assert_eq!(repository.full_name, "octocat/Hello-World");
    assert!(!repository.private && !repository.archived);
    let (analyses, more) = client
        .analyses(&slug(), "refs/heads/main", 1)
        .await
        .unwrap();
    assert!(!analyses.is_empty() && !more);
}

#[tokio::test]
async fn every_request_says_who_asks_and_in_which_version() {
    let fake = Fake::start().await;
    // GitHub Enterprise Server has its API below a path.
    let client = client(&format!("{}/api/v3/", fake.url));
    client.repository(&slug()).await.unwrap_err();
    let state = fake.state();
    let request = &state.requests[0];
    assert_eq!(request.path, "/api/v3/repos/octo-org/octo-repo");
    let values = |name: &str| {
        let all = request.headers.get_all(name).iter();
        all.map(|it| it.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values("user-agent"),
        [concat!("slipway/", env!("CARGO_PKG_VERSION"))]
    );
    assert_eq!(values("authorization"), [format!("Bearer {TOKEN}")]);
    assert_eq!(values("x-github-api-version"), ["2022-11-28"]);
    assert_eq!(
        values("accept"),
        ["application/vnd.github+json, application/json;q=0.9"]
    );
}

#[tokio::test]
async fn no_token_no_header() {
    let fake = Fake::start().await;
    let mut config = config(&fake.url);
    config.token = None;
    let client = Client::new(config, CancellationToken::new()).unwrap();
    client.repository(&slug()).await.unwrap_err();
    assert!(
        fake.state().requests[0]
            .headers
            .get("authorization")
            .is_none()
    );
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let (fake, thief) = (Fake::start().await, Fake::start().await);
    for status in [301, 302, 307, 308] {
        let to = format!("{}/repos/octo-org/octo-repo", thief.url);
        fake.fault(
            REPOSITORY,
            1,
            Wrong::with(status, &[("location", &to)], "{}"),
        );
        let Error::Status(it) = client(&fake.url).repository(&slug()).await.unwrap_err() else {
            panic!()
        };
        assert_eq!(it.code, status);
    }
    assert_eq!(thief.asked(""), 0);
}

#[tokio::test]
async fn the_token_is_in_no_error() {
    let fake = Fake::start().await;
    let client = client(&fake.url);
    // A proxy that prints what it was sent.
    let echo = format!("Bad request: Authorization: Bearer {TOKEN}");
    for answer in [
        Wrong::status(403, &echo),
        Wrong::with(400, &[], echo.clone()),
        Wrong::with(
            422,
            &[],
            format!(r#"{{"message": "no", "errors": ["{TOKEN}"]}}"#),
        ),
        Wrong::with(200, &[], format!(r#""{TOKEN}""#)),
    ] {
        fake.fault(REPOSITORY, 1, answer);
        let error = client.repository(&slug()).await.unwrap_err();
        let failure = error.failure("x", "contents: read");
        assert!(
            !format!("{error} {error:?} {failure:?} {client:?}").contains("hunter2"),
            "{error}"
        );
    }
    assert_eq!(fake.asked(REPOSITORY), 4);
}

#[tokio::test]
async fn reading_is_repeated_until_it_works() {
    for wrong in [
        Wrong::status(500, "Server Error"),
        Wrong::status(502, "Bad Gateway"),
        Wrong::with(503, &[("retry-after", "0")], ""),
        Wrong::status(429, "Too Many Requests"),
        Wrong::with(
            403,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")],
            "{}",
        ),
        Wrong::status(403, "You have exceeded a secondary rate limit"),
        Wrong::Close,
    ] {
        let fake = Fake::start().await;
        fake.fault(ANALYSES, 2, wrong);
        let (analyses, _) = client(&fake.url)
            .analyses(&slug(), "refs/heads/x", 1)
            .await
            .unwrap();
        assert!(analyses.is_empty());
        assert_eq!(fake.asked(ANALYSES), 3);
    }
}

#[tokio::test]
async fn reading_is_not_repeated_for_ever() {
    let fake = Fake::start().await;
    fake.fault(ANALYSES, usize::MAX, Wrong::status(500, "Server Error"));
    let error = client(&fake.url)
        .analyses(&slug(), "refs/heads/x", 1)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Status(it) if it.code == 500));
    assert_eq!(fake.asked(ANALYSES), 4);
}

#[tokio::test]
async fn what_cannot_change_is_asked_once() {
    for status in [400, 401, 403, 404, 410, 422, 451] {
        let fake = Fake::start().await;
        fake.fault(ANALYSES, 1, Wrong::status(status, "no"));
        let error = client(&fake.url)
            .analyses(&slug(), "refs/heads/x", 1)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Status(it) if it.code == status));
        assert_eq!(fake.asked(ANALYSES), 1);
    }
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let fake = Fake::start().await;
    fake.fault(ANALYSES, 1, Wrong::with(429, &[("retry-after", "1")], "{}"));
    client(&fake.url)
        .analyses(&slug(), "refs/heads/x", 1)
        .await
        .unwrap();
    let state = fake.state();
    let waited = state.requests[1].at - state.requests[0].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).repository(&slug()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Network {
                kind: Network::Connect,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let peer = tokio::spawn(async move {
        let mut accepted = 0;
        while accepted < 4 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            // RST instead of FIN.
            stream.set_zero_linger().unwrap();
            accepted += 1;
        }
        accepted
    });
    let error = client(&url).repository(&slug()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Network {
                kind: Network::Broken,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(peer.await.unwrap(), 4);
}

#[tokio::test]
async fn a_peer_that_hangs_costs_the_limit_and_no_more() {
    let fake = Fake::start().await;
    fake.fault(REPOSITORY, usize::MAX, Wrong::Hang);
    let mut config = config(&fake.url);
    config.limits.call = Duration::from_millis(50);
    let client = Client::new(config, CancellationToken::new()).unwrap();
    let error = client.repository(&slug()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Network {
                kind: Network::TimedOut,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fake.asked(REPOSITORY), 2);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let fake = Fake::start().await;
    fake.fault(
        REPOSITORY,
        usize::MAX,
        Wrong::with(200, &[], " ".repeat(33 * 1024 * 1024)),
    );
    let error = client(&fake.url).repository(&slug()).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 33554432 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn cancellation_ends_a_call_and_a_pause_at_once() {
    let fake = Fake::start().await;
    for wrong in [
        Wrong::Hang,
        Wrong::with(429, &[("retry-after", "100")], "{}"),
    ] {
        fake.fault(REPOSITORY, 1, wrong);
        let cancelled = CancellationToken::new();
        let client = Client::new(config(&fake.url), cancelled.clone()).unwrap();
        let asked = fake.asked(REPOSITORY);
        let slug = slug();
        let call = client.repository(&slug);
        let cancel = async {
            while fake.asked(REPOSITORY) == asked {
                tokio::task::yield_now().await;
            }
            cancelled.cancel();
        };
        let began = Instant::now();
        let (result, ()) = tokio::join!(call, cancel);
        assert!(matches!(result.unwrap_err(), Error::Cancelled));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn pages_are_asked_for_as_documented() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    let analysis = |number| ("refs/heads/a&b".to_owned(), format!("slipway/{number}/"));
    fake.state().analyses = (0..130).map(analysis).collect();
    let client = client(&proxy.url);
    let page = async |number| {
        client
            .analyses(&slug(), "refs/heads/a&b", number)
            .await
            .unwrap()
    };
    let (first, more) = page(1).await;
    assert_eq!((first.len(), more), (100, true));
    let (second, more) = page(2).await;
    assert_eq!((second.len(), more), (30, false));
    assert_eq!(second[29].category.as_deref(), Some("slipway/129/"));
    assert_eq!(proxy.violations().await, Vec::<String>::new());
}
