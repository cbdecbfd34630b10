//! Addresses on GitHub.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::security_scan::finding::Location;

/// What stands unencoded in a path or a query: RFC 3986's unreserved characters.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: AsciiSet = UNRESERVED.remove(b'/');

/// The lines of a file at a commit.
pub(super) fn lines(server: &str, repository: &str, sha: &str, location: &Location) -> String {
    let path = utf8_percent_encode(&location.path, &PATH).to_string();
    let server = server.trim_end_matches('/');
    let anchor = location.region.map_or_else(String::new, |region| {
        if region.end_line > region.start_line {
            format!("#L{}-L{}", region.start_line, region.end_line)
        } else {
            format!("#L{}", region.start_line)
        }
    });
    format!("{server}/{repository}/blob/{sha}/{path}{anchor}")
}

/// The open alerts of a branch, tag or pull request
/// (<https://docs.github.com/code-security/code-scanning/managing-code-scanning-alerts/assessing-code-scanning-alerts-for-your-repository>).
pub(super) fn alerts(server: &str, repository: &str, git_ref: Option<&str>) -> String {
    let filter = git_ref.and_then(|git_ref| {
        let branch = git_ref.strip_prefix("refs/heads/");
        let pull = git_ref
            .strip_prefix("refs/pull/")
            .and_then(|rest| rest.split('/').next());
        branch
            .map(|name| format!("branch:{name}"))
            .or_else(|| pull.map(|number| format!("pr:{number}")))
    });
    let query = filter.map_or_else(
        || "is:open".to_owned(),
        |filter| format!("is:open {filter}"),
    );
    format!(
        "{}/{repository}/security/code-scanning?query={}",
        server.trim_end_matches('/'),
        utf8_percent_encode(&query, &UNRESERVED)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::security_scan::finding::Region;

    #[test]
    fn lines_of_a_file() {
        let location = |path: &str, lines: Option<(u32, u32)>| Location {
            path: path.into(),
            region: lines.map(|(start_line, end_line)| Region {
                start_line,
                start_column: 1,
                end_line,
                end_column: 1,
            }),
        };
        for (path, region, expected) in [
            ("a/b.py", Some((3, 3)), "a/b.py#L3"),
            ("a/b.py", Some((3, 9)), "a/b.py#L3-L9"),
            ("Dockerfile", None, "Dockerfile"),
            ("a b/#?%é.py", None, "a%20b/%23%3F%25%C3%A9.py"),
        ] {
            assert_eq!(
                lines(
                    "https://github.com/",
                    "acme/app",
                    "abc",
                    &location(path, region)
                ),
                format!("https://github.com/acme/app/blob/abc/{expected}")
            );
        }
    }

    #[test]
    fn open_alerts() {
        for (git_ref, query) in [
            (Some("refs/heads/main"), "is%3Aopen%20branch%3Amain"),
            (Some("refs/heads/a/b"), "is%3Aopen%20branch%3Aa%2Fb"),
            (Some("refs/pull/12/merge"), "is%3Aopen%20pr%3A12"),
            (Some("refs/tags/v1"), "is%3Aopen"),
            (None, "is%3Aopen"),
        ] {
            assert_eq!(
                alerts("https://github.com", "acme/app", git_ref),
                format!("https://github.com/acme/app/security/code-scanning?query={query}")
            );
        }
    }

    proptest! {
        #[test]
        fn an_address_holds_its_path_and_nothing_that_could_end_it(
            path in "([ %#?&/()<>\"'|\\\\-]|\\PC){1,20}",
            branch in "([ %#?&/+:]|\\PC){1,20}",
        ) {
            let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte));
            let location = Location { path: path.clone(), region: None };
            let address = lines("https://github.com", "a/b", "c", &location);
            let written = address.strip_prefix("https://github.com/a/b/blob/c/").unwrap();
            prop_assert!(plain(written), "{address}");
            prop_assert_eq!(decode(written), path);

            let address = alerts("https://github.com", "a/b", Some(&format!("refs/heads/{branch}")));
            let (_, query) = address.split_once("?query=").unwrap();
            prop_assert!(plain(query) && !query.contains('/'), "{address}");
            prop_assert_eq!(decode(query), format!("is:open branch:{branch}"));
        }
    }
}
