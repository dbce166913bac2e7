//! Another system writes between our look and our write. It cannot be prevented; it is found, and said.
//!
//! A stale read is that moment: the guards see the world as it was when the fault was ordered.

use std::time::Duration;

use customerio_mcp::clock::Clock as _;
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{cio_id, person, text},
};

async fn shop() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    product
}

/// The next look-up by each of these operations answers from the world as it is now.
async fn looks_before(product: &Product, operations: &[&str]) {
    for operation in operations {
        product.fault(json!({ "kind": "stale_read", "operation": operation, "times": 1 })).await;
    }
}

/// The answer with the `cio_id` of somebody made in the test left out.
fn without(answer: &Value, cio_id: &str) -> String {
    text(answer).replace(cio_id, "[cio_id]")
}

#[tokio::test]
async fn somebody_else_makes_the_person_at_the_same_moment() {
    let product = shop().await;
    looks_before(&product, &["getPeopleById"]).await;
    product.track("PUT", "customers/cust_9001", json!({ "plan": "gold", "email": "zoe@shop.io" })).await;
    let people = product.counts().await["people"].clone();
    let answer = product.ok("identify_customer", json!({ "id": "cust_9001", "attributes": { "city": "Bonn" } })).await;
    let zoe = cio_id(&product, "cust_9001").await;
    insta::assert_snapshot!(without(&answer, &zoe), @r#"
    {
      "result": "applied",
      "action": "updated",
      "verified": true,
      "customer": {
        "cio_id": "[cio_id]",
        "id": "cust_9001",
        "email": "z•••@shop.io"
      },
      "note": "Another system wrote this person at the same moment: they carry attributes this call did not write."
    }
    "#);
    assert_eq!(product.counts().await["people"], people);
    let now = person(&product, "cust_9001").await;
    assert_eq!(
        (&now["customer"]["attributes"]["plan"], &now["customer"]["attributes"]["city"]),
        (&json!("gold"), &json!("Bonn"))
    );
}

#[tokio::test]
async fn the_email_of_a_new_person_is_taken_meanwhile() {
    let product = shop().await;
    looks_before(&product, &["getPeopleById", "getPeopleEmail"]).await;
    product.track("PUT", "customers/cust_8000", json!({ "email": "zoe@shop.io" })).await;
    let people = product.counts().await["people"].as_u64().unwrap();
    let answer = product.refused("identify_customer", json!({ "id": "cust_9001", "email": "zoe@shop.io" })).await;
    let zoe = cio_id(&product, "cust_8000").await;
    insta::assert_snapshot!(without(&answer, &zoe), @r#"
    {
      "error": "identity_conflict",
      "message": "Another system gave this `email` to somebody at the same moment. No person was created; the attributes given may have been written to that one.",
      "field": "email",
      "next_step": "Read that person with get_customer by `cio_id`, then decide again.",
      "details": {
        "belongs_to": [
          {
            "identifier": "email",
            "cio_id": "[cio_id]"
          }
        ]
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(product.counts().await["people"], people, "no second person");
    assert_eq!(cio_id(&product, "zoe@shop.io").await, zoe);
}

#[tokio::test]
async fn an_id_is_taken_while_it_is_attached() {
    let product = shop().await;
    let dan = cio_id(&product, "dan.oak@example.com").await;
    looks_before(&product, &["getPeopleById"]).await;
    product.track("PUT", "customers/cust_0004", json!({ "plan": "gold" })).await;
    let other = cio_id(&product, "cust_0004").await;
    let answer =
        product.refused("identify_customer", json!({ "email": "dan.oak@example.com", "id": "cust_0004" })).await;
    insta::assert_snapshot!(text(&answer), @r#"
    {
      "error": "identity_conflict",
      "message": "Another system wrote at the same moment, and the `id` given did not become this person's. The attributes given were written. Customer.io's activity log shows the refused change.",
      "field": "id",
      "next_step": "Find out with find_customers or get_customer whose the `id` is now, then decide again.",
      "details": {
        "person_now": {
          "cio_id": "811d00000004"
        },
        "existed_before": true
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(cio_id(&product, "cust_0004").await, other);
    assert_eq!(cio_id(&product, "dan.oak@example.com").await, dan);
}

#[tokio::test]
async fn an_email_is_taken_while_it_is_changed() {
    let product = shop().await;
    let ada = cio_id(&product, "cust_0001").await;
    looks_before(&product, &["getPeopleEmail"]).await;
    product.track("PUT", "customers/cust_8000", json!({ "email": "ada@shop.io" })).await;
    let answer = product.refused("identify_customer", json!({ "cio_id": ada, "email": "ada@shop.io" })).await;
    insta::assert_snapshot!(text(&answer), @r#"
    {
      "error": "identity_conflict",
      "message": "Another system wrote at the same moment, and the `email` given did not become this person's. The attributes given were written. Customer.io's activity log shows the refused change.",
      "field": "email",
      "next_step": "Find out with find_customers or get_customer whose the `email` is now, then decide again.",
      "details": {
        "person_now": {
          "cio_id": "811d00000001"
        },
        "existed_before": true
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(cio_id(&product, "ada.moss@example.com").await, ada);
    assert_ne!(cio_id(&product, "ada@shop.io").await, ada);
}

#[tokio::test]
async fn a_person_is_deleted_while_they_are_written() {
    let product = shop().await;
    let people = product.counts().await["people"].as_u64().unwrap();
    looks_before(&product, &["getPeopleById"]).await;
    product.track("DELETE", "customers/cust_0002", json!({})).await;
    let answer =
        product.refused("identify_customer", json!({ "id": "cust_0002", "attributes": { "plan": "gold" } })).await;
    insta::assert_snapshot!(text(&answer), @r#"
    {
      "error": "customer_not_found",
      "message": "The person was there a moment ago and cannot be read now: somebody deleted or merged them, or they are so new that they do not show everywhere yet. What was given may have been written.",
      "next_step": "Look again with find_customers before creating anybody.",
      "safe_to_retry": false
    }
    "#);
    assert_eq!(product.counts().await["people"], people - 1, "nobody came back");
    assert_eq!(person(&product, "cust_0002").await, Value::Null);
}

#[tokio::test]
async fn a_real_person_is_never_left_as_a_test_profile() {
    let product = shop().await;
    looks_before(&product, &["getPeopleById", "getPeopleEmail"]).await;
    product.track("PUT", "customers/zoe%40shop.io", json!({ "plan": "gold" })).await;
    let zoe = cio_id(&product, "zoe@shop.io").await;
    let given = json!({ "id": "cust_9001", "email": "zoe@shop.io", "test": true });
    let answer = product.refused("identify_customer", given).await;
    insta::assert_snapshot!(without(&answer, &zoe), @r#"
    {
      "error": "identity_conflict",
      "message": "Another system made this person at the same moment, so they are no test profile. The test tags were taken off again; the identifiers and attributes given were written.",
      "field": "test",
      "next_step": "Use identifiers nobody has for a test profile; get_customer shows what this person carries now.",
      "details": {
        "person_now": {
          "cio_id": "[cio_id]"
        }
      },
      "safe_to_retry": false
    }
    "#);
    let now = person(&product, "zoe@shop.io").await["customer"]["attributes"].clone();
    assert!(now.get("mcp_test").is_none(), "{now}");
    let listed = product.ok("list_test_customers", json!({})).await;
    assert_eq!(listed["active"], 0, "{listed}");
    let deleted = product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    assert_eq!(deleted["deleted"], 0, "{deleted}");
    assert_eq!(cio_id(&product, "zoe@shop.io").await, zoe);
}

#[tokio::test]
async fn what_does_not_read_as_written_is_told_with_the_difference() {
    let product = shop().await;
    let ben = cio_id(&product, "cust_0002").await;
    // Customer.io keeps what is dated later.
    let later = product.clock.now().as_second() + 60;
    product.track("PUT", "customers/cust_0002", json!({ "plan": "silver", "_timestamp": later })).await;
    let given = json!({ "id": "cust_0002", "attributes": { "plan": "gold", "city": "Bonn" } });
    let answer = product.ok("identify_customer", given).await;
    insta::assert_snapshot!(without(&answer, &ben), @r#"
    {
      "result": "partially_applied",
      "action": "updated",
      "verified": true,
      "customer": {
        "cio_id": "[cio_id]",
        "id": "cust_0002",
        "email": "b•••@example.com"
      },
      "differences": [
        {
          "attribute": "plan",
          "written": "gold",
          "read": "silver"
        }
      ]
    }
    "#);
    assert_eq!(person(&product, "cust_0002").await["customer"]["attributes"]["plan"], "silver");
}

#[tokio::test]
async fn a_value_inside_an_attribute_is_read_back_too() {
    let product = shop().await;
    for (name, value) in [("address.city", json!("Bonn")), ("cio_subscription_preferences.topics.topic_2", json!(true))]
    {
        let answer = product.ok("identify_customer", json!({ "id": "cust_0010", "attributes": { name: value } })).await;
        assert_eq!(answer["result"], "applied", "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_read_from_before_the_write_is_no_verdict_on_it() {
    let product = shop().await;
    let eve = cio_id(&product, "cust_0005").await;
    product.clock.advance(Duration::from_secs(1));
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    let given = json!({ "id": "cust_0005", "email": "eve@shop.io", "attributes": { "plan": "platinum" } });
    let answer = product.ok("identify_customer", given).await;
    insta::assert_snapshot!(without(&answer, &eve), @r#"
    {
      "result": "accepted",
      "action": "updated",
      "verified": false,
      "customer": {
        "cio_id": "[cio_id]",
        "id": "cust_0005"
      },
      "attached": [
        "email"
      ],
      "differences": [
        {
          "attribute": "plan",
          "written": "platinum",
          "read": "gold"
        }
      ],
      "note": "Customer.io accepted the write, and what it shows is still from before: get_customer shows later what came of it."
    }
    "#);
    product.control("DELETE", "faults", None).await;
    let now = person(&product, "cust_0005").await;
    assert_eq!(
        (&now["customer"]["identifiers"]["email"], &now["customer"]["attributes"]["plan"]),
        (&json!("eve@shop.io"), &json!("platinum"))
    );
}

#[tokio::test]
async fn a_person_who_does_not_show_yet_is_not_called_unwritten() {
    let product = shop().await;
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    product.track("PUT", "customers/cust_9001", json!({})).await;
    let given = json!({ "id": "cust_9001", "attributes": { "plan": "gold" } });
    let answer = product.refused("identify_customer", given).await;
    product.control("DELETE", "faults", None).await;
    assert_eq!(person(&product, "cust_9001").await["customer"]["attributes"]["plan"], "gold");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("may have been written") && !message.contains("Nothing"), "{answer}");
}

#[tokio::test]
async fn a_remembered_person_who_is_gone_is_not_made_again_by_an_event() {
    let product = shop().await;
    product.ok("track_event", json!({ "customer": "cust_0002", "name": "seen" })).await;
    product.track("DELETE", "customers/cust_0002", json!({})).await;
    let people = product.counts().await["people"].clone();
    product.ok("track_event", json!({ "customer": "cust_0002", "name": "seen" })).await;
    assert_eq!(product.counts().await["people"], people);
    product.clock.advance(Duration::from_secs(601));
    let later = product.refused("track_event", json!({ "customer": "cust_0002", "name": "seen" })).await;
    assert_eq!(later["error"], "customer_not_found");
}

#[tokio::test]
async fn a_person_in_steady_use_is_looked_at_again_all_the_same() {
    let product = shop().await;
    let seen = || json!({ "customer": "cust_0002", "name": "seen" });
    product.ok("track_event", seen()).await;
    product.track("DELETE", "customers/cust_0002", json!({})).await;
    for _ in 0..2 {
        product.clock.advance(Duration::from_secs(299));
        product.ok("track_event", seen()).await;
    }
    product.clock.advance(Duration::from_secs(299));
    assert_eq!(product.refused("track_event", seen()).await["error"], "customer_not_found");
}

#[tokio::test]
async fn a_person_whose_deletion_is_in_doubt_is_not_remembered() {
    let product = shop().await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    let seen = |id: &str| json!({ "customer": id, "name": "seen" });
    for (id, tool, arguments) in [
        ("cust_0002", "delete_customer", json!({ "customer": "cust_0002" })),
        ("cust_9001", "delete_test_customers", json!({ "only_expired": false })),
    ] {
        product.ok("track_event", seen(id)).await;
        let plan = product.refused(tool, arguments.clone()).await;
        let mut planned = arguments;
        planned["plan_token"] = plan["details"]["plan_token"].clone();
        product.fault(json!({ "kind": "drop_after", "operation": "delete", "times": 9 })).await;
        let deleted = product.refused(tool, planned).await;
        assert_eq!(deleted["error"], "upstream_unavailable", "{deleted}");
        product.control("DELETE", "faults", None).await;
        let after = product.refused("track_event", seen(id)).await;
        assert_eq!(after["error"], "customer_not_found", "{tool}: {after}");
    }
}
