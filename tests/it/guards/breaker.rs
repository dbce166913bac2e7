//! The breaker for loops: the same failing call is not made without end.

use std::time::Duration;

use customerio_mcp::guard::policy::Decision;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{count, started};
use crate::{
    driver::{Product, Setup},
    witness::{refused, text},
};

/// Somebody who does not exist.
fn nobody() -> Value {
    json!({ "customer": "cust_9009" })
}

async fn fails(product: &Product, tool: &'static str, arguments: &Value, times: usize, code: &str) {
    for _ in 0..times {
        let answer = product.refused(tool, arguments.clone()).await;
        assert_eq!(answer["error"], code, "{answer}");
    }
}

/// How many requests the sandbox has seen.
async fn requests(product: &Product) -> usize {
    product.requests().await["requests"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_failing_read_is_not_made_a_sixth_time() {
    let product = started(Setup::shop()).await;
    fails(&product, "get_customer", &nobody(), 5, "customer_not_found").await;
    product.clock.advance(Duration::from_secs(100));
    let before = requests(&product).await;
    insta::assert_snapshot!(text(&product.refused("get_customer", nobody()).await), @r#"
    {
      "error": "repeated_call",
      "message": "This very call of get_customer has failed 5 times within 5 minutes, the last time with `customer_not_found`, and was not made again. Nothing was changed.",
      "next_step": "Tell the user what fails and with which error. Call again only with what the error asked for, or later.",
      "retry_after_seconds": 200,
      "details": {
        "last_error": "customer_not_found"
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(requests(&product).await, before);
    // In any order, and by its name, it is the same call; with another argument it is not.
    let by_name = json!({ "operation": "get_customer", "arguments": nobody() });
    fails(&product, "run_read_operation", &by_name, 1, "repeated_call").await;
    product.refused("get_customer", json!({ "customer": "cust_9008" })).await;
    product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
    let audit = product.ok("list_audit", json!({ "tool": "get_customer" })).await;
    assert_eq!(audit["records"].as_array().unwrap().iter().filter(|one| one["decision"] == "repeated_call").count(), 2);
}

#[tokio::test]
async fn it_is_let_through_once_the_time_has_passed_and_a_success_closes_it() {
    let product = started(Setup::shop()).await;
    fails(&product, "get_customer", &nobody(), 5, "customer_not_found").await;
    let seconds = product.refused("get_customer", nobody()).await["retry_after_seconds"].as_u64().unwrap();
    product.clock.advance(Duration::from_secs(seconds - 1));
    fails(&product, "get_customer", &nobody(), 1, "repeated_call").await;
    product.clock.advance(Duration::from_secs(1));
    fails(&product, "get_customer", &nobody(), 4, "customer_not_found").await;
    product.ok("identify_customer", json!({ "id": "cust_9009" })).await;
    product.ok("get_customer", nobody()).await;
    // Nothing is left of the four.
    product.control("POST", "reset", None).await;
    fails(&product, "get_customer", &nobody(), 5, "customer_not_found").await;
    fails(&product, "get_customer", &nobody(), 1, "repeated_call").await;
}

#[tokio::test]
async fn refused_changes_and_arguments_that_cannot_be_read_are_counted_too() {
    let denied = Setup::shop().with(|config| {
        config.policy.tools.insert("create_segment".to_owned(), Decision::Deny);
    });
    let product = started(denied).await;
    fails(&product, "create_segment", &json!({ "name": "One" }), 5, "denied").await;
    insta::assert_snapshot!(refused(&product, "create_segment", json!({ "name": "One" })).await, @r#"
    {
      "error": "repeated_call",
      "message": "This very call of create_segment has failed 5 times within 5 minutes, the last time with `denied`, and was not made again. Nothing was changed.",
      "next_step": "Tell the user what fails and with which error. Call again only with what the error asked for, or later.",
      "retry_after_seconds": 300,
      "details": {
        "last_error": "denied"
      },
      "safe_to_retry": false
    }
    "#);
    fails(&product, "create_segment", &json!({ "name": "Two" }), 1, "denied").await;
    let unreadable = json!({ "customer": "cust_0001", "nam": "seen" });
    fails(&product, "track_event", &unreadable, 5, "invalid_argument").await;
    fails(&product, "track_event", &unreadable, 1, "repeated_call").await;
    // A key or a token makes no other call of it.
    fails(&product, "create_segment", &json!({ "name": "One", "idempotency_key": "new" }), 1, "repeated_call").await;
}

#[tokio::test]
async fn what_is_to_be_repeated_is_not_counted() {
    let product = started(Setup::shop()).await;
    let delete = json!({ "segment_id": 2 });
    fails(&product, "delete_segment", &delete, 8, "preview_required").await;
    product.planned("delete_segment", delete).await;
}

#[tokio::test]
async fn one_caller_is_not_kept_from_what_another_fails_at() {
    let product = started(Setup::shop()).await;
    let other = product.caller("other").await;
    fails(&product, "get_customer", &nobody(), 5, "customer_not_found").await;
    fails(&product, "get_customer", &nobody(), 1, "repeated_call").await;
    assert_eq!(product.call_as(&other, "get_customer", nobody()).await["error"], "customer_not_found");
}

#[tokio::test]
async fn of_sixty_four_at_once_none_is_forgotten() {
    let product = started(Setup::shop()).await;
    let before = count(&product, "events").await;
    let event = json!({ "customer": "cust_9009", "name": "seen" });
    let answers = join_all((0..64).map(|_| product.call("track_event", event.clone()))).await;
    for answer in &answers {
        assert!(matches!(answer["error"].as_str(), Some("customer_not_found" | "repeated_call")), "{answer}");
    }
    let ran = answers.iter().filter(|answer| answer["error"] == "customer_not_found").count();
    assert!(ran >= 5, "{ran}");
    fails(&product, "track_event", &event, 1, "repeated_call").await;
    assert_eq!(count(&product, "events").await, before);
    // Many that succeed are no loop, however often the same is asked.
    for _ in 0..8 {
        product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
    }
}
