//! At most once: a send is never made twice, whatever becomes of the connection.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{confirmation, count, shop, without};
use crate::{driver::Product, witness::text};

fn with_key(key: &str) -> Value {
    let mut send = confirmation("cust_0001");
    send["idempotency_key"] = json!(key);
    send
}

async fn send_fault(product: &Product, kind: &str) {
    product.fault(json!({ "kind": kind, "operation": "sendEmail" })).await;
}

#[tokio::test]
async fn the_same_call_again_answers_with_the_first() {
    let product = shop().await;
    let first = product.ok("send_transactional", confirmation("cust_0001")).await;
    let again = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(again["delivery_id"], first["delivery_id"]);
    insta::assert_snapshot!(without(&again, &["/delivery_id", "/duplicate_of"]), @r#"
    {
      "state": "queued",
      "delivery_id": "…",
      "queued_at": 1772442300,
      "duplicate_of": "…"
    }
    "#);
    assert_eq!(count(&product, "deliveries").await, 1);
    product.ok("send_transactional", confirmation("cust_0002")).await;
    product.clock.advance(Duration::from_secs(601));
    product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(count(&product, "deliveries").await, 3);
}

#[tokio::test]
async fn a_key_stands_for_one_set_of_arguments() {
    let product = shop().await;
    let first = product.ok("send_transactional", with_key("order A-1")).await;
    product.clock.advance(Duration::from_hours(1));
    let again = product.ok("send_transactional", with_key("order A-1")).await;
    assert_eq!(again["delivery_id"], first["delivery_id"]);
    let mut other = with_key("order A-1");
    other["customer"] = json!("cust_0002");
    let other = product.refused("send_transactional", other).await;
    insta::assert_snapshot!(text(&other), @r#"
    {
      "error": "idempotency_key_reused",
      "message": "This `idempotency_key` was used with other arguments. Nothing was done.",
      "field": "idempotency_key",
      "next_step": "Use a new key for a new call, or repeat the first call's arguments to get its answer.",
      "safe_to_retry": false
    }
    "#);
    product.ok("send_transactional", with_key("order A-2")).await;
    assert_eq!(count(&product, "deliveries").await, 2);
}

#[tokio::test]
async fn sixteen_of_the_same_at_once_send_one() {
    let product = shop().await;
    let answers = join_all((0..16).map(|_| product.call("send_transactional", confirmation("cust_0001")))).await;
    assert_eq!(count(&product, "deliveries").await, 1);
    for answer in &answers {
        let told = answer["delivery_id"].is_string() || answer["error"] == "call_in_progress";
        assert!(told, "{}", text(&json!(answers)));
    }
    let first =
        answers.iter().filter(|answer| answer["delivery_id"].is_string() && answer.get("duplicate_of").is_none());
    assert_eq!(first.count(), 1, "{}", text(&json!(answers)));
}

#[tokio::test]
async fn a_send_whose_answer_was_lost_is_found() {
    let product = shop().await;
    send_fault(&product, "drop_after").await;
    let answer = product.ok("send_transactional", confirmation("cust_0001")).await;
    insta::assert_snapshot!(without(&answer, &["/delivery_id"]), @r#"
    {
      "state": "queued",
      "delivery_id": "…",
      "queued_at": 1772442300,
      "found": true
    }
    "#);
    assert_eq!(count(&product, "deliveries").await, 1);
    let again = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(again["delivery_id"], answer["delivery_id"]);
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_send_that_answered_500_though_it_happened_is_found() {
    let product = shop().await;
    send_fault(&product, "500_after").await;
    let answer = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(answer["found"], true, "{answer}");
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_send_that_may_have_been_lost_is_never_repeated() {
    let product = shop().await;
    send_fault(&product, "drop_before").await;
    let answer = product.refused("send_transactional", confirmation("cust_0001")).await;
    insta::assert_snapshot!(without(&answer, &["/details/call_id"]), @r#"
    {
      "error": "outcome_unknown",
      "message": "The request left, no clear answer came back, and its effect is not to be seen yet: it may have happened.",
      "next_step": "Repeat the very same call in a minute: it looks again and never does it twice.",
      "details": {
        "call_id": "…"
      },
      "safe_to_retry": false
    }
    "#);
    for _ in 0..2 {
        let again = product.refused("send_transactional", confirmation("cust_0001")).await;
        assert_eq!(again["error"], "outcome_unknown", "{again}");
    }
    assert_eq!(count(&product, "deliveries").await, 0);
}

#[tokio::test]
async fn a_send_that_shows_later_is_found_by_the_repeat() {
    let product = shop().await;
    // The look for it is blind while the first call looks.
    product.fault(json!({ "kind": "stale_read", "operation": "transactionalMessages", "times": 2 })).await;
    send_fault(&product, "drop_after").await;
    let first = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(first["error"], "outcome_unknown", "{first}");
    product.control("DELETE", "faults", None).await;
    let repeat = product.ok("send_transactional", confirmation("cust_0001")).await;
    insta::assert_snapshot!(without(&repeat, &["/delivery_id", "/duplicate_of"]), @r#"
    {
      "state": "queued",
      "delivery_id": "…",
      "queued_at": 1772442300,
      "found": true,
      "duplicate_of": "…"
    }
    "#);
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn the_delivery_of_another_call_is_not_taken_for_a_lost_one() {
    let product = shop().await;
    product.ok("send_transactional", with_key("first")).await;
    send_fault(&product, "drop_before").await;
    let lost = product.refused("send_transactional", with_key("second")).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_refused_send_may_be_made_again() {
    let product = shop().await;
    send_fault(&product, "wrong_region").await;
    let refused = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_ne!(refused["error"], "outcome_unknown", "{refused}");
    product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_segment_is_made_once() {
    let product = shop().await;
    let before = count(&product, "segments").await;
    product.fault(json!({ "kind": "drop_after", "operation": "createManSegment" })).await;
    let found = product.ok("create_segment", json!({ "name": "Spring buyers" })).await;
    let again = product.ok("create_segment", json!({ "name": "Spring buyers" })).await;
    assert_eq!(found["segment_id"], again["segment_id"]);
    assert_eq!(count(&product, "segments").await, before + 1);
}

#[tokio::test]
async fn an_event_is_counted_once_though_its_answer_was_lost() {
    let product = shop().await;
    let before = count(&product, "events").await;
    product.fault(json!({ "kind": "500_after", "operation": "track" })).await;
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    assert_eq!(count(&product, "events").await, before + 1);
}

#[tokio::test]
async fn an_event_of_unknown_fate_is_not_called_safe_to_repeat() {
    let product = shop().await;
    let before = count(&product, "events").await;
    product.fault(json!({ "kind": "500_after", "operation": "track", "times": 99 })).await;
    let event = json!({ "customer": "cust_0001", "name": "seen" });
    let answer = product.refused("track_event", event.clone()).await;
    assert_eq!(
        (answer["safe_to_retry"].as_bool(), answer["error"].as_str()),
        (Some(false), Some("upstream_unavailable"))
    );
    let next_step = answer["next_step"].as_str().unwrap();
    assert!(next_step.contains("get_customer") && next_step.contains("again"), "{answer}");
    product.control("DELETE", "faults", None).await;
    product.ok("track_event", event).await;
    assert_eq!(count(&product, "events").await, before + 2, "another call is another event");
}

#[tokio::test]
async fn a_send_that_never_left_is_not_of_unknown_fate() {
    let product = shop().await;
    for operation in ["getPersonAttributes", "getPeopleById"] {
        product.fault(json!({ "kind": "500_before", "operation": operation, "times": 99 })).await;
        let answer = product.refused("send_transactional", confirmation("cust_0001")).await;
        assert_eq!(answer["error"], "upstream_unavailable", "{operation}: {answer}");
        assert_eq!(answer["safe_to_retry"], true, "{operation}: {answer}");
        assert!(answer["message"].as_str().unwrap().ends_with("Nothing was changed."), "{operation}: {answer}");
        product.control("DELETE", "faults", None).await;
    }
    let usage = product.ok("get_guardrails", json!({})).await;
    let sends = usage["budgets"].as_array().unwrap().iter().filter(|budget| budget["budget"] == "sends");
    assert!(sends.clone().count() > 0 && sends.clone().all(|budget| budget["used"] == 0), "{usage}");
    product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_send_of_unknown_fate_is_not_made_anew_when_its_key_would_have_expired() {
    let product = shop().await;
    send_fault(&product, "drop_before").await;
    product.refused("send_transactional", confirmation("cust_0001")).await;
    product.clock.advance(Duration::from_mins(11));
    let later = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(later["error"], "probably_not_sent", "{later}");
    assert_eq!(count(&product, "deliveries").await, 0);
    product.clock.advance(Duration::from_hours(24));
    product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(count(&product, "deliveries").await, 1);
}
