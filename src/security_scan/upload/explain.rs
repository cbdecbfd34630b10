//! What an error of GitHub's means for an upload: status, cause, next step, what to paste.

use crate::github::{Error, Status as Answer};
use crate::outcome::Failure;

use super::result::{Refusal, Status};
use super::target::Obstacle;

/// What decides how a refusal is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The run is about a fork's pull request.
    pub fork: bool,
    /// Dependabot started the run.
    pub dependabot: bool,
    /// The repository is private or internal, where the event says so.
    pub private: Option<bool>,
}

const PERMISSION: &str = "security-events: write";
/// `permissions:` takes away all that it does not name, and checkout needs the first line.
const PERMISSIONS: &str = "permissions:\n  contents: read\n  security-events: write";
const OFF: &str = "with:\n  upload: false";
const REPORT: &str = "This is likely a fault of slipway's: report it with this message and the SARIF \
                      from output-directory.";

/// Reads an error of the API. `what` is what was asked for.
pub(super) fn refusal(error: &Error, what: &str, circumstances: Circumstances) -> Refusal {
    let failure = error.failure(what, PERMISSION);
    let (status, failure) = match error {
        Error::Cancelled => (Status::Cancelled, cancelled(what)),
        Error::Setup(_) => (Status::Setup, failure),
        Error::Network { .. } => (Status::Network, failure),
        Error::Protocol { .. } => (Status::UnexpectedAnswer, failure),
        Error::Status(answer) => answered(answer, failure, circumstances),
    };
    Refusal { status, failure }
}

fn answered(answer: &Answer, failure: Failure, circumstances: Circumstances) -> (Status, Failure) {
    match answer.code {
        _ if answer.is_rate_limit() => (Status::RateLimited, failure),
        400 => (Status::BadSarif, anew(failure, "SARIF refused")
            .because("GitHub cannot read the SARIF file.")
            .next(REPORT)),
        401 => (Status::Unauthorized, failure),
        403 => forbidden(answer, failure, circumstances),
        404 => (Status::NotFound, anew(failure, "Repository not found")
            .because(
                "The token may not see the repository (GitHub answers 404 then), or this GitHub \
                 Enterprise Server has no code scanning.",
            )
            .next("Give the job the permission, or turn uploads off.")
            .paste(PERMISSIONS)),
        413 => (Status::TooLarge, anew(failure, "SARIF too large")
            .because("GitHub, or a proxy on the way, takes no file of this size (GitHub's limit: 10 MB gzipped).")
            .next("Scan fewer things in one step, or raise the proxy's limit.")),
        422 => (Status::Unprocessable, anew(failure, "Upload not accepted")
            .because("GitHub does not know the commit or the ref (was it pushed over or deleted meanwhile?).")
            .next("Run again for the newest commit.")),
        500..=599 => (Status::ServerError, failure),
        _ => (Status::UnexpectedAnswer, failure),
    }
}

/// GitHub has one status for all of these; its message, and who started the run, tell them apart.
fn forbidden(answer: &Answer, failure: Failure, circumstances: Circumstances) -> (Status, Failure) {
    // "Advanced Security must be enabled for this repository to use code scanning.", "Code Security
    // must be enabled …", "Code scanning is not enabled for this repository. …"
    if answer.says(&["must be enabled", "is not enabled", "not been enabled"]) {
        return (
            Status::NotEnabled,
            not_enabled(failure, circumstances.private),
        );
    }
    if answer.says(&["archived"]) {
        return (
            Status::Archived,
            anew(failure, "Repository archived")
                .because("An archived repository takes no uploads.")
                .next("Unarchive it, or turn uploads off.")
                .paste(OFF),
        );
    }
    if circumstances.fork {
        return (Status::Fork, anew(failure, "Not uploaded: pull request of a fork")
            .because("The token of a fork's pull request can only read.")
            .next(
                "Nothing: the gate has judged the findings, and the SARIF is in output-directory; \
                 after the merge the run for the target branch uploads.",
            )
            .paste("on:\n  pull_request:\n  push:\n    branches: [main]"));
    }
    if circumstances.dependabot {
        return (Status::Dependabot, anew(failure, "Not uploaded: Dependabot")
            .because("The token of a run that Dependabot started can only read unless the job asks for more.")
            .next("Give the job the permission, and let pull_request trigger it for Dependabot's branches, not push.")
            .paste(format!("on:\n  pull_request:\n  push:\n    branches: [main]\n{PERMISSIONS}")));
    }
    if answer.is_permission() {
        let cause = failure.cause.clone().unwrap_or_default();
        return (
            Status::NoPermission,
            anew(failure, "Permission missing")
                .because(cause)
                .next("Give the job the permission, or turn uploads off (`upload: false`).")
                .paste(PERMISSIONS),
        );
    }
    (Status::Forbidden, failure)
}

fn not_enabled(failure: Failure, private: Option<bool>) -> Failure {
    let (cause, next) = match private {
        Some(true) => (
            "a private repository has code scanning only with GitHub Code Security (Advanced Security)",
            "enable it under Settings, Advanced Security; without a licence turn uploads off: summary, \
             annotations, report and gate work without it",
        ),
        Some(false) => (
            "code scanning is turned off for the repository or its organisation",
            "enable it under Settings, Advanced Security, or turn uploads off",
        ),
        None => (
            "code scanning is turned off, or the repository is private and has no GitHub Code Security",
            "enable it under Settings, Advanced Security, or turn uploads off: summary, annotations, \
             report and gate work without it",
        ),
    };
    anew(failure, "Code scanning is not enabled")
        .because(cause)
        .next(next)
        .paste(OFF)
}

/// The same event under another title.
fn anew(failure: Failure, title: &str) -> Failure {
    Failure::error(title, failure.what)
}

pub(super) fn cancelled(what: &str) -> Failure {
    Failure::error(
        "Cancelled",
        format!("{what}: the run was cancelled before GitHub's answer was known."),
    )
    .next("Run again: a second upload replaces the first.")
}

/// Of an upload that GitHub took.
pub(super) fn pending(category: &str, id: &str, seconds: u64) -> Failure {
    Failure::error(
        "Still being processed",
        format!("GitHub has not processed the upload {id} ({category}) within {seconds} s."),
    )
    .because("GitHub is busy, or the file is large.")
    .next("Nothing: GitHub goes on by itself; look at the Security tab, or don't wait.")
    .paste("with:\n  wait-for-processing: false")
}

/// Of an upload that GitHub took and could not process.
pub(super) fn processing_failed(category: &str, id: &str, errors: &[String]) -> Failure {
    let why = if errors.is_empty() {
        "GitHub gives no reason".to_owned()
    } else {
        errors.join("; ")
    };
    Failure::error(
        "Upload not processed",
        format!("GitHub took the upload {id} ({category}) and did not, or only partly, process it: {why}"),
    )
    .because("GitHub's own words above say why.")
    .next(
        "https://docs.github.com/code-security/code-scanning/troubleshooting-sarif-uploads explains \
         them; the SARIF is in output-directory.",
    )
}

/// Of an upload that GitHub took and then does not speak about.
pub(super) fn status_unknown(category: &str, id: &str, failure: Failure) -> Failure {
    Failure {
        title: "Upload not confirmed".into(),
        what: format!(
            "GitHub took the upload {id} ({category}); what became of it is not known. {}",
            failure.what
        ),
        ..failure
    }
}

/// Why nothing could be uploaded at all.
pub(super) fn obstacle(obstacle: &Obstacle) -> Refusal {
    let (status, failure) = match obstacle {
        Obstacle::Off => (Status::Off, Failure::error("Not uploaded", "`upload` is `false`.")),
        Obstacle::Desk => (
            Status::Off,
            Failure::error("Not uploaded", "This is not a workflow run of GitHub Actions.")
                .next("Let a workflow upload, or set `upload` to `false`."),
        ),
        Obstacle::NoToken => (
            Status::NoToken,
            Failure::error("Not uploaded: no token", "The input `token` is empty.")
                .next("Pass the job's token and give it the permission.")
                .paste(format!("{PERMISSIONS}\n# and in the step\nwith:\n  token: ${{{{ github.token }}}}")),
        ),
        Obstacle::Setup(why) => (
            Status::Setup,
            Failure::error("Not uploaded: no GitHub client", why.clone())
                .next("Correct GITHUB_API_URL or `token`, or turn uploads off.")
                .paste(OFF),
        ),
        Obstacle::Event(event) => (
            Status::NoTarget,
            Failure::error(
                format!("Not uploaded: {event}"),
                format!("`{event}` runs for the base or default branch, which is not the code that was checked out."),
            )
            .because("Uploaded for that branch, the findings would open and close the wrong alerts.")
            .next("Let pull_request and push trigger the scan.")
            .paste("on:\n  pull_request:\n  push:\n    branches: [main]"),
        ),
        Obstacle::NoRef(reference) => (
            Status::NoTarget,
            Failure::error(
                "Not uploaded: no ref",
                reference.as_ref().map_or_else(
                    || "the event has no branch, tag or pull request".into(),
                    |it| format!("the event's ref {it:?} is no branch, tag or pull request"),
                ),
            )
            .next("Let pull_request and push trigger the scan.")
            .paste("on:\n  pull_request:\n  push:\n    branches: [main]"),
        ),
        Obstacle::Mismatch { head, sha } => (
            Status::NoTarget,
            Failure::error(
                "Not uploaded: another commit",
                format!("The workspace holds commit {head}, but the workflow runs for {sha}."),
            )
            .because("Another ref was checked out, or the job made a commit; it is not known where that commit belongs.")
            .next("Check out what the event is about, or turn uploads off.")
            .paste("- uses: actions/checkout@v5\n  # without `ref:`"),
        ),
        Obstacle::NotSha1(sha) => (
            Status::NoTarget,
            Failure::error(
                "Not uploaded: no SHA-1 commit",
                format!("The commit {sha:?} is not 40 hexadecimal digits, and code scanning takes no other."),
            )
            .next("Turn uploads off.")
            .paste(OFF),
        ),
    };
    Refusal { status, failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(refusal: &Refusal) -> String {
        let Failure {
            title,
            what,
            cause,
            next,
            paste,
            ..
        } = &refusal.failure;
        let or = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".into());
        format!(
            "{:?}: {title}\n  {what}\n  {}\n  {}\n  {:?}\n",
            refusal.status,
            or(cause),
            or(next),
            or(paste)
        )
    }

    #[test]
    fn every_obstacle_says_what_to_do() {
        let obstacles = [
            Obstacle::Off,
            Obstacle::Desk,
            Obstacle::NoToken,
            Obstacle::Setup("GITHUB_API_URL is not usable: it must not hold credentials".into()),
            Obstacle::Event("workflow_run".into()),
            Obstacle::NoRef(None),
            Obstacle::NoRef(Some("main".into())),
            Obstacle::Mismatch {
                head: "2".repeat(40),
                sha: "1".repeat(40),
            },
            Obstacle::NotSha1("abc".into()),
        ];
        let texts = obstacles
            .iter()
            .map(|it| said(&obstacle(it)))
            .collect::<String>();
        insta::assert_snapshot!(texts);
    }

    #[test]
    fn every_answer_is_told_apart() {
        let fork = Circumstances {
            fork: true,
            ..Circumstances::default()
        };
        let dependabot = Circumstances {
            dependabot: true,
            ..Circumstances::default()
        };
        let private = Circumstances {
            private: Some(true),
            ..Circumstances::default()
        };
        let public = Circumstances {
            private: Some(false),
            ..Circumstances::default()
        };
        let unknown = Circumstances::default();
        let integration = "Resource not accessible by integration";
        let table = [
            (400, "Invalid SARIF. JSON syntax error", unknown),
            (401, "Bad credentials", unknown),
            (403, integration, unknown),
            (403, integration, fork),
            (403, integration, dependabot),
            (
                403,
                "Advanced Security must be enabled for this repository to use code scanning.",
                private,
            ),
            // A fork of a repository without code scanning: that is the cause, whoever asks.
            (
                403,
                "Code scanning is not enabled for this repository.",
                Circumstances {
                    private: Some(false),
                    ..fork
                },
            ),
            (
                403,
                "Code scanning is not enabled for this repository.",
                public,
            ),
            (
                403,
                "Code Security must be enabled for this repository to use code scanning.",
                unknown,
            ),
            (403, "Repository was archived so is read-only.", unknown),
            (403, "API rate limit exceeded for installation.", fork),
            (403, "Blocked by the company's proxy", unknown),
            (404, "Not Found", unknown),
            (413, "Payload too large", unknown),
            (422, "commit not found", unknown),
            (429, "Too Many Requests", unknown),
            (500, "Server Error", unknown),
            (503, "Service unavailable", unknown),
            (418, "I'm a teapot", unknown),
        ];
        let texts = table.iter().map(|(code, message, circumstances)| {
            let answer = Answer {
                request: "POST /repos/o/r/code-scanning/sarifs".into(),
                code: *code,
                message: (*message).into(),
                ..Answer::default()
            };
            said(&refusal(
                &answer.into(),
                "Upload of slipway/bandit/",
                *circumstances,
            ))
        });
        insta::assert_snapshot!(texts.collect::<String>());
    }
}
