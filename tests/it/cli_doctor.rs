//! `doctor`: what works, what does not, and what to do about it.

use std::sync::Arc;

use customerio_mcp::{
    clock::AdjustableClock,
    sandbox::{Fixture, RunningSandbox},
    server::open::start_sandbox,
};
use insta::assert_snapshot;
use serde_json::Value;

use crate::cli::{Left, Run, customerio_mcp};

async fn sandbox() -> RunningSandbox {
    start_sandbox(Arc::new(AdjustableClock::running()), Fixture::shop()).await.unwrap()
}

/// A run with the credentials of a sandbox that counts as a live workspace.
fn doctor(sandbox: &RunningSandbox, args: &[&str]) -> Run {
    let keys = sandbox.keys();
    customerio_mcp(&[&["doctor", "--data", "data"], args].concat())
        .env("CUSTOMERIO_SITE_ID", &keys.site_id)
        .env("CUSTOMERIO_TRACKING_API_KEY", &keys.tracking_api_key)
        .env("CUSTOMERIO_APP_API_KEY", &keys.app_api_key)
        .env("CUSTOMERIO_TRACK_URL", &sandbox.base_url())
        .env("CUSTOMERIO_APP_URL", &sandbox.base_url())
}

/// The findings of a run under `name`, as "verdict: message".
fn found(left: &Left, name: &str) -> Vec<String> {
    let checks = left.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    checks
        .filter(|check| check["check"] == name)
        .map(|check| format!("{}: {}", check["verdict"].as_str().unwrap(), check["message"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_works_is_told_line_by_line() {
    let sandbox = sandbox().await;
    let left = doctor(&sandbox, &[]).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{}", left.stdout);
    assert_snapshot!(left.stdout, @"
    ✓ configuration    workspace default (live), from the environment
    ✓ state            nothing in data yet: database and secret are made on first
                       use
    ✓ Track API        site id and tracking API key are accepted
    ✓ App API          key is accepted: Fern & Fable, 12 people
    – Pipelines API    no write key; only `…_through_pipelines` needs one
    ✓ region           US, as Customer.io says
    ✓ same workspace   Track credentials and App API key belong together
    – identity         not declared: until it is, nobody can be created or changed
                       → customerio-mcp identity declare --help
    ✓ policy           read allow, write allow, trigger allow,
                       send allow to listed recipients (else approve),
                       delete approve, bulk_pii approve, content_in_use preview
    – recipients       none are listed, so every message to a customer is refused
                       → List addresses or domains under `recipients.live` to let
                         messages to them go.

    All is well.
    ");
    let keys = sandbox.keys();
    for secret in [&keys.tracking_api_key, &keys.app_api_key] {
        assert!(!left.stdout.contains(secret.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_wrong_credential_is_told_from_the_others() {
    let sandbox = sandbox().await;
    let keys = sandbox.keys().clone();
    let run = |changes: &[(&str, &str)]| {
        let left =
            changes.iter().fold(doctor(&sandbox, &["--json"]), |run, (name, value)| run.env(name, value)).finish();
        assert_eq!((left.code, left.stderr.as_str()), (1, ""), "{}", left.stdout);
        assert!(!left.stdout.contains(&keys.app_api_key) && !left.stdout.contains(&keys.tracking_api_key));
        left
    };
    let wrong = run(&[("CUSTOMERIO_TRACKING_API_KEY", "wrong"), ("CUSTOMERIO_APP_API_KEY", "wrong")]);
    assert_eq!(
        found(&wrong, "Track API"),
        ["failed: refused: the site id or its tracking API key is wrong, or was revoked"]
    );
    assert_eq!(found(&wrong, "App API"), ["failed: refused: the key is wrong, was revoked, or is no App API key"]);
    assert_eq!(found(&wrong, "same workspace"), Vec::<String>::new());

    let app_as_track = run(&[("CUSTOMERIO_TRACKING_API_KEY", &keys.app_api_key)]);
    assert_eq!(found(&app_as_track, "Track API"), ["failed: refused: the tracking API key is an App API key"]);
    let track_as_app = run(&[("CUSTOMERIO_APP_API_KEY", &keys.tracking_api_key)]);
    assert_eq!(found(&track_as_app, "App API"), ["failed: refused: the App API key is a tracking API key"]);
    let exchanged =
        run(&[("CUSTOMERIO_SITE_ID", &keys.tracking_api_key), ("CUSTOMERIO_TRACKING_API_KEY", &keys.site_id)]);
    assert_eq!(found(&exchanged, "Track API"), ["failed: refused: site id and tracking API key are exchanged"]);

    let other_region = run(&[("CUSTOMERIO_REGION", "eu")]);
    assert_eq!(found(&other_region, "region"), ["failed: EU is configured, but the account lives in the US region"]);
    let nobody = run(&[("CUSTOMERIO_TRACK_URL", "http://127.0.0.1:9"), ("CUSTOMERIO_APP_URL", "http://127.0.0.1:9")]);
    assert_eq!(
        found(&nobody, "App API"),
        ["failed: Customer.io could not be reached: no connection. Nothing was sent."]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_different_accounts_are_told() {
    let (first, second) =
        (sandbox().await, start_sandbox(Arc::new(AdjustableClock::running()), other_shop()).await.unwrap());
    let left = doctor(&first, &["--json"])
        .env("CUSTOMERIO_APP_API_KEY", &second.keys().app_api_key)
        .env("CUSTOMERIO_APP_URL", &second.base_url())
        .finish();
    assert_eq!(left.code, 1);
    assert_eq!(
        found(&left, "same workspace"),
        ["failed: Track credentials and App API key belong to different accounts"]
    );
}

fn other_shop() -> Fixture {
    Fixture::from_toml("[workspace]\nid = 77\nname = \"Other\"\n").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_credentials_is_no_failure() {
    let sandbox = sandbox().await;
    let url = sandbox.base_url();
    let app_only = customerio_mcp(&["doctor", "--json"])
        .env("CUSTOMERIO_APP_API_KEY", &sandbox.keys().app_api_key)
        .env("CUSTOMERIO_APP_URL", &url)
        .env("HTTPS_PROXY", "http://user:pass@proxy.example:3128")
        .finish();
    assert_eq!(app_only.code, 0, "{}", app_only.stdout);
    assert_eq!(found(&app_only, "Track API"), ["note: no credentials: people, events and segments cannot be changed"]);
    assert_eq!(found(&app_only, "proxy"), ["note: set in the environment: HTTPS_PROXY"]);
    assert!(!app_only.stdout.contains("pass@"));
}

#[test]
fn the_embedded_sandbox_says_that_its_state_goes() {
    let left = customerio_mcp(&["doctor", "--sandbox", "--json"]).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{}", left.stdout);
    assert_eq!(found(&left, "state"), ["note: in memory: forgotten when the process ends"]);
    assert_eq!(found(&left, "sandbox"), ["ok: embedded; no account, no network"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_is_opened_and_written_to_and_left_as_it_was() {
    let sandbox = sandbox().await;
    let data = crate::kept::directory();
    let path = data.path().to_str().unwrap();
    let run = || {
        let keys = sandbox.keys();
        customerio_mcp(&["doctor", "--json", "--data", path])
            .env("CUSTOMERIO_APP_API_KEY", &keys.app_api_key)
            .env("CUSTOMERIO_APP_URL", &sandbox.base_url())
            .finish()
    };
    run();
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0, "what is not there is not made");
    let declared =
        customerio_mcp(&["identity", "declare", "--primary", "id", "--source", "the shop", "--data", path]).finish();
    assert_eq!(declared.code, 0);
    let left = run();
    assert_eq!(found(&left, "state"), [format!("ok: SQLite in {path}: opened, up to date, written to")]);
    assert!(
        found(&left, "identity")[0].starts_with("ok: by id, ids of form any, from the shop (declared by operator, ")
    );
    std::fs::remove_file(data.path().join("secret")).unwrap();
    let left = run();
    assert_eq!(left.code, 1);
    assert!(found(&left, "secret")[0].starts_with("failed: the state in "), "{}", left.stdout);
    std::fs::write(data.path().join("state.db"), "not a database, but longer than a header of SQLite".repeat(9))
        .unwrap();
    let left = customerio_mcp(&["doctor", "--json", "--data", path])
        .env("CUSTOMERIO_APP_API_KEY", &sandbox.keys().app_api_key)
        .env("CUSTOMERIO_APP_URL", &sandbox.base_url())
        .env("CUSTOMERIO_MCP_SECRET", &"ab".repeat(32))
        .finish();
    assert_eq!(left.code, 1);
    assert!(found(&left, "state")[0].contains("cannot be opened"), "{}", left.stdout);
}

#[test]
fn what_cannot_be_used_is_a_matter_of_configuration() {
    assert_eq!(customerio_mcp(&["doctor"]).finish().code, 2);
    let file = "[workspaces.prod]\napp_api_key_env = \"KEY\"\n[workspaces.prod.policy]\ntools = { delete_custmer = \"deny\" }\n";
    let left = customerio_mcp(&["doctor"]).env("KEY", "k").file("customerio-mcp.toml", file).finish();
    assert_eq!((left.code, left.stdout.as_str()), (2, ""));
    assert!(left.stderr.contains("did you mean `delete_customer`"), "{}", left.stderr);
}
