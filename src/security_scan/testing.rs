//! What unit tests start from.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Parser as _;

use super::finding::{Finding, Flows, Kind, Location, Package, Region};
use super::inputs::Inputs;
use super::scan::{Gap, GapKind, Ignores, Scan, Source, State, Tool};
use super::severity::Severity;

/// A finding with nothing special.
pub(super) fn finding(rule: &str, path: &str, line: Option<u32>) -> Finding {
    Finding {
        rule: rule.to_owned(),
        kind: Kind::Code,
        severity: Severity::High,
        score: None,
        message: "message".to_owned(),
        location: Location {
            path: path.to_owned(),
            region: line.map(|line| Region {
                start_line: line,
                start_column: 1,
                end_line: line,
                end_column: 2,
            }),
        },
        package: None,
        aliases: Vec::new(),
        given_fingerprint: None,
        fingerprint: String::new(),
        flows: Flows::default(),
    }
}

/// A vulnerable package with a fix, fingerprint and all.
pub(super) fn vulnerability(severity: Severity) -> Finding {
    Finding {
        kind: Kind::Vulnerability,
        severity,
        message: "a message".into(),
        location: Location {
            path: "backend/requirements.txt".into(),
            region: Some(Region {
                start_line: 3,
                start_column: 1,
                end_line: 3,
                end_column: 20,
            }),
        },
        package: Some(Package {
            name: "requests".into(),
            version: "2.19.0".into(),
            fixed: Some("2.31.0".into()),
            purl: Some("pkg:pypi/requests@2.19.0".into()),
        }),
        fingerprint: "39fa2ee980eb94b0:1".into(),
        ..finding("CVE-2024-0001", "", None)
    }
}

pub(super) fn gap(kind: GapKind) -> Gap {
    Gap {
        kind,
        what: "something happened".into(),
        next: None,
    }
}

pub(super) fn scan(source: Source, state: State, findings: Vec<Finding>) -> Scan {
    Scan {
        source,
        target: ".".into(),
        category: "slipway/x/".into(),
        tool: Tool {
            name: "X".into(),
            version: Some("1.0".into()),
            information_uri: None,
        },
        state,
        rules: BTreeMap::new(),
        findings,
        notes: vec![],
        inline_ignores: Ignores::default(),
        duration: Duration::from_millis(1200),
    }
}

/// The inputs that these flags give.
pub(super) fn inputs(flags: &[&str]) -> Result<Inputs, clap::Error> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        inputs: Inputs,
    }
    let line = std::iter::once("slipway").chain(flags.iter().copied());
    Ok(Line::try_parse_from(line)?.inputs)
}
