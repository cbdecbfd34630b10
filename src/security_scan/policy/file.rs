//! The file as it is written: the keys, their documentation and the JSON schema made of both.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Credentials, InlineIgnores, SecretAllowRules, Unparsed};
use crate::security_scan::inputs::{FailOn, OnIncomplete};

/// The version of the format that this release reads.
pub(super) const VERSION: u64 = 1;
/// Owners and reasons are shown in tables.
pub(super) const LONGEST_OWNER: usize = 100;
pub(super) const LONGEST_REASON: usize = 500;

/// Policy of Slipway's security-scan, read from `.github/slipway/security-scan.yml`. On a pull
/// request the version of its base is in force.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Slipway security-scan policy", rename = "Policy")]
pub(super) struct RawPolicy {
    /// Version of this format.
    #[expect(dead_code, reason = "read ahead of all else by `check_version`")]
    #[schemars(with = "u64", extend("const" = VERSION))]
    pub(super) version: serde::de::IgnoredAny,
    /// The least severity that closes the gate. `low` and `any` include unknown severity. Wins
    /// over the input.
    #[schemars(with = "Option<FailOn>")]
    pub(super) fail_on: Option<Spanned<FailOn>>,
    /// Vulnerabilities without a fix do not close the gate. Wins over the input.
    #[schemars(with = "Option<bool>")]
    pub(super) only_fixable: Option<Spanned<bool>>,
    /// What an incomplete scan means when the findings alone would pass. Wins over the input.
    #[schemars(with = "Option<OnIncomplete>")]
    pub(super) on_incomplete: Option<Spanned<OnIncomplete>>,
    /// What a file means that a scanner could not parse: the scan is incomplete (`fail`, the
    /// default), or the file is only named (`warn`).
    #[schemars(with = "Option<Unparsed>")]
    pub(super) unparsed: Option<Spanned<Unparsed>>,
    /// Settings by scanner, which win over the overall ones: `trivy`, `trivy-fs`, `trivy-image`,
    /// `bandit`, `sarif` (all imported SARIF) or the tool name of an imported SARIF run.
    #[schemars(with = "Option<BTreeMap<String, RawRules>>")]
    pub(super) scanners: Option<HashMap<Spanned<String>, RawRules>>,
    /// Findings that are accepted, each with an owner, a reason and a last day.
    #[schemars(with = "Option<Vec<RawSuppression>>")]
    pub(super) suppressions: Option<Vec<Spanned<RawSuppression>>>,
    /// Globs of the paths that count; without any, all do. `*` stays within a part of the path,
    /// `**` spans parts, a final `/` covers all beneath the folder.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) include: Option<Vec<Spanned<String>>>,
    /// Globs of the paths that do not count. Wins over `include`.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) exclude: Option<Vec<Spanned<String>>>,
    /// Comments in the tree that tell a scanner to look away: obeyed and counted (`honour`, the
    /// default), or refused: Bandit reports all the same, each Trivy ignore closes the gate.
    #[schemars(with = "Option<InlineIgnores>")]
    pub(super) inline_ignores: Option<Spanned<InlineIgnores>>,
    /// Trivy's built-in rules that allow secrets in tests, examples and READMEs: in force
    /// (`builtin`, the default) or lifted (`none`).
    #[schemars(with = "Option<SecretAllowRules>")]
    pub(super) secret_allow_rules: Option<Spanned<SecretAllowRules>>,
    /// The job's own token, left by actions/checkout where a scanner can read it: a warning
    /// (`warn`, the default) or an error before anything runs (`refuse`).
    #[schemars(with = "Option<Credentials>")]
    pub(super) credentials: Option<Spanned<Credentials>>,
}

/// Settings of one scanner.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Scanner")]
pub(super) struct RawRules {
    /// The least severity that closes the gate for this scanner.
    #[schemars(with = "Option<FailOn>")]
    pub(super) fail_on: Option<Spanned<FailOn>>,
    /// Vulnerabilities without a fix do not close the gate.
    #[schemars(with = "Option<bool>")]
    pub(super) only_fixable: Option<Spanned<bool>>,
    /// What it means that this scanner could not see everything.
    #[schemars(with = "Option<OnIncomplete>")]
    pub(super) on_incomplete: Option<Spanned<OnIncomplete>>,
    /// What a file means that this scanner could not parse.
    #[schemars(with = "Option<Unparsed>")]
    pub(super) unparsed: Option<Spanned<Unparsed>>,
}

/// An accepted finding. All of `rule`, `path`, `fingerprint`, `cve` and `purl` that are given must
/// match; at least one of `rule`, `path`, `cve` and `purl` is needed.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(
    rename = "Suppression",
    extend("anyOf" = [
        {"required": ["rule"]}, {"required": ["path"]}, {"required": ["cve"]}, {"required": ["purl"]},
    ], "dependentRequired" = {"fingerprint": ["rule", "path"]})
)]
pub(super) struct RawSuppression {
    /// Rule id, or another name of it (GHSA, AVD), letter by letter.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) rule: Option<Spanned<String>>,
    /// Glob of the path.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) path: Option<Spanned<String>>,
    /// The alert's fingerprint (`primaryLocationLineHash`), as report.json gives it, to accept a
    /// rule at one line of a file: needs `rule` and `path` beside it, because a hash of 64 bits is
    /// no proof of what it was made of.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub(super) fingerprint: Option<Spanned<String>>,
    /// CVE identifier.
    #[schemars(
        with = "Option<String>",
        regex(pattern = r"^[Cc][Vv][Ee]-\d{4}-\d{4,19}$")
    )]
    pub(super) cve: Option<Spanned<String>>,
    /// Package URL. Without `@version` it covers every version.
    #[schemars(with = "Option<String>", regex(pattern = "^pkg:"))]
    pub(super) purl: Option<Spanned<String>>,
    /// Who answers for it: a person, a team.
    #[schemars(required, with = "String", length(min = 1, max = LONGEST_OWNER))]
    pub(super) owner: Option<Spanned<String>>,
    /// Why it is acceptable.
    #[schemars(required, with = "String", length(min = 1, max = LONGEST_REASON))]
    pub(super) reason: Option<Spanned<String>>,
    /// The last day on which it is in force (UTC), at most 366 days ahead.
    #[schemars(required, with = "String", extend("format" = "date"))]
    pub(super) expires: Option<Spanned<String>>,
}

/// The JSON schema of the file.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawPolicy)
}
