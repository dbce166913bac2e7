//! The arithmetic of rolling budgets, the same over any database.
//!
//! Charges are added up in buckets, so that a window costs a short sum however many calls fell into it. A bucket counts
//! as long as any part of it may lie in the window: a limit is never exceeded, and an amount comes free up to one
//! bucket's width late. Windows from an hour up share buckets of a minute; shorter ones have buckets of their own, a
//! sixtieth of the window.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Begin, Charge, Exhausted, Limit, StoreError, stored::stored_amount};

/// Width of the buckets that every charge goes into.
pub(super) const MINUTE_MS: i64 = 60_000;

/// How long buckets of a minute are kept: the longest window that can be asked for, and a day.
const MINUTES_KEPT_MS: i64 = 32 * 24 * 60 * MINUTE_MS;

/// How long narrower buckets are kept: twice the longest window that uses them.
const NARROW_KEPT_MS: i64 = 2 * 60 * MINUTE_MS;

/// What was charged in the bucket that begins at `start_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) start_ms: i64,
    pub(super) amount: u64,
}

/// The width of the buckets that a window is summed from.
pub(super) fn bucket_width_ms(window_ms: i64) -> i64 {
    (window_ms / 60).clamp(1, MINUTE_MS)
}

/// Where the bucket that `at_ms` falls into begins.
pub(super) fn bucket_start_ms(at_ms: i64, width_ms: i64) -> i64 {
    at_ms.saturating_sub(at_ms.rem_euclid(width_ms))
}

/// The oldest bucket that still counts at `now_ms`: those that begin after this.
pub(super) fn counted_after_ms(now_ms: i64, window_ms: i64) -> i64 {
    now_ms.saturating_sub(window_ms).saturating_sub(bucket_width_ms(window_ms))
}

/// Buckets that begin before this are of no use to anybody.
pub(super) fn kept_from_ms(now_ms: i64, width_ms: i64) -> i64 {
    now_ms.saturating_sub(if width_ms == MINUTE_MS { MINUTES_KEPT_MS } else { NARROW_KEPT_MS })
}

/// Every width a charge is written in: a minute always, so that a limit configured later finds its history.
pub(super) fn widths_ms(limits: &[Limit]) -> Vec<i64> {
    let mut widths: Vec<i64> = limits.iter().map(|limit| bucket_width_ms(limit.window_ms)).chain([MINUTE_MS]).collect();
    widths.sort_unstable();
    widths.dedup();
    widths
}

/// What the same call charges to the same budget of the same account in the charges before.
pub(super) fn amount_before(charges: &[Charge], next: &Charge) -> u64 {
    let same = |charge: &&Charge| charge.budget == next.budget && charge.shared == next.shared;
    charges.iter().filter(same).fold(0, |sum, charge| sum.saturating_add(charge.amount))
}

/// The sum of all buckets.
pub(super) fn total(buckets: &[Bucket]) -> u64 {
    buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.amount))
}

/// Whether the limit holds a charge beside what is `used`, which includes what the same call charged before.
pub(super) fn fits(charge: &Charge, limit: &Limit, used: u64) -> bool {
    used.saturating_add(charge.amount) <= limit.max
}

/// What stands in the way of a charge that does not fit beside what the buckets hold and `pending` of the same call.
/// `buckets` are those that count, oldest first.
pub(super) fn exhausted(charge: &Charge, limit: &Limit, buckets: &[Bucket], pending: u64) -> Exhausted {
    let used = total(buckets).saturating_add(pending);
    let excess = used.saturating_add(charge.amount).saturating_sub(limit.max);
    Exhausted {
        budget: charge.budget.clone(),
        shared: charge.shared,
        window_ms: limit.window_ms,
        max: limit.max,
        used,
        frees_at_ms: frees_at_ms(limit, buckets, excess),
    }
}

/// When the oldest buckets that together hold `excess` have left the window.
fn frees_at_ms(limit: &Limit, buckets: &[Bucket], excess: u64) -> Option<i64> {
    let mut freed = 0_u64;
    buckets.iter().find_map(|bucket| {
        freed = freed.saturating_add(bucket.amount);
        let end_ms = bucket.start_ms.saturating_add(bucket_width_ms(limit.window_ms));
        (freed >= excess).then(|| end_ms.saturating_add(limit.window_ms))
    })
}

/// Of two limits that do not hold, the one that holds out longer: waiting for the other would be in vain.
pub(super) fn stricter(one: Exhausted, other: Exhausted) -> Exhausted {
    let until = |exhausted: &Exhausted| exhausted.frees_at_ms.unwrap_or(i64::MAX);
    if until(&other) > until(&one) { other } else { one }
}

/// An amount in a bucket of a budget.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry<'a>(
    pub(super) Cow<'a, str>,
    /// Width of the bucket in milliseconds.
    pub(super) i64,
    /// Where it begins, in Unix milliseconds.
    pub(super) i64,
    /// The amount.
    pub(super) i64,
    /// Whether the account is the one that all callers share. There was none once.
    #[serde(default)]
    pub(super) bool,
);

/// Where the charges of `begin` go.
pub(super) fn entries(begin: &Begin) -> impl Iterator<Item = Entry<'_>> {
    begin.charges.iter().filter(|charge| charge.amount > 0).flat_map(|charge| {
        widths_ms(&charge.limits).into_iter().map(|width_ms| {
            let bucket_ms = bucket_start_ms(begin.now_ms, width_ms);
            Entry(
                Cow::Borrowed(charge.budget.as_str()),
                width_ms,
                bucket_ms,
                stored_amount(charge.amount),
                charge.shared,
            )
        })
    })
}

/// What a call keeps of its charges, so that they can be taken back.
pub(super) fn kept(begin: &Begin) -> Option<String> {
    let entries: Vec<_> = entries(begin).collect();
    if entries.is_empty() { None } else { serde_json::to_string(&entries).ok() }
}

/// What a call has kept of its charges.
pub(super) fn kept_entries(kept: &str) -> Result<Vec<Entry<'_>>, StoreError> {
    serde_json::from_str(kept).map_err(|_| StoreError::Database("what a call has charged cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Limit = Limit { window_ms: 60 * MINUTE_MS, max: 10 };

    fn charge(amount: u64) -> Charge {
        Charge { budget: "sends".to_owned(), amount, limits: vec![HOUR], shared: false }
    }

    #[test]
    fn a_charge_leaves_the_window_no_sooner_than_it_should_and_a_bucket_later_at_most() {
        let at_ms = 1_700_000_012_345;
        let start_ms = bucket_start_ms(at_ms, MINUTE_MS);
        let counts = |now_ms| start_ms > counted_after_ms(now_ms, HOUR.window_ms);
        assert!(counts(at_ms + HOUR.window_ms - 1));
        assert!(!counts(at_ms + HOUR.window_ms + MINUTE_MS));
    }

    #[test]
    fn the_time_named_is_the_first_at_which_the_charge_fits() {
        let buckets = [Bucket { start_ms: 0, amount: 4 }, Bucket { start_ms: 120_000, amount: 6 }];
        let exhausted = exhausted(&charge(5), &HOUR, &buckets, 0);
        assert_eq!((exhausted.used, exhausted.frees_at_ms), (10, Some(120_000 + MINUTE_MS + HOUR.window_ms)));
        let frees_at_ms = exhausted.frees_at_ms.unwrap();
        assert!(buckets[1].start_ms <= counted_after_ms(frees_at_ms, HOUR.window_ms));
        assert!(buckets[1].start_ms > counted_after_ms(frees_at_ms - 1, HOUR.window_ms));
    }

    #[test]
    fn a_charge_larger_than_the_limit_never_fits() {
        assert_eq!(exhausted(&charge(11), &HOUR, &[], 0).frees_at_ms, None);
        assert!(!fits(&charge(11), &HOUR, 0) && !fits(&charge(u64::MAX), &HOUR, 3));
        assert!(fits(&charge(10), &HOUR, 0) && !fits(&charge(10), &HOUR, 1));
    }

    #[test]
    fn times_before_1970_have_buckets_too() {
        assert_eq!(bucket_start_ms(-1, MINUTE_MS), -MINUTE_MS);
        assert_eq!(bucket_start_ms(0, MINUTE_MS), 0);
    }
}
