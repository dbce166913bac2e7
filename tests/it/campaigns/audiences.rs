//! Whom a call would reach: resolved, told, held to, and charged.

use serde_json::{Value, json};

use super::{audience, deliveries, gold, live_and_allowed, refused, shop, told, with_token};
use crate::driver::{Product, Setup};

fn to_gold() -> Value {
    json!({ "broadcast_id": 3, "data": { "headline": "x" }, "filter": gold() })
}

async fn with_a_day_of(sends: u64) -> Product {
    let product = Setup::shop().with(move |config| config.budgets.sends_per_day = sends).start().await;
    product.declare_ids().await;
    product
}

#[tokio::test]
async fn a_plan_says_how_many_and_how_far_that_is_known() {
    let product = shop().await;
    let free = json!({ "attribute": { "field": "plan", "operator": "eq", "value": "free" } });
    let mut told = Vec::new();
    for whom in [
        json!({ "customers": ["cust_0001", "cust_0002"] }),
        json!({ "segment_id": 3 }),
        json!({ "filter": free }),
        json!({ "filter": { "not": free } }),
        json!({ "own_audience": true }),
        json!({ "data_file_url": "https://files.shop.example/people" }),
    ] {
        let mut arguments = whom;
        arguments["broadcast_id"] = json!(3);
        told.push(audience(&product, "trigger_broadcast", arguments).await.to_string());
    }
    told.push(audience(&product, "send_newsletter", json!({ "newsletter_id": 2 })).await.to_string());
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"people":2,"count":"exact"}
    {"people":4,"count":"exact","unsubscribed":0}
    {"people":8,"count":"exact","unsubscribed":1}
    {"people":4,"count":"exact","unsubscribed":0}
    {"people":12,"count":"unknown","note":"It is the broadcast \"Price change\", whose recipients Customer.io does not tell. Nobody can say whom it reaches: everybody in the workspace is counted."}
    {"people":12,"count":"unknown","note":"Nobody can say whom it reaches: everybody in the workspace is counted."}
    {"people":12,"count":"unknown","note":"It is the newsletter \"Winter news\", whose recipients Customer.io does not tell. Its filter names, for or against, segment 4 (10 people). Nobody can say whom it reaches: everybody in the workspace is counted."}
    "#);
    assert_eq!(deliveries(&product).await, 0);
}

#[tokio::test]
async fn an_audience_that_grew_or_changed_is_refused() {
    let product = shop().await;
    let grown = with_token(&product, "trigger_broadcast", to_gold()).await;
    product.track("PUT", "customers/cust_0002", json!({ "plan": "gold" })).await;
    let answer = told(&refused(&product, "trigger_broadcast", grown).await);
    assert!(answer.starts_with("plan_invalid at plan_token") && answer.contains("another audience"), "{answer}");
    // As many as before, and others.
    let exchanged = with_token(&product, "trigger_broadcast", to_gold()).await;
    product.track("PUT", "customers/cust_0002", json!({ "plan": "free" })).await;
    product.track("PUT", "customers/cust_0008", json!({ "plan": "gold" })).await;
    let answer = told(&refused(&product, "trigger_broadcast", exchanged).await);
    assert!(answer.contains("another audience"), "{answer}");
    product.planned("trigger_broadcast", to_gold()).await;
}

#[tokio::test]
async fn an_unread_audience_that_grew_is_refused() {
    let product = shop().await;
    let token = with_token(&product, "send_newsletter", json!({ "newsletter_id": 2 })).await;
    product.track("PUT", "customers/cust_9001", json!({ "plan": "free" })).await;
    let answer = told(&refused(&product, "send_newsletter", token).await);
    assert!(answer.contains("another audience"), "{answer}");
    product.planned("send_newsletter", json!({ "newsletter_id": 2 })).await;
}

#[tokio::test]
async fn a_large_audience_is_held_to_its_number() {
    let people: String = (0..1_100)
        .map(|n| ["[[people]]\nid = 'cust_", &n.to_string(), "'\nattributes = { plan = 'gold' }\n"].concat())
        .collect();
    let broadcast = "[[broadcasts]]\nid = 3\nname = 'News'\nactions = []\n";
    let fixture = customerio_mcp::sandbox::Fixture::from_toml(&format!("{people}{broadcast}")).unwrap();
    let product = Setup::shop()
        .with_fixture(fixture)
        .with(|config| (config.budgets.sends_per_day, config.budgets.sends_per_hour) = (2_000, 2_000))
        .start()
        .await;
    product.declare_ids().await;
    let counted = audience(&product, "trigger_broadcast", to_gold()).await;
    assert_eq!(counted, json!({ "people": 1_100, "count": "exact", "unsubscribed": 0 }));
    let token = with_token(&product, "trigger_broadcast", to_gold()).await;
    product.track("PUT", "customers/cust_9001", json!({ "plan": "gold" })).await;
    let answer = told(&refused(&product, "trigger_broadcast", token.clone()).await);
    assert!(answer.contains("another audience"), "{answer}");
    // Fewer, and others among them.
    product.track("PUT", "customers/cust_1", json!({ "plan": "free" })).await;
    product.ok("trigger_broadcast", token).await;
    let usage = product.ok("get_guardrails", json!({})).await;
    let sends = usage["budgets"].as_array().unwrap().iter().find(|budget| budget["budget"] == "sends").unwrap();
    assert!(sends.to_string().contains("1100"), "{sends}");
}

#[tokio::test]
async fn a_budget_holds_everyone_that_a_call_may_reach() {
    let product = with_a_day_of(3).await;
    let segment = json!({ "broadcast_id": 3, "segment_id": 3, "data": { "headline": "x" } });
    let token = with_token(&product, "trigger_broadcast", segment).await;
    let answer = told(&refused(&product, "trigger_broadcast", token).await);
    assert!(
        answer.starts_with("budget_exhausted at -: The budget `sends` holds 3 per day, and 0 are used."),
        "{answer}"
    );
    // Counted no further than the budget would go.
    for (tool, arguments, known) in [
        ("trigger_broadcast", to_gold(), "exact"),
        ("trigger_broadcast", json!({ "broadcast_id": 3, "own_audience": true }), "unknown"),
        ("send_newsletter", json!({ "newsletter_id": 2 }), "unknown"),
    ] {
        let counted = audience(&product, tool, arguments.clone()).await;
        assert_eq!((&counted["people"], &counted["count"]), (&json!(4), &json!(known)), "{counted}");
        let token = with_token(&product, tool, arguments).await;
        assert!(told(&refused(&product, tool, token).await).starts_with("budget_exhausted"));
    }
    let product = with_a_day_of(12).await;
    product.planned("send_newsletter", json!({ "newsletter_id": 2 })).await;
    let again = json!({ "broadcast_id": 3, "customers": ["cust_0001"], "data": { "headline": "x" } });
    let answer = told(&refused(&product, "trigger_broadcast", again).await);
    assert!(answer.contains("holds 12 per day, and 12 are used"), "{answer}");
}

#[tokio::test]
async fn whom_nobody_can_know_asks_a_human_though_sends_are_allowed() {
    let product = live_and_allowed().await;
    let own = json!({ "broadcast_id": 3, "data": { "headline": "x" }, "own_audience": true });
    for (tool, arguments) in [("trigger_broadcast", own), ("send_newsletter", json!({ "newsletter_id": 2 }))] {
        let plan = refused(&product, tool, arguments).await;
        assert_eq!(plan["error"], "approval_required", "{plan}");
        assert_eq!(plan["details"]["audience"]["count"], "unknown", "{plan}");
    }
    // Whom it reaches is known, and the operator allowed it.
    product.ok("trigger_broadcast", to_gold()).await;
    assert_eq!(deliveries(&product).await, 4);
}

#[tokio::test]
async fn a_live_send_to_many_asks_a_human_by_default() {
    let product = Setup::live().with_ids().start().await;
    for whom in [json!({ "filter": gold() }), json!({ "segment_id": 3 }), json!({ "own_audience": true })] {
        let mut arguments = whom;
        arguments["broadcast_id"] = json!(3);
        let plan = refused(&product, "trigger_broadcast", arguments).await;
        assert_eq!(plan["error"], "approval_required", "{plan}");
    }
}
