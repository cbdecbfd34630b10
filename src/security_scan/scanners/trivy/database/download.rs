//! Downloading a database: a child does it in its own folder, slipway looks at what it brought
//! and puts it into the cache at once.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::{Trivy, common};
use super::metadata::Metadata;
use super::usable;
use crate::outcome::Result;
use crate::process::{Child, End, Folder, Log, everything, run as child};
use crate::runner::folder::Folder as Directory;
use crate::security_scan::scanners::printable;

/// The database has 50 to 120 MB; from a slow mirror that takes minutes.
const LIMIT: Duration = Duration::from_mins(10);
/// What a download or a replacement that was cut short leaves behind starts like this.
const UNFINISHED: &str = ".db-";

/// Tries the repositories in order; the inner error says why none gave a usable database.
pub(super) async fn run(
    trivy: &Trivy<'_>,
    root: &Directory,
    log: &mut Log,
) -> Result<std::result::Result<Metadata, String>> {
    let repositories: Vec<Option<&str>> = match trivy.job.inputs.database.as_slice() {
        // Trivy's own, with its own fallback.
        [] => vec![None],
        named => named.iter().map(|name| Some(name.as_str())).collect(),
    };
    let mut errors = Vec::new();
    for repository in repositories {
        let folder = Folder::new("slipway-database-", trivy.job.run_as)?;
        let outcome = match fetch(trivy, &folder, repository, log).await? {
            Ok(()) => take(trivy, root, &folder.home().join("cache/db"))?,
            Err(why) => Err(why),
        };
        match outcome {
            Ok(metadata) => return Ok(Ok(metadata)),
            Err(why) => errors.push(match repository {
                Some(name) => format!("{}: {why}", printable(name)),
                None => why,
            }),
        }
        if trivy.cancel.is_cancelled() {
            break;
        }
    }
    Ok(Err(errors.join("; ")))
}

async fn fetch(
    trivy: &Trivy<'_>,
    folder: &Folder,
    repository: Option<&str>,
    log: &mut Log,
) -> Result<std::result::Result<(), String>> {
    let deadline = trivy.job.deadline.min(Instant::now() + LIMIT);
    let mut args: Vec<OsString> = vec!["image".into(), "--download-db-only".into()];
    args.extend(common(&folder.home().join("cache"), deadline));
    if let Some(repository) = repository {
        let mut flag = OsString::from("--db-repository=");
        flag.push(repository);
        args.push(flag);
    }
    let ended = child(
        Child {
            program: trivy.program.clone(),
            args,
            path: trivy.job.programs().path(),
            env: trivy.job.network(),
            folder,
            deadline,
            cap: 1024 * 1024,
            keep: everything,
        },
        trivy.cancel,
    )
    .await?;
    log.append(&ended.log, str::to_owned);
    Ok(match ended.end {
        End::Code(0) => Ok(()),
        End::TimedOut => Err(format!(
            "not done after {} seconds",
            ended.duration.as_secs()
        )),
        other => Err(match ended.log.last() {
            Some(line) => printable(&line),
            None => format!("{other:?}"),
        }),
    })
}

/// Looks at what the child brought, and moves it into the cache.
fn take(
    trivy: &Trivy<'_>,
    root: &Directory,
    brought: &Path,
) -> Result<std::result::Result<Metadata, String>> {
    let metadata = match usable(brought) {
        Ok(metadata) => metadata,
        Err(why) => return Ok(Err(format!("what was downloaded can't be used: {why}"))),
    };
    let cache = root.create(&trivy.job.cache)?;
    Ok(place(brought, cache.path(), root.path())
        .map(|()| metadata)
        .map_err(|error| format!("it could not be put into cache-directory: {error}")))
}

/// Puts the two files into `cache/db`: either the old pair stands there or the new one.
fn place(brought: &Path, cache: &Path, workspace: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cache)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let owner = fs::metadata(workspace)?;
    let ours = |path: &Path| -> io::Result<()> {
        if rustix::process::geteuid().is_root() {
            chown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    };
    let new = cache.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4()));
    fs::create_dir(&new)?;
    for name in ["trivy.db", "metadata.json"] {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut from = fs::File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(brought.join(name))?;
        let path = new.join(name);
        let mut to = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        ours(&path)?;
    }
    ours(&new)?;
    let db = cache.join("db");
    if db.symlink_metadata().is_err() {
        return fs::rename(&new, &db);
    }
    renameat_with(CWD, &new, CWD, &db, RenameFlags::EXCHANGE)?;
    fs::remove_dir_all(&new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_is_replaced_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (brought, cache) = (folder.path().join("brought"), folder.path().join("cache"));
        for path in [&brought, &cache, &cache.join(".db-left")] {
            fs::create_dir(path).unwrap();
        }
        for round in ["first", "second"] {
            for name in ["trivy.db", "metadata.json"] {
                fs::write(brought.join(name), format!("{round} {name}")).unwrap();
            }
            place(&brought, &cache, folder.path()).unwrap();
            assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
            for name in ["trivy.db", "metadata.json"] {
                let text = fs::read_to_string(cache.join("db").join(name)).unwrap();
                assert_eq!(text, format!("{round} {name}"));
            }
        }
        // A link in place of a file is not followed.
        fs::remove_file(brought.join("trivy.db")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", brought.join("trivy.db")).unwrap();
        assert!(place(&brought, &cache, folder.path()).is_err());
        assert_eq!(
            fs::read_to_string(cache.join("db/trivy.db")).unwrap(),
            "second trivy.db"
        );
    }
}
