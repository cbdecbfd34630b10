//! A whole workflow, as a user writes it: what the action says reaches the steps behind it.

use tempfile::TempDir;

use super::super::act::Workflow;
use super::super::docker::docker;
use super::generate;
use crate::github::TOKEN;

const WORKFLOW: &str = "on: push
jobs:
  scan:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {persist-credentials: false}
      - {id: restore, run: 'mkdir .slipway-cache && cp -R database/. .slipway-cache/'}
      - id: scan
        uses: ./actions/security-scan
        with:
          path: app
          offline: true
          upload: false
          token: ${{ secrets.TOKEN }}
      - {id: not-reached, run: 'true'}
      - id: after
        if: failure()
        env:
          RESULT: ${{ steps.scan.outputs.result }}
          BLOCKING: ${{ steps.scan.outputs.blocking }}
          REPORT: ${{ steps.scan.outputs.report }}
          SARIF: ${{ steps.scan.outputs.sarif }}
          TOKEN: ${{ secrets.TOKEN }}
        run: |
          echo \"$RESULT $BLOCKING $TOKEN\"
          ls $REPORT $SARIF
";

#[test]
fn a_closed_gate_fails_the_job_and_later_steps_learn_why() {
    let Some(docker) = docker() else { return };
    let fixture = TempDir::new().unwrap();
    generate(fixture.path());
    let read = |name: &str| std::fs::read(fixture.path().join(name)).unwrap();
    let result = Workflow::new(docker)
        .actions()
        .tree("tests/sample-app-vulnerable/tree", "app")
        .file("database/db/trivy.db", read("db/trivy.db"))
        .file("database/db/metadata.json", read("db/metadata.json"))
        .secret("TOKEN", TOKEN)
        .run(WORKFLOW);
    assert!(!result.success, "{}", result.log);
    let scan = result.step("scan");
    assert_eq!(
        (scan.result.as_str(), scan.exit),
        ("failure", 1),
        "{}",
        result.log
    );
    assert_eq!(scan.outputs["result"], "failed");
    assert!(
        scan.summary.starts_with("## ❌ security-scan: Gate closed"),
        "{}",
        scan.summary
    );
    let mut errors = scan.annotations.iter().filter(|it| it.level == "error");
    assert!(
        errors.any(
            |it| it.file.as_deref() == Some("app/backend/requirements.txt") && it.line == Some(2)
        ),
        "{:?}",
        scan.annotations
    );
    assert!(
        scan.masks.iter().any(|mask| mask == TOKEN),
        "{:?}",
        scan.masks
    );

    let results = "slipway-results/security-scan-scan";
    assert_eq!(
        result.step("after").log,
        format!(
            "failed {} ***\n{results}/report.json\n{results}/slipway-bandit-app.sarif\n{results}/slipway-trivy-fs-app.sarif\n",
            scan.outputs["blocking"]
        )
    );
    assert!(result.step("after").result == "success" && !result.log.contains(TOKEN));
    assert!(
        result
            .steps
            .iter()
            .all(|step| !step.id.ends_with("/not-reached") || step.result == "skipped"),
        "{}",
        result.log
    );
}
