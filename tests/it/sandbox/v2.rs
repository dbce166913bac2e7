//! Track v2: entities and batches.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{Heard, Sandbox};

async fn entity(sandbox: &Sandbox, body: Value) -> Heard {
    sandbox.track(Method::POST, "/api/v2/entity", body).await
}

async fn person(sandbox: &Sandbox, action: &str, id: &str, more: Value) {
    let mut body = json!({"type": "person", "action": action, "identifiers": {"id": id}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let heard = entity(sandbox, body).await;
    assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{action}");
}

#[tokio::test]
async fn section_4_every_action_of_a_person_takes_effect() {
    let sandbox = Sandbox::empty().await;
    person(&sandbox, "identify", "ann", json!({"attributes": {"email": "ann@example.com", "plan": "gold"}})).await;
    assert_eq!(sandbox.attribute("ann", "email").await, "ann@example.com");
    person(&sandbox, "event", "ann", json!({"name": "bought", "attributes": {"price": 3}})).await;
    assert_eq!(sandbox.activities("type=event").await[0]["data"], json!({"price": 3}));
    person(&sandbox, "screen", "ann", json!({"name": "home"})).await;
    person(&sandbox, "page", "ann", json!({"name": "/home"})).await;
    assert_eq!(sandbox.count("events").await, 3);
    person(&sandbox, "add_device", "ann", json!({"device": {"token": "t", "platform": "ios"}})).await;
    assert_eq!(sandbox.customer("ann", "id").await.unwrap()["devices"][0]["id"], "t");
    person(&sandbox, "delete_device", "ann", json!({"device": {"token": "t"}})).await;
    assert_eq!(sandbox.customer("ann", "id").await.unwrap()["devices"], json!([]));
    person(&sandbox, "identify", "bob", json!({"attributes": {"city": "York"}})).await;
    let merge = json!({"type": "person", "action": "merge", "primary": {"id": "ann"}, "secondary": {"id": "bob"}});
    assert_eq!(entity(&sandbox, merge).await.status, 200);
    assert_eq!(sandbox.attribute("ann", "city").await, "York");
    person(&sandbox, "suppress", "ann", json!({})).await;
    person(&sandbox, "identify", "ann", json!({})).await;
    assert_eq!(sandbox.count("people").await, 0);
    person(&sandbox, "unsuppress", "ann", json!({})).await;
    person(&sandbox, "identify", "ann", json!({})).await;
    person(&sandbox, "delete", "ann", json!({})).await;
    assert_eq!(sandbox.customer("ann", "id").await, None);
}

#[tokio::test]
async fn section_3_update_only_does_nothing_at_all_for_nobody() {
    let sandbox = Sandbox::empty().await;
    person(&sandbox, "identify", "ann", json!({"attributes": {"_update": true, "plan": "gold"}})).await;
    assert_eq!(sandbox.count("people").await, 0);
    assert!(sandbox.activities("").await.is_empty());
}

#[tokio::test]
async fn section_3_a_bare_cio_id_names_a_person() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    let cio_id = sandbox.attribute("ann", "cio_id").await;
    let body = json!({"type": "person", "action": "identify", "identifiers": {"cio_id": cio_id},
        "attributes": {"email": "ann@example.com"}});
    assert_eq!(entity(&sandbox, body).await.status, 200);
    assert_eq!(sandbox.attribute("ann", "email").await, "ann@example.com");
}

#[tokio::test]
async fn section_4_a_refused_entity_names_reason_field_and_message() {
    let sandbox = Sandbox::empty().await;
    let ids = json!({"id": "ann"});
    let cases = [
        (json!({"action": "identify", "identifiers": ids}), "required", "type"),
        (json!({"type": "person", "identifiers": ids}), "required", "action"),
        (json!({"type": "person", "action": "levitate", "identifiers": ids}), "invalid", "action"),
        (json!({"type": "thing", "action": "identify"}), "invalid", "type"),
        (json!({"type": "person", "action": "identify"}), "required", "identifiers"),
        (
            json!({"type": "person", "action": "identify", "identifiers": {"id": "a", "email": "a@example.com"}}),
            "invalid",
            "identifiers",
        ),
        (json!({"type": "person", "action": "event", "identifiers": ids}), "required", "name"),
        (json!({"type": "person", "action": "event", "identifiers": ids, "name": " "}), "invalid", "name"),
        (json!({"type": "person", "action": "add_device", "identifiers": ids}), "required", "device"),
        (
            json!({"type": "person", "action": "add_device", "identifiers": ids, "device": {"token": "t"}}),
            "invalid",
            "device.platform",
        ),
        (
            json!({"type": "person", "action": "identify", "identifiers": ids, "attributes": {"a": "x".repeat(1001)}}),
            "invalid",
            "attributes",
        ),
    ];
    for (body, reason, field) in cases {
        let heard = entity(&sandbox, body.clone()).await;
        let error = &heard.json()["errors"][0];
        assert_eq!((heard.status, &error["reason"], &error["field"]), (400, &json!(reason), &json!(field)), "{body}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    assert_eq!(sandbox.count("people").await, 0);
}

#[tokio::test]
async fn section_2_bodies_are_limited_to_32_and_500_kilobytes() {
    let sandbox = Sandbox::empty().await;
    let event = |size: usize| {
        json!({"type": "person", "action": "event", "identifiers": {"id": "ann"}, "name": "e",
            "attributes": {"x": "y".repeat(size)}})
    };
    assert_eq!(entity(&sandbox, event(33 * 1024)).await.status, 400);
    assert_eq!(entity(&sandbox, event(31 * 1024)).await.status, 200);
    let batch = async |items: Vec<Value>| sandbox.track(Method::POST, "/api/v2/batch", json!({"batch": items})).await;
    let mixed = batch(vec![event(10), event(33 * 1024)]).await;
    assert_eq!((mixed.status, &mixed.json()["errors"][0]["batch_index"]), (207, &json!(1)));
    assert_eq!(batch(vec![event(30 * 1024); 17]).await.status, 400);
    assert_eq!(sandbox.count("events").await, 2);
}

#[tokio::test]
async fn section_4_a_batch_applies_what_is_valid_and_tells_the_rest_by_index() {
    let sandbox = Sandbox::empty().await;
    let identify = |id: &str| json!({"type": "person", "action": "identify", "identifiers": {"id": id}});
    let good = sandbox.track(Method::POST, "/api/v2/batch", json!({"batch": [identify("a")]})).await;
    assert_eq!((good.status, good.text.as_str()), (200, "{}\n"));
    let items = json!({"batch": [identify("b"), {"type": "person", "action": "levitate"}, 7, identify("c")]});
    let heard = sandbox.track(Method::POST, "/api/v2/batch", items).await;
    let indices: Vec<_> =
        heard.json()["errors"].as_array().unwrap().iter().map(|one| one["batch_index"].clone()).collect();
    assert_eq!((heard.status, indices), (207, vec![json!(1), json!(2)]));
    assert_eq!(sandbox.count("people").await, 3);
    for whole in [json!({"batch": "nope"}), json!({"batch": []}), json!({}), json!([])] {
        assert_eq!(sandbox.track(Method::POST, "/api/v2/batch", whole).await.status, 400);
    }
}
