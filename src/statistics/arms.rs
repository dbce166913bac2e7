//! What the counts of the arms of a test say.

use super::special::{beta_below, chi_squared_above, ln_beta, softplus};

/// The counts of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arm {
    /// People who could have done it.
    pub recipients: u64,
    /// People who did it; never more.
    pub successes: u64,
}

/// Two-sided 95 %: the normal quantile at 0.975.
const Z_95: f64 = 1.959_963_984_540_054;
/// 80 % power: the normal quantile at 0.8.
const Z_POWER: f64 = 0.841_621_233_572_914_3;

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

impl Arm {
    /// The share of people who did it.
    pub fn rate(self) -> f64 {
        if self.recipients == 0 { 0.0 } else { float(self.successes) / float(self.recipients) }
    }

    /// What is believed of the rate, from Jeffreys' prior on: a beta distribution with these parameters.
    fn belief(self) -> (f64, f64) {
        (float(self.successes) + 0.5, float(self.recipients - self.successes) + 0.5)
    }
}

/// Wilson's 95 % interval of a rate.
pub fn wilson(arm: Arm) -> (f64, f64) {
    if arm.recipients == 0 {
        return (0.0, 1.0);
    }
    let (n, p, zz) = (float(arm.recipients), arm.rate(), Z_95 * Z_95);
    let middle = p + zz / (2.0 * n);
    let half = Z_95 * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    let scale = 1.0 + zz / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// How probable it is of each arm that its rate is the highest.
///
/// The integral over the arm's own belief of the chance that all others are below. It is taken in log odds, where the
/// densities are smooth and the trapezoidal rule is as good as exact.
pub fn probability_best(arms: &[Arm]) -> Vec<f64> {
    let beliefs: Vec<Belief> = arms.iter().map(|arm| Belief::of(*arm)).collect();
    let step = beliefs.iter().map(|belief| belief.spread).fold(f64::INFINITY, f64::min) / STEPS_PER_SPREAD;
    let mut chances: Vec<f64> = beliefs
        .iter()
        .enumerate()
        .map(|(at, own)| {
            // Below where another arm must be, this one is not the best.
            let others = || beliefs.iter().enumerate().filter(move |(other, _)| *other != at).map(|(_, belief)| belief);
            let from = others().map(|other| other.from).fold(own.from, f64::max);
            let mut sum = 0.0;
            let mut t = from;
            while t <= own.to {
                let all_below: f64 = others().map(|other| other.below(t)).product();
                sum += own.density(t) * all_below;
                t += step;
            }
            sum * step
        })
        .collect();
    let whole: f64 = chances.iter().sum();
    for chance in &mut chances {
        *chance /= whole;
    }
    chances
}

/// How fine the steps of the integral are.
const STEPS_PER_SPREAD: f64 = 8.0;
/// Where a density is below its height by this factor's logarithm, nothing is left of it.
const NOTHING_LEFT: f64 = 42.0;

/// What is believed of a rate, in log odds.
struct Belief {
    a: f64,
    b: f64,
    ln_beta: f64,
    /// About its standard deviation.
    spread: f64,
    /// Where it begins, as far as anybody can tell.
    from: f64,
    /// Where it ends.
    to: f64,
}

impl Belief {
    fn of(arm: Arm) -> Self {
        let (a, b) = arm.belief();
        let spread = (1.0 / a + 1.0 / b).sqrt();
        let mut belief = Self { a, b, ln_beta: ln_beta(a, b), spread, from: (a / b).ln(), to: (a / b).ln() };
        let lowest = belief.ln_density((a / b).ln()) - NOTHING_LEFT;
        while belief.ln_density(belief.from) > lowest {
            belief.from -= spread;
        }
        while belief.ln_density(belief.to) > lowest {
            belief.to += spread;
        }
        belief
    }

    fn ln_density(&self, t: f64) -> f64 {
        self.a.mul_add(t, -(self.a + self.b) * softplus(t)) - self.ln_beta
    }

    fn density(&self, t: f64) -> f64 {
        self.ln_density(t).exp()
    }

    /// The chance that the rate is below the one with these log odds.
    fn below(&self, t: f64) -> f64 {
        if t <= self.from {
            0.0
        } else if t >= self.to {
            1.0
        } else {
            beta_below(t, self.a, self.b)
        }
    }
}

/// How often counts differ from the planned split at least this much by chance: Pearson's chi-squared test.
pub fn sample_ratio(counts: &[u64], weights: &[f64]) -> f64 {
    let (total, whole) = (counts.iter().sum::<u64>(), weights.iter().sum::<f64>());
    if total == 0 || counts.len() < 2 {
        return 1.0;
    }
    let statistic = counts.iter().zip(weights).map(|(count, weight)| {
        let expected = float(total) * weight / whole;
        (float(*count) - expected).powi(2) / expected
    });
    chi_squared_above(statistic.sum(), float(counts.len() as u64 - 1))
}

/// How often two arms of the same rate differ at least this much by chance: the two-sided test of two proportions.
pub fn same_rate(one: Arm, other: Arm) -> f64 {
    let (n, m) = (float(one.recipients), float(other.recipients));
    let pooled = float(one.successes + other.successes) / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    chi_squared_above((one.rate() - other.rate()).powi(2) / variance, 1.0)
}

/// The fewest people per arm with whom a difference between these rates shows (95 %, two-sided) in four tests of five.
pub fn needed_per_arm(one: f64, other: f64) -> Option<u64> {
    let difference = one - other;
    let needed = (Z_95 + Z_POWER).powi(2) * (one * (1.0 - one) + other * (1.0 - other)) / difference.powi(2);
    whole(needed.ceil())
}

/// The smallest difference from a rate that so many people per arm show in four tests of five.
pub fn smallest_difference(rate: f64, per_arm: u64) -> f64 {
    (Z_95 + Z_POWER) * (2.0 * rate * (1.0 - rate) / float(per_arm)).sqrt()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in the line before")]
fn whole(count: f64) -> Option<u64> {
    (1.0..1e15).contains(&count).then_some(count as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arm(successes: u64, recipients: u64) -> Arm {
        Arm { recipients, successes }
    }

    fn near(value: f64, expected: f64, by: f64) {
        assert!((value - expected).abs() <= by, "{value} is not {expected}");
    }

    #[test]
    fn intervals_are_newcombes() {
        // R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        for (successes, recipients, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (from, to) = wilson(arm(successes, recipients));
            near(from, low, 5e-5);
            near(to, high, 5e-5);
        }
        assert_eq!(wilson(arm(0, 0)), (0.0, 1.0));
    }

    #[test]
    fn a_broken_split_is_kohavis() {
        // R. Kohavi, D. Tang, Y. Xu, Trustworthy Online Controlled Experiments (2020), chapter 3.
        near(sample_ratio(&[821_588, 815_482], &[1.0, 1.0]) / 1.8e-6, 1.0, 0.02);
        near(sample_ratio(&[500, 500], &[0.5, 0.5]), 1.0, 0.0);
        near(sample_ratio(&[900, 100], &[9.0, 1.0]), 1.0, 0.0);
    }

    #[test]
    fn the_sample_is_chows() {
        // S.-C. Chow, J. Shao, H. Wang, Sample Size Calculations in Clinical Research, chapter 4: 65 % against 85 %.
        assert_eq!(needed_per_arm(0.65, 0.85), Some(70));
        assert_eq!(needed_per_arm(0.85, 0.65), Some(70));
        assert_eq!(needed_per_arm(0.1, 0.1), None);
    }

    #[test]
    fn two_proportions_are_compared_as_in_textbooks() {
        // 41 of 216 against 64 of 212 (NIST/SEMATECH e-Handbook gives the statistic's form): z = 2.6846.
        let (one, other) = (arm(41, 216), arm(64, 212));
        let pooled = 105.0 / 428.0;
        let z = (other.rate() - one.rate()) / (pooled * (1.0 - pooled) * (1.0 / 216.0 + 1.0 / 212.0f64)).sqrt();
        near(same_rate(one, other), chi_squared_above(z * z, 1.0), 1e-12);
        near(same_rate(one, one), 1.0, 1e-12);
        near(same_rate(arm(0, 10), arm(0, 10)), 1.0, 0.0);
    }

    #[test]
    fn equal_arms_are_equally_good() {
        for (count, share) in [(2, 0.5), (3, 1.0 / 3.0), (8, 0.125)] {
            for chance in probability_best(&vec![arm(30, 400); count]) {
                near(chance, share, 1e-9);
            }
        }
    }

    #[test]
    fn very_different_counts_lose_nothing() {
        let chances = probability_best(&[arm(1, 2), arm(100_000, 1_000_000)]);
        // The arm of two people has Beta(1.5, 1.5); the other is as good as fixed at 0.1.
        let below: f64 = beta_below((0.1f64 / 0.9).ln(), 1.5, 1.5);
        near(chances[1], below, 1e-5);
        let chances = probability_best(&[arm(0, 1_000_000_000), arm(1_000_000_000, 1_000_000_000)]);
        near(chances[1], 1.0, 1e-9);
    }

    fn arms() -> impl Strategy<Value = Vec<Arm>> {
        let one = (1..5_000_u64, 0.0..1.0f64).prop_map(|(recipients, share)| {
            let successes = (0..=recipients).nth(usize::try_from(recipients).unwrap_or(0) / 2).unwrap_or(0);
            let successes = whole((float(successes) * share).floor()).unwrap_or(0);
            Arm { recipients, successes }
        });
        proptest::collection::vec(one, 2..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_interval_holds_its_rate(successes in 0..1_000_u64, more in 0..1_000_u64) {
            let arm = arm(successes, successes + more + 1);
            let (from, to) = wilson(arm);
            prop_assert!((0.0..=1.0).contains(&from) && (0.0..=1.0).contains(&to));
            prop_assert!(from <= arm.rate() + 1e-12 && arm.rate() <= to + 1e-12);
        }

        #[test]
        fn chances_are_a_whole_and_go_with_their_arms(arms in arms()) {
            let chances = probability_best(&arms);
            prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mut turned = arms;
            turned.rotate_left(1);
            let mut expected = chances;
            expected.rotate_left(1);
            for (one, other) in probability_best(&turned).iter().zip(&expected) {
                prop_assert!((one - other).abs() < 1e-7, "{} {}", one, other);
            }
        }

        #[test]
        fn who_does_better_is_likelier_the_best(arms in arms()) {
            let before = probability_best(&arms)[0];
            let mut better = arms;
            better[0].successes = (better[0].successes + 1).min(better[0].recipients);
            prop_assert!(probability_best(&better)[0] >= before - 1e-9);
        }

        #[test]
        fn a_sample_that_is_needed_shows_the_difference(one in 0.01..0.99f64, other in 0.01..0.99f64) {
            prop_assume!((one - other).abs() > 0.001);
            let needed = needed_per_arm(one, other).unwrap();
            let shown = (Z_95 + Z_POWER) * ((one * (1.0 - one) + other * (1.0 - other)) / float(needed)).sqrt();
            prop_assert!(shown <= (one - other).abs() + 1e-12);
        }
    }
}
