//! One result of SARIF as a finding.

use serde_json::json;
use serde_sarif::sarif as s;

use super::dialect;
use super::lenient::Number;
use super::model::{Component, Location, Message, PhysicalLocation, Properties, Result};
use super::place::{Place, Places};
use super::rules::{self, Rules};
use crate::security_scan::finding::{self, Finding, Flows, Kind, Rule};
use crate::security_scan::sarif::redact::Found;
use crate::security_scan::sarif::{limits, write};
use crate::security_scan::scan::InlineIgnore;
use crate::security_scan::severity::rating::{self, Dialect, Stated};
use crate::text::cut;

/// What a result comes to.
pub(super) enum Verdict {
    Finding(Box<Finding>, Rule),
    /// Suppressed in the source, or by the tool's own list.
    Ignored(InlineIgnore),
    /// Nothing wrong: passed, not applicable, gone since the baseline.
    Nothing,
}

/// What all results of a run have in common.
pub(super) struct Reader<'a> {
    pub(super) tool: &'a str,
    pub(super) driver: Option<&'a Component>,
    pub(super) rules: Rules<'a>,
    pub(super) places: Places<'a>,
    /// The SARIF file: where a result is that names no place.
    pub(super) file: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads a result; counts in `outside` those whose file is not known to be in the workspace.
    pub(super) fn read(
        &self,
        result: &'a Result,
        found: &mut Found,
        outside: &mut usize,
    ) -> Verdict {
        // §3.27.9: only these evaluate to a problem, or may.
        let kind = result.kind.get().unwrap_or("fail");
        if !matches!(kind, "fail" | "open" | "review")
            || result.baseline_state.get() == Some("absent")
        {
            return Verdict::Nothing;
        }
        let place = self.place(result);
        if let Some(ignored) = self.ignored(result, &place.path) {
            return Verdict::Ignored(ignored);
        }
        *outside += usize::from(place.outside);
        let (finding, rule) = self.finding(result, place.path, found);
        Verdict::Finding(Box::new(finding), rule)
    }

    fn finding(&self, result: &'a Result, path: String, found: &mut Found) -> (Finding, Rule) {
        let (id, descriptor) = self.rules.of(result);
        let properties = result.properties.0.as_deref();
        let rule_properties = descriptor.and_then(|rule| rule.properties.0.as_deref());
        let own = properties.and_then(|properties| properties.slipway.0.as_deref());
        let rule = rules::rule(&id, descriptor);
        let message = rules::message(result.message.0.as_deref(), descriptor, self.driver)
            .or_else(|| rule.short_description.clone())
            .unwrap_or_else(|| id.clone());
        let kind = dialect::kind(self.tool, &id, descriptor, own);
        let (word, confidence) = dialect::words(self.tool, &message, properties);
        let score = |properties: Option<&Properties>| properties?.security_severity.0;
        let rating = rating::imported(&Stated {
            tool: self.tool,
            rule: &id,
            level: result.level.get().or_else(|| {
                let configuration = descriptor?.default_configuration.0.as_deref()?;
                configuration.level.get()
            }),
            score: score(properties).or_else(|| score(rule_properties)),
            word,
            confidence,
            secret: kind == Kind::Secret,
        });
        let package = dialect::package(self.tool, kind, &message, properties);
        if kind == Kind::Secret {
            learn_snippets(result, found);
        }
        let region = self
            .region(result, kind)
            .filter(|_| own.and_then(|own| own.line.0) != Some(false));
        let message = found.clean_message(self.tool, &id, kind, &message);
        let finding = Finding {
            kind,
            severity: rating.severity,
            score: rating.score,
            message: cut(&message, limits::MESSAGE),
            location: finding::Location { path, region },
            package,
            aliases: own.map(|own| own.aliases.0.clone()).unwrap_or_default(),
            given_fingerprint: result
                .partial_fingerprints
                .0
                .as_deref()
                .and_then(|prints| prints.primary_location_line_hash.filled())
                .map(str::to_owned),
            fingerprint: String::new(),
            flows: self.flows(result),
            rule: id,
        };
        (finding, rule)
    }

    /// The first location is the one that GitHub shows.
    fn place(&self, result: &Result) -> Place {
        result
            .locations
            .iter()
            .filter_map(|location| location.physical_location.0.as_deref())
            .find_map(|physical| self.places.of(physical.artifact_location.0.as_deref()?))
            .or_else(|| self.places.of(result.analysis_target.0.as_deref()?))
            .unwrap_or_else(|| Place {
                path: self.file.to_owned(),
                outside: false,
            })
    }

    fn region(&self, result: &Result, kind: Kind) -> Option<finding::Region> {
        let physical = physical(result)?;
        let region = region(physical)?;
        // Trivy names line 1 where it knows none, and packages of a lock file have one of their
        // own or none.
        let no_line = Dialect::of(self.tool) == Dialect::Trivy
            && matches!(kind, Kind::Vulnerability | Kind::License)
            && (region.start_line, region.end_line, region.end_column) == (1, 1, 1);
        (!no_line).then_some(region)
    }

    /// A suppression counts unless it was turned down or is being looked at (§3.35.3).
    fn ignored(&self, result: &'a Result, path: &str) -> Option<InlineIgnore> {
        let suppression = result
            .suppressions
            .iter()
            .find(|suppression| matches!(suppression.status.get(), None | Some("accepted")))?;
        let kind = match suppression.kind.get() {
            Some("external") => "suppressed outside the source",
            _ => "suppressed in the source",
        };
        let (rule, _) = self.rules.of(result);
        let why = suppression
            .justification
            .filled()
            .unwrap_or("no reason given");
        let line = physical(result).and_then(region);
        Some(InlineIgnore {
            path: path.into(),
            line: line.map_or(1, |region| region.start_line),
            text: cut(&format!("{} {rule}, {kind}: {why}", self.tool), 200),
        })
    }

    fn flows(&self, result: &Result) -> Flows {
        let mut room = limits::THREAD_FLOW_LOCATIONS;
        let code_flows = result.code_flows.iter().filter_map(|flow| {
            let threads: Vec<s::ThreadFlow> = flow
                .thread_flows
                .iter()
                .filter_map(|thread| {
                    let locations: Vec<s::ThreadFlowLocation> = thread
                        .locations
                        .iter()
                        .filter_map(|step| {
                            let mut location = s::ThreadFlowLocation::builder()
                                .location(self.location(step.location.0.as_deref()?)?)
                                .build();
                            location.importance = step
                                .importance
                                .get()
                                .filter(|it| {
                                    matches!(*it, "essential" | "important" | "unimportant")
                                })
                                .map(|importance| json!(importance));
                            location.nesting_level = integer(step.nesting_level);
                            Some(location)
                        })
                        .take(room)
                        .collect();
                    room -= locations.len();
                    let mut flow = s::ThreadFlow::builder().locations(locations).build();
                    flow.message = message(thread.message.0.as_deref());
                    (!flow.locations.is_empty()).then_some(flow)
                })
                .collect();
            let mut out = s::CodeFlow::builder().thread_flows(threads).build();
            out.message = message(flow.message.0.as_deref());
            (!out.thread_flows.is_empty()).then(|| serde_json::to_value(out).ok())?
        });
        Flows {
            code_flows: code_flows.collect(),
            related_locations: result
                .related_locations
                .iter()
                .filter_map(|location| {
                    let mut out = self.location(location)?;
                    // Links in the message point to it.
                    out.id = integer(location.id);
                    serde_json::to_value(out).ok()
                })
                .take(limits::LOCATIONS)
                .collect(),
        }
    }

    /// Without snippets and properties; none where it names no file.
    fn location(&self, location: &Location) -> Option<s::Location> {
        let physical = location.physical_location.0.as_deref()?;
        let place = self.places.of(physical.artifact_location.0.as_deref()?)?;
        let mut out = s::PhysicalLocation::builder()
            .artifact_location(write::artifact(&place.path))
            .build();
        out.region = region(physical).map(write::region);
        let mut out = s::Location::builder().physical_location(out).build();
        out.message = message(location.message.0.as_deref());
        Some(out)
    }
}

fn physical(result: &Result) -> Option<&PhysicalLocation> {
    result
        .locations
        .iter()
        .next()?
        .physical_location
        .0
        .as_deref()
}

fn message(message: Option<&Message>) -> Option<s::Message> {
    rules::text_of(message).map(|text| s::Message::from(cut(&text, limits::MESSAGE).as_str()))
}

/// A whole number from 0.
fn integer(number: Number) -> Option<i64> {
    i64::try_from(number.index()?).ok()
}

/// The lines of a region; one without is not about lines. Missing numbers follow from the others,
/// an end before the start is the start (§3.30).
fn region(physical: &PhysicalLocation) -> Option<finding::Region> {
    let region = physical.region.0.as_deref()?;
    let start_line = region.start_line.position()?;
    let end_line = region
        .end_line
        .position()
        .unwrap_or(start_line)
        .max(start_line);
    let start_column = region.start_column.position().unwrap_or(1);
    let least = if end_line == start_line {
        start_column
    } else {
        1
    };
    Some(finding::Region {
        start_line,
        start_column,
        end_line,
        end_column: region.end_column.position().unwrap_or(least).max(least),
    })
}

/// What a finder of secrets shows is the secret.
fn learn_snippets(result: &Result, found: &mut Found) {
    let regions = result
        .locations
        .iter()
        .chain(result.related_locations.iter())
        .filter_map(|location| location.physical_location.0.as_deref()?.region.0.as_deref());
    for region in regions {
        if let Some(text) = region
            .snippet
            .0
            .as_deref()
            .and_then(|snippet| snippet.text.get())
        {
            found.learn_snippet(text);
        }
    }
}
