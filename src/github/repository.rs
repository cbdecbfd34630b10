//! Repositories: <https://docs.github.com/rest/repos/repos#get-a-repository>.

use serde::Deserialize;

use super::client::Client;
use super::error::Error;
use crate::runner::context::Repository;

/// What decides whether code scanning is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FullRepository {
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
    pub async fn repository(&self, repository: &Repository) -> Result<FullRepository, Error> {
        let call = self.get(format!("/repos/{repository}"));
        self.call(call).await?.json()
    }
}
