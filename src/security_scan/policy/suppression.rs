//! Findings that the repository has accepted: what they are, who answers for it, until when.

use std::fmt;

use jiff::civil::Date;

use super::Pattern;
use crate::security_scan::finding::Finding;
use crate::security_scan::purl::Purl;

/// An entry of `suppressions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Line of the policy, from 1.
    pub line: u32,
    pub matcher: Matcher,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    /// The last day, in UTC, on which it is in force.
    pub expires: Date,
}

/// What a suppression covers: all that is given must match, and at least one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// `ruleId` or another name of the rule, letter by letter.
    pub rule: Option<String>,
    pub path: Option<Pattern>,
    /// `primaryLocationLineHash`, letter by letter. Of a policy never without `rule` and `path`.
    pub fingerprint: Option<String>,
    /// In capitals.
    pub cve: Option<String>,
    pub purl: Option<Purl>,
}

/// The parts of a finding that a suppression can match.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub rule: &'a str,
    pub aliases: &'a [String],
    pub path: &'a str,
    pub fingerprint: &'a str,
    pub purl: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Subject<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            rule: &finding.rule,
            aliases: &finding.aliases,
            path: &finding.location.path,
            fingerprint: &finding.fingerprint,
            purl: finding
                .package
                .as_ref()
                .and_then(|package| package.purl.as_deref()),
        }
    }
}

impl Matcher {
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        let named = |wanted: &str, same: fn(&str, &str) -> bool| {
            same(subject.rule, wanted) || subject.aliases.iter().any(|alias| same(alias, wanted))
        };
        let given = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| {
            wanted.as_deref().is_none_or(test)
        };
        *self != Self::default()
            && given(&self.rule, &|rule| named(rule, |a, b| a == b))
            && given(&self.cve, &|cve| named(cve, str::eq_ignore_ascii_case))
            && given(&self.fingerprint, &|wanted| wanted == subject.fingerprint)
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| pattern.matches(subject.path))
            && self.purl.as_ref().is_none_or(|wanted| {
                subject
                    .purl
                    .and_then(|purl| Purl::new(purl).ok())
                    .is_some_and(|purl| wanted.covers(&purl))
            })
    }
}

/// As in the policy: `cve: CVE-2024-1, path: backend/**`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("rule", self.rule.as_deref()),
            ("cve", self.cve.as_deref()),
            ("purl", self.purl.as_ref().map(Purl::text)),
            ("fingerprint", self.fingerprint.as_deref()),
            ("path", self.path.as_ref().map(Pattern::text)),
        ];
        let mut separator = "";
        for (key, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{key}: {value}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// A CVE identifier in capitals (<https://www.cve.org/ResourcesSupport/FAQs>: four digits for the
/// year, then four or more).
pub(crate) fn cve(text: &str) -> Result<String, String> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let upper = text.to_ascii_uppercase();
    upper
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .filter(|(year, number)| {
            year.len() == 4 && (4..=19).contains(&number.len()) && digits(year) && digits(number)
        })
        .map(|_| upper.clone())
        .ok_or_else(|| {
            "is not a CVE identifier such as CVE-2024-12345 (for GHSA and other names use `rule`)"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject<'static> {
        static ALIASES: std::sync::LazyLock<Vec<String>> =
            std::sync::LazyLock::new(|| vec!["CVE-2023-32681".into(), "AVD-X".into()]);
        Subject {
            rule: "GHSA-j8r2-6x86-q33q",
            aliases: &ALIASES,
            path: "backend/requirements.txt",
            fingerprint: "39fa2ee980eb94b0:1",
            purl: Some("pkg:pypi/requests@2.19.0?arch=x86_64"),
        }
    }

    #[test]
    fn all_that_is_given_must_match() {
        let rule = |text: &str| Matcher {
            rule: Some(text.into()),
            ..Matcher::default()
        };
        let path = |text: &str| Matcher {
            path: Some(Pattern::new(text).unwrap()),
            ..Matcher::default()
        };
        let fingerprint = |text: &str| Matcher {
            fingerprint: Some(text.into()),
            ..Matcher::default()
        };
        let by_cve = |text: &str| Matcher {
            cve: Some(cve(text).unwrap()),
            ..Matcher::default()
        };
        let purl = |text: &str| Matcher {
            purl: Some(Purl::new(text).unwrap()),
            ..Matcher::default()
        };
        for (matcher, expected) in [
            (Matcher::default(), false),
            (rule("GHSA-j8r2-6x86-q33q"), true),
            (rule("AVD-X"), true),
            (rule("avd-x"), false),
            (rule("GHSA"), false),
            (by_cve("cve-2023-32681"), true),
            (by_cve("CVE-2023-3268"), false),
            (path("backend/**"), true),
            (path("requirements.txt"), false),
            (fingerprint("39fa2ee980eb94b0:1"), true),
            (fingerprint("39fa2ee980eb94b0:2"), false),
            (purl("pkg:pypi/requests"), true),
            (purl("pkg:PyPI/requests@2.19.0"), true),
            (purl("pkg:pypi/requests@2.19.1"), false),
            (purl("pkg:pypi/requests?arch=x86_64"), true),
            (purl("pkg:pypi/requests?arch=arm64"), false),
            (purl("pkg:npm/requests"), false),
            (purl("pkg:pypi/request"), false),
            (
                Matcher {
                    path: Some(Pattern::new("frontend/**").unwrap()),
                    ..by_cve("CVE-2023-32681")
                },
                false,
            ),
            (
                Matcher {
                    path: Some(Pattern::new("backend/**").unwrap()),
                    ..by_cve("CVE-2023-32681")
                },
                true,
            ),
        ] {
            assert_eq!(matcher.matches(&subject()), expected, "{matcher}");
        }
        let nameless = Subject {
            purl: None,
            ..subject()
        };
        assert!(!purl("pkg:pypi/requests").matches(&nameless));
    }

    #[test]
    fn cve_identifiers() {
        assert_eq!(cve("cve-2024-12345").unwrap(), "CVE-2024-12345");
        for wrong in [
            "",
            "CVE-2024",
            "CVE-24-1234",
            "CVE-2024-123",
            "GHSA-a-b-c",
            "CVE-2024-12x4",
        ] {
            assert!(cve(wrong).is_err(), "{wrong}");
        }
    }
}
