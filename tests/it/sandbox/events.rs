//! Events of people, and the log they leave.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn track(sandbox: &Sandbox, identifier: &str, body: Value) {
    let path = format!("/api/v1/customers/{}/events", super::driver::segment(identifier));
    let heard = sandbox.track(Method::POST, &path, body).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
}

async fn names(sandbox: &Sandbox, query: &str) -> Vec<Value> {
    sandbox.activities(query).await.into_iter().map(|activity| activity["name"].clone()).collect()
}

#[tokio::test]
async fn section_4_an_event_is_trimmed_dated_and_kept_with_its_data() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    track(&sandbox, "ann", json!({"name": "  bought  ", "data": {"price": 12.5}, "timestamp": "1700000000"})).await;
    track(&sandbox, "ann", json!({"name": "/tulips", "type": "page"})).await;
    let seen = sandbox.get("/v1/customers/ann/activities?type=event").await;
    let event = &seen["activities"][0];
    assert_eq!((&event["name"], &event["timestamp"]), (&json!("bought"), &json!(1_700_000_000)));
    assert_eq!((&event["data"], &event["customer_id"]), (&json!({"price": 12.5}), &json!("ann")));
    let pages = sandbox.activities("type=page").await;
    assert_eq!((&pages[0]["name"], &pages[0]["timestamp"]), (&json!("/tulips"), &json!(NOON)));
}

#[tokio::test]
async fn section_4_a_repeated_ulid_is_ignored_for_twelve_hours() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    let event = json!({"name": "once", "id": "01HQ3Z4N5P6Q7R8S9TAVBWCXDY"});
    track(&sandbox, "ann", event.clone()).await;
    sandbox.advance(12 * 60 * 60 - 1);
    track(&sandbox, "ann", event.clone()).await;
    assert_eq!(sandbox.count("events").await, 1);
    sandbox.advance(1);
    track(&sandbox, "ann", event).await;
    assert_eq!(sandbox.count("events").await, 2);
}

#[tokio::test]
async fn section_4_an_id_that_is_no_ulid_does_not_deduplicate() {
    let sandbox = Sandbox::empty().await;
    for _ in 0..2 {
        track(&sandbox, "ann", json!({"name": "twice", "id": "order-1"})).await;
    }
    assert_eq!(sandbox.count("events").await, 2);
}

#[tokio::test]
async fn section_4_an_event_creates_a_bare_person_but_not_from_an_unknown_cio_id() {
    let sandbox = Sandbox::empty().await;
    track(&sandbox, "ann@example.com", json!({"name": "hello"})).await;
    track(&sandbox, "cio_ffff00000001", json!({"name": "hello"})).await;
    assert_eq!((sandbox.count("people").await, sandbox.count("events").await), (1, 1));
    assert!(sandbox.customer("ann@example.com", "email").await.is_some());
}

#[tokio::test]
async fn section_6_activities_come_newest_first_in_pages_and_by_name() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    for n in 0..12 {
        track(&sandbox, "ann", json!({"name": format!("e{n}"), "timestamp": NOON - 100 + n})).await;
    }
    let first = sandbox.get("/v1/customers/ann/activities?type=event").await;
    let shown: Vec<_> = first["activities"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(shown, (2..12).rev().map(|n| json!(format!("e{n}"))).collect::<Vec<_>>());
    let next = first["next"].as_str().unwrap();
    let second = sandbox.get(&format!("/v1/customers/ann/activities?type=event&start={next}")).await;
    assert_eq!(second["activities"].as_array().unwrap().len(), 2);
    assert_eq!(second["next"], "");
    assert_eq!(names(&sandbox, "name=e5").await, [json!("e5")]);
    assert_eq!(names(&sandbox, "type=event&customer_id=nobody").await, Vec::<Value>::new());
}

#[tokio::test]
async fn section_3_a_device_is_added_renewed_and_removed() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    let device = |platform: &str| json!({"device": {"id": "t/1", "platform": platform, "attributes": {"v": 2}}});
    let path = "/api/v1/customers/ann/devices";
    for _ in 0..2 {
        assert_eq!(sandbox.track(Method::PUT, path, device("ios")).await.status, 200);
    }
    let ann = sandbox.customer("ann", "id").await.unwrap();
    let expected = json!([{"id": "t/1", "last_used": NOON, "platform": "ios", "attributes": {"v": "2"}}]);
    assert_eq!(ann["devices"], expected);
    assert_eq!(sandbox.track(Method::PUT, path, device("toaster")).await.status, 400);
    assert_eq!(sandbox.track(Method::DELETE, &format!("{path}/t%2F1"), Value::Null).await.status, 200);
    assert_eq!(sandbox.customer("ann", "id").await.unwrap()["devices"], json!([]));
}
