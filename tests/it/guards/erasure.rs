//! Erasure: begun, resumed, proven, and without a trace of who it was.

use serde_json::{Value, json};

use super::{count, shop, without};
use crate::{
    driver::Product,
    witness::{cio_id, person, refused, text},
};

async fn token(product: &Product) -> Value {
    let plan = product.refused("erase_customer", json!({ "customer": "cust_0001" })).await;
    json!({ "customer": "cust_0001", "plan_token": plan["details"]["plan_token"] })
}

/// The answer without Customer.io's reference for the failed request.
fn without_reference(answer: &str) -> String {
    let (before, after) = answer.split_once("(reference ").unwrap();
    format!("{before}(reference …){}", after.split_once(')').unwrap().1)
}

#[tokio::test]
async fn the_receipt_separates_what_is_proven_and_names_nobody() {
    let product = shop().await;
    let people = count(&product, "people").await;
    let ada = cio_id(&product, "cust_0001").await;
    let erased = product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    insta::assert_snapshot!(without(&erased, &["/erasure_id", "/receipt/erasure_id", "/receipt/subject"]), @r#"
    {
      "status": "erased",
      "erasure_id": "…",
      "receipt": {
        "erasure_id": "…",
        "workspace": "sandbox",
        "subject": "…",
        "requested_at": "2026-03-02T09:05:00Z",
        "verified_at": "2026-03-02T09:05:00Z",
        "verified": [
          "the person is unknown by every identifier, read twice",
          "our own records of them are deleted"
        ],
        "identifiers": [
          "id",
          "email",
          "cio_id"
        ],
        "accepted_unverifiable": [
          "suppression: Customer.io takes it and lets nobody read it"
        ],
        "not_covered": [
          "copies of messages in people's inboxes and in Customer.io's message archive",
          "exports made before",
          "reporting webhooks and other systems that were sent data before"
        ]
      }
    }
    "#);
    let told = text(&erased);
    for trace in ["cust_0001", "ada", "moss", ada.as_str()] {
        assert!(!told.to_lowercase().contains(trace), "{trace}: {told}");
    }
    assert_eq!(count(&product, "people").await, people - 1);
    assert!(count(&product, "suppressed").await >= 2);
}

#[tokio::test]
async fn an_erasure_that_breaks_off_holds_and_is_resumed() {
    let product = shop().await;
    let event = json!({ "customer": "cust_0001", "name": "seen" });
    product.ok("track_event", event.clone()).await;
    let with_token = token(&product).await;
    product.fault(json!({ "kind": "500_before", "operation": "suppress", "times": 99 })).await;
    let broken = product.refused("erase_customer", with_token).await;
    insta::assert_snapshot!(without_reference(&without(&broken, &["/details/erasure_id"])), @r#"
    {
      "error": "upstream_unavailable",
      "message": "Customer.io could not answer \"suppress a person\" (status 500). It says: \"internal server error\" (reference …). The erasure is begun and holds, but is not complete.",
      "next_step": "Make the same call again: it goes on where this one stopped.",
      "details": {
        "erasure_id": "…"
      },
      "safe_to_retry": true
    }
    "#);
    // The tombstone stands from the first moment.
    let back =
        refused(&product, "identify_customer", json!({ "id": "cust_0001", "attributes": { "plan": "free" } })).await;
    assert!(back.contains("\"customer_erased\""), "{back}");
    let events = count(&product, "events").await;
    assert_eq!(product.refused("track_event", event).await["error"], "customer_erased", "who is remembered, too");
    assert_eq!(count(&product, "events").await, events);

    product.control("DELETE", "faults", None).await;
    let erased = product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(erased["status"], "erased", "{erased}");
    assert_eq!(erased["erasure_id"], broken["details"]["erasure_id"]);
    assert_eq!(person(&product, "cust_0001").await, Value::Null);
}

#[tokio::test]
async fn an_erasure_that_breaks_off_half_way_says_so() {
    let product = shop().await;
    let with_token = token(&product).await;
    product.fault(json!({ "kind": "500_before", "operation": "delete", "times": 99 })).await;
    let broken = product.refused("erase_customer", with_token).await;
    assert!(!text(&broken).contains("Nothing was changed"), "{broken}");
    assert_eq!(person(&product, "cust_0001").await, Value::Null, "suppressed already");
    product.control("DELETE", "faults", None).await;
    let erased = product.planned("erase_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(erased["status"], "erased", "{erased}");
}

#[tokio::test]
async fn our_own_stores_forget_the_person() {
    let product = shop().await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "email": "zoe@shop.io", "test": true })).await;
    product.ok("send_transactional", super::confirmation("cust_9001")).await;
    product.planned("erase_customer", json!({ "customer": "cust_9001" })).await;
    let listed = product.ok("list_test_customers", json!({})).await;
    assert_eq!(listed["active"], 0, "{listed}");
    let again = product.refused("send_transactional", super::confirmation("cust_9001")).await;
    assert_eq!(again["error"], "customer_erased", "{again}");
}

#[tokio::test]
async fn a_pending_erasure_is_not_taken_for_that_of_whoever_has_the_address_now() {
    let product = shop().await;
    let with_token = token(&product).await;
    product.fault(json!({ "kind": "500_before", "operation": "suppress", "times": 99 })).await;
    product.refused("erase_customer", with_token).await;
    product.control("DELETE", "faults", None).await;
    let ada = person(&product, "cust_0001").await["customer"]["identifiers"].clone();
    let (cio_id, email) = (ada["cio_id"].as_str().unwrap(), ada["email"].clone());
    product.track("PUT", &format!("customers/cio_{cio_id}"), json!({ "email": "ada@elsewhere.io" })).await;
    let bo = person(&product, "cust_0002").await["customer"]["identifiers"]["cio_id"].clone();
    product.track("PUT", &format!("customers/cio_{}", bo.as_str().unwrap()), json!({ "email": email })).await;

    let erased = product.planned("erase_customer", json!({ "customer": "cust_0002" })).await;
    assert_eq!(erased["status"], "erased", "{erased}");
    assert_eq!(person(&product, "cust_0002").await, Value::Null);
    assert_eq!(person(&product, "cust_0001").await["customer"]["identifiers"]["email"], "ada@elsewhere.io");
    let back = product.refused("identify_customer", json!({ "id": "cust_0002", "attributes": { "plan": "x" } })).await;
    assert_eq!(back["error"], "customer_erased", "{back}");
}
