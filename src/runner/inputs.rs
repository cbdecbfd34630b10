//! Inputs as the runner passes them.

use std::time::Duration;

/// The runner toolkit's own rule (`getBooleanInput`): YAML 1.2 core schema booleans only.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err("allowed: true, True, TRUE, false, False, FALSE".to_owned()),
    }
}

/// A whole number with `s`, `m` or `h`; 1 second to 24 hours.
pub fn duration(text: &str) -> Result<Duration, String> {
    [("s", 1), ("m", 60), ("h", 3600)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .and_then(|(digits, seconds)| digits.parse::<u64>().ok()?.checked_mul(seconds))
        .filter(|seconds| (1..=86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            "allowed: a whole number with s, m or h, from 1s to 24h, such as 90s or 20m".to_owned()
        })
}
