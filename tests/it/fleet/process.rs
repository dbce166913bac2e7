//! The program itself: which workspaces `serve` opens, and what it refuses.

use std::{fs, sync::Arc};

use customerio_mcp::{
    clock::AdjustableClock,
    sandbox::{Fixture, RunningSandbox},
    server::open::start_sandbox,
};
use insta::assert_snapshot;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    child::{Server, call, content, initialize},
    cli::{Run, customerio_mcp, refused},
};

async fn sandbox() -> RunningSandbox {
    start_sandbox(Arc::new(AdjustableClock::running()), Fixture::shop()).await.unwrap()
}

/// A sandbox as a section of the configuration, its keys in the variable of its name.
fn section(name: &str, sandbox: &RunningSandbox) -> String {
    let (url, site, variable) = (sandbox.base_url(), &sandbox.keys().site_id, name.to_ascii_uppercase());
    format!(
        "[workspaces.{name}]\nkind = \"sandbox\"\nsite_id = \"{site}\"\ntracking_api_key_env = \"{variable}_TRACK\"\n\
         app_api_key_env = \"{variable}_APP\"\ntrack_url = \"{url}\"\napp_url = \"{url}\"\n\
         [workspaces.{name}.identity]\nprimary = \"id\"\nsource = \"the shop\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workspaces_named_are_served_and_no_others() {
    let (prod, staging) = (sandbox().await, sandbox().await);
    let directory = TempDir::new().unwrap();
    let (file, data) = (directory.path().join("two.toml"), directory.path().join("data"));
    let forbids = "[workspaces.prod.policy]\nwrite = \"deny\"\n";
    let third = "[workspaces.third]\napp_api_key_env = \"THIRD_APP\"\n";
    let text =
        ["default_workspace = \"third\"\n", &section("prod", &prod), forbids, &section("staging", &staging), third];
    fs::write(&file, text.concat()).unwrap();
    // The third's credential is missing, and nobody asks for it.
    let env = [
        ("PROD_TRACK", prod.keys().tracking_api_key.as_str()),
        ("PROD_APP", prod.keys().app_api_key.as_str()),
        ("STAGING_TRACK", staging.keys().tracking_api_key.as_str()),
        ("STAGING_APP", staging.keys().app_api_key.as_str()),
    ];
    let place = ["--config", file.to_str().unwrap(), "--data", data.to_str().unwrap()];
    for named in [&["--workspace", "prod,staging"][..], &["--workspace", "prod", "--workspace", "staging"]] {
        let mut server = Server::spawn(&[&["serve"], &place[..], named].concat(), &env);
        server.answer(1, initialize("2025-11-25"));
        server.notify("notifications/initialized", json!({}));
        let here = server.ok(2, call("get_guardrails", json!({})));
        assert_eq!((&here["workspace"], &here["other_workspaces"]), (&json!("prod"), &json!(["staging"])), "{here}");
        let name = json!({ "name": format!("Made by {}", named.len()) });
        let denied = content(&server.answer(3, call("create_segment", name.clone())));
        assert_eq!(denied["error"], "denied", "{denied}");
        let mut there = name;
        there["workspace"] = json!("staging");
        server.ok(4, call("create_segment", there));
        let unknown = content(&server.answer(5, call("list_segments", json!({ "workspace": "third" }))));
        assert!(unknown["message"].as_str().unwrap().contains("`prod`, `staging`"), "{unknown}");
        server.lives_and_ends_well();
    }
}

fn serve(args: &[&str]) -> Run {
    customerio_mcp(&[&["serve"], args].concat())
}

#[test]
fn a_workspace_that_does_not_exist_is_not_served() {
    let file =
        "[workspaces.prod]\napp_api_key_env = \"PROD_APP\"\n[workspaces.staging]\napp_api_key_env = \"PROD_APP\"\n";
    let of_file =
        |names: &str| refused(serve(&["--workspace", names]).file("customerio-mcp.toml", file).env("PROD_APP", "key"));
    assert_snapshot!(of_file("prod,stagin"), @"error: --workspace names no workspace of customerio-mcp.toml: did you mean `staging`?");
    assert_snapshot!(of_file("prod,sandbox"), @"error: --workspace names the embedded sandbox, which is started with `serve --sandbox`");
    assert_snapshot!(refused(serve(&["--workspace", "default,prod"]).env("CUSTOMERIO_APP_API_KEY", "key")), @"error: --workspace names `prod`, but without a configuration file the only workspace is `default`");
    assert_snapshot!(refused(serve(&["--sandbox", "--workspace", "sandbox,prod"])), @"error: --workspace names `prod`, but with `--sandbox` the only workspace is `sandbox`");
    // The other commands work on one.
    let several = customerio_mcp(&["audit", "list", "--workspace", "prod", "--workspace", "staging"]);
    assert!(refused(several).contains("cannot be used multiple times"));
}
