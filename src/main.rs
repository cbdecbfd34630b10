//! `slipway <action>`.

use std::process::ExitCode;

use slipway::cli;
use slipway::runner::environment::Environment;

fn main() -> ExitCode {
    cli::run(
        std::env::args_os().collect(),
        &Environment::new(std::env::vars_os()),
    )
}
