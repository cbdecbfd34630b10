//! The JSON schemas under `schemas/`: generated from the types, checked in, proved fresh below.

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::Schema;
    use serde_json::json;

    /// `UPDATE_GENERATED=1 cargo test --lib schemas` writes the files.
    fn fresh(file: &str, mut schema: Schema) {
        schema.insert(
            "$id".to_owned(),
            json!(format!(
                "https://raw.githubusercontent.com/slipway-ci/slipway/main/schemas/{file}"
            )),
        );
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schemas")
            .join(file);
        if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap() == text,
            "{file} is stale; write it anew with UPDATE_GENERATED=1 cargo test --lib schemas"
        );
    }

    #[test]
    fn policy_schema_is_fresh() {
        fresh(
            "security-scan.policy.v1.json",
            crate::security_scan::policy::schema(),
        );
    }

    #[test]
    fn report_schema_is_fresh() {
        fresh(
            "security-scan.report.v1.json",
            crate::security_scan::report::schema(),
        );
    }
}
