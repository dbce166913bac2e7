//! The App API's limits, for a sandbox that enforces them (behaviour.md section 2).
//!
//! They count by the sandbox's clock, so a test frees a window by moving it.

use std::collections::VecDeque;

use super::{ids, reply::Reply, routes::Route};
use crate::clock::Clock;

const REQUESTS_PER_SECOND: usize = 10;
const ARCHIVED_PER_DAY: usize = 100;
const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What was let through lately, in Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Limits {
    requests: VecDeque<i64>,
    archived: VecDeque<i64>,
}

impl Limits {
    /// Counts a request to the App API, or refuses it.
    pub(super) fn admit(&mut self, route: &Route, clock: &dyn Clock) -> Result<(), Reply> {
        let now_ms = clock.now_ms();
        if !has_room(&mut self.requests, now_ms - SECOND_MS, REQUESTS_PER_SECOND) {
            return Err(Reply::rate_limited("10 requests per 1s", Some(1), &ids::reference(clock)));
        }
        if route.operation == "getArchivedMessage" {
            // A spent daily quota comes without Retry-After.
            if !has_room(&mut self.archived, now_ms - DAY_MS, ARCHIVED_PER_DAY) {
                return Err(Reply::rate_limited("100 requests per 24h", None, &ids::reference(clock)));
            }
            self.archived.push_back(now_ms);
        }
        self.requests.push_back(now_ms);
        Ok(())
    }
}

fn has_room(window: &mut VecDeque<i64>, since_ms: i64, limit: usize) -> bool {
    while window.front().is_some_and(|at_ms| *at_ms <= since_ms) {
        window.pop_front();
    }
    window.len() < limit
}
