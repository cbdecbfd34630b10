//! `security-scan`: Trivy, Bandit and any other SARIF in one step; one explained gate;
//! alerts in the GitHub Security tab.

mod apply;
pub mod finding;
pub mod fingerprint;
pub mod handed;
pub mod inputs;
pub mod observe;
pub mod outputs;
pub mod plan;
pub mod policy;
pub mod policy_in_force;
pub mod purl;
pub mod report;
pub mod request;
pub mod sarif;
pub mod scan;
pub mod scanners;
#[cfg(test)]
mod schemas;
mod setting;
pub mod severity;
mod tell;
#[cfg(test)]
mod testing;
pub mod upload;

use crate::outcome::{Outcome, Result};
use crate::results::Results;
use crate::runner::Session;
use setting::Setting;

/// What its results folder is called.
const ACTION: &str = "security-scan";

/// Scans, judges, uploads and reports.
///
/// # Errors
/// What ended the run before a verdict: a wrong input or policy, an environment that does not let
/// the scanners be locked in or results be written, a cancelled job.
pub async fn run(inputs: inputs::Inputs, session: &Session) -> Result<Outcome> {
    let setting = Setting::check(&inputs, session)
        .inspect_err(|_| Results::forget(session, ACTION, &inputs.output_directory))?;
    let seen = observe::observe(&setting).await?;
    let judgement = plan::judge(
        &seen.scans,
        &seen.policy.policy,
        &plan::Settings::from(&inputs),
        setting.today(),
    );
    let done = apply::apply(&setting, &seen, &judgement).await?;
    Ok(tell::tell(&setting, &seen, &judgement, done))
}
