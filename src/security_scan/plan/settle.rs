//! Applies what the policy says about the scans themselves, before anything is judged or uploaded.

use crate::security_scan::policy::{By, Policy, Unparsed};
use crate::security_scan::scan::{GapKind, Scan, State};

/// Turns files that could not be parsed into notes where the policy says `unparsed: warn`, and
/// leaves out what lies in paths that the policy does not count (a note says how much). Scanners
/// skip most of that already; imported SARIF could not know. Of the inline ignores that are left the
/// first are listed, and the others counted: those stay, wherever they lie.
#[must_use]
pub fn settle(scans: Vec<Scan>, policy: &Policy) -> Vec<Scan> {
    scans
        .into_iter()
        .map(|scan| {
            let mut scan = leave_out(accept_unparsed(scan, policy), policy);
            scan.inline_ignores.shorten();
            scan
        })
        .collect()
}

fn accept_unparsed(mut scan: Scan, policy: &Policy) -> Scan {
    let ruled = policy.unparsed(&scan.source);
    let State::Incomplete(gaps) = &mut scan.state else {
        return scan;
    };
    if ruled.value == Unparsed::Fail {
        return scan;
    }
    let accepted = match ruled.by {
        By::PolicyLine(line) => format!("accepted by {}:{line}", policy.file),
        By::Input => "accepted".to_owned(),
    };
    gaps.retain(|gap| {
        let unparsed = gap.kind == GapKind::Unparsed;
        if unparsed {
            scan.notes.push(format!("{} ({accepted})", gap.what));
        }
        !unparsed
    });
    if gaps.is_empty() {
        scan.state = State::Complete;
    }
    scan
}

fn leave_out(mut scan: Scan, policy: &Policy) -> Scan {
    if !scan.source.in_tree() {
        return scan;
    }
    let before = scan.findings.len();
    // What stands at the tree itself can lie anywhere in it.
    let target = scan.target.clone();
    scan.findings.retain(|finding| {
        let path = finding.location.path.as_str();
        path.is_empty() || path == "." || path == target || policy.paths.scanned(path)
    });
    scan.inline_ignores
        .listed
        .retain(|ignore| policy.paths.scanned(&ignore.path));
    match before - scan.findings.len() {
        0 => {}
        left_out => scan.notes.push(format!(
            "{left_out} {} in paths that {} leaves out (include, exclude) {} not counted",
            if left_out == 1 { "finding" } else { "findings" },
            policy.file,
            if left_out == 1 { "is" } else { "are" },
        )),
    }
    scan
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::security_scan::scan::{Ignores, InlineIgnore, Source};
    use crate::security_scan::severity::Severity;
    use crate::security_scan::testing::{gap, scan, vulnerability as finding};

    fn policy(yaml: &str) -> Policy {
        Policy::parse(yaml.as_bytes(), "p.yml", date(2026, 1, 1)).unwrap()
    }

    #[test]
    fn unparsed_files_become_notes_where_the_policy_says_so() {
        let unparsed = || State::Incomplete(vec![gap(GapKind::Unparsed)]);
        let both = State::Incomplete(vec![gap(GapKind::Unparsed), gap(GapKind::TimedOut)]);
        let policy = policy("version: 1\nscanners:\n  bandit:\n    unparsed: warn\n");
        let settled = settle(
            vec![
                scan(Source::Bandit, unparsed(), vec![]),
                scan(Source::Bandit, both, vec![]),
                scan(Source::TrivyFs, unparsed(), vec![]),
            ],
            &policy,
        );
        assert_eq!(settled[0].state, State::Complete);
        assert_eq!(
            settled[0].notes,
            ["something happened (accepted by p.yml:4)"]
        );
        assert_eq!(
            settled[1].state,
            State::Incomplete(vec![gap(GapKind::TimedOut)])
        );
        assert_eq!(settled[2].state, unparsed());
        assert!(settled[2].notes.is_empty());
    }

    #[test]
    fn what_lies_nowhere_in_particular_is_never_left_out() {
        for yaml in [
            "version: 1\ninclude: [src/]\n",
            "version: 1\nexclude: ['**']\n",
        ] {
            let findings = [".", "", "backend", "lib/a"].map(|path| {
                let mut finding = finding(Severity::High);
                path.clone_into(&mut finding.location.path);
                finding
            });
            let mut tree = scan(Source::TrivyFs, State::Complete, findings.to_vec());
            tree.target = "backend".to_owned();
            let settled = settle(vec![tree], &policy(yaml));
            let mut left = settled[0].findings.iter();
            assert!(left.all(|finding| finding.location.path != "lib/a"));
            assert_eq!(settled[0].findings.len(), 3, "{yaml}");
        }
    }

    #[test]
    fn excluded_paths_do_not_count_but_are_said() {
        let policy = policy("version: 1\nexclude: [vendor/]\n");
        let at = |path: &str| {
            let mut finding = finding(Severity::High);
            finding.location.path = path.to_owned();
            finding
        };
        let mut tree = scan(
            Source::Sarif("x".into()),
            State::Complete,
            vec![at("vendor/a"), at("src/a"), at("vendor/b")],
        );
        tree.inline_ignores.listed = vec![InlineIgnore {
            path: "vendor/main.tf".into(),
            line: 1,
            text: "#trivy:ignore:X".into(),
        }];
        let image = scan(
            Source::TrivyImage("vendor/a".into()),
            State::Complete,
            vec![at("vendor/a")],
        );
        let settled = settle(vec![tree, image], &policy);
        assert_eq!(settled[0].findings.len(), 1);
        assert_eq!(settled[0].inline_ignores, Ignores::default());
        assert_eq!(
            settled[0].notes,
            ["2 findings in paths that p.yml leaves out (include, exclude) are not counted"]
        );
        assert_eq!(
            settled[1].findings.len(),
            1,
            "an image is no path of the tree"
        );
    }

    #[test]
    fn ignores_beyond_the_list_are_never_left_out() {
        let policy = policy("version: 1\nexclude: [vendor/]\n");
        let mut imported = scan(Source::Sarif("x".into()), State::Complete, vec![]);
        let ignore = |path: &str| InlineIgnore {
            path: path.into(),
            line: 1,
            text: "suppressed".into(),
        };
        let left_out = std::iter::repeat_n(ignore("vendor/a"), 1500);
        let left = std::iter::repeat_n(ignore("src/a"), 1200);
        imported.inline_ignores = Ignores {
            listed: left_out.chain(left).collect(),
            unlisted: 7,
        };
        let settled = settle(vec![imported], &policy);
        let ignores = &settled[0].inline_ignores;
        assert_eq!((ignores.listed.len(), ignores.unlisted), (1000, 207));
        assert!(ignores.listed.iter().all(|one| &*one.path == "src/a"));
    }
}
