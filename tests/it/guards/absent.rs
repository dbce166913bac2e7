//! A send that got no clear answer and is not to be seen: probably not sent, and another attempt is a decision.

use std::time::Duration;

use customerio_mcp::config::WorkspaceConfig;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{confirmation, count, shop, without};
use crate::driver::{Product, Setup};

/// Later than any request of the first call can be under way.
const LATER: Duration = Duration::from_secs(61);

/// How often a call of the driver's looks for its own effect before it gives up.
const LOOKS_OF_A_CALL: u64 = 2;

/// Sends a message whose answer is lost. It is not to be seen while the call looks for it, nor in a number of looks after.
async fn lose(product: &Product, kind: &str, blind_looks: u64) -> Value {
    product.fault(json!({ "kind": kind, "operation": "sendEmail" })).await;
    let times = LOOKS_OF_A_CALL + blind_looks;
    product.fault(json!({ "kind": "stale_read", "operation": "transactionalMessages", "times": times })).await;
    let lost = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    lost
}

async fn sends_used(product: &Product) -> u64 {
    let guardrails = product.ok("get_guardrails", json!({})).await;
    let budgets = guardrails["budgets"].as_array().unwrap();
    budgets.iter().find(|budget| budget["budget"] == "sends").unwrap()["used"].as_u64().unwrap()
}

fn planned(plan: &Value) -> Value {
    let mut arguments = confirmation("cust_0001");
    arguments["plan_token"] = plan["details"]["plan_token"].clone();
    arguments
}

#[tokio::test]
async fn a_send_never_seen_is_probably_not_sent_and_another_attempt_takes_a_plan() {
    let product = shop().await;
    lose(&product, "drop_before", 0).await;
    product.clock.advance(LATER);
    let told = product.refused("send_transactional", confirmation("cust_0001")).await;
    let secrets = ["/details/plan_token", "/details/first_call_id", "/details/cio_ids/0"];
    insta::assert_snapshot!(without(&told, &secrets), @r#"
    {
      "error": "probably_not_sent",
      "message": "The same call was made before, got no clear answer, and its effect is not to be seen: it was probably never carried out, but that is no proof. Nothing was sent now.",
      "next_step": "If another attempt is wanted all the same, call send_transactional again with the same arguments and this `plan_token`.",
      "details": {
        "workspace": "sandbox",
        "kind": "sandbox",
        "region": "sandbox",
        "tool": "send_transactional",
        "effect": "send",
        "audience": {
          "people": 1,
          "count": "exact"
        },
        "target": "template order_confirmation",
        "cio_ids": [
          "…"
        ],
        "plan_token": "…",
        "expires_at": "2026-03-02T09:16:01Z",
        "first_call_id": "…"
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(count(&product, "deliveries").await, 0);
    let sent = product.ok("send_transactional", planned(&told)).await;
    assert!(sent.get("duplicate_of").is_none(), "{sent}");
    let again = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!((&again["delivery_id"], again["duplicate_of"].is_string()), (&sent["delivery_id"], true));
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_live_workspace_wants_a_human_before_another_attempt() {
    let allowed = |config: &mut WorkspaceConfig| config.recipients.live = vec!["@example.com".into()];
    let product = Setup::live().with_ids().with(allowed).start().await;
    let lost = lose(&product, "drop_before", 0).await;
    product.clock.advance(LATER);
    let told = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(told["error"], "probably_not_sent", "{told}");
    assert!(told["details"].get("plan_token").is_none(), "{told}");
    let first = lost["details"]["call_id"].as_str().unwrap();
    let next_step = told["next_step"].as_str().unwrap();
    assert!(next_step.contains(&format!("sends settle {first} --as not-sent")), "{next_step}");
    assert_eq!(count(&product, "deliveries").await, 0);
    product.decide(told["details"]["approval_id"].as_str().unwrap(), true).await;
    product.ok("send_transactional", confirmation("cust_0001")).await;
    let again = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert!(again["duplicate_of"].is_string(), "{again}");
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_send_that_shows_late_is_found_and_never_sent_again() {
    for blind_sweeps in 0..3 {
        let product = shop().await;
        lose(&product, "drop_after", blind_sweeps).await;
        product.clock.advance(LATER);
        for _ in 0..blind_sweeps {
            product.sweep().await;
            product.clock.advance(LATER);
        }
        let used = u64::from(blind_sweeps < 2);
        assert_eq!(sends_used(&product).await, used, "{blind_sweeps} sweeps");
        let repeat = product.ok("send_transactional", confirmation("cust_0001")).await;
        assert!(repeat["found"] == true && repeat["duplicate_of"].is_string(), "{repeat}");
        assert_eq!((count(&product, "deliveries").await, sends_used(&product).await), (1, 1), "{blind_sweeps} sweeps");
    }
}

#[tokio::test]
async fn a_send_that_shows_after_the_plan_was_made_is_not_sent_again() {
    let product = shop().await;
    lose(&product, "drop_after", 1).await;
    product.clock.advance(LATER);
    let told = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(told["error"], "probably_not_sent", "the look was blind: {told}");
    let found = product.ok("send_transactional", planned(&told)).await;
    assert_eq!(found["found"], true, "{found}");
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn two_looks_in_vain_give_the_budget_back_and_another_attempt_charges_it_once() {
    let product = shop().await;
    lose(&product, "drop_before", 0).await;
    assert_eq!(sends_used(&product).await, 1, "what may have happened counts");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.unknown, 1);
    assert_eq!(sends_used(&product).await, 1, "one look is no proof");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.released, 1);
    assert_eq!(sends_used(&product).await, 0);
    let told = product.refused("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(told["error"], "probably_not_sent", "the key is held all the same: {told}");
    product.ok("send_transactional", planned(&told)).await;
    assert_eq!((count(&product, "deliveries").await, sends_used(&product).await), (1, 1));
}

#[tokio::test]
async fn of_many_other_attempts_at_once_one_is_made() {
    let product = shop().await;
    lose(&product, "drop_before", 0).await;
    product.clock.advance(LATER);
    let mut plans = Vec::new();
    for _ in 0..8 {
        plans.push(product.refused("send_transactional", confirmation("cust_0001")).await);
    }
    let answers = join_all(plans.iter().map(|plan| product.call("send_transactional", planned(plan)))).await;
    let first =
        answers.iter().filter(|answer| answer["delivery_id"].is_string() && answer.get("duplicate_of").is_none());
    assert_eq!((first.count(), count(&product, "deliveries").await), (1, 1), "{answers:?}");
}

#[tokio::test]
async fn what_is_not_sent_is_free_again_after_two_looks() {
    let product = shop().await;
    product.fault(json!({ "kind": "drop_before", "operation": "createManSegment" })).await;
    let segment = json!({ "name": "Spring buyers" });
    let lost = product.refused("create_segment", segment.clone()).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    product.clock.advance(LATER);
    assert_eq!(product.refused("create_segment", segment.clone()).await["error"], "outcome_unknown");
    product.clock.advance(LATER);
    product.ok("create_segment", segment).await;
}

#[tokio::test]
async fn a_send_found_out_by_a_sweep_is_not_sent_again_when_its_key_would_have_expired() {
    let product = shop().await;
    lose(&product, "drop_after", 0).await;
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.committed, 1);
    product.clock.advance(Duration::from_mins(11));
    let repeat = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert!(repeat["duplicate_of"].is_string(), "{repeat}");
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_send_is_found_among_many_others() {
    let product = shop().await;
    lose(&product, "drop_after", 0).await;
    for number in 0..120 {
        let order = json!({ "order_id": format!("B-{number}") });
        let body = json!({
            "transactional_message_id": "order_confirmation", "identifiers": { "id": "cust_0002" },
            "to": "ben.reed@example.com", "message_data": order,
        });
        assert_eq!(product.app_post("send/email", body).await.0, 200);
    }
    product.clock.advance(LATER);
    let repeat = product.ok("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(repeat["found"], true, "{repeat}");
}

#[tokio::test]
async fn of_two_calls_that_could_have_made_a_delivery_neither_takes_it() {
    let product = shop().await;
    lose(&product, "drop_after", 0).await;
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail" })).await;
    let mut other = confirmation("cust_0001");
    other["message_data"] = json!({ "order_id": "A-2" });
    let never_left = product.refused("send_transactional", other.clone()).await;
    assert_eq!(never_left["error"], "outcome_unknown", "{never_left}");
    for _ in 0..3 {
        product.clock.advance(LATER);
        assert_eq!(product.sweep().await.unknown, 2);
        for call in [confirmation("cust_0001"), other.clone()] {
            assert_eq!(product.refused("send_transactional", call).await["error"], "outcome_unknown");
        }
    }
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn as_many_deliveries_as_calls_settle_them_all() {
    let product = shop().await;
    lose(&product, "drop_after", 2).await;
    product.fault(json!({ "kind": "drop_after", "operation": "sendEmail" })).await;
    let mut other = confirmation("cust_0001");
    other["message_data"] = json!({ "order_id": "A-2" });
    assert_eq!(product.refused("send_transactional", other.clone()).await["error"], "outcome_unknown");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.committed, 2);
    let one = product.ok("send_transactional", confirmation("cust_0001")).await;
    let two = product.ok("send_transactional", other).await;
    assert_ne!(one["delivery_id"], two["delivery_id"]);
    assert_eq!(count(&product, "deliveries").await, 2);
}

#[tokio::test]
async fn a_delivery_of_a_call_that_still_runs_is_not_taken_for_a_lost_one() {
    let product = shop().await;
    lose(&product, "drop_after", 0).await;
    product.control("DELETE", "faults", None).await;
    product.fault(json!({ "kind": "slow", "operation": "sendEmail", "delay_ms": 300 })).await;
    let mut other = confirmation("cust_0001");
    other["message_data"] = json!({ "order_id": "A-2" });
    let running = product.call("send_transactional", other);
    let repeat = async {
        while count(&product, "deliveries").await < 2 {}
        product.call("send_transactional", confirmation("cust_0001")).await
    };
    let (running, repeat) = tokio::join!(running, repeat);
    assert_eq!((&running["state"], &repeat["found"]), (&json!("queued"), &json!(true)), "{running} {repeat}");
    assert_ne!(running["delivery_id"], repeat["delivery_id"]);
}

#[tokio::test]
async fn a_plan_of_one_attempt_is_not_for_the_next() {
    let product = shop().await;
    lose(&product, "drop_before", 0).await;
    product.clock.advance(LATER);
    let one = product.refused("send_transactional", confirmation("cust_0001")).await;
    let spare = product.refused("send_transactional", confirmation("cust_0001")).await;
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail" })).await;
    let lost = product.refused("send_transactional", planned(&one)).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    product.clock.advance(LATER);
    let third = product.refused("send_transactional", planned(&spare)).await;
    assert_eq!(third["error"], "plan_invalid", "{third}");
    assert_eq!(count(&product, "deliveries").await, 0);
}

#[tokio::test]
async fn a_send_that_cannot_be_looked_for_keeps_nobody_waiting() {
    let sender = |config: &mut WorkspaceConfig| config.recipients.from = vec!["orders@fernandfable.example".into()];
    let product = Setup::shop().with_ids().with(sender).start().await;
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail", "times": 99 })).await;
    let inline = json!({ "customer": "cust_0001", "subject": "s", "body": "b", "from": "orders@fernandfable.example" });
    let lost = product.call("send_transactional", inline).await;
    assert_eq!(lost["error"], "outcome_unknown", "{lost}");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.unknown, 0, "it is not looked for");
}
