//! Suppressing and letting go.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::Sandbox;

#[tokio::test]
async fn section_3_suppressing_removes_the_person_and_refuses_both_identifiers() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com"})).await;
    for _ in 0..2 {
        let heard = sandbox.track(Method::POST, "/api/v1/customers/ann/suppress", Value::Null).await;
        assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
    }
    assert_eq!(sandbox.count("people").await, 0);
    assert_eq!(sandbox.count("suppressed").await, 2);
    sandbox.identify("ann", json!({"plan": "gold"})).await;
    sandbox.identify("ANN@example.com", json!({})).await;
    sandbox.identify("bob", json!({"email": "ann@example.com"})).await;
    sandbox.track(Method::POST, "/api/v1/customers/ann/events", json!({"name": "hello"})).await;
    assert_eq!((sandbox.count("people").await, sandbox.count("events").await), (0, 0));
    let gone = sandbox.track(Method::DELETE, "/api/v1/customers/ann", Value::Null).await;
    assert_eq!(gone.status, 200);
}

#[tokio::test]
async fn section_3_unsuppressing_frees_that_identifier_and_brings_nobody_back() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"email": "ann@example.com", "plan": "gold"})).await;
    sandbox.track(Method::POST, "/api/v1/customers/ann/suppress", Value::Null).await;
    sandbox.track(Method::POST, "/api/v1/customers/ann/unsuppress", Value::Null).await;
    assert_eq!(sandbox.count("people").await, 0);
    sandbox.identify("ann", json!({})).await;
    assert_eq!(sandbox.attribute("ann", "plan").await, Value::Null);
    assert_eq!(sandbox.count("suppressed").await, 1);
}
