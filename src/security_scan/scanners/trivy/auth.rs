//! Credentials for the registries of `images`, as the `config.json` that Trivy reads. They reach
//! the image-scanning child alone, by a file of its own.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::outcome::{Failure, Result};

/// Registry and the base64 of `user:password`.
#[derive(Clone, Debug, Default)]
pub struct Credentials(BTreeMap<String, SecretString>);

impl Credentials {
    /// Reads the input `registry-auth`.
    ///
    /// # Errors
    /// Invalid: a text that is neither form.
    pub fn parse(auth: Option<&SecretString>) -> Result<Self> {
        let auths = auth.map(|auth| entries(auth.expose_secret()));
        auths.transpose().map(|auths| {
            let auths = auths.unwrap_or_default().into_iter();
            Self(
                auths
                    .map(|(registry, auth)| (registry, auth.into()))
                    .collect(),
            )
        })
    }

    /// `config.json`, with `token` for ghcr.io unless that has credentials of its own; None if there
    /// is nothing to say.
    pub(super) fn docker_config(&self, token: Option<&SecretString>) -> Option<Vec<u8>> {
        let mut auths: serde_json::Map<String, serde_json::Value> = self
            .0
            .iter()
            .map(|(registry, auth)| (registry.clone(), json!({ "auth": auth.expose_secret() })))
            .collect();
        if let Some(token) = token {
            // GitHub takes any user name beside a token.
            auths
                .entry("ghcr.io")
                .or_insert_with(|| json!({ "auth": basic("slipway", token.expose_secret()) }));
        }
        (!auths.is_empty()).then(|| json!({ "auths": auths }).to_string().into_bytes())
    }
}

fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

#[derive(Deserialize)]
struct Config {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// Registry and the base64 of `user:password`. Credential helpers of a dockerconfigjson are left
/// out: they are programs.
fn entries(text: &str) -> Result<BTreeMap<String, String>> {
    let text = text.trim();
    if text.starts_with('{') {
        // The error's text may quote the document.
        let config: Config = serde_json::from_str(text).map_err(|error| {
            wrong(format!(
                "it starts like a dockerconfigjson document and is none (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        return config
            .auths
            .into_iter()
            .map(
                |(registry, entry)| match (entry.auth, entry.username, entry.password) {
                    (Some(auth), _, _) => Ok((registry, auth)),
                    (None, Some(user), Some(password)) => Ok((registry, basic(&user, &password))),
                    _ => Err(wrong(format!(
                        "the entry of {registry} has neither auth nor username and password"
                    ))),
                },
            )
            .collect();
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(
            |(index, line)| match *line.split_whitespace().collect::<Vec<_>>() {
                [registry, user, password] => Ok((registry.to_owned(), basic(user, password))),
                _ => Err(wrong(format!(
                    "line {} is not `registry user password`",
                    index + 1
                ))),
            },
        )
        .collect()
}

fn wrong(what: String) -> Failure {
    Failure::invalid("Invalid input `registry-auth`", what).next(
        "Give a dockerconfigjson document ({\"auths\": …}), or lines of `registry user password`.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(auth: &str, token: Option<&str>) -> String {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let token = token.map(secret);
        match Credentials::parse(Some(&secret(auth))) {
            Ok(credentials) => {
                assert!(!format!("{credentials:?}").contains("dTpw"));
                let config = credentials.docker_config(token.as_ref());
                String::from_utf8(config.unwrap_or_default()).unwrap()
            }
            Err(failure) => failure.what,
        }
    }

    #[test]
    fn both_forms_and_the_token() {
        for (auth, token, expected) in [
            ("", None, ""),
            (
                "",
                Some("t"),
                r#"{"auths":{"ghcr.io":{"auth":"c2xpcHdheTp0"}}}"#,
            ),
            (
                "r.io u p\n\n",
                None,
                r#"{"auths":{"r.io":{"auth":"dTpw"}}}"#,
            ),
            (
                "ghcr.io u p",
                Some("t"),
                r#"{"auths":{"ghcr.io":{"auth":"dTpw"}}}"#,
            ),
            (
                r#"{"auths":{"a.io":{"auth":"eA=="},"b.io":{"username":"u","password":"p"}},"credsStore":"x"}"#,
                None,
                r#"{"auths":{"a.io":{"auth":"eA=="},"b.io":{"auth":"dTpw"}}}"#,
            ),
            (
                "r.io hunter2",
                None,
                "line 1 is not `registry user password`",
            ),
            (
                r#"{"auths": hunter2"#,
                None,
                "it starts like a dockerconfigjson document and is none (line 1, column 11)",
            ),
            (
                r#"{"auths":{"a.io":{"username":"u"}}}"#,
                None,
                "the entry of a.io has neither auth nor username and password",
            ),
        ] {
            let found = config(auth, token);
            assert_eq!(found, expected);
            assert!(!found.contains("hunter2"));
        }
    }
}
