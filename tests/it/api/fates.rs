//! What became of a request, and who is repeated: the ground that at-most-once sends stand on.

use std::time::Duration;

use customerio_mcp::{
    api::{
        Api, CallScope, Fate, RetryTiming, UpstreamError,
        UpstreamErrorKind::{self, Cancelled, Connection, RateLimited, Rejected, TimedOut, TooLarge, Unavailable},
    },
    clock::SystemClock,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    EMAIL, ann, api_at, config, event, message, object, permit, scope,
    server::{Reply, Server},
    traces::Recorder,
};

async fn send(api: &Api) -> Result<String, UpstreamError> {
    api.send_transactional(&permit(), &scope(), EMAIL, &message()).await.map(|sent| sent.delivery_id)
}

async fn identify(api: &Api) -> Result<(), UpstreamError> {
    api.identify(&permit(), &scope(), &ann(), &object(serde_json::json!({"plan": "pro"}))).await
}

async fn track(api: &Api) -> Result<(), UpstreamError> {
    api.track_event(&permit(), &scope(), &ann(), &event(&SystemClock)).await
}

fn short_attempts(server: &Server) -> Api {
    let mut config = config(&server.url);
    config.retry.attempt_limit = Some(Duration::from_millis(80));
    Api::new(config).unwrap()
}

/// A port that refuses connections and is nobody else's; `listen` opens it.
fn closed_port() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

fn verdict(error: &UpstreamError) -> (UpstreamErrorKind, Fate, bool) {
    (error.kind, error.fate, error.safe_to_retry)
}

#[tokio::test]
async fn a_send_without_a_clear_answer_is_unknown_and_never_repeated() {
    for (reply, kind) in [
        (Reply::Drop, Connection),
        (Reply::Half, Connection),
        (Reply::json(500, "{}"), Unavailable),
        (Reply::json(503, "{}").header("Retry-After: 0"), Unavailable),
        (Reply::json(408, "{}"), Unavailable),
        (Reply::json(524, "{}"), Unavailable),
        (Reply::Silence, TimedOut),
        (Reply::Flood(9_000_000), TooLarge),
        (Reply::html(200), UpstreamErrorKind::Unexpected),
        (Reply::json(200, "{\"queued\":true}"), UpstreamErrorKind::Unexpected),
        (Reply::json(302, "{}"), UpstreamErrorKind::Unexpected),
    ] {
        let server = Server::start([reply.clone()]).await;
        // Only silence is to run out of time: a busy machine may take long to read a flood.
        let api = match reply {
            Reply::Silence => short_attempts(&server),
            _ => Api::new(config(&server.url)).unwrap(),
        };
        let error = send(&api).await.unwrap_err();
        assert_eq!(verdict(&error), (kind, Fate::Unknown, false), "{reply:?}");
        assert_eq!(server.received().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_send_refused_with_a_documented_status_did_not_happen_and_is_not_repeated() {
    for (status, kind, safe) in [
        (400, Rejected, false),
        (401, UpstreamErrorKind::Unauthorized, false),
        (403, UpstreamErrorKind::Forbidden, false),
        (404, UpstreamErrorKind::NotFound, false),
        (413, Rejected, false),
        (422, Rejected, false),
        (429, RateLimited, true),
    ] {
        let server = Server::start([Reply::json(status, r#"{"meta":{"error":"no"}}"#)]).await;
        let error = send(&api_at(&server)).await.unwrap_err();
        assert_eq!(verdict(&error), (kind, Fate::Refused, safe), "{status}");
        assert_eq!((error.status, server.received().len()), (Some(status), 1));
    }
}

#[tokio::test]
async fn what_repeats_harmlessly_is_repeated_until_it_is_answered() {
    let trouble = [Reply::json(502, "{}"), Reply::Drop, Reply::Silence, Reply::ok()];
    let server = Server::start(trouble.clone()).await;
    identify(&short_attempts(&server)).await.unwrap();
    assert_eq!(server.received().len(), 4);

    let server = Server::start(trouble).await;
    track(&short_attempts(&server)).await.unwrap();
    let bodies: Vec<_> = server.received().iter().map(super::server::Received::json).collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| body["id"] == bodies[0]["id"]), "a repeat keeps the event's id");
}

#[tokio::test]
async fn a_deletion_whose_repeat_finds_nothing_has_happened() {
    let absent = || Reply::json(404, r#"{"errors":[{"detail":"not found","status":"404"}]}"#);
    for lost in [Reply::Drop, Reply::json(500, "{}")] {
        let server = Server::start([lost, absent()]).await;
        api_at(&server).delete_segment(&permit(), &scope(), 7).await.unwrap();
        assert_eq!(server.received().len(), 2);
    }
    let server = Server::start([absent()]).await;
    let error = api_at(&server).delete_segment(&permit(), &scope(), 7).await.unwrap_err();
    assert_eq!(verdict(&error), (UpstreamErrorKind::NotFound, Fate::Refused, false), "it was not there to begin with");
}

#[tokio::test]
async fn repeats_end_after_four_attempts_with_the_fate_of_the_worst() {
    let server = Server::start(std::iter::repeat_n(Reply::json(500, "{}"), 9)).await;
    let error = identify(&api_at(&server)).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, Fate::Unknown, true));
    assert_eq!(server.received().len(), 4);

    let server = Server::start([Reply::Drop, Reply::json(400, r#"{"meta":{"error":"no"}}"#)]).await;
    let error = identify(&api_at(&server)).await.unwrap_err();
    assert_eq!(verdict(&error), (Rejected, Fate::Unknown, false), "the first attempt may have been carried out");
}

#[tokio::test]
async fn a_refusal_is_final_for_everyone() {
    let server = Server::start([Reply::json(400, r#"{"meta":{"error":"name cannot be blank"}}"#)]).await;
    let error = track(&api_at(&server)).await.unwrap_err();
    assert_eq!(verdict(&error), (Rejected, Fate::Refused, false));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_was_sent() {
    let (_closed, url) = closed_port();
    let api = Api::new(config(&url)).unwrap();
    let traces = Recorder::start();
    assert_eq!(verdict(&send(&api).await.unwrap_err()), (Connection, Fate::NotSent, true));
    assert_eq!(traces.requests().len(), 4, "even a send may be repeated when it provably never left");
    assert_eq!(verdict(&identify(&api).await.unwrap_err()), (Connection, Fate::NotSent, true));
    assert_eq!(verdict(&api.templates(&scope()).await.unwrap_err()), (Connection, Fate::NotSent, true));
}

#[tokio::test]
async fn a_send_that_never_left_is_tried_again() {
    let traces = Recorder::start();
    let (closed, url) = closed_port();
    let mut config = config(&url);
    config.retry = RetryTiming { base: Duration::from_millis(100), ..RetryTiming::default() };
    let api = Api::new(config).unwrap();
    let sending = tokio::spawn(async move { send(&api).await });
    traces.ended(1).await;
    let server =
        Server::start_on(closed.listen(8).unwrap(), [Reply::json(200, r#"{"delivery_id":"d1","queued_at":1}"#)]);
    assert_eq!(sending.await.unwrap().unwrap(), "d1");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_send_whose_connection_was_never_made_was_not_sent_however_it_ends() {
    // A listener that never speaks: the TLS handshake does not end, so the request is never written.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&format!("https://{}", listener.local_addr().unwrap()));
    config.extra_ca_pem = Some(include_bytes!("tls/ca.pem").to_vec());
    config.retry.max_attempts = 1;
    config.retry.attempt_limit = Some(Duration::from_millis(80));
    let api = Api::new(config).unwrap();
    assert_eq!(verdict(&send(&api).await.unwrap_err()), (TimedOut, Fate::NotSent, true));

    let scope = scope();
    let cancel = scope.cancel.clone();
    let sending = tokio::spawn(async move { api.send_transactional(&permit(), &scope, EMAIL, &message()).await });
    let _held = listener.accept().await.unwrap();
    cancel.cancel();
    assert_eq!(verdict(&sending.await.unwrap().unwrap_err()), (Cancelled, Fate::NotSent, true));
}

#[tokio::test]
async fn a_failed_tls_handshake_is_named_and_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&format!("https://{}", listener.local_addr().unwrap()));
    config.extra_ca_pem = Some(include_bytes!("tls/ca.pem").to_vec());
    config.retry.max_attempts = 1;
    let api = Api::new(config).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            // Closing with bytes unread would reset the connection before the answer is seen.
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
    });
    let error = send(&api).await.unwrap_err();
    assert_eq!(verdict(&error), (Connection, Fate::NotSent, true));
    assert!(error.message.contains("TLS"), "{error}");
}

#[tokio::test]
async fn cancelling_a_send_that_left_leaves_its_fate_unknown() {
    let server = Server::start([Reply::Silence]).await;
    let (api, scope) = (api_at(&server), scope());
    let cancel = scope.cancel.clone();
    let sending = tokio::spawn(async move { api.send_transactional(&permit(), &scope, EMAIL, &message()).await });
    server.arrival().await;
    cancel.cancel();
    assert_eq!(verdict(&sending.await.unwrap().unwrap_err()), (Cancelled, Fate::Unknown, false));
}

#[tokio::test]
async fn a_call_cancelled_or_over_before_the_request_sends_nothing() {
    let server = Server::start([]).await;
    let api = api_at(&server);
    let cancelled = scope();
    cancelled.cancel.cancel();
    let error = api.send_transactional(&permit(), &cancelled, EMAIL, &message()).await.unwrap_err();
    assert_eq!(verdict(&error), (Cancelled, Fate::NotSent, true));

    let over = CallScope::new(Instant::now(), CancellationToken::new());
    let error = api.send_transactional(&permit(), &over, EMAIL, &message()).await.unwrap_err();
    assert_eq!(verdict(&error), (TimedOut, Fate::NotSent, true));
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn the_calls_deadline_ends_all_attempts() {
    let server = Server::start(std::iter::repeat_n(Reply::Silence, 9)).await;
    let scope = CallScope::within(Duration::from_millis(120));
    let error = api_at(&server).identify(&permit(), &scope, &ann(), &object(serde_json::json!({}))).await.unwrap_err();
    assert_eq!(verdict(&error), (TimedOut, Fate::Unknown, true));
    assert_eq!(server.received().len(), 1);
}
