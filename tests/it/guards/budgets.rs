//! Budgets: how much may be done per hour and day.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{confirmation, count, started};
use crate::{
    driver::Setup,
    witness::{refused, text},
};

#[tokio::test]
async fn an_hour_holds_so_many_writes_and_says_when_the_next_fits() {
    let product = started(Setup::shop().with(|config| config.budgets.writes_per_hour = 2)).await;
    // The declaration of the strategy was a write too.
    product.ok("create_segment", json!({ "name": "One" })).await;
    product.clock.advance(Duration::from_mins(10));
    insta::assert_snapshot!(refused(&product, "create_segment", json!({ "name": "Two" })).await, @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `writes` holds 2 per hour, and 2 are used. Nothing was changed.",
      "next_step": "Enough is free again at 2026-03-02T10:06:00Z; get_guardrails shows every budget.",
      "retry_after_seconds": 3060,
      "safe_to_retry": false
    }
    "#);
    let seconds = product.refused("create_segment", json!({ "name": "Two" })).await["retry_after_seconds"].as_u64();
    product.clock.advance(Duration::from_secs(seconds.unwrap() - 1));
    product.refused("create_segment", json!({ "name": "Two" })).await;
    product.clock.advance(Duration::from_secs(1));
    product.ok("create_segment", json!({ "name": "Two" })).await;
}

#[tokio::test]
async fn a_call_larger_than_its_budget_is_told_so() {
    let product = started(Setup::shop().with(|config| config.budgets.triggers_per_hour = 2)).await;
    let three = json!({ "segment_id": 2, "customers": ["cust_0005", "cust_0006", "cust_0007"] });
    insta::assert_snapshot!(refused(&product, "add_to_segment", three).await, @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `triggers` holds 2 per hour, and 0 are used. Nothing was changed.",
      "next_step": "This call alone is larger than the budget: narrow it. get_guardrails shows every budget.",
      "safe_to_retry": false
    }
    "#);
    product.ok("add_to_segment", json!({ "segment_id": 2, "customers": ["cust_0005", "cust_0006"] })).await;
}

#[tokio::test]
async fn a_refused_call_costs_nothing() {
    let product = started(Setup::shop().with(|config| config.budgets.triggers_per_hour = 1)).await;
    for _ in 0..3 {
        product.refused("identify_customer", json!({ "id": "cust_0001", "email": "ben.reed@example.com" })).await;
        product.refused("track_event", json!({ "customer": "cust_9009", "name": "seen" })).await;
    }
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    let last = product.refused("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    assert_eq!(last["error"], "budget_exhausted", "{last}");
}

#[tokio::test]
async fn a_day_holds_so_many_new_people_and_any_number_of_updates() {
    let product = started(Setup::shop().with(|config| config.budgets.new_profiles_per_day = 2)).await;
    product.ok("identify_customer", json!({ "id": "cust_9001" })).await;
    product.ok("identify_customer", json!({ "id": "cust_9002" })).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "cust_9003" })).await, @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `new_profiles` holds 2 per day, and 2 are used. Nothing was changed.",
      "next_step": "Enough is free again at 2026-03-03T09:06:00Z; get_guardrails shows every budget.",
      "retry_after_seconds": 86460,
      "safe_to_retry": false
    }
    "#);
    let mut send = confirmation("cust_9003");
    send["to"] = json!("zoe@shop.io");
    let by_send = refused(&product, "send_transactional", send).await;
    assert!(by_send.contains("new_profiles"), "{by_send}");
    product.ok("identify_customer", json!({ "id": "cust_9002", "attributes": { "plan": "gold" } })).await;
    product.ok("identify_customer", json!({ "id": "cust_9003", "test": true })).await;
    product.clock.advance(Duration::from_hours(25));
    product.ok("identify_customer", json!({ "id": "cust_9004" })).await;
}

#[tokio::test]
async fn sixteen_at_once_spend_no_more_than_there_is() {
    let product = started(Setup::shop().with(|config| config.budgets.triggers_per_hour = 5)).await;
    let before = count(&product, "events").await;
    let calls =
        (0..16).map(|n| product.call("track_event", json!({ "customer": "cust_0001", "name": format!("event {n}") })));
    let answers = join_all(calls).await;
    let accepted = answers.iter().filter(|answer| answer["result"] == "accepted").count();
    assert_eq!(accepted, 5, "{}", text(&json!(answers)));
    assert_eq!(count(&product, "events").await, before + 5);
}

#[tokio::test]
async fn nobody_uses_up_anothers_own_budget_and_all_meet_the_workspaces() {
    let setup = Setup::shop().with(|config| {
        config.budgets.triggers_per_hour = 5;
        config.budgets.caller.triggers_per_hour = Some(3);
    });
    let product = started(setup).await;
    let other = product.caller("other").await;
    let before = count(&product, "events").await;
    let event = |n: u32| json!({ "customer": "cust_0001", "name": format!("event {n}") });
    for n in 0..3 {
        product.ok("track_event", event(n)).await;
    }
    insta::assert_snapshot!(refused(&product, "track_event", event(3)).await, @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `triggers` holds 3 per hour for each caller, and 3 are used by this one. Nothing was changed.",
      "next_step": "Enough is free again at 2026-03-02T10:06:00Z; get_guardrails shows every budget.",
      "retry_after_seconds": 3660,
      "safe_to_retry": false
    }
    "#);
    for n in 4..6 {
        assert_eq!(product.call_as(&other, "track_event", event(n)).await["result"], "accepted");
    }
    insta::assert_snapshot!(text(&product.call_as(&other, "track_event", event(6)).await), @r#"
    {
      "error": "budget_exhausted",
      "message": "The budget `triggers` holds 5 per hour, and 5 are used. Nothing was changed.",
      "next_step": "Enough is free again at 2026-03-02T10:06:00Z; get_guardrails shows every budget.",
      "retry_after_seconds": 3660,
      "safe_to_retry": false
    }
    "#);
    assert_eq!(count(&product, "events").await, before + 5);
    let shown = product.call_as(&other, "get_guardrails", json!({})).await;
    let line = shown["budgets"].as_array().unwrap().iter().find(|line| line["budget"] == "triggers").unwrap();
    insta::assert_snapshot!(line, @r#"{"budget":"triggers","per":"hour","limit":5,"used":5,"your_limit":3,"your_used":2}"#);
    product.clock.advance(Duration::from_mins(61));
    product.ok("track_event", event(7)).await;
}

#[tokio::test]
async fn two_callers_at_once_spend_no_more_than_both_may_and_each_may() {
    let setup = Setup::shop().with(|config| {
        config.budgets.triggers_per_hour = 8;
        config.budgets.caller.triggers_per_hour = Some(5);
    });
    let product = started(setup).await;
    let other = product.caller("other").await;
    let before = count(&product, "events").await;
    let event = |n: u32| json!({ "customer": "cust_0001", "name": format!("event {n}") });
    let by_one = join_all((0..16).map(|n| product.call("track_event", event(n))));
    let by_other = join_all((16..32).map(|n| product.call_as(&other, "track_event", event(n))));
    let (by_one, by_other) = tokio::join!(by_one, by_other);
    let accepted =
        |answers: &[serde_json::Value]| answers.iter().filter(|answer| answer["result"] == "accepted").count();
    let (one, other) = (accepted(&by_one), accepted(&by_other));
    assert!(one <= 5 && other <= 5 && one + other == 8, "{one} and {other}");
    assert_eq!(count(&product, "events").await, before + 8);
}

#[tokio::test]
async fn the_rest_of_each_budget_is_shown() {
    let product = started(Setup::shop().with(|config| config.budgets.sends_per_day = 3)).await;
    product.ok("send_transactional", confirmation("cust_0001")).await;
    let shown = product.ok("get_guardrails", json!({})).await;
    let sends =
        shown["budgets"].as_array().unwrap().iter().filter(|line| line["budget"] == "sends").collect::<Vec<_>>();
    insta::assert_snapshot!(text(&json!(sends)), @r#"
    [
      {
        "budget": "sends",
        "per": "hour",
        "limit": 100,
        "used": 1
      },
      {
        "budget": "sends",
        "per": "day",
        "limit": 3,
        "used": 1
      }
    ]
    "#);
}
