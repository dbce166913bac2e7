//! What the counts of an A/B test say, and whether they say it yet. A leaf: knows nothing of ours.
//!
//! Deterministic: the same counts give the same numbers, so that two readers of a test never disagree.

mod arms;
mod reading;
mod special;

pub use arms::{Arm, needed_per_arm, probability_best, same_rate, sample_ratio, smallest_difference, wilson};
pub use reading::{Reading, Verdict, read};
