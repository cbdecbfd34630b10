//! The gate: which findings close it, and by which line of which policy.
//!
//! A finding is judged in this order; the first that applies decides:
//!
//! 1. A suppression in force covers it: allowed.
//! 2. `fail-on: never`: allowed.
//! 3. Its severity is below `fail-on`: allowed. `low` and `any` reach down to unknown severity.
//! 4. `only-fixable`, and it is a vulnerability of a package without a fixed version: allowed.
//! 5. Blocked. If an expired suppression covers it, that and its owner are named.
//!
//! Where inline ignores are refused, each one that hid something (Bandit's hide nothing then)
//! is blocked as well, unless a suppression covers it (`rule: inline-ignore`) or `fail-on` is
//! `never`. Those that are too many to be listed are blocked together, and no suppression covers them.
//!
//! The run has `failed` if anything is blocked; else it is `incomplete` if a scan did not see
//! everything and nobody accepted that (whatever `fail-on` says), or if nothing was scanned; else
//! it has `passed`.

use jiff::civil::Date;

use super::{
    Because, Counts, Coverage, Decision, IdleScanner, Item, Judgement, ScanVerdict, Standing,
    SuppressionUse,
};
use crate::outcome::Outcome;
use crate::security_scan::finding::{Finding, Kind};
use crate::security_scan::inputs::{FailOn, Inputs, OnIncomplete};
use crate::security_scan::policy::{InlineIgnores, Policy, Ruled, Set, Subject, Suppression};
use crate::security_scan::scan::{InlineIgnore, Scan, Source, State};
use crate::security_scan::severity::Severity;

/// `rule` of a refused inline ignore, for suppressions.
pub const INLINE_IGNORE: &str = "inline-ignore";
/// How long before its end a suppression is mentioned.
const EXPIRING_DAYS: i64 = 14;

/// What the inputs say where the policy is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub fail_on: FailOn,
    pub only_fixable: bool,
    pub on_incomplete: OnIncomplete,
}

impl From<&Inputs> for Settings {
    fn from(inputs: &Inputs) -> Self {
        Self {
            fail_on: inputs.fail_on,
            only_fixable: inputs.only_fixable,
            on_incomplete: inputs.on_incomplete,
        }
    }
}

/// Judges everything. `today` is the day in UTC. Pass scans through [`super::settle()`] and the
/// fingerprint pass first.
#[must_use]
pub fn judge(scans: &[Scan], policy: &Policy, settings: &Settings, today: Date) -> Judgement {
    let mut gate = Gate {
        policy,
        settings,
        today,
        matched: vec![0; policy.suppressions.len()],
    };
    let mut decisions = Vec::new();
    let mut verdicts = Vec::new();
    let mut counts = Counts::default();
    for (index, scan) in scans.iter().enumerate() {
        let mut own = Counts::default();
        let mut decide = |item, severity, because: Because| {
            own.add(severity, &because);
            counts.add(severity, &because);
            decisions.push(Decision {
                scan: index,
                item,
                because,
            });
        };
        for (at, finding) in scan.findings.iter().enumerate() {
            let because = gate.finding(&scan.source, finding);
            decide(Item::Finding(at), finding.severity, because);
        }
        for (at, ignore) in scan.inline_ignores.listed.iter().enumerate() {
            if let Some(because) = gate.inline_ignore(&scan.source, ignore) {
                decide(Item::InlineIgnore(at), Severity::Unknown, because);
            }
        }
        if let Some(because) = gate.unlisted_ignores(scan) {
            decide(Item::UnlistedIgnores, Severity::Unknown, because);
        }
        verdicts.push(ScanVerdict {
            coverage: gate.coverage(scan),
            counts: own,
        });
    }
    Judgement {
        outcome: outcome(&counts, &verdicts),
        suppressions: gate.suppressions(scans, &verdicts),
        idle_scanners: policy
            .idle_scanners(scans.iter().map(|scan| &scan.source))
            .into_iter()
            .map(|scanner| IdleScanner {
                name: scanner.name.clone(),
                line: scanner.line,
            })
            .collect(),
        decisions,
        scans: verdicts,
        counts,
    }
}

fn outcome(counts: &Counts, verdicts: &[ScanVerdict]) -> Outcome {
    let refused =
        |verdict: &ScanVerdict| matches!(verdict.coverage, Coverage::IncompleteRefused { .. });
    if counts.blocking > 0 {
        Outcome::Failed
    } else if verdicts.is_empty() || verdicts.iter().any(refused) {
        Outcome::Incomplete
    } else {
        Outcome::Passed
    }
}

struct Gate<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    today: Date,
    /// Findings that each suppression covers.
    matched: Vec<u64>,
}

impl<'a> Gate<'a> {
    fn finding(&mut self, source: &Source, finding: &Finding) -> Because {
        let covering = self.covering(&Subject::from(finding));
        if let Some(because) = self.suppressed(&covering) {
            return because;
        }
        let severity = finding.severity;
        let Ruled { value: fail_on, by } = self.policy.fail_on(source, self.settings.fail_on);
        let Some(least) = least(fail_on) else {
            return Because::NothingBlocks { by };
        };
        if severity < least {
            return Because::BelowThreshold {
                severity,
                fail_on,
                by,
            };
        }
        let only_fixable = self.policy.only_fixable(source, self.settings.only_fixable);
        if only_fixable.value && has_no_fix(finding) {
            return Because::NotFixable {
                by: only_fixable.by,
            };
        }
        let expired = covering
            .iter()
            .max_by_key(|suppression| suppression.expires);
        expired.map_or(
            Because::ReachesThreshold {
                severity,
                fail_on,
                by,
            },
            |suppression| Because::SuppressionExpired {
                line: suppression.line,
                owner: suppression.owner.clone(),
                expired: suppression.expires,
                severity,
                fail_on,
                by,
            },
        )
    }

    /// None: nothing to decide, it was obeyed or hid nothing.
    fn inline_ignore(&mut self, source: &Source, ignore: &InlineIgnore) -> Option<Because> {
        let line = self.refuses_ignores(source)?;
        let covering = self.covering(&Subject {
            rule: INLINE_IGNORE,
            aliases: &[],
            path: &ignore.path,
            fingerprint: "",
            purl: None,
        });
        let fail_on = self.policy.fail_on(source, self.settings.fail_on);
        Some(match self.suppressed(&covering) {
            Some(because) => because,
            None if fail_on.value == FailOn::Never => Because::NothingBlocks { by: fail_on.by },
            None => Because::InlineIgnoreRefused { line },
        })
    }

    /// None: there are none, or they were obeyed or hid nothing.
    fn unlisted_ignores(&self, scan: &Scan) -> Option<Because> {
        let line = self.refuses_ignores(&scan.source)?;
        let unlisted = scan.inline_ignores.unlisted;
        let fail_on = self.policy.fail_on(&scan.source, self.settings.fail_on);
        (unlisted > 0).then_some(match fail_on.value {
            FailOn::Never => Because::NothingBlocks { by: fail_on.by },
            _ => Because::UnlistedIgnoresRefused { line, unlisted },
        })
    }

    /// The policy's line that makes a finding of each inline ignore of the source.
    fn refuses_ignores(&self, source: &Source) -> Option<u32> {
        let Set { value, line } = self.policy.inline_ignores?;
        (value == InlineIgnores::Refuse && !source.shows_ignored()).then_some(line)
    }

    /// The suppressions that cover it, in force or not; counts them.
    fn covering(&mut self, subject: &Subject) -> Vec<&'a Suppression> {
        let policy = self.policy;
        policy
            .suppressions
            .iter()
            .zip(&mut self.matched)
            .filter(|(suppression, _)| suppression.matcher.matches(subject))
            .map(|(suppression, matched)| {
                *matched += 1;
                suppression
            })
            .collect()
    }

    fn suppressed(&self, covering: &[&Suppression]) -> Option<Because> {
        covering
            .iter()
            .find(|suppression| suppression.expires >= self.today)
            .map(|suppression| Because::Suppressed {
                line: suppression.line,
                owner: suppression.owner.clone(),
                reason: suppression.reason.clone(),
                until: suppression.expires,
            })
    }

    fn coverage(&self, scan: &Scan) -> Coverage {
        match &scan.state {
            State::Complete => Coverage::Complete,
            State::NothingToDo(_) => Coverage::NothingToDo,
            State::Incomplete(_) => {
                let Ruled { value, by } = self
                    .policy
                    .on_incomplete(&scan.source, self.settings.on_incomplete);
                match value {
                    OnIncomplete::Warn => Coverage::IncompleteAccepted { by },
                    OnIncomplete::Fail => Coverage::IncompleteRefused { by },
                }
            }
        }
    }

    fn suppressions(&self, scans: &[Scan], verdicts: &[ScanVerdict]) -> Vec<SuppressionUse> {
        let all_seen = !verdicts.is_empty()
            && scans.iter().all(|scan| scan.inline_ignores.unlisted == 0)
            && verdicts.iter().all(|verdict| {
                matches!(verdict.coverage, Coverage::Complete | Coverage::NothingToDo)
            });
        self.policy
            .suppressions
            .iter()
            .zip(&self.matched)
            .map(|(suppression, matched)| SuppressionUse {
                matched: *matched,
                standing: self.standing(suppression),
                unused: *matched == 0 && all_seen,
            })
            .collect()
    }

    fn standing(&self, suppression: &Suppression) -> Standing {
        let left = self.today.duration_until(suppression.expires).as_hours() / 24;
        match left {
            ..0 => Standing::Expired,
            0..=EXPIRING_DAYS => Standing::Expiring,
            _ => Standing::InForce,
        }
    }
}

/// The least severity that blocks; none: nothing does.
const fn least(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Critical => Some(Severity::Critical),
        FailOn::High => Some(Severity::High),
        FailOn::Medium => Some(Severity::Medium),
        FailOn::Low | FailOn::Any => Some(Severity::Unknown),
        FailOn::Never => None,
    }
}

/// Known to have none: a vulnerability without a package tells nothing about fixes, and blocks.
fn has_no_fix(finding: &Finding) -> bool {
    finding.kind == Kind::Vulnerability
        && finding.package.as_ref().is_some_and(|package| {
            package
                .fixed
                .as_ref()
                .is_none_or(|fixed| fixed.trim().is_empty())
        })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::civil::date;

    use super::*;
    use crate::security_scan::policy::By;
    use crate::security_scan::scan::GapKind;
    use crate::security_scan::testing::{gap, scan, vulnerability as finding};

    const TODAY: Date = date(2026, 6, 15);

    fn policy(yaml: &str) -> Policy {
        Policy::parse(yaml.as_bytes(), "p.yml", TODAY).unwrap()
    }

    fn settings(fail_on: FailOn) -> Settings {
        Settings {
            fail_on,
            only_fixable: false,
            on_incomplete: OnIncomplete::Fail,
        }
    }

    /// The rules once more, by other means: words and look-up instead of order and enums.
    mod naive {
        pub(super) struct Row {
            pub(super) severity: &'static str,
            pub(super) fix: &'static str,
            pub(super) suppressed: &'static str,
            pub(super) state: &'static str,
            pub(super) accepted: bool,
            pub(super) fail_on: &'static str,
            pub(super) only_fixable: bool,
        }

        pub(super) fn blocks(row: &Row) -> bool {
            let blocking: &[&str] = match row.fail_on {
                "critical" => &["critical"],
                "high" => &["critical", "high"],
                "medium" => &["critical", "high", "medium"],
                "low" | "any" => &["critical", "high", "medium", "low", "unknown"],
                _ => &[],
            };
            let excused = row.only_fixable && row.fix == "vulnerability without fix";
            let covered =
                ["in force", "last day", "expired and in force"].contains(&row.suppressed);
            blocking.contains(&row.severity) && !excused && !covered
        }

        pub(super) fn outcome(row: &Row) -> &'static str {
            match (blocks(row), row.state, row.accepted) {
                (true, _, _) => "failed",
                (false, "incomplete", false) => "incomplete",
                _ => "passed",
            }
        }
    }

    fn with_fix(severity: Severity, fix: &str) -> Finding {
        let mut finding = finding(severity);
        match fix {
            "fixable" => {}
            "vulnerability without fix" => {
                finding.package.as_mut().unwrap().fixed = None;
            }
            "vulnerability without package" => finding.package = None,
            "licence of a package" => {
                finding.kind = Kind::License;
                finding.package.as_mut().unwrap().fixed = None;
            }
            "no vulnerability" => {
                finding.kind = Kind::Misconfiguration;
                finding.package = None;
            }
            other => panic!("{other}"),
        }
        finding
    }

    const EXPIRED: &str = "  - {rule: CVE-2024-0001, owner: eve, reason: r, expires: 2026-06-14}\n";
    const LAST_DAY: &str = "  - {cve: CVE-2024-0001, owner: ann, reason: r, expires: 2026-06-15}\n";
    const IN_FORCE: &str = "  - {purl: 'pkg:pypi/requests', cve: CVE-2024-0001, owner: ann, reason: r, expires: 2026-12-01}\n  \
         - {path: backend/, owner: ann, reason: r, expires: 2026-12-01}\n";
    const OTHER: &str = "  - {rule: CVE-2024-0002, owner: ann, reason: r, expires: 2026-12-01}\n";

    fn suppressions(kind: &str) -> String {
        match kind {
            "not" => String::new(),
            "another" => OTHER.to_owned(),
            "in force" => IN_FORCE.to_owned(),
            "last day" => LAST_DAY.to_owned(),
            "expired" => EXPIRED.to_owned(),
            "expired and in force" => format!("{EXPIRED}{IN_FORCE}"),
            other => panic!("{other}"),
        }
    }

    /// severity × fixable × suppressed × scanner state × fail-on × only-fixable × on-incomplete,
    /// each by the input and by the policy: 43,200 rows.
    #[test]
    fn truth_table() {
        use clap::ValueEnum;
        let mut rows = 0_u32;
        let mut policies = HashMap::new();
        for severity in Severity::ALL {
            for fix in [
                "fixable",
                "vulnerability without fix",
                "vulnerability without package",
                "licence of a package",
                "no vulnerability",
            ] {
                for suppressed in [
                    "not",
                    "another",
                    "in force",
                    "last day",
                    "expired",
                    "expired and in force",
                ] {
                    for state in ["complete", "nothing to do", "incomplete"] {
                        for fail_on in FailOn::value_variants() {
                            for bits in 0..16_u8 {
                                let bit = |at: u8| bits >> at & 1 == 1;
                                let row = naive::Row {
                                    severity: severity.name(),
                                    fix,
                                    suppressed,
                                    state,
                                    accepted: bit(0),
                                    fail_on: fail_on.name(),
                                    only_fixable: bit(1),
                                };
                                check(&row, severity, *fail_on, bit(2), bit(3), &mut policies);
                                rows += 1;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(rows, 43_200);
    }

    fn check(
        row: &naive::Row,
        severity: Severity,
        fail_on: FailOn,
        by_policy: bool,
        by_scanner: bool,
        policies: &mut HashMap<String, Policy>,
    ) {
        let on_incomplete = if row.accepted {
            OnIncomplete::Warn
        } else {
            OnIncomplete::Fail
        };
        let wanted = Settings {
            fail_on,
            only_fixable: row.only_fixable,
            on_incomplete,
        };
        // Where the policy decides, the input says the opposite: it must not matter.
        let opposite = Settings {
            fail_on: if fail_on == FailOn::Never {
                FailOn::Any
            } else {
                FailOn::Never
            },
            only_fixable: !row.only_fixable,
            on_incomplete: match on_incomplete {
                OnIncomplete::Warn => OnIncomplete::Fail,
                OnIncomplete::Fail => OnIncomplete::Warn,
            },
        };
        let word = if row.accepted { "warn" } else { "fail" };
        let values = format!(
            "fail-on: {}, only-fixable: {}, on-incomplete: {word}",
            row.fail_on, row.only_fixable
        );
        let rules = match (by_policy, by_scanner) {
            (false, _) => String::new(),
            (true, false) => values.replace(", ", "\n") + "\n",
            (true, true) => {
                format!(
                    "fail-on: low\nscanners: {{trivy: {{{values}}}, bandit: {{fail-on: any}}}}\n"
                )
            }
        };
        let yaml = format!(
            "version: 1\n{rules}suppressions:\n{}",
            suppressions(row.suppressed)
        );
        let policy = policies.entry(yaml).or_insert_with_key(|yaml| policy(yaml));
        let state = match row.state {
            "complete" => State::Complete,
            "nothing to do" => State::NothingToDo("x".into()),
            _ => State::Incomplete(vec![gap(GapKind::Crashed)]),
        };
        let scans = [scan(
            Source::TrivyFs,
            state,
            vec![with_fix(severity, row.fix)],
        )];
        let settings = if by_policy { opposite } else { wanted };
        let judgement = judge(&scans, policy, &settings, TODAY);
        let told = || {
            format!(
                "{} {} {} {} accepted={} fail-on={} only-fixable={} policy={by_policy} {judgement:?}",
                row.severity,
                row.fix,
                row.suppressed,
                row.state,
                row.accepted,
                row.fail_on,
                row.only_fixable
            )
        };
        assert_eq!(
            judgement.decisions[0].blocked(),
            naive::blocks(row),
            "{}",
            told()
        );
        assert_eq!(judgement.outcome.name(), naive::outcome(row), "{}", told());
        let counts = judgement.counts;
        assert_eq!(counts.blocking, u64::from(naive::blocks(row)), "{}", told());
        assert_eq!((counts.findings, counts.of(severity)), (1, 1), "{}", told());
        if let Because::SuppressionExpired { owner, .. } = &judgement.decisions[0].because {
            assert_eq!(
                (owner.as_str(), row.suppressed),
                ("eve", "expired"),
                "{}",
                told()
            );
        } else {
            assert!(
                row.suppressed != "expired" || !naive::blocks(row),
                "{}",
                told()
            );
        }
    }

    #[test]
    fn every_reason_names_what_it_rests_on() {
        let policy = policy(
            "version: 1\nfail-on: low\nscanners:\n  trivy-image: {only-fixable: true}\n  bandit: \
             {fail-on: critical}\n  sarif: {fail-on: never}\nsuppressions:\n  - {path: a, owner: \
             ann, reason: not reachable, expires: 2026-06-20}\n  - {path: b, owner: eve, reason: \
             r, expires: 2026-01-31}\n  - {path: never-there, owner: eve, reason: r, expires: \
             2026-12-31}\ninline-ignores: refuse\n",
        );
        let at = |path: &str, severity| {
            let mut finding = with_fix(severity, "vulnerability without fix");
            finding.location.path = path.into();
            finding
        };
        let mut tree = scan(
            Source::TrivyFs,
            State::Complete,
            vec![
                at("a", Severity::Critical),
                at("b", Severity::Low),
                at("c", Severity::Unknown),
            ],
        );
        let ignore = |path: &str| InlineIgnore {
            path: path.into(),
            line: 7,
            text: "#trivy:ignore:*".into(),
        };
        tree.inline_ignores.listed = vec![ignore("main.tf"), ignore("a")];
        let mut bandit = scan(
            Source::Bandit,
            State::Complete,
            vec![at("d", Severity::High)],
        );
        tree.inline_ignores.unlisted = 4321;
        bandit.inline_ignores = tree.inline_ignores.clone();
        let scans = [
            tree,
            scan(
                Source::TrivyImage("api".into()),
                State::Complete,
                vec![at("api", Severity::High)],
            ),
            bandit,
            scan(
                Source::Sarif("other".into()),
                State::Complete,
                vec![at("e", Severity::High)],
            ),
        ];
        let judgement = judge(&scans, &policy, &settings(FailOn::High), TODAY);
        let told: Vec<_> = judgement
            .decisions
            .iter()
            .map(|decision| {
                format!(
                    "{:?} {}",
                    decision.because.verdict(),
                    decision.because.sentence("p.yml")
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("
"), @r"
        Allowed suppressed by p.yml:8 until 2026-06-20 (ann): not reachable
        Blocked the suppression at p.yml:9 (owner eve) expired after 2026-01-31, and severity low reaches fail-on: low (p.yml:2)
        Blocked severity unknown reaches fail-on: low (p.yml:2)
        Blocked inline ignores are refused by p.yml:11; suppress what it hides in the policy
        Allowed suppressed by p.yml:8 until 2026-06-20 (ann): not reachable
        Blocked inline ignores are refused by p.yml:11, and 4321 are too many to be listed: no suppression covers them; remove comments, or leave their folders out (exclude)
        Allowed no fixed version; only-fixable: true (p.yml:4)
        Allowed severity high is below fail-on: critical (p.yml:5)
        Allowed fail-on: never (p.yml:6)
        ");
        assert_eq!(judgement.outcome, Outcome::Failed);
        assert_eq!(
            judgement.counts,
            Counts {
                findings: 9,
                blocking: 4,
                suppressed: 2,
                critical: 1,
                high: 3,
                medium: 0,
                low: 1,
                unknown: 4,
            }
        );
        assert_eq!(judgement.scans[1].counts.findings, 1);
        let uses: Vec<_> = judgement
            .suppressions
            .iter()
            .map(|one| (one.matched, one.standing, one.unused))
            .collect();
        assert_eq!(
            uses,
            [
                (2, Standing::Expiring, false),
                (1, Standing::Expired, false),
                // What is not listed may be what it covers.
                (0, Standing::InForce, false),
            ]
        );
    }

    #[test]
    fn hand_written_rows() {
        let incomplete = || State::Incomplete(vec![gap(GapKind::TimedOut)]);
        let none = Policy::default();
        let outcome = |scans: &[Scan], policy: &Policy, settings: &Settings| {
            judge(scans, policy, settings, TODAY).outcome
        };
        let high = || vec![finding(Severity::High)];
        // A blocking finding is `failed` even when something is incomplete.
        assert_eq!(
            outcome(
                &[
                    scan(Source::TrivyFs, State::Complete, high()),
                    scan(Source::Bandit, incomplete(), vec![]),
                ],
                &none,
                &settings(FailOn::High)
            ),
            Outcome::Failed
        );
        // `fail-on: never` alone still exits 5.
        assert_eq!(
            outcome(
                &[scan(Source::Bandit, incomplete(), high())],
                &none,
                &settings(FailOn::Never)
            ),
            Outcome::Incomplete
        );
        // The findings of an incomplete scan are judged.
        assert_eq!(
            outcome(
                &[scan(Source::Bandit, incomplete(), high())],
                &none,
                &settings(FailOn::High)
            ),
            Outcome::Failed
        );
        // Nothing scanned is not clean; nothing to do is.
        assert_eq!(
            outcome(&[], &none, &settings(FailOn::High)),
            Outcome::Incomplete
        );
        let nothing = scan(Source::Bandit, State::NothingToDo("*.py".into()), vec![]);
        assert_eq!(
            outcome(&[nothing], &none, &settings(FailOn::High)),
            Outcome::Passed
        );
        // One accepted gap does not accept another scan's.
        let accepts = policy("version: 1\nscanners: {bandit: {on-incomplete: warn}}\n");
        let bandit = || scan(Source::Bandit, incomplete(), vec![]);
        assert_eq!(
            outcome(&[bandit()], &accepts, &settings(FailOn::High)),
            Outcome::Passed
        );
        let both = [bandit(), scan(Source::TrivyFs, incomplete(), vec![])];
        let judgement = judge(&both, &accepts, &settings(FailOn::High), TODAY);
        assert_eq!(judgement.outcome, Outcome::Incomplete);
        assert_eq!(
            judgement
                .scans
                .iter()
                .map(|one| one.coverage)
                .collect::<Vec<_>>(),
            [
                Coverage::IncompleteAccepted {
                    by: By::PolicyLine(2)
                },
                Coverage::IncompleteRefused { by: By::Input },
            ]
        );
    }

    #[test]
    fn a_gap_may_hide_what_a_suppression_covers() {
        let policy = policy(&format!("version: 1\nsuppressions:\n{OTHER}"));
        let unused = |state| {
            let scans = [scan(Source::TrivyFs, state, vec![])];
            judge(&scans, &policy, &settings(FailOn::High), TODAY).suppressions[0].unused
        };
        assert!(unused(State::Complete));
        assert!(!unused(State::Incomplete(vec![gap(GapKind::NoDatabase)])));
    }

    #[test]
    fn standing_by_the_day() {
        for (expires, standing) in [
            ("2026-06-14", Standing::Expired),
            ("2026-06-15", Standing::Expiring),
            ("2026-06-29", Standing::Expiring),
            ("2026-06-30", Standing::InForce),
        ] {
            let policy = policy(&format!(
                "version: 1\nsuppressions: [{{rule: x, owner: o, reason: r, expires: {expires}}}]"
            ));
            let judgement = judge(&[], &policy, &settings(FailOn::High), TODAY);
            assert_eq!(judgement.suppressions[0].standing, standing, "{expires}");
        }
    }
}
