//! What must never be printed, and the parts of it that give it away.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
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

/// The whole secret, each of its lines, each string inside it if it is JSON (with the password of
/// a dockerconfigjson's `auth`), and the last field of a `registry user password` line; all
/// trimmed, none below [`SHORTEST`].
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
        if let [_, _, password] = line.split_whitespace().collect::<Vec<_>>()[..] {
            add(password);
        }
    }
    if let Ok(json) = serde_json::from_str(secret) {
        leaves(&json, "", &mut add);
    }
    parts
}

/// A part as it may stand in what we write: as it is, and escaped for Markdown and JSON, because
/// text is often escaped before it is gathered and redacted.
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
    forms.into_iter().map(str::to_owned).collect()
}

fn leaves(json: &serde_json::Value, key: &str, add: &mut impl FnMut(&str)) {
    match json {
        serde_json::Value::String(text) => {
            text.split(['\n', '\r']).for_each(&mut *add);
            add(text);
            if key == "auth" {
                // base64 of `user:password` in a Docker configuration file.
                let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim());
                let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some((_, password)) =
                    decoded.as_deref().and_then(|text| text.split_once(':'))
                {
                    add(password);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, key, add)),
        serde_json::Value::Object(map) => {
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
            ["ghcr.io me hunter2", "hunter2"],
            "the password of a registry line"
        );
        let json = r#"{"a":["one-one",{"b":"two\ntwo-b","c":"x"}],"d":12345}"#;
        assert_eq!(of(json), ["one-one", "two\ntwo-b", "two-b", json]);
    }

    #[test]
    fn the_password_within_a_docker_auth_is_masked() {
        let auth = base64::engine::general_purpose::STANDARD.encode("me:pass:word");
        let json = format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#);
        assert!(of(&json).contains(&"pass:word".to_owned()));
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
