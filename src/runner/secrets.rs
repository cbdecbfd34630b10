//! What must never be printed, and the parts of it that give it away.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::markdown;

/// What stands in a secret's place: the runner's own choice.
pub const MASK: &str = "***";

/// The least length of a mask, in characters. A shorter one (`}`, `443`, `yes`) would blank out
/// unrelated text all over the log, and by doing so show where and what it is.
pub const SHORTEST: usize = 4;

/// Every secret that this process knows. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Vec<SecretString>>>);

impl Secrets {
    /// Takes in a secret with all the parts that give it away, and returns those that were new.
    #[must_use]
    pub fn register(&self, secret: &str) -> Vec<String> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<String> = parts(secret)
            .into_iter()
            .filter(|part| !known.iter().any(|old| old.expose_secret() == part))
            .collect();
        known.extend(
            new.iter()
                .flat_map(|part| forms(part))
                .map(SecretString::from),
        );
        // The longest first: a part must not break up the whole before it is found.
        known.sort_by_key(|part| std::cmp::Reverse(part.expose_secret().len()));
        new
    }

    /// The text with every known secret replaced by [`MASK`].
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = Cow::Borrowed(text);
        for secret in known.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, MASK));
            }
        }
        text
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// The whole secret, each of its lines, each string inside it if it is JSON, and what stands for a
/// registry's credentials: the password, `user:password` and its base64 (of a dockerconfigjson's
/// `auth`, its `username` and `password`, a `registry user password` line). All trimmed, none below
/// [`SHORTEST`].
fn parts(secret: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    let mut add = |text: &str| {
        let text = text.trim();
        if text.chars().count() >= SHORTEST {
            parts.insert(text.to_owned());
        }
    };
    add(secret);
    for line in secret.split(['\n', '\r']) {
        add(line);
        if let [_, user, password] = line.split_whitespace().collect::<Vec<_>>()[..] {
            add(password);
            basic(user, password, &mut add);
        }
    }
    if let Ok(json) = serde_json::from_str(secret) {
        leaves(&json, "", &mut add);
    }
    parts
}

/// `user:password`, and as `Authorization: Basic` and Docker's configuration hold it.
fn basic(user: &str, password: &str, add: &mut impl FnMut(&str)) {
    let pair = format!("{user}:{password}");
    add(&STANDARD.encode(&pair));
    add(&pair);
}

/// What every base64 that holds this text somewhere has in common: one for each way in which it can
/// lie across groups of three bytes, without the characters that its neighbours have a part in.
/// Those that would be shorter than eight characters are left out: they could be anything.
fn within_base64(part: &str) -> impl Iterator<Item = String> {
    (0..3).filter_map(|before: usize| {
        let text = [&vec![0; before], part.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(&text);
        let first = (before * 8).div_ceil(6);
        let common = encoded.get(first..text.len() * 8 / 6)?;
        (common.len() >= 8).then(|| common.to_owned())
    })
}

/// A part as it may stand in what is written: as it is; escaped for Markdown, JSON and URLs, because
/// text is often escaped before it is gathered and redacted; within base64.
fn forms(part: &str) -> BTreeSet<String> {
    let json = serde_json::Value::from(part).to_string();
    let code = markdown::code(part);
    let forms = [
        part,
        &markdown::text(part),
        code.trim_start_matches("<code>")
            .trim_end_matches("</code>"),
        json.trim_matches('"'),
    ];
    forms
        .into_iter()
        .map(str::to_owned)
        .chain([utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()])
        .chain(within_base64(part))
        .collect()
}

fn leaves(json: &serde_json::Value, key: &str, add: &mut impl FnMut(&str)) {
    match json {
        serde_json::Value::String(text) => {
            text.split(['\n', '\r']).for_each(&mut *add);
            add(text);
            if key == "auth" {
                // base64 of `user:password` in a Docker configuration file.
                let decoded = STANDARD.decode(text.trim());
                let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some((user, password)) =
                    decoded.as_deref().and_then(|text| text.split_once(':'))
                {
                    add(password);
                    basic(user, password, add);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, key, add)),
        serde_json::Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(serde_json::Value::as_str);
            if let (Some(user), Some(password)) = (text("username"), text("password")) {
                basic(user, password, add);
            }
            map.iter().for_each(|(key, value)| leaves(value, key, add));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(secret: &str) -> Vec<String> {
        parts(secret).into_iter().collect()
    }

    #[test]
    fn every_part_is_masked() {
        assert_eq!(of("ghp_secret"), ["ghp_secret"]);
        assert_eq!(
            of("first\r\nsecond\n}"),
            ["first", "first\r\nsecond\n}", "second"]
        );
        assert_eq!(
            of("ghcr.io me hunter2"),
            [
                "bWU6aHVudGVyMg==",
                "ghcr.io me hunter2",
                "hunter2",
                "me:hunter2"
            ],
            "a registry line"
        );
        let json = r#"{"a":["one-one",{"b":"two\ntwo-b","c":"x"}],"d":12345}"#;
        assert_eq!(of(json), ["one-one", "two\ntwo-b", "two-b", json]);
    }

    #[test]
    fn every_form_of_a_registrys_credentials_is_masked() {
        let auth = STANDARD.encode("me:pass:word");
        for json in [
            format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#),
            r#"{"auths":{"ghcr.io":{"username":"me","password":"pass:word"}}}"#.to_owned(),
        ] {
            let parts = of(&json);
            for form in ["pass:word", "me:pass:word", &auth] {
                assert!(parts.iter().any(|part| part == form), "{form}: {parts:?}");
            }
            let secrets = Secrets::default();
            let _ = secrets.register(&json);
            for form in ["pass%3Aword", "me:pass:word", &auth, &json] {
                assert_eq!(secrets.redact(form), "***", "{form}");
            }
        }
    }

    #[test]
    fn no_base64_hides_a_secret() {
        let secrets = Secrets::default();
        let secret = "ghs_0123456789\u{e9}";
        let _ = secrets.register(secret);
        for before in ["", "u:", "us:", "use:", "x-access-token:"] {
            for after in ["", "\n", "ab", "abc"] {
                let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
                let redacted = secrets.redact(&encoded).into_owned();
                let left = redacted.replace("***", "");
                // What its neighbours have a part in.
                let own = STANDARD.encode(format!("{before}{after}")).len() + 4;
                assert!(redacted.contains("***") && left.len() <= own, "{redacted}");
            }
        }
        let _ = secrets.register("abcd");
        assert_eq!(secrets.redact("YWJjZA"), "YWJjZA", "too short to be told");
    }

    #[test]
    fn short_values_are_left_alone() {
        assert!(of("yes").is_empty());
        assert_eq!(of("äöüß"), ["äöüß"], "characters, not bytes");
    }

    #[test]
    fn escaping_does_not_hide_a_secret() {
        let secrets = Secrets::default();
        let secret = "a|b_c\"d<e\\f";
        let _ = secrets.register(secret);
        for written in [
            secret.to_owned(),
            markdown::text(secret),
            markdown::code(secret),
            serde_json::Value::from(secret).to_string(),
        ] {
            let redacted = secrets.redact(&written).into_owned();
            assert!(
                ["***", "<code>***</code>", "\"***\""].contains(&&*redacted),
                "{redacted}"
            );
        }
    }

    #[test]
    fn redaction_takes_the_longest_first() {
        let secrets = Secrets::default();
        assert_eq!(secrets.register("pass").len(), 1);
        assert_eq!(secrets.register("password").len(), 1);
        assert!(secrets.register("password").is_empty());
        assert_eq!(secrets.redact("my password, my pass"), "my ***, my ***");
        assert!(matches!(secrets.redact("nothing"), Cow::Borrowed(_)));
    }
}
