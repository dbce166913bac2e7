//! Randomness that follows from a seed.

use customerio_mcp::clock::{AdjustableClock, random_bytes};

/// What a schedule is drawn from.
pub(super) struct Dice(AdjustableClock);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AdjustableClock::running().with_seed(seed))
    }

    /// A number from 0 to `end`, which is not included.
    pub(super) fn below(&self, end: usize) -> usize {
        let drawn = u32::from_be_bytes(random_bytes(&self.0));
        usize::try_from(drawn).unwrap() % end
    }

    /// `true` once in so many times.
    pub(super) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A part of `list`, any size, in order.
    pub(super) fn part_of<T>(&self, list: Vec<T>) -> (Vec<T>, Vec<T>) {
        list.into_iter().partition(|_| self.once_in(2))
    }
}
