//! What is reported about deliveries, and forms.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{Heard, NOON, Sandbox, segment};

/// A message of each channel that has left, by its delivery type.
async fn sent(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (path, kind, template, to) in [
        ("email", "email", 2, json!("ada.moss@example.com")),
        ("push", "push", 7, json!("all")),
        ("sms", "twilio", 8, json!("+15005550006")),
        ("in_app", "in_app", 9, Value::Null),
    ] {
        let body = json!({"transactional_message_id": template, "to": to, "identifiers": {"id": "cust_0001"},
            "message_data": {"order_id": "A-1"}});
        let answer = sandbox.app(Method::POST, &format!("/v1/send/{path}"), body).await.json();
        all.push((kind, answer["delivery_id"].as_str().unwrap().to_owned()));
    }
    sandbox.advance(1);
    all
}

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> Heard {
    let json = ("content-type", "application/json".to_owned());
    sandbox.raw(Method::POST, path, &[json], body.to_string().into_bytes()).await.unwrap()
}

async fn metrics(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.get(&format!("/v1/messages/{id}")).await["message"]["metrics"].clone()
}

#[tokio::test]
async fn section_4_each_channel_has_its_own_metrics() {
    let table = [
        ("email", "bounced clicked converted deferred delivered dropped opened spammed"),
        ("push", "converted delivered opened"),
        ("twilio", "bounced clicked delivered opened"),
        ("in_app", "clicked converted opened"),
    ];
    for (kind, allowed) in table {
        for metric in "bounced clicked converted deferred delivered dropped opened spammed".split(' ') {
            let sandbox = Sandbox::shop().await;
            let all = sent(&sandbox).await;
            let id = &all.iter().find(|(have, _)| *have == kind).unwrap().1;
            let body = json!({"delivery_id": id, "metric": metric, "timestamp": NOON - 5, "href": "https://x.test/"});
            let heard = post(&sandbox, "/api/v1/metrics", body).await;
            assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
            let is_allowed = allowed.split(' ').any(|one| one == metric);
            let expected = if is_allowed { json!(NOON - 5) } else { Value::Null };
            assert_eq!(metrics(&sandbox, id).await[metric], expected, "{kind} {metric}");
            let mut log = sandbox.activities(&format!("type={metric}_{kind}")).await;
            log.retain(|entry| entry["delivery_id"] == json!(id));
            assert_eq!(log.len(), usize::from(is_allowed), "{kind} {metric}");
            if is_allowed {
                assert_eq!(log[0]["data"]["href"], "https://x.test/");
            }
        }
    }
}

#[tokio::test]
async fn section_4_a_bounce_says_why_and_nothing_arrives_after_it() {
    let sandbox = Sandbox::shop().await;
    let id = sent(&sandbox).await[0].1.clone();
    for (metric, at) in [("bounced", NOON + 1), ("bounced", NOON + 9)] {
        let body = json!({"delivery_id": id, "metric": metric, "timestamp": at, "reason": "no such mailbox"});
        post(&sandbox, "/api/v1/metrics", body).await;
    }
    sandbox.advance(60);
    let message = sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone();
    assert_eq!(message["metrics"], json!({"bounced": NOON + 1, "created": NOON, "sent": NOON + 1}));
    assert_eq!(message["failure_message"], "no such mailbox");
}

#[tokio::test]
async fn section_4_a_report_of_nothing_is_accepted_and_a_malformed_one_is_not() {
    let sandbox = Sandbox::shop().await;
    let unknown = json!({"delivery_id": "RPILAgUBcRhIBqSfeiIwdIYJKxTY", "metric": "opened"});
    assert_eq!(post(&sandbox, "/api/v1/metrics", unknown).await.status, 200);
    for refused in [
        json!({"metric": "opened"}),
        json!({"delivery_id": "RPILAgUBcRhIBqSfeiIwdIYJKxTY"}),
        json!({"delivery_id": "RPILAgUBcRhIBqSfeiIwdIYJKxTY", "metric": "admired"}),
        json!([]),
    ] {
        let heard = post(&sandbox, "/api/v1/metrics", refused).await;
        assert_eq!((heard.status, heard.json()["meta"]["errors"].as_array().unwrap().len()), (400, 1));
    }
    let body =
        json!({"transactional_message_id": "welcome", "to": "f@example.com", "identifiers": {"id": "cust_0006"}});
    let failed = sandbox.app(Method::POST, "/v1/send/email", body).await.json();
    let id = failed["delivery_id"].as_str().unwrap();
    sandbox.advance(1);
    post(&sandbox, "/api/v1/metrics", json!({"delivery_id": id, "metric": "opened"})).await;
    assert_eq!(metrics(&sandbox, id).await, json!({"created": NOON, "failed": NOON + 1}));
}

#[tokio::test]
async fn section_4_devices_report_on_push_by_either_call() {
    let sandbox = Sandbox::shop().await;
    let all = sent(&sandbox).await;
    let (email, push) = (&all[0].1, &all[1].1);
    let old = json!({"delivery_id": push, "event": "opened", "device_id": "t", "timestamp": NOON});
    assert_eq!(post(&sandbox, "/api/v1/push/events", old).await.text, "{}\n");
    let event = |name: &str, more: Value| json!({"type": "delivery", "action": "event", "identifiers": {"id": push}, "name": name, "attributes": more});
    let entity = async |body: Value| sandbox.track(Method::POST, "/api/v2/entity", body).await;
    assert_eq!(entity(event("converted", json!({"device_token": "t"}))).await.status, 200);
    let seen = metrics(&sandbox, push).await;
    assert_eq!((&seen["opened"], &seen["converted"]), (&json!(NOON), &json!(NOON + 1)));
    for (refused, field) in [
        (event("clicked", json!({"device_token": "t"})), "name"),
        (event("opened", json!({})), "attributes.device_token"),
        (json!({"type": "delivery", "action": "event", "name": "opened"}), "identifiers.id"),
        (json!({"type": "delivery", "action": "delete"}), "action"),
    ] {
        let heard = entity(refused).await;
        assert_eq!((heard.status, &heard.json()["errors"][0]["field"]), (400, &json!(field)));
    }
    assert_eq!(post(&sandbox, "/api/v1/push/events", json!({})).await.status, 200);
    assert_eq!(post(&sandbox, "/api/v1/push/events", json!({"delivery_id": push, "event": "seen"})).await.status, 400);
    post(&sandbox, "/api/v1/push/events", json!({"delivery_id": email, "event": "opened"})).await;
    assert_eq!(metrics(&sandbox, email).await["opened"], Value::Null);
}

#[tokio::test]
async fn section_4_an_unsubscribe_is_the_persons_and_the_deliverys() {
    let sandbox = Sandbox::shop().await;
    let id = sent(&sandbox).await[0].1.clone();
    let path = format!("/unsubscribe/{id}");
    assert_eq!(post(&sandbox, &path, json!({"unsubscribe": true})).await.text, "{}\n");
    assert_eq!(sandbox.customer("cust_0001", "id").await.unwrap()["unsubscribed"], true);
    assert_eq!(metrics(&sandbox, &id).await["unsubscribed"], NOON + 1);
    assert_eq!(sandbox.activities("type=unsubscribed_email").await[0]["delivery_id"], id);
    post(&sandbox, &path, json!({"unsubscribe": false})).await;
    assert_eq!(sandbox.customer("cust_0001", "id").await.unwrap()["unsubscribed"], false);
    let plain = sandbox.raw(Method::POST, &path, &[], b"{\"unsubscribe\":true}".to_vec()).await.unwrap();
    let malformed = post(&sandbox, "/unsubscribe/short", json!({"unsubscribe": true})).await;
    let keyless = post(&sandbox, &path, json!({})).await;
    assert_eq!([plain.status, malformed.status, keyless.status], [400; 3]);
    let unknown = post(&sandbox, "/unsubscribe/RPILAgUBcRhIBqSfeiIwdIYJKxTY", json!({"unsubscribe": true})).await;
    assert_eq!(unknown.status, 200);
}

#[tokio::test]
async fn section_4_a_form_is_made_by_its_first_submission_even_a_refused_one() {
    let sandbox = Sandbox::with(Fixture::empty(), false).await;
    let submit = async |form: &str, data: Value| {
        let path = format!("/api/v1/forms/{}/submit", segment(form));
        sandbox.track(Method::POST, &path, json!({"data": data})).await
    };
    let refused = [
        (json!({"first_name": "Fay"}), "data must have an id or an email"),
        (json!({"email": "fay@example.com", "age": 30}), "value for field 'age' must be a string"),
        (json!("fay"), "data must be an object"),
    ];
    for (data, expected) in refused {
        let heard = submit("sign/up", data).await;
        assert_eq!((heard.status, heard.json()), (400, json!({"meta": {"errors": [expected]}})));
    }
    assert_eq!(sandbox.count("people").await, 0);
    let data = json!({"email": "fay@example.com", "first_name": "Fay", "form_name": "Sign up", "form_url": "x"});
    let heard = submit("sign/up", data).await;
    assert_eq!((heard.status, heard.text.as_str()), (204, ""));
    let fay = sandbox.customer("fay@example.com", "email").await.unwrap();
    assert_eq!((&fay["attributes"]["first_name"], fay["attributes"].get("form_name")), (&json!("Fay"), None));
    assert_eq!(submit("other", json!({"id": "f1", "email": "fay@example.com"})).await.status, 204);
    assert_eq!(sandbox.customer("f1", "id").await.unwrap()["attributes"]["first_name"], "Fay");
    let forms = sandbox.control(Method::GET, "/forms", Value::Null).await;
    let expected = json!([{"id": "other", "created_at": NOON, "submissions": 1},
        {"id": "sign/up", "created_at": NOON, "submissions": 1}]);
    assert_eq!(forms["forms"], expected);
}
