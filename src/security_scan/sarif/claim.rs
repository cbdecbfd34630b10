//! One category for one step of a job: GitHub would let a later analysis replace the earlier one and
//! close its alerts.
//!
//! Steps meet in `$RUNNER_TEMP`, where each category has a file. While a step runs it holds the
//! file's lock, which ends with the process however that ends; what it has to leave for later steps
//! it writes into the file ([`Claims::keep`]). So a step that was killed before it uploaded, and one
//! whose upload failed, stand in nobody's way.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::category::tool_name;
use crate::outcome::{Failure, Result};
use crate::runner::folder::Folder;

/// What is larger is not ours.
const LARGEST: u64 = 16 * 1024;

/// The categories that this step has to itself for as long as the value lives.
#[derive(Debug, Default)]
pub struct Claims {
    job: String,
    step: String,
    held: Vec<(String, File)>,
}

/// What stands in a category's file once an analysis of it may be on GitHub.
#[derive(Serialize, Deserialize)]
struct Claim {
    job: String,
    step: String,
    category: String,
    /// Whether it is known what GitHub has. If not, the same step may send it again: its analysis
    /// replaces its own.
    #[serde(default = "certain")]
    certain: bool,
}

fn certain() -> bool {
    true
}

impl Claims {
    /// Claims categories for step `step` of job `job`: all, or none. The job's name is one of this
    /// attempt of this run: `<run id>/<attempt>/<job>`.
    ///
    /// # Errors
    /// Invalid: another step of this job has one, or one is asked for twice. Error: `temp` cannot be
    /// used.
    pub fn take(temp: &Path, job: &str, step: &str, categories: &[String]) -> Result<Self> {
        let folder = Folder::root(temp)?;
        let mut claims = Self {
            job: job.to_owned(),
            step: step.to_owned(),
            held: Vec::new(),
        };
        for category in categories {
            if claims.held.iter().any(|(held, _)| held == category) {
                return Err(taken(category, "this step asks for it twice", step));
            }
            let mut file = folder.own_file(&name(category))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    let who = "another step that is still running has it";
                    return Err(taken(category, who, step));
                }
                // A file system without locks still remembers what was kept.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            if let Some(other) = claims.kept(&mut file, category) {
                let who = format!("step \"{other}\" of this job has it already");
                return Err(taken(category, &who, step));
            }
            claims.held.push((category.clone(), file));
        }
        Ok(claims)
    }

    /// The step that has left its name for this job's later ones; not this one itself, if it tries
    /// again what may have failed. What is not ours is passed over: other steps can write there.
    fn kept(&self, file: &mut File, category: &str) -> Option<String> {
        let mut text = Vec::new();
        file.take(LARGEST).read_to_end(&mut text).ok()?;
        let claim: Claim = serde_json::from_slice(&text).ok()?;
        let again = !claim.certain && claim.step == self.step;
        (claim.job == self.job && claim.category == category && !again).then_some(claim.step)
    }

    /// Keeps a category for the rest of the job. Call it before the first upload, when nothing is
    /// `certain` yet: who is killed during one may have sent it.
    ///
    /// # Errors
    /// Error: the file cannot be written.
    pub fn keep(&self, category: &str, certain: bool) -> Result<()> {
        let claim = Claim {
            job: self.job.clone(),
            step: self.step.clone(),
            category: category.to_owned(),
            certain,
        };
        self.write(category, serde_json::json!(claim).to_string().as_bytes())
    }

    /// Gives a category back to the steps that follow: nothing of it has reached GitHub.
    ///
    /// # Errors
    /// Error: the file cannot be written.
    pub fn give_back(&self, category: &str) -> Result<()> {
        self.write(category, b"")
    }

    fn write(&self, category: &str, text: &[u8]) -> Result<()> {
        let Some((_, file)) = self.held.iter().find(|(held, _)| held == category) else {
            return Ok(());
        };
        let write = |mut file: &File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text)
        };
        write(file).map_err(|error| {
            Failure::error(
                "Category not remembered",
                format!("{} in RUNNER_TEMP could not be written: {error}.", name(category)),
            )
            .because(format!(
                "It tells later steps of this job that the code scanning category \"{category}\" is taken."
            ))
            .next("Free some space on the runner.")
        })
    }
}

/// The name of a category's file in `$RUNNER_TEMP`.
fn name(category: &str) -> String {
    let hash = Sha256::digest(category.as_bytes());
    let hex = hash.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("slipway-category-{}.json", hex.collect::<String>())
}

fn taken(category: &str, who: &str, step: &str) -> Failure {
    let own: String = tool_name(step).chars().take(40).collect();
    Failure::invalid(
        "A category is used twice",
        format!("The code scanning category \"{category}\" is used twice: {who}."),
    )
    .because("A later analysis of a category replaces the earlier one and closes its alerts.")
    .next("Give one of the steps a `category` of its own, or scan both targets in one step.")
    .paste(format!("with:\n  category: slipway-{own}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDIT: &str = "slipway/bandit/";

    fn take(temp: &Path, job: &str, step: &str, categories: &[&str]) -> Result<Claims> {
        let categories: Vec<String> = categories.iter().map(|&it| it.to_owned()).collect();
        Claims::take(temp, job, step, &categories)
    }

    #[test]
    fn what_a_step_keeps_no_later_step_gets() {
        let temp = tempfile::tempdir().unwrap();
        let first = take(temp.path(), "1/1/build", "scan", &[BANDIT, "b/"]).unwrap();
        first.keep(BANDIT, true).unwrap();
        drop(first);
        let failure = take(temp.path(), "1/1/build", "again", &[BANDIT]).unwrap_err();
        assert_eq!(failure.outcome.code(), 2);
        assert_eq!(
            failure.what,
            "The code scanning category \"slipway/bandit/\" is used twice: step \"scan\" of this \
             job has it already."
        );
        take(temp.path(), "1/1/build", "again", &["b/"]).unwrap();
        // Another attempt, run or job starts afresh.
        take(temp.path(), "1/2/build", "scan", &[BANDIT]).unwrap();
    }

    #[test]
    fn a_step_that_uploaded_nothing_is_in_nobodys_way() {
        let temp = tempfile::tempdir().unwrap();
        // Killed before the upload, or nothing to keep.
        drop(take(temp.path(), "1/1/j", "killed", &[BANDIT]).unwrap());
        let failed = take(temp.path(), "1/1/j", "failed", &[BANDIT]).unwrap();
        failed.keep(BANDIT, true).unwrap();
        failed.give_back(BANDIT).unwrap();
        drop(failed);
        take(temp.path(), "1/1/j", "fallback", &[BANDIT]).unwrap();
    }

    #[test]
    fn what_may_have_failed_the_same_step_may_try_again() {
        let temp = tempfile::tempdir().unwrap();
        let claim = |step: &str| take(temp.path(), "1/1/j", step, &[BANDIT]);
        for _ in 0..2 {
            claim("scan").unwrap().keep(BANDIT, false).unwrap();
            assert!(claim("other").is_err());
        }
        claim("scan").unwrap().keep(BANDIT, true).unwrap();
        assert!(claim("scan").is_err());
    }

    #[test]
    fn of_two_steps_at_once_one_gets_it() {
        let temp = tempfile::tempdir().unwrap();
        let first = take(temp.path(), "1/1/j", "a", &[BANDIT]).unwrap();
        let failure = take(temp.path(), "1/1/j", "b", &["other/", BANDIT]).unwrap_err();
        assert_eq!(failure.outcome.code(), 2);
        assert!(failure.what.contains("still running"), "{failure}");
        // All or none.
        drop(take(temp.path(), "1/1/j", "c", &["other/"]).unwrap());
        drop(first);

        let (path, start) = (temp.path().to_owned(), std::sync::Barrier::new(8));
        let got = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        let claims = take(&path, "1/1/j", "x", &["race/"]);
                        // Nobody lets go before all have tried.
                        start.wait();
                        claims.is_ok()
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .filter(|got| *got)
                .count()
        });
        assert_eq!(got, 1);
    }

    #[test]
    fn one_step_asks_for_each_category_once() {
        let temp = tempfile::tempdir().unwrap();
        let failure = take(temp.path(), "1/1/j", "s", &[BANDIT, BANDIT]).unwrap_err();
        assert!(
            failure.what.contains("this step asks for it twice"),
            "{failure}"
        );
        take(temp.path(), "1/1/j", "t", &[BANDIT]).unwrap();
    }

    #[test]
    fn a_file_that_is_not_ours_does_no_harm() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(name(BANDIT));
        let keep =
            || take(temp.path(), "1/1/j", "s", &[BANDIT]).and_then(|it| it.keep(BANDIT, true));
        for content in [
            &b"\xff\xfe"[..],
            b"{}",
            br#"{"job":"1/1/j","step":"s","category":"another/"}"#,
            &vec![b'['; 50_000],
            &vec![0; 2 << 20],
        ] {
            std::fs::write(&path, content).unwrap();
            keep().unwrap();
            assert!(keep().is_err(), "ours now");
            std::fs::remove_file(&path).unwrap();
        }
        let outside = temp.path().join("outside");
        std::fs::write(&outside, "untouched").unwrap();
        std::os::unix::fs::symlink(&outside, &path).unwrap();
        keep().unwrap();
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "untouched");
        assert!(keep().is_err());
    }
}
