//! The inputs as the report shows them.

use serde::Serialize;

use crate::security_scan::inputs::{FailOn, Inputs, OnIncomplete, Upload};

/// Every input but the secret ones, under its own name.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Inputs")]
#[expect(clippy::struct_excessive_bools, reason = "as in the inputs")]
pub struct InputsReport {
    path: String,
    scanners: String,
    trivy_checks: String,
    images: Vec<String>,
    sarif_files: Vec<String>,
    pub(super) fail_on: FailOn,
    only_fixable: bool,
    pub(super) policy: String,
    upload: Upload,
    category: String,
    wait_for_processing: bool,
    database: Vec<String>,
    cache_directory: String,
    offline: bool,
    on_incomplete: OnIncomplete,
    output_directory: String,
    /// In seconds.
    timeout: u64,
    pub(super) dry_run: bool,
}

impl From<&Inputs> for InputsReport {
    fn from(inputs: &Inputs) -> Self {
        // All fields by name: whoever adds an input decides here whether it may be shown.
        let Inputs {
            path,
            scanners,
            trivy_checks,
            images,
            registry_auth: _,
            sarif_files,
            fail_on,
            only_fixable,
            policy,
            upload,
            category,
            wait_for_processing,
            database,
            cache_directory,
            offline,
            on_incomplete,
            output_directory,
            token: _,
            timeout,
            dry_run,
        } = inputs.clone();
        Self {
            path,
            scanners,
            trivy_checks,
            images,
            sarif_files,
            fail_on,
            only_fixable,
            policy,
            upload,
            category,
            wait_for_processing,
            database,
            cache_directory,
            offline,
            on_incomplete,
            output_directory,
            timeout: timeout.as_secs(),
            dry_run,
        }
    }
}
