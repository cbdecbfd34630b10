//! Repositories: <https://docs.github.com/rest/repos/repos#get-a-repository>.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::client::Client;
use super::error::Error;

/// `owner/name`, as in `GITHUB_REPOSITORY`: holds nothing that could change a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(String);

impl FromStr for Slug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |it: &str| {
            !it.is_empty()
                && !matches!(it, "." | "..")
                && it
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self(text.to_owned())),
            _ => Err(format!(
                "{text:?} is not a repository: allowed is OWNER/NAME"
            )),
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What decides whether code scanning is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repository {
    pub full_name: String,
    /// Private and internal repositories need GitHub Code Security for code scanning.
    pub private: bool,
    /// Whether the repository is itself a fork of another.
    pub fork: bool,
    pub archived: bool,
    pub default_branch: String,
    pub html_url: String,
}

impl Client {
    /// The repository as the token sees it (`metadata: read`, which every job token has).
    pub async fn repository(&self, repository: &Slug) -> Result<Repository, Error> {
        let call = self.get(format!("/repos/{repository}"));
        self.call(call).await?.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_two_plain_names() {
        for text in ["octo-org/octo.repo_1", "a/.github"] {
            assert_eq!(text.parse::<Slug>().unwrap().to_string(), text);
        }
        for text in [
            "", "a", "a/", "/b", "a/b/c", "a/..", "./b", "a/b?x", "a/b#", "a b/c", "a/b\n",
        ] {
            assert!(text.parse::<Slug>().is_err(), "{text:?}");
        }
    }
}
