//! What Liquid does to a delivery: rendered, rendered empty, or failed.

use reqwest::Method;
use serde_json::json;

use crate::sandbox::driver::Sandbox;

#[tokio::test]
async fn section_12_a_message_is_rendered_or_fails_by_what_it_asks_for() {
    // A template, and what it becomes; `None` is a delivery that failed.
    let cases = [
        ("{{ customer.first_name }}", Some("Ada")),
        ("{{ customer.nothing }}", None),
        ("{{ customer.nothing | default: \"there\" }}", Some("there")),
        ("{% if customer.nothing != blank %}a{% else %}b{% endif %}", Some("b")),
        ("{{ trigger.order.number }}", Some("7")),
        ("{{ trigger.nothing }}", None),
        // Namespaces a transactional message does not have.
        ("[{{ event.total }}]", Some("[]")),
        ("[{{ collections.prices }}]", Some("[]")),
        ("[{{ segments.vip }}]", Some("[]")),
        ("[{{ unsubscribe_url }}]", Some("[]")),
        ("{{ snippets.address }}", Some("Fern & Fable, 12 Mill Lane, Bristol")),
        // Attributes are text until made a number.
        ("{{ customer.orders | plus: 0 }}", Some("7")),
        ("{{ \"a b\" | slugify }}", Some("a-b")),
        ("{{ customer.first_name", None),
    ];
    let sandbox = Sandbox::shop().await;
    for (template, expected) in cases {
        let body = json!({"to": "a@example.com", "identifiers": {"id": "cust_0001"}, "from": "s@example.com",
            "subject": "s", "body": template, "message_data": {"order": {"number": 7}}});
        let heard = sandbox.app(Method::POST, "/v1/send/email", body).await;
        assert_eq!(heard.status, 200, "{template}: a send answers queued");
        sandbox.advance(5);
        let id = heard.json()["delivery_id"].as_str().unwrap().to_owned();
        let message = sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone();
        let failed = message["metrics"].get("failed").is_some();
        assert_eq!(failed, expected.is_none(), "{template}: {message}");
        let archived = sandbox.get(&format!("/v1/messages/{id}/archived_message")).await;
        if let Some(expected) = expected {
            assert_eq!(archived["archived_message"]["body"], expected, "{template}");
        } else {
            assert!(message["failure_message"].as_str().is_some_and(|text| !text.is_empty()), "{template}: {message}");
        }
    }
    let link = json!({"to": "a@example.com", "identifiers": {"id": "cust_0001"}, "from": "s@example.com",
        "subject": "s", "body": "{% unsubscribe_url %}"});
    let id = sandbox.app(Method::POST, "/v1/send/email", link).await.json()["delivery_id"].as_str().unwrap().to_owned();
    let archived = sandbox.get(&format!("/v1/messages/{id}/archived_message")).await;
    let expected = format!("https://sandbox.example.com/unsubscribe/{id}");
    assert_eq!(archived["archived_message"]["body"], expected, "a tag, not a variable");
}
