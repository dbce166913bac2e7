//! The vendor's rate limits: kept on our side, and obeyed when the vendor reminds us.

use std::time::Duration;

use customerio_mcp::api::{Api, ApiConfig, CallScope, Fate, UpstreamErrorKind::RateLimited};

use super::{
    api_at, config, scope,
    server::{Reply, Server},
};

const LIMITED: &str =
    r#"{"errors":[{"detail":"rate limited to 10 requests per 1s (reference a1b2c3)","status":"429"}]}"#;

fn paced(server: &Server) -> Api {
    Api::new(ApiConfig { paced: true, ..config(&server.url) }).unwrap()
}

#[tokio::test]
async fn a_429_is_waited_out_when_the_call_has_the_time() {
    let limited = Reply::json(429, LIMITED).header("Retry-After: 0");
    let server = Server::start([limited.clone(), limited, Reply::json(200, r#"{"segments":[]}"#)]).await;
    assert!(api_at(&server).list_segments(&scope()).await.unwrap().is_empty());
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_429_that_outlasts_the_call_is_reported_with_its_seconds() {
    let server = Server::start([Reply::json(429, LIMITED).header("Retry-After: 120")]).await;
    let error = api_at(&server).list_segments(&scope()).await.unwrap_err();
    assert_eq!((error.kind, error.fate, error.safe_to_retry), (RateLimited, Fate::Refused, true));
    assert_eq!((error.retry_after_seconds, error.reference.as_deref()), (Some(120), Some("a1b2c3")));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_429_without_a_time_is_tried_a_few_times() {
    let server = Server::start(std::iter::repeat_n(Reply::json(429, "{}"), 9)).await;
    let error = api_at(&server).list_segments(&scope()).await.unwrap_err();
    assert_eq!((error.kind, error.retry_after_seconds, server.received().len()), (RateLimited, None, 4));
}

#[tokio::test]
async fn a_spent_day_is_not_tried_again() {
    let server = Server::start([Reply::json(429, "{}")]).await;
    let error = api_at(&server).archived_message(&scope(), "d1").await.unwrap_err();
    assert_eq!((error.kind, server.received().len()), (RateLimited, 1));
}

#[tokio::test]
async fn a_reminder_holds_back_everyone_who_shares_the_limit() {
    let server = Server::start([Reply::json(429, LIMITED).header("Retry-After: 120")]).await;
    let api = paced(&server);
    api.list_segments(&scope()).await.unwrap_err();
    let error = api.clone().templates(&scope()).await.unwrap_err();
    assert_eq!((error.kind, error.fate, error.status), (RateLimited, Fate::NotSent, None));
    assert_eq!(error.retry_after_seconds, Some(120));
    assert_eq!(server.received().len(), 1, "the second request never left");
}

#[tokio::test]
async fn a_request_that_would_leave_too_late_does_not_leave() {
    let server = Server::start(std::iter::repeat_n(Reply::json(200, "{}"), 20)).await;
    let (api, scope) = (paced(&server), CallScope::within(Duration::from_millis(700)));
    for _ in 0..10 {
        api.snippets(&scope).await.unwrap();
    }
    let error = api.snippets(&scope).await.unwrap_err();
    assert_eq!((error.kind, error.fate, error.retry_after_seconds), (RateLimited, Fate::NotSent, Some(1)));
    assert!(error.safe_to_retry && error.message.contains("Nothing was sent"));
    assert_eq!(server.received().len(), 10);
}

#[tokio::test]
async fn nothing_is_held_back_without_pacing() {
    let server = Server::start(std::iter::repeat_n(Reply::json(200, "{}"), 40)).await;
    let (api, scope) = (api_at(&server), CallScope::within(Duration::from_secs(30)));
    let before = tokio::time::Instant::now();
    for _ in 0..40 {
        api.snippets(&scope).await.unwrap();
    }
    assert!(before.elapsed() < Duration::from_secs(3), "paced, these would take three seconds");
}
