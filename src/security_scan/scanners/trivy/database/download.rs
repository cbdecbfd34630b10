//! Downloading a database: a child does it in its own folder, slipway looks at what it brought
//! and puts it into the cache at once.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags, flock, mkdirat, openat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::super::Trivy;
use super::super::command::common;
use super::metadata::Metadata;
use super::{file, usable};
use crate::no_follow::{FOLDER, READING};
use crate::outcome::Result;
use crate::process::{Child, End, Folder, Log, Network, everything, run as child};
use crate::runner::cancel::Until;
use crate::runner::folder::Folder as Directory;
use crate::text;

/// The database has 50 to 120 MB; from a slow mirror that takes minutes.
const LIMIT: Duration = Duration::from_mins(10);
/// What a download or a replacement that was cut short leaves behind starts like this.
const UNFINISHED: &str = ".db-";
/// How long another run may take to put its database into the same cache: it copies 120 MB.
const PATIENCE: Duration = Duration::from_mins(1);

/// The cache, the database that was put there, and which of the repositories that were named it came
/// from.
type Taken = (Directory, Metadata, Option<String>);

/// Why there is no new database.
#[derive(Debug)]
pub(super) enum Fault {
    /// No repository gave one that can be used.
    Source(String),
    /// It was there, and could not be put into the cache.
    Cache(String),
}

impl Fault {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Source(why) | Self::Cache(why) => why,
        }
    }
}

/// Tries the repositories in order, for as long as it is they that are at fault.
pub(super) async fn run(
    trivy: &Trivy<'_>,
    root: &Directory,
    log: &mut Log,
) -> Result<std::result::Result<Taken, Fault>> {
    let repositories: Vec<Option<&str>> = match trivy.job.inputs.database.as_slice() {
        // Trivy's own, with its own fallback.
        [] => vec![None],
        named => named.iter().map(|name| Some(name.as_str())).collect(),
    };
    let mut errors = Vec::new();
    for repository in repositories {
        let folder = Folder::new("slipway-database-", trivy.job.run_as)?;
        let outcome = match fetch(trivy, &folder, repository, log).await? {
            Ok(()) => take(trivy, root, &folder).await,
            Err(why) => Err(Fault::Source(why)),
        };
        match outcome {
            Ok((cache, metadata)) => {
                let repository = repository.map(str::to_owned);
                return Ok(Ok((cache, metadata, repository)));
            }
            Err(fault @ Fault::Cache(_)) => return Ok(Err(fault)),
            Err(Fault::Source(why)) => errors.push(match repository {
                Some(name) => format!("{}: {why}", text::line(name)),
                None => why,
            }),
        }
        if trivy.cancel.is_cancelled() {
            break;
        }
    }
    Ok(Err(Fault::Source(errors.join("; "))))
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
            network: Network::Open,
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
            Some(line) => text::line(&line),
            None => format!("{other:?}"),
        }),
    })
}

/// Looks at what the child brought, and moves it into the cache.
async fn take(
    trivy: &Trivy<'_>,
    root: &Directory,
    folder: &Folder,
) -> std::result::Result<(Directory, Metadata), Fault> {
    let unusable = |why: String| Fault::Source(format!("what was downloaded can't be used: {why}"));
    // The child made every folder below its own.
    let home = Directory::root(&folder.home()).map_err(|failure| unusable(failure.what))?;
    let brought = home
        .open(&file("cache").map_err(unusable)?)
        .map_err(|failure| unusable(failure.what))?
        .ok_or_else(|| unusable("there is nothing".to_owned()))?;
    let metadata = usable(&brought, "db").map_err(unusable)?;
    let unplaced =
        |why: String| Fault::Cache(format!("it could not be put into cache-directory: {why}"));
    let cache = root
        .create(&trivy.job.cache)
        .map_err(|failure| unplaced(failure.what))?;
    let until = trivy.until();
    lock(&cache, PATIENCE, until).await.map_err(unplaced)?;
    let placed = place(&brought, &cache, until);
    // Closing it would unlock it as well, but this handle stays open for the whole run.
    let _ = flock(&cache, FlockOperation::Unlock);
    placed.map_err(|error| unplaced(error.to_string()))?;
    Ok((cache, metadata))
}

/// Keeps other runs from putting theirs into the same cache meanwhile. Where the file system knows
/// no locks, there is none.
async fn lock(
    cache: &Directory,
    patience: Duration,
    until: Until<'_>,
) -> std::result::Result<(), String> {
    let started = Instant::now();
    let deadline = until.deadline.min(started + patience);
    loop {
        match flock(cache, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                tokio::select! {
                    () = until.cancel.cancelled() => return Err("the run was cancelled".to_owned()),
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(format!(
                    "another process has held its lock for {} seconds",
                    started.elapsed().as_secs()
                ));
            }
            _ => return Ok(()),
        }
    }
}

/// Puts the two files into `db`: either the old pair stands there or the new one. The caller holds
/// the lock, so that whatever is unfinished there is left over.
fn place(brought: &Directory, cache: &Directory, until: Until<'_>) -> io::Result<()> {
    for entry in Dir::read_from(cache)? {
        let entry = entry?;
        if entry
            .file_name()
            .to_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            remove(cache, &entry.file_name().to_string_lossy());
        }
    }
    let name = format!("{UNFINISHED}{}", uuid::Uuid::new_v4());
    let placed = fill(brought, cache, &name, until).and_then(|()| exchange(cache, &name));
    // What could not be placed, or what stood there before.
    remove(cache, &name);
    placed
}

/// Makes a folder of the cache with copies of the two files.
fn fill(brought: &Directory, cache: &Directory, name: &str, until: Until<'_>) -> io::Result<()> {
    mkdirat(cache, name, Mode::from(0o755))?;
    let folder = openat(cache, name, FOLDER, Mode::empty())?;
    let from = openat(brought, "db", FOLDER, Mode::empty())?;
    for name in ["trivy.db", "metadata.json"] {
        let mut from = File::from(openat(&from, name, READING, Mode::empty())?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut to = File::from(openat(&folder, name, flags, Mode::from(0o644))?);
        until.copy(&mut from, &mut to)?;
        to.sync_all()?;
        cache.give(&to)?;
    }
    Ok(cache.give(&folder)?)
}

fn exchange(cache: &Directory, name: &str) -> io::Result<()> {
    match renameat_with(cache, name, cache, "db", RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => Ok(renameat(cache, name, cache, "db")?),
        other => Ok(other?),
    }
}

/// Removes a folder of files, as far as it can be: what is left stands in nobody's way.
fn remove(cache: &Directory, name: &str) {
    let inside = |folder: &OwnedFd| -> rustix::io::Result<()> {
        for entry in Dir::read_from(folder)? {
            let _ = unlinkat(folder, entry?.file_name(), AtFlags::empty());
        }
        Ok(())
    };
    if let Ok(folder) = openat(cache, name, FOLDER, Mode::empty()) {
        let _ = inside(&folder);
    }
    let _ = unlinkat(cache, name, AtFlags::REMOVEDIR);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Time enough.
    fn until(cancel: &CancellationToken) -> Until<'_> {
        let deadline = Instant::now() + Duration::from_mins(1);
        Until { cancel, deadline }
    }

    const PAIR: [&str; 2] = ["trivy.db", "metadata.json"];

    /// What a child brought, and an empty cache.
    fn folders() -> (tempfile::TempDir, Directory, Directory) {
        let folder = tempfile::tempdir().unwrap();
        for path in ["brought/db", "cache"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let open = |name: &str| Directory::root(&folder.path().join(name)).unwrap();
        let (brought, cache) = (open("brought"), open("cache"));
        (folder, brought, cache)
    }

    fn bring(brought: &Path, round: &str) {
        for name in PAIR {
            fs::write(brought.join("db").join(name), round).unwrap();
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_pair_is_replaced_at_once() {
        let (_folder, brought, cache) = folders();
        let cancel = CancellationToken::new();
        let until = until(&cancel);
        for left in [".db-left", ".db-other"] {
            fs::create_dir(cache.path().join(left)).unwrap();
            fs::write(cache.path().join(left).join("trivy.db"), "half").unwrap();
        }
        for round in ["first", "second"] {
            bring(brought.path(), round);
            place(&brought, &cache, until).unwrap();
            assert_eq!(names(cache.path()), ["db"]);
            for name in PAIR {
                let text = fs::read_to_string(cache.path().join("db").join(name)).unwrap();
                assert_eq!(text, round);
            }
        }
    }

    #[test]
    fn what_cannot_be_placed_leaves_the_old_pair_and_no_trace() {
        let (_folder, brought, cache) = folders();
        let cancel = CancellationToken::new();
        let until = until(&cancel);
        bring(brought.path(), "old");
        place(&brought, &cache, until).unwrap();
        // A link in place of the second file is not followed: the first was copied by then.
        let second = brought.path().join("db/metadata.json");
        fs::remove_file(&second).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &second).unwrap();
        assert!(place(&brought, &cache, until).is_err());
        assert_eq!(names(cache.path()), ["db"]);
        let text = fs::read_to_string(cache.path().join("db/trivy.db")).unwrap();
        assert_eq!(text, "old");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn runs_that_share_a_cache_take_turns() {
        let (folder, _, cache) = folders();
        let mut runs = tokio::task::JoinSet::new();
        for run in 0..4 {
            let at = folder.path().join(format!("brought{run}"));
            fs::create_dir_all(at.join("db")).unwrap();
            let cache = Directory::root(cache.path()).unwrap();
            runs.spawn(async move {
                let brought = Directory::root(&at).unwrap();
                let cancel = CancellationToken::new();
                let until = until(&cancel);
                for round in 0..10 {
                    bring(&at, &format!("{run} {round}"));
                    lock(&cache, PATIENCE, until).await.unwrap();
                    place(&brought, &cache, until).unwrap();
                    let pair = PAIR.map(|name| cache.path().join("db").join(name));
                    let [one, other] = pair.map(|path| fs::read_to_string(path).unwrap());
                    assert_eq!((&one, &other), (&format!("{run} {round}"), &one));
                    flock(&cache, FlockOperation::Unlock).unwrap();
                }
            });
        }
        runs.join_all().await;
        assert_eq!(names(cache.path()), ["db"]);
    }

    #[tokio::test]
    async fn a_lock_that_is_never_given_back_is_not_waited_for() {
        let (_folder, _, cache) = folders();
        let cancel = CancellationToken::new();
        let until = until(&cancel);
        let other = Directory::root(cache.path()).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        let error = lock(&cache, Duration::ZERO, until).await.unwrap_err();
        assert!(error.contains("held its lock"), "{error}");
        drop(other);
        assert_eq!(lock(&cache, Duration::ZERO, until).await, Ok(()));
    }

    #[tokio::test]
    async fn who_is_cancelled_neither_waits_for_the_lock_nor_copies() {
        let (_folder, brought, cache) = folders();
        bring(brought.path(), "new");
        let cancel = CancellationToken::new();
        let until = until(&cancel);
        let other = Directory::root(cache.path()).unwrap();
        flock(&other, FlockOperation::LockExclusive).unwrap();
        let (error, ()) = tokio::join!(lock(&cache, PATIENCE, until), async { cancel.cancel() });
        assert_eq!(error.unwrap_err(), "the run was cancelled");
        drop(other);
        place(&brought, &cache, until).unwrap_err();
        assert!(names(cache.path()).is_empty());
    }
}
