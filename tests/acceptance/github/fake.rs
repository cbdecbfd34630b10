//! A GitHub that remembers: uploads that are processed in their own time, analyses, files at a
//! commit; and that can be told to misbehave.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::pending;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// A server of its own for each test; stops when dropped.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

/// What it knows; tests set and read it through [`Fake::state`].
#[derive(Default)]
pub(crate) struct State {
    /// Every upload in order.
    pub(crate) uploads: Vec<Upload>,
    /// How often an upload is `pending` before it is decided.
    pub(crate) pending_polls: usize,
    /// What processing ends in: these errors, or completion where there are none.
    pub(crate) failed: Option<Vec<String>>,
    /// `(ref, category)` of analyses that were there before, newest first.
    pub(crate) analyses: Vec<(String, String)>,
    /// What lies at `(commit, path)`.
    pub(crate) files: BTreeMap<(String, String), Entry>,
    /// Commits that the token may look into.
    pub(crate) commits: BTreeSet<String>,
    /// What the repository is; GitHub's own example unless a test says otherwise.
    pub(crate) repository: Option<Value>,
    pub(crate) faults: Vec<Fault>,
    /// Every request in order.
    pub(crate) requests: Vec<Recorded>,
}

pub(crate) enum Entry {
    File(Vec<u8>),
    Directory,
    Symlink,
    Submodule,
}

/// A SARIF upload, opened.
pub(crate) struct Upload {
    pub(crate) reference: String,
    pub(crate) commit_sha: String,
    pub(crate) tool_name: String,
    pub(crate) sarif: Value,
    pub(crate) polls: usize,
}

impl Upload {
    /// Of the only run.
    pub(crate) fn category(&self) -> &str {
        let id = self.sarif["runs"][0]["automationDetails"]["id"].as_str();
        id.unwrap_or_default()
    }

    pub(crate) fn results(&self) -> usize {
        self.sarif["runs"][0]["results"]
            .as_array()
            .map_or(0, Vec::len)
    }
}

pub(crate) struct Recorded {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) at: std::time::Instant,
}

/// Misbehaviour of the next `times` requests whose `METHOD PATH` starts with `on`.
pub(crate) struct Fault {
    pub(crate) on: &'static str,
    pub(crate) times: usize,
    pub(crate) what: Wrong,
}

#[derive(Clone)]
pub(crate) enum Wrong {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// No answer, ever.
    Hang,
    /// The request is read, then the connection closes.
    Close,
    /// The request is obeyed, then the connection closes.
    ObeyAndClose,
}

impl Wrong {
    pub(crate) fn status(status: u16, message: &str) -> Self {
        Self::with(status, &[], json!({ "message": message }).to_string())
    }

    pub(crate) fn with(
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<String>,
    ) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Self::Answer {
            status,
            headers,
            body: body.into(),
        }
    }
}

impl Wrong {
    /// The answer's body is JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Answer { body, .. } => serde_json::from_str::<Value>(body).is_ok(),
            _ => false,
        }
    }
}

/// Where uploads go, as in [`Fault::on`].
pub(crate) const UPLOAD: &str = "POST /repos/octo-org/octo-repo/code-scanning/sarifs";
/// Where their state is asked for.
pub(crate) const POLL: &str = "GET /repos/octo-org/octo-repo/code-scanning/sarifs/";
pub(crate) const ANALYSES: &str = "GET /repos/octo-org/octo-repo/code-scanning/analyses";
pub(crate) const CONTENTS: &str = "GET /repos/octo-org/octo-repo/contents";
pub(crate) const REPOSITORY: &str = "GET /repos/octo-org/octo-repo";

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// What lies at `path` in the tree of a commit.
    pub(crate) fn put(&self, commit: &str, path: &str, content: &[u8]) {
        let mut state = self.state();
        state.commits.insert(commit.to_owned());
        let place = (commit.to_owned(), path.to_owned());
        state.files.insert(place, Entry::File(content.to_vec()));
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    // A client that goes away is no fault of ours.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            url,
            state,
            server: server.abort_handle(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fault(&self, on: &'static str, times: usize, what: Wrong) {
        self.state().faults.push(Fault { on, times, what });
    }

    /// How many requests began with `on`.
    pub(crate) fn asked(&self, on: &str) -> usize {
        let state = self.state();
        let named = |it: &&Recorded| format!("{} {}", it.method, it.path).starts_with(on);
        state.requests.iter().filter(named).count()
    }
}

/// The connection is to close without an answer.
#[derive(Debug, thiserror::Error)]
#[error("told to close")]
struct Close;

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Close> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Close)?.to_bytes();
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", |it| it.as_str())
        .to_owned();
    let json = content_type(&parts.headers);
    let wrong = {
        let mut state = state.lock().unwrap();
        let name = format!("{} {path}", parts.method);
        state.requests.push(Recorded {
            method: parts.method.clone(),
            path: path.clone(),
            headers: parts.headers,
            at: std::time::Instant::now(),
        });
        let fault = state
            .faults
            .iter_mut()
            .find(|it| it.times > 0 && name.starts_with(it.on));
        fault.map(|it| {
            it.times -= 1;
            it.what.clone()
        })
    };
    let obey = || state.lock().unwrap().answer(&parts.method, &path, &body);
    match wrong {
        None => {
            let (status, body) = obey();
            Ok(response(status, &[json], body.to_string()))
        }
        Some(Wrong::Answer {
            status,
            headers,
            body,
        }) => {
            let headers = [json].into_iter().chain(headers).collect::<Vec<_>>();
            Ok(response(
                StatusCode::from_u16(status).unwrap(),
                &headers,
                body,
            ))
        }
        Some(Wrong::Hang) => pending::<Result<_, Infallible>>()
            .await
            .map_err(|it| match it {}),
        Some(Wrong::Close) => Err(Close),
        Some(Wrong::ObeyAndClose) => {
            obey();
            Err(Close)
        }
    }
}

/// One of the media types that were asked for.
fn content_type(headers: &HeaderMap) -> (&'static str, String) {
    let accept = headers
        .get("accept")
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let object = accept.contains("application/vnd.github.object+json");
    let media_type = if object {
        "application/vnd.github.object+json"
    } else {
        "application/json"
    };
    ("content-type", format!("{media_type}; charset=utf-8"))
}

fn response(status: StatusCode, headers: &[(&str, String)], body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in headers {
        let name = http::HeaderName::try_from(*name).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl State {
    fn upload(&mut self, body: &Value) -> (StatusCode, Value) {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let mut sarif = Vec::new();
        let packed = BASE64_STANDARD.decode(text("sarif")).unwrap_or_default();
        let opened = GzDecoder::new(&*packed).read_to_end(&mut sarif);
        let Some(sarif) = opened
            .ok()
            .and_then(|_| serde_json::from_slice(&sarif).ok())
        else {
            return answers::error(400, "Invalid SARIF. JSON syntax error");
        };
        self.uploads.push(Upload {
            reference: text("ref"),
            commit_sha: text("commit_sha"),
            tool_name: text("tool_name"),
            sarif,
            polls: 0,
        });
        let id = answers::sarif_id(self.uploads.len() - 1);
        let url =
            format!("https://api.github.com/repos/octo-org/octo-repo/code-scanning/sarifs/{id}");
        (StatusCode::ACCEPTED, json!({ "id": id, "url": url }))
    }

    fn poll(&mut self, id: &str) -> (StatusCode, Value) {
        let found = (0..self.uploads.len()).find(|it| answers::sarif_id(*it) == id);
        let Some(upload) = found.and_then(|it| self.uploads.get_mut(it)) else {
            return answers::error(404, "Not Found");
        };
        upload.polls += 1;
        if upload.polls <= self.pending_polls {
            return (StatusCode::OK, json!({ "processing_status": "pending" }));
        }
        let analyses_url = format!(
            "https://api.github.com/repos/octo-org/octo-repo/code-scanning/analyses?sarif_id={id}"
        );
        let answer = match &self.failed {
            Some(errors) => {
                json!({ "processing_status": "failed", "analyses_url": null, "errors": errors })
            }
            None => json!({ "processing_status": "complete", "analyses_url": analyses_url }),
        };
        if self.failed.is_none() {
            let analysis = (upload.reference.clone(), upload.category().to_owned());
            self.analyses.insert(0, analysis);
        }
        (StatusCode::OK, answer)
    }
}
