//! A server that is told to stop, hung up on or killed while a message is on its way.

use customerio_mcp::state::AuditPhase;
use serde_json::{Value, json};

use super::{later::Later, site::Site};
use crate::child::{Left, Server, call, content};

/// How long the answer to the send is held back: longer than it takes to stop a server.
const HELD_BACK_MS: u64 = 800;

/// A server whose request to send has arrived while its answer is held back.
fn sending(site: &Site, held_back_ms: u64) -> Server {
    site.fault(json!({ "kind": "slow", "operation": "sendEmail", "delay_ms": held_back_ms }));
    let [mut server] = site.servers();
    let (method, params) = send();
    server.send(2, method, &params);
    while delivered(site).is_none() {}
    server
}

fn send() -> (&'static str, Value) {
    let arguments = json!({ "template": "order_confirmation", "customer": "cust_0001",
        "message_data": { "order_id": "A-1" }, "idempotency_key": "order A-1" });
    call("send_transactional", arguments)
}

/// What another server says of the same call.
fn repeated(site: &Site) -> Value {
    let [mut server] = site.servers();
    let answer = server.answer(2, send());
    server.lives_and_ends_well();
    content(&answer)
}

/// The content of the one answer.
fn answer(left: &Left) -> Value {
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    let answer: Value = serde_json::from_str(&left.stdout).unwrap_or_else(|error| panic!("{error}: {left:?}"));
    content(&answer)
}

/// The one delivery there is.
fn delivered(site: &Site) -> Option<String> {
    let mut deliveries = site.deliveries();
    let ids = deliveries.remove("Your order A-1")?;
    assert!(deliveries.is_empty() && ids.len() == 1, "{deliveries:?} {ids:?}");
    ids.into_iter().next()
}

/// The call was answered, once, and is on record as what it was.
fn settled_and_answered(site: &Site, left: &Left) {
    let answer = answer(left);
    assert_eq!(answer["state"], "queued", "{left:?}");
    let again = repeated(site);
    assert_eq!(again["delivery_id"], answer["delivery_id"], "{again}");
    let call_id = again["duplicate_of"].as_str().unwrap_or_else(|| panic!("{again}"));

    assert_eq!(delivered(site).as_deref(), answer["delivery_id"].as_str());
    let records = Later::open(site).audit_of(call_id);
    let phases: Vec<AuditPhase> = records.iter().map(|record| record.entry.phase).collect();
    assert_eq!(phases, [AuditPhase::Outcome, AuditPhase::Decision]);
    site.verified_audit();
}

#[test]
fn a_call_that_runs_when_the_server_is_told_to_stop_ends_and_is_answered() {
    let site = Site::new();
    let server = sending(&site, HELD_BACK_MS);
    server.terminate();
    settled_and_answered(&site, &server.wait());
}

#[test]
fn a_call_that_runs_when_the_client_hangs_up_ends_and_is_settled() {
    let site = Site::new();
    settled_and_answered(&site, &sending(&site, HELD_BACK_MS).finish());
}

/// Signals that come together are one, so the second is sent until it is heard.
#[test]
fn whoever_tells_it_twice_need_not_wait() {
    let site = Site::new();
    let mut server = sending(&site, 40_000);
    while server.is_running() {
        server.terminate();
    }
    let left = server.wait();
    assert_eq!((left.code, left.stdout.as_str()), (Some(1), ""), "{left:?}");
    assert_eq!(repeated(&site)["error"], "call_in_progress");
    assert!(delivered(&site).is_some());
}

#[test]
fn a_send_whose_server_was_killed_is_not_sent_again() {
    let site = Site::new();
    let left = sending(&site, HELD_BACK_MS).kill();
    assert_eq!((left.code, left.stdout.as_str()), (None, ""));
    for _ in 0..2 {
        let again = repeated(&site);
        assert_eq!(again["error"], "call_in_progress", "{again}");
    }
    assert!(delivered(&site).is_some());
    site.verified_audit();
}
