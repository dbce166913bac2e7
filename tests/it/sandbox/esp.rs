//! Addresses the e-mail provider refuses, and the data index (behaviour.md sections 3, 5 and 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn suppression(sandbox: &Sandbox, method: Method, kind: &str, email: &str) -> u16 {
    sandbox.app(method, &format!("/v1/esp/suppression/{kind}/{email}"), Value::Null).await.status
}

async fn send(sandbox: &Sandbox, to: &str, from: &str) -> Value {
    let body = json!({"to": to, "from": from, "subject": "s", "body": "b", "identifiers": {"id": "cust_0001"}});
    let heard = sandbox.app(Method::POST, "/v1/send/email", body).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    sandbox.advance(5);
    let id = heard.json()["delivery_id"].as_str().unwrap().to_owned();
    sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone()
}

#[tokio::test]
async fn section_6_an_email_to_a_refused_address_is_dropped() {
    let sandbox = Sandbox::shop().await;
    assert_eq!(suppression(&sandbox, Method::POST, "bounces", "Ada.Moss%40example.com").await, 200);
    let dropped = send(&sandbox, "Ada <{{customer.email}}>", "s@shop.example").await;
    assert_eq!(dropped["metrics"], json!({"created": NOON, "dropped": NOON + 1}));
    assert!(dropped["failure_message"].as_str().unwrap().contains("bounces"), "{dropped}");
    assert_eq!(sandbox.activities("type=dropped_email").await.len(), 1);
    assert!(sandbox.customer("cust_0001", "id").await.is_some(), "the person stays");
    assert_eq!(sandbox.count("sent").await, 0);
    assert_eq!(suppression(&sandbox, Method::DELETE, "bounces", "ada.moss%40example.com").await, 204);
    assert!(send(&sandbox, "{{customer.email}}", "s@shop.example").await["metrics"]["delivered"].is_i64());
}

#[tokio::test]
async fn section_10_a_suppression_may_hold_for_one_sending_domain() {
    let sandbox = Sandbox::shop().await;
    let domain = "old.fernandfable.example";
    let to = "fed.up@example.com";
    assert!(send(&sandbox, to, &format!("F <a@{domain}>")).await["metrics"]["dropped"].is_i64());
    assert!(send(&sandbox, to, "a@fernandfable.example").await["metrics"]["delivered"].is_i64());
    for (domain, count) in [(domain, 1), ("fernandfable.example", 0)] {
        for path in [
            format!("/v1/esp/domains/{domain}/suppression/spam_reports"),
            format!("/v1/esp/suppression/spam_reports?domain={domain}"),
        ] {
            let list = sandbox.get(&path).await;
            assert_eq!(list["suppressions"].as_array().unwrap().len(), count, "{path}");
            assert_eq!(list["category"], "spam");
        }
    }
}

#[tokio::test]
async fn section_10_an_address_is_found_in_every_type() {
    let sandbox = Sandbox::empty().await;
    assert_eq!(sandbox.get("/v1/esp/search_suppression/a%40x.test").await, json!({"suppressions": []}));
    for kind in ["blocks", "bounces", "spam_reports", "invalid_emails", "blocks"] {
        assert_eq!(suppression(&sandbox, Method::POST, kind, "a%40x.test").await, 200, "{kind}");
    }
    let found = sandbox.get("/v1/esp/search_suppression/A%40x.test").await;
    assert_eq!((found["suppressions"].as_array().unwrap().len(), &found["category"]), (4, &json!("blocks")));
    assert_eq!(
        (&found["suppressions"][0]["status"], &found["suppressions"][0]["created"]),
        (&json!("550"), &json!(NOON))
    );
    assert_eq!(suppression(&sandbox, Method::POST, "moods", "a%40x.test").await, 400);
    assert_eq!(suppression(&sandbox, Method::POST, "blocks", "nobody").await, 400);
    assert_eq!(suppression(&sandbox, Method::DELETE, "blocks", "b%40x.test").await, 204);
}

#[tokio::test]
async fn section_5_suppressions_page_by_offset_and_by_token() {
    let sandbox = Sandbox::empty().await;
    for number in 0..5 {
        suppression(&sandbox, Method::POST, "bounces", &format!("p{number}%40x.test")).await;
    }
    let emails = |answer: &Value| {
        let rows = answer["suppressions"].as_array().unwrap().clone();
        rows.iter().map(|row| row["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let second = sandbox.get("/v1/esp/suppression/bounces?limit=2&offset=2").await;
    assert_eq!(emails(&second), ["p2@x.test", "p3@x.test"]);
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = sandbox.get(&format!("/v1/esp/domains/x.test/suppression/bounces?limit=2&start={next}")).await;
        seen.extend(emails(&page));
        next = page["next"].as_str().unwrap().to_owned();
        if next.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["p0@x.test", "p1@x.test", "p2@x.test", "p3@x.test", "p4@x.test"]);
    let one = sandbox.get("/v1/esp/suppression/bounces?email=P3%40x.test").await;
    assert_eq!(emails(&one), ["p3@x.test"]);
    assert_eq!(sandbox.app(Method::GET, "/v1/esp/suppression/bounces?limit=many", Value::Null).await.status, 400);
}

#[tokio::test]
async fn section_10_the_data_index_takes_1_to_100_named_entries() {
    let sandbox = Sandbox::empty().await;
    let post = async |what: &str, body: Value| {
        let heard = sandbox.app(Method::POST, &format!("/v1/data_index/{what}"), body).await;
        let error = if heard.status == 204 { Value::Null } else { heard.json()["errors"][0].clone() };
        (heard.status, error)
    };
    let (status, _) = post("attributes", json!({"attributes": [{"name": "plan", "description": "d"}]})).await;
    assert_eq!(status, 204);
    let (status, _) =
        post("events", json!({"events": [{"name": "a"}, {"name": "b"}, {"name": "a", "description": "e"}]})).await;
    assert_eq!(status, 204);
    let many: Vec<_> = (0..101).map(|n| json!({"name": n.to_string()})).collect();
    let cases = [
        ("attributes", json!({"attributes": []}), "/data/attributes/attributes", "At least one attribute"),
        ("attributes", json!({"attributes": many}), "/data/attributes/attributes", "more than 100 attributes"),
        (
            "attributes",
            json!({"attributes": [{"name": "a"}, {"name": "b", "privacy_level": 1}]}),
            "/data/attributes/attributes[1].privacy_level",
            "not available",
        ),
        ("events", json!({"events": []}), "/data/attributes/events", "At least one event"),
        ("events", json!({"events": many}), "/data/attributes/events", "more than 100 events"),
    ];
    for (what, body, pointer, text) in cases {
        let (status, error) = post(what, body).await;
        assert_eq!((status, &error["source"]["pointer"]), (422, &json!(pointer)));
        assert!(error["detail"].as_str().unwrap().contains(text), "{error}");
    }
    assert_eq!(post("events", json!({"events": "all"})).await.0, 400);
    let kept = sandbox.control(Method::GET, "/data_index", Value::Null).await;
    assert_eq!(kept, json!({"attributes": {"plan": "d"}, "events": {"a": "e", "b": ""}}));
}
