//! `set_subscription`: to stop is anybody's, to begin again waits for a human where people are real.

use customerio_mcp::sandbox::Fixture;
use serde_json::{Map, Value, json};

use super::{shop, told};
use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, refused, text},
};

async fn preferences(product: &Product, id: &str) -> Value {
    product.app(&format!("customers/{id}/subscription_preferences")).await.1["customer"].clone()
}

/// Whether a person is subscribed at all, to each topic, and by each channel.
async fn subscribed(product: &Product, id: &str) -> Value {
    let read = preferences(product, id).await;
    let each =
        |what: &str| read[what].as_array().unwrap().iter().map(|one| one["subscribed"].clone()).collect::<Vec<_>>();
    json!([read["unsubscribed"] == false, each("topics"), each("channels")])
}

#[tokio::test]
async fn everything_a_topic_and_a_channel_are_set_and_read_back() {
    let product = shop().await;
    assert_eq!(subscribed(&product, "cust_0009").await, json!([true, [true, false], [true, true]]));
    let set = product
        .ok(
            "set_subscription",
            json!({ "customer": "cust_0009", "topics": { "offers": true, "1": false }, "channels": { "sms": false } }),
        )
        .await;
    let ines = cio_id(&product, "cust_0009").await;
    insta::assert_snapshot!(text(&set).replace(&ines, "<ines>"), @r#"
    {
      "result": "applied",
      "cio_id": "<ines>",
      "before": {
        "subscribed": true,
        "topics": [
          {
            "topic_id": 1,
            "name": "Order news",
            "subscribed": true
          },
          {
            "topic_id": 2,
            "name": "Offers",
            "subscribed": false
          }
        ],
        "channels": {
          "twilio": true
        }
      }
    }
    "#);
    assert_eq!(subscribed(&product, "cust_0009").await, json!([true, [false, true], [true, false]]));
    // What was not asked for stays, and the same again changes nothing.
    let all = json!({ "customer": "cust_0009", "subscribed": false });
    let first = product.ok("set_subscription", all.clone()).await;
    assert_eq!(first["before"], json!({ "subscribed": true }));
    let second = product.ok("set_subscription", all).await;
    assert_eq!((&second["result"], &second["before"]["subscribed"]), (&json!("applied"), &json!(false)));
    assert_eq!(subscribed(&product, "cust_0009").await, json!([false, [false, true], [true, false]]));

    let topic = json!({ "customer": "cust_0009", "topics": { "topic_1": true } });
    let told = product.ok("set_subscription", topic).await["notes"][0].as_str().unwrap().to_owned();
    assert!(told.starts_with("They are unsubscribed from everything"), "{told}");
    product.ok("set_subscription", json!({ "customer": "cust_0009", "subscribed": true })).await;
    assert_eq!(subscribed(&product, "cust_0009").await, json!([true, [true, true], [true, false]]));
}

#[tokio::test]
async fn what_cannot_be_chosen_is_named_with_what_can() {
    let product = shop().await;
    let with = |more: Value| {
        let mut arguments = json!({ "customer": "cust_0001" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    for (more, expected) in [
        (json!({}), json!(["invalid_argument", "subscribed"])),
        (json!({ "topics": {} }), json!(["invalid_argument", "subscribed"])),
        (json!({ "topics": { "1": true, "order news": false } }), json!(["invalid_argument", "topics"])),
        (json!({ "topics": { "1": "no" } }), json!(["invalid_argument", "topics[1]"])),
        (json!({ "channels": { "fax": true } }), json!(["not_found", "channels"])),
        (json!({ "unsubscribed": true }), json!(["invalid_argument", "unsubscribed"])),
        (json!({ "customer": "cust_0999", "subscribed": false }), json!(["customer_not_found", "customer"])),
    ] {
        let answer = product.refused("set_subscription", with(more.clone())).await;
        assert_eq!(told(&answer), expected, "{more}: {answer}");
    }
    insta::assert_snapshot!(refused(&product, "set_subscription", with(json!({ "topics": { "Gossip": false } }))).await, @r#"
    {
      "error": "not_found",
      "message": "There is no topic with this id or name. Nothing was changed.",
      "field": "topics",
      "next_step": "There are: 1 (Order news), 2 (Offers).",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn to_subscribe_somebody_waits_for_a_human_where_people_are_real() {
    let live = Setup::live().with_ids().start().await;
    insta::assert_snapshot!(
        refused(&live, "set_subscription", json!({ "customer": "cust_0003", "subscribed": true })).await
            .replace(&cio_id(&live, "cust_0003").await, "<cleo>"),
        @r#"
    {
      "error": "approval_required",
      "message": "The operator's policy asks for a human's approval of this call. Nothing ran.",
      "next_step": "Tell the user what you wanted to do and why; do not try another way to the same effect. An operator decides with `customerio-mcp approvals approve apr_…`; then make the same call again.",
      "details": {
        "workspace": "sandbox",
        "kind": "live",
        "region": "auto",
        "tool": "set_subscription",
        "effect": "trigger",
        "audience": {
          "people": 1,
          "count": "exact"
        },
        "cio_ids": [
          "<cleo>"
        ],
        "because": [
          "it subscribes somebody who exists, which takes their own consent"
        ],
        "approval_id": "apr_…",
        "expires_at": "2026-03-03T09:05:00Z"
      },
      "safe_to_retry": false
    }
    "#
    );
    for more in [json!({ "topics": { "2": true } }), json!({ "subscribed": false, "channels": { "email": true } })] {
        let mut arguments = more;
        arguments["customer"] = json!("cust_0009");
        assert_eq!(live.refused("set_subscription", arguments).await["error"], "approval_required");
    }
    let stop = json!({ "customer": "cust_0001", "subscribed": false, "topics": { "1": false } });
    assert_eq!(live.ok("set_subscription", stop).await["result"], "applied");
    assert_eq!(subscribed(&live, "cust_0001").await, json!([false, [false, false], [true, true]]));
}

#[tokio::test]
async fn no_other_tool_is_a_way_round_consent() {
    let live = Setup::live().with_ids().start().await;
    for attributes in [
        json!({ "unsubscribed": false }),
        json!({ "cio_subscription_preferences.topics.topic_2": true }),
        json!({ "cio_subscription_preferences": { "topics": { "topic_2": true } } }),
    ] {
        let answer = refused(&live, "identify_customer", json!({ "id": "cust_0003", "attributes": attributes })).await;
        assert!(answer.contains("\"approval_required\"") && answer.contains("consent"), "{answer}");
    }
    live.ok("identify_customer", json!({ "id": "cust_0001", "attributes": { "unsubscribed": true } })).await;
    // Nobody has said no before they are there.
    let new = json!({ "id": "cust_7001", "email": "zoe@shop.io", "attributes": { "unsubscribed": false } });
    assert_eq!(live.ok("identify_customer", new).await["action"], "created");
}

#[tokio::test]
async fn a_refused_change_is_not_called_applied() {
    let many: Map<String, Value> = (0..298).map(|n| (format!("a{n}"), json!(n))).collect();
    let fixture = json!({ "people": [{ "id": "cust_0001", "attributes": many }] });
    let product = Setup::shop().with_fixture(Fixture::from_toml(&toml::to_string(&fixture).unwrap()).unwrap());
    let product = product.start().await;
    product.declare_ids().await;
    // Full: Customer.io takes no more attributes, and answers 200.
    product.track("PUT", "customers/cust_0001", json!({ "x1": 1, "x2": 1, "x3": 1, "x4": 1 })).await;
    let answer = product.ok("set_subscription", json!({ "customer": "cust_0001", "subscribed": false })).await;
    insta::assert_snapshot!(text(&answer).replace(&cio_id(&product, "cust_0001").await, "<cio_id>"), @r#"
    {
      "result": "not_applied",
      "cio_id": "<cio_id>",
      "before": {
        "subscribed": true
      },
      "differences": [
        {
          "attribute": "unsubscribed",
          "written": true,
          "read": false
        }
      ],
      "notes": [
        "Customer.io's activity log shows that it refused the change."
      ]
    }
    "#);
    assert_eq!(person(&product, "cust_0001").await["customer"]["unsubscribed"], false);
}

#[tokio::test]
async fn a_read_from_before_is_no_verdict() {
    let product = shop().await;
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    let answer = product.ok("set_subscription", json!({ "customer": "cust_0001", "subscribed": false })).await;
    assert_eq!(answer["result"], "accepted", "{answer}");
    product.planned("erase_customer", json!({ "customer": "cust_0002" })).await;
    let erased = product.refused("set_subscription", json!({ "customer": "cust_0002", "subscribed": true })).await;
    assert_eq!(erased["error"], "customer_erased");
}
