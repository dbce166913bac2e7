//! Anonymous events, and whose they become.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

const DAY: u64 = 24 * 60 * 60;

async fn anonymous(sandbox: &Sandbox, body: Value) {
    let heard = sandbox.track(Method::POST, "/api/v1/events", body).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
}

async fn names(sandbox: &Sandbox, id: &str) -> Vec<Value> {
    let log = sandbox.get(&format!("/v1/customers/{id}/activities?limit=100&type=event")).await;
    log["activities"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
}

#[tokio::test]
async fn section_4_events_of_thirty_days_go_to_whoever_is_identified() {
    let sandbox = Sandbox::empty().await;
    anonymous(&sandbox, json!({"name": "too old", "anonymous_id": "x"})).await;
    sandbox.advance(1);
    anonymous(&sandbox, json!({"name": " seen ", "anonymous_id": "x", "timestamp": NOON - 9, "data": {"n": 1}})).await;
    anonymous(&sandbox, json!({"name": "of another", "anonymous_id": "y"})).await;
    sandbox.advance(30 * DAY);
    assert_eq!((sandbox.count("people").await, sandbox.count("events").await), (0, 0));
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("seen")]);
    let log = sandbox.activities("customer_id=ann").await;
    assert_eq!((&log[0]["type"], &log[0]["data"]), (&json!("anon_merge"), &json!({"anonymous_id": "x", "events": 1})));
    let seen = log.iter().find(|one| one["type"] == "event").unwrap();
    assert_eq!((&seen["timestamp"], &seen["data"]), (&json!(NOON - 9), &json!({"n": 1})));
}

#[tokio::test]
async fn section_4_later_events_are_merged_for_five_minutes_and_then_by_another_identify() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    sandbox.advance(5 * 60);
    anonymous(&sandbox, json!({"name": "in time", "anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("in time")]);
    sandbox.advance(1);
    anonymous(&sandbox, json!({"name": "late", "anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("in time")]);
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("late"), json!("in time")]);
}

#[tokio::test]
async fn section_3_an_anonymous_id_is_one_persons_and_never_anothers() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    sandbox.identify("bob", json!({"anonymous_id": "x", "plan": "gold"})).await;
    anonymous(&sandbox, json!({"name": "seen", "anonymous_id": "x"})).await;
    assert_eq!((names(&sandbox, "ann").await.len(), names(&sandbox, "bob").await.len()), (1, 0));
    assert_eq!(sandbox.attribute("bob", "plan").await, "gold");
    assert_eq!(sandbox.attribute("bob", "anonymous_id").await, Value::Null);
    let failed = sandbox.activities("type=failed_attribute_change").await;
    assert_eq!(failed[0]["data"], json!({"anonymous_id": {"from": "", "to": "x"}}));
    sandbox.track(Method::DELETE, "/api/v1/customers/ann", Value::Null).await;
    sandbox.identify("bob", json!({"anonymous_id": "x"})).await;
    assert_eq!(sandbox.attribute("bob", "anonymous_id").await, Value::Null);
}

#[tokio::test]
async fn section_3_an_anonymous_id_follows_its_person_into_a_merge() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    sandbox.identify("bob", json!({"anonymous_id": "x"})).await;
    let merge = json!({"primary": {"id": "ann"}, "secondary": {"id": "bob"}});
    sandbox.track(Method::POST, "/api/v1/merge_customers", merge).await;
    anonymous(&sandbox, json!({"name": "seen", "anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("seen")]);
}

#[tokio::test]
async fn section_4_an_event_without_an_anonymous_id_is_nobodys() {
    let sandbox = Sandbox::empty().await;
    anonymous(&sandbox, json!({"name": "invite", "data": {"recipient": "i@example.com"}})).await;
    let log = sandbox.activities("type=event").await;
    assert_eq!((&log[0]["name"], &log[0]["customer_id"]), (&json!("invite"), &Value::Null));
    assert_eq!(sandbox.count("people").await, 0);
}

#[tokio::test]
async fn section_4_a_repeated_ulid_is_ignored_whoever_sent_it() {
    let sandbox = Sandbox::empty().await;
    let event = json!({"name": "once", "anonymous_id": "x", "id": "01HQ3Z4N5P6Q7R8S9TAVBWCXDY"});
    for _ in 0..2 {
        anonymous(&sandbox, event.clone()).await;
    }
    sandbox.track(Method::POST, "/api/v1/customers/ann/events", event).await;
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    assert_eq!(names(&sandbox, "ann").await, [json!("once")]);
}

#[tokio::test]
async fn section_4_the_workspace_may_keep_anonymous_events_apart() {
    let fixture = Fixture::from_toml("[workspace]\nmerge_anonymous_events = false\n").unwrap();
    let sandbox = Sandbox::with(fixture, false).await;
    anonymous(&sandbox, json!({"name": "seen", "anonymous_id": "x"})).await;
    sandbox.identify("ann", json!({"anonymous_id": "x"})).await;
    assert_eq!((names(&sandbox, "ann").await.len(), sandbox.count("events").await), (0, 1));
}

#[tokio::test]
async fn section_4_a_refusal_is_a_list_of_errors() {
    let sandbox = Sandbox::empty().await;
    let cases = [
        (json!({"anonymous_id": "x"}), "name cannot be blank"),
        (json!({"name": "a", "type": "party"}), "type must be one of event, page, screen"),
        (json!({"name": "a", "anonymous_id": "x".repeat(151)}), "anonymous_id cannot be longer than 150 bytes"),
    ];
    for (body, expected) in cases {
        let heard = sandbox.track(Method::POST, "/api/v1/events", body).await;
        assert_eq!((heard.status, heard.json()), (400, json!({"meta": {"errors": [expected]}})));
    }
}
