//! What a test needs of its machine. Without it a test is skipped in plain sight, never passed in silence,
//! and fails where nothing may be skipped: under `SLIPWAY_REQUIRE_PEERS` or `CI`, which `tests/run` and CI set.

use std::io::Write as _;

/// Whether this test may go on: it runs as root.
pub(crate) fn needs_root() -> bool {
    needs("root", rustix::process::geteuid().is_root())
}

/// Whether this test may go on: what it needs is there.
pub(crate) fn needs(what: &str, there: bool) -> bool {
    if !there {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        assert!(
            !set("SLIPWAY_REQUIRE_PEERS") && !set("CI"),
            "this test needs {what}, and nothing may be skipped here"
        );
        skipped(&format!("needs {what}"));
    }
    there
}

/// Says that this test is skipped.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let why = why.lines().next().unwrap_or_default();
    // Not by a macro: the harness keeps what those print to itself. In one piece, because others write
    // too: `tests/run` counts these lines.
    let line = format!("SKIPPED {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
