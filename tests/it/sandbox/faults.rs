//! Faults on demand: each kind, whether the effect happened, and how often it strikes.

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{Heard, Sandbox};

async fn inject(sandbox: &Sandbox, fault: Value) {
    sandbox.control(Method::POST, "/faults", fault).await;
}

async fn create_segment(sandbox: &Sandbox) -> Result<Heard, reqwest::Error> {
    let body = json!({"segment": {"name": "x"}}).to_string().into_bytes();
    sandbox.raw(Method::POST, "/v1/segments", &[sandbox.app_authorization()], body).await
}

#[tokio::test]
async fn each_kind_happens_or_not_as_it_says() {
    let kinds = [("429", Some(429), 0), ("500_before", Some(500), 0), ("500_after", Some(500), 1)];
    let dropped = [("drop_before", None, 0), ("drop_after", None, 1), ("wrong_region", Some(401), 0)];
    for (kind, status, segments) in kinds.into_iter().chain(dropped) {
        let sandbox = Sandbox::empty().await;
        inject(&sandbox, json!({"kind": kind, "operation": "createManSegment", "times": 1})).await;
        sandbox.get("/v1/segments").await;
        let heard = create_segment(&sandbox).await;
        assert_eq!(heard.as_ref().ok().map(|heard| heard.status), status, "{kind}");
        assert_eq!(sandbox.count("segments").await, segments, "{kind}");
        assert_eq!(create_segment(&sandbox).await.unwrap().status, 200, "{kind} strikes once");
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let sandbox = Sandbox::empty().await;
    inject(&sandbox, json!({"kind": "429", "path": "/v1/*", "retry_after_seconds": 7})).await;
    let heard = create_segment(&sandbox).await.unwrap();
    assert_eq!((heard.status, heard.headers["retry-after"].to_str().unwrap()), (429, "7"));
}

#[tokio::test]
async fn a_rate_limit_need_not_say_when_to_come_back() {
    let sandbox = Sandbox::empty().await;
    inject(&sandbox, json!({"kind": "429", "path": "/v1/*", "retry_after_seconds": null})).await;
    let heard = create_segment(&sandbox).await.unwrap();
    assert_eq!((heard.status, heard.headers.get("retry-after")), (429, None));
    inject(&sandbox, json!({"kind": "429", "path": "/v1/*"})).await;
    assert_eq!(create_segment(&sandbox).await.unwrap().headers["retry-after"], "1");
}

#[tokio::test]
async fn a_slow_answer_has_happened_before_it_arrives() {
    let sandbox = Sandbox::empty().await;
    inject(&sandbox, json!({"kind": "slow", "path": "/v1/segments", "method": "POST", "delay_ms": 60_000})).await;
    let request = create_segment(&sandbox);
    tokio::pin!(request);
    loop {
        tokio::select! {
            _ = &mut request => panic!("the answer was to wait"),
            segments = sandbox.count("segments") => if segments == 1 { break },
        }
    }
}

#[tokio::test]
async fn a_stale_read_shows_the_past_for_as_often_as_asked() {
    let sandbox = Sandbox::empty().await;
    sandbox.identify("ann", json!({"plan": "free"})).await;
    inject(&sandbox, json!({"kind": "stale_read", "times": 2})).await;
    sandbox.identify("ann", json!({"plan": "gold"})).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(sandbox.attribute("ann", "plan").await);
    }
    assert_eq!(seen, ["free", "free", "gold"]);
}

#[tokio::test]
async fn the_wrong_region_shows_in_the_region_answer() {
    let sandbox = Sandbox::empty().await;
    inject(&sandbox, json!({"kind": "wrong_region", "times": 3})).await;
    let region = sandbox.track(Method::GET, "/api/v1/accounts/region", Value::Null).await.json();
    assert_eq!((&region["region"], &region["url"]), (&json!("eu"), &json!("https://track-eu.customer.io")));
    assert_eq!(sandbox.track(Method::PUT, "/api/v1/customers/ann", json!({})).await.status, 401);
    assert_eq!(sandbox.app(Method::GET, "/v1/segments", Value::Null).await.status, 401);
    assert_eq!(sandbox.count("people").await, 0);
}

#[tokio::test]
async fn faults_are_listed_cleared_and_checked() {
    let sandbox = Sandbox::empty().await;
    inject(&sandbox, json!({"kind": "500_before", "path": "/v1/segments", "times": 5})).await;
    create_segment(&sandbox).await.unwrap();
    let listed = sandbox.control(Method::GET, "/faults", Value::Null).await;
    assert_eq!((&listed["faults"][0]["remaining"], &listed["faults"][0]["hits"]), (&json!(4), &json!(1)));
    sandbox.control(Method::DELETE, "/faults", Value::Null).await;
    assert_eq!(create_segment(&sandbox).await.unwrap().status, 200);
    for bad in [json!({"kind": "fire"}), json!({"kind": "slow", "colour": "red"}), json!({})] {
        let heard = sandbox.raw(Method::POST, "/_sandbox/faults", &[], bad.to_string().into_bytes()).await.unwrap();
        assert_eq!(heard.status, 400, "{bad}");
    }
}
