//! Package URLs. Source: <https://github.com/package-url/purl-spec>.

use percent_encoding::percent_decode_str;

/// A package URL. As a matcher, what it leaves out matches anything: without `@version` every
/// version, without `?qualifiers` any qualifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purl {
    text: String,
    /// Type, namespace and name, decoded, the type in small letters.
    name: String,
    version: Option<String>,
    /// Decoded, sorted.
    qualifiers: Vec<(String, String)>,
    subpath: Option<String>,
}

impl Purl {
    /// Says what is wrong, for a message that already names its place.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let wrong =
            || "is not a package URL such as pkg:pypi/requests@2.19.0 or pkg:npm/lodash".to_owned();
        let parts = parts(text);
        let rest = parts.bare.strip_prefix("pkg:").ok_or_else(wrong)?;
        let (kind, name) = rest
            .trim_start_matches('/')
            .split_once('/')
            .ok_or_else(wrong)?;
        let name = decode(name.trim_matches('/'));
        if kind.is_empty() || name.is_empty() || parts.version == Some("") {
            return Err(wrong());
        }
        let mut qualifiers: Vec<_> = parts
            .qualifiers
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (key.to_ascii_lowercase(), decode(value)))
            .collect();
        qualifiers.sort();
        Ok(Self {
            text: text.to_owned(),
            name: format!("{}/{name}", kind.to_ascii_lowercase()),
            version: parts.version.map(decode),
            qualifiers,
            subpath: parts.subpath.map(decode),
        })
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `other` has all that this one names.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.name == other.name
            && (self.version.is_none() || self.version == other.version)
            && (self.subpath.is_none() || self.subpath == other.subpath)
            && self
                .qualifiers
                .iter()
                .all(|qualifier| other.qualifiers.contains(qualifier))
    }
}

/// Scheme, type, namespace and name as a tool wrote them: no version, no qualifiers (`distro` names a
/// release), no subpath. Of any text, as fingerprints need it.
pub(crate) fn bare(text: &str) -> &str {
    parts(text).bare
}

/// Encoded, as they stand.
struct Parts<'a> {
    bare: &'a str,
    version: Option<&'a str>,
    qualifiers: Option<&'a str>,
    subpath: Option<&'a str>,
}

fn parts(text: &str) -> Parts<'_> {
    let (rest, subpath) = before(text, '#');
    let (rest, qualifiers) = before(rest, '?');
    // A name's own `@` is percent-encoded; that of an npm scope, before a `/`, often is not.
    let (bare, version) = match rest.rsplit_once('@') {
        Some((name, version)) if !version.contains('/') && !name.ends_with('/') => {
            (name, Some(version))
        }
        _ => (rest, None),
    };
    Parts {
        bare,
        version,
        qualifiers,
        subpath,
    }
}

fn before(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn package_urls() {
        for (wanted, found, covers) in [
            ("pkg:npm/%40babel/core", "pkg:npm/%40babel/core@7.0.0", true),
            ("pkg:npm/@babel/core", "pkg:npm/%40babel/core@7.0.0", true),
            (
                "pkg:npm/@babel/core@7.0.0",
                "pkg:npm/%40babel/core@7.0.0",
                true,
            ),
            ("pkg:npm/core", "pkg:npm/%40babel/core@7.0.0", false),
            (
                "pkg:deb/debian/openssl",
                "pkg:deb/debian/openssl@3.0.1?distro=debian-12",
                true,
            ),
            ("pkg:golang/a/b#sub", "pkg:golang/a/b@v1", false),
            ("pkg:golang/a/b", "pkg:golang/a/b@v1#sub", true),
        ] {
            assert_eq!(
                Purl::new(wanted)
                    .unwrap()
                    .covers(&Purl::new(found).unwrap()),
                covers,
                "{wanted} {found}"
            );
        }
        for wrong in [
            "",
            "requests",
            "pkg:",
            "pkg:pypi",
            "pkg:pypi/",
            "pkg:/x/",
            "pkg:pypi/a@",
        ] {
            assert!(Purl::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_stays_the_same() {
        for (purl, expected) in [
            ("pkg:npm/lodash@4.17.1", "pkg:npm/lodash"),
            ("pkg:npm/%40scope/name@1.0", "pkg:npm/%40scope/name"),
            ("pkg:npm/@scope/name", "pkg:npm/@scope/name"),
            ("pkg:npm/@scope/name@2", "pkg:npm/@scope/name"),
            ("pkg:golang/a.b/c@v1#sub/dir", "pkg:golang/a.b/c"),
            ("pkg:deb/debian/x@1?a=b@c", "pkg:deb/debian/x"),
            ("", ""),
        ] {
            assert_eq!(bare(purl), expected, "{purl}");
        }
    }

    proptest! {
        #[test]
        fn what_was_put_together_is_read_back(
            kind in "[a-z]{1,6}",
            name in "\\PC{1,8}",
            version in proptest::option::of("\\PC{1,8}"),
            qualifiers in proptest::collection::btree_map("[a-z]{1,4}", "\\PC{1,6}", 0..3),
            subpath in proptest::option::of("[a-z]{1,6}"),
        ) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let bare_text = format!("pkg:{kind}/{}", encode(&name));
            let mut text = bare_text.clone();
            if let Some(version) = &version {
                write!(text, "@{}", encode(version)).unwrap();
            }
            let mut sign = '?';
            for (key, value) in &qualifiers {
                write!(text, "{sign}{key}={}", encode(value)).unwrap();
                sign = '&';
            }
            if let Some(subpath) = &subpath {
                write!(text, "#{subpath}").unwrap();
            }
            prop_assert_eq!(bare(&text), &bare_text);
            let read = Purl::new(&text).unwrap();
            prop_assert_eq!(&read.name, &format!("{kind}/{name}"));
            prop_assert_eq!(&read.version, &version);
            prop_assert_eq!(read.qualifiers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(), qualifiers);
            prop_assert_eq!(&read.subpath, &subpath);
            prop_assert!(read.covers(&read) && Purl::new(&bare_text).unwrap().covers(&read));
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "(pkg:)?([a/@?#&=%]|\\PC)*") {
            let short = bare(&text);
            prop_assert!(text.starts_with(short) && !short.contains(['?', '#']));
            if let Ok(purl) = Purl::new(&text) {
                prop_assert_eq!(purl.text(), &text);
                prop_assert!(purl.covers(&purl));
            }
        }
    }
}
