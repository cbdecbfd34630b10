//! What is uploaded and what is not.

use slipway::security_scan::inputs::Upload as Mode;
use slipway::security_scan::upload::apply::{Settings, apply};
use slipway::security_scan::upload::plan::{Content, plan};
use slipway::security_scan::upload::result::{Status, Weight};
use slipway::security_scan::upload::target::Obstacle;

use super::super::client;
use super::super::fake::{ANALYSES, Fake, Upload, Wrong};
use super::super::prism::Proxy;
use super::{MAIN, MERGE, candidate, found, nothing, run, settings};

#[tokio::test]
async fn an_empty_run_only_where_it_closes_something() {
    let fake = Fake::start().await;
    let proxy = Proxy::strict(&fake).await;
    let holds = |reference: &str, category: &str| (reference.to_owned(), category.to_owned());
    // Deep in the list, on the ref and on its base.
    let mut analyses: Vec<_> = (0..150)
        .map(|it| holds(MERGE, &format!("other/{it}/")))
        .collect();
    analyses.push(holds(MERGE, "slipway/of-the-ref/"));
    analyses.push(holds(MAIN, "slipway/of-the-base/"));
    analyses.push(holds("refs/heads/elsewhere", "slipway/of-another/"));
    fake.state().analyses = analyses;
    let candidates: Vec<_> = [
        "slipway/of-the-ref/",
        "slipway/of-the-base/",
        "slipway/of-another/",
        "slipway/new/",
    ]
    .map(nothing)
    .into();
    let results = run(&client(&proxy.url), candidates, &settings(Mode::True)).await;
    let statuses: Vec<Status> = results.iter().map(|it| it.status).collect();
    assert_eq!(
        statuses,
        [
            Status::Complete,
            Status::Complete,
            Status::NotNeeded,
            Status::NotNeeded
        ]
    );
    {
        let state = fake.state();
        assert!(state.uploads.iter().all(|it| it.results() == 0));
        assert_eq!(state.uploads.len(), 2);
    }
    assert_eq!(proxy.violations().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_github_holds_is_asked_only_where_it_matters_and_unknown_is_said() {
    let fake = Fake::start().await;
    run(&client(&fake.url), vec![found("a/")], &settings(Mode::Auto)).await;
    assert_eq!(fake.asked(ANALYSES), 0);
    fake.fault(
        ANALYSES,
        1,
        Wrong::status(403, "Resource not accessible by integration"),
    );
    let results = run(
        &client(&fake.url),
        vec![nothing("a/")],
        &settings(Mode::Auto),
    )
    .await;
    assert_eq!(
        (results[0].status, results[0].weight),
        (Status::NoPermission, Weight::Warning)
    );
    assert_eq!(fake.state().uploads.len(), 1);
}

#[tokio::test]
async fn an_incomplete_scan_leaves_the_last_analysis_alone() {
    let fake = Fake::start().await;
    let lost = candidate(
        "slipway/bandit/",
        Content::Incomplete("it timed out".into()),
    );
    let results = run(
        &client(&fake.url),
        vec![lost, found("a/")],
        &settings(Mode::True),
    )
    .await;
    assert_eq!(
        (results[0].status, results[0].weight),
        (Status::Incomplete, Weight::Warning)
    );
    assert!(results[0].reason.contains("it timed out"));
    let state = fake.state();
    let categories: Vec<&str> = state.uploads.iter().map(Upload::category).collect();
    assert_eq!(categories, ["a/"]);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let fake = Fake::start().await;
    fake.state().analyses = vec![(MERGE.into(), "b/".into())];
    let settings = Settings {
        dry_run: true,
        ..settings(Mode::True)
    };
    let results = run(
        &client(&fake.url),
        vec![found("a/"), nothing("b/")],
        &settings,
    )
    .await;
    assert!(
        results
            .iter()
            .all(|it| it.status == Status::DryRun && it.weight == Weight::Fine)
    );
    let state = fake.state();
    assert!(
        state
            .requests
            .iter()
            .all(|it| it.method == http::Method::GET)
    );
    assert_eq!(state.requests.len(), 1);
}

#[tokio::test]
async fn without_a_target_nobody_is_asked() {
    for (obstacle, auto, always, status) in [
        (Obstacle::Off, Weight::Fine, Weight::Error, Status::Off),
        (Obstacle::Desk, Weight::Fine, Weight::Error, Status::Off),
        (
            Obstacle::NoToken,
            Weight::Warning,
            Weight::Error,
            Status::NoToken,
        ),
        (
            Obstacle::Setup("no".into()),
            Weight::Error,
            Weight::Error,
            Status::Setup,
        ),
        (
            Obstacle::Event("workflow_run".into()),
            Weight::Warning,
            Weight::Error,
            Status::NoTarget,
        ),
    ] {
        for (mode, weight) in [(Mode::Auto, auto), (Mode::True, always)] {
            let plan = plan(Err(obstacle.clone()), vec![found("a/")], &Ok([].into()));
            let results = apply(plan, None, &settings(mode)).await;
            assert_eq!(
                (results[0].status, results[0].weight),
                (status, weight),
                "{obstacle:?}"
            );
            assert_eq!(
                results[0].failure.is_some(),
                weight != Weight::Fine,
                "{obstacle:?}"
            );
        }
    }
}
