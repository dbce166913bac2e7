//! Sweeping: what became of calls nobody came back for, and of test profiles nobody needs any more.

use std::time::Duration;

use customerio_mcp::{guard::policy::Decision, tools::sweep::Swept};
use serde_json::{Value, json};

use crate::{
    driver::{Product, Setup},
    witness::person,
};

/// Later than any request of a call can be under way.
const LATER: Duration = Duration::from_secs(61);
const DAY: Duration = Duration::from_hours(24);

async fn shop(setup: Setup) -> Product {
    let product = setup.start().await;
    product.declare_ids().await;
    product
}

/// Makes a test profile whose answer is lost, and which nobody sees while the call looks.
async fn lose(product: &Product, id: &str, kind: &str) {
    product.fault(json!({ "kind": kind, "operation": "identify", "times": 9 })).await;
    product.fault(json!({ "kind": "stale_read", "operation": "getPersonAttributes", "times": 99 })).await;
    let lost = product.refused("identify_customer", json!({ "id": id, "test": true })).await;
    assert_eq!(lost["error"], "upstream_unavailable", "{lost}");
    product.control("DELETE", "faults", None).await;
}

async fn active(product: &Product) -> u64 {
    product.ok("list_test_customers", json!({})).await["active"].as_u64().unwrap()
}

/// The audit records of the server itself, as tool, phase, decision and approval.
async fn by_the_sweeper(product: &Product) -> Vec<String> {
    let page = product.ok("list_audit", json!({ "limit": 100 })).await;
    let records = page["records"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
    let line = |record: &Value| {
        let approved = record.get("approved_by").and_then(Value::as_str).map(|by| format!(" by {by}"));
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}{}", text("tool"), text("phase"), text("decision"), approved.unwrap_or_default())
    };
    records.iter().filter(|record| record["principal"] == "sweeper").map(line).collect()
}

#[tokio::test]
async fn a_place_whose_test_profile_never_came_is_free_after_two_looks_a_minute_apart() {
    let product = shop(Setup::shop().with(|config| config.test_profiles.active = 1)).await;
    lose(&product, "cust_9001", "drop_before").await;
    let other = json!({ "id": "cust_9002", "test": true });
    assert_eq!(product.refused("identify_customer", other.clone()).await["error"], "test_profile_quota");
    assert_eq!(product.sweep().await, Swept::default(), "its request may still be under way");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await, Swept { unknown: 1, ..Swept::default() });
    assert_eq!(product.sweep().await, Swept::default(), "looked for a moment ago");
    assert_eq!(product.refused("identify_customer", other.clone()).await["error"], "test_profile_quota");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await, Swept { released: 1, ..Swept::default() });
    assert_eq!(by_the_sweeper(&product).await, ["identify_customer outcome released"]);
    product.ok("identify_customer", other).await;
}

#[tokio::test]
async fn a_test_profile_that_came_all_the_same_keeps_its_place_and_can_be_removed() {
    let product = shop(Setup::shop().with(|config| config.test_profiles.active = 1)).await;
    lose(&product, "cust_9001", "drop_after").await;
    assert_ne!(person(&product, "cust_9001").await, Value::Null);
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await, Swept { committed: 1, ..Swept::default() });
    let listed = product.ok("list_test_customers", json!({})).await;
    assert!(listed["test_customers"][0]["cio_id"].is_string(), "{listed}");
    let other = json!({ "id": "cust_9002", "test": true });
    assert_eq!(product.refused("identify_customer", other.clone()).await["error"], "test_profile_quota");
    product.planned("delete_test_customers", json!({ "only_expired": false })).await;
    product.ok("identify_customer", other).await;
}

#[tokio::test]
async fn somebody_elses_person_is_not_taken_for_a_lost_test_profile() {
    let product = shop(Setup::shop()).await;
    lose(&product, "cust_9001", "drop_before").await;
    product.track("PUT", "customers/cust_9001", json!({ "plan": "gold" })).await;
    for _ in 0..2 {
        product.clock.advance(LATER);
        product.sweep().await;
    }
    assert_eq!(active(&product).await, 0);
    assert_ne!(person(&product, "cust_9001").await, Value::Null, "and nobody removes them");
}

#[tokio::test]
async fn a_place_is_free_when_its_person_is_gone_behind_our_back() {
    let product = shop(Setup::shop()).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    product.ok("identify_customer", json!({ "id": "cust_9002", "test": true })).await;
    product.track("DELETE", "customers/cust_9001", json!({})).await;
    assert_eq!(product.sweep().await.places_freed, 0, "a new profile may not show yet");
    product.clock.advance(LATER);
    assert_eq!(product.sweep().await.places_freed, 1);
    assert_eq!(active(&product).await, 1);
}

#[tokio::test]
async fn expired_test_profiles_are_removed_through_the_door() {
    let product = shop(Setup::shop()).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    product.clock.advance(DAY / 2);
    product.ok("identify_customer", json!({ "id": "cust_9002", "test": true })).await;
    assert!(!product.sweep().await.expired_removed);
    product.clock.advance(DAY / 2);
    assert!(product.sweep().await.expired_removed);
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
    assert_ne!(person(&product, "cust_9002").await, Value::Null);
    assert_eq!(
        by_the_sweeper(&product).await,
        ["delete_test_customers outcome committed by expiry", "delete_test_customers decision admitted by expiry"]
    );
}

#[tokio::test]
async fn nothing_is_removed_where_the_operator_lets_nothing_be_deleted() {
    for deny in [true, false] {
        let setup = Setup::live().with_ids().with(move |config| config.policy.delete = deny.then_some(Decision::Deny));
        let product = setup.start().await;
        product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
        product.clock.advance(DAY);
        assert_eq!(product.sweep().await.expired_removed, !deny, "an expiry needs nobody's approval, only no denial");
        assert_eq!(person(&product, "cust_9001").await == Value::Null, !deny);
    }
}

#[tokio::test]
async fn a_look_that_fails_settles_nothing() {
    let product = shop(Setup::shop()).await;
    lose(&product, "cust_9001", "drop_before").await;
    product.fault(json!({ "kind": "500_before", "operation": "getPersonAttributes", "times": 99 })).await;
    for _ in 0..3 {
        product.clock.advance(LATER);
        assert_eq!(product.sweep().await, Swept { unknown: 1, ..Swept::default() });
    }
    assert_eq!(active(&product).await, 1);
}

#[tokio::test]
async fn a_profile_that_somebody_made_a_customer_of_is_left_alone_and_takes_no_place() {
    let product = shop(Setup::shop()).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    product.track("PUT", "customers/cust_9001", json!({ "mcp_test": "" })).await;
    product.clock.advance(DAY);
    for _ in 0..5 {
        product.sweep().await;
        product.clock.advance(Duration::from_secs(30));
    }
    assert_eq!(by_the_sweeper(&product).await.len(), 2, "one call, with its decision and outcome");
    assert_eq!(active(&product).await, 0);
    assert_ne!(person(&product, "cust_9001").await, Value::Null);
}

#[tokio::test]
async fn a_removal_that_fails_is_not_tried_again_at_once() {
    let product = shop(Setup::shop()).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    product.clock.advance(DAY);
    product.fault(json!({ "kind": "500_before", "operation": "delete", "times": 99 })).await;
    for _ in 0..5 {
        product.sweep().await;
        product.clock.advance(Duration::from_secs(30));
    }
    assert_eq!(by_the_sweeper(&product).await.len(), 2);
    product.control("DELETE", "faults", None).await;
    product.clock.advance(Duration::from_hours(1));
    assert!(product.sweep().await.expired_removed);
    assert_eq!(person(&product, "cust_9001").await, Value::Null);
}

#[tokio::test]
async fn a_place_reserved_again_meanwhile_is_not_given_back() {
    let product = shop(Setup::shop()).await;
    product.ok("identify_customer", json!({ "id": "cust_9001", "test": true })).await;
    product.track("DELETE", "customers/cust_9001", json!({})).await;
    product.clock.advance(Duration::from_mins(11));
    lose(&product, "cust_9001", "drop_after").await;
    assert_eq!(product.sweep().await.places_freed, 0);
    assert_eq!(active(&product).await, 1);
    product.clock.advance(DAY);
    product.sweep().await;
    product.sweep().await;
    assert_eq!(person(&product, "cust_9001").await, Value::Null, "and it is removed at its expiry");
}
