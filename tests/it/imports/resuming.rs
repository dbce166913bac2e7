//! Imports that stop and go on: by time, by cancellation, by errors, by two callers at once.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::{Desk, batches};
use crate::driver::Setup;

#[tokio::test]
async fn a_long_import_goes_on_call_by_call_and_is_written_once() {
    let desk = Desk::in_small_steps().await;
    desk.events("events.jsonl", 12_000);
    let answers = desk.to_the_end("track_events", json!({ "file": "events.jsonl" })).await;
    assert!(answers.len() > 10, "{}", answers.len());
    let first = &answers[0];
    assert_eq!(
        (&first["rows_checked"], &first["rows_done"], &first["rows_total"]),
        (&json!(500), &json!(0), &Value::Null)
    );
    let done: Vec<_> = answers.iter().map(|answer| answer["rows_done"].as_u64().unwrap()).collect();
    assert!(done.is_sorted() && done.iter().any(|rows| (1..12_000).contains(rows)), "{done:?}");
    assert_eq!(answers.last().unwrap()["result"], "accepted");
    assert_eq!(desk.seen("imported").await, (12_000, 12_000));
}

#[tokio::test]
async fn rows_of_the_call_are_given_again_to_go_on() {
    let desk = Desk::in_small_steps().await;
    let rows: Value = (0..900).map(|at| json!({ "customer": "cust_0001", "name": "imported", "at": at })).collect();
    let first = desk.product.ok("track_events", json!({ "rows": rows })).await;
    assert_eq!(first["result"], "in_progress");
    let handle = first["handle"].clone();
    let without = desk.product.refused("track_events", json!({ "handle": handle })).await;
    assert_eq!(without["next_step"], "Give the same `rows` again beside `handle`.");
    let other = desk
        .product
        .refused("track_events", json!({ "handle": handle, "rows": [{ "customer": "cust_0001", "name": "x" }] }))
        .await;
    assert_eq!((&other["error"], &other["field"]), (&json!("conflict"), &json!("rows")));
    let mut answer = first;
    while answer["result"] == "in_progress" {
        answer = desk.product.ok("track_events", json!({ "handle": handle, "rows": rows })).await;
    }
    assert_eq!(desk.seen("imported").await, (900, 900));
}

#[tokio::test]
async fn the_same_call_finds_its_import_and_a_repeat_writes_nothing() {
    let desk = Desk::in_small_steps().await;
    desk.events("events.jsonl", 3_000);
    let arguments = json!({ "file": "events.jsonl" });
    let first = desk.product.ok("track_events", arguments.clone()).await;
    let mut answer = first.clone();
    while answer["result"] == "in_progress" {
        answer = desk.product.ok("track_events", arguments.clone()).await;
        assert_eq!(answer["handle"], first["handle"]);
    }
    let sent = batches(&desk.product).await;
    let again = desk.product.ok("track_events", arguments.clone()).await;
    assert_eq!((&again["handle"], &again["rows_accepted"]), (&first["handle"], &json!(3_000)));
    assert!(again["next_step"].as_str().unwrap().contains("nothing was written twice"), "{again}");
    assert_eq!(batches(&desk.product).await, sent);
    // Ten minutes later it is another call, as anywhere else.
    desk.product.clock.advance(Duration::from_mins(11));
    let later = desk.product.ok("track_events", arguments).await;
    assert_ne!(later["handle"], first["handle"]);
}

#[tokio::test]
async fn of_two_calls_at_once_one_works_and_the_other_is_told() {
    let desk = Desk::new().await;
    desk.events("events.jsonl", 20_000);
    let arguments = json!({ "file": "events.jsonl" });
    let (one, other) =
        join(desk.product.call("track_events", arguments.clone()), desk.product.call("track_events", arguments)).await;
    let (worked, told) = if one.get("error").is_none() { (one, other) } else { (other, one) };
    assert_eq!((&worked["result"], &worked["rows_accepted"]), (&json!("accepted"), &json!(20_000)));
    if told.get("error").is_some() {
        assert_eq!((&told["error"], &told["safe_to_retry"]), (&json!("call_in_progress"), &json!(true)), "{told}");
        assert_eq!(told["details"]["handle"], worked["handle"]);
    }
    assert_eq!(desk.seen("imported").await, (20_000, 20_000));
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_sent_again_and_recorded_once() {
    let desk = Desk::new().await;
    desk.events("events.jsonl", 15_000);
    for kind in ["500_after", "drop_after", "drop_before", "500_before", "429"] {
        desk.product.fault(json!({ "kind": kind, "operation": "batch", "times": 1 })).await;
    }
    let answers = desk.to_the_end("track_events", json!({ "file": "events.jsonl" })).await;
    assert_eq!(answers.last().unwrap()["rows_accepted"], 15_000, "{answers:?}");
    assert_eq!(desk.seen("imported").await, (15_000, 15_000));
}

#[tokio::test]
async fn what_was_turned_away_at_first_costs_nothing_and_can_be_gone_on_with() {
    let desk = Desk::new().await;
    desk.people("people.csv", 30);
    desk.product.fault(json!({ "kind": "wrong_region", "operation": "batch", "times": 1 })).await;
    let refused = desk.product.refused("import_customers", json!({ "file": "people.csv" })).await;
    assert_eq!(refused["error"], "unauthorized", "{refused}");
    let used = |guardrails: &Value| {
        let budgets = guardrails["budgets"].as_array().unwrap();
        budgets.iter().find(|one| one["budget"] == "new_profiles").unwrap()["used"].as_u64()
    };
    assert_eq!(used(&desk.product.ok("get_guardrails", json!({})).await), Some(0));
    let answer = desk.product.ok("import_customers", json!({ "file": "people.csv" })).await;
    assert_eq!(answer["rows_accepted"], 30);
    assert_eq!(used(&desk.product.ok("get_guardrails", json!({})).await), Some(30));
}

#[tokio::test]
async fn an_import_left_too_long_is_not_gone_on_with() {
    let desk = Desk::in_small_steps().await;
    desk.events("events.jsonl", 12_000);
    let mut answer = desk.product.ok("track_events", json!({ "file": "events.jsonl" })).await;
    while answer["rows_done"] == 0 {
        answer = desk.product.ok("track_events", json!({ "handle": answer["handle"] })).await;
    }
    desk.product.clock.advance(Duration::from_hours(25));
    let refused = desk.product.refused("track_events", json!({ "handle": answer["handle"] })).await;
    assert_eq!((&refused["error"], &refused["field"]), (&json!("conflict"), &json!("handle")));
    assert!(refused["message"].as_str().unwrap().contains(&format!("Rows up to {}", answer["rows_done"])), "{refused}");
}

#[tokio::test]
async fn rows_checked_long_ago_are_checked_again_before_any_is_written() {
    let desk = Desk::with(Setup::shop()).await;
    desk.write("people.csv", "id\ncust_5001\nnobody\n");
    let refused = desk.product.refused("import_customers", json!({ "file": "people.csv" })).await;
    let handle = refused["details"]["handle"].clone();
    desk.product.clock.advance(Duration::from_mins(11));
    let looked = |requests: &Value| requests["counts"]["POST /v1/customers/attributes"].as_u64().unwrap();
    let before = looked(&desk.product.requests().await);
    desk.product.ok("import_customers", json!({ "handle": handle, "skip_refused": true })).await;
    assert!(looked(&desk.product.requests().await) > before);
}

#[tokio::test]
async fn a_call_that_has_lost_its_import_does_not_say_that_nothing_happened() {
    let desk = Desk::new().await;
    desk.events("events.jsonl", 2_000);
    // The batch is recorded at once, and its answer held back; meanwhile the call seems dead.
    desk.product.fault(json!({ "kind": "slow", "operation": "batch", "delay_ms": 2_500 })).await;
    let arguments = json!({ "file": "events.jsonl" });
    let other = async {
        while batches(&desk.product).await == 0 {}
        desk.product.clock.advance(Duration::from_secs(6));
        desk.product.ok("track_events", arguments.clone()).await
    };
    let (lost, went_on) = join(desk.product.refused("track_events", arguments.clone()), other).await;
    assert_eq!((&lost["error"], &lost["safe_to_retry"]), (&json!("call_in_progress"), &json!(true)), "{lost}");
    assert!(!lost["message"].as_str().unwrap().contains("othing was"), "{lost}");
    assert_eq!(went_on["rows_accepted"], 2_000);
    assert_eq!(desk.seen("imported").await, (2_000, 2_000));
    let guardrails = desk.product.ok("get_guardrails", json!({})).await;
    let budgets = guardrails["budgets"].as_array().unwrap();
    assert_eq!(budgets.iter().find(|one| one["budget"] == "triggers").unwrap()["used"], 2_000);
}
