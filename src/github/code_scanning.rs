//! Code scanning: <https://docs.github.com/rest/code-scanning/code-scanning>.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::{Error, one_line};
use crate::runner::context::Repository;

/// Analyses on one page: the most that GitHub gives.
const PAGE: usize = 100;

/// One SARIF file for one commit.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Full SHA-1 of the commit.
    pub commit_sha: &'a str,
    /// `refs/heads/…`, `refs/tags/…`, `refs/pull/N/merge` or `refs/pull/N/head`.
    pub reference: &'a str,
    /// The SARIF file, gzipped: at most 10 MB, which the caller has seen to.
    pub gzipped: &'a [u8],
    /// When the analysis began.
    pub started_at: Timestamp,
    /// Name of the tool; the SARIF says it as well.
    pub tool_name: &'a str,
}

/// GitHub has taken a file and will process it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// For [`Client::sarif_status`].
    pub id: String,
}

/// How far the processing of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Processing {
    Pending,
    Complete {
        /// Of the API, where the analyses made from the file are.
        analyses_url: Option<String>,
    },
    /// Not or only partly processed.
    Failed {
        /// GitHub's reasons, one line each; may be empty.
        errors: Vec<String>,
    },
}

/// One analysis that GitHub holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Analysis {
    #[serde(rename = "ref")]
    pub reference: String,
    pub commit_sha: String,
    /// With its `/` at the end; absent or empty where the SARIF gave none.
    #[serde(default)]
    pub category: Option<String>,
    pub results_count: u64,
    pub sarif_id: String,
}

impl Client {
    /// Uploads a SARIF file (`security-events: write`). Repeated only when the first call cannot
    /// have happened.
    /// <https://docs.github.com/rest/code-scanning/code-scanning#upload-an-analysis-as-sarif-data>
    pub async fn upload_sarif(
        &self,
        repository: &Repository,
        upload: &Upload<'_>,
    ) -> Result<Receipt, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            commit_sha: &'a str,
            #[serde(rename = "ref")]
            reference: &'a str,
            sarif: String,
            started_at: String,
            tool_name: &'a str,
        }
        #[derive(Deserialize)]
        struct Accepted {
            id: String,
        }
        let body = Body {
            commit_sha: upload.commit_sha,
            reference: upload.reference,
            sarif: BASE64_STANDARD.encode(upload.gzipped),
            started_at: upload.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            tool_name: upload.tool_name,
        };
        let call = self.upload(format!("/repos/{repository}/code-scanning/sarifs"), &body)?;
        let answer = self.call(call).await?;
        let Accepted { id } = answer.json()?;
        if id.is_empty() {
            return Err(answer.unexpected("an accepted upload without an id"));
        }
        Ok(Receipt { id })
    }

    /// How far an upload is (`security-events: read`).
    /// <https://docs.github.com/rest/code-scanning/code-scanning#get-information-about-a-sarif-upload>
    pub async fn sarif_status(
        &self,
        repository: &Repository,
        id: &str,
    ) -> Result<Processing, Error> {
        #[derive(Deserialize)]
        struct Body {
            processing_status: String,
            analyses_url: Option<String>,
            errors: Option<Vec<String>>,
        }
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let call = self.get(format!("/repos/{repository}/code-scanning/sarifs/{id}"));
        let answer = self.call(call).await?;
        let Body {
            processing_status,
            analyses_url,
            errors,
        } = answer.json()?;
        match &*processing_status {
            "pending" => Ok(Processing::Pending),
            "complete" => Ok(Processing::Complete { analyses_url }),
            "failed" => Ok(Processing::Failed {
                errors: errors
                    .unwrap_or_default()
                    .iter()
                    .map(|it| one_line(it))
                    .collect(),
            }),
            other => Err(answer.unexpected(format!("processing_status {:?}", one_line(other)))),
        }
    }

    /// One page (from 1) of the analyses of a ref, newest first, and whether there may be more
    /// (`security-events: read`).
    /// <https://docs.github.com/rest/code-scanning/code-scanning#list-code-scanning-analyses-for-a-repository>
    pub async fn analyses(
        &self,
        repository: &Repository,
        reference: &str,
        page: usize,
    ) -> Result<(Vec<Analysis>, bool), Error> {
        let reference = utf8_percent_encode(reference, NON_ALPHANUMERIC);
        let call = self.get(format!(
            "/repos/{repository}/code-scanning/analyses?ref={reference}&per_page={PAGE}&page={page}"
        ));
        let analyses: Vec<Analysis> = match self.call(call).await {
            Ok(answer) => answer.json()?,
            // What a repository says that never had an analysis.
            Err(Error::Status(status))
                if status.code == 404 && status.says(&["no analysis found"]) =>
            {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let more = analyses.len() >= PAGE;
        Ok((analyses, more))
    }
}
