//! Trivy's vulnerability database: found in the cache, or downloaded by one child and moved there
//! once it has proved to be one. Scanning children see it read-only.

mod bolt;
mod download;
mod metadata;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use jiff::Timestamp;

use self::download::Fault;
use self::metadata::Metadata;
use super::{Trivy, copy, unwritable};
use crate::git::Tracked;
use crate::outcome::{Failure, Result};
use crate::process::{Folder, Log, RunAs};
use crate::runner::cancel::Until;
use crate::runner::folder::{Folder as Directory, Refused};
use crate::runner::path::RelativePath;
use crate::security_scan::inputs::{Scanner, TrivyCheck};
use crate::security_scan::scan::{self, Gap, GapKind};
use crate::security_scan::scanners::{Job, gap};

/// The vulnerability database of this run.
#[derive(Debug)]
pub(super) enum Database {
    /// No check needs one.
    NotWanted,
    /// `cache/db`, `cache/java-db`; what is said of them in the summary.
    Ready {
        cache: Directory,
        notes: Vec<String>,
        described: Vec<scan::Database>,
    },
    Missing(Gap),
}

/// Exit 2 if `cache-directory` can't be trusted: reached by a link, or brought by the repository.
pub fn check_cache(job: &Job<'_>) -> Result<()> {
    if !wanted(job) {
        return Ok(());
    }
    let invalid = |what: String| {
        Failure::invalid("Invalid input `cache-directory`", what)
            .next("Give a folder that git ignores, such as .slipway-cache.")
    };
    if job.cache.is_root() {
        return Err(invalid(
            "`cache-directory: .` is the whole workspace".to_owned(),
        ));
    }
    let tracked = matches!(job.tracked, crate::git::Tracked::Paths(_))
        && job.tracked.holds(Path::new(job.cache.as_str()));
    if tracked {
        return Err(invalid(format!(
            "`cache-directory: {}` holds files that git tracks: a pull request could bring its own database",
            job.cache
        )));
    }
    let mut at = job.workspace.to_owned();
    for part in job.cache.parts().chain(["db"]) {
        at.push(part);
        if at.symlink_metadata().is_ok_and(|data| !data.is_dir()) {
            return Err(invalid(format!(
                "{} is a link or a file, not a folder: what lies behind it is not trusted",
                at.display()
            )));
        }
    }
    Ok(())
}

fn wanted(job: &Job<'_>) -> bool {
    job.request.scanners.contains(&Scanner::Trivy)
        && job.request.trivy_checks.contains(&TrivyCheck::Vuln)
}

/// Looks in the cache, and downloads what is not there or out of date.
pub(super) async fn acquire(trivy: &Trivy<'_>, log: &mut Log) -> Result<Database> {
    let job = trivy.job;
    if !wanted(job) {
        return Ok(Database::NotWanted);
    }
    let root = Directory::root(job.workspace)?;
    let now = Timestamp::now();
    let found = found(job, &root);
    if let Ok((cache, metadata)) = found {
        if job.inputs.offline || metadata.fresh(now) {
            return Ok(ready(cache, &metadata, now, None, None));
        }
        // Yesterday's database finds more than none.
        return Ok(match download::run(trivy, &root, log).await? {
            Ok((cache, metadata, repository)) => ready(cache, &metadata, now, repository, None),
            Err(fault) => ready(cache, &metadata, now, None, Some(fault.why())),
        });
    }
    if job.inputs.offline {
        return Ok(Database::Missing(missing(
            found.err(),
            "offline is true, so none was downloaded: restore cache-directory, or set offline: false",
        )));
    }
    Ok(match download::run(trivy, &root, log).await? {
        Ok((cache, metadata, repository)) => ready(cache, &metadata, now, repository, None),
        Err(fault) => {
            let next = match fault {
                Fault::Source(_) => {
                    "check that the registry can be reached, or name a mirror in the input database"
                }
                Fault::Cache(_) => {
                    "see to it that cache-directory can be written and has 1 GB of space, or name another"
                }
            };
            Database::Missing(missing(Some(fault.why().to_owned()), next))
        }
    })
}

/// The cache with a usable database, or why there is none.
fn found(job: &Job<'_>, root: &Directory) -> std::result::Result<(Directory, Metadata), String> {
    if let Some(why) = may_be_brought(job) {
        return Err(format!("it may have come with the tree: {why}"));
    }
    let cache = root.open(&job.cache).map_err(|failure| failure.what)?;
    let cache = cache.ok_or_else(|| "cache-directory is not there".to_owned())?;
    let metadata = usable(&cache, "db")?;
    Ok((cache, metadata))
}

/// Why a pull request could have put the cache there: in a workflow run, where git does not say
/// what is tracked (no repository, or one that can't be read). At a desk the tree is the user's.
fn may_be_brought<'a>(job: &Job<'a>) -> Option<&'a str> {
    let strangers = job.run_as == RunAs::Nobody || job.environment.in_runner();
    match job.tracked {
        Tracked::Unknown(why) if strangers && job.request.path.is_some() => Some(why),
        _ => None,
    }
}

fn missing(why: Option<String>, next: &str) -> Gap {
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    gap(
        GapKind::NoDatabase,
        format!("vulnerabilities were not looked for, because there is no usable database{why}"),
        Some(next),
    )
}

fn ready(
    cache: Directory,
    metadata: &Metadata,
    now: Timestamp,
    repository: Option<String>,
    failed: Option<&str>,
) -> Database {
    let mut notes = Vec::new();
    if let Some(why) = failed {
        notes.push(format!(
            "the vulnerability database is out of date, and the new one could not be had: {why}"
        ));
    } else if !metadata.fresh(now) {
        notes.push(format!(
            "the vulnerability database is {} days old, and offline is true",
            metadata.age_in_days(now)
        ));
    }
    let mut described = vec![metadata.describe("Trivy vulnerability database", repository)];
    // Only what the user has put there: nothing of ours downloads it.
    let java = file("java-db")
        .ok()
        .and_then(|name| cache.open(&name).ok()?);
    let java = java.and_then(|folder| Metadata::of_any(&folder).ok());
    described.extend(java.map(|it| it.describe("Trivy Java database", None)));
    Database::Ready {
        cache,
        notes,
        described,
    }
}

/// The metadata of the database in a folder, or why it can't be used.
pub(super) fn usable(parent: &Directory, name: &str) -> std::result::Result<Metadata, String> {
    let said = |refused: Refused| refused.what;
    let folder = parent.open(&file(name)?).map_err(said)?;
    let folder = folder.ok_or_else(|| "metadata.json is missing".to_owned())?;
    let metadata = Metadata::read(&folder)?;
    match folder.open_file(&file("trivy.db")?).map_err(said)? {
        Some(database) => bolt::check(database)?,
        None => return Err("trivy.db can't be opened: it is not there".to_owned()),
    }
    Ok(metadata)
}

fn file(name: &str) -> std::result::Result<RelativePath, String> {
    RelativePath::parse(name)
}

impl Database {
    /// For the report.
    pub(super) fn described(&self) -> Vec<scan::Database> {
        match self {
            Self::Ready { described, .. } => described.clone(),
            Self::NotWanted | Self::Missing(_) => Vec::new(),
        }
    }

    /// Makes the child's cache directory: links to the databases where it may read and not write
    /// them, copies otherwise. Both are ours, and the folder is not the child's to write.
    pub(super) fn show(
        &self,
        cache: &Path,
        folder: &Folder,
        run_as: RunAs,
        until: Until<'_>,
    ) -> Result<()> {
        if cache.exists() {
            return Ok(());
        }
        let make = || -> std::io::Result<()> {
            fs::create_dir(cache)?;
            fs::set_permissions(cache, PermissionsExt::from_mode(0o755))?;
            let Self::Ready { cache: source, .. } = self else {
                return Ok(());
            };
            for name in ["db", "java-db"] {
                let (from, to) = (source.path().join(name), cache.join(name));
                if !from.symlink_metadata().is_ok_and(|data| data.is_dir()) {
                    continue;
                }
                if run_as == RunAs::Ourselves || run_as.act(|| readable_not_writable(&from))? {
                    symlink(from, to)?;
                } else {
                    copy::copy(source, name, &to, until)?;
                }
            }
            Ok(())
        };
        debug_assert!(cache.starts_with(folder.given()));
        make().map_err(|error| unwritable(&error))
    }
}

/// Whether whoever asks may read every file of the folder, and change none.
fn readable_not_writable(folder: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let may = |path: &Path, access| accessat(CWD, path, access, AtFlags::EACCESS).is_ok();
    let files = fs::read_dir(folder);
    !may(folder, Access::WRITE_OK)
        && files.is_ok_and(|mut files| {
            files.all(|file| {
                file.is_ok_and(|file| {
                    let path = file.path();
                    may(&path, Access::READ_OK) && !may(&path, Access::WRITE_OK)
                })
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_may_change_is_copied() {
        if !crate::testing::needs_root() {
            return; // Only root can become another.
        }
        for (mode, linked) in [(0o644, true), (0o666, false), (0o600, false)] {
            let source = tempfile::tempdir().unwrap();
            let db = source.path().join("db");
            fs::create_dir(&db).unwrap();
            for (path, mode) in [(source.path(), 0o755), (&db, 0o755)] {
                fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
            }
            fs::write(db.join("trivy.db"), "x").unwrap();
            fs::set_permissions(db.join("trivy.db"), PermissionsExt::from_mode(mode)).unwrap();
            let folder = Folder::new("slipway-test-", RunAs::Nobody).unwrap();
            let cache = folder.given().join("cache");
            let database = Database::Ready {
                cache: Directory::root(source.path()).unwrap(),
                notes: Vec::new(),
                described: Vec::new(),
            };
            let until = Until {
                cancel: &tokio_util::sync::CancellationToken::new(),
                deadline: std::time::Instant::now() + std::time::Duration::from_mins(1),
            };
            database
                .show(&cache, &folder, RunAs::Nobody, until)
                .unwrap();
            assert_eq!(cache.join("db").is_symlink(), linked, "{mode:o}");
            let (read, write) = RunAs::Nobody
                .act(|| {
                    let file = cache.join("db/trivy.db");
                    (fs::read(&file).is_ok(), fs::write(&file, "y").is_ok())
                })
                .unwrap();
            assert_eq!((read, write), (true, false), "{mode:o}");
        }
    }
}
