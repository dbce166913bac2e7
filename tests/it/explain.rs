//! `explain_delivery`: each verdict, by bringing about in the sandbox what it says.

use std::time::Duration;

use customerio_mcp::{clock::Clock as _, sandbox::Fixture};
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::text,
};

async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// Sends behind the product's back, since the product would not send what must fail.
async fn sent(product: &Product, template: i64, id: &str, to: &str) -> Value {
    let body = json!({ "transactional_message_id": template, "to": to, "identifiers": { "id": id } });
    let (status, answer) = product.app_post("send/email", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["delivery_id"].clone()
}

async fn explain(product: &Product, customer: &str, about: Value) -> Value {
    let mut arguments = json!({ "customer": customer });
    arguments.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
    product.ok("explain_delivery", arguments).await
}

fn evidence(answer: &Value) -> String {
    text(&json!([answer["evidence"], answer["not_seen"]]))
}

#[tokio::test]
async fn what_was_sent_is_told_by_its_delivery() {
    let product = shop().await;
    let welcome = json!({ "template_id": 5 });
    assert_eq!(explain(&product, "cust_0001", welcome.clone()).await["verdict"], "never_triggered");
    let delivery_id = sent(&product, 5, "cust_0001", "ada.moss@example.com").await;
    assert_eq!(explain(&product, "cust_0001", welcome.clone()).await["verdict"], "too_recent_to_say");
    product.clock.advance(Duration::from_secs(5));
    let delivered = explain(&product, "cust_0001", welcome.clone()).await;
    let shown = text(&delivered).replace(delivery_id.as_str().unwrap(), "<delivery>");
    insta::assert_snapshot!(shown, @r#"
    {
      "verdict": "sent_and_delivered",
      "evidence": [
        "Delivery <delivery> came as far as `delivered`."
      ],
      "not_seen": [
        "what the recipient's own mail program made of it, such as a spam folder"
      ],
      "delivery_id": "<delivery>",
      "timeline": [
        {
          "at": 1772262300,
          "what": "event",
          "name": {
            "untrusted": "order_placed"
          }
        },
        {
          "at": 1772348700,
          "what": "event",
          "name": {
            "untrusted": "order_shipped"
          }
        },
        {
          "at": 1772442300,
          "what": "delivery <delivery> created"
        },
        {
          "at": 1772442301,
          "what": "delivery <delivery> sent"
        },
        {
          "at": 1772442302,
          "what": "delivery <delivery> delivered"
        }
      ],
      "since": 1769850305
    }
    "#);
    // Another template, and another person, have nothing to do with it.
    assert_eq!(explain(&product, "cust_0001", json!({ "template_id": 3 })).await["verdict"], "never_triggered");
    assert_eq!(explain(&product, "cust_0002", welcome.clone()).await["verdict"], "never_triggered");
    let since = product.clock.now().as_second() - 1;
    let mut later = welcome;
    later["since"] = json!(since);
    assert_eq!(explain(&product, "cust_0001", later).await["verdict"], "never_triggered");
    let by_delivery = explain(&product, "cust_0001", json!({ "delivery_id": delivery_id })).await;
    assert_eq!(by_delivery["verdict"], "sent_and_delivered");
}

#[tokio::test]
async fn a_message_that_could_not_be_rendered_names_the_variable() {
    let product = shop().await;
    sent(&product, 5, "cust_0006", "fay.birch@example.com").await;
    product.clock.advance(Duration::from_secs(5));
    let failed = explain(&product, "cust_0006", json!({ "template_id": 5 })).await;
    assert_eq!(
        (&failed["verdict"], &failed["missing_variable"]),
        (&json!("failed_rendering"), &json!("customer.first_name"))
    );
    assert!(failed["failure"]["untrusted"].as_str().unwrap().contains("customer.first_name"), "{failed}");
}

#[tokio::test]
async fn who_is_unsubscribed_or_sent_back_is_told_apart() {
    let product = shop().await;
    let body = json!({ "transactional_message_id": 4, "to": "cleo.hart@example.com", "identifiers": { "id": "cust_0003" },
        "message_data": { "order_id": "A-1" } });
    assert_eq!(product.app_post("send/email", body).await.0, 200);
    sent(&product, 6, "cust_0002", "ben+bounces@example.com").await;
    product.clock.advance(Duration::from_secs(5));
    let unsubscribed = explain(&product, "cust_0003", json!({ "template_id": 4 })).await;
    assert_eq!(unsubscribed["verdict"], "not_sent_unsubscribed");
    assert_eq!(unsubscribed["evidence"][1], "They are unsubscribed from everything.");
    assert_eq!(explain(&product, "cust_0002", json!({ "template_id": 6 })).await["verdict"], "sent_and_bounced");

    // Since then they have come back: the delivery's own reason outweighs today's state.
    product.ok("set_subscription", json!({ "customer": "cust_0003", "subscribed": true })).await;
    let now = explain(&product, "cust_0003", json!({ "template_id": 4 })).await;
    assert_eq!(now["verdict"], "not_sent_unsubscribed");
    assert_eq!(now["evidence"][1], "They are subscribed now: it was changed since.");
    let last = now["timeline"].as_array().unwrap().last().unwrap();
    assert_eq!(last["what"], "subscription changed", "{now}");
}

#[tokio::test]
async fn an_address_on_a_suppression_list_is_told_with_its_list() {
    let product = shop().await;
    let moved = json!({ "id": "cust_0700", "email": "moved.away@example.com", "attributes": { "first_name": "Mo" } });
    product.ok("identify_customer", moved).await;
    sent(&product, 5, "cust_0700", "moved.away@example.com").await;
    product.clock.advance(Duration::from_secs(5));
    let dropped = explain(&product, "cust_0700", json!({ "template_id": 5 })).await;
    assert_eq!(dropped["verdict"], "not_sent_suppressed", "{dropped}");
    assert_eq!(dropped["evidence"][1], "Their address is on the e-mail provider's list of bounces.");
    assert_eq!(dropped["timeline"][0]["what"], "address put on a suppression list");
}

#[tokio::test]
async fn who_opted_out_of_a_sender_gets_no_text() {
    let product = shop().await;
    let body = json!({ "transactional_message_id": 8, "to": "+15005550007", "identifiers": { "id": "cust_0005" } });
    assert_eq!(product.app_post("send/sms", body).await.0, 200);
    product.clock.advance(Duration::from_secs(5));
    let answer = explain(&product, "cust_0005", json!({ "template_id": 8 })).await;
    assert_eq!(answer["verdict"], "undeliverable", "{answer}");
    assert!(evidence(&answer).contains("opted out of sms"), "{answer}");
}

#[tokio::test]
async fn a_draft_waits_for_somebody() {
    let fixture = "[[people]]\nid = 'cust_0001'\nemail = 'ada@shop.io'\n[[transactional]]\nid = 2\nname = 'held'\n\
                   channel = 'email'\nsubject = 'Hello'\nbody = 'Hi'\nqueue_drafts = true\n";
    let product = Setup::shop().with_fixture(Fixture::from_toml(fixture).unwrap()).with_ids().start().await;
    sent(&product, 2, "cust_0001", "ada@shop.io").await;
    product.clock.advance(Duration::from_secs(5));
    assert_eq!(explain(&product, "cust_0001", json!({ "template_id": 2 })).await["verdict"], "held_as_draft");
}

#[tokio::test]
async fn campaigns_newsletters_and_broadcasts_are_told_by_their_state() {
    let product = shop().await;
    let hour = product.clock.now().as_second() - 3_600;
    for (customer, about, verdict) in [
        ("cust_0008", json!({ "campaign_id": 1 }), "sent_and_delivered"),
        // Without an address one is not in the segment of those who can be mailed.
        ("cust_0005", json!({ "campaign_id": 1 }), "not_in_segment"),
        ("cust_0001", json!({ "campaign_id": 1 }), "unknown"),
        ("cust_0001", json!({ "campaign_id": 2 }), "campaign_not_running"),
        ("cust_0001", json!({ "newsletter_id": 2 }), "campaign_not_running"),
        ("cust_0001", json!({ "newsletter_id": 1 }), "unknown"),
        ("cust_0001", json!({ "newsletter_id": 1, "since": hour }), "never_triggered"),
        ("cust_0012", json!({ "broadcast_id": 3 }), "sent_and_delivered"),
        ("cust_0001", json!({ "broadcast_id": 3 }), "unknown"),
        ("cust_0001", json!({ "broadcast_id": 3, "since": hour }), "never_triggered"),
        ("cust_0003", json!({ "broadcast_id": 3 }), "not_sent_unsubscribed"),
    ] {
        let answer = explain(&product, customer, about.clone()).await;
        assert_eq!(answer["verdict"], verdict, "{customer} {about}: {answer}");
    }
    let outside = explain(&product, "cust_0005", json!({ "campaign_id": 1 })).await;
    insta::assert_snapshot!(evidence(&outside), @r#"
    [
      [
        "It goes to people in segment 4, and they are in none of these now.",
        "There is no delivery of it to them in this time."
      ],
      [
        "whether they were in it earlier, and conditions that are no segments"
      ]
    ]
    "#);
    let unknown = explain(&product, "cust_0001", json!({ "campaign_id": 1 })).await;
    insta::assert_snapshot!(evidence(&unknown), @r#"
    [
      [
        "Nothing that can be seen keeps it from them.",
        "There is no delivery of it to them in this time."
      ],
      [
        "where in the campaign they are, its delays, conditions and frequency: the API does not tell"
      ]
    ]
    "#);
}

#[tokio::test]
async fn who_left_a_topic_is_told_which() {
    let product = shop().await;
    let leave = json!({ "customer": "cust_0001", "topics": { "1": false } });
    product.ok("set_subscription", leave).await;
    let answer = explain(&product, "cust_0001", json!({ "newsletter_id": 1 })).await;
    assert_eq!(answer["verdict"], "not_sent_unsubscribed", "{answer}");
    assert_eq!(answer["evidence"][0], "They are unsubscribed from its topic, Order news.");
}

#[tokio::test]
async fn a_question_is_about_one_message_to_somebody_who_is_there() {
    let product = shop().await;
    let delivery_id = sent(&product, 5, "cust_0001", "ada.moss@example.com").await;
    for (arguments, expected) in [
        (json!({ "customer": "cust_0001" }), json!(["invalid_argument", "template_id"])),
        (
            json!({ "customer": "cust_0001", "template_id": 5, "campaign_id": 1 }),
            json!(["invalid_argument", "campaign_id"]),
        ),
        (json!({ "customer": "cust_0001", "template_id": 0 }), json!(["invalid_argument", "template_id"])),
        (json!({ "customer": "cust_0001", "template_id": 99 }), json!(["not_found", "template_id"])),
        (json!({ "customer": "cust_0001", "campaign_id": 99 }), json!(["not_found", "campaign_id"])),
        (json!({ "customer": "cust_0001", "delivery_id": "nothing" }), json!(["not_found", "delivery_id"])),
        (json!({ "customer": "cust_0002", "delivery_id": delivery_id }), json!(["conflict", "delivery_id"])),
        (json!({ "customer": "cust_0999", "template_id": 5 }), json!(["customer_not_found", "customer"])),
    ] {
        let answer = product.refused("explain_delivery", arguments.clone()).await;
        assert_eq!(json!([answer["error"], answer["field"]]), expected, "{arguments}: {answer}");
    }
}

#[tokio::test]
async fn what_the_key_does_not_give_is_said() {
    let product = shop().await;
    product.fault(json!({ "kind": "500_before", "operation": "getPersonActivities", "times": 9 })).await;
    let broken = product.refused("explain_delivery", json!({ "customer": "cust_0001", "template_id": 5 })).await;
    assert_eq!(broken["error"], "upstream_unavailable", "{broken}");
}
