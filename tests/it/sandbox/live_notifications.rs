//! Live notifications (behaviour.md section 7).

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

fn start_body(id: &str) -> Value {
    json!({"notification_type": "com.shop.delivery", "identifiers": {"id": id},
        "attributes": {"order": "A-1"}, "content_state": {"stage": "packed"}})
}

async fn call(sandbox: &Sandbox, operation: &str, body: Value) -> (u16, Value) {
    let heard = sandbox.app(Method::POST, &format!("/v1/live_notifications/{operation}"), body).await;
    (heard.status, heard.json())
}

async fn started(sandbox: &Sandbox, body: Value) -> String {
    let (status, answer) = call(sandbox, "start", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["instance_id"].as_str().unwrap().to_owned()
}

async fn shown(sandbox: &Sandbox, id: &str) -> (u16, Value) {
    let heard = sandbox.app(Method::GET, &format!("/v1/live_notifications/{id}"), Value::Null).await;
    (heard.status, heard.json())
}

#[tokio::test]
async fn section_7_one_begins_changes_and_ends() {
    let sandbox = Sandbox::shop().await;
    let id = started(&sandbox, start_body("cust_0001")).await;
    assert_eq!((id.len(), shown(&sandbox, &id).await.0), (26, 404));
    sandbox.advance(1);
    let (status, one) = shown(&sandbox, &id).await;
    assert_eq!((status, &one["state"], &one["platform"]), (200, &json!("active"), &json!("ios")));
    assert_eq!((&one["started_at"], &one["expires_at"]), (&json!(NOON), &json!(NOON + 6 * 3600)));
    assert_eq!(
        (&one["last_delivery"]["operation"], &one["last_delivery"]["status"]),
        (&json!("start"), &json!("sent"))
    );

    let update = json!({"instance_id": id, "content_state": {"stage": "near"}});
    assert_eq!(call(&sandbox, "update", update.clone()).await.0, 200);
    let last = shown(&sandbox, &id).await.1["last_delivery"].clone();
    assert_eq!((&last["operation"], &last["status"]), (&json!("update"), &json!("queued")));
    assert_eq!(call(&sandbox, "end", json!({"instance_id": id})).await.0, 200);
    let ended = shown(&sandbox, &id).await.1;
    assert_eq!((&ended["state"], &ended["ended_at"]), (&json!("ended"), &json!(NOON + 1)));
    assert_eq!(call(&sandbox, "update", update).await.0, 400);
}

#[tokio::test]
async fn section_7_one_expires_within_six_hours() {
    let sandbox = Sandbox::shop().await;
    let with = |expiration: i64| {
        let mut body = start_body("cust_0001");
        body["expiration"] = json!(expiration);
        body
    };
    for (expiration, expires_at) in [(0, NOON + 21_600), (NOON + 60, NOON + 60), (NOON + 21_600, NOON + 21_600)] {
        let id = started(&sandbox, with(expiration)).await;
        sandbox.control(Method::POST, "/clock", json!({"set": expires_at - 1})).await;
        assert_eq!(shown(&sandbox, &id).await.1["state"], "active");
        sandbox.advance(1);
        assert_eq!(shown(&sandbox, &id).await.1["state"], "expired");
        assert_eq!(call(&sandbox, "end", json!({"instance_id": id})).await.0, 400);
        sandbox.control(Method::POST, "/clock", json!({"set": NOON})).await;
    }
    for expiration in [NOON, NOON + 21_601] {
        assert_eq!(call(&sandbox, "start", with(expiration)).await.0, 400);
    }
}

#[tokio::test]
async fn section_7_one_names_its_person_by_one_identifier_and_needs_a_device() {
    let sandbox = Sandbox::shop().await;
    let cio_id = sandbox.customer("cust_0001", "id").await.unwrap()["identifiers"]["cio_id"].clone();
    let internal = format!("cio_{}", cio_id.as_str().unwrap());
    for (identifiers, more, state, why) in [
        (json!({"email": "ada.moss@example.com"}), json!({}), "active", Value::Null),
        (json!({"internal": internal}), json!({}), "active", Value::Null),
        (json!({"phone": "+15005550006"}), json!({"platform": "ios"}), "active", Value::Null),
        (json!({"id": "cust_0001"}), json!({"platform": "android"}), "failed", json!("the person has no such device")),
        (json!({"id": "cust_0001"}), json!({"device_id": "other"}), "failed", json!("the person has no such device")),
        (json!({"id": "nobody"}), json!({}), "failed", json!("the person does not exist")),
    ] {
        let mut body = start_body("");
        body["identifiers"] = identifiers.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = started(&sandbox, body).await;
        sandbox.advance(1);
        let one = shown(&sandbox, &id).await.1;
        assert_eq!((&one["state"], &one["failure_reason"]), (&json!(state), &why), "{identifiers}");
    }
}

#[tokio::test]
async fn section_7_a_malformed_one_is_refused() {
    let sandbox = Sandbox::shop().await;
    for (key, value) in [
        ("notification_type", Value::Null),
        ("attributes", Value::Null),
        ("attributes", json!([])),
        ("content_state", Value::Null),
        ("identifiers", json!({})),
        ("identifiers", json!({"id": "a", "email": "a@example.com"})),
        ("identifiers", json!({"cio_id": "a"})),
        ("platform", json!("web")),
        ("expiration", json!("soon")),
        ("push_payload", json!({"alert": {"title": "only"}})),
    ] {
        let mut body = start_body("cust_0001");
        body[key] = value.clone();
        assert_eq!(call(&sandbox, "start", body).await.0, 400, "{key} {value}");
    }
    for (id, status) in [("x", 400), ("01BX5ZZKBKACTAV9WEVGEMMVRZ", 404)] {
        assert_eq!(shown(&sandbox, id).await.0, status);
        assert_eq!(call(&sandbox, "end", json!({"instance_id": id})).await.0, status);
    }
}

#[tokio::test]
async fn section_7_a_workspace_may_not_have_them() {
    let fixture = Fixture::from_toml("[workspace]\nlive_notifications = false\n").unwrap();
    let sandbox = Sandbox::with(fixture, false).await;
    assert_eq!(call(&sandbox, "start", start_body("a")).await.0, 404);
    assert_eq!(shown(&sandbox, "01BX5ZZKBKACTAV9WEVGEMMVRZ").await.0, 404);
}
