//! The operator's policy: allow, preview, approve, deny, and nothing but reads.

use customerio_mcp::{guard::policy::Decision, tools::offer::Choice};
use rmcp::model::CallToolRequestParams;
use serde_json::json;

use super::{confirmation, count, started, without};
use crate::{
    driver::{Product, Setup},
    witness::{refused, world},
};

async fn deciding(tool: &'static str, decision: Decision) -> Product {
    started(Setup::shop().with(move |config| {
        config.policy.tools.insert(tool.to_owned(), decision);
    }))
    .await
}

#[tokio::test]
async fn a_denied_tool_never_runs() {
    let product = deciding("track_event", Decision::Deny).await;
    let event = json!({ "customer": "cust_0001", "name": "seen" });
    insta::assert_snapshot!(refused(&product, "track_event", event).await, @r#"
    {
      "error": "denied",
      "message": "The operator's policy denies track_event here. Nothing ran.",
      "next_step": "get_guardrails shows what is allowed. Tell the user; do not try another way to the same effect.",
      "safe_to_retry": false
    }
    "#);
    product.ok("identify_customer", json!({ "id": "cust_0001", "attributes": { "plan": "gold" } })).await;
}

#[tokio::test]
async fn a_denied_read_is_denied_too() {
    let product = deciding("get_customer", Decision::Deny).await;
    let answer = refused(&product, "get_customer", json!({ "customer": "cust_0001" })).await;
    assert!(answer.contains("\"denied\""), "{answer}");
}

#[tokio::test]
async fn an_approved_tool_waits_for_a_human() {
    let product = deciding("identify_customer", Decision::Approve).await;
    insta::assert_snapshot!(refused(&product, "identify_customer", json!({ "id": "cust_9001" })).await, @r#"
    {
      "error": "approval_required",
      "message": "The operator's policy asks for a human's approval of this call. Nothing ran.",
      "next_step": "Tell the user what you wanted to do and why; do not try another way to the same effect. An operator decides with `customerio-mcp approvals approve apr_…`; then make the same call again.",
      "details": {
        "workspace": "sandbox",
        "kind": "sandbox",
        "region": "sandbox",
        "tool": "identify_customer",
        "effect": "trigger",
        "audience": {
          "people": 1,
          "count": "exact"
        },
        "creates_people": 1,
        "approval_id": "apr_…",
        "expires_at": "2026-03-03T09:05:00Z"
      },
      "safe_to_retry": false
    }
    "#);
}

#[tokio::test]
async fn a_previewed_tool_shows_its_plan_first() {
    let product = deciding("send_transactional", Decision::Preview).await;
    let before = world(&product).await;
    let plan = product.refused("send_transactional", confirmation("cust_0001")).await;
    insta::assert_snapshot!(without(&plan, &["/details/plan_token"]), @r#"
    {
      "error": "preview_required",
      "message": "Nothing was changed yet: this is what the call would do.",
      "next_step": "If that is what is wanted, call send_transactional again with the same arguments and this `plan_token`.",
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
          "811d00000001"
        ],
        "plan_token": "…",
        "expires_at": "2026-03-02T09:15:00Z"
      },
      "safe_to_retry": false
    }
    "#);
    assert_eq!(world(&product).await, before);
    product.planned("send_transactional", confirmation("cust_0001")).await;
    assert_eq!(count(&product, "deliveries").await, 1);
}

#[tokio::test]
async fn a_live_deletion_waits_for_a_human() {
    let strategy = json!({ "primary": "id", "id_form": "prefix:cust_", "source": "the customers table" });
    let product = Setup::live()
        .with(move |config| config.identity = Some(serde_json::from_value(strategy).unwrap()))
        .start()
        .await;
    for (tool, arguments) in [
        ("delete_customer", json!({ "customer": "cust_0001" })),
        ("erase_customer", json!({ "customer": "cust_0001" })),
        ("delete_segment", json!({ "segment_id": 2 })),
        ("delete_test_customers", json!({ "only_expired": false })),
        ("declare_identity_strategy", json!({ "primary": "email", "source": "the sign-up form" })),
    ] {
        let answer = refused(&product, tool, arguments).await;
        assert!(answer.contains("\"approval_required\"") && answer.contains("Nothing ran"), "{tool}: {answer}");
    }
}

#[tokio::test]
async fn read_only_offers_reads_and_nothing_else() {
    let choice = Choice { toolsets: vec!["all".to_owned()], read_only: true, ..Choice::default() };
    let product = Setup::shop().choosing(choice).start().await;
    for tool in product.client.list_all_tools().await.unwrap() {
        assert_eq!(tool.annotations.unwrap().read_only_hint, Some(true), "{}", tool.name);
    }
    let before = world(&product).await;
    let mut request = CallToolRequestParams::new("track_event");
    request.arguments = json!({ "customer": "cust_0001", "name": "seen" }).as_object().cloned();
    let error = product.client.call_tool(request).await.unwrap_err().to_string();
    assert!(error.contains("Nothing was changed"), "{error}");
    assert_eq!(world(&product).await, before);
    product.ok("get_customer", json!({ "customer": "cust_0001" })).await;
}
