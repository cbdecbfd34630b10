//! What an [`Error`] says to people, where that is the same whoever called.

use super::error::{Error, Status};
use crate::http::Network;
use crate::outcome::Failure;

impl Error {
    /// The failure of a run (exit 3) that needed `what` (such as "the policy at the base commit") and
    /// `permission` (such as `contents: read`) for it.
    #[must_use]
    pub fn failure(&self, what: &str, permission: &str) -> Failure {
        match self {
            Self::Cancelled => Failure::error("Cancelled", format!("{what}: the run was cancelled.")),
            Self::Setup(why) => Failure::error("GitHub client", format!("{what}: {why}")),
            Self::Network { kind, .. } => network(Failure::error(
                title(*kind),
                format!("{what}: {self}"),
            ), *kind),
            Self::Protocol { .. } => Failure::error("Unexpected answer", format!("{what}: {self}"))
                .because("Something between the runner and GitHub answers in its place, or GitHub changed its API.")
                .next("Run again; if it stays, report it with this message."),
            Self::Status(it) => status(it, what, permission),
        }
    }
}

fn title(kind: Network) -> &'static str {
    match kind {
        Network::Connect => "GitHub not reached",
        Network::TimedOut => "GitHub did not answer",
        Network::Broken => "Connection to GitHub broke",
    }
}

fn network(failure: Failure, kind: Network) -> Failure {
    match kind {
        Network::Connect => failure
            .because("A firewall, a proxy, an unknown certificate, or a wrong GITHUB_API_URL.")
            .next(
                "Check HTTPS_PROXY and NO_PROXY; a private certificate authority belongs into the \
                 bundle that SSL_CERT_FILE names.",
            ),
        Network::TimedOut | Network::Broken => failure
            .because("The network, a proxy, or GitHub itself (https://www.githubstatus.com).")
            .next("Run again."),
    }
}

/// The lines that give a job's token a permission.
#[must_use]
pub(crate) fn permissions(permission: &str) -> String {
    format!("permissions:\n  {permission}")
}

fn status(status: &Status, what: &str, permission: &str) -> Failure {
    let failure = |title: &str| Failure::error(title, format!("{what}: {status}"));
    match status.code {
        _ if status.is_rate_limit() => failure("GitHub's rate limit")
            .because(
                "The token made too many requests; job tokens have 1,000 an hour for a repository.",
            )
            .next(after_the_limit(status)),
        301 | 302 | 307 | 308 => failure("Repository moved")
            .because("GitHub redirects this address, and the token is not sent along.")
            .next("Use the repository's present name."),
        401 => failure("Token refused")
            .because("The token is wrong, has expired, or is of another GitHub server.")
            .next("Pass the job's own token, or renew the one you pass.")
            .paste("with:\n  token: ${{ github.token }}"),
        403 if status.is_permission() => {
            let wanted = status.accepted_permissions.as_ref();
            failure("Permission missing")
                .because(wanted.map_or_else(
                    || format!("The token lacks `{permission}`."),
                    |it| format!("The token lacks `{permission}` (GitHub asks for {it})."),
                ))
                .next("Give the job the permission.")
                .paste(permissions(permission))
        }
        403 => failure("Refused by GitHub")
            .because("GitHub's message says why.")
            .next("See the message."),
        404 => failure("Not found, or not to be seen")
            .because(
                "GitHub answers 404 for what is not there and for what the token may not see alike.",
            )
            .next("Give the job the permission; check that the commit or repository is there.")
            .paste(permissions(permission)),
        500..=599 => failure("GitHub had an error")
            .because("A fault at GitHub's side (https://www.githubstatus.com).")
            .next("Run again."),
        _ => failure("Refused by GitHub")
            .because("GitHub's message says why.")
            .next("See the message; if it stays, report it."),
    }
}

/// When GitHub takes requests again, by its own words: `Retry-After`, or the end of the hour that a
/// primary limit counts.
fn after_the_limit(status: &Status) -> String {
    let reset = status
        .rate_limit_reset
        .filter(|_| status.rate_limit_remaining == Some(0));
    match (status.retry_after, reset) {
        (Some(pause), _) => format!("Run again in {} s (GitHub's Retry-After).", pause.as_secs()),
        (None, Some(reset)) => {
            format!("Run again after {reset}, when the limit resets (GitHub's x-ratelimit-reset).")
        }
        (None, None) => "Run again in some minutes.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_names_cause_and_next_step() {
        let status = |code: u16, message: &str| {
            let message = message.into();
            Status {
                request: "GET /repos/o/r".into(),
                code,
                message,
                ..Status::default()
            }
            .into()
        };
        let network = |kind| Error::Network {
            request: "GET /repos/o/r".into(),
            kind,
            detail: "detail".into(),
        };
        let errors: Vec<Error> = vec![
            Error::Cancelled,
            Error::Setup("GITHUB_API_URL is not usable".into()),
            network(Network::Connect),
            network(Network::TimedOut),
            network(Network::Broken),
            Error::Protocol {
                request: "GET /repos/o/r".into(),
                detail: "200 without a body".into(),
            },
            status(301, "Moved Permanently"),
            status(401, "Bad credentials"),
            status(403, "Resource not accessible by integration"),
            status(403, "Repository was archived so is read-only."),
            status(404, "Not Found"),
            status(429, "Too Many Requests"),
            status(503, "Service unavailable"),
            status(422, "Validation Failed"),
            Status {
                rate_limit_remaining: Some(0),
                rate_limit_reset: jiff::Timestamp::from_second(1_700_000_000).ok(),
                code: 403,
                ..Status::default()
            }
            .into(),
            Status {
                retry_after: Some(std::time::Duration::from_hours(1)),
                code: 429,
                ..Status::default()
            }
            .into(),
        ];
        let texts = errors
            .iter()
            .map(|error| {
                let Failure {
                    title,
                    what,
                    cause,
                    next,
                    paste,
                    ..
                } = error.failure("the policy", "contents: read");
                let or = |it: Option<String>| it.unwrap_or_else(|| "-".into());
                format!(
                    "{title}\n  {what}\n  {}\n  {}\n  {:?}",
                    or(cause),
                    or(next),
                    or(paste)
                )
            })
            .collect::<Vec<_>>();
        insta::assert_snapshot!(texts.join("\n"));
    }
}
