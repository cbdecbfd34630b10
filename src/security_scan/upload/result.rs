//! What became of one upload, and how heavy that is.

use std::fmt;

use serde::Serialize;

use crate::outcome::Failure;
use crate::security_scan::inputs::Upload;

/// One category after [`super::apply::apply`].
#[derive(Clone, Debug)]
pub struct UploadResult {
    pub category: String,
    pub status: Status,
    /// Under which GitHub took the file; for output `sarif-ids`.
    pub sarif_id: Option<String>,
    /// Of the API, where the analyses are, once processed.
    pub analyses_url: Option<String>,
    /// Under the chosen `upload` mode.
    pub weight: Weight,
    /// Why, in a sentence.
    pub reason: String,
    /// What happened, why, what to do and to paste; none where all is well.
    pub failure: Option<Failure>,
}

/// What became of it. Each is reached by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Uploaded and processed: the alerts are there.
    Complete,
    /// Uploaded; nobody waited for the processing.
    Accepted,
    /// Uploaded; still being processed when the patience ended.
    Pending,
    /// Uploaded, and not or only partly processed.
    ProcessingFailed,
    /// Uploaded; what became of it cannot be read.
    StatusUnknown,
    /// `dry-run: true`: would be uploaded.
    DryRun,
    /// `upload: false`, or at a desk.
    Off,
    /// There is nothing to close under the category.
    NotNeeded,
    /// The scan is not complete: the last analysis stands.
    Incomplete,
    /// No ref that is known to lead to what was scanned.
    NoTarget,
    /// There is no token.
    NoToken,
    /// 403: the token of a fork's pull request can only read.
    Fork,
    /// 403: the token of a run that Dependabot started can only read.
    Dependabot,
    /// 403: the token lacks `security-events: write`.
    NoPermission,
    /// 403: code scanning is off, or not paid for.
    NotEnabled,
    /// 403: the repository is archived.
    Archived,
    /// 403 for another reason.
    Forbidden,
    /// 401.
    Unauthorized,
    /// 400: GitHub cannot read the SARIF.
    BadSarif,
    /// 404.
    NotFound,
    /// 413.
    TooLarge,
    /// 422: GitHub does not take ref or commit.
    Unprocessable,
    /// 429, or 403 that names a limit.
    RateLimited,
    /// 5xx.
    ServerError,
    /// No connection, a broken one, or no answer in time.
    Network,
    /// An answer that GitHub does not document.
    UnexpectedAnswer,
    /// The client could not be made.
    Setup,
    /// The run was cancelled.
    Cancelled,
}

/// How heavy a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Nothing to say.
    Fine,
    /// Said, without effect on the result.
    Warning,
    /// Exit 3 over an open gate.
    Error,
}

/// As the report spells it.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Status {
    /// `auto` forgives what the author of a change cannot help; `true` forgives nothing.
    #[must_use]
    pub const fn weight(self, mode: Upload) -> Weight {
        match self {
            Self::Complete | Self::Accepted | Self::DryRun | Self::NotNeeded => Weight::Fine,
            // The verdict is about it already.
            Self::Incomplete => Weight::Warning,
            Self::Off => match mode {
                Upload::Auto | Upload::False => Weight::Fine,
                Upload::True => Weight::Error,
            },
            Self::Fork
            | Self::Dependabot
            | Self::NoPermission
            | Self::NoToken
            | Self::NoTarget
            | Self::NotEnabled
            | Self::Pending => match mode {
                Upload::Auto | Upload::False => Weight::Warning,
                Upload::True => Weight::Error,
            },
            Self::ProcessingFailed
            | Self::StatusUnknown
            | Self::Archived
            | Self::Forbidden
            | Self::Unauthorized
            | Self::BadSarif
            | Self::NotFound
            | Self::TooLarge
            | Self::Unprocessable
            | Self::RateLimited
            | Self::ServerError
            | Self::Network
            | Self::UnexpectedAnswer
            | Self::Setup
            | Self::Cancelled => Weight::Error,
        }
    }

    /// Whether every other call, reading or writing, would end the same way.
    pub(super) const fn is_for_every_call(self) -> bool {
        matches!(
            self,
            Self::Unauthorized | Self::RateLimited | Self::Network | Self::Setup | Self::Cancelled
        )
    }

    /// Whether every other upload would end the same way.
    pub(super) const fn is_for_all(self) -> bool {
        self.is_for_every_call()
            || matches!(
                self,
                Self::Fork
                    | Self::Dependabot
                    | Self::NoPermission
                    | Self::NotEnabled
                    | Self::Archived
                    | Self::Forbidden
                    | Self::NotFound
            )
    }
}

/// A status with its explanation.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: Status,
    pub failure: Failure,
}

impl Refusal {
    /// The same for a category that was not tried because of it.
    pub(super) fn untried(&self, category: &str) -> Self {
        let mut untried = self.clone();
        untried.failure.what = format!("{category} was not tried: {}", self.failure.what);
        untried
    }
}
