//! Rates and sizes at their edge: what is just allowed, and what is one too many.

use customerio_mcp::sandbox::Fixture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::driver::{NOON, Sandbox, segment};

#[tokio::test]
async fn section_2_an_edge_is_allowed_and_the_next_step_refused() {
    let sandbox = Sandbox::shop().await;
    let ids = |count: usize| json!({"ids": vec!["cust_0001"; count]});
    let email = |more: Value| {
        let mut body =
            json!({"transactional_message_id": 3, "to": "a@example.com", "identifiers": {"id": "cust_0001"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let addresses = |count: usize| "c@example.com,".repeat(count);
    let wide = |count: usize| json!({"name": "x", "data": {"t": "é".repeat(count)}});
    let day = 24 * 60 * 60;
    let cases = [
        ("ids of people", false, "/v1/customers/attributes", ids(100), ids(101)),
        ("a membership change", true, "/api/v1/segments/1/add_customers", ids(1000), ids(1001)),
        (
            "recipients over to, cc and bcc",
            false,
            "/v1/send/email",
            email(json!({"cc": addresses(7), "bcc": addresses(7)})),
            email(json!({"cc": addresses(8), "bcc": addresses(7)})),
        ),
        (
            "send_at",
            false,
            "/v1/send/email",
            email(json!({"send_at": NOON + 90 * day})),
            email(json!({"send_at": NOON + 90 * day + 1})),
        ),
        (
            "the name of an event, in bytes",
            true,
            "/api/v1/customers/ann/events",
            json!({"name": "é".repeat(50)}),
            json!({"name": format!("{}x", "é".repeat(50))}),
        ),
        ("the data of an event, in bytes", true, "/api/v1/customers/ann/events", wide(49_990), wide(50_001)),
    ];
    for (what, is_track, path, edge, beyond) in cases {
        for (body, status) in [(edge, 200), (beyond, 400)] {
            let heard = if is_track {
                sandbox.track(Method::POST, path, body).await
            } else {
                sandbox.app(Method::POST, path, body).await
            };
            assert_eq!(heard.status, status, "{what}: {}", heard.text);
        }
    }
}

#[tokio::test]
async fn section_2_the_archive_gives_100_bodies_a_day_and_does_not_say_when_to_come_back() {
    let sandbox = Sandbox::with(Fixture::shop(), true).await;
    let body = json!({"transactional_message_id": 3, "to": "a@example.com", "identifiers": {"id": "cust_0001"},
        "message_data": {"reset_url": "https://x.example"}});
    let sent = sandbox.app(Method::POST, "/v1/send/email", body).await.json();
    let path = format!("/v1/messages/{}/archived_message", segment(sent["delivery_id"].as_str().unwrap()));
    for read in 0..100 {
        if read % 10 == 0 {
            sandbox.advance(1);
        }
        sandbox.get(&path).await;
    }
    sandbox.advance(1);
    let refused = sandbox.app(Method::GET, &path, Value::Null).await;
    assert_eq!((refused.status, refused.headers.get("retry-after")), (429, None));
    sandbox.get("/v1/segments").await;
    sandbox.advance(24 * 60 * 60);
    sandbox.get(&path).await;
}

#[tokio::test]
async fn section_2_reads_and_writes_of_the_app_api_share_one_bucket_and_track_has_none() {
    let sandbox = Sandbox::with(Fixture::shop(), true).await;
    for turn in 0..5 {
        sandbox.get("/v1/segments").await;
        let body = json!({"filter": {"segment": {"id": 1}}});
        assert_eq!(sandbox.app(Method::POST, "/v1/customers", body).await.status, 200, "{turn}");
    }
    for (method, path) in
        [(Method::GET, "/v1/workspaces"), (Method::POST, "/v1/segments"), (Method::DELETE, "/v1/segments/1")]
    {
        let heard = sandbox.app(method, path, json!({})).await;
        assert_eq!((heard.status, heard.headers["retry-after"].to_str().unwrap()), (429, "1"), "{path}");
    }
    for _ in 0..30 {
        sandbox.identify("ann", json!({})).await;
    }
    sandbox.advance(1);
    assert_eq!(sandbox.get("/v1/segments").await["segments"].as_array().unwrap().len(), 5, "nothing was deleted");
}
