//! What the ledger decides, the same over any database.

use super::{Begin, CallOutcome, CallState, RecordedCall, TestProfile};

/// How long a call of unknown fate holds its key at least: its repeat is told to come back later, and must not happen
/// anew when it does.
pub(super) const UNKNOWN_HOLDS_KEY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long a call without a live key stays on the ledger: longer than any budget looks back. One whose fate nobody has
/// learnt until then has expired with it.
pub(super) const CALLS_KEPT_MS: i64 = 32 * 24 * 60 * 60 * 1000;

/// Every so many calls one of them tidies up.
pub(super) const CALLS_BETWEEN: i64 = 16;

/// The most rows of a kind deleted at once: several for each call in between, so what has expired does not pile up.
pub(super) const ROWS_AT_ONCE: i64 = 4 * CALLS_BETWEEN;

/// How long an import is remembered after it last came further: its report may still be asked for.
pub(super) const IMPORTS_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// How long after its end a spent plan is remembered, in milliseconds: a call that was shown it in time may begin late, and
/// clocks differ.
pub(super) const SPENT_PLANS_KEPT_MS: i64 = 60 * 60 * 1_000;

/// How long a spent approval is still listed, in milliseconds.
pub(super) const SPENT_LISTED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Word for word the condition of the index of unsettled calls.
pub(super) const UNSETTLED: &str = "(state = 0 OR state > 2)";

/// A call without a key or a way to look for it is nobody's to settle.
pub(super) const CAN_BE_SETTLED: &str = "(key IS NOT NULL OR recovery IS NOT NULL)";

/// A call whose lease has lapsed without an answer counts as one whose fate nobody knows.
pub(super) fn effective_state(state: CallState, lease_until_ms: i64, now_ms: i64) -> CallState {
    if state == CallState::InFlight && lease_until_ms <= now_ms { CallState::Unknown } else { state }
}

/// Whether the call is another attempt at one that was looked for in vain, and still is the one it was decided on.
pub(super) fn is_followed(begin: &Begin, first: &RecordedCall) -> bool {
    let may_be_followed = matches!(first.state, CallState::Unknown | CallState::Absent) && first.absent_at_ms.is_some();
    may_be_followed && begin.follows.as_ref() == Some(&first.call_id)
}

/// What a call comes to with this outcome. Only a call in flight, of unknown fate or looked for in vain changes, and the
/// latter two only to something known.
pub(super) fn settled_state(from: CallState, outcome: CallOutcome) -> Option<CallState> {
    let to = match outcome {
        CallOutcome::Committed => CallState::Committed,
        CallOutcome::Released => CallState::Released,
        CallOutcome::Unknown => CallState::Unknown,
    };
    match from {
        CallState::InFlight => Some(to),
        CallState::Unknown | CallState::Absent => Some(to).filter(|to| *to != CallState::Unknown),
        CallState::Committed | CallState::Released => None,
    }
}

/// Of two rows about one test profile the better known speaks for both.
pub(super) fn merge(earlier: TestProfile, later: TestProfile) -> TestProfile {
    let rank = |profile: &TestProfile| match profile.state {
        CallState::Committed => 2,
        CallState::Unknown => 1,
        CallState::InFlight | CallState::Released | CallState::Absent => 0,
    };
    let created_at_ms = earlier.created_at_ms.max(later.created_at_ms);
    let calls = [earlier.calls.as_slice(), &later.calls].concat();
    let ended_calls = [earlier.ended_calls.as_slice(), &later.ended_calls].concat();
    let (mut kept, other) = if rank(&later) >= rank(&earlier) { (later, earlier) } else { (earlier, later) };
    kept.subjects.extend(other.subjects);
    kept.subjects.sort_unstable();
    kept.subjects.dedup();
    TestProfile { calls, ended_calls, created_at_ms, ..kept }
}
