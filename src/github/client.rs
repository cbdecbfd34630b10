//! Calls to GitHub: one after another, each within its limits, repeated by the rules.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::config::{Config, api_url};
use super::error::{Error, Status};
use crate::http::{
    Effect, Limits, Network, Policy, broken, build, causes, repeat, unless_cancelled,
};

/// <https://docs.github.com/rest/about-the-rest-api/api-versions>
const API_VERSION: &str = "2022-11-28";
/// The media type that GitHub recommends; the second is what its own description declares.
const JSON: &str = "application/vnd.github+json, application/json;q=0.9";
/// GitHub's largest answer that we ask for is a 1 MB file in base64.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// GitHub's API, as one token sees it. Needs a tokio runtime from construction on.
pub struct Client {
    api: Octocrab,
    api_url: Url,
    token: Option<SecretString>,
    limits: Limits,
    retry: Policy,
    cancelled: CancellationToken,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("api_url", &self.api_url.as_str())
            .field("limits", &self.limits)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// One call, before it is made.
pub(super) struct Call {
    method: Method,
    path: String,
    accept: &'static str,
    body: Option<String>,
    effect: Effect,
    limit: Duration,
}

impl Call {
    pub(super) fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    /// Method and path, for people; no query.
    fn name(&self) -> String {
        let path = self
            .path
            .split_once('?')
            .map_or(&*self.path, |(path, _)| path);
        format!("{} {path}", self.method)
    }
}

/// A success.
pub(super) struct Answer {
    request: String,
    pub(super) code: u16,
    body: Vec<u8>,
}

impl Answer {
    /// The body as what GitHub documents.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let detail = if self.body.is_empty() {
                format!("{} without a body", self.code)
            } else {
                format!(
                    "{} with a body that is not the documented JSON: {error}",
                    self.code
                )
            };
            self.unexpected(detail)
        })
    }

    /// The answer breaks the documentation in some other way.
    pub(super) fn unexpected(&self, detail: impl Into<String>) -> Error {
        Error::Protocol {
            request: self.request.clone(),
            detail: detail.into(),
        }
    }
}

impl Client {
    /// Connects to nothing yet.
    pub fn new(config: Config, cancelled: CancellationToken) -> Result<Self, Error> {
        let api_url = api_url(&config.api_url)?;
        if let Some(token) = &config.token {
            // octocrab would only say so with the first call.
            HeaderValue::from_str(token.expose_secret()).map_err(|_| {
                Error::Setup(
                    "the token holds characters that no GitHub token has (a line break?)".into(),
                )
            })?;
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-github-api-version",
            HeaderValue::from_static(API_VERSION),
        );
        let http = build(&config.limits, headers).map_err(Error::Setup)?;
        let base = http::Uri::try_from(api_url.as_str())
            .map_err(|error| Error::Setup(format!("GITHUB_API_URL {api_url}: {error}")))?;
        let auth = config
            .token
            .clone()
            .map_or(AuthState::None, |token| AuthState::AccessToken { token });
        let api = OctocrabBuilder::new_empty()
            .with_service(ReqwestConnector::new(http))
            .with_layer(&BaseUriLayer::new(base))
            .with_auth(auth)
            .build()
            .unwrap_or_else(|never| match never {});
        let Config {
            token,
            limits,
            retry,
            ..
        } = config;
        Ok(Self {
            api,
            api_url,
            token,
            limits,
            retry,
            cancelled,
        })
    }

    /// The API's URL, without a slash at the end.
    #[must_use]
    pub fn api_url(&self) -> &str {
        self.api_url.as_str().trim_end_matches('/')
    }

    /// A reading call. `path` starts with `/` and is percent-encoded.
    pub(super) fn get(&self, path: String) -> Call {
        Call {
            method: Method::GET,
            path,
            accept: JSON,
            body: None,
            effect: Effect::None,
            limit: self.limits.call,
        }
    }

    /// A large call that must not happen twice.
    pub(super) fn upload(&self, path: String, body: &impl Serialize) -> Result<Call, Error> {
        let body = serde_json::to_string(body).map_err(|error| {
            Error::Setup(format!("POST {path}: a body that is not JSON: {error}"))
        })?;
        Ok(Call {
            method: Method::POST,
            path,
            accept: JSON,
            effect: Effect::Once,
            limit: self.limits.upload(body.len()),
            body: Some(body),
        })
    }

    /// Makes the call, again where [`Policy`] says so.
    pub(super) async fn call(&self, call: Call) -> Result<Answer, Error> {
        let refusal = |error: &Error| error.refusal(Timestamp::now());
        let once = async || self.once(&call).await;
        repeat(&self.retry, call.effect, &self.cancelled, once, refusal)
            .await
            .unwrap_or(Err(Error::Cancelled))
    }

    /// Waits, or ends with [`Error::Cancelled`].
    pub async fn pause(&self, pause: Duration) -> Result<(), Error> {
        unless_cancelled(&self.cancelled, tokio::time::sleep(pause))
            .await
            .ok_or(Error::Cancelled)
    }

    async fn once(&self, call: &Call) -> Result<Answer, Error> {
        let network = |kind, detail: String| Error::Network {
            request: call.name(),
            kind,
            detail: self.scrub(&detail),
        };
        let (code, headers, mut body) = tokio::time::timeout(call.limit, self.exchange(call))
            .await
            .map_err(|_| network(Network::TimedOut, format!("{} s", call.limit.as_secs_f32())))?
            .map_err(|(kind, detail)| network(kind, detail))?;
        if let Ok(text) = std::str::from_utf8(&body)
            && let Some(clean) = self.scrubbed(text)
        {
            body = clean.into();
        }
        if (200..300).contains(&code) {
            return Ok(Answer {
                request: call.name(),
                code,
                body,
            });
        }
        let scrub = |text: &str| self.scrub(text);
        Err(Status::read(call.name(), code, &headers, &body, Timestamp::now(), scrub).into())
    }

    async fn exchange(&self, call: &Call) -> Result<(u16, HeaderMap, Vec<u8>), (Network, String)> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&call.path)
            .header(header::ACCEPT, call.accept);
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(call.body.clone().unwrap_or_default())
            .map_err(|error| (Network::Connect, error.to_string()))?;
        let answer = self
            .api
            .execute(request)
            .await
            .map_err(|error| broken(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    (
                        Network::Broken,
                        format!("an answer of more than {LARGEST_ANSWER} bytes"),
                    )
                } else {
                    (Network::Broken, causes(&*error))
                }
            })?;
        Ok((parts.status.as_u16(), parts.headers, body.to_bytes().into()))
    }

    /// The other side's words without the token, should it have echoed it: nothing that is made of
    /// an answer can hold it.
    fn scrubbed(&self, text: &str) -> Option<String> {
        let token = self.token.as_ref()?.expose_secret();
        (!token.is_empty() && text.contains(token)).then(|| text.replace(token, "***"))
    }

    fn scrub(&self, text: &str) -> String {
        self.scrubbed(text).unwrap_or_else(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str, token: &str) -> Result<Client, Error> {
        Client::new(
            Config::new(url, Some(token.to_owned().into())),
            CancellationToken::new(),
        )
    }

    #[tokio::test]
    async fn a_wrong_url_or_token_is_named_before_any_call() {
        for (url, token, wanted) in [
            ("", "t", "relative URL"),
            ("api.github.com", "t", "relative URL"),
            ("ftp://api.github.com", "t", "https://"),
            ("https://", "t", "empty host"),
            ("https://u:hunter2@host", "t", "credentials"),
            ("https://host/?x=1", "t", "path"),
            ("https://host", "a\nb", "line break"),
        ] {
            let error = client(url, token).unwrap_err().to_string();
            assert!(error.contains(wanted), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn debug_shows_no_token() {
        let client = client("https://host/api/v3/", "ghs_hunter2").unwrap();
        assert!(!format!("{client:?}{:?}", client.token).contains("hunter2"));
        assert_eq!(client.api_url(), "https://host/api/v3");
    }
}
