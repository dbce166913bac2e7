//! Calls, people and records to test with.

use customerio_mcp::state::{
    Absence, AuditEntry, AuditPhase, Begin, BeginOutcome, CallKey, CallOutcome, Charge, Digest, Limit, PlanUse, Settle,
    Store, TestProfileReservation,
};
use sha2::Digest as _;

pub(super) const SHOP: &str = "shop";
pub(super) const LOCAL: &str = "local";
/// A moment that is no multiple of any bucket.
pub(super) const NOW_MS: i64 = 1_700_000_012_345;
pub(super) const SECOND_MS: i64 = 1_000;
pub(super) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

pub(super) fn digest(of: impl AsRef<[u8]>) -> Digest {
    Digest(sha2::Sha256::digest(of).into())
}

pub(super) fn entry(call_id: &str, phase: AuditPhase, decision: &str) -> AuditEntry {
    AuditEntry {
        at_ms: NOW_MS,
        workspace: SHOP.to_owned(),
        call_id: call_id.to_owned(),
        principal: LOCAL.to_owned(),
        tool: "send_transactional".to_owned(),
        effect: "send".to_owned(),
        phase,
        subject: None,
        decision: decision.to_owned(),
        approved_by: None,
        upstream_status: None,
        duration_ms: None,
    }
}

/// A call that charges nothing and may always begin.
pub(super) fn call(call_id: &str) -> Begin {
    Begin {
        call_id: call_id.to_owned(),
        workspace: SHOP.to_owned(),
        principal: LOCAL.to_owned(),
        tool: "send_transactional".to_owned(),
        effect: "send".to_owned(),
        now_ms: NOW_MS,
        lease_until_ms: NOW_MS + MINUTE_MS,
        key: None,
        follows: None,
        plan: None,
        approval: None,
        voids_approved: None,
        charges: Vec::new(),
        test_profile: None,
        subjects: Vec::new(),
        not_erased: Vec::new(),
        recovery: None,
        import: None,
        audit: entry(call_id, AuditPhase::Decision, "admitted"),
    }
}

pub(super) fn key(name: &str) -> CallKey {
    CallKey { key: digest(name), arguments: digest("arguments"), expires_at_ms: NOW_MS + 10 * MINUTE_MS }
}

pub(super) fn plan(token: &str) -> PlanUse {
    PlanUse { token: digest(token), expires_at_ms: NOW_MS + 10 * MINUTE_MS }
}

pub(super) fn sends(amount: u64, window_ms: i64, max: u64) -> Charge {
    Charge { budget: "sends".to_owned(), amount, limits: vec![Limit { window_ms, max }], shared: false }
}

pub(super) fn test_profile(identifiers: &[&str], active_limit: u64) -> TestProfileReservation {
    TestProfileReservation {
        subjects: identifiers.iter().map(digest).collect(),
        sealed_identifiers: identifiers.join(",").into_bytes(),
        run_id: "run".to_owned(),
        expires_at_ms: NOW_MS + DAY_MS,
        active_limit,
        unledgered: 0,
    }
}

pub(super) fn settlement(call_id: &str, outcome: CallOutcome) -> Settle {
    Settle {
        call_id: call_id.to_owned(),
        workspace: SHOP.to_owned(),
        now_ms: NOW_MS,
        outcome,
        answer: None,
        test_profile_identifiers: None,
        audit: entry(call_id, AuditPhase::Outcome, "settled"),
    }
}

/// A look for a call that shows nothing, whose key stays held.
pub(super) fn absence(call_id: &str, now_ms: i64) -> Absence {
    Absence {
        call_id: call_id.to_owned(),
        workspace: SHOP.to_owned(),
        now_ms,
        apart_ms: MINUTE_MS,
        keeps_key: true,
        audit: entry(call_id, AuditPhase::Outcome, "absent"),
    }
}

pub(super) async fn begun(store: &dyn Store, begin: Begin) {
    let outcome = store.begin(begin).await.unwrap();
    assert!(matches!(outcome, BeginOutcome::Begun), "{outcome:?}");
}

pub(super) async fn settled(store: &dyn Store, call_id: &str, outcome: CallOutcome) {
    store.settle(settlement(call_id, outcome)).await.unwrap();
}
