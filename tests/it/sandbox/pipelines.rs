//! Pipelines: permissive unless asked to be strict.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::driver::{Heard, NOON, Sandbox};

fn authorization(key: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(format!("{key}:"))))
}

async fn post(sandbox: &Sandbox, path: &str, body: Vec<u8>, strict: bool, more: &[(&str, String)]) -> Heard {
    let mut headers = vec![authorization(&sandbox.running.keys().cdp_write_key)];
    headers.extend(strict.then(|| ("x-strict-mode", "1".to_owned())));
    headers.extend_from_slice(more);
    sandbox.raw(Method::POST, path, &headers, body).await.unwrap()
}

/// A call that strict mode accepts.
async fn call(sandbox: &Sandbox, path: &str, body: Value) {
    let heard = post(sandbox, &format!("/v1/{path}"), body.to_string().into_bytes(), true, &[]).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, r#"{"success":true}"#), "{body}");
}

async fn names(sandbox: &Sandbox, id: &str, kind: &str) -> Vec<Value> {
    let log = sandbox.get(&format!("/v1/customers/{id}/activities?limit=100&type={kind}")).await;
    log["activities"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
}

async fn dropped(sandbox: &Sandbox) -> Vec<Value> {
    let calls = sandbox.control(Method::GET, "/pipelines", Value::Null).await;
    let calls = calls["calls"].as_array().unwrap().clone();
    calls.into_iter().filter(|one| one["dropped"] == true).map(|one| one["error"].clone()).collect()
}

#[tokio::test]
async fn section_4_people_and_what_they_do_arrive() {
    let sandbox = Sandbox::shop().await;
    let traits = json!({"email": "ann@example.com", "plan": "gold", "createdAt": "2024-01-02T03:04:05Z"});
    call(&sandbox, "identify", json!({"userId": "ann", "traits": traits})).await;
    let ann = sandbox.customer("ann", "id").await.unwrap();
    assert_eq!((&ann["attributes"]["plan"], &ann["attributes"]["created_at"]), (&json!("gold"), &json!("1704164645")));
    call(&sandbox, "identify", json!({"traits": {"email": "ann@example.com", "plan": "free"}})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, "free");
    let event = json!({"userId": "ann", "event": "Bought", "properties": {"n": 1}, "messageId": "m1",
        "timestamp": "2026-11-23T11:00:00Z"});
    for _ in 0..2 {
        call(&sandbox, "track", event.clone()).await;
    }
    call(&sandbox, "page", json!({"userId": "ann", "properties": {"url": "https://x.test/"}})).await;
    call(&sandbox, "screen", json!({"userId": "ann", "name": "Home"})).await;
    let bought = &sandbox.activities("type=event&customer_id=ann").await[0];
    assert_eq!((&bought["data"], &bought["timestamp"]), (&json!({"n": 1}), &json!(NOON - 3600)));
    assert_eq!(names(&sandbox, "ann", "event").await, [json!("Bought")]);
    assert_eq!(names(&sandbox, "ann", "page").await, [json!("https://x.test/")]);
    assert_eq!(names(&sandbox, "ann", "screen").await, [json!("Home")]);
}

#[tokio::test]
async fn section_4_anonymous_then_identified_or_aliased() {
    let sandbox = Sandbox::shop().await;
    call(&sandbox, "track", json!({"anonymousId": "x", "event": "Seen"})).await;
    let traits = json!({"relationshipAttributes": {"role": "guest"}, "name": "Acme"});
    call(&sandbox, "group", json!({"anonymousId": "x", "groupId": "acme", "traits": traits})).await;
    call(&sandbox, "identify", json!({"userId": "ann", "anonymousId": "x"})).await;
    assert_eq!(names(&sandbox, "ann", "event").await, [json!("Seen")]);
    let ties = sandbox.get("/v1/customers/ann/relationships").await;
    assert_eq!(ties["cio_relationships"][0]["attributes"], json!({"role": "guest"}));
    call(&sandbox, "track", json!({"anonymousId": "y", "event": "Later"})).await;
    call(&sandbox, "alias", json!({"userId": "ann", "previousId": "y"})).await;
    assert_eq!(names(&sandbox, "ann", "event").await.len(), 2);
    sandbox.identify("old", json!({"city": "York"})).await;
    call(&sandbox, "alias", json!({"userId": "ann", "previousId": "old"})).await;
    assert_eq!((sandbox.attribute("ann", "city").await, sandbox.customer("old", "id").await), (json!("York"), None));
}

#[tokio::test]
async fn section_4_a_group_is_an_object_of_its_type() {
    let sandbox = Sandbox::shop().await;
    for (place, id) in [("traits", "a"), ("call", "b"), ("default", "c")] {
        let mut body = json!({"userId": "ann", "groupId": id, "traits": {"name": "A"}});
        match place {
            "traits" => body["traits"]["object_type_id"] = json!("2"),
            "call" => body["objectTypeId"] = json!(2),
            _ => {}
        }
        call(&sandbox, "group", body).await;
    }
    let ties = sandbox.get("/v1/customers/ann/relationships").await;
    let types: Vec<_> =
        ties["cio_relationships"].as_array().unwrap().iter().map(|tie| &tie["object_type_id"]).collect();
    assert_eq!(types, ["2", "2", "1"]);
    call(&sandbox, "group", json!({"userId": "ann", "groupId": "d", "objectTypeId": "9"})).await;
    assert_eq!(dropped(&sandbox).await, [json!("object type '9' does not exist")]);
}

#[tokio::test]
async fn section_4_semantic_events_do_what_their_names_say() {
    let sandbox = Sandbox::shop().await;
    let ann = |event: &str, properties: Value| json!({"userId": "ann", "event": event, "properties": properties});
    let device = |event: &str| json!({"userId": "ann", "event": event, "context": {"device": {"token": "t", "type": "ios", "model": "X"}}});
    call(&sandbox, "track", device("Device Created or Updated")).await;
    let devices = sandbox.customer("ann", "id").await.unwrap()["devices"].clone();
    assert_eq!((&devices[0]["id"], &devices[0]["attributes"]), (&json!("t"), &json!({"model": "X"})));
    call(&sandbox, "track", device("Device Deleted")).await;
    assert_eq!(sandbox.customer("ann", "id").await.unwrap()["devices"], json!([]));
    call(&sandbox, "group", json!({"userId": "ann", "groupId": "acme"})).await;
    call(&sandbox, "track", ann("Relationship Deleted", json!({"objectId": "acme", "objectTypeId": 1}))).await;
    assert_eq!(sandbox.get("/v1/customers/ann/relationships").await["cio_relationships"], json!([]));
    let gone = json!({"anonymousId": "x", "event": "Object Deleted", "properties": {"objectId": "acme"}});
    call(&sandbox, "track", gone).await;
    let heard = sandbox.app(Method::GET, "/v1/objects/1/acme/attributes", Value::Null).await;
    assert_eq!(heard.status, 404);
    let push = json!({"transactional_message_id": 7, "to": "all", "identifiers": {"id": "ann"}});
    let sent = sandbox.app(Method::POST, "/v1/send/push", push).await.json();
    let report = json!({"event": "Report Delivery Event", "properties": {"deliveryId": sent["delivery_id"], "metric": "opened"}});
    call(&sandbox, "track", report).await;
    let path = format!("/v1/messages/{}", sent["delivery_id"].as_str().unwrap());
    assert_eq!(sandbox.get(&path).await["message"]["metrics"]["opened"], NOON);
    call(&sandbox, "track", ann("User Deleted", json!({}))).await;
    assert_eq!(sandbox.customer("ann", "id").await, None);
    for (event, is_there) in [("User Suppressed", false), ("User Unsuppressed", true)] {
        call(&sandbox, "track", ann(event, json!({}))).await;
        call(&sandbox, "identify", json!({"userId": "ann"})).await;
        assert_eq!(sandbox.customer("ann", "id").await.is_some(), is_there, "{event}");
    }
    assert_eq!(sandbox.count("events").await, 6, "the fixture's alone");
}

#[tokio::test]
async fn section_4_what_is_invalid_is_dropped_in_silence_unless_strict() {
    let sandbox = Sandbox::empty().await;
    let cases = [
        ("track", json!({"userId": "ann"}), "event is required"),
        ("track", json!({"event": "Bought"}), "userId or anonymousId is required"),
        ("track", json!({"userId": "ann", "event": "B", "timestamp": 5}), "timestamp must be ISO 8601"),
        ("track", json!({"anonymousId": "x", "event": "User Suppressed"}), "userId is required"),
        ("identify", json!({"userId": "x".repeat(151)}), "userId cannot be longer than 150 bytes"),
        ("identify", json!({"userId": "ann", "traits": 7}), "traits must be an object"),
        ("group", json!({"userId": "ann"}), "groupId is required"),
        ("alias", json!({"userId": "ann"}), "previousId is required"),
        ("batch", json!({"batch": 7}), "batch must be an array"),
        (
            "identify",
            json!({"userId": "ann", "traits": {"x": "y".repeat(33 * 1024)}}),
            "the body is larger than 32768 bytes",
        ),
    ];
    for (path, body, expected) in &cases {
        let body = body.to_string().into_bytes();
        let path = format!("/v1/{path}");
        assert_eq!(post(&sandbox, &path, body.clone(), false, &[]).await.status, 200, "{expected}");
        let strict = post(&sandbox, &path, body, true, &[]).await;
        assert_eq!((strict.status, strict.json()), (400, json!({"meta": {"error": expected}})));
    }
    assert_eq!(dropped(&sandbox).await.len(), 2 * cases.len());
    assert_eq!((sandbox.count("people").await, sandbox.count("events").await), (0, 0));
}

#[tokio::test]
async fn section_1_a_wrong_key_is_told_in_strict_mode_alone() {
    let sandbox = Sandbox::empty().await;
    let body = br#"{"userId":"ann"}"#.to_vec();
    let wrong = authorization("wrong");
    let strict = ("x-strict-mode", "1".to_owned());
    let heard = sandbox.raw(Method::POST, "/v1/identify", std::slice::from_ref(&wrong), body.clone()).await.unwrap();
    assert_eq!(heard.status, 200);
    let heard = sandbox.raw(Method::POST, "/v1/identify", &[wrong, strict.clone()], body).await.unwrap();
    assert_eq!(heard.status, 401);
    assert_eq!(sandbox.count("people").await, 0);
    let keyed = json!({"userId": "ann", "writeKey": sandbox.running.keys().cdp_write_key}).to_string().into_bytes();
    let heard = sandbox.raw(Method::POST, "/v1/identify", &[strict], keyed).await.unwrap();
    assert_eq!((heard.status, sandbox.count("people").await), (200, 1));
}

#[tokio::test]
async fn a_call_with_a_wrong_key_came_when_it_came() {
    let sandbox = Sandbox::empty().await;
    sandbox.advance(60);
    let body = br#"{"userId":"ann"}"#.to_vec();
    sandbox.raw(Method::POST, "/v1/identify", &[authorization("wrong")], body).await.unwrap();
    let calls = sandbox.control(Method::GET, "/pipelines", Value::Null).await;
    assert_eq!(calls["calls"][0]["receivedAt"], "2026-11-23T12:01:00Z");
}

#[tokio::test]
async fn section_4_a_packed_body_is_unpacked_and_measured_unpacked() {
    let sandbox = Sandbox::empty().await;
    let packed = |body: Value| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body.to_string().as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = [("content-encoding", "gzip".to_owned())];
    let good = packed(json!({"userId": "ann", "traits": {"plan": "gold"}}));
    assert_eq!(post(&sandbox, "/v1/identify", good, true, &gzip).await.status, 200);
    assert_eq!(sandbox.attribute("ann", "plan").await, "gold");
    let large: Map<_, _> = (0..40).map(|n| (format!("a{n}"), json!("x".repeat(1000)))).collect();
    let large = packed(json!({"userId": "bob", "traits": large}));
    assert_eq!(post(&sandbox, "/v1/identify", large, true, &gzip).await.status, 400);
    assert_eq!(post(&sandbox, "/v1/identify", b"{}".to_vec(), true, &gzip).await.status, 400);
}

#[tokio::test]
async fn section_4_a_batch_applies_what_is_valid_with_what_it_shares() {
    let sandbox = Sandbox::empty().await;
    let items = json!([{"type": "identify", "userId": "ann", "traits": {"b": 1}}, {"type": "dance", "userId": "ann"},
        {"type": "track", "userId": "ann", "event": "Bought"}, 7]);
    let body = json!({"batch": items}).to_string().into_bytes();
    assert_eq!(post(&sandbox, "/v1/batch", body, false, &[]).await.status, 200);
    assert_eq!((sandbox.attribute("ann", "b").await, sandbox.count("events").await), (json!("1"), 1));
    assert_eq!(dropped(&sandbox).await.len(), 2);
    let elsewhere = json!({"batch": [{"type": "identify", "userId": "bob"}], "integrations": {"All": false}});
    call(&sandbox, "batch", elsewhere).await;
    assert_eq!(sandbox.customer("bob", "id").await, None);
}
