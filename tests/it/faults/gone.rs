//! The database gone at each step of a call: what is told, what has happened, and what the same call comes to later.

use std::{fmt::Write as _, sync::Arc};

use customerio_mcp::catalog::Retry;
use serde_json::{Value, json};

use super::{
    database::{Fragile, Goes},
    operation::{Operation, Witness},
};
use crate::driver::{Product, Setup};

/// A call that met the loss of the database.
struct Row {
    goes: Goes,
    step: &'static str,
    first: String,
    effects: u64,
    again: String,
    effects_in_all: u64,
}

/// What an answer says, in a word.
fn said(answer: &Value) -> String {
    let text = |field: &str| answer[field].as_str();
    let said = text("error").or_else(|| text("result")).or_else(|| text("state"));
    let duplicate = answer["duplicate_of"].is_string().then_some("duplicate");
    said.into_iter().chain(duplicate).collect::<Vec<_>>().join(", ")
}

async fn measure(operation: &Operation, product: &Product) -> u64 {
    operation.witness.measure(product).await
}

/// A call during which the database goes at step `step`; `None` if the call has fewer.
async fn row(operation: &Operation, goes: Goes, step: usize) -> Option<Row> {
    let kept: Arc<std::sync::OnceLock<Arc<Fragile>>> = Arc::default();
    let keeps = Arc::clone(&kept);
    let product = Setup::shop()
        .over(move |store| {
            let fragile = Arc::new(Fragile::new(store, goes));
            keeps.set(Arc::clone(&fragile)).unwrap();
            fragile
        })
        .start()
        .await;
    let fragile = kept.get().unwrap();
    product.declare_ids().await;
    // The plan, where there is one, is seen while all is well.
    let mut arguments = operation.arguments.clone();
    if operation.tool == "delete_segment" {
        let plan = product.refused(operation.tool, arguments.clone()).await;
        arguments["plan_token"] = plan["details"]["plan_token"].clone();
    }
    let before = measure(operation, &product).await;
    fragile.arm(step);
    let first = product.call(operation.tool, arguments.clone()).await;
    let step = fragile.went_at()?;
    fragile.comes_back();
    let effects = measure(operation, &product).await.abs_diff(before);
    let again = product.call(operation.tool, arguments).await;
    let effects_in_all = measure(operation, &product).await.abs_diff(before);
    must_hold(operation, &first, effects, effects_in_all);
    Some(Row { goes, step, first: said(&first), effects, again: said(&again), effects_in_all })
}

fn must_hold(operation: &Operation, first: &Value, effects: u64, effects_in_all: u64) {
    let told = format!("{}: {first}", operation.tool);
    assert!(effects <= 1, "one call, two effects: {told}");
    match first["message"].as_str() {
        None => assert_eq!(effects, 1, "told that it happened: {told}"),
        Some(message) if message.contains("may have happened") => {}
        Some(_) => assert_eq!(effects, 0, "told that nothing happened: {told}"),
    }
    if operation.retry != Retry::Ulid {
        assert!(effects_in_all <= 1, "once, however often it is made: {told}");
    }
}

async fn table(operation: &Operation) -> String {
    let mut rows = Vec::new();
    for goes in [Goes::Before, Goes::After] {
        for step in 0.. {
            match row(operation, goes, step).await {
                Some(row) => rows.push(row),
                None => break,
            }
        }
    }
    assert!(rows.len() >= 4, "it met too few steps");
    let mut text = format!("{:<8}{:<18}{:<20}{:<9}{:<24}effects\n", "gone", "step", "answer", "effects", "| again");
    for Row { goes, step, first, effects, again, effects_in_all } in rows {
        let goes = if goes == Goes::Before { "before" } else { "after" };
        let again = format!("| {again}");
        let _ = writeln!(text, "{goes:<8}{step:<18}{first:<20}{effects:<9}{again:<24}{effects_in_all}");
    }
    println!("{}\n{text}", operation.tool);
    text
}

fn operation(tool: &'static str, arguments: Value, retry: Retry, witness: Witness) -> Operation {
    Operation { tool, arguments, retry, request: "", path: "", read: "", witness }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_while_the_database_goes() {
    let event = json!({ "customer": "cust_0001", "name": "order placed" });
    let operation = operation("track_event", event, Retry::Ulid, Witness::Count("events"));
    insta::assert_snapshot!(table(&operation).await, @"
    gone    step              answer              effects  | again                 effects
    before  identity_strategy state_unavailable   0        | accepted              1
    before  cached_people     state_unavailable   0        | accepted              1
    before  tombstones        state_unavailable   0        | accepted              1
    before  remember_people   state_unavailable   0        | accepted              1
    before  begin             state_unavailable   0        | accepted              1
    before  settle            accepted            1        | accepted              2
    after   identity_strategy state_unavailable   0        | accepted              1
    after   cached_people     state_unavailable   0        | accepted              1
    after   tombstones        state_unavailable   0        | accepted              1
    after   remember_people   state_unavailable   0        | accepted              1
    after   begin             state_unavailable   0        | accepted              1
    after   settle            accepted            1        | accepted              2
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_while_the_database_goes() {
    let send =
        json!({ "template": "order_confirmation", "customer": "cust_0001", "message_data": { "order_id": "A-1" } });
    let operation = operation("send_transactional", send, Retry::Ledger, Witness::Count("deliveries"));
    insta::assert_snapshot!(table(&operation).await, @"
    gone    step              answer              effects  | again                 effects
    before  identity_strategy state_unavailable   0        | queued                1
    before  tombstones        state_unavailable   0        | queued                1
    before  remember_people   state_unavailable   0        | queued                1
    before  test_profiles     state_unavailable   0        | queued                1
    before  find_call         state_unavailable   0        | queued                1
    before  begin             state_unavailable   0        | queued                1
    before  acquire_lease     queued              1        | call_in_progress      1
    before  settle            queued              1        | call_in_progress      1
    after   identity_strategy state_unavailable   0        | queued                1
    after   tombstones        state_unavailable   0        | queued                1
    after   remember_people   state_unavailable   0        | queued                1
    after   test_profiles     state_unavailable   0        | queued                1
    after   find_call         state_unavailable   0        | queued                1
    after   begin             state_unavailable   0        | call_in_progress      0
    after   acquire_lease     queued              1        | call_in_progress      1
    after   settle            queued              1        | queued, duplicate     1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_while_the_database_goes() {
    let segment = json!({ "name": "Spring buyers" });
    let operation = operation("create_segment", segment, Retry::Ledger, Witness::Count("segments"));
    insta::assert_snapshot!(table(&operation).await, @"
    gone    step              answer              effects  | again                 effects
    before  find_call         state_unavailable   0        | applied               1
    before  begin             state_unavailable   0        | applied               1
    before  settle            applied             1        | call_in_progress      1
    after   find_call         state_unavailable   0        | applied               1
    after   begin             state_unavailable   0        | call_in_progress      0
    after   settle            applied             1        | applied, duplicate    1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_while_the_database_goes() {
    let operation = operation("delete_segment", json!({ "segment_id": 2 }), Retry::Natural, Witness::Count("segments"));
    insta::assert_snapshot!(table(&operation).await, @"
    gone    step              answer              effects  | again                 effects
    before  begin             state_unavailable   0        | applied               1
    before  settle            applied             1        | not_found             1
    after   begin             state_unavailable   0        | plan_invalid          0
    after   settle            applied             1        | not_found             1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_made_while_the_database_goes() {
    let person = json!({ "id": "cust_9001", "email": "zoe@shop.io", "test": true });
    let operation = operation("identify_customer", person, Retry::Natural, Witness::Count("people"));
    insta::assert_snapshot!(table(&operation).await, @"
    gone    step              answer              effects  | again                 effects
    before  identity_strategy state_unavailable   0        | applied               1
    before  tombstones        state_unavailable   0        | applied               1
    before  acquire_lease     state_unavailable   0        | applied               1
    before  acquire_lease     state_unavailable   0        | call_in_progress      0
    before  test_profiles     state_unavailable   0        | call_in_progress      0
    before  begin             state_unavailable   0        | call_in_progress      0
    before  forget_people     applied             1        | call_in_progress      1
    before  settle            applied             1        | call_in_progress      1
    before  release_lease     applied             1        | call_in_progress      1
    before  release_lease     applied             1        | call_in_progress      1
    after   identity_strategy state_unavailable   0        | applied               1
    after   tombstones        state_unavailable   0        | applied               1
    after   acquire_lease     state_unavailable   0        | call_in_progress      0
    after   acquire_lease     state_unavailable   0        | call_in_progress      0
    after   test_profiles     state_unavailable   0        | call_in_progress      0
    after   begin             state_unavailable   0        | call_in_progress      0
    after   forget_people     applied             1        | call_in_progress      1
    after   settle            applied             1        | call_in_progress      1
    after   release_lease     applied             1        | call_in_progress      1
    after   release_lease     applied             1        | applied               1
    ");
}
