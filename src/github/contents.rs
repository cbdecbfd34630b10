//! Files of a repository at a commit:
//! <https://docs.github.com/rest/repos/contents#get-repository-content>.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::Client;
use super::error::Error;
use crate::runner::context::Repository;

/// One shape for files, directories, links and submodules.
const OBJECT: &str = "application/vnd.github.object+json, application/json;q=0.9";
/// What may stand in a path segment as it is (RFC 3986 unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file (or a link to one within the same commit, which GitHub follows by itself).
    File(Vec<u8>),
    /// Nothing, and the token can see that: it can list the root at that commit.
    Absent,
    /// Something that is not read: a directory, a submodule, a link to no file, or a file that is
    /// too large; in words.
    Refused(String),
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    sha: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    encoding: String,
    submodule_git_url: Option<String>,
}

impl Client {
    /// The file at `path` (relative, `/` between parts) at `commit`, of at most `most` bytes
    /// (`contents: read`).
    ///
    /// GitHub answers 404 for "no such file" and for "you may not look" alike. It is
    /// [`Content::Absent`] only when the same token can list the root at the same commit; else the
    /// 404 is the error.
    pub async fn file(
        &self,
        repository: &Repository,
        path: &str,
        commit: &str,
        most: u64,
    ) -> Result<Content, Error> {
        let segments = path.split('/').filter(|it| !it.is_empty() && *it != ".");
        let encoded = segments
            .map(|it| utf8_percent_encode(it, SEGMENT).to_string())
            .collect::<Vec<_>>();
        if encoded.is_empty() || encoded.iter().any(|it| it == "..") {
            return Err(Error::Setup(format!(
                "{path:?} is not the path of a file in a repository"
            )));
        }
        let commit = utf8_percent_encode(commit, NON_ALPHANUMERIC).to_string();
        let at = |path: &str| {
            self.get(format!("/repos/{repository}/contents{path}?ref={commit}"))
                .accept(OBJECT)
        };
        let answer = match self.call(at(&format!("/{}", encoded.join("/")))).await {
            Ok(answer) => answer,
            Err(Error::Status(missing)) if missing.code == 404 => {
                return match self.call(at("")).await {
                    Ok(_) => Ok(Content::Absent),
                    Err(Error::Status(status)) if status.code == 404 => Err(Error::Status(missing)),
                    Err(error) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let object: Object = answer.json()?;
        let refused = |why: String| Ok(Content::Refused(why));
        match &*object.kind {
            // For backwards compatibility GitHub may call a submodule a file.
            "file" if object.submodule_git_url.is_none() => {}
            "dir" => return refused("a directory".into()),
            "symlink" => {
                return refused("a symbolic link that leads to no file of the commit".into());
            }
            "submodule" | "file" => return refused("a submodule".into()),
            other => return Err(answer.unexpected(format!("content of type {other:?}"))),
        }
        if object.size > most {
            return refused(format!("a file of {} bytes (allowed: {most})", object.size));
        }
        match &*object.encoding {
            "base64" => decoded(&object.content)
                .map(Content::File)
                .ok_or_else(|| answer.unexpected("content that is not base64")),
            // Above 1 MB the content is left out.
            "none" => self.blob(repository, &object.sha).await.map(Content::File),
            other => Err(answer.unexpected(format!("content in encoding {other:?}"))),
        }
    }

    /// <https://docs.github.com/rest/git/blobs#get-a-blob>; up to 100 MB.
    async fn blob(&self, repository: &Repository, sha: &str) -> Result<Vec<u8>, Error> {
        #[derive(Deserialize)]
        struct Blob {
            content: String,
            encoding: String,
        }
        let sha = utf8_percent_encode(sha, NON_ALPHANUMERIC);
        let call = self.get(format!("/repos/{repository}/git/blobs/{sha}"));
        let answer = self.call(call).await?;
        let blob: Blob = answer.json()?;
        (blob.encoding == "base64")
            .then(|| decoded(&blob.content))
            .flatten()
            .ok_or_else(|| answer.unexpected("a blob that is not base64"))
    }
}

/// GitHub breaks base64 into lines.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(packed).ok()
}
