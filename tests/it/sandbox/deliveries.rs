//! What becomes of a send, by the sandbox's clock.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn send(sandbox: &Sandbox, body: Value) -> String {
    let heard = sandbox.app(Method::POST, "/v1/send/email", body).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    heard.json()["delivery_id"].as_str().unwrap().to_owned()
}

async fn template(sandbox: &Sandbox, template: &str, id: &str, data: Value) -> String {
    let body = json!({"transactional_message_id": template, "to": "{{customer.email}}", "identifiers": {"id": id},
        "message_data": data});
    send(sandbox, body).await
}

async fn message(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.get(&format!("/v1/messages/{id}")).await["message"].clone()
}

async fn archived(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.get(&format!("/v1/messages/{id}/archived_message")).await["archived_message"].clone()
}

#[tokio::test]
async fn section_6_a_delivery_is_queued_then_sent_then_delivered() {
    let sandbox = Sandbox::shop().await;
    let id = template(&sandbox, "order_confirmation", "cust_0001", json!({"order_id": "A-1"})).await;
    assert_eq!(message(&sandbox, &id).await["metrics"], json!({"created": NOON}));
    sandbox.advance(1);
    assert_eq!(message(&sandbox, &id).await["metrics"], json!({"created": NOON, "sent": NOON + 1}));
    sandbox.advance(3600);
    let settled = message(&sandbox, &id).await;
    assert_eq!(settled["metrics"], json!({"created": NOON, "delivered": NOON + 2, "sent": NOON + 1}));
    assert_eq!(settled["recipient"], "ada.moss@example.com");
    assert_eq!(settled["subject"], "Your order A-1");
    assert_eq!(settled["deduplicate_id"], format!("{id}:{NOON}"));
    assert_eq!((&settled["type"], &settled["customer_id"]), (&json!("email"), &json!("cust_0001")));
    for parent in ["campaign_id", "action_id", "newsletter_id", "content_id", "broadcast_id", "failure_message"] {
        assert_eq!(settled[parent], Value::Null, "{parent}");
    }
    let sent = &sandbox.activities("type=sent_email").await[0];
    assert_eq!((&sent["delivery_id"], &sent["timestamp"]), (&json!(id), &json!(NOON + 1)));
    assert_eq!(sandbox.attribute("cust_0001", "_last_emailed").await, (NOON + 1).to_string());
    assert_eq!(sandbox.count("sent").await, 1);
}

#[tokio::test]
async fn section_6_the_archived_message_is_what_went_out() {
    let sandbox = Sandbox::shop().await;
    let data = json!({"order_id": "A-1", "carrier": "Royal Mail"});
    let id = template(&sandbox, "shipping_update", "cust_0001", data).await;
    let archived = archived(&sandbox, &id).await;
    let expected =
        "<p>Hello Ada, your parcel left today with Royal Mail.</p>\n<p>Fern & Fable, 12 Mill Lane, Bristol</p>\n";
    assert_eq!(archived["body"], expected);
    assert_eq!(archived["subject"], "Order A-1 is on its way");
    assert_eq!(archived["from"], "Fern & Fable Orders <orders@fernandfable.example>");
    assert_eq!((&archived["recipient"], &archived["forgotten"]), (&json!("ada.moss@example.com"), &json!(false)));
}

#[tokio::test]
async fn section_12_a_missing_attribute_fails_the_delivery_and_is_named() {
    let sandbox = Sandbox::shop().await;
    let id = template(&sandbox, "welcome", "cust_0006", json!({})).await;
    sandbox.advance(2);
    let failed = message(&sandbox, &id).await;
    assert_eq!(failed["metrics"], json!({"created": NOON, "failed": NOON + 1}));
    assert!(failed["failure_message"].as_str().unwrap().contains("first_name"), "{failed}");
    assert_eq!(archived(&sandbox, &id).await["body"], "");
    assert_eq!(sandbox.activities("type=failed_email").await.len(), 1);
}

#[tokio::test]
async fn section_12_missing_message_data_fails_too_but_a_default_saves_it() {
    let sandbox = Sandbox::shop().await;
    let without_data = template(&sandbox, "password_reset", "cust_0001", json!({})).await;
    let with_default = template(&sandbox, "order_confirmation", "cust_0006", json!({"order_id": "A-1"})).await;
    sandbox.advance(2);
    let failure = message(&sandbox, &without_data).await["failure_message"].clone();
    assert!(failure.as_str().unwrap().contains("reset_url"), "{failure}");
    assert!(message(&sandbox, &with_default).await["metrics"]["delivered"].is_i64());
    assert!(archived(&sandbox, &with_default).await["body"].as_str().unwrap().contains("Hello there,"));
}

#[tokio::test]
async fn section_12_a_wrong_namespace_renders_blank_and_is_sent() {
    let sandbox = Sandbox::shop().await;
    let id = template(&sandbox, "receipt", "cust_0001", json!({"total": 5})).await;
    sandbox.advance(2);
    assert_eq!(message(&sandbox, &id).await["metrics"]["delivered"], NOON + 2);
    assert_eq!(archived(&sandbox, &id).await["body"], "<p>You paid  pounds.</p>");
}

#[tokio::test]
async fn section_7_an_unsubscribed_person_gets_only_what_is_meant_for_them() {
    let sandbox = Sandbox::shop().await;
    let refused = template(&sandbox, "shipping_update", "cust_0003", json!({"order_id": "A-1"})).await;
    let allowed = template(&sandbox, "order_confirmation", "cust_0003", json!({"order_id": "A-1"})).await;
    let overridden = send(
        &sandbox,
        json!({"transactional_message_id": 2, "to": "cleo.hart@example.com", "identifiers": {"id": "cust_0003"},
            "message_data": {"order_id": "A-1"}, "send_to_unsubscribed": false}),
    )
    .await;
    sandbox.advance(2);
    for id in [refused, overridden] {
        let message = message(&sandbox, &id).await;
        assert_eq!(message["metrics"], json!({"created": NOON, "undeliverable": NOON + 1}));
        assert_eq!(message["failure_message"], "the person is unsubscribed");
    }
    assert_eq!(message(&sandbox, &allowed).await["metrics"]["delivered"], NOON + 2);
}

#[tokio::test]
async fn section_7_a_suppressed_recipient_gets_nothing() {
    let sandbox = Sandbox::shop().await;
    sandbox.track(Method::POST, "/api/v1/customers/cust_0001/suppress", Value::Null).await;
    let id = template(&sandbox, "order_confirmation", "cust_0001", json!({"order_id": "A-1"})).await;
    sandbox.advance(2);
    assert_eq!(message(&sandbox, &id).await["metrics"]["undeliverable"], NOON + 1);
    assert_eq!(sandbox.count("people").await, 11);
}

#[tokio::test]
async fn section_7_a_scheduled_message_meets_the_state_of_its_own_time() {
    let sandbox = Sandbox::shop().await;
    let body = |id: &str| {
        json!({"transactional_message_id": 5, "to": "a@example.com", "identifiers": {"id": id},
            "send_at": NOON + 60})
    };
    let renamed = send(&sandbox, body("cust_0001")).await;
    let deleted = send(&sandbox, body("cust_0002")).await;
    sandbox.identify("cust_0001", json!({"first_name": "Adele"})).await;
    sandbox.track(Method::DELETE, "/api/v1/customers/cust_0002", Value::Null).await;
    sandbox.advance(59);
    assert_eq!(message(&sandbox, &renamed).await["metrics"], json!({"created": NOON}));
    sandbox.advance(3);
    let sent = message(&sandbox, &renamed).await;
    assert_eq!((&sent["subject"], &sent["metrics"]["sent"]), (&json!("Welcome, Adele"), &json!(NOON + 61)));
    assert_eq!(message(&sandbox, &deleted).await["failure_message"], "the person was deleted");
}

#[tokio::test]
async fn section_7_a_draft_is_held_and_overrides_win_over_the_template() {
    let sandbox = Sandbox::shop().await;
    let id = send(
        &sandbox,
        json!({"transactional_message_id": 2, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
            "queue_draft": true, "subject": "Only for {{customer.first_name}}", "body": "b", "reply_to": "r@example.com",
            "headers": "[{\"name\":\"X-A\",\"value\":\"1\"}]", "bcc": "b@example.com"}),
    )
    .await;
    sandbox.advance(60);
    assert_eq!(message(&sandbox, &id).await["metrics"], json!({"created": NOON, "drafted": NOON}));
    let archived = archived(&sandbox, &id).await;
    assert_eq!(archived["subject"], "Only for Ada");
    assert_eq!((&archived["reply_to"], &archived["bcc"]), (&json!("r@example.com"), &json!("b@example.com")));
    assert_eq!(archived["headers"], json!([{"name": "X-A", "value": "1"}]));
    assert_eq!(sandbox.get("/v1/messages?drafts=true").await["messages"][0]["id"], id);
    assert_eq!(sandbox.count("sent").await, 0);
}

#[tokio::test]
async fn section_7_a_translation_is_chosen_by_language() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"transactional_message_id": 2, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"order_id": "A-1"}, "language": "de"});
    let id = send(&sandbox, body).await;
    assert_eq!(message(&sandbox, &id).await["subject"], "Ihre Bestellung A-1");
}

#[tokio::test]
async fn section_7_without_retention_the_body_is_not_kept() {
    let sandbox = Sandbox::shop().await;
    let body = json!({"transactional_message_id": 2, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"order_id": "A-1"}, "disable_message_retention": true});
    let id = send(&sandbox, body).await;
    let archived = archived(&sandbox, &id).await;
    assert_eq!((&archived["body"], &archived["forgotten"]), (&json!(""), &json!(true)));
}

#[tokio::test]
async fn section_6_messages_are_listed_newest_first_by_person_metric_and_page() {
    let sandbox = Sandbox::shop().await;
    let data = json!({"order_id": "A-1"});
    let first = template(&sandbox, "order_confirmation", "cust_0001", data.clone()).await;
    let second = template(&sandbox, "order_confirmation", "cust_0002", data.clone()).await;
    let third = template(&sandbox, "welcome", "cust_0006", data).await;
    sandbox.advance(2);
    let ids = async |path: &str| {
        let answer = sandbox.get(path).await;
        let ids = answer["messages"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), answer["next"].as_str().unwrap().to_owned())
    };
    let (page, next) = ids("/v1/messages?limit=2").await;
    assert_eq!(page, [third.clone(), second.clone()]);
    // What the fixture tells of was made before.
    assert_eq!(ids(&format!("/v1/messages?start_ts={NOON}&start={next}")).await, (vec![first.clone()], String::new()));
    assert_eq!(ids("/v1/messages?metric=failed").await.0, [third]);
    assert_eq!(ids("/v1/messages?type=twilio").await.0, Vec::<String>::new());
    assert_eq!(ids("/v1/messages?campaign_id=99").await.0, Vec::<String>::new());
    assert_eq!(ids("/v1/customers/cust_0001/messages").await.0, std::slice::from_ref(&first));
    assert_eq!(ids("/v1/transactional/2/messages").await.0, [second, first]);
    assert_eq!(ids(&format!("/v1/messages?start_ts={}", NOON + 1)).await.0, Vec::<String>::new());
    assert_eq!(sandbox.app(Method::GET, "/v1/messages/nothing", Value::Null).await.status, 404);
}
