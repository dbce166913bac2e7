//! Somebody who was erased does not come back, by whatever name they are called.

use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::{cio_id, refused},
};

/// The shop after Ada's erasure, with what was her `cio_id`.
async fn shop_without_ada() -> (Product, String) {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let ada = cio_id(&product, "cust_0001").await;
    let erased = product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(erased["status"], "erased", "{erased}");
    (product, ada)
}

/// The answer without what differs from run to run.
fn without_id(answer: &str) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    assert!(answer["details"]["erasure_id"].as_str().is_some_and(|id| id.starts_with("era_")), "{answer}");
    answer["details"]["erasure_id"] = json!("era_…");
    crate::witness::text(&answer)
}

#[tokio::test]
async fn no_tool_and_no_identifier_brings_them_back() {
    let (product, ada) = shop_without_ada().await;
    let data = json!({ "order_id": "1" });
    let calls: Vec<(&'static str, Value)> = vec![
        ("identify_customer", json!({ "id": "cust_0001" })),
        ("identify_customer", json!({ "id": "cust_9001", "email": "Ada.Moss@Example.com" })),
        ("identify_customer", json!({ "cio_id": ada })),
        ("identify_customer", json!({ "id": "cust_0002", "email": "ada.moss@example.com" })),
        (
            "identify_customer",
            json!({ "cio_id": cio_id(&product, "cust_0005").await, "email": "ada.moss@example.com" }),
        ),
        ("identify_customer", json!({ "id": "cust_0001", "test": true })),
        ("track_event", json!({ "customer": "cust_0001", "name": "seen" })),
        ("track_event", json!({ "customer": "ada.moss@example.com", "id_type": "email", "name": "seen" })),
        ("track_event", json!({ "customer": ada, "id_type": "cio_id", "name": "seen" })),
        ("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0007", "cust_0001"] })),
        (
            "send_transactional",
            json!({ "template": "order_confirmation", "customer": "cust_0001", "message_data": data }),
        ),
        (
            "send_transactional",
            json!({ "template": "order_confirmation", "customer": "cust_0001", "to": "x@shop.io", "message_data": data }),
        ),
        (
            "send_transactional",
            json!({ "template": "order_confirmation", "customer": "cust_0002", "to": "Ada.Moss@example.com", "message_data": data }),
        ),
        (
            "send_transactional",
            json!({ "template": "order_confirmation", "customer": "cust_0002", "to": "Ada <ada.moss@example.com>", "message_data": data }),
        ),
        (
            // Several recipients: a preview of this is not to be had either.
            "send_transactional",
            json!({ "template": "order_confirmation", "customer": "cust_0002", "to": "x@shop.io, ada.moss@example.com", "message_data": data }),
        ),
    ];
    let mut answers = Vec::new();
    for (tool, arguments) in calls {
        let answer = without_id(&refused(&product, tool, arguments.clone()).await);
        assert!(answer.contains("customer_erased"), "{tool} {arguments}: {answer}");
        answers.push(answer);
    }
    answers.dedup();
    insta::assert_snapshot!(answers.join("\n"), @r#"
    {
      "error": "customer_erased",
      "message": "This person was erased on 2026-03-02T09:05:00Z and must not come back. Nothing was changed.",
      "next_step": "Only an operator can lift an erasure, when the person themselves has returned.",
      "details": {
        "erasure_id": "era_…"
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_second_erasure_answers_with_the_first_receipt() {
    let (product, ada) = shop_without_ada().await;
    for (customer, id_type) in [("cust_0001", "id"), ("ADA.moss@example.com", "email"), (ada.as_str(), "cio_id")] {
        let again = product.planned("erase_customer", json!({ "customer": customer, "id_type": id_type })).await;
        assert_eq!(again["status"], "erased", "{again}");
        assert!(again["receipt"]["verified"].is_array(), "{again}");
    }
    let nobody = product.refused("erase_customer", json!({ "customer": "cust_9009" })).await;
    let mut nobody_planned = json!({ "customer": "cust_9009" });
    nobody_planned["plan_token"] = nobody["details"]["plan_token"].clone();
    insta::assert_snapshot!(refused(&product, "erase_customer", nobody_planned).await, @r#"
    {
      "error": "customer_not_found",
      "message": "No person has this identifier, and none was erased under it. Nothing was changed.",
      "field": "customer",
      "next_step": "Check `id_type`, and look with find_customers: a request may come under another address.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn somebody_else_is_not_taken_for_them() {
    let (product, _) = shop_without_ada().await;
    let ben = product.ok("identify_customer", json!({ "id": "cust_0002", "attributes": { "plan": "gold" } })).await;
    assert_eq!(ben["result"], "applied", "{ben}");
    let new = product.ok("identify_customer", json!({ "id": "cust_00011", "email": "ada.moss2@example.com" })).await;
    assert_eq!(new["action"], "created", "{new}");
}
