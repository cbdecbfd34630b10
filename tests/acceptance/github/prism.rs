//! Prism around GitHub's own API description (`tests/testbed/github/serve`), shared by all tests of
//! the process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::fake::Fake;

/// Lives as long as the process: Prism ends when its standard input does.
struct Server {
    control: String,
    _child: Option<Child>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        // One that several test processes share.
        if let Ok(control) = std::env::var("SLIPWAY_TEST_PRISM") {
            return Server {
                control,
                _child: None,
            };
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/github/serve");
        let mut child = Command::new(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/testbed/github/serve starts");
        let mut control = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut control)
            .expect("the control URL");
        assert!(
            control.starts_with("http://"),
            "tests/testbed/github/serve said {control:?}"
        );
        Server {
            control: control.trim().to_owned(),
            _child: Some(child),
        }
    })
}

async fn control(request: reqwest::RequestBuilder) -> Value {
    let response = request
        .send()
        .await
        .expect("Prism's control server answers");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    assert!(status.is_success(), "{body}");
    body
}

async fn start(path: &str, body: Value) -> String {
    // Blocks its thread until Prism runs, once a process.
    let url = format!("{}{path}", server().control);
    let answer = control(http().post(url).json(&body)).await;
    answer["url"].as_str().expect("a URL").to_owned()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// GitHub's own example answers; with `code`, that documented answer to everything.
pub(crate) async fn mock(code: Option<u16>) -> String {
    start(
        "/mock",
        code.map_or_else(|| json!({}), |code| json!({ "code": code })),
    )
    .await
}

/// Prism in front of a fake.
pub(crate) struct Proxy {
    pub(crate) url: String,
}

impl Proxy {
    /// A request or an answer that breaks GitHub's description fails.
    pub(crate) async fn strict(fake: &Fake) -> Self {
        Self {
            url: start("/proxy", json!({ "upstream": fake.url, "errors": true })).await,
        }
    }

    /// Answers pass whatever they are, for what the description does not know; requests are still
    /// checked, by [`Self::requests_are_valid`].
    pub(crate) async fn lenient(fake: &Fake) -> Self {
        Self {
            url: start("/proxy", json!({ "upstream": fake.url, "errors": false })).await,
        }
    }

    /// What broke the description so far.
    pub(crate) async fn violations(&self) -> Vec<String> {
        let url = format!("{}/violations?url={}", server().control, self.url);
        let answer = control(http().get(url)).await;
        serde_json::from_value(answer).expect("a list of texts")
    }

    /// No request broke the description.
    pub(crate) async fn requests_are_valid(&self) {
        let violations = self.violations().await;
        let ours = violations
            .iter()
            .filter(|it| it.contains("Violation: request"));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}
