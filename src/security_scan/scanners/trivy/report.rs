//! Trivy's JSON, as far as it is used. Code, and package lists beyond the place of each package, are
//! not read. Source: `pkg/types/report.go`, schema version 2.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The version of the format that is understood.
pub(super) const SCHEMA: u32 = 2;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Report {
    pub(super) schema_version: u32,
    pub(super) trivy: Option<Program>,
    /// Absent where nothing that Trivy knows was found.
    pub(super) results: Option<Vec<Block>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Program {
    pub(super) version: Option<String>,
}

/// One file, or all packages of one kind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Block {
    pub(super) target: String,
    pub(super) class: String,
    pub(super) r#type: String,
    pub(super) packages: Option<Vec<Package>>,
    pub(super) vulnerabilities: Option<Vec<Vulnerability>>,
    pub(super) misconfigurations: Option<Vec<Misconfiguration>>,
    pub(super) secrets: Option<Vec<Secret>>,
    pub(super) licenses: Option<Vec<License>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Package {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) identifier: Identifier,
    pub(super) locations: Option<Vec<Lines>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Identifier {
    #[serde(rename = "PURL")]
    pub(super) purl: Option<String>,
    #[serde(rename = "UID")]
    pub(super) uid: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Lines {
    pub(super) start_line: u32,
    pub(super) end_line: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    pub(super) id: String,
    #[serde(rename = "VendorIDs")]
    pub(super) vendor_ids: Option<Vec<String>>,
    #[serde(rename = "PkgID")]
    pub(super) pkg_id: String,
    pub(super) pkg_name: String,
    pub(super) pkg_path: String,
    pub(super) pkg_identifier: Identifier,
    pub(super) installed_version: String,
    pub(super) fixed_version: String,
    pub(super) status: String,
    pub(super) severity_source: String,
    #[serde(rename = "PrimaryURL")]
    pub(super) primary_url: Option<String>,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) severity: String,
    #[serde(rename = "CweIDs")]
    pub(super) cwe_ids: Option<Vec<String>>,
    #[serde(rename = "CVSS")]
    pub(super) cvss: Option<BTreeMap<String, Cvss>>,
    pub(super) references: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cvss {
    #[serde(rename = "V40Score")]
    pub(super) v40: Option<f64>,
    #[serde(rename = "V3Score")]
    pub(super) v3: Option<f64>,
    #[serde(rename = "V2Score")]
    pub(super) v2: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Misconfiguration {
    pub(super) r#type: String,
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "AVDID")]
    pub(super) avd_id: Option<String>,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) message: String,
    pub(super) resolution: String,
    pub(super) severity: String,
    #[serde(rename = "PrimaryURL")]
    pub(super) primary_url: Option<String>,
    pub(super) status: String,
    pub(super) cause_metadata: Lines,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Secret {
    #[serde(rename = "RuleID")]
    pub(super) rule_id: String,
    pub(super) category: String,
    pub(super) severity: String,
    pub(super) title: String,
    /// The line, or a part of it, with an asterisk for each byte of every secret in it.
    pub(super) r#match: String,
    #[serde(flatten)]
    pub(super) lines: Lines,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct License {
    pub(super) severity: String,
    pub(super) category: String,
    pub(super) pkg_name: String,
    pub(super) file_path: String,
    pub(super) name: String,
}
