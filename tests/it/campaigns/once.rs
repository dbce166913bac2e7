//! At most once, whatever becomes of the connection.

use std::time::Duration;

use serde_json::{Value, json};

use super::{deliveries, shop, with_token};
use crate::driver::Product;

fn to_gold() -> Value {
    json!({ "broadcast_id": 3, "segment_id": 3, "data": { "headline": "x" } })
}

fn newsletter() -> Value {
    json!({ "newsletter_id": 2 })
}

async fn fault(product: &Product, kind: &str, operation: &str) {
    product.fault(json!({ "kind": kind, "operation": operation, "times": 1 })).await;
}

async fn triggers(product: &Product) -> usize {
    product.app("broadcasts/3/triggers").await.1["triggers"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_call_again_answers_with_the_first() {
    let product = shop().await;
    for (tool, arguments, people) in [("trigger_broadcast", to_gold(), 4), ("send_newsletter", newsletter(), 14)] {
        let token = with_token(&product, tool, arguments.clone()).await;
        let first = product.ok(tool, token).await;
        let again = product.ok(tool, arguments).await;
        assert!(again["duplicate_of"].is_string(), "{again}");
        assert_eq!(again.get("trigger_id"), first.get("trigger_id"));
        product.clock.advance(Duration::from_mins(2));
        assert_eq!(deliveries(&product).await, people, "{tool}");
    }
}

#[tokio::test]
async fn what_went_out_without_an_answer_is_found() {
    for kind in ["drop_after", "500_after"] {
        let product = shop().await;
        for (tool, operation, arguments) in
            [("trigger_broadcast", "triggerBroadcast", to_gold()), ("send_newsletter", "sendNewsletter", newsletter())]
        {
            let token = with_token(&product, tool, arguments).await;
            fault(&product, kind, operation).await;
            let answer = product.ok(tool, token).await;
            assert_eq!(answer["found"], true, "{tool} {kind}: {answer}");
        }
        assert_eq!(triggers(&product).await, 2);
        product.clock.advance(Duration::from_mins(2));
        assert_eq!(deliveries(&product).await, 14);
    }
}

#[tokio::test]
async fn a_schedule_without_an_answer_is_found() {
    let product = shop().await;
    let later = json!({ "newsletter_id": 2, "scheduled_at": 1_772_500_000 });
    let token = with_token(&product, "send_newsletter", later).await;
    fault(&product, "drop_after", "scheduleNewsletter").await;
    let answer = product.ok("send_newsletter", token).await;
    assert_eq!((&answer["found"], &answer["state"]), (&json!(true), &json!("scheduled")), "{answer}");
    fault(&product, "drop_after", "scheduleNewsletter").await;
    let off = product.ok("send_newsletter", json!({ "newsletter_id": 2, "unschedule": true })).await;
    assert_eq!((&off["found"], &off["state"]), (&json!(true), &json!("draft")), "{off}");
}

#[tokio::test]
async fn what_may_have_been_lost_is_looked_for_and_never_repeated() {
    let product = shop().await;
    for (tool, operation, arguments) in
        [("trigger_broadcast", "triggerBroadcast", to_gold()), ("send_newsletter", "sendNewsletter", newsletter())]
    {
        let token = with_token(&product, tool, arguments.clone()).await;
        fault(&product, "drop_before", operation).await;
        let lost = product.refused(tool, token).await;
        assert_eq!(lost["error"], "outcome_unknown", "{tool}: {lost}");
        let again = product.refused(tool, arguments.clone()).await;
        assert_eq!(again["error"], "outcome_unknown", "{tool}: {again}");
        product.clock.advance(Duration::from_mins(2));
        let probably = product.refused(tool, arguments).await;
        assert_eq!(probably["error"], "probably_not_sent", "{tool}: {probably}");
    }
    assert_eq!((triggers(&product).await, deliveries(&product).await), (1, 0));
}

#[tokio::test]
async fn a_trigger_that_may_be_another_calls_is_nobodys() {
    let product = shop().await;
    let one = json!({ "broadcast_id": 3, "customers": ["cust_0001"], "data": { "headline": "x" } });
    fault(&product, "drop_before", "triggerBroadcast").await;
    assert_eq!(product.refused("trigger_broadcast", one.clone()).await["error"], "outcome_unknown");
    // Somebody else's, in the same moment.
    let (status, _) = product.app_post("campaigns/3/triggers", json!({ "ids": ["cust_0002"] })).await;
    assert_eq!(status, 200);
    let other = json!({ "broadcast_id": 3, "customers": ["cust_0006"], "data": { "headline": "x" } });
    product.clock.advance(Duration::from_secs(11));
    fault(&product, "drop_after", "triggerBroadcast").await;
    let two = product.call("trigger_broadcast", other).await;
    assert_eq!(two["error"], "outcome_unknown", "{two}");
    product.clock.advance(Duration::from_mins(2));
    let again = product.refused("trigger_broadcast", one).await;
    assert_eq!(again["error"], "outcome_unknown", "{again}");
    assert_eq!(triggers(&product).await, 3);
}

#[tokio::test]
async fn a_refused_trigger_is_not_taken_for_one_that_went_out() {
    let product = shop().await;
    let (status, _) = product.app_post("campaigns/3/triggers", json!({ "ids": ["nobody"] })).await;
    assert_eq!(status, 422);
    product.clock.advance(Duration::from_secs(1));
    let one = json!({ "broadcast_id": 3, "customers": ["cust_0001"], "data": { "headline": "x" } });
    fault(&product, "drop_before", "triggerBroadcast").await;
    assert_eq!(product.refused("trigger_broadcast", one).await["error"], "outcome_unknown");
    assert_eq!(deliveries(&product).await, 0);
}
