//! The policy of a repository: `.github/slipway/security-scan.yml`.
//!
//! # Who decides
//! What the policy says, it decides; the inputs rule what it leaves open. Within the policy the
//! entry of the scanner comes before the overall one. (An input cannot win over the policy: the
//! runner hands over an `action.yml` default exactly like a value that a user wrote, and a pull
//! request can edit its own workflow but not the policy of its base.) Every value remembers its
//! line, so that each decision names what it rests on.
//!
//! # Names under `scanners`
//! | scan | entries that apply, first wins key by key |
//! |---|---|
//! | Trivy over the tree | `trivy-fs`, `trivy` |
//! | Trivy over an image | `trivy-image`, `trivy` |
//! | Bandit | `bandit` |
//! | imported SARIF | its tool's name (`tool.driver.name`), `sarif` |
//!
//! Names are compared without regard to ASCII case.

mod differences;
mod file;
mod origin;
mod parse;
mod paths;
mod suppression;

use serde::{Deserialize, Serialize};

pub use self::differences::{Change, differences};
pub use self::file::schema;
pub use self::origin::{Origin, origin};
pub use self::paths::{LeftOut, Paths, Pattern};
pub use self::suppression::{Matcher, Subject, Suppression};
use super::inputs::{FailOn, OnIncomplete};
use super::scan::Source;

/// Where the policy lies unless the input `policy` says otherwise.
pub const DEFAULT_FILE: &str = ".github/slipway/security-scan.yml";

/// What a repository has decided about its findings. The default is the policy of a repository
/// that has none: the inputs decide, nothing is suppressed.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The file as the user knows it, for messages; empty if there is none.
    pub file: String,
    pub overall: Rules,
    pub scanners: Vec<Scanner>,
    pub suppressions: Vec<Suppression>,
    pub paths: Paths,
    pub inline_ignores: Option<Set<InlineIgnores>>,
    pub secret_allow_rules: Option<Set<SecretAllowRules>>,
    pub credentials: Option<Set<Credentials>>,
}

/// A value and the line of the policy that it stands on, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<T> {
    pub value: T,
    pub line: u32,
}

/// What can be decided for one scanner, and for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub fail_on: Option<Set<FailOn>>,
    pub only_fixable: Option<Set<bool>>,
    pub on_incomplete: Option<Set<OnIncomplete>>,
    pub unparsed: Option<Set<Unparsed>>,
}

/// An entry of `scanners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    pub name: String,
    pub line: u32,
    pub rules: Rules,
}

/// What a file means that a scanner could not parse.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Unparsed {
    /// The scan is incomplete.
    #[default]
    Fail,
    /// The file is named, the scan counts as complete.
    Warn,
}

/// What a comment in the tree means that tells a scanner to look away.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum InlineIgnores {
    /// Obeyed and counted.
    #[default]
    Honour,
    /// Bandit reports in spite of `# nosec`; Trivy cannot, so each of its ignores closes the gate.
    Refuse,
}

/// Trivy's built-in rules that allow secrets in tests, examples and READMEs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SecretAllowRules {
    /// In force, and named in the summary.
    #[default]
    Builtin,
    /// Lifted.
    None,
}

/// What credentials mean that `actions/checkout` left where a scanner can read them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    #[default]
    Warn,
    /// An error before anything runs.
    Refuse,
}

/// A value that applies, and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruled<T> {
    pub value: T,
    pub by: By,
}

/// Who set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The action's input, or its default.
    Input,
    /// A line of the policy, from 1.
    PolicyLine(u32),
}

impl Policy {
    /// The least severity that closes the gate for findings of this scan.
    #[must_use]
    pub fn fail_on(&self, source: &Source, input: FailOn) -> Ruled<FailOn> {
        self.ruled(source, input, |rules| rules.fail_on)
    }

    /// Whether vulnerabilities without a fix leave the gate open.
    #[must_use]
    pub fn only_fixable(&self, source: &Source, input: bool) -> Ruled<bool> {
        self.ruled(source, input, |rules| rules.only_fixable)
    }

    /// What it means that this scan is incomplete.
    #[must_use]
    pub fn on_incomplete(&self, source: &Source, input: OnIncomplete) -> Ruled<OnIncomplete> {
        self.ruled(source, input, |rules| rules.on_incomplete)
    }

    /// What a file means that this scanner could not parse.
    #[must_use]
    pub fn unparsed(&self, source: &Source) -> Ruled<Unparsed> {
        self.ruled(source, Unparsed::default(), |rules| rules.unparsed)
    }

    /// Whether comments in the tree are obeyed.
    #[must_use]
    pub fn inline_ignores(&self) -> InlineIgnores {
        self.inline_ignores.map(|set| set.value).unwrap_or_default()
    }

    /// Whether Trivy's built-in secret allow rules are in force.
    #[must_use]
    pub fn secret_allow_rules(&self) -> SecretAllowRules {
        self.secret_allow_rules
            .map(|set| set.value)
            .unwrap_or_default()
    }

    /// What readable credentials mean.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.credentials.map(|set| set.value).unwrap_or_default()
    }

    fn ruled<T>(
        &self,
        source: &Source,
        otherwise: T,
        pick: impl Fn(&Rules) -> Option<Set<T>>,
    ) -> Ruled<T> {
        source
            .policy_names()
            .into_iter()
            .filter_map(|name| self.scanner(name))
            .map(|scanner| &scanner.rules)
            .chain([&self.overall])
            .find_map(pick)
            .map_or(
                Ruled {
                    value: otherwise,
                    by: By::Input,
                },
                |set| Ruled {
                    value: set.value,
                    by: By::PolicyLine(set.line),
                },
            )
    }

    fn scanner(&self, name: &str) -> Option<&Scanner> {
        self.scanners
            .iter()
            .find(|scanner| scanner.name.eq_ignore_ascii_case(name))
    }

    /// Entries of `scanners` that no scan of this run goes by: a misspelt name, perhaps.
    pub fn idle_scanners<'a>(
        &'a self,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Vec<&'a Scanner> {
        let names: Vec<&str> = sources.into_iter().flat_map(Source::policy_names).collect();
        self.scanners
            .iter()
            .filter(|scanner| {
                !names
                    .iter()
                    .any(|name| scanner.name.eq_ignore_ascii_case(name))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn policy(yaml: &str) -> Policy {
        Policy::parse(yaml.as_bytes(), "p.yml", date(2026, 1, 1)).unwrap()
    }

    #[test]
    fn the_most_specific_entry_decides_key_by_key() {
        let policy = policy(
            "version: 1\nfail-on: critical\nscanners:\n  Trivy:\n    fail-on: medium\n    \
             only-fixable: true\n  trivy-image:\n    fail-on: low\n  sarif:\n    fail-on: never\n  \
             Semgrep OSS:\n    unparsed: warn\n",
        );
        let fail_on = |source: &Source| {
            let ruled = policy.fail_on(source, FailOn::High);
            (ruled.value, ruled.by)
        };
        let image = Source::TrivyImage("ghcr.io/acme/api".into());
        let semgrep = Source::Sarif("semgrep oss".into());
        assert_eq!(
            fail_on(&Source::TrivyFs),
            (FailOn::Medium, By::PolicyLine(5))
        );
        assert_eq!(fail_on(&image), (FailOn::Low, By::PolicyLine(8)));
        assert_eq!(
            policy.only_fixable(&image, false).by,
            By::PolicyLine(6),
            "falls through to `trivy`"
        );
        assert_eq!(fail_on(&semgrep), (FailOn::Never, By::PolicyLine(10)));
        assert_eq!(policy.unparsed(&semgrep).value, Unparsed::Warn);
        assert_eq!(
            fail_on(&Source::Bandit),
            (FailOn::Critical, By::PolicyLine(2))
        );
    }

    #[test]
    fn without_a_policy_the_inputs_decide() {
        let none = Policy::default();
        assert_eq!(
            none.fail_on(&Source::Bandit, FailOn::Low),
            Ruled {
                value: FailOn::Low,
                by: By::Input
            }
        );
        assert_eq!(none.unparsed(&Source::Bandit).value, Unparsed::Fail);
        assert_eq!(none.inline_ignores(), InlineIgnores::Honour);
        assert_eq!(none.secret_allow_rules(), SecretAllowRules::Builtin);
        assert_eq!(none.credentials(), Credentials::Warn);
        assert!(none.paths.scanned("anything"));
    }

    #[test]
    fn entries_that_nothing_goes_by_are_named() {
        let policy = policy(
            "version: 1\nscanners:\n  bandti:\n    fail-on: low\n  trivy:\n    fail-on: low\n",
        );
        let idle = policy.idle_scanners(&[Source::Bandit, Source::TrivyFs]);
        assert_eq!(idle.len(), 1);
        assert_eq!((idle[0].name.as_str(), idle[0].line), ("bandti", 3));
    }
}
