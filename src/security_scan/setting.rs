//! What is asked, where, and by which means: everything that is checked before anything runs.

use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::handed::Handed;
use super::inputs::Inputs;
use super::request::Request;
use super::scanners::trivy::image::Target;
use crate::git::{self, Tracked};
use crate::github::{Client, Config};
use crate::outcome::{Failure, Result};
use crate::process::{Place, RunAs};
use crate::results::Results;
use crate::runner::Session;
use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;

/// The checked inputs and what surrounds them. Nothing in it changes during the run.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    pub inputs: &'a Inputs,
    pub session: &'a Session,
    pub request: Request,
    pub workspace: Folder,
    pub policy: RelativePath,
    pub cache: RelativePath,
    /// `output-directory`: never scanned.
    pub output: RelativePath,
    pub results: Results,
    pub tracked: Tracked,
    /// The commit that is checked out.
    pub head: Option<String>,
    pub run_as: RunAs,
    /// None without a token or at a desk.
    pub github: Option<Client>,
    pub started: Timestamp,
    /// The same moment, for durations: the clock on the wall may be set.
    pub began: Instant,
}

impl<'a> Setting<'a> {
    /// Checks everything that can be wrong before anything runs.
    ///
    /// # Errors
    /// Invalid: an input is wrong, or names a place that must not be written. Error: the
    /// environment lacks what no run can do without.
    pub(crate) fn check(inputs: &'a Inputs, session: &'a Session) -> Result<Self> {
        let request = Request::check(inputs, &session.workspace)?;
        let inside = |input, text: &str| session.workspace.inside(input, text);
        let policy = inside("policy", &inputs.policy)?;
        let cache = inside("cache-directory", &inputs.cache_directory)?;
        let output = inside("output-directory", &inputs.output_directory)?;
        let tracked = git::tracked(&session.workspace.path);
        own_folder("cache-directory", &cache, request.path.as_ref())?;
        own_folder("output-directory", &output, request.path.as_ref())?;
        if output.contains(&cache) || cache.contains(&output) {
            return Err(Failure::invalid(
                "Invalid input `output-directory`",
                format!("`output-directory: {output}` and `cache-directory: {cache}` lie within each other."),
            )
            .next("Give each a folder of its own."));
        }
        let results = Results::open(session, super::ACTION, &output, &tracked)?;
        let setting = Self {
            inputs,
            session,
            request,
            workspace: Folder::root(&session.workspace.path)?,
            policy,
            cache,
            output,
            results,
            tracked,
            head: git::head(&session.workspace.path),
            run_as: RunAs::choose(Place::here(&session.environment))?,
            github: client(inputs, session)?,
            started: Timestamp::now(),
            began: Instant::now(),
        };
        let archives = setting.request.images.iter().filter_map(Target::archive);
        setting.handed().check("images", archives)?;
        Ok(setting)
    }

    /// How far files in the workspace are taken for what a step of this run has made.
    #[must_use]
    pub(crate) fn handed(&self) -> Handed<'_> {
        let in_run = self.session.environment.in_runner() || self.run_as == RunAs::Nobody;
        Handed::new(&self.session.workspace.path, in_run, &self.request)
    }

    /// The day on which suppressions are judged: UTC.
    #[must_use]
    pub(crate) fn today(&self) -> Date {
        TimeZone::UTC.to_datetime(self.started).date()
    }
}

fn client(inputs: &Inputs, session: &Session) -> Result<Option<Client>> {
    let (Some(context), Some(token)) = (&session.context, &inputs.token) else {
        return Ok(None);
    };
    let address = context.api_url.as_str().trim_end_matches('/');
    let config = Config::new(address, Some(token.clone()));
    Client::new(config, session.cancel.clone())
        .map(Some)
        .map_err(|error| error.failure("GitHub's API cannot be used", "contents: read"))
}

/// What we write is never scanned, so it must not hold what is to be scanned.
fn own_folder(input: &str, folder: &RelativePath, path: Option<&RelativePath>) -> Result<()> {
    let holds = folder.is_root() || path.is_some_and(|path| folder.contains(path));
    if !holds {
        return Ok(());
    }
    Err(Failure::invalid(
        format!("Invalid input `{input}`"),
        format!("`{input}: {folder}` holds what is to be scanned, and is itself never scanned."),
    )
    .next("Name a folder of its own, such as the default."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_folders_hold_nothing_to_scan() {
        let path = |text| RelativePath::parse(text).unwrap();
        assert!(own_folder("output-directory", &path("out"), Some(&path("."))).is_ok());
        assert!(own_folder("output-directory", &path("."), None).is_err());
        assert!(own_folder("output-directory", &path("src"), Some(&path("src/app"))).is_err());
        assert!(own_folder("output-directory", &path("src"), None).is_ok());
    }
}
