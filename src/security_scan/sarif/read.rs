//! SARIF of any tool, taken in: one [`Scan`] for each tool.
//!
//! All files and runs of one tool are merged. Whatever a run says of its category is passed over:
//! it gets the one of its tool ([`super::category::of`]) and can claim no other.
//!
//! A file that is no SARIF 2.1.0, a run without results, one that says that it did not succeed or
//! reports errors: each is a [`Gap`], and the scan incomplete. What was read of it is still
//! judged. Never a false green.

mod decode;
mod dialect;
mod lenient;
mod model;
mod place;
mod result;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

pub use decode::{MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES, too_large};
pub use place::Checkout;

use super::category;
use super::redact::Found;
use crate::security_scan::finding::Rule;
use crate::security_scan::scan::{Gap, GapKind, Ignores, Scan, Source, State, Tool};
use crate::text::cut;
use model::{Component, Invocation, Notification, Run};
use result::{Reader, Verdict};

/// Results of all files that are read: ten times what GitHub takes of one run. A file with more
/// than are left of it is refused.
pub const MAX_RESULTS: usize = 250_000;

/// A SARIF file of the workspace.
#[derive(Clone, Debug)]
pub struct File {
    /// Relative to the workspace.
    pub path: String,
    /// At most [`MAX_BYTES`], or why it could not be read, to follow its name: `is a link`,
    /// [`too_large`].
    pub content: Result<Vec<u8>, String>,
}

/// What files of SARIF hold.
#[derive(Debug, Default)]
pub struct Imported {
    /// One for each tool, by category.
    pub scans: Vec<Scan>,
    /// What finders of secrets showed: to be masked everywhere. It is in no text of the scans.
    pub secrets: Found,
}

/// Reads files of SARIF, whichever tools wrote them, one after another: no two are in memory.
/// `prefix` is that of all categories.
#[must_use]
pub fn read(
    files: impl IntoIterator<Item = File>,
    prefix: &str,
    checkout: Checkout<'_>,
) -> Imported {
    read_at_most(MAX_RESULTS, files, prefix, checkout)
}

fn read_at_most(
    most: usize,
    files: impl IntoIterator<Item = File>,
    prefix: &str,
    checkout: Checkout<'_>,
) -> Imported {
    let mut left = most;
    let mut merged = Merged {
        prefix,
        scans: BTreeMap::new(),
        secrets: Found::default(),
    };
    for file in files {
        let log = match &file.content {
            Ok(bytes) => decode::decode(bytes),
            Err(why) => Err(why.clone()),
        };
        match log {
            Ok(log) if results(&log) > left => {
                let many = results(&log);
                merged.refuse(
                    &file,
                    &format!("holds {many} results; of {most} that are read of all files, {left} are left"),
                );
            }
            Ok(log) => {
                left -= results(&log);
                let mut runs = 0;
                for run in log.runs.0.iter().flatten() {
                    runs += 1;
                    match run {
                        Some(run) => merged.add(run, &file.path, checkout),
                        None => merged.refuse(&file, "holds a run that is no object"),
                    }
                }
                if runs == 0 {
                    merged.refuse(&file, "holds no run: no tool says that it looked");
                }
            }
            Err(why) => merged.refuse(&file, &why),
        }
    }
    let mut scans: Vec<Scan> = merged.scans.into_values().collect();
    merged.secrets.clean(&mut scans, &mut []);
    Imported {
        scans,
        secrets: merged.secrets,
    }
}

fn results(log: &model::Log) -> usize {
    log.runs
        .iter()
        .filter_map(|run| run.results.0.as_ref())
        .map(Vec::len)
        .sum()
}

struct Merged<'a> {
    prefix: &'a str,
    scans: BTreeMap<String, Scan>,
    secrets: Found,
}

impl Merged<'_> {
    /// The scan of a tool, new or there already.
    fn scan(&mut self, tool: &str, file: &str) -> &mut Scan {
        let source = Source::Sarif(tool.to_owned());
        let category = category::of(&source, self.prefix, "");
        let scan = self
            .scans
            .entry(category)
            .or_insert_with_key(|category| Scan {
                source,
                target: file.to_owned(),
                category: category.clone(),
                tool: Tool {
                    name: tool.to_owned(),
                    version: None,
                    information_uri: None,
                },
                state: State::Complete,
                rules: BTreeMap::new(),
                findings: Vec::new(),
                notes: Vec::new(),
                inline_ignores: Ignores::default(),
                duration: Duration::ZERO,
            });
        if !scan.target.split(", ").any(|known| known == file) {
            scan.target = format!("{}, {file}", scan.target);
        }
        scan
    }

    /// A file that cannot be used is a scan of its own: which tool wrote it is not known.
    fn refuse(&mut self, file: &File, why: &str) {
        let gap = Gap {
            kind: GapKind::BadOutput,
            what: format!("{} {why}", file.path),
            next: Some(
                "look at the step that writes it: it must finish, and write SARIF 2.1.0".to_owned(),
            ),
        };
        let scan = self.scan(&file.path, &file.path);
        add_gaps(&mut scan.state, vec![gap]);
    }

    fn add(&mut self, run: &Run, file: &str, checkout: Checkout<'_>) {
        let tool = run.tool.0.as_deref();
        let driver = tool.and_then(|tool| tool.driver.0.as_deref());
        // Without a name (§3.19.8 asks for one) the file stands for the tool.
        let name = driver
            .and_then(|driver| driver.name.filled())
            .map_or(file, str::trim);
        let reader = Reader {
            tool: name,
            driver,
            rules: rules::Rules::new(tool),
            places: place::Places::new(checkout, run, file),
            file,
        };
        let mut secrets = std::mem::take(&mut self.secrets);
        let scan = self.scan(name, file);
        describe(&mut scan.tool, driver);
        let mut gaps = gaps(run, name, file);
        let mut outside = 0;
        for (result, number) in run.results.0.iter().flatten().zip(1..) {
            let Some(result) = result else {
                gaps.push(bad(format!(
                    "result {number} of {name} in {file} is no object"
                )));
                continue;
            };
            match reader.read(result, &mut secrets, &mut outside) {
                Verdict::Finding(finding, rule) => {
                    add_rule(&mut scan.rules, rule);
                    scan.findings.push(*finding);
                }
                Verdict::Ignored(ignore) => scan.inline_ignores.listed.push(ignore),
                Verdict::Nothing => {}
            }
        }
        if outside > 0 {
            scan.notes.push(format!(
                "{outside} results of {name} in {file} name a file that is not known to lie in \
                 the workspace: they are judged, but GitHub can show no source"
            ));
        }
        add_gaps(&mut scan.state, gaps);
        self.secrets = secrets;
    }
}

/// The first run that says something of the tool has said it.
fn describe(tool: &mut Tool, driver: Option<&Component>) {
    let Some(driver) = driver else { return };
    if tool.version.is_none() {
        let version = driver.version.filled().or(driver.semantic_version.filled());
        tool.version = version.map(str::to_owned);
    }
    if tool.information_uri.is_none() {
        tool.information_uri = driver.information_uri.filled().map(str::to_owned);
    }
}

/// A description beats none.
fn add_rule(rules: &mut BTreeMap<String, Rule>, rule: Rule) {
    let known = rules
        .get(&rule.id)
        .is_some_and(|known| known.short_description.is_some() || known.help.is_some());
    if !known {
        rules.insert(rule.id.clone(), rule);
    }
}

fn add_gaps(state: &mut State, new: Vec<Gap>) {
    if new.is_empty() {
        return;
    }
    if let State::Incomplete(gaps) = state {
        gaps.extend(new);
    } else {
        *state = State::Incomplete(new);
    }
}

fn bad(what: String) -> Gap {
    Gap {
        kind: GapKind::BadOutput,
        what,
        next: None,
    }
}

/// Why a run did not see everything.
fn gaps(run: &Run, tool: &str, file: &str) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if run.results.0.is_none() {
        // §3.14.23: a run that found nothing has an empty list.
        gaps.push(Gap {
            next: Some("look at the log of the step that runs it".to_owned()),
            ..bad(format!(
                "{tool} says nothing of results in {file}: it did not run to its end"
            ))
        });
    }
    let elsewhere = run.external_property_file_references.0.as_deref();
    if elsewhere.is_some_and(|external| external.results.iter().next().is_some()) {
        gaps.push(bad(format!(
            "results of {tool} in {file} are in other files, which are not read"
        )));
    }
    for invocation in run.invocations.iter() {
        gaps.extend(failed(invocation, tool, file));
        let notes = invocation.tool_execution_notifications.iter();
        let notes = notes.chain(invocation.tool_configuration_notifications.iter());
        gaps.extend(notes.filter_map(|note| error(note, tool, file)));
    }
    gaps
}

fn failed(invocation: &Invocation, tool: &str, file: &str) -> Option<Gap> {
    if invocation.execution_successful.0 != Some(false) {
        return None;
    }
    let code = invocation
        .exit_code
        .0
        .map(|code| format!(" with exit code {code}"))
        .unwrap_or_default();
    let why = invocation
        .exit_code_description
        .filled()
        .map(|why| format!(": {}", cut(why.trim(), 200)))
        .unwrap_or_default();
    Some(Gap {
        kind: GapKind::Crashed,
        what: format!("{tool} says in {file} that it failed{code}{why}"),
        next: Some("look at the log of the step that runs it".to_owned()),
    })
}

/// A notification of level error: a file that was not analysed, or the tool at its end.
fn error(note: &Notification, tool: &str, file: &str) -> Option<Gap> {
    if note.level.get() != Some("error") {
        return None;
    }
    let text = rules::text_of(note.message.0.as_deref()).unwrap_or_else(|| "an error".to_owned());
    let mut words = text.split_whitespace().map(str::to_ascii_lowercase);
    let unparsed = note.locations.iter().next().is_some()
        || words.any(|word| word.contains("pars") || word.contains("syntax"));
    Some(Gap {
        kind: if unparsed {
            GapKind::Unparsed
        } else {
            GapKind::BadOutput
        },
        what: format!("{tool} reports in {file}: {}", cut(&text, 300)),
        next: None,
    })
}

#[cfg(test)]
mod tests;
