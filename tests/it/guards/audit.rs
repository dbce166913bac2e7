//! The audit trail: everything is on it, nobody is.

use customerio_mcp::{guard::policy::Decision, state::AuditQuery};
use serde_json::json;

use super::{confirmation, shop};
use crate::driver::Setup;

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
    let product = super::started(Setup::shop().with(allowed)).await;
    product.ok("delete_test_customers", json!({ "plan_token": "made up" })).await;
    let listed = product.ok("list_audit", json!({ "tool": "delete_test_customers" })).await;
    let records = listed["records"].as_array().unwrap();
    assert_eq!(records.len(), 2, "{listed}");
    assert!(records.iter().all(|record| record.get("approved_by").is_none_or(serde_json::Value::is_null)), "{listed}");
}

#[tokio::test]
async fn the_record_is_narrowed_by_whatever_it_holds() {
    let product = shop().await;
    product.ok("track_event", json!({ "customer": "cust_0001", "name": "seen" })).await;
    product.ok("track_event", json!({ "customer": "cust_0002", "name": "seen" })).await;
    product.refused("get_customer", json!({ "customer": "cust_9009" })).await;
    let other = product.caller("other").await;
    product.call_as(&other, "get_customer", json!({ "customer": "cust_0001" })).await;
    product.clock.advance(std::time::Duration::from_hours(1));
    let listed = async |asked: serde_json::Value| {
        let answer = product.ok("list_audit", asked).await;
        let line = |record: &serde_json::Value| {
            let part = |name: &str| record[name].as_str().unwrap().to_owned();
            format!("{} {} {}", part("tool"), part("decision"), part("principal"))
        };
        // That somebody looked is on the record too.
        let others = |record: &&serde_json::Value| record["tool"] != "list_audit";
        answer["records"].as_array().unwrap().iter().filter(others).map(line).collect::<Vec<_>>()
    };
    // By its own identifier or another of theirs, it is the same person; who is not there has a record all the same.
    let of_one = ["get_customer read other", "track_event committed local", "track_event admitted local"];
    assert_eq!(listed(json!({ "customer": "cust_0001" })).await, of_one);
    assert_eq!(listed(json!({ "customer": "ada.moss@example.com", "id_type": "email" })).await, of_one);
    assert_eq!(listed(json!({ "customer": "cust_0001", "effect": "trigger" })).await, of_one[1..]);
    assert_eq!(listed(json!({ "principal": "other" })).await, of_one[..1]);
    assert_eq!(listed(json!({ "decision": "customer_not_found" })).await.len(), 1);
    assert_eq!(listed(json!({ "tool": "track_event", "until": "2026-03-02T09:00:00Z" })).await.len(), 0);
    assert_eq!(listed(json!({ "tool": "track_event", "since": "2026-03-02T09:00:00Z" })).await.len(), 4);
    let first = product.ok("list_audit", json!({ "tool": "track_event", "limit": 1 })).await;
    let call = json!({ "call_id": first["records"][0]["call_id"] });
    assert_eq!(listed(call).await, ["track_event committed local", "track_event admitted local"]);
    for (wrong, field) in [
        (json!({ "effect": "sends" }), "effect"),
        (json!({ "until": "yesterday" }), "until"),
        (json!({ "customer": "a•••@example.com" }), "customer"),
        (json!({ "subject": "cust_0001" }), "subject"),
    ] {
        let refused = product.refused("list_audit", wrong).await;
        assert_eq!(refused["field"], field, "{refused}");
        assert!(refused["next_step"].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn records_that_were_kept_long_enough_are_removed_and_the_rest_is_proven() {
    let product = Setup::shop().with(|config| config.audit_keep_days = Some(30)).start().await;
    product.declare_ids().await;
    let day = std::time::Duration::from_hours(24);
    product.clock.advance(10 * day);
    product.ok("create_segment", json!({ "name": "One" })).await;
    product.clock.advance(20 * day);
    assert_eq!(product.sweep().await.records_removed, 0);
    product.clock.advance(2 * day);
    assert_eq!(product.sweep().await.records_removed, 2, "the declaration, and not the segment");
    assert_eq!(product.sweep().await.records_removed, 0);
    let report = product.state.store.verify_audit("sandbox".to_owned()).await.unwrap();
    assert_eq!((report.faults.len(), report.pruned), (0, 2), "{report:?}");
    let pruned = product.ok("list_audit", json!({ "tool": "audit prune" })).await;
    assert_eq!(pruned["records"].as_array().unwrap().len(), 2, "{pruned}");
    assert_eq!(pruned["records"][0]["principal"], "sweeper", "{pruned}");
    product.clock.advance(10 * day);
    assert_eq!(product.sweep().await.records_removed, 2);
}

#[tokio::test]
async fn without_a_word_from_the_operator_records_stay() {
    let product = shop().await;
    product.clock.advance(std::time::Duration::from_hours(24 * 1_000));
    assert_eq!(product.sweep().await.records_removed, 0);
}
