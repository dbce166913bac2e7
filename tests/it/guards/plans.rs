//! Plan tokens: good for one call, of one caller, with one set of arguments, on one audience, for ten minutes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{count, shop};
use crate::{
    driver::Product,
    witness::{person, refused, text},
};

async fn token(product: &Product, tool: &'static str, arguments: Value) -> String {
    let plan = product.refused(tool, arguments).await;
    assert_eq!(plan["error"], "preview_required", "{plan}");
    plan["details"]["plan_token"].as_str().unwrap().to_owned()
}

fn delete(customer: &str, token: &str) -> Value {
    json!({ "customer": customer, "plan_token": token })
}

#[tokio::test]
async fn a_token_is_good_for_its_own_call_once() {
    let product = shop().await;
    let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
    product.ok("delete_customer", delete("cust_0002", &token)).await;
    assert_eq!(person(&product, "cust_0002").await, Value::Null);
    product.track("PUT", "customers/cust_0002", json!({})).await;
    let again = product.refused("delete_customer", delete("cust_0002", &token)).await;
    assert_eq!(again["error"], "plan_invalid", "{again}");
    assert_ne!(person(&product, "cust_0002").await, Value::Null);
}

#[tokio::test]
async fn a_token_that_was_spent_is_refused() {
    let product = shop().await;
    let delete_segment = json!({ "segment_id": 2 });
    let token = token(&product, "delete_segment", delete_segment).await;
    let with_token = json!({ "segment_id": 2, "plan_token": token });
    // The first use is spent on a refusal of Customer.io's.
    product.fault(json!({ "kind": "500_before", "operation": "deleteManSegment", "times": 99 })).await;
    product.refused("delete_segment", with_token.clone()).await;
    product.control("DELETE", "faults", None).await;
    insta::assert_snapshot!(refused(&product, "delete_segment", with_token).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` was used before, and each is good for one call. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_segment without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn of_two_calls_at_once_with_one_token_one_runs() {
    let product = shop().await;
    let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
    let calls = (0..8).map(|_| product.call("delete_customer", delete("cust_0002", &token)));
    let answers = join_all(calls).await;
    let ran = answers.iter().filter(|answer| answer.get("error").is_none()).count();
    assert_eq!(ran, 1, "{}", text(&json!(answers)));
}

#[tokio::test]
async fn an_altered_token_is_refused() {
    // Every byte counts: expiry, size, audience and code.
    let length = token(&shop().await, "delete_customer", json!({ "customer": "cust_0002" })).await.len();
    for from in (0..length).step_by(20) {
        // A few on each, or the loop of them would be broken.
        let product = shop().await;
        let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
        assert_eq!(token.len(), length);
        for at in (from..length.min(from + 20)).step_by(5) {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            let answer = refused(&product, "delete_customer", delete("cust_0002", &altered)).await;
            assert!(answer.contains("\"error\": \"plan_invalid\""), "{at}: {answer}");
        }
    }
    let product = shop().await;
    insta::assert_snapshot!(refused(&product, "delete_customer", delete("cust_0002", "not a token")).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` is not a token of ours. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_customer without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_token_expires_after_ten_minutes() {
    let product = shop().await;
    let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
    product.clock.advance(Duration::from_mins(11));
    insta::assert_snapshot!(refused(&product, "delete_customer", delete("cust_0002", &token)).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` has expired. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_customer without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_token_of_another_call_is_refused() {
    let product = shop().await;
    let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
    insta::assert_snapshot!(refused(&product, "delete_customer", delete("cust_0006", &token)).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` belongs to another call: tool, arguments or caller differ. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_customer without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
    let other_tool = refused(&product, "erase_customer", delete("cust_0002", &token)).await;
    assert!(other_tool.contains("\"plan_invalid\""), "{other_tool}");
    let other_arguments = json!({ "customer": "cust_0002", "id_type": "id", "plan_token": token });
    let other_arguments = refused(&product, "delete_customer", other_arguments).await;
    assert!(other_arguments.contains("\"plan_invalid\""), "{other_arguments}");
}

#[tokio::test]
async fn a_plan_is_for_the_person_it_showed() {
    let product = shop().await;
    let token = token(&product, "delete_customer", json!({ "customer": "cust_0002" })).await;
    // Meanwhile the id has become another person's.
    product.track("DELETE", "customers/cust_0002", json!({})).await;
    product.track("PUT", "customers/cust_0002", json!({ "first_name": "Bo" })).await;
    insta::assert_snapshot!(refused(&product, "delete_customer", delete("cust_0002", &token)).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` was made for another audience or other words: one of them has changed since. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_customer without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_grown_audience_is_refused() {
    let product = shop().await;
    let token = token(&product, "delete_segment", json!({ "segment_id": 2 })).await;
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0005"] })).await;
    let grown = json!({ "segment_id": 2, "plan_token": token });
    insta::assert_snapshot!(refused(&product, "delete_segment", grown).await, @r#"
    {
      "error": "plan_invalid",
      "message": "The `plan_token` was made for another audience or other words: one of them has changed since. Nothing was changed.",
      "field": "plan_token",
      "next_step": "Call delete_segment without `plan_token` to see the plan as it is now.",
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn test_profiles_exchanged_for_others_are_another_audience() {
    let product = shop().await;
    let all = json!({ "only_expired": false });
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    let first = token(&product, "delete_test_customers", all.clone()).await;
    product.planned("delete_test_customers", all.clone()).await;
    product.ok("identify_customer", json!({ "id": "cust_9002", "test": true })).await;
    let answer =
        refused(&product, "delete_test_customers", json!({ "only_expired": false, "plan_token": first })).await;
    assert!(answer.contains("\"plan_invalid\""), "{answer}");
    assert_eq!(count(&product, "people").await, 13);
}

#[tokio::test]
async fn a_segment_whose_members_were_exchanged_is_another_audience() {
    let product = shop().await;
    let first = token(&product, "delete_segment", json!({ "segment_id": 2 })).await;
    product.ok("remove_from_segment", json!({ "segment_id": 2, "customers": ["cust_0002"] })).await;
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0005"] })).await;
    let answer = refused(&product, "delete_segment", json!({ "segment_id": 2, "plan_token": first })).await;
    assert!(answer.contains("\"plan_invalid\"") && answer.contains("another audience"), "{answer}");
    product.planned("delete_segment", json!({ "segment_id": 2 })).await;
}
