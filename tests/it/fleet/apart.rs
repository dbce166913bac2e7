//! What keeps the workspaces apart: policies, budgets, tokens, keys, strategies.

use customerio_mcp::guard::policy::{Decision, Pii};
use serde_json::{Value, json};

use super::{STAGING, there, two};
use crate::driver::{Product, Setup};

fn send(customer: &str) -> Value {
    json!({ "template": "order_confirmation", "customer": customer, "message_data": { "order_id": "A-1" } })
}

/// How many messages left each of the two.
async fn deliveries(product: &Product) -> (u64, u64) {
    let (here, there) = (product.counts().await, product.counts_beside(STAGING).await);
    (here["deliveries"].as_u64().unwrap(), there["deliveries"].as_u64().unwrap())
}

async fn segments(product: &Product) -> (u64, u64) {
    let (here, there) = (product.counts().await, product.counts_beside(STAGING).await);
    (here["segments"].as_u64().unwrap(), there["segments"].as_u64().unwrap())
}

#[tokio::test]
async fn what_one_denies_another_allows() {
    let forbids = |config: &mut customerio_mcp::config::WorkspaceConfig| {
        config.policy.tools.insert("send_transactional".to_owned(), Decision::Deny);
    };
    let product = two(Setup::shop().with(forbids), Setup::shop()).start().await;
    let (here, beside) = deliveries(&product).await;
    let denied = product.refused("send_transactional", send("cust_0001")).await;
    assert_eq!((&denied["error"], &denied["details"]["workspace"]), (&json!("denied"), &json!("sandbox")), "{denied}");
    let sent = product.ok("send_transactional", there(send("cust_0001"))).await;
    assert_eq!(sent["workspace"], STAGING, "{sent}");
    assert_eq!(deliveries(&product).await, (here, beside + 1));
    // By its name it is no other call.
    let by_name = json!({ "operation": "send_transactional", "arguments": send("cust_0002") });
    assert_eq!(product.refused("run_send_operation", by_name.clone()).await["error"], "denied");
    product.ok("run_send_operation", there(by_name)).await;
    assert_eq!(deliveries(&product).await, (here, beside + 2));
}

#[tokio::test]
async fn a_budget_that_is_used_up_in_one_is_whole_in_the_other() {
    let tight = || Setup::shop().with(|config| config.budgets.writes_per_hour = 2);
    let product = two(tight(), tight()).start().await;
    let before = segments(&product).await;
    product.ok("create_segment", json!({ "name": "One" })).await;
    product.ok("create_segment", json!({ "name": "Two" })).await;
    let full = product.refused("create_segment", json!({ "name": "Three" })).await;
    assert_eq!(full["error"], "budget_exhausted", "{full}");
    product.ok("create_segment", there(json!({ "name": "One" }))).await;
    product.ok("create_segment", there(json!({ "name": "Two" }))).await;
    assert_eq!(product.refused("create_segment", there(json!({ "name": "Three" }))).await["error"], "budget_exhausted");
    assert_eq!(segments(&product).await, (before.0 + 2, before.1 + 2));
}

#[tokio::test]
async fn a_plan_of_one_is_none_of_the_others() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let delete = json!({ "segment_id": 2 });
    let plan = product.refused("delete_segment", delete.clone()).await;
    assert_eq!((&plan["error"], &plan["details"]["workspace"]), (&json!("preview_required"), &json!("sandbox")));
    let before = segments(&product).await;
    let mut spent = delete.clone();
    spent["plan_token"] = plan["details"]["plan_token"].clone();
    let foreign = product.refused("delete_segment", there(spent.clone())).await;
    assert_eq!(foreign["error"], "plan_invalid", "{foreign}");
    assert_eq!(segments(&product).await, before);
    // The default written out is the default left out.
    spent["workspace"] = json!("sandbox");
    product.ok("delete_segment", spent).await;
    assert_eq!(segments(&product).await, (before.0 - 1, before.1));
}

#[tokio::test]
async fn a_key_of_one_is_none_of_the_others() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let (here, beside) = deliveries(&product).await;
    let mut keyed = send("cust_0001");
    keyed["idempotency_key"] = json!("order A-1");
    let first = product.ok("send_transactional", keyed.clone()).await;
    let other = product.ok("send_transactional", there(keyed.clone())).await;
    assert!(other.get("duplicate_of").is_none(), "{other}");
    assert_eq!(deliveries(&product).await, (here + 1, beside + 1));
    // With the default written out it is the same call, and so it is without a key.
    let written_out = |mut arguments: Value| {
        arguments["workspace"] = json!("sandbox");
        arguments
    };
    let repeated = product.ok("send_transactional", written_out(keyed)).await;
    assert_eq!(repeated["delivery_id"], first["delivery_id"], "{repeated}");
    assert_eq!((repeated["duplicate_of"].is_string(), &repeated["workspace"]), (true, &json!("sandbox")));
    let unkeyed = product.ok("send_transactional", send("cust_0002")).await;
    let repeated = product.ok("send_transactional", written_out(send("cust_0002"))).await;
    assert_eq!(repeated["delivery_id"], unkeyed["delivery_id"], "{repeated}");
    assert_eq!(deliveries(&product).await, (here + 2, beside + 1));
    // Another workspace with the same key is not "other arguments".
    product.ok("send_transactional", there(send("cust_0002"))).await;
    assert_eq!(deliveries(&product).await, (here + 2, beside + 2));
}

#[tokio::test]
async fn people_are_identified_in_each_by_its_own_strategy() {
    let by_email = json!({ "primary": "email", "source": "the newsletter form" });
    let staging = Setup::shop().with(|config| config.identity = Some(serde_json::from_value(by_email).unwrap()));
    let product = Setup::shop().with_ids().beside(STAGING, staging).start().await;
    let strategy = |shown: &Value| shown["identity_strategy"]["primary"].clone();
    assert_eq!(strategy(&product.ok("get_guardrails", json!({})).await), "id");
    assert_eq!(strategy(&product.ok("get_guardrails", there(json!({}))).await), "email");
    let (here, beside) =
        (product.counts().await["people"].clone(), product.counts_beside(STAGING).await["people"].clone());
    // Each takes what the other refuses: the primary is what a bare `customer` means.
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    product.refused("track_event", there(json!({ "customer": "cust_0001", "name": "seen" }))).await;
    let new = json!({ "email": "zoe@shop.io", "attributes": { "plan": "gold" } });
    let made = product.ok("identify_customer", there(new.clone())).await;
    assert_eq!(made["workspace"], STAGING, "{made}");
    assert_eq!(product.counts().await["people"], here);
    assert_eq!(product.counts_beside(STAGING).await["people"], beside.as_u64().unwrap() + 1);
}

#[tokio::test]
async fn each_masks_as_its_operator_says() {
    let full = Setup::shop().with(|config| config.pii = Pii::Full);
    let product = two(Setup::shop(), full).start().await;
    let who = json!({ "customer": "cust_0001" });
    let masked = product.ok("get_customer", who.clone()).await.to_string();
    let clear = product.ok("get_customer", there(who)).await.to_string();
    assert!(masked.contains('•') && !clear.contains('•') && clear.contains("ada.moss@"), "{masked}\n{clear}");
}

#[tokio::test]
async fn what_one_lacks_the_credential_for_the_other_runs() {
    let product = two(Setup::live(), Setup::shop()).start().await;
    let before = product.requests().await.as_array().map(Vec::len);
    let refused = product.refused("reset_sandbox", json!({})).await;
    assert_eq!(
        (&refused["error"], &refused["details"]["workspace"]),
        (&json!("denied"), &json!("sandbox")),
        "{refused}"
    );
    let no_key = two(Setup::shop().with(|config| config.app_api_key = None), Setup::shop()).start().await;
    let refused = no_key.refused("get_customer", json!({ "customer": "cust_0001" })).await;
    assert_eq!(refused["error"], "app_key_required", "{refused}");
    no_key.ok("get_customer", there(json!({ "customer": "cust_0001" }))).await;
    assert_eq!(product.requests().await.as_array().map(Vec::len), before);
    // What is found is what can be run there.
    let query = json!({ "query": "reset the sandbox", "limit": 20 });
    let found = |answer: &Value| answer["operations"].to_string().contains("\"reset_sandbox\"");
    assert!(!found(&product.ok("find_operations", query.clone()).await));
    assert!(found(&product.ok("find_operations", there(query)).await));
}

#[tokio::test]
async fn the_record_of_each_is_its_own() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    product.ok("create_segment", there(json!({ "name": "One" }))).await;
    let of_segments = json!({ "tool": "create_segment" });
    let here = product.ok("list_audit", of_segments.clone()).await;
    let beside = product.ok("list_audit", there(of_segments)).await;
    let count = |answer: &Value| answer["records"].as_array().unwrap().len();
    assert_eq!((count(&here), count(&beside)), (0, 2), "{here}\n{beside}");
}

#[tokio::test]
async fn sixty_four_calls_at_once_stay_where_they_belong() {
    let tight = || Setup::shop().with(|config| config.budgets.triggers_per_hour = 10);
    let product = two(tight(), tight()).start().await;
    let events = |counts: Value| counts["events"].as_u64().unwrap();
    let before = (events(product.counts().await), events(product.counts_beside(STAGING).await));
    let calls = (0..64).map(|n| {
        let event = json!({ "customer": "cust_0001", "name": format!("event {n}") });
        let arguments = if n % 2 == 0 { event } else { there(event) };
        product.call("track_event", arguments)
    });
    let answers = futures_util::future::join_all(calls).await;
    let accepted = |name: &str| {
        answers.iter().filter(|answer| answer["result"] == "accepted" && answer["workspace"] == name).count()
    };
    assert_eq!((accepted("sandbox"), accepted(STAGING)), (10, 10));
    let after = (events(product.counts().await), events(product.counts_beside(STAGING).await));
    assert_eq!(after, (before.0 + 10, before.1 + 10));
}

#[tokio::test]
async fn a_key_of_one_caller_is_none_of_anothers() {
    let product = two(Setup::shop(), Setup::shop()).start().await;
    let other = product.caller("other").await;
    let before = deliveries(&product).await;
    let mut keyed = there(send("cust_0001"));
    keyed["idempotency_key"] = json!("order A-1");
    let first = product.ok("send_transactional", keyed.clone()).await;
    let again = product.call_as(&other, "send_transactional", keyed).await;
    assert!(again["delivery_id"] != first["delivery_id"] && again.get("duplicate_of").is_none(), "{again}");
    assert_eq!(deliveries(&product).await, (before.0, before.1 + 2));
}
