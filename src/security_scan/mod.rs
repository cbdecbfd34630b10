//! `security-scan`: Trivy, Bandit and any other SARIF in one step; one explained gate;
//! alerts in the GitHub Security tab.

pub mod finding;
pub mod fingerprint;
pub mod inputs;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod request;
pub mod scan;
#[cfg(test)]
mod schemas;
pub mod severity;
pub mod upload;
