//! Snippets through the App API (behaviour.md sections 2 and 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox, segment};

async fn write(sandbox: &Sandbox, method: Method, name: &str, value: &str) -> u16 {
    sandbox.app(method, "/v1/snippets", json!({"name": name, "value": value})).await.status
}

async fn delete(sandbox: &Sandbox, name: &str) -> u16 {
    sandbox.app(Method::DELETE, &format!("/v1/snippets/{}", segment(name)), Value::Null).await.status
}

#[tokio::test]
async fn section_10_put_makes_or_replaces_and_the_name_is_the_key() {
    let sandbox = Sandbox::empty().await;
    assert_eq!(write(&sandbox, Method::PUT, "foot er/é", "one").await, 200);
    sandbox.advance(5);
    let heard = sandbox.app(Method::PUT, "/v1/snippets", json!({"name": "foot er/é", "value": "two"})).await;
    let expected = json!({"name": "foot er/é", "value": "two", "updated_at": NOON + 5});
    assert_eq!(heard.json(), json!({"snippet": expected}));
    assert_eq!(sandbox.get("/v1/snippets").await, json!({"snippets": [expected]}));
    assert_eq!(write(&sandbox, Method::POST, "foot er/é", "three").await, 400, "a name is taken once");
    assert_eq!(write(&sandbox, Method::POST, "other", "").await, 200);
    assert_eq!(delete(&sandbox, "foot er/é").await, 204);
    assert_eq!(delete(&sandbox, "foot er/é").await, 404);
}

#[tokio::test]
async fn section_2_a_snippet_has_16_kb_and_all_of_them_5_mb() {
    let sandbox = Sandbox::empty().await;
    let full = "é".repeat(8 * 1024);
    assert_eq!(write(&sandbox, Method::PUT, "a", &format!("{full}x")).await, 400);
    for number in 0..320 {
        assert_eq!(write(&sandbox, Method::PUT, &format!("s{number}"), &full).await, 200, "{number}");
    }
    assert_eq!(write(&sandbox, Method::PUT, "one more", "x").await, 400);
    assert_eq!(write(&sandbox, Method::PUT, "s0", &full).await, 200, "replacing takes no more room");
}

#[tokio::test]
async fn section_10_a_snippet_in_use_stays() {
    let sandbox = Sandbox::shop().await;
    let heard = sandbox.app(Method::DELETE, "/v1/snippets/address", Value::Null).await;
    assert_eq!((heard.status, &heard.json()["errors"][0]["status"]), (400, &json!("400")));
    assert_eq!(write(&sandbox, Method::PUT, "outer", "{{ snippets.inner }}").await, 200);
    assert_eq!(write(&sandbox, Method::PUT, "inner", "text about snippets.outer").await, 200);
    assert_eq!(delete(&sandbox, "inner").await, 400);
    assert_eq!((delete(&sandbox, "outer").await, delete(&sandbox, "inner").await), (204, 204));
    // What goes out later needs it as well; what has gone out does not.
    let draft = sandbox.get("/v1/newsletters/2/contents").await["contents"][0]["id"].clone();
    let draft = format!("/v1/newsletters/2/contents/{draft}");
    for path in ["/v1/campaigns/1/actions/1", "/v1/broadcasts/3/actions/5", &draft] {
        assert_eq!(write(&sandbox, Method::PUT, "late", "later").await, 200);
        let change = |body: &str| sandbox.app(Method::PUT, path, json!({"body": body}));
        let heard = change("{{ snippets.late }}").await;
        assert_eq!((heard.status, delete(&sandbox, "late").await), (200, 400), "{path}: {}", heard.text);
        assert_eq!((change("none").await.status, delete(&sandbox, "late").await), (200, 204), "{path}");
    }
}

#[tokio::test]
async fn section_10_a_changed_snippet_is_in_the_next_message() {
    let sandbox = Sandbox::shop().await;
    write(&sandbox, Method::PUT, "address", "{{ customer.city }}").await;
    let body = json!({"transactional_message_id": 4, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"order_id": "A-1"}});
    let id = sandbox.app(Method::POST, "/v1/send/email", body).await.json()["delivery_id"].clone();
    let path = format!("/v1/messages/{}/archived_message", id.as_str().unwrap());
    assert!(sandbox.get(&path).await["archived_message"]["body"].as_str().unwrap().contains("<p>Bristol</p>"));
}
