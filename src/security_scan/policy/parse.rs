//! From bytes to a [`Policy`]: versioned, strict, every error with file, line and column.

use std::collections::{BTreeMap, HashMap};

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::options::{AliasLimits, MergeKeyPolicy};
use serde_saphyr::{Location, Options, Spanned, UserMessageFormatter};

use super::file::{LONGEST_OWNER, LONGEST_REASON, RawPolicy, RawRules, RawSuppression, VERSION};
use super::suppression::cve;
use super::{Matcher, Paths, Pattern, Policy, Rules, Scanner, Set, Suppression};
use crate::outcome::{Failure, Result};
use crate::security_scan::purl::Purl;

/// How far ahead a suppression may run. Whoever wants longer says so again within the year.
const LONGEST_DAYS: i64 = 366;
/// How many problems one message lists.
const MOST_PROBLEMS: usize = 10;

impl Policy {
    /// Reads a policy. `file` is its path for messages, `today` the day in UTC.
    ///
    /// Any error is [`crate::outcome::Outcome::Invalid`] and names file, line and column: not
    /// UTF-8, not YAML, a key that is unknown or given twice, a missing or wrong value, merge keys
    /// (`<<`), a suppression that covers nothing, covers what another covers, or
    /// runs further ahead than 366 days.
    pub fn parse(bytes: &[u8], file: &str, today: Date) -> Result<Self> {
        let text = decode(bytes, file)?;
        check_version(text, file)?;
        let raw: RawPolicy = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| yaml_failure(&error, file))?;
        let mut reader = Reader {
            latest: today.saturating_add(LONGEST_DAYS.days()),
            problems: Vec::new(),
        };
        let policy = reader.policy(raw, file);
        if reader.problems.is_empty() {
            Ok(policy)
        } else {
            Err(problems_failure(reader.problems, file))
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        // Nothing nests deeper than a suppression's value; the rest stops YAML bombs.
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_documents: 2,
            max_aliases: 1000,
            max_anchors: 1000,
        },
        alias_limits: {
            let mut limits = AliasLimits::default();
            limits.max_total_replayed_events = 100_000;
            limits
        },
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn decode<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        let start = good
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let column = 1 + String::from_utf8_lossy(&good[start..]).chars().count();
        invalid(file, format!("{file}:{line}:{column}: not UTF-8"))
    })
}

/// First of all, so that a file for a later release says so instead of failing at its first
/// unknown key.
fn check_version(text: &str, file: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        version: Option<Spanned<String>>,
    }
    let head: Head = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| yaml_failure(&error, file))?;
    match head.version {
        Some(version) if version.value == VERSION.to_string() => Ok(()),
        Some(version) => Err(invalid(
            file,
            format!(
                "{}: `version: {}` is not known to this release, which reads version {VERSION}",
                at(file, version.referenced),
                version.value
            ),
        )),
        None => Err(invalid(
            file,
            format!("{file}:1:1: `version` is missing: the file must say `version: {VERSION}`"),
        )),
    }
}

fn invalid(file: &str, what: String) -> Failure {
    Failure::invalid("Policy cannot be used", what).next(format!(
        "Correct {file}; its format is described by schemas/security-scan.policy.v1.json and the \
         README of security-scan."
    ))
}

fn yaml_failure(error: &serde_saphyr::Error, file: &str) -> Failure {
    let location = error.location();
    let message = error
        .without_snippet()
        .render_with_formatter(&UserMessageFormatter);
    // The place is said once, in the form that editors understand.
    let message = location.map_or(message.as_str(), |place| {
        let suffix = format!(" at line {}, column {}", place.line(), place.column());
        message
            .find(&suffix)
            .map_or(message.as_str(), |cut| &message[..cut])
    });
    let place = location.map_or_else(|| format!("{file}:1:1"), |place| at(file, place));
    invalid(file, format!("{place}: {message}"))
}

fn at(file: &str, place: Location) -> String {
    format!("{file}:{}:{}", place.line().max(1), place.column().max(1))
}

fn problems_failure(mut problems: Vec<Problem>, file: &str) -> Failure {
    problems.sort_by_key(|problem| (problem.place.line(), problem.place.column()));
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    let mut lines: Vec<String> = problems
        .iter()
        .take(MOST_PROBLEMS)
        .map(|problem| format!("{}: {}", at(file, problem.place), problem.what))
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    invalid(file, lines.join("\n"))
}

struct Problem {
    place: Location,
    what: String,
}

/// Turns the raw file into a policy and gathers all that is wrong with its values.
struct Reader {
    latest: Date,
    problems: Vec<Problem>,
}

impl Reader {
    fn policy(&mut self, raw: RawPolicy, file: &str) -> Policy {
        Policy {
            file: file.to_owned(),
            overall: Rules {
                fail_on: raw.fail_on.map(set),
                only_fixable: raw.only_fixable.map(set),
                on_incomplete: raw.on_incomplete.map(set),
                unparsed: raw.unparsed.map(set),
            },
            scanners: self.scanners(raw.scanners.unwrap_or_default()),
            suppressions: self.suppressions(raw.suppressions.unwrap_or_default()),
            paths: Paths {
                include: self.patterns("include", raw.include.unwrap_or_default()),
                exclude: self.patterns("exclude", raw.exclude.unwrap_or_default()),
            },
            inline_ignores: raw.inline_ignores.map(set),
            secret_allow_rules: raw.secret_allow_rules.map(set),
            credentials: raw.credentials.map(set),
        }
    }

    fn problem(&mut self, place: Location, what: String) {
        self.problems.push(Problem { place, what });
    }

    fn scanners(&mut self, raw: HashMap<Spanned<String>, RawRules>) -> Vec<Scanner> {
        let mut raw: Vec<_> = raw.into_iter().collect();
        raw.sort_by_key(|(name, _)| name.referenced.line());
        let mut scanners: Vec<Scanner> = Vec::new();
        for (name, rules) in raw {
            let place = name.referenced;
            if name.value.trim().is_empty() {
                self.problem(place, "a scanner needs a name".to_owned());
            }
            if let Some(other) = scanners
                .iter()
                .find(|other| other.name.eq_ignore_ascii_case(&name.value))
            {
                let what = format!(
                    "scanner `{}` is already set on line {} (case does not count)",
                    name.value, other.line
                );
                self.problem(place, what);
            }
            scanners.push(Scanner {
                name: name.value,
                line: line(place),
                rules: Rules {
                    fail_on: rules.fail_on.map(set),
                    only_fixable: rules.only_fixable.map(set),
                    on_incomplete: rules.on_incomplete.map(set),
                    unparsed: rules.unparsed.map(set),
                },
            });
        }
        scanners
    }

    fn patterns(&mut self, key: &str, raw: Vec<Spanned<String>>) -> Vec<Set<Pattern>> {
        raw.into_iter()
            .filter_map(|text| {
                let value = self.read(key, &text, Pattern::new)?;
                Some(Set {
                    value,
                    line: line(text.referenced),
                })
            })
            .collect()
    }

    fn suppressions(&mut self, raw: Vec<Spanned<RawSuppression>>) -> Vec<Suppression> {
        let mut first_lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut suppressions = Vec::new();
        for entry in raw {
            let place = entry.referenced;
            let Some(suppression) = self.suppression(&entry.value, place) else {
                continue;
            };
            let key = suppression.matcher.to_string();
            if let Some(first) = first_lines.get(&key) {
                let what = format!("covers the same as the suppression on line {first} ({key})");
                self.problem(place, what);
            } else {
                first_lines.insert(key, suppression.line);
            }
            suppressions.push(suppression);
        }
        suppressions
    }

    fn suppression(&mut self, raw: &RawSuppression, place: Location) -> Option<Suppression> {
        let before = self.problems.len();
        let matcher = Matcher {
            rule: self.optional("rule", raw.rule.as_ref(), word),
            path: self.optional("path", raw.path.as_ref(), Pattern::new),
            fingerprint: self.optional("fingerprint", raw.fingerprint.as_ref(), word),
            cve: self.optional("cve", raw.cve.as_ref(), cve),
            purl: self.optional("purl", raw.purl.as_ref(), Purl::new),
        };
        if let Some(fingerprint) = &raw.fingerprint {
            let beside = [("rule", &raw.rule), ("path", &raw.path)];
            let missing = beside.iter().filter(|(_, value)| value.is_none());
            let missing: Vec<_> = missing.map(|(key, _)| format!("`{key}`")).collect();
            if !missing.is_empty() {
                self.problem(
                    fingerprint.referenced,
                    format!(
                        "`fingerprint` alone could be met by code that its author made for it: \
                         add the finding's {} beside it",
                        missing.join(" and ")
                    ),
                );
            }
        }
        if matcher == Matcher::default() && self.problems.len() == before {
            self.problem(
                place,
                "the suppression covers nothing: give at least one of `rule`, `path`, `cve`, `purl`"
                    .to_owned(),
            );
        }
        for (key, value) in [
            ("owner", &raw.owner),
            ("reason", &raw.reason),
            ("expires", &raw.expires),
        ] {
            if value.is_none() {
                self.problem(place, format!("the suppression has no `{key}`"));
            }
        }
        let latest = self.latest;
        let owner = self.optional("owner", raw.owner.as_ref(), |text| {
            prose(text, LONGEST_OWNER)
        });
        let reason = self.optional("reason", raw.reason.as_ref(), |text| {
            prose(text, LONGEST_REASON)
        });
        let expires = self.optional("expires", raw.expires.as_ref(), |text| {
            last_day(text, latest)
        });
        (self.problems.len() == before).then_some(())?;
        Some(Suppression {
            line: line(place),
            matcher,
            owner: owner?,
            reason: reason?,
            expires: expires?,
        })
    }

    fn optional<T>(
        &mut self,
        key: &str,
        text: Option<&Spanned<String>>,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Option<T> {
        self.read(key, text?, read)
    }

    fn read<T>(
        &mut self,
        key: &str,
        text: &Spanned<String>,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Option<T> {
        read(&text.value)
            .map_err(|wrong| self.problem(text.referenced, format!("`{key}` {wrong}")))
            .ok()
    }
}

fn set<T>(spanned: Spanned<T>) -> Set<T> {
    Set {
        line: line(spanned.referenced),
        value: spanned.value,
    }
}

fn line(place: Location) -> u32 {
    u32::try_from(place.line()).unwrap_or(u32::MAX)
}

/// A name that is compared letter by letter.
fn word(text: &str) -> std::result::Result<String, String> {
    if text.trim().is_empty() {
        Err("is empty".to_owned())
    } else if text.trim() != text {
        Err("starts or ends with a space".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Text for people, as one line.
fn prose(text: &str, longest: usize) -> std::result::Result<String, String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err("is empty".to_owned()),
        length if length > longest => Err(format!(
            "has {length} characters; at most {longest} are allowed"
        )),
        _ => Ok(text),
    }
}

fn last_day(text: &str, latest: Date) -> std::result::Result<Date, String> {
    let date: Date = text
        .parse()
        .ok()
        .filter(|date: &Date| date.to_string() == text)
        .ok_or("is not a date such as 2026-12-31")?;
    if date > latest {
        return Err(format!(
            "is {date}, further ahead than {LONGEST_DAYS} days; the latest day allowed now is \
             {latest}"
        ));
    }
    Ok(date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::Outcome;
    use crate::security_scan::inputs::FailOn;
    use crate::security_scan::policy::{Credentials, InlineIgnores, SecretAllowRules};

    const TODAY: Date = date(2026, 1, 1);

    fn parse(yaml: &str) -> Result<Policy> {
        Policy::parse(yaml.as_bytes(), "p.yml", TODAY)
    }

    const WHOLE: &str = "\
# A comment
version: 1
fail-on: medium
only-fixable: true
on-incomplete: warn
unparsed: warn
scanners:
  bandit:
    fail-on: low
suppressions:
  - cve: cve-2024-12345
    path: backend/**
    owner: '@acme/platform'
    reason: |
      Not reachable:
      we never parse XML.
    expires: 2026-06-30

  - {rule: B101, owner: ann, reason: asserts in tests, expires: 2027-01-02, path: tests/, fingerprint: 'a:1'}
include:
  - src/
exclude: [vendor/, '**/generated/**']
inline-ignores: refuse
secret-allow-rules: none
credentials: refuse
";

    #[test]
    fn a_whole_file() {
        let policy = parse(WHOLE).unwrap();
        assert_eq!(policy.file, "p.yml");
        assert_eq!(
            policy.overall.fail_on,
            Some(Set {
                value: FailOn::Medium,
                line: 3
            })
        );
        assert_eq!(policy.overall.unparsed.map(|set| set.line), Some(6));
        assert_eq!(
            (policy.scanners[0].name.as_str(), policy.scanners[0].line),
            ("bandit", 8)
        );
        assert_eq!(
            policy.scanners[0].rules.fail_on.map(|set| set.line),
            Some(9)
        );
        let [first, second] = &policy.suppressions[..] else {
            panic!("two suppressions")
        };
        assert_eq!(first.line, 11);
        assert_eq!(
            first.matcher.to_string(),
            "cve: CVE-2024-12345, path: backend/**"
        );
        assert_eq!(first.reason, "Not reachable: we never parse XML.");
        assert_eq!(first.expires, date(2026, 6, 30));
        assert_eq!(second.line, 19);
        let lines = |list: &[Set<Pattern>]| list.iter().map(|set| set.line).collect::<Vec<_>>();
        assert_eq!(lines(&policy.paths.include), [21]);
        assert_eq!(lines(&policy.paths.exclude), [22, 22]);
        assert_eq!(policy.inline_ignores(), InlineIgnores::Refuse);
        assert_eq!(policy.secret_allow_rules(), SecretAllowRules::None);
        assert_eq!(policy.credentials(), Credentials::Refuse);
    }

    #[test]
    fn little_is_needed() {
        parse("version: 1").unwrap();
        let commented_out = "version: 1\nsuppressions:\nexclude:\nscanners:\nfail-on:\n";
        assert!(parse(commented_out).unwrap().suppressions.is_empty());
        parse("\u{feff}version: 1\r\nexclude:\r\n- a/\r\n").unwrap();
    }

    #[test]
    fn every_error_has_its_place() {
        let entry =
            "version: 1\nsuppressions:\n  - rule: B1\n    owner: o\n    reason: r\n    expires: ";
        let cases = [
            ("empty", String::new()),
            ("only a comment", "# nothing\n".into()),
            ("no version", "fail-on: high\n".into()),
            ("later version", "version: 2\nnew-key: 1\n".into()),
            ("version as text", "version: one\n".into()),
            ("not YAML", "version: 1\nexclude: [a\n".into()),
            ("tab", "version: 1\nscanners:\n\tbandit:\n".into()),
            ("a list", "- version: 1\n".into()),
            ("unknown key", "version: 1\nfail_on: high\n".into()),
            ("unknown key of a scanner", "version: 1\nscanners:\n  bandit:\n    failon: high\n".into()),
            ("unknown value", "version: 1\nfail-on: higher\n".into()),
            ("wrong case", "version: 1\nfail-on: High\n".into()),
            ("duplicate key", "version: 1\nfail-on: high\nfail-on: never\n".into()),
            ("YAML 1.1 boolean", "version: 1\nonly-fixable: yes\n".into()),
            ("two documents", "version: 1\n---\nversion: 1\n".into()),
            ("merge key", "version: 1\nscanners:\n  a: &a {fail-on: low}\n  b:\n    <<: *a\n".into()),
            ("foreign tag", "version: 1\nfail-on: !env FAIL_ON\n".into()),
            ("scanner twice", "version: 1\nscanners:\n  bandit: {fail-on: low}\n  Bandit: {fail-on: never}\n".into()),
            ("not a date", format!("{entry}soon\n")),
            ("date with time", format!("{entry}2026-01-31T00:00:00\n")),
            ("too far ahead", format!("{entry}2027-01-03\n")),
            ("no owner", "version: 1\nsuppressions:\n  - rule: B1\n    reason: r\n    expires: 2026-02-01\n  - rule: B2\n".into()),
            ("blank owner", "version: 1\nsuppressions:\n  - {rule: B1, owner: ' ', reason: r, expires: 2026-02-01}\n".into()),
            ("covers nothing", "version: 1\nsuppressions:\n  - {owner: o, reason: r, expires: 2026-02-01}\n".into()),
            ("a fingerprint alone", "version: 1\nsuppressions:\n  - fingerprint: 39fa2ee980eb94b0:1\n    owner: o\n    reason: r\n    expires: 2026-02-01\n".into()),
            ("a fingerprint without a path", format!("{entry}2026-02-01\n    cve: CVE-2024-1234\n    fingerprint: a:1\n")),
            ("a fingerprint without a rule", "version: 1\nsuppressions:\n  - {path: a, fingerprint: 'a:1', owner: o, reason: r, expires: 2026-02-01}\n".into()),
            ("unknown key of a suppression", format!("{entry}2026-02-01\n    until: never\n")),
            ("covered twice", format!("{entry}2026-02-01\n  - {{rule: B1, owner: p, reason: q, expires: 2026-03-01}}\n")),
            ("several at once", "version: 1\nexclude: [/abs, a]\nsuppressions:\n  - {cve: GHSA-1, purl: x, path: '[', owner: o, reason: r, expires: never}\n".into()),
        ];
        let told: Vec<_> = cases
            .iter()
            .map(|(name, yaml)| {
                let failure = parse(yaml).unwrap_err();
                assert_eq!(failure.outcome, Outcome::Invalid, "{name}");
                format!("{name}\n{}\n", failure.what)
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn bytes_that_are_not_text() {
        let failure = Policy::parse(b"version: 1\n# \xc3\xa4\xff\n", "p.yml", TODAY).unwrap_err();
        assert_eq!(failure.what, "p.yml:2:4: not UTF-8");
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let aliases: Vec<_> = (1..9)
            .map(|n| {
                let inner = vec![format!("*a{}", n - 1); 9].join(",");
                format!("k{n}: &a{n} [{inner}]")
            })
            .collect();
        let started = std::time::Instant::now();
        for bomb in [
            format!("version: 1\nk0: &a0 [x]\n{}", aliases.join("\n")),
            format!("version: 1\nexclude: {}", "[".repeat(10_000)),
            format!("version: 1\nexclude: {}x", "- ".repeat(10_000)),
            format!("version: 1\nexclude: {}", "{a: ".repeat(10_000)),
        ] {
            assert_eq!(parse(&bomb).unwrap_err().outcome, Outcome::Invalid);
        }
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn the_last_day_allowed_is_a_year_ahead() {
        let until = |day: &str| {
            parse(&format!(
                "version: 1\nsuppressions: [{{rule: B1, owner: o, reason: r, expires: {day}}}]"
            ))
        };
        assert!(until("2027-01-02").is_ok());
        assert!(until("2027-01-03").is_err());
        assert!(
            until("2001-01-01").is_ok(),
            "expired ones are judged, not refused"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Policy::parse(&bytes, "p.yml", TODAY);
        }

        /// Valid files with one stretch replaced reach far deeper than random bytes.
        #[test]
        fn no_edit_panics(at in 0..WHOLE.len(), cut in 0..40_usize, new in "[ -~\\n\\té]{0,20}") {
            let end = (at + cut).min(WHOLE.len());
            let text = format!("{}{new}{}", &WHOLE[..at], &WHOLE[end..]);
            if let Err(failure) = parse(&text) {
                prop_assert_eq!(failure.outcome, Outcome::Invalid);
                prop_assert!(failure.what.starts_with("p.yml:"), "{}", failure.what);
            }
        }
    }
}
