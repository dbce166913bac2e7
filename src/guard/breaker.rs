//! A breaker for loops: a call that keeps failing is not made again for a while.
//!
//! A caller that repeats the same call without end hopes that something changes, and only the answers can tell it that
//! nothing does. What is counted is the very same call, by tool and arguments, of one caller in one workspace: calls that
//! fail with different arguments may be the work of somebody who goes through a list. It is kept in this process alone, for
//! so many calls and no more: a loop has one process, and whoever fails in thousands of ways is no loop.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::json;

use super::{Call, Guards, Origin};
use crate::{
    error::{ErrorCode, ToolError},
    state::Digest,
};

/// After so many failures the same call is refused.
const FAILURES: usize = 5;

/// The failures that count, in milliseconds back from now.
const WITHIN_MS: i64 = 5 * 60 * 1_000;

/// The most calls that are remembered; of more, the one that failed longest ago is forgotten.
const MOST_CALLS: usize = 4_096;

/// What has failed of late, in a workspace.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<HashMap<Digest, Failing>>);

/// A call that has failed.
#[derive(Debug)]
struct Failing {
    /// When, in Unix milliseconds, the latest last.
    at_ms: VecDeque<i64>,
    /// With what the last time.
    code: ErrorCode,
}

impl Failing {
    fn drop_old(&mut self, now_ms: i64) {
        // A clock that was set back leaves failures that are yet to come.
        self.at_ms.retain(|at_ms| (0..WITHIN_MS).contains(&now_ms.saturating_sub(*at_ms)));
    }
}

/// Why a call is not made again.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    code: ErrorCode,
    retry_after_ms: i64,
}

impl Breaker {
    fn failing(&self) -> MutexGuard<'_, HashMap<Digest, Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        self.failing().is_empty()
    }

    fn broken(&self, call: &Digest, now_ms: i64) -> Option<Broken> {
        let mut failing = self.failing();
        let known = failing.get_mut(call)?;
        known.drop_old(now_ms);
        let oldest_ms = *known.at_ms.front()?;
        (known.at_ms.len() >= FAILURES)
            .then(|| Broken { code: known.code, retry_after_ms: oldest_ms + WITHIN_MS - now_ms })
    }

    fn failed(&self, call: Digest, code: ErrorCode, now_ms: i64) {
        let mut failing = self.failing();
        if failing.len() >= MOST_CALLS && !failing.contains_key(&call) {
            make_room(&mut failing, now_ms);
        }
        let known = failing.entry(call).or_insert_with(|| Failing { at_ms: VecDeque::new(), code });
        known.drop_old(now_ms);
        known.at_ms.push_back(now_ms);
        known.code = code;
        if known.at_ms.len() > FAILURES {
            known.at_ms.pop_front();
        }
    }

    fn succeeded(&self, call: &Digest) {
        self.failing().remove(call);
    }
}

fn make_room(failing: &mut HashMap<Digest, Failing>, now_ms: i64) {
    failing.retain(|_, known| {
        known.drop_old(now_ms);
        !known.at_ms.is_empty()
    });
    if failing.len() < MOST_CALLS {
        return;
    }
    let longest_ago = failing.iter().min_by_key(|(_, known)| known.at_ms.back().copied()).map(|(call, _)| *call);
    if let Some(call) = longest_ago {
        failing.remove(&call);
    }
}

impl Guards {
    /// Refuses a call that has just failed again and again. It comes before the arguments are read: those that cannot be
    /// are repeated too.
    pub fn refuse_repeated(&self, call: &Call<'_>) -> Result<(), ToolError> {
        if self.breaker.is_idle() {
            return Ok(());
        }
        let Some(key) = self.repeated(call) else { return Ok(()) };
        match self.breaker.broken(&key, self.clock.now_ms()) {
            None => Ok(()),
            Some(broken) => Err(repeated_call(call.tool, &broken)),
        }
    }

    /// Counts how a call has ended. Whoever was told to repeat it is not counted for doing so.
    pub(crate) fn note_end(&self, call: &Call<'_>, result: Result<(), &ToolError>) {
        match result {
            Ok(()) if self.breaker.is_idle() => {}
            Ok(()) => {
                if let Some(key) = self.repeated(call) {
                    self.breaker.succeeded(&key);
                }
            }
            Err(error) if !counts(error) => {}
            Err(error) => {
                if let Some(key) = self.repeated(call) {
                    self.breaker.failed(key, error.code, self.clock.now_ms());
                }
            }
        }
    }

    /// What a call is known by, if it is one that a caller may be stuck in and its arguments are known.
    fn repeated(&self, call: &Call<'_>) -> Option<Digest> {
        if call.origin == Origin::Sweeper || call.canonical_arguments.is_empty() {
            return None;
        }
        let parts = [call.principal, call.tool, call.canonical_arguments].map(str::as_bytes);
        Some(self.keys.digest("repeated call", &parts))
    }
}

/// Whether a failure is one that the same call would meet again.
/// What says by itself when or how to repeat it is no loop: it would meet something else.
const fn counts(error: &ToolError) -> bool {
    !error.code.is_a_plan()
        && !error.repeatable
        && error.retry_after_seconds.is_none()
        && !matches!(
            error.code,
            ErrorCode::RepeatedCall
                // Mended by a token or key, which are no part of what a call is known by.
                | ErrorCode::PlanInvalid
                | ErrorCode::IdempotencyKeyReused
                | ErrorCode::RateLimited
                | ErrorCode::CallInProgress
                | ErrorCode::OutcomeUnknown
                | ErrorCode::Cancelled
                | ErrorCode::StateUnavailable
        )
}

fn repeated_call(tool: &str, broken: &Broken) -> ToolError {
    let code = broken.code.as_str();
    let seconds = u64::try_from((broken.retry_after_ms + 999) / 1_000).unwrap_or(0).max(1);
    ToolError::new(
        ErrorCode::RepeatedCall,
        format!(
            "This very call of {tool} has failed {FAILURES} times within {} minutes, the last time with `{code}`, and was \
             not made again. Nothing was changed.",
            WITHIN_MS / 60_000
        ),
    )
    .after_seconds(seconds)
    .with(json!({ "last_error": code }))
    .next("Tell the user what fails and with which error. Call again only with what the error asked for, or later.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn call(number: u64) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        Digest(digest)
    }

    fn failed(breaker: &Breaker, number: u64, times: i64, from_ms: i64) {
        (0..times).for_each(|at| breaker.failed(call(number), ErrorCode::NotFound, from_ms + at * 1_000));
    }

    #[test]
    fn the_time_named_is_the_first_at_which_it_may_be_made_again() {
        let breaker = Breaker::default();
        failed(&breaker, 1, 4, NOW_MS);
        assert_eq!(breaker.broken(&call(1), NOW_MS + 4_000), None);
        failed(&breaker, 1, 1, NOW_MS + 4_000);
        let broken = breaker.broken(&call(1), NOW_MS + 10_000).unwrap();
        assert_eq!((broken.code, broken.retry_after_ms), (ErrorCode::NotFound, WITHIN_MS - 10_000));
        assert!(breaker.broken(&call(1), NOW_MS + WITHIN_MS - 1).is_some());
        assert_eq!(breaker.broken(&call(1), NOW_MS + WITHIN_MS), None);
        // It is let through once, not five times more.
        failed(&breaker, 1, 1, NOW_MS + WITHIN_MS);
        assert!(breaker.broken(&call(1), NOW_MS + WITHIN_MS).is_some());
        assert_eq!(breaker.broken(&call(2), NOW_MS), None);
        breaker.succeeded(&call(1));
        assert!(breaker.is_idle());
    }

    #[test]
    fn a_clock_that_was_set_back_breaks_nothing() {
        let breaker = Breaker::default();
        failed(&breaker, 1, 5, NOW_MS);
        assert_eq!(breaker.broken(&call(1), NOW_MS - 1), None);
    }

    #[test]
    fn so_many_calls_are_remembered_and_no_more() {
        let breaker = Breaker::default();
        let most = MOST_CALLS as u64;
        failed(&breaker, most + 1, 5, NOW_MS);
        (0..most + 100).for_each(|number| failed(&breaker, number, 1, NOW_MS + 10_000));
        assert_eq!(breaker.failing().len(), MOST_CALLS);
        // The loop that failed longest ago is forgotten, and the latest is not.
        assert_eq!(breaker.failing().get(&call(most + 99)).map(|known| known.at_ms.len()), Some(1));
        // What is too old to count makes room for all that comes.
        failed(&breaker, most + 200, 1, NOW_MS + 10_000 + WITHIN_MS);
        assert_eq!(breaker.failing().len(), 1);
    }

    #[test]
    fn what_asks_to_be_repeated_is_not_counted() {
        for code in [ErrorCode::PreviewRequired, ErrorCode::ApprovalRequired, ErrorCode::ProbablyNotSent] {
            assert!(!counts(&ToolError::new(code, "")), "{code}");
        }
        for code in [ErrorCode::RateLimited, ErrorCode::CallInProgress, ErrorCode::OutcomeUnknown] {
            assert!(!counts(&ToolError::new(code, "")), "{code}");
        }
        let told_when = ToolError::new(ErrorCode::BudgetExhausted, "").after_seconds(9);
        let told_how = ToolError { repeatable: true, ..ToolError::new(ErrorCode::UpstreamUnavailable, "") };
        assert!(!counts(&told_when) && !counts(&told_how));
        for code in [ErrorCode::InvalidArgument, ErrorCode::Denied, ErrorCode::UpstreamUnavailable] {
            assert!(counts(&ToolError::new(code, "")), "{code}");
        }
    }

    #[test]
    fn many_at_once_lose_no_failure() {
        let breaker = Breaker::default();
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let breaker = &breaker;
                scope.spawn(move || {
                    failed(breaker, 1, 1, NOW_MS);
                    (0..20).for_each(|number| failed(breaker, 100 + thread * 20 + number, 1, NOW_MS));
                });
            }
        });
        assert!(breaker.broken(&call(1), NOW_MS).is_some());
        assert_eq!(breaker.failing().len(), 1 + 64 * 20);
    }
}
