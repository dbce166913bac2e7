//! Sizes, in bytes, and rates.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::driver::{Sandbox, segment};

async fn refused(sandbox: &Sandbox, attributes: Value) -> String {
    let heard = sandbox.track(Method::PUT, "/api/v1/customers/ann", attributes).await;
    assert_eq!(heard.status, 400, "{}", heard.text);
    assert_eq!(sandbox.count("people").await, 0);
    heard.json()["meta"]["error"].as_str().unwrap().to_owned()
}

fn many(count: usize) -> Value {
    (0..count).map(|n| (format!("a{n}"), json!(n))).collect::<Map<_, _>>().into()
}

#[tokio::test]
async fn section_2_attributes_are_limited_in_number_and_bytes() {
    let sandbox = Sandbox::empty().await;
    let cases = [
        (many(301), "cannot identify more than 300 attributes in one request"),
        (json!({"é".repeat(76): 1}), "attribute name cannot be longer than 150 bytes"),
        (json!({"a": "é".repeat(501)}), "value for attribute 'a' cannot be longer than 1000 bytes"),
        (json!({"id": ""}), "id attribute cannot be an empty string"),
        (json!({"id": 7}), "id attribute must be a string value"),
        (json!({"id": "x".repeat(151)}), "id attribute cannot be longer than 150 bytes"),
    ];
    for (attributes, expected) in cases {
        assert_eq!(refused(&sandbox, attributes).await, expected);
    }
    sandbox.identify("ann", many(300)).await;
    sandbox.identify("bob", json!({"é".repeat(75): "é".repeat(500)})).await;
}

#[tokio::test]
async fn section_2_a_path_identifier_is_limited_to_150_bytes() {
    let sandbox = Sandbox::empty().await;
    let path = |length: usize| format!("/api/v1/customers/{}", segment(&"é".repeat(length)));
    assert_eq!(sandbox.track(Method::PUT, &path(76), json!({})).await.status, 400);
    assert_eq!(sandbox.track(Method::PUT, &path(75), json!({})).await.status, 200);
    assert_eq!(sandbox.count("people").await, 1);
}

#[tokio::test]
async fn section_2_a_person_holds_300_attributes_and_the_rest_fails() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", many(298)).await;
    sandbox.identify("ann", json!({"one_more": 1})).await;
    let failures = sandbox.activities("type=failed_attribute_change").await;
    assert_eq!(failures[0]["data"], json!({"one_more": {"from": "", "to": "1"}}));
    sandbox.identify("ann", json!({"a1": "changed"})).await;
    assert_eq!(sandbox.attribute("ann", "a1").await, "changed");
}

#[tokio::test]
async fn section_2_events_are_limited_in_name_and_data() {
    let sandbox = Sandbox::empty().await;
    let track = async |body: Value| sandbox.track(Method::POST, "/api/v1/customers/ann/events", body).await;
    let errors = [
        (json!({"data": {}}), "name cannot be blank"),
        (json!({"name": "   "}), "name cannot be blank"),
        (json!({"name": "é".repeat(51)}), "name cannot be longer than 100 bytes"),
        (json!({"name": "a", "data": {"x": "y".repeat(100_000)}}), "data cannot be larger than 100000 bytes"),
        (json!({"name": "a", "data": [1]}), "data must be an object"),
        (json!({"name": "a", "type": "party"}), "type must be one of event, page, screen"),
    ];
    for (body, expected) in errors {
        let heard = track(body).await;
        assert_eq!((heard.status, heard.json()), (400, json!({"meta": {"errors": [expected]}})));
    }
    assert_eq!(track(json!({"name": "é".repeat(50), "data": {"x": "y".repeat(99_000)}})).await.status, 200);
    assert_eq!(sandbox.count("events").await, 1);
}

#[tokio::test]
async fn section_2_strict_limits_refuse_the_eleventh_app_request_of_a_second() {
    let sandbox = Sandbox::with(Fixture::empty(), true).await;
    for _ in 0..10 {
        sandbox.get("/v1/segments").await;
    }
    let heard = sandbox.app(Method::GET, "/v1/segments", Value::Null).await;
    assert_eq!((heard.status, heard.headers["retry-after"].to_str().unwrap()), (429, "1"));
    let error = &heard.json()["errors"][0];
    assert!(error["detail"].as_str().unwrap().starts_with("rate limited to 10 requests per 1s (reference "));
    assert_eq!(error["status"], "429");
    sandbox.identify("ann", json!({})).await;
    sandbox.advance(1);
    sandbox.get("/v1/segments").await;
}
