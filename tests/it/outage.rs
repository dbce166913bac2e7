//! While the state store does not answer: reads go on, nothing changes, and it is found again.

use std::time::{Duration, Instant};

use customerio_mcp::{
    guard::policy::Decision,
    state::{AuditQuery, postgres::Address},
};
use insta::assert_json_snapshot;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    postgres::Cluster,
};

fn reading() -> Value {
    json!({ "customer": "cust_0001" })
}

fn writing() -> Value {
    json!({ "customer": "cust_0001", "name": "seen" })
}

/// What the audit says of the calls that were not recorded.
async fn unrecorded(product: &Product) -> Vec<String> {
    let workspace = "sandbox".to_owned();
    let query = AuditQuery { workspace, tool: Some("unrecorded".to_owned()), limit: 10, ..AuditQuery::default() };
    product.state.store.list_audit(query).await.unwrap().into_iter().map(|record| record.entry.decision).collect()
}

async fn requests_of_others(product: &Product) -> usize {
    let requests = product.requests().await;
    let requests = requests["requests"].as_array().unwrap();
    requests.iter().filter(|request| request["method"] != "GET").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_without_the_database_and_nothing_is_changed() {
    let Some(cluster) = Cluster::of_our_own() else { return };
    let address = Address::parse(&cluster.url("postgres"), None).unwrap();
    let product = Setup::shop().with_ids().in_database(address).start().await;
    product.ok("get_customer", reading()).await;
    product.ok("track_event", writing()).await;
    let before = requests_of_others(&product).await;

    cluster.stop();
    let asked = Instant::now();
    let person = product.ok("get_customer", reading()).await;
    assert_eq!(person["customer"]["id"], "cust_0001", "{person}");
    product.ok("get_customer", json!({ "customer": "cust_0001", "id_type": "id" })).await;
    product.ok("list_segments", json!({})).await;
    assert_json_snapshot!(product.refused("track_event", writing()).await, @r#"
    {
      "error": "state_unavailable",
      "message": "The server's own state store did not answer, and without it nothing that changes anything may run.",
      "next_step": "Try again in a moment. If it stays so, tell the operator to look at the server's log.",
      "safe_to_retry": true
    }
    "#);
    let planned = product.refused("delete_customer", reading()).await;
    assert_eq!(planned["error"], "state_unavailable", "{planned}");
    product.refused("get_guardrails", json!({})).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(requests_of_others(&product).await, before, "nothing that changes anything has left");

    cluster.start();
    product.ok("track_event", writing()).await;
    product.ok("get_customer", reading()).await;
    assert_eq!(unrecorded(&product).await, ["6 not recorded"]);
    product.ok("get_customer", reading()).await;
    assert_eq!(unrecorded(&product).await.len(), 1, "they are told once");
    let report = product.state.store.verify_audit("sandbox".to_owned()).await.unwrap();
    assert_eq!(report.faults, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_approval_to_be_read_is_not_read_without_the_database() {
    let Some(cluster) = Cluster::of_our_own() else { return };
    let address = Address::parse(&cluster.url("postgres"), None).unwrap();
    let setup = Setup::shop().with_ids().in_database(address);
    let product = setup.with(|config| config.policy.bulk_pii = Some(Decision::Preview)).start().await;
    let plan = product.refused("export_customer_data", reading()).await;
    assert_eq!(plan["error"], "preview_required", "{plan}");
    let mut with_plan = reading();
    with_plan["plan_token"] = plan["details"]["plan_token"].clone();
    cluster.stop();
    let refused = product.refused("export_customer_data", with_plan.clone()).await;
    assert_eq!(refused["error"], "state_unavailable", "{refused}");
    cluster.start();
    product.ok("export_customer_data", with_plan).await;
}

/// The database is held by another process, as by a backup that has hung.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_while_the_file_is_held_by_another_process() {
    let directory = tempfile::tempdir().unwrap();
    let product = Setup::shop().with_ids().in_directory(directory.path()).start().await;
    product.ok("get_customer", reading()).await;
    let other = Connection::open(directory.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    product.ok("get_customer", reading()).await;
    let refused = product.refused("track_event", writing()).await;
    assert_eq!(refused["error"], "state_unavailable", "{refused}");
    other.execute_batch("COMMIT").unwrap();
    product.ok("track_event", writing()).await;
    product.ok("get_customer", reading()).await;
    assert_eq!(unrecorded(&product).await, ["2 not recorded"]);
}
