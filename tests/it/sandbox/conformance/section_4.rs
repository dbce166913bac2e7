//! Track v2: which action there is for which kind of thing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::Sandbox;

/// A body that is right for the action, where it exists.
fn body(kind: &str, action: &str) -> Value {
    let company = json!({"object_type_id": "1", "object_id": "acme"});
    let (identifiers, ties) = match kind {
        "person" => (json!({"id": "ann"}), json!([{"identifiers": company}])),
        "object" if action == "identify_anonymous" => (company, json!([{"identifiers": {"anonymous_id": "x"}}])),
        "object" => (company, json!([{"identifiers": {"id": "ann"}}])),
        _ => (json!({"id": "RPILAgUBcRhIBqSfeiIwdIYJKxTY"}), json!([])),
    };
    let mut body = json!({"type": kind, "action": action, "identifiers": identifiers});
    if action.contains("relationships") || action == "identify_anonymous" {
        body["cio_relationships"] = ties;
    }
    if ["event", "page", "screen"].contains(&action) {
        body["name"] = json!("opened");
        body["attributes"] = json!({"device_token": "t"});
    }
    if action.contains("device") {
        body["device"] = json!({"token": "t", "platform": "ios"});
    }
    if action == "merge" {
        body.as_object_mut().unwrap().remove("identifiers");
        body["primary"] = json!({"id": "ann"});
        body["secondary"] = json!({"id": "bob"});
    }
    body
}

#[tokio::test]
async fn section_4_every_kind_has_its_actions_and_no_others() {
    const PERSON: [&str; 12] = [
        "identify",
        "delete",
        "event",
        "screen",
        "page",
        "add_relationships",
        "delete_relationships",
        "add_device",
        "delete_device",
        "merge",
        "suppress",
        "unsuppress",
    ];
    const OBJECT: [&str; 5] = ["identify", "identify_anonymous", "delete", "add_relationships", "delete_relationships"];
    const DELIVERY: [&str; 1] = ["event"];
    let sandbox = Sandbox::shop().await;
    let mut all: Vec<_> = PERSON.into_iter().chain(OBJECT).chain(["levitate", "Identify"]).collect();
    all.sort_unstable();
    all.dedup();
    let kinds: [(&str, &[&str]); 3] = [("person", &PERSON), ("object", &OBJECT), ("delivery", &DELIVERY)];
    for (kind, known) in kinds {
        for action in &all {
            let entity = body(kind, action);
            let heard = sandbox.track(Method::POST, "/api/v2/entity", entity.clone()).await;
            let in_batch = sandbox.track(Method::POST, "/api/v2/batch", json!({"batch": [entity]})).await;
            if known.contains(action) {
                assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"), "{kind} {action}");
                assert_eq!((in_batch.status, in_batch.text.as_str()), (200, "{}\n"), "{kind} {action}");
                continue;
            }
            assert_eq!((heard.status, in_batch.status), (400, 207), "{kind} {action}: {}", heard.text);
            for heard in [heard, in_batch] {
                let error = heard.json()["errors"][0].clone();
                assert_eq!(
                    (&error["reason"], &error["field"]),
                    (&json!("invalid"), &json!("action")),
                    "{kind} {action}"
                );
            }
        }
    }
    for kind in ["device", "Person", "segment"] {
        let heard = sandbox.track(Method::POST, "/api/v2/entity", body(kind, "identify")).await;
        assert_eq!((heard.status, &heard.json()["errors"][0]["field"]), (400, &json!("type")), "{kind}");
    }
}

#[tokio::test]
async fn section_4_the_timestamp_of_an_event_is_kept_or_is_the_time_of_receipt() {
    use crate::sandbox::driver::NOON;
    let sandbox = Sandbox::empty().await;
    let old = NOON - 400 * 24 * 60 * 60;
    for (name, more, expected) in
        [("now", json!({}), NOON), ("old", json!({"timestamp": old}), old), ("odd", json!({"timestamp": "x"}), NOON)]
    {
        let mut event = json!({"name": name});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sandbox.track(Method::POST, "/api/v1/customers/ann/events", event).await;
        let found = sandbox.activities(&format!("type=event&name={name}")).await;
        assert_eq!(found[0]["timestamp"], expected, "{name}");
    }
}
