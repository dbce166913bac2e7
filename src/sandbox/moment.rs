//! The moment a request is handled in: the world's time stands still meanwhile, so the same call at the same moment
//! leaves the same world, on the first run and when a store is read back.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;

use crate::clock::{AdjustableClock, Clock};

/// The world's clock: the time of the request at hand, and the randomness of the sandbox's clock.
#[derive(Debug)]
pub(super) struct Moment {
    now_ms: AtomicI64,
    source: Arc<AdjustableClock>,
}

impl Moment {
    pub(super) fn new(source: Arc<AdjustableClock>) -> Self {
        Self { now_ms: AtomicI64::new(source.now_ms()), source }
    }

    /// The next request is handled at the time the sandbox's clock shows.
    pub(super) fn arrive(&self) {
        self.now_ms.store(self.source.now_ms(), Ordering::Relaxed);
    }

    /// The next request is handled as it was at that time, with the randomness it had.
    pub(super) fn return_to(&self, instant: Instant) {
        self.now_ms.store(instant.at_ms, Ordering::Relaxed);
        self.source.draw_from(instant.drawn_blocks);
    }

    /// The time of an instant.
    pub(super) fn timestamp(instant: Instant) -> Timestamp {
        Timestamp::from_millisecond(instant.at_ms).unwrap_or(Timestamp::MAX)
    }

    /// Where time and randomness stand.
    pub(super) fn instant(&self) -> Instant {
        Instant { at_ms: self.now_ms.load(Ordering::Relaxed), drawn_blocks: self.source.drawn_blocks() }
    }
}

impl Clock for Moment {
    fn now(&self) -> Timestamp {
        Self::timestamp(self.instant())
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.source.fill_random(bytes);
    }
}

/// A point in the life of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    /// Unix milliseconds.
    pub(super) at_ms: i64,
    /// How much seeded randomness was drawn before it, in blocks.
    pub(super) drawn_blocks: u64,
}
