//! What a test may be taken to say: one of four things, and mostly "too early".

use super::arms::{Arm, float, needed_per_arm, probability_best, same_rate, sample_ratio, smallest_difference};

/// A split that comes about by chance less often than this is no accident.
const BROKEN_BELOW: f64 = 0.001;
/// What counts as a difference.
const SIGNIFICANT_BELOW: f64 = 0.05;
/// With fewer people in an arm, or fewer who did it in all, nothing is said.
const LEAST_RECIPIENTS: u64 = 100;
const LEAST_SUCCESSES: u64 = 10;

/// What a test may be taken to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// People were not dealt out as planned, so the arms cannot be compared.
    SplitBroken,
    /// There is not enough to say anything.
    TooEarly,
    /// A difference worth knowing of would have shown.
    NoDifference,
    /// The arm at this place is better than every other.
    Better(usize),
}

/// All that a test says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What it may be taken to say.
    pub verdict: Verdict,
    /// How probable it is of each arm that it is the best.
    pub best: Vec<f64>,
    /// How often people are dealt out at least as unevenly by chance.
    pub split_p: f64,
    /// How often the best arm and the next differ at least this much by chance, corrected for the number of arms.
    pub difference_p: f64,
    /// The fewest people per arm that the difference seen needs; `None` if there is none.
    pub needed_per_arm: Option<u64>,
    /// The smallest difference that would have shown with the people there are, as a share of the rate.
    pub would_show: Option<f64>,
    /// The places of the arm with the highest rate and of the next.
    pub leading: (usize, usize),
}

/// Reads a test: its arms, how many people each was sent to, how they were to be dealt out, and the smallest difference
/// worth knowing of, as a share of the rate. `None` unless there are two arms or more.
pub fn read(arms: &[Arm], sent: &[u64], weights: &[f64], relevant: f64) -> Option<Reading> {
    let mut places: Vec<usize> = (0..arms.len()).collect();
    places.sort_by(|one, other| arms[*other].rate().total_cmp(&arms[*one].rate()).then(one.cmp(other)));
    let [leader, next, ..] = places.as_slice() else { return None };
    let (leader, next) = (*leader, *next);
    let comparisons = float(arms.len() as u64 - 1);
    let difference_p = (same_rate(arms[leader], arms[next]) * comparisons).min(1.0);
    let fewest = arms.iter().map(|arm| arm.recipients).min().unwrap_or_default();
    let successes: u64 = arms.iter().map(|arm| arm.successes).sum();
    let recipients: u64 = arms.iter().map(|arm| arm.recipients).sum();
    let rate = Arm { recipients, successes }.rate();
    let needed = needed_per_arm(arms[leader].rate(), arms[next].rate());
    let would_show = (rate > 0.0 && fewest > 0).then(|| smallest_difference(rate, fewest) / rate);
    let split_p = sample_ratio(sent, weights);
    let verdict = if split_p < BROKEN_BELOW {
        Verdict::SplitBroken
    } else if fewest < LEAST_RECIPIENTS || successes < LEAST_SUCCESSES {
        Verdict::TooEarly
    } else if difference_p < SIGNIFICANT_BELOW {
        // Who looks again and again meets a difference by chance sooner or later; seldom one that needs no more people.
        if needed.is_some_and(|needed| fewest >= needed) { Verdict::Better(leader) } else { Verdict::TooEarly }
    } else if would_show.is_some_and(|would_show| would_show <= relevant) {
        Verdict::NoDifference
    } else {
        Verdict::TooEarly
    };
    let best = probability_best(arms);
    Some(Reading { verdict, best, split_p, difference_p, needed_per_arm: needed, would_show, leading: (leader, next) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(arms: &[(u64, u64)], relevant: f64) -> Verdict {
        let arms: Vec<_> =
            arms.iter().map(|(successes, recipients)| Arm { recipients: *recipients, successes: *successes }).collect();
        let sent: Vec<_> = arms.iter().map(|arm| arm.recipients).collect();
        read(&arms, &sent, &vec![1.0; arms.len()], relevant).unwrap().verdict
    }

    #[test]
    fn a_test_says_one_of_four_things() {
        assert_eq!(verdict(&[(300, 1_000), (400, 1_000)], 0.1), Verdict::Better(1));
        assert_eq!(verdict(&[(400, 1_000), (300, 1_000), (310, 1_000)], 0.1), Verdict::Better(0));
        assert_eq!(verdict(&[(300, 1_000), (320, 1_000)], 0.1), Verdict::TooEarly);
        assert_eq!(verdict(&[(30_000, 100_000), (30_100, 100_000)], 0.1), Verdict::NoDifference);
        assert_eq!(verdict(&[(30_000, 100_000), (30_100, 100_000)], 0.01), Verdict::TooEarly);
        assert_eq!(verdict(&[(300, 1_000), (600, 1_600)], 0.1), Verdict::SplitBroken);
        // Few people, or few who did it.
        assert_eq!(verdict(&[(5, 50), (45, 50)], 0.1), Verdict::TooEarly);
        assert_eq!(verdict(&[(0, 1_000), (9, 1_000)], 0.1), Verdict::TooEarly);
        assert_eq!(verdict(&[(0, 0), (0, 0)], 0.1), Verdict::TooEarly);
    }

    #[test]
    fn a_difference_that_needs_more_people_is_not_taken_for_one() {
        // Significant at a first look, and less than four tests of five would show it.
        let (one, other) = ((300, 1_000), (345, 1_000));
        let arms = [one, other].map(|(successes, recipients)| Arm { recipients, successes });
        let reading = read(&arms, &[1_000, 1_000], &[1.0, 1.0], 0.1).unwrap();
        assert!(reading.difference_p < SIGNIFICANT_BELOW);
        assert_eq!(reading.verdict, Verdict::TooEarly);
    }

    #[test]
    fn one_arm_is_no_test() {
        assert_eq!(read(&[Arm { recipients: 10, successes: 1 }], &[10], &[1.0], 0.1), None);
    }
}
