//! Keeping the vendor's rate limits on our side (behaviour.md section 2), since nothing announces them beforehand.
//!
//! Each limit is a log of the last requests: a request may leave when the one `count` places before it is `window`
//! old. That never exceeds the limit in any window, which a bucket that refills does at its seams.
//! Time here is the machine's monotonic one, not the clock that a sandbox may stop.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The vendor's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// 1,000 per second over Track v1 and v2.
    Track,
    /// 3,000 per 3 seconds over Pipelines.
    Pipelines,
    /// 10 per second for most of the App API, shared by everyone who uses the workspace.
    App,
    /// Transactional sends. The documentation contradicts itself (100/s, or 3,000 per 3 s); this is the lower one.
    Transactional,
    /// Broadcast triggers: one per 10 seconds.
    Broadcast,
    /// Archived bodies: 100 per day. A spent day is not answered with a time to wait.
    ArchivedMessage,
}

impl Limit {
    const ALL: [Self; 6] =
        [Self::Track, Self::Pipelines, Self::App, Self::Transactional, Self::Broadcast, Self::ArchivedMessage];

    const fn count_and_window(self) -> (usize, Duration) {
        match self {
            Self::Track | Self::Pipelines => (1_000, Duration::from_secs(1)),
            Self::App => (10, Duration::from_secs(1)),
            Self::Transactional => (100, Duration::from_secs(1)),
            Self::Broadcast => (1, Duration::from_secs(10)),
            Self::ArchivedMessage => (100, Duration::from_hours(24)),
        }
    }

    /// Whether the limit is a quota that waiting within a call cannot outlast.
    pub(super) const fn is_daily(self) -> bool {
        matches!(self, Self::ArchivedMessage)
    }
}

/// Hands out the times at which requests may leave.
#[derive(Debug)]
pub(super) struct Pacer {
    /// `None` leaves everything to the vendor.
    logs: Option<Mutex<[Log; Limit::ALL.len()]>>,
}

/// The departure would come too late; nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLate {
    pub(super) wait: Duration,
}

impl Pacer {
    pub(super) fn new(paced: bool) -> Self {
        Self { logs: paced.then(|| Mutex::new(Limit::ALL.map(Log::new))) }
    }

    /// Reserves the next departure not after `deadline` and says how long to wait for it.
    pub(super) fn reserve(&self, limit: Limit, now: Instant, deadline: Instant) -> Result<Duration, TooLate> {
        self.with_log(limit, |log| log.reserve(now, deadline)).unwrap_or(Ok(Duration::ZERO))
    }

    /// Lets nothing leave before `until`, because the vendor said so.
    pub(super) fn hold(&self, limit: Limit, until: Instant) {
        self.with_log(limit, |log| log.held_until = log.held_until.max(Some(until)));
    }

    fn with_log<T>(&self, limit: Limit, act: impl FnOnce(&mut Log) -> T) -> Option<T> {
        let mut logs = self.logs.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        logs.iter_mut().find(|log| log.limit == limit).map(act)
    }
}

#[derive(Debug)]
struct Log {
    limit: Limit,
    /// Past and promised departures, oldest first, at most `count` of them.
    departures: VecDeque<Instant>,
    held_until: Option<Instant>,
}

impl Log {
    const fn new(limit: Limit) -> Self {
        Self { limit, departures: VecDeque::new(), held_until: None }
    }

    fn reserve(&mut self, now: Instant, deadline: Instant) -> Result<Duration, TooLate> {
        let (count, window) = self.limit.count_and_window();
        let earliest =
            if self.departures.len() < count { None } else { self.departures.front().map(|at| *at + window) };
        let at = [earliest, self.held_until].into_iter().flatten().fold(now, Instant::max);
        let wait = at.duration_since(now);
        if !wait.is_zero() && at >= deadline {
            return Err(TooLate { wait });
        }
        if self.departures.len() >= count {
            self.departures.pop_front();
        }
        self.departures.push_back(at);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_eleventh_app_request_waits_for_the_first_to_be_a_second_old() {
        let (pacer, start) = (Pacer::new(true), Instant::now());
        let deadline = start + Duration::from_mins(1);
        for i in 0..10 {
            assert_eq!(pacer.reserve(Limit::App, start + i * MS, deadline), Ok(Duration::ZERO));
        }
        assert_eq!(pacer.reserve(Limit::App, start + 10 * MS, deadline), Ok(990 * MS));
        assert_eq!(pacer.reserve(Limit::App, start + 10 * MS, deadline), Ok(991 * MS));
        assert_eq!(pacer.reserve(Limit::Track, start + 10 * MS, deadline), Ok(Duration::ZERO));
    }

    #[test]
    fn no_window_holds_more_than_the_limit() {
        let (pacer, start) = (Pacer::new(true), Instant::now());
        let deadline = start + Duration::from_mins(10);
        let mut departures = Vec::new();
        for i in 0..200_u32 {
            let now = start + MS * (i * 37 % 1_500).max(i * 3);
            departures.push(now + pacer.reserve(Limit::App, now, deadline).unwrap());
        }
        departures.sort_unstable();
        for ten_later in departures.windows(11) {
            assert!(ten_later[10] - ten_later[0] >= Duration::from_secs(1));
        }
    }

    #[test]
    fn what_would_leave_too_late_takes_no_place() {
        let (pacer, start) = (Pacer::new(true), Instant::now());
        for _ in 0..10 {
            pacer.reserve(Limit::App, start, start + MS).unwrap();
        }
        let late = pacer.reserve(Limit::App, start, start + 500 * MS);
        assert_eq!(late, Err(TooLate { wait: 1_000 * MS }));
        assert_eq!(pacer.reserve(Limit::App, start, start + 2_000 * MS), Ok(1_000 * MS));
    }

    #[test]
    fn the_hundred_and_first_archived_message_waits_for_tomorrow() {
        let (pacer, start) = (Pacer::new(true), Instant::now());
        for _ in 0..100 {
            pacer.reserve(Limit::ArchivedMessage, start, start + MS).unwrap();
        }
        let late = pacer.reserve(Limit::ArchivedMessage, start, start + Duration::from_secs(50));
        assert_eq!(late, Err(TooLate { wait: Duration::from_hours(24) }));
    }

    #[test]
    fn a_hold_delays_everyone_and_no_pacing_nobody() {
        let start = Instant::now();
        let deadline = start + Duration::from_mins(1);
        for (paced, expected) in [(true, 3_000 * MS), (false, Duration::ZERO)] {
            let pacer = Pacer::new(paced);
            pacer.hold(Limit::App, start + 3_000 * MS);
            assert_eq!(pacer.reserve(Limit::App, start, deadline), Ok(expected));
        }
    }
}
