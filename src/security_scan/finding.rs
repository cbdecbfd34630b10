//! One result of one tool, in the shape that gate, SARIF and report share.

use serde::Serialize;

use super::severity::Severity;

/// What kind of thing was found; decides which inputs and policy keys apply.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A known vulnerability of a package: has a package, perhaps a fixed version.
    Vulnerability,
    /// Infrastructure as code, Dockerfile, manifest.
    Misconfiguration,
    /// A credential. Its text is never kept.
    Secret,
    /// A licence that a package comes under.
    License,
    /// Anything found in source code, and all imported SARIF that says nothing else.
    Code,
}

/// A finding. Holds no secret: text that a scanner matched is redacted before it gets here.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `ruleId`, a key of [`super::scan::Scan::rules`].
    pub rule: String,
    pub kind: Kind,
    /// The tool's own severity: what decides the gate.
    pub severity: Severity,
    /// The tool's own CVSS-like score, 0.0 to 10.0, where it gives one. Clamped into the
    /// severity's band when written.
    pub score: Option<f64>,
    /// Plain text, redacted, valid Unicode, never empty.
    pub message: String,
    pub location: Location,
    /// The vulnerable or licensed package.
    pub package: Option<Package>,
    /// Other names of the rule: CVE, GHSA, AVD ids. Suppressions match these as well.
    pub aliases: Vec<String>,
    /// A `primaryLocationLineHash` that the tool gave, in GitHub's own format.
    pub given_fingerprint: Option<String>,
    /// `primaryLocationLineHash` as it will be uploaded; filled by the fingerprint pass.
    pub fingerprint: String,
    /// SARIF `codeFlows`, `relatedLocations` of imported results: shown by GitHub, kept as they are
    /// after redaction and path normalisation.
    pub flows: Flows,
}

/// SARIF parts that only travel through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flows {
    pub code_flows: Vec<serde_json::Value>,
    pub related_locations: Vec<serde_json::Value>,
}

/// Where: a file of the workspace, or for images the repository name without tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
pub struct Location {
    /// Relative to the workspace, `/` between parts, no `.` or `..`, not percent-encoded.
    pub path: String,
    /// None where the finding has no real line (OS packages, whole files).
    pub region: Option<Region>,
}

/// SARIF region: lines and columns from 1, `end_column` exclusive (SARIF 2.1.0 §3.30).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
pub struct Region {
    pub start_line: u32,
    pub start_column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// A package that a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Package {
    pub name: String,
    /// Installed version.
    pub version: String,
    /// First version without the vulnerability, where there is one.
    pub fixed: Option<String>,
    /// Package URL, version included.
    pub purl: Option<String>,
}

/// `reportingDescriptor` of a rule. Missing texts are filled when written: GitHub refuses empty ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub id: String,
    pub name: Option<String>,
    pub short_description: Option<String>,
    pub full_description: Option<String>,
    /// Markdown or plain text.
    pub help: Option<String>,
    pub help_uri: Option<String>,
    pub tags: Vec<String>,
}
