//! The few special functions that the rest needs, for counts from one to billions.
//!
//! Written here because the crates at hand (statrs 0.19) stop the continued fraction of the incomplete beta function
//! after 140 terms, and it takes about the square root of the larger count: of a newsletter to a million, a thousand.

use std::f64::consts::PI;

/// Good to the last digits a caller can see.
const RELATIVE: f64 = 1e-15;
/// Enough for counts of a hundred billion.
const MOST_TERMS: u32 = 1_000_000;
/// Stands for nought where a division would follow.
const TINY: f64 = 1e-300;

/// Lanczos' coefficients for g = 7.
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// The logarithm of the gamma function, for a positive argument.
pub(super) fn ln_gamma(x: f64) -> f64 {
    if x < 0.5 {
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_9;
    let mut term = x;
    for coefficient in LANCZOS {
        term += 1.0;
        sum += coefficient / term;
    }
    let t = x + 7.5;
    (x + 0.5).mul_add(t.ln(), 0.5 * (2.0 * PI).ln()) - t + sum.ln()
}

/// The logarithm of the beta function.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// `ln(1 + e^t)` without overflow.
pub(super) fn softplus(t: f64) -> f64 {
    t.max(0.0) + (-t.abs()).exp().ln_1p()
}

/// The distribution function of a beta distribution at the probability whose log odds are `t`. In log odds neither end
/// of the scale loses digits.
pub(super) fn beta_below(t: f64, a: f64, b: f64) -> f64 {
    let (ln_x, ln_y) = (-softplus(-t), -softplus(t));
    let front = (a.mul_add(ln_x, b * ln_y) - ln_beta(a, b)).exp();
    let below = if ln_x.exp() < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(ln_x.exp(), a, b) / a
    } else {
        1.0 - front * beta_fraction(ln_y.exp(), b, a) / b
    };
    below.clamp(0.0, 1.0)
}

/// The continued fraction of the incomplete beta function, by Lentz' method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut lentz = Lentz::begin(1.0, 1.0 - (a + b) * x / (a + 1.0));
    for term in 1..MOST_TERMS {
        let term = f64::from(term);
        let place = 2.0f64.mul_add(term, a);
        lentz.step(term * (b - term) * x / ((place - 1.0) * place), 1.0);
        if lentz.step(-(a + term) * (a + b + term) * x / (place * (place + 1.0)), 1.0) {
            break;
        }
    }
    lentz.fraction
}

/// A continued fraction as far as it has come.
struct Lentz {
    numerator: f64,
    denominator: f64,
    fraction: f64,
}

impl Lentz {
    fn begin(numerator: f64, denominator: f64) -> Self {
        let denominator = 1.0 / not_nought(denominator);
        Self { numerator, denominator, fraction: denominator }
    }

    /// Goes one step on; `true` if it changed nothing that counts.
    fn step(&mut self, above: f64, beside: f64) -> bool {
        self.denominator = 1.0 / not_nought(above.mul_add(self.denominator, beside));
        self.numerator = not_nought(beside + above / self.numerator);
        let change = self.numerator * self.denominator;
        self.fraction *= change;
        (change - 1.0).abs() < RELATIVE
    }
}

fn not_nought(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}

/// How often a chi-squared statistic with so many degrees of freedom is at least this large by chance.
pub(super) fn chi_squared_above(statistic: f64, degrees: f64) -> f64 {
    let (shape, half) = (degrees / 2.0, statistic / 2.0);
    if half <= 0.0 {
        return 1.0;
    }
    let front = (shape.mul_add(half.ln(), -half) - ln_gamma(shape)).exp();
    if half < shape + 1.0 {
        let (mut term, mut sum, mut place) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..MOST_TERMS {
            place += 1.0;
            term *= half / place;
            sum += term;
            if term < sum * RELATIVE {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let mut beside = half + 1.0 - shape;
    let mut lentz = Lentz::begin(1.0 / TINY, beside);
    for term in 1..MOST_TERMS {
        let term = f64::from(term);
        beside += 2.0;
        if lentz.step(-term * (term - shape), beside) {
            break;
        }
    }
    front * lentz.fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(value: f64, expected: f64, relative: f64) {
        assert!((value - expected).abs() <= relative * expected.abs().max(1e-300), "{value} is not {expected}");
    }

    #[test]
    fn the_gamma_function_is_what_tables_say() {
        // Abramowitz and Stegun, tables 6.1 and 6.3; factorials.
        near(ln_gamma(0.5), PI.sqrt().ln(), 1e-13);
        near(ln_gamma(1.25).exp(), 0.906_402_477_1, 1e-9);
        near(ln_gamma(11.0), 3_628_800.0f64.ln(), 1e-14);
        near(ln_gamma(0.1).exp(), 9.513_507_698_668_732, 1e-12);
    }

    #[test]
    fn chi_squared_is_what_tables_say() {
        // Critical values of every textbook.
        for (statistic, degrees, above) in [
            (3.841_458_820_694_124, 1.0, 0.05),
            (6.634_896_601_021_213, 1.0, 0.01),
            (5.991_464_547_107_979, 2.0, 0.05),
            (14.067_140_449_340_169, 7.0, 0.05),
            (24.321_886_347_856_85, 7.0, 0.001),
        ] {
            near(chi_squared_above(statistic, degrees), above, 1e-9);
        }
        near(chi_squared_above(0.0, 3.0), 1.0, 0.0);
    }

    /// The chance of at least `k` of `n`, summed term by term.
    fn at_least(k: u32, n: u32, p: f64) -> f64 {
        let ln_choose = |n: f64, k: f64| ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
        (k..=n)
            .map(|k| {
                let (n, k) = (f64::from(n), f64::from(k));
                (ln_choose(n, k) + k * p.ln() + (n - k) * (-p).ln_1p()).exp()
            })
            .sum()
    }

    proptest! {
        #[test]
        fn the_beta_distribution_counts_as_the_binomial_does(n in 1..200_u32, k in 1..200_u32, p in 0.01..0.99f64) {
            let k = k.min(n);
            let below = beta_below((p / (1.0 - p)).ln(), f64::from(k), f64::from(n - k + 1));
            prop_assert!((below - at_least(k, n, p)).abs() < 1e-10);
        }

        #[test]
        fn the_beta_distribution_mirrors_itself(a in 0.5..1e6f64, b in 0.5..1e6f64, t in -20.0..20.0f64) {
            prop_assert!((beta_below(t, a, b) + beta_below(-t, b, a) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn the_beta_distribution_rises(a in 0.5..1e4f64, b in 0.5..1e4f64, t in -10.0..10.0f64, step in 0.0..1.0f64) {
            prop_assert!(beta_below(t, a, b) <= beta_below(t + step, a, b) + 1e-12);
        }
    }
}
