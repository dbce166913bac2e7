//! A write that was accepted, and a read-back that fails: the call must not say that nothing happened.

use serde_json::json;

use crate::{
    driver::{Product, Setup},
    witness::{person, text},
};

/// Whoever is looked at alone is not to be seen; looks at several before a write go on.
async fn blind() -> Product {
    let product = Setup::shop().start().await;
    product.declare_ids().await;
    let fault = json!({ "kind": "429", "path": "/v1/customers/*/attributes", "retry_after_seconds": 600, "times": 1 });
    product.fault(fault).await;
    product
}

#[tokio::test]
async fn a_new_person_who_cannot_be_read_back_was_made() {
    let product = blind().await;
    let answer = product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    insta::assert_snapshot!(text(&answer), @r#"
    {
      "result": "accepted",
      "action": "created",
      "verified": false,
      "test_expires_at": 1772528700,
      "note": "Customer.io accepted the write and could not be read afterwards: get_customer shows what came of it."
    }
    "#);
    assert!(person(&product, "cust_9001").await.is_object());
    let listed = product.ok("list_test_customers", json!({})).await;
    assert_eq!(listed["active"], 1, "its place must not be given to another: {listed}");
}

#[tokio::test]
async fn an_updated_person_who_cannot_be_read_back_was_written() {
    let product = blind().await;
    let update = json!({ "id": "cust_0001", "attributes": { "city": "Bonn" } });
    let answer = product.ok("identify_customer", update).await;
    assert_eq!((&answer["result"], &answer["action"]), (&json!("accepted"), &json!("updated")), "{answer}");
    assert_eq!(person(&product, "cust_0001").await["customer"]["attributes"]["city"], "Bonn");
}

#[tokio::test]
async fn a_deleted_person_who_cannot_be_read_back_was_deleted() {
    let product = blind().await;
    let answer = product.planned("delete_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(answer["result"], "accepted", "{answer}");
    assert!(person(&product, "cust_0001").await.is_null());
}
