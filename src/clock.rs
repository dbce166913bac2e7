//! Time and randomness, passed in as one value.
//!
//! Nothing else in the program reads the wall clock or asks the system for random bytes (`tests/house.rs` holds
//! this): a quota, an expiry or a template's "now" is then testable to the millisecond, and the embedded sandbox can
//! lend its clock to the guards.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// A source of the current time and of random bytes, shared by everything that needs either.
pub type SharedClock = Arc<dyn Clock>;

/// Where "now" and randomness come from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Fills `bytes` with random bytes; those of a seeded clock repeat from run to run.
    fn fill_random(&self, bytes: &mut [u8]);

    /// The current time as Unix milliseconds, the unit of everything we store.
    fn now_ms(&self) -> i64 {
        self.now().as_millisecond()
    }
}

/// `N` random bytes from `clock`.
pub fn random_bytes<const N: usize>(clock: &dyn Clock) -> [u8; N] {
    let mut bytes = [0; N];
    clock.fill_random(&mut bytes);
    bytes
}

/// The machine's clock and the system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall_time()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        system_random(bytes);
    }
}

/// A clock that can be set, moved and stopped: the sandbox's, and that of the tests.
#[derive(Debug)]
pub struct AdjustableClock {
    time: Mutex<Time>,
    /// `None` takes randomness from the system.
    seeded: Mutex<Option<SeededBytes>>,
}

/// How an adjustable clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// With the machine's time.
    Running {
        /// Ahead of it, in milliseconds.
        offset_ms: i64,
    },
    /// Not at all.
    Stopped {
        /// At this time, in Unix milliseconds.
        at_ms: i64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Time {
    /// The machine's time plus an offset in milliseconds.
    Running {
        offset_ms: i64,
    },
    Stopped(Timestamp),
}

impl AdjustableClock {
    /// A clock that runs with the machine's until it is moved.
    #[must_use]
    pub fn running() -> Self {
        Self { time: Mutex::new(Time::Running { offset_ms: 0 }), seeded: Mutex::new(None) }
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn stopped_at(at: Timestamp) -> Self {
        Self { time: Mutex::new(Time::Stopped(at)), seeded: Mutex::new(None) }
    }

    /// The same clock with randomness that follows from `seed` alone.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.reseed(seed);
        self
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        *time = match *time {
            Time::Running { offset_ms } => Time::Running { offset_ms: offset_ms.saturating_add(by_ms) },
            Time::Stopped(at) => Time::Stopped(plus_ms(at, by_ms)),
        };
    }

    /// Sets the time; the clock goes on running or standing as it was.
    pub fn set(&self, to: Timestamp) {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        *time = match *time {
            Time::Running { .. } => {
                Time::Running { offset_ms: to.as_millisecond().saturating_sub(wall_time().as_millisecond()) }
            }
            Time::Stopped(_) => Time::Stopped(to),
        };
    }

    /// Stops the clock at the time it shows.
    pub fn stop(&self) {
        let now = self.now();
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = Time::Stopped(now);
    }

    /// Lets a stopped clock run on from the time it shows.
    pub fn resume(&self) {
        let now = self.now();
        let offset_ms = now.as_millisecond().saturating_sub(wall_time().as_millisecond());
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = Time::Running { offset_ms };
    }

    /// Whether the clock stands still.
    pub fn is_stopped(&self) -> bool {
        matches!(*self.time.lock().unwrap_or_else(PoisonError::into_inner), Time::Stopped(_))
    }

    /// How the clock goes, to be kept and given back to `set_going`.
    pub fn going(&self) -> Going {
        match *self.time.lock().unwrap_or_else(PoisonError::into_inner) {
            Time::Running { offset_ms } => Going::Running { offset_ms },
            Time::Stopped(at) => Going::Stopped { at_ms: at.as_millisecond() },
        }
    }

    /// Lets the clock go as it once did.
    pub fn set_going(&self, going: Going) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = match going {
            Going::Running { offset_ms } => Time::Running { offset_ms },
            Going::Stopped { at_ms } => Time::Stopped(Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX)),
        };
    }

    /// How many blocks of a seed's randomness were drawn; 0 without a seed.
    pub fn drawn_blocks(&self) -> u64 {
        let seeded = self.seeded.lock().unwrap_or_else(PoisonError::into_inner);
        seeded.as_ref().map_or(0, |seeded| seeded.drawn_blocks)
    }

    /// Goes back, or on, to where so many blocks were drawn. Nothing without a seed.
    pub fn draw_from(&self, drawn_blocks: u64) {
        if let Some(seeded) = &mut *self.seeded.lock().unwrap_or_else(PoisonError::into_inner) {
            seeded.drawn_blocks = drawn_blocks;
        }
    }

    /// Takes randomness from another seed from now on, from its beginning.
    pub fn reseed(&self, seed: u64) {
        *self.seeded.lock().unwrap_or_else(PoisonError::into_inner) = Some(SeededBytes { seed, drawn_blocks: 0 });
    }

    /// The seed its randomness follows from.
    pub fn seed(&self) -> Option<u64> {
        self.seeded.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|seeded| seeded.seed)
    }
}

impl Clock for AdjustableClock {
    fn now(&self) -> Timestamp {
        match *self.time.lock().unwrap_or_else(PoisonError::into_inner) {
            Time::Running { offset_ms } => plus_ms(wall_time(), offset_ms),
            Time::Stopped(at) => at,
        }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        match &mut *self.seeded.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(seeded) => seeded.fill(bytes),
            None => system_random(bytes),
        }
    }
}

/// SHA-256 in counter mode over a seed: short, portable, and the same bytes on every machine.
#[derive(Debug)]
struct SeededBytes {
    seed: u64,
    drawn_blocks: u64,
}

impl SeededBytes {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed.to_be_bytes());
            hash.update(self.drawn_blocks.to_be_bytes());
            self.drawn_blocks += 1;
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn wall_time() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[expect(clippy::disallowed_methods, clippy::expect_used, reason = "no safe way on without randomness")]
fn system_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

fn plus_ms(at: Timestamp, ms: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_millis(ms)).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_told() {
        let clock = AdjustableClock::stopped_at(Timestamp::from_second(1_700_000_000).unwrap());
        assert_eq!(clock.now_ms(), 1_700_000_000_000);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().as_second(), 1_700_000_090);
        clock.set(Timestamp::from_second(5).unwrap());
        assert_eq!(clock.now().as_second(), 5);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_again() {
        let draw = |seed| {
            let clock = AdjustableClock::running().with_seed(seed);
            (random_bytes::<40>(&clock), random_bytes::<8>(&clock))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
