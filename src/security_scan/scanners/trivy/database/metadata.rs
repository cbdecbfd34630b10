//! `metadata.json` beside the database. Source: `pkg/metadata` of
//! <https://github.com/aquasecurity/trivy-db>.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Directory, file};
use crate::security_scan::scan::Database;

/// The version of the database's format that Trivy 0.76 reads.
const SCHEMA: u32 = 2;
const LARGEST: u64 = 64 * 1024;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in super::super) struct Metadata {
    version: u32,
    next_update: Timestamp,
    updated_at: Timestamp,
    /// Go's zero time where Trivy did not download it.
    downloaded_at: Option<Timestamp>,
}

impl Metadata {
    /// Reads it, or says what is wrong with it or with the database that it describes.
    pub(super) fn read(folder: &Directory) -> Result<Self, String> {
        Self::of_any(folder)?.of_ours()
    }

    /// Reads that of the database for Java as well, which counts its versions for itself.
    pub(super) fn of_any(folder: &Directory) -> Result<Self, String> {
        match folder.read(&file("metadata.json")?, LARGEST) {
            Ok(Some(text)) => Self::parse(&text),
            Ok(None) => Err("metadata.json is missing".to_owned()),
            Err(failure) => Err(failure.what),
        }
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text)
            .map_err(|error| format!("metadata.json is not what Trivy writes: {error}"))
    }

    fn of_ours(self) -> Result<Self, String> {
        if self.version != SCHEMA {
            return Err(format!(
                "the database has schema version {}, and Trivy reads version {SCHEMA}",
                self.version
            ));
        }
        Ok(self)
    }

    /// Whether a download would bring nothing new; Trivy's own rule (`db.Client.NeedsUpdate`).
    pub(super) fn fresh(&self, now: Timestamp) -> bool {
        let hour = SignedDuration::from_hours(1);
        now < self.next_update
            || self
                .downloaded_at
                .is_some_and(|at| at <= now && now.duration_since(at) < hour)
    }

    /// For the report.
    pub(super) fn describe(&self, name: &'static str, repository: Option<String>) -> Database {
        Database {
            name,
            version: self.version,
            updated_at: self.updated_at,
            next_update: self.next_update,
            downloaded_at: self.downloaded_at.filter(|at| *at > Timestamp::UNIX_EPOCH),
            repository,
        }
    }

    pub(super) fn age_in_days(&self, now: Timestamp) -> i64 {
        now.duration_since(self.updated_at).as_hours() / 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness() {
        let metadata = |downloaded: &str| {
            let text = format!(
                r#"{{"Version":2,"NextUpdate":"2026-01-02T00:00:00.123456789Z","UpdatedAt":"2026-01-01T00:00:00Z","DownloadedAt":"{downloaded}"}}"#
            );
            Metadata::parse(text.as_bytes()).unwrap()
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let zero = metadata("0001-01-01T00:00:00Z");
        assert!(zero.fresh(at("2026-01-01T23:59:59Z")));
        assert!(!zero.fresh(at("2026-01-02T00:30:00Z")));
        assert_eq!(zero.age_in_days(at("2026-01-31T01:00:00Z")), 30);
        let now = metadata("2026-01-02T00:00:00Z");
        assert!(now.fresh(at("2026-01-02T00:30:00Z")));
        assert!(!now.fresh(at("2026-01-02T01:00:00Z")));
        // A clock that was wrong doesn't make it fresh for ever.
        assert!(!metadata("2030-01-01T00:00:00Z").fresh(at("2026-01-02T00:30:00Z")));
    }

    #[test]
    fn what_is_refused() {
        for (text, why) in [
            ("{", "not what Trivy writes"),
            (r#"{"Version":2}"#, "not what Trivy writes"),
            (
                r#"{"Version":3,"NextUpdate":"2026-01-02T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z"}"#,
                "schema version 3",
            ),
        ] {
            let read = Metadata::parse(text.as_bytes()).and_then(Metadata::of_ours);
            let error = read.unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
