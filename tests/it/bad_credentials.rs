//! Wrong, swapped, missing and misplaced credentials: each answer names the one at fault, and nothing is written.

use std::process::{Command, Stdio};

use customerio_mcp::config::{Region, SecretText, TrackKey, WorkspaceConfig};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::driver::{Product, Setup};

/// A product whose people are declared by the configuration, with something wrong about it.
async fn misconfigured(wrong: impl FnOnce(&mut WorkspaceConfig) + Send + 'static) -> Product {
    let product = Setup::shop().with(wrong).start().await;
    product.declare_ids().await;
    product
}

/// The answer to a call that must fail and change nothing.
async fn refused(product: &Product, tool: &'static str, arguments: Value) -> String {
    let before = product.counts().await;
    let answer = product.refused(tool, arguments).await;
    assert_eq!(product.counts().await, before, "{tool}: {answer}");
    answer.to_string()
}

async fn write(product: &Product) -> String {
    refused(product, "identify_customer", json!({ "id": "cust_1", "attributes": { "plan": "pro" } })).await
}

async fn read(product: &Product) -> String {
    refused(product, "get_customer", json!({ "customer": "cust_0001" })).await
}

async fn reads(product: &Product) {
    product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
}

fn track(config: &WorkspaceConfig) -> &TrackKey {
    config.track.as_ref().unwrap()
}

#[tokio::test]
async fn a_wrong_tracking_key_is_named() {
    let product = misconfigured(|config| {
        let site_id = track(config).site_id.clone();
        config.track = Some(TrackKey { site_id, api_key: SecretText::new("5ecre7") });
    })
    .await;
    assert_snapshot!(write(&product).await, @r#"{"error":"unauthorized","message":"Customer.io refused the Track credentials (site id and Track API key) at the configured host. One of them is wrong or revoked (an App API key does not work here), or the account lives in the other region. Nothing was changed.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
    assert!(
        refused(&product, "track_event", json!({ "customer": "cust_0001", "name": "x" }))
            .await
            .contains("unauthorized")
    );
    reads(&product).await;
}

#[tokio::test]
async fn an_app_key_is_no_tracking_key() {
    let product = misconfigured(|config| {
        let (site_id, api_key) = (track(config).site_id.clone(), config.app_api_key.clone().unwrap());
        config.track = Some(TrackKey { site_id, api_key });
    })
    .await;
    assert_snapshot!(write(&product).await, @r#"{"error":"unauthorized","message":"Customer.io refused the Track credentials (site id and Track API key) at the configured host. One of them is wrong or revoked (an App API key does not work here), or the account lives in the other region. Nothing was changed.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
    reads(&product).await;
}

#[tokio::test]
async fn a_wrong_app_key_is_named() {
    let product = misconfigured(|config| config.app_api_key = Some(SecretText::new("5ecre7"))).await;
    assert_snapshot!(read(&product).await, @r#"{"error":"unauthorized","message":"Customer.io refused the App API key at the configured host. Either the key is wrong or revoked (a Track API key does not work here), or the account lives in the other region: the App API answers both alike.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
    assert!(write(&product).await.contains("App API key"));
    let swapped = misconfigured(|config| config.app_api_key = Some(track(config).api_key.clone())).await;
    assert_eq!(read(&swapped).await, read(&product).await);
}

#[tokio::test]
async fn an_account_of_the_other_region_is_refused_before_the_first_write() {
    let product = misconfigured(|config| config.region = Region::Eu).await;
    assert_snapshot!(write(&product).await, @r#"{"error":"wrong_region","message":"The configured region is EU, but the account of the Track credentials lives in the US region. Set the region to \"auto\" or to the account's. Nothing was changed.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
    let redirected = misconfigured(|config| config.region = Region::Us).await;
    redirected.fault(json!({ "kind": "wrong_region", "times": 100 })).await;
    assert_snapshot!(write(&redirected).await, @r#"{"error":"unauthorized","message":"Customer.io refused the App API key at the US host. Either the key is wrong or revoked (a Track API key does not work here), or the account lives in the other region: the App API answers both alike.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
    let track_alone = misconfigured(|config| config.app_api_key = None).await;
    track_alone.fault(json!({ "kind": "wrong_region", "times": 100 })).await;
    assert_snapshot!(write(&track_alone).await, @r#"{"error":"unauthorized","message":"Customer.io refused the Track credentials (site id and Track API key) at the configured host. One of them is wrong or revoked (an App API key does not work here), or the account lives in the other region. Nothing was changed.","next_step":"Tell the operator: `customerio-mcp doctor` checks credentials and region.","safe_to_retry":false}"#);
}

#[tokio::test]
async fn a_credential_that_is_not_there_takes_its_tools_with_it() {
    let product = misconfigured(|config| config.app_api_key = None).await;
    let listed: Vec<_> = product.client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
    assert!(
        listed.iter().any(|name| name == "track_event") && !listed.iter().any(|name| name == "get_customer"),
        "{listed:?}"
    );
    assert_snapshot!(refused(&product, "track_event", json!({ "customer": "a@shop.io", "id_type": "email", "name": "x" })).await, @r#"{"error":"app_key_required","message":"This workspace has no App API key, so nobody can be looked up: a second identifier, a test profile, an erasure or a preview needs it. Nothing was changed.","field":"customer","next_step":"Name the person by the primary identifier alone, or ask the operator for an App API key.","safe_to_retry":false}"#);
    assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "cust_1", "test": true })).await, @r#"{"error":"app_key_required","message":"This workspace has no App API key, so nobody can be looked up: a second identifier, a test profile, an erasure or a preview needs it. Nothing was changed.","next_step":"Name the person by the primary identifier alone, or ask the operator for an App API key.","safe_to_retry":false}"#);
}

/// What stderr says of a start that is refused; stdout stays empty and the code is 2.
fn cannot_start(env: &[(&str, &str)], file: &str) -> String {
    let home = crate::kept::directory();
    if !file.is_empty() {
        std::fs::write(home.path().join("customerio-mcp.toml"), file).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"))
        .arg("serve")
        .env_clear()
        .env("HOME", home.path())
        .envs(env.iter().copied())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{stderr}");
    assert!(!stderr.contains("5ecre7"), "{stderr}");
    stderr
}

#[test]
fn a_start_without_what_it_needs_is_refused() {
    assert_snapshot!(cannot_start(&[], ""), @"error: there is no credential of Customer.io: set CUSTOMERIO_APP_API_KEY, and CUSTOMERIO_SITE_ID with CUSTOMERIO_TRACKING_API_KEY, or write a customerio-mcp.toml. To try without an account: customerio-mcp serve --sandbox");
    assert_snapshot!(cannot_start(&[("CUSTOMERIO_SITE_ID", "site")], ""), @"error: CUSTOMERIO_SITE_ID is set without the tracking API key that belongs to it: set CUSTOMERIO_TRACKING_API_KEY");
    assert_snapshot!(cannot_start(&[("CUSTOMERIO_TRACKING_API_KEY", "5ecre7")], ""), @"error: CUSTOMERIO_TRACKING_API_KEY is set without the site id that the key belongs to: set CUSTOMERIO_SITE_ID");
    assert_snapshot!(cannot_start(&[("CUSTOMERIO_APP_API_KEY", "")], ""), @"error: there is no credential of Customer.io: set CUSTOMERIO_APP_API_KEY, and CUSTOMERIO_SITE_ID with CUSTOMERIO_TRACKING_API_KEY, or write a customerio-mcp.toml. To try without an account: customerio-mcp serve --sandbox");
    assert_snapshot!(cannot_start(&[("CUSTOMERIO_APP_API_KEY", "5ecre7\n5ecre7")], ""), @"error: CUSTOMERIO_APP_API_KEY leads to a placeholder that was never filled in, or to more than the secret (it begins with `${` or `<`, or holds white space)");
    assert_snapshot!(cannot_start(&[("CUSTOMERIO_APP_API_KEY", "5ecre7"), ("CUSTOMERIO_REGION", "uk")], ""), @"error: CUSTOMERIO_REGION holds `uk`: valid are `auto`, `us` and `eu`");
}

#[test]
fn a_key_the_configuration_does_not_know_is_named_with_its_line() {
    let env = [("CUSTOMERIO_APP_API_KEY", "5ecre7")];
    let prod = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
    assert_snapshot!(cannot_start(&env, &format!("{prod}regoin = \"eu\"\n")), @"error: customerio-mcp.toml:3: `workspaces.prod.regoin` is not a key: did you mean `region`?");
    assert_snapshot!(cannot_start(&env, &format!("{prod}app_api_key = \"5ecre7\"\n")), @"error: customerio-mcp.toml:3: `workspaces.prod.app_api_key` is refused: secrets are not written into the file. Put the key into an environment variable and name it with `app_api_key_env`, or into a file and name it with `app_api_key_file`");
    assert_snapshot!(cannot_start(&env, &format!("{prod}region = \"uk\"\n")), @"error: customerio-mcp.toml:3: `workspaces.prod.region` does not fit: unknown variant `uk`, expected one of `auto`, `us`, `eu`");
    assert_snapshot!(cannot_start(&env, &format!("{prod}region = \n")), @"error: customerio-mcp.toml:3: is not valid TOML: string values must be quoted, expected literal string");
    assert_snapshot!(cannot_start(&env, "[workspace.prod]\n"), @"error: customerio-mcp.toml:1: `workspace` is not a key: did you mean `workspaces`?");
    assert_snapshot!(cannot_start(&[], prod), @"error: customerio-mcp.toml:2: `workspaces.prod.app_api_key_env` names the environment variable CUSTOMERIO_APP_API_KEY, which is not set");
    assert_snapshot!(cannot_start(&env, &format!("default_workspace = \"live\"\n{prod}")), @"error: customerio-mcp.toml:1: `default_workspace` names no workspace of customerio-mcp.toml: valid are `prod`");
}
