//! The environment as a value: read once at start, so that tests never touch the real one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::Arc;

/// A snapshot of environment variables. Cheap to clone. Its `Debug` prints names alone, because
/// values may be secrets.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<OsString, OsString>>);

impl Environment {
    /// Takes the variables of `std::env::vars_os`, or of a test.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(Arc::new(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }

    /// The value, if it is set, not empty and UTF-8. The runner passes what is absent as an empty
    /// string, so empty means absent everywhere.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_os(name)?.to_str()
    }

    /// The value, if it is set and not empty, whatever its encoding: for paths.
    #[must_use]
    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether the variable is there at all, be it empty.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(OsStr::new(name))
    }

    /// All names that are UTF-8, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str())
    }

    /// Whether the Actions runner started us: it sets `GITHUB_ACTIONS` to `true` and nothing else.
    #[must_use]
    pub fn in_runner(&self) -> bool {
        self.get("GITHUB_ACTIONS") == Some("true")
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent() {
        let environment = Environment::new([("A", ""), ("B", " ")]);
        assert_eq!(environment.get("A"), None);
        assert!(environment.has("A"));
        assert_eq!(environment.get("B"), Some(" "));
        assert_eq!(environment.get("C"), None);
    }

    #[test]
    fn debug_keeps_values_to_itself() {
        let shown = format!("{:?}", Environment::new([("INPUT_TOKEN", "hunter2")]));
        assert!(shown.contains("INPUT_TOKEN") && !shown.contains("hunter2"));
    }
}
