//! Merging two people.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn merge(sandbox: &Sandbox, body: Value) -> u16 {
    sandbox.track(Method::POST, "/api/v1/merge_customers", body).await.status
}

#[tokio::test]
async fn section_3_the_primary_keeps_its_own_and_gains_what_it_lacks() {
    let sandbox = Sandbox::shop().await;
    sandbox.identify("ann", json!({"plan": "gold"})).await;
    sandbox.identify("bob", json!({"plan": "free", "city": "York", "email": "bob@example.com"})).await;
    for (name, at) in [("recent", NOON - 60), ("ancient", NOON - 31 * 24 * 60 * 60)] {
        let event = json!({"name": name, "timestamp": at});
        sandbox.track(Method::POST, "/api/v1/customers/bob/events", event).await;
    }
    sandbox.track(Method::POST, "/api/v1/segments/1/add_customers", json!({"ids": ["bob"]})).await;
    let body = json!({"primary": {"id": "ann"}, "secondary": {"email": "bob@example.com"}});
    assert_eq!(merge(&sandbox, body).await, 200);
    assert_eq!(sandbox.customer("bob", "id").await, None);
    let ann = sandbox.customer("ann", "id").await.unwrap();
    assert_eq!(ann["attributes"]["plan"], "gold");
    assert_eq!(ann["attributes"]["city"], "York");
    assert_eq!(ann["attributes"]["email"], "bob@example.com");
    let log = sandbox.get("/v1/customers/ann/activities?limit=100").await;
    let log: Vec<_> = log["activities"].as_array().unwrap().iter().map(|one| (&one["type"], &one["name"])).collect();
    assert!(log.contains(&(&json!("event"), &json!("recent"))));
    assert!(!log.contains(&(&json!("event"), &json!("ancient"))));
    assert!(log.contains(&(&json!("profile_merge"), &Value::Null)));
    let segments = sandbox.get("/v1/customers/ann/segments").await;
    assert!(segments["segments"].as_array().unwrap().iter().any(|segment| segment["id"] == "1"));
}

#[tokio::test]
async fn section_3_an_unknown_primary_changes_nothing_and_two_identifiers_are_refused() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("bob", json!({})).await;
    assert_eq!(merge(&sandbox, json!({"primary": {"id": "ann"}, "secondary": {"id": "bob"}})).await, 200);
    assert_eq!(sandbox.count("people").await, 1);
    let two = json!({"primary": {"id": "ann", "email": "a@example.com"}, "secondary": {"id": "bob"}});
    assert_eq!(merge(&sandbox, two).await, 400);
    assert_eq!(merge(&sandbox, json!({"primary": {"id": "bob"}})).await, 400);
}
