//! The upsert rules of `PUT /api/v1/customers/{identifier}`, one by one.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn failed(sandbox: &Sandbox) -> Vec<Value> {
    let failed = sandbox.activities("type=failed_attribute_change").await;
    failed.into_iter().map(|activity| activity["data"].clone()).collect()
}

#[tokio::test]
async fn section_3_nobody_matches_creates_a_person() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "Ann@Example.com", "plan": "free"})).await;
    let ann = sandbox.customer("ann", "id").await.unwrap();
    let cio_id = ann["identifiers"]["cio_id"].as_str().unwrap();
    assert_eq!(ann["identifiers"], json!({"id": "ann", "email": "Ann@Example.com", "cio_id": cio_id}));
    assert_eq!(ann["attributes"]["plan"], "free");
    assert_eq!(ann["timestamps"]["plan"], NOON);
    assert_eq!(sandbox.count("people").await, 1);
    assert_eq!(sandbox.activities("type=profile_create").await.len(), 1);
}

#[tokio::test]
async fn section_3_rule_1_the_path_names_the_person_to_update() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"plan": "free", "seats": 3})).await;
    sandbox.identify("ann", json!({"plan": "gold"})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    assert_eq!(sandbox.attribute("ann", "seats").await, "3");
    let changes = sandbox.activities("type=attribute_change").await;
    assert_eq!(changes[0]["data"], json!({"plan": {"from": "free", "to": "gold"}}));
}

#[tokio::test]
async fn section_3_rule_2_an_identifier_in_the_body_finds_the_person_and_gives_them_the_path() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann@example.com", json!({"plan": "free"})).await;
    sandbox.identify("ann", json!({"email": "ANN@example.com", "plan": "gold"})).await;
    assert_eq!(sandbox.count("people").await, 1);
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
}

#[tokio::test]
async fn section_3_rule_2_a_reused_email_updates_its_owner_and_keeps_their_id() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    sandbox.identify("bob", json!({"email": "ann@example.com", "plan": "gold"})).await;
    assert_eq!(sandbox.count("people").await, 1);
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    assert_eq!(sandbox.customer("bob", "id").await, None);
    assert_eq!(failed(&sandbox).await, [json!({"id": {"from": "ann", "to": "bob"}})]);
}

#[tokio::test]
async fn section_3_rule_3_path_and_body_of_two_people_change_nothing_and_leave_a_failure() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    sandbox.identify("bob", json!({"email": "bob@example.com"})).await;
    sandbox.identify("ann", json!({"email": "bob@example.com", "plan": "gold"})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, Value::Null);
    assert_eq!(sandbox.attribute("bob", "plan").await, Value::Null);
    let failures = sandbox.activities("type=failed_attribute_change&customer_id=ann").await;
    assert_eq!(failures[0]["data"], json!({"email": {"from": "ann@example.com", "to": "bob@example.com"}}));
}

#[tokio::test]
async fn section_3_rule_5_a_cio_path_may_change_identifiers_and_an_unknown_one_is_dropped() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    let ann = sandbox.customer("ann", "id").await.unwrap();
    let cio_id = ann["identifiers"]["cio_id"].as_str().unwrap();
    sandbox.identify(&format!("cio_{cio_id}"), json!({"id": "anna", "email": "anna@example.com"})).await;
    assert_eq!(sandbox.customer("ann", "id").await, None);
    assert_eq!(sandbox.customer("ann@example.com", "email").await, None);
    let anna = sandbox.customer(cio_id, "cio_id").await.unwrap();
    assert_eq!(anna["identifiers"], json!({"id": "anna", "email": "anna@example.com", "cio_id": cio_id}));
    sandbox.identify("cio_ffff00000009", json!({"plan": "gold"})).await;
    assert_eq!(sandbox.count("people").await, 1);
}

#[tokio::test]
async fn section_3_rule_6_identifiers_once_set_stay_while_the_rest_applies() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    sandbox.identify("ann", json!({"email": "new@example.com", "plan": "gold"})).await;
    sandbox.identify("ann@example.com", json!({"id": "other"})).await;
    let ann = sandbox.customer("ann", "id").await.unwrap();
    assert_eq!(ann["attributes"]["email"], "ann@example.com");
    assert_eq!(ann["attributes"]["plan"], "gold");
    let failures = failed(&sandbox).await;
    assert_eq!(failures[0], json!({"id": {"from": "ann", "to": "other"}}));
    assert_eq!(failures[1], json!({"email": {"from": "ann@example.com", "to": "new@example.com"}}));
}

#[tokio::test]
async fn section_3_rule_6_the_workspace_may_allow_email_changes_by_id() {
    let fixture = customerio_mcp::sandbox::Fixture::from_toml("[workspace]\nupdate_email_with_id = true\n").unwrap();
    let sandbox = Sandbox::with(fixture, false).await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    sandbox.identify("ann", json!({"email": "new@example.com"})).await;
    assert_eq!(sandbox.attribute("ann", "email").await, "new@example.com");
    assert_eq!(sandbox.customer("ann@example.com", "email").await, None);
}

#[tokio::test]
async fn section_3_rule_7_an_update_never_creates_and_leaves_a_failure() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"_update": true, "plan": "gold"})).await;
    assert_eq!(sandbox.count("people").await, 0);
    let failures = sandbox.activities("type=failed_attribute_change&customer_id=ann").await;
    assert_eq!(failures[0]["data"], json!({"plan": {"from": "", "to": "gold"}}));
    sandbox.identify("ann", json!({})).await;
    sandbox.identify("ann", json!({"_update": true, "plan": "gold"})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    assert_eq!(sandbox.attribute("ann", "_update").await, Value::Null);
}

#[tokio::test]
async fn section_3_rule_8_an_older_timestamp_does_not_overwrite_a_newer() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"plan": "gold", "_timestamp": 200})).await;
    sandbox.identify("ann", json!({"plan": "free", "seats": 1, "_timestamp": 100})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    assert_eq!(sandbox.attribute("ann", "seats").await, "1");
    sandbox.identify("ann", json!({"plan": "silver", "_timestamp": 201})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "silver");
}

#[tokio::test]
async fn section_3_an_id_is_case_sensitive_and_an_email_is_not() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    sandbox.identify("Ann", json!({})).await;
    sandbox.identify("bob@example.com", json!({})).await;
    sandbox.identify("BOB@example.com", json!({"plan": "gold"})).await;
    assert_eq!(sandbox.count("people").await, 3);
    let bob = sandbox.customer("Bob@Example.com", "email").await.unwrap();
    assert_eq!(bob["attributes"]["plan"], "gold");
    assert_eq!((&bob["id"], &bob["identifiers"]["id"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn section_3_identifiers_survive_percent_encoding() {
    let sandbox = Sandbox::empty().await;
    for id in ["a/b/c", "a b+c", "100%2Fx", "q?a#b&c=d", "Zoë-漢字", "..%2e"] {
        sandbox.identify(id, json!({"own": id})).await;
        assert_eq!(sandbox.attribute(id, "own").await, id);
    }
}

#[tokio::test]
async fn section_3_null_and_empty_remove_and_dots_reach_inside() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"a": 1, "b": 2, "nested": {"x": {"y": 1}, "z": 2}})).await;
    sandbox.identify("ann", json!({"a": null, "b": "", "nested.x.y": 3})).await;
    let ann = sandbox.customer("ann", "id").await.unwrap();
    assert_eq!(ann["attributes"].get("a"), None);
    assert_eq!(ann["attributes"].get("b"), None);
    assert_eq!(ann["attributes"]["nested"], r#"{"x":{"y":3},"z":2}"#);
}

#[tokio::test]
async fn section_3_a_malformed_email_in_the_body_fails_alone() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "not an email", "plan": "gold"})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    assert_eq!(failed(&sandbox).await, [json!({"email": {"from": "", "to": "not an email"}})]);
}

#[tokio::test]
async fn section_3_deleting_frees_the_identifier_and_the_past_stays_in_the_log() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"plan": "gold"})).await;
    let before = sandbox.customer("ann", "id").await.unwrap();
    for _ in 0..2 {
        let heard = sandbox.track(Method::DELETE, "/api/v1/customers/ann", Value::Null).await;
        assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
    }
    assert_eq!(sandbox.customer("ann", "id").await, None);
    assert!(sandbox.activities("customer_id=ann").await.is_empty());
    let past = sandbox.activities("customer_id=ann&deleted=true").await;
    assert_eq!(past[0]["type"], "profile_delete");
    assert_eq!(past[0]["customer_identifiers"], before["identifiers"]);
    sandbox.identify("ann", json!({})).await;
    let after = sandbox.customer("ann", "id").await.unwrap();
    assert_eq!(after["attributes"].get("plan"), None);
    assert_ne!(after["identifiers"]["cio_id"], before["identifiers"]["cio_id"]);
}
