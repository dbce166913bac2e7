//! The audit trail: everything is on it, nobody is.

use customerio_mcp::{guard::policy::Decision, state::AuditQuery};
use serde_json::json;

use super::{confirmation, shop};

#[tokio::test]
async fn everything_done_and_refused_is_on_the_chain_and_nobody_is() {
    let product = shop().await;
    product
        .ok("identify_customer", json!({ "id": "cust_9001", "email": "zoe@shop.io", "attributes": { "city": "Bonn" } }))
        .await;
    product.refused("identify_customer", json!({ "id": "cust_9002", "email": "zoe@shop.io" })).await;
    product.refused("identify_customer", json!({ "id": "zoe@shop.io" })).await;
    product.refused("track_event", json!({ "customer": "cust_9001" })).await;
    product
        .ok("track_event", json!({ "customer": "cust_9001", "name": "order placed", "data": { "note": "for Zoe" } }))
        .await;
    product.ok("get_customer", json!({ "customer": "cust_9001" })).await;
    product.ok("send_transactional", confirmation("cust_9001")).await;
    product.ok("send_transactional", confirmation("cust_9001")).await;
    product.fault(json!({ "kind": "drop_before", "operation": "sendEmail" })).await;
    product.refused("send_transactional", confirmation("cust_0001")).await;
    product.planned("erase_customer", json!({ "customer": "cust_9001" })).await;
    product.refused("track_event", json!({ "customer": "cust_9001", "name": "seen" })).await;

    let listed = product.ok("list_audit", json!({ "limit": 100 })).await;
    let mut lines: Vec<String> = listed["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("tool"), text("phase"), text("decision"), text("approved_by"))
        })
        .collect();
    lines.reverse();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    declare_identity_strategy decision admitted -
    declare_identity_strategy outcome committed -
    identify_customer decision admitted -
    identify_customer outcome committed -
    identify_customer refusal identity_conflict -
    identify_customer refusal invalid_identifier -
    track_event refusal invalid_argument -
    track_event decision admitted -
    track_event outcome committed -
    get_customer read read -
    send_transactional decision admitted -
    send_transactional outcome committed -
    send_transactional answer duplicate -
    send_transactional decision admitted -
    send_transactional outcome unknown -
    erase_customer answer preview_required -
    erase_customer decision admitted plan token
    erase_customer outcome committed plan token
    track_event refusal customer_erased -
    "#);

    let report = product.state.store.verify_audit("sandbox".to_owned()).await.unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
    assert_eq!(report.records, lines.len() as u64 + 1, "the listing itself is on the chain too");
    let query = AuditQuery { workspace: "sandbox".to_owned(), limit: 1_000, ..AuditQuery::default() };
    let rows = format!("{:?}", product.state.store.list_audit(query).await.unwrap()).to_lowercase();
    for trace in ["zoe", "shop.io", "cust_9", "cust_0", "bonn", "order placed", "moss"] {
        assert!(!rows.contains(trace), "{trace} is on the audit trail");
    }
}

#[tokio::test]
async fn the_same_person_has_the_same_digest_whatever_they_are_called() {
    let product = shop().await;
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    product.ok("track_event", json!({ "customer": "Ada.Moss@example.com", "id_type": "email", "name": "seen" })).await;
    product.ok("track_event", json!({ "customer": "cust_0002", "name": "seen" })).await;
    let listed = product.ok("list_audit", json!({ "tool": "track_event", "phase": "outcome" })).await;
    let subjects: Vec<_> =
        listed["records"].as_array().unwrap().iter().map(|record| record["subject"].clone()).collect();
    assert_eq!(subjects[1], subjects[2]);
    assert_ne!(subjects[0], subjects[1]);
    assert!(subjects.iter().all(serde_json::Value::is_string), "{subjects:?}");
}

#[tokio::test]
async fn a_plan_that_nobody_asked_for_approves_nothing() {
    let allowed = |config: &mut customerio_mcp::config::WorkspaceConfig| {
        config.policy.tools.insert("delete_test_customers".to_owned(), Decision::Allow);
    };
    let product = super::started(crate::driver::Setup::shop().with(allowed)).await;
    product.ok("delete_test_customers", json!({ "plan_token": "made up" })).await;
    let listed = product.ok("list_audit", json!({ "tool": "delete_test_customers" })).await;
    let records = listed["records"].as_array().unwrap();
    assert_eq!(records.len(), 2, "{listed}");
    assert!(records.iter().all(|record| record.get("approved_by").is_none_or(serde_json::Value::is_null)), "{listed}");
}
