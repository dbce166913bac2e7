//! The control endpoint.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

#[tokio::test]
async fn it_says_what_it_is_and_what_it_is_not() {
    let sandbox = Sandbox::shop().await;
    let about = sandbox.control(Method::GET, "", Value::Null).await;
    let names = |list: &str| about[list].as_array().unwrap().len();
    assert_eq!(names("imitated") + names("not_imitated"), 211);
    assert!(names("unconfirmed") > 20);
    assert_eq!(about["workspace"], json!({"id": 1, "name": "Fern & Fable", "region": "us"}));
}

#[tokio::test]
async fn the_clock_is_read_set_moved_stopped_and_resumed() {
    let sandbox = Sandbox::empty().await;
    let clock = async |change: Value| sandbox.control(Method::POST, "/clock", change).await;
    let now = sandbox.control(Method::GET, "/clock", Value::Null).await;
    assert_eq!(now, json!({"now": "2026-11-23T12:00:00Z", "unix": NOON, "stopped": true}));
    assert_eq!(clock(json!({"advance_seconds": 90})).await["unix"], NOON + 90);
    assert_eq!(clock(json!({"set": "2027-01-01T00:00:00+01:00"})).await["now"], "2026-12-31T23:00:00Z");
    assert_eq!(clock(json!({"set": 5, "resume": true})).await["stopped"], false);
    assert_eq!(clock(json!({"stop": true})).await["stopped"], true);
    let bad = sandbox.raw(Method::POST, "/_sandbox/clock", &[], b"{\"set\":\"noon\"}".to_vec()).await.unwrap();
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn requests_are_remembered_by_operation_without_their_query() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({})).await;
    sandbox.identify("bob", json!({})).await;
    sandbox.get("/v1/customers?email=a@example.com").await;
    let seen = sandbox.control(Method::GET, "/requests", Value::Null).await;
    assert_eq!(seen["counts"], json!({"GET /v1/customers": 1, "PUT /api/v1/customers/{identifier}": 2}));
    assert_eq!(seen["requests"][2], json!({"method": "GET", "path": "/v1/customers", "status": 200}));
    sandbox.control(Method::DELETE, "/requests", Value::Null).await;
    assert_eq!(sandbox.control(Method::GET, "/requests", Value::Null).await["total"], 0);
}

#[tokio::test]
async fn a_reset_brings_the_fixture_back() {
    let sandbox = Sandbox::shop().await;
    sandbox.identify("ann", json!({})).await;
    sandbox.track(Method::POST, "/api/v1/customers/cust_0001/suppress", Value::Null).await;
    let before = sandbox.customer("cust_0002", "id").await.unwrap();
    let counts = sandbox.control(Method::POST, "/reset", Value::Null).await;
    let expected = json!({"people": 12, "events": 6, "deliveries": 0, "sent": 0, "segments": 5, "suppressed": 0});
    assert_eq!(counts, expected);
    let after = sandbox.customer("cust_0002", "id").await.unwrap();
    assert_ne!(before["identifiers"]["cio_id"], after["identifiers"]["cio_id"]);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let sandbox = Sandbox::empty().await;
    let host = [("host", "rebound.example".to_owned())];
    let heard = sandbox.raw(Method::POST, "/_sandbox/reset", &host, Vec::new()).await.unwrap();
    assert_eq!(heard.status, 403);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_identifiers() {
    let one = Sandbox::with(Fixture::shop(), false).await;
    let other = Sandbox::with(Fixture::shop(), false).await;
    assert_eq!(one.customer("cust_0001", "id").await, other.customer("cust_0001", "id").await);
    assert_eq!(one.running.keys().app_api_key, other.running.keys().app_api_key);
}
