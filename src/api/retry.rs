//! Who may be repeated, and when.
//!
//! Customer.io has no idempotency keys (behaviour.md section 1): a repeated send sends twice. So each operation
//! states what repeating it means, and a request whose fate is unknown is repeated only where that is harmless.

use std::time::Duration;

use crate::clock::{Clock, random_bytes};

/// What repeating a request of unknown fate would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same state again: reads, PUT, DELETE, segment membership.
    Natural,
    /// Nothing: the request carries an id of ours that the vendor ignores when repeated (events).
    Ulid,
    /// A second effect: sends and creations. Repeated only on proof that the request never left.
    Ledger,
}

impl Retry {
    /// Whether a request that was sent and not clearly answered may be sent again.
    pub const fn repeats_unknown(self) -> bool {
        !matches!(self, Self::Ledger)
    }

    /// How long one attempt may take. What cannot be repeated gets the patience of several attempts.
    pub(super) const fn attempt_limit(self) -> Duration {
        match self {
            Self::Natural | Self::Ulid => Duration::from_secs(10),
            Self::Ledger => Duration::from_secs(30),
        }
    }
}

/// How often and how far apart requests are repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryTiming {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Pause before the second attempt; doubles with each further one, and varies by half.
    pub base: Duration,
    /// Longest pause of our own choosing. A `Retry-After` may be longer.
    pub cap: Duration,
    /// Replaces the limit of a single attempt (10 s, or 30 s for what is never repeated).
    pub attempt_limit: Option<Duration>,
}

impl Default for RetryTiming {
    fn default() -> Self {
        Self { max_attempts: 4, base: Duration::from_millis(250), cap: Duration::from_secs(4), attempt_limit: None }
    }
}

impl RetryTiming {
    /// The pause after attempt number `attempt` (from 1): between half and all of the doubled base.
    pub(super) fn pause(&self, attempt: u32, clock: &dyn Clock) -> Duration {
        let doubled = self.base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.cap);
        let draw = f64::from(u32::from_be_bytes(random_bytes(clock))) / f64::from(u32::MAX);
        doubled.mul_f64(draw.mul_add(0.5, 0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::AdjustableClock;

    #[test]
    fn pauses_double_vary_by_half_and_stop_at_the_cap() {
        let clock = AdjustableClock::running().with_seed(1);
        let timing = RetryTiming::default();
        for (attempt, most_ms) in [(1, 250), (2, 500), (3, 1_000), (5, 4_000), (40, 4_000)] {
            for _ in 0..50 {
                let pause = timing.pause(attempt, &clock).as_millis();
                assert!((most_ms / 2..=most_ms).contains(&pause), "attempt {attempt}: {pause} ms");
            }
        }
    }
}
