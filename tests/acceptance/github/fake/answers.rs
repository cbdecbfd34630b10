//! Which route gives which documented answer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::Url;

use super::{Entry, State};

const REPO: &str = "/repos/octo-org/octo-repo";

pub(crate) fn error(status: u16, message: &str) -> (StatusCode, Value) {
    let status = StatusCode::from_u16(status).unwrap();
    (
        status,
        json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }),
    )
}

/// The id of the upload with this number.
pub(crate) fn sarif_id(number: usize) -> String {
    format!("6c81cd8e-b078-4ac3-a3be-{number:012}")
}

impl State {
    pub(crate) fn answer(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> (StatusCode, Value) {
        let url = Url::parse("http://fake").unwrap().join(path).unwrap();
        let query = |key: &str| {
            let found = url.query_pairs().find(|(name, _)| name == key);
            found.map(|(_, value)| value.into_owned())
        };
        let path = percent_decode_str(url.path()).decode_utf8().unwrap();
        let Some(route) = path.strip_prefix(REPO) else {
            return error(404, "Not Found");
        };
        if method == Method::POST && route == "/code-scanning/sarifs" {
            return self.upload(&serde_json::from_slice(body).unwrap_or_default());
        }
        if method != Method::GET {
            return error(404, "Not Found");
        }
        if let Some(id) = route.strip_prefix("/code-scanning/sarifs/") {
            return self.poll(id);
        }
        if let Some(path) = route.strip_prefix("/contents") {
            let path = path.trim_start_matches('/');
            return self.contents(path, url.path(), &query("ref").unwrap_or_default());
        }
        if let Some(sha) = route.strip_prefix("/git/blobs/") {
            return self.blob(sha);
        }
        match route {
            "" => match &self.repository {
                Some(repository) => (StatusCode::OK, repository.clone()),
                None => error(404, "Not Found"),
            },
            "/code-scanning/analyses" => {
                let page = query("page").and_then(|it| it.parse().ok()).unwrap_or(1);
                let size = query("per_page")
                    .and_then(|it| it.parse().ok())
                    .unwrap_or(30);
                self.list(&query("ref").unwrap_or_default(), page, size)
            }
            _ => error(404, "Not Found"),
        }
    }

    fn list(&self, reference: &str, page: usize, size: usize) -> (StatusCode, Value) {
        if self.analyses.is_empty() {
            return error(404, "no analysis found");
        }
        let api = format!("https://api.github.com{REPO}/code-scanning/analyses");
        let of_ref = self
            .analyses
            .iter()
            .enumerate()
            .filter(|(_, (it, _))| it == reference);
        let analyses =
            of_ref
                .skip((page - 1) * size)
                .take(size)
                .map(|(number, (reference, category))| {
                    json!({
                        "ref": reference,
                        "commit_sha": "d99612c3e1f2970085cfbaeadf8f010ef69bad83",
                        "analysis_key": "api",
                        "environment": "{}",
                        "category": category,
                        "error": "",
                        "warning": "",
                        "created_at": "2026-01-01T00:00:00Z",
                        "results_count": 3,
                        "rules_count": 2,
                        "id": number,
                        "url": format!("{api}/{number}"),
                        "sarif_id": sarif_id(number),
                        "tool": { "name": "Trivy", "guid": null, "version": null },
                        "deletable": true,
                    })
                });
        (StatusCode::OK, analyses.collect())
    }

    fn contents(&self, path: &str, address: &str, commit: &str) -> (StatusCode, Value) {
        if !self.commits.contains(commit) {
            return error(404, "Not Found");
        }
        let object = |kind: &str, size: usize, more: Value| {
            let url = format!("https://api.github.com{address}?ref={commit}");
            let mut object = json!({
                "type": kind, "name": path, "path": path, "size": size, "sha": sha(path),
                "url": url, "git_url": url, "html_url": url, "download_url": url,
                "_links": { "self": url, "git": url, "html": url },
            });
            object
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            (StatusCode::OK, object)
        };
        if path.is_empty() {
            return object("dir", 0, json!({ "entries": [] }));
        }
        match self.files.get(&(commit.to_owned(), path.to_owned())) {
            None => error(404, "Not Found"),
            Some(Entry::File(bytes)) if bytes.len() > 1024 * 1024 => object(
                "file",
                bytes.len(),
                json!({ "content": "", "encoding": "none" }),
            ),
            Some(Entry::File(bytes)) => {
                let content = lines(bytes);
                object(
                    "file",
                    bytes.len(),
                    json!({ "content": content, "encoding": "base64" }),
                )
            }
            Some(Entry::Directory) => object("dir", 0, json!({ "entries": [] })),
            Some(Entry::Symlink) => object("symlink", 9, json!({ "target": "elsewhere" })),
            Some(Entry::Submodule) => object(
                "submodule",
                0,
                json!({ "submodule_git_url": "https://example.com/x.git" }),
            ),
        }
    }

    fn blob(&self, wanted: &str) -> (StatusCode, Value) {
        let found = self
            .files
            .iter()
            .find_map(|((_, path), entry)| match entry {
                Entry::File(bytes) if sha(path) == wanted => Some(bytes),
                _ => None,
            });
        let Some(bytes) = found else {
            return error(404, "Not Found");
        };
        let url = format!("https://api.github.com{REPO}/git/blobs/{wanted}");
        let answer = json!({
            "content": lines(bytes), "encoding": "base64", "url": url, "sha": wanted,
            "size": bytes.len(), "node_id": "B_1",
        });
        (StatusCode::OK, answer)
    }
}

/// Stands for the hash of what lies at a path.
fn sha(path: &str) -> String {
    path.bytes()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Base64 as GitHub breaks it.
fn lines(bytes: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(bytes);
    let lines = text
        .as_bytes()
        .chunks(60)
        .map(|it| std::str::from_utf8(it).unwrap());
    lines.fold(String::new(), |text, line| format!("{text}{line}\n"))
}
