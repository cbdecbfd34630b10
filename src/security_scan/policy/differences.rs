//! What a proposed policy would change: shown on a pull request as "takes effect after merge".

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Paths, Policy, Rules, Set};

/// One entry that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Change {
    /// Such as `scanners.bandit.fail-on` or `suppressions (cve: CVE-2024-12345)`.
    pub entry: String,
    /// What it says now; none: it is new.
    pub from: Option<String>,
    /// What it will say; none: it goes.
    pub to: Option<String>,
    /// Line of the proposed file; none: it goes.
    pub line: Option<u32>,
}

/// Entry by entry, in alphabetical order; order within the files does not matter.
#[must_use]
pub fn differences(in_force: &Policy, proposed: &Policy) -> Vec<Change> {
    let old = entries(in_force);
    let mut new = entries(proposed);
    let mut changes = Vec::new();
    for (entry, Set { value, .. }) in old {
        let to = new.remove(&entry);
        if to.as_ref().is_some_and(|to| to.value == value) {
            continue;
        }
        changes.push(Change {
            entry,
            from: Some(value),
            line: to.as_ref().map(|to| to.line),
            to: to.map(|to| to.value),
        });
    }
    changes.extend(new.into_iter().map(|(entry, to)| Change {
        entry,
        from: None,
        line: Some(to.line),
        to: Some(to.value),
    }));
    changes.sort_by(|a, b| a.entry.cmp(&b.entry));
    changes
}

/// Every entry under a name that is unique in its file.
fn entries(policy: &Policy) -> BTreeMap<String, Set<String>> {
    let mut all = BTreeMap::new();
    rules(&mut all, "", &policy.overall);
    for scanner in &policy.scanners {
        let name = scanner.name.to_ascii_lowercase();
        rules(&mut all, &format!("scanners.{name}."), &scanner.rules);
    }
    put(&mut all, "inline-ignores", policy.inline_ignores);
    put(&mut all, "secret-allow-rules", policy.secret_allow_rules);
    put(&mut all, "credentials", policy.credentials);
    let Paths { include, exclude } = &policy.paths;
    for (key, list) in [("include", include), ("exclude", exclude)] {
        for pattern in list {
            let value = Set {
                value: String::new(),
                line: pattern.line,
            };
            all.insert(format!("{key} ({})", pattern.value.text()), value);
        }
    }
    for suppression in &policy.suppressions {
        let value = Set {
            value: format!(
                "until {}, {}: {}",
                suppression.expires, suppression.owner, suppression.reason
            ),
            line: suppression.line,
        };
        all.insert(format!("suppressions ({})", suppression.matcher), value);
    }
    all
}

fn rules(all: &mut BTreeMap<String, Set<String>>, prefix: &str, rules: &Rules) {
    put(all, &format!("{prefix}fail-on"), rules.fail_on);
    put(all, &format!("{prefix}only-fixable"), rules.only_fixable);
    put(all, &format!("{prefix}on-incomplete"), rules.on_incomplete);
    put(all, &format!("{prefix}unparsed"), rules.unparsed);
}

/// Values as they are written in the file.
fn put<T: Serialize>(all: &mut BTreeMap<String, Set<String>>, key: &str, set: Option<Set<T>>) {
    if let Some(Set { value, line }) = set {
        let value = serde_json::to_string(&value).unwrap_or_default();
        let value = value.trim_matches('"').to_owned();
        all.insert(key.to_owned(), Set { value, line });
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
    fn entries_that_differ() {
        let base = policy(
            "version: 1\nfail-on: high\ncredentials: refuse\nexclude: [vendor/]\nscanners:\n  \
             bandit: {fail-on: medium}\nsuppressions:\n  - {cve: CVE-2024-1111, owner: ann, \
             reason: not reachable, expires: 2026-03-01}\n",
        );
        let head = policy(
            "version: 1\n# moved\nscanners:\n  Bandit: {fail-on: medium, unparsed: warn}\n\
             exclude: [vendor/, tests/]\nfail-on: never\nsuppressions:\n  - {cve: CVE-2024-1111, \
             owner: ann, reason: not reachable, expires: 2026-12-01}\n",
        );
        let told: Vec<_> = differences(&base, &head)
            .into_iter()
            .map(|change| {
                format!(
                    "{}: {} -> {} @{}",
                    change.entry,
                    change.from.as_deref().unwrap_or("none"),
                    change.to.as_deref().unwrap_or("none"),
                    change.line.unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "credentials: refuse -> none @0",
                "exclude (tests/): none ->  @5",
                "fail-on: high -> never @6",
                "scanners.bandit.unparsed: none -> warn @4",
                "suppressions (cve: CVE-2024-1111): until 2026-03-01, ann: not reachable -> until \
                 2026-12-01, ann: not reachable @8",
            ]
        );
        assert_eq!(differences(&base, &base), []);
    }
}
