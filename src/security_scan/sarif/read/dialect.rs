//! What only one tool's SARIF says, and where it says it.

use super::model::{Descriptor, Own, Properties};
use crate::security_scan::finding::{Kind, Package};
use crate::security_scan::severity::rating::Dialect;

/// Tools that look for credentials and nothing else.
const SECRET_FINDERS: [&str; 6] = [
    "gitleaks",
    "trufflehog",
    "detect-secrets",
    "ggshield",
    "secretlint",
    "noseyparker",
];
/// Tools that look at infrastructure as code and nothing else.
const CONFIGURATION_CHECKERS: [&str; 7] = [
    "hadolint",
    "checkov",
    "tfsec",
    "kics",
    "kube-linter",
    "kubescape",
    "terrascan",
];
/// Beginnings of ids of known vulnerabilities.
const VULNERABILITIES: [&str; 7] = [
    "CVE-", "GHSA-", "PYSEC-", "RUSTSEC-", "OSV-", "SNYK-", "TEMP-",
];

/// What kind of thing a result is about.
pub(super) fn kind(
    tool: &str,
    rule: &str,
    descriptor: Option<&Descriptor>,
    own: Option<&Own>,
) -> Kind {
    if let Some(kind) = own.and_then(|own| named(own.kind.get()?)) {
        return kind;
    }
    if Dialect::of(tool) == Dialect::Trivy {
        // Trivy names the class of each rule.
        match descriptor.and_then(|descriptor| descriptor.name.get()) {
            Some("OsPackageVulnerability" | "LanguageSpecificPackageVulnerability") => {
                return Kind::Vulnerability;
            }
            Some("Misconfiguration") => return Kind::Misconfiguration,
            Some("Secret") => return Kind::Secret,
            Some("OsPackageLicense" | "LanguageSpecificPackageLicense" | "License") => {
                return Kind::License;
            }
            _ => {}
        }
    }
    let is = |names: &[&str]| names.iter().any(|name| tool.eq_ignore_ascii_case(name));
    let tagged = |wanted: &str| {
        descriptor
            .and_then(|descriptor| descriptor.properties.0.as_deref())
            .is_some_and(|properties| properties.tags.0.iter().any(|tag| tag == wanted))
    };
    if is(&SECRET_FINDERS) || tagged("secret") || tagged("secrets") {
        Kind::Secret
    } else if is(&CONFIGURATION_CHECKERS) {
        Kind::Misconfiguration
    } else if VULNERABILITIES.iter().any(|start| rule.starts_with(start)) {
        Kind::Vulnerability
    } else {
        Kind::Code
    }
}

/// A kind as our own files spell it.
fn named(name: &str) -> Option<Kind> {
    Some(match name {
        "vulnerability" => Kind::Vulnerability,
        "misconfiguration" => Kind::Misconfiguration,
        "secret" => Kind::Secret,
        "license" => Kind::License,
        "code" => Kind::Code,
        _ => return None,
    })
}

/// The tool's own word for the severity of a result, and for its confidence.
pub(super) fn words<'a>(
    tool: &str,
    message: &'a str,
    properties: Option<&'a Properties>,
) -> (Option<&'a str>, Option<&'a str>) {
    let own = properties
        .and_then(|properties| properties.slipway.0.as_deref())
        .and_then(|own| own.severity.get());
    if own.is_some() {
        return (own, None);
    }
    match Dialect::of(tool) {
        Dialect::Trivy => (line_of(message, "Severity"), None),
        Dialect::Bandit => (
            properties.and_then(|properties| properties.issue_severity.get()),
            properties.and_then(|properties| properties.issue_confidence.get()),
        ),
        Dialect::Zizmor => (
            properties.and_then(|properties| properties.zizmor_severity.get()),
            properties.and_then(|properties| properties.zizmor_confidence.get()),
        ),
        _ => (None, None),
    }
}

/// The package of a result: our own files say it, Trivy writes it into the message.
pub(super) fn package(
    tool: &str,
    kind: Kind,
    message: &str,
    properties: Option<&Properties>,
) -> Option<Package> {
    let own = properties
        .and_then(|properties| properties.slipway.0.as_deref())
        .and_then(|own| own.package.0.as_deref());
    if let Some(own) = own {
        return Some(Package {
            name: own.name.filled()?.to_owned(),
            version: own.version.get().unwrap_or_default().to_owned(),
            fixed: own.fixed.filled().map(str::to_owned),
            purl: own.purl.filled().map(str::to_owned),
        });
    }
    if Dialect::of(tool) != Dialect::Trivy || !matches!(kind, Kind::Vulnerability | Kind::License) {
        return None;
    }
    let version = line_of(message, "Installed Version").unwrap_or_default();
    Some(Package {
        name: line_of(message, "Package")?.to_owned(),
        version: version.to_owned(),
        fixed: line_of(message, "Fixed Version").map(str::to_owned),
        purl: None,
    })
}

/// The value of a line `name: value` of a message.
fn line_of<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
        .filter(|value| !value.is_empty())
}
