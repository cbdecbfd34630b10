//! The two images, and two harnesses that run actions in them.
//!
//! - [`runner`]: one step, as the Actions runner itself starts it. Fast; most tests.
//! - [`act`]: a whole workflow under `act`; what happens between steps.
//!
//! Both need Docker, whose daemon needs root: without it their tests say that they are skipped, unless `CI=true` or
//! `SLIPWAY_REQUIRE_PEERS=1`, where that is a failure. `SLIPWAY_SKIP_CONTAINERS=1` skips them whatever is set.

pub(crate) mod act;
pub(crate) mod docker;
pub(crate) mod runner;

mod act_tests;
mod image_tests;
mod integration_tests;
mod probe;
mod runner_tests;
mod security_scan;
