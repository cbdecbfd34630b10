//! That the second harness reads what act says.

use serde_json::json;

use super::act::Workflow;
use super::docker::docker;
use super::probe;

#[test]
fn what_a_step_says_reaches_the_next() {
    let Some(docker) = docker() else { return };
    let action = format!(
        "name: probe\ndescription: A probe\ninputs:\n  exit-code: {{description: How it ends, default: '0'}}\n\
         outputs:\n  greeting: {{description: A greeting}}\n\
         runs: {{using: docker, image: 'docker://{}', args: [speak]}}\n",
        probe::image(docker)
    );
    let workflow = Workflow::new(docker)
        .tree("docker", "copied")
        .file("probe/action.yml", action)
        .env("FLAG", "up")
        .event("push", json!({"after": "a-commit"}))
        .secret("PASSWORD", "correct horse");
    let result = workflow.run(
        "on: push
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: first
        uses: ./probe
      - id: echo
        env:
          GREETING: ${{ steps.first.outputs.greeting }}
          PASSWORD: ${{ secrets.PASSWORD }}
          AFTER: ${{ github.event.after }}
        run: |
          ls copied/make-root
          echo \"$GREETING, $PASSWORD, $FLAG, $AFTER\"
      - id: second
        uses: ./probe
        with: {exit-code: 5}
      - {id: skipped, run: 'true'}
      - {id: after, if: failure(), run: 'echo ${{ steps.second.outcome }}'}
",
    );
    assert!(!result.success);
    let first = result.step("first");
    assert_eq!(
        (first.result.as_str(), first.exit),
        ("success", 0),
        "{}",
        result.log
    );
    assert_eq!(first.outputs["greeting"], "hello\nworld");
    assert_eq!(first.summary, "# A summary\n");
    assert_eq!(first.masks, ["hunter2"]);
    assert!(first.log.contains("the password is ***"), "{}", first.log);
    let errors: Vec<_> = first
        .annotations
        .iter()
        .filter(|annotation| annotation.level == "error")
        .collect();
    assert_eq!(errors[0].message, "first\nsecond");
    assert_eq!(
        (errors[0].file.as_deref(), errors[0].line),
        (Some("app.py"), Some(3))
    );
    assert_eq!(
        result.step("echo").log,
        "copied/make-root\nhello\nworld, ***, up, a-commit\n"
    );
    let second = result.step("second");
    assert_eq!((second.result.as_str(), second.exit), ("failure", 5));
    assert_eq!(result.step("job/after").log, "failure\n");
    assert!(
        result
            .steps
            .iter()
            .all(|step| step.id != "job/skipped" || step.result == "skipped")
    );
}
