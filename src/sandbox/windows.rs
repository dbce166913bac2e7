//! The spans of time that metrics are counted in.

use jiff::{SignedDuration, Span, Timestamp, ToSpan, ZonedDateTime, civil::Weekday, tz::TimeZone};

/// The vendor's own time zone, in which days, weeks and months begin.
pub(super) const EASTERN: &str = "America/New_York";
/// More spans than this are refused.
const MAX_SPANS: usize = 1000;

/// How long one span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Hours,
    Days,
    Weeks,
    Months,
}

impl Unit {
    /// `hours` and `hourly`, and so on.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "hours" | "hourly" => Some(Self::Hours),
            "days" | "daily" => Some(Self::Days),
            "weeks" | "weekly" => Some(Self::Weeks),
            "months" | "monthly" => Some(Self::Months),
            _ => None,
        }
    }

    /// The most spans of a report by `period` and `steps`.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Hours => 24,
            Self::Days => 45,
            Self::Weeks => 12,
            Self::Months => 121,
        }
    }

    fn times(self, count: i64) -> Span {
        match self {
            Self::Hours => count.hours(),
            Self::Days => count.days(),
            Self::Weeks => count.weeks(),
            Self::Months => count.months(),
        }
    }

    /// The beginning of the span that `at` lies in: the hour, midnight, Sunday or the first of the month.
    fn beginning(self, at: &ZonedDateTime) -> Option<ZonedDateTime> {
        let midnight = at.start_of_day().ok()?;
        match self {
            Self::Hours => {
                let since_midnight = at.timestamp().as_second() - midnight.timestamp().as_second();
                midnight.checked_add(SignedDuration::from_secs(since_midnight - since_midnight % 3600)).ok()
            }
            Self::Days => Some(midnight),
            Self::Weeks => {
                let since_sunday = midnight.weekday().since(Weekday::Sunday);
                midnight.checked_sub(i64::from(since_sunday).days()).ok()?.start_of_day().ok()
            }
            Self::Months => midnight.first_of_month().ok()?.start_of_day().ok(),
        }
    }
}

/// Adjoining spans, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    /// Where each begins, and where the last one ends, in Unix seconds.
    edges: Vec<i64>,
}

impl Windows {
    /// The last `count` spans up to the one that holds `now`, in the vendor's time zone.
    pub(super) fn last(unit: Unit, count: usize, now: i64) -> Option<Self> {
        let now = Timestamp::from_second(now).ok()?.to_zoned_datetime(TimeZone::get(EASTERN).ok()?);
        let current = unit.beginning(&now)?;
        let count = i64::try_from(count).ok()?;
        let edges: Option<Vec<_>> = (1 - count..=1).map(|step| edge(&current, unit, step)).collect();
        Some(Self { edges: edges? })
    }

    /// The spans from the one that holds `start` to the one that holds `end`. `None` when they are too many.
    pub(super) fn between(unit: Unit, start: i64, end: i64, zone: &TimeZone) -> Option<Self> {
        let start = Timestamp::from_second(start).ok()?.to_zoned_datetime(zone.clone());
        let first = unit.beginning(&start)?;
        let mut edges = vec![first.timestamp().as_second()];
        for step in 1.. {
            let next = edge(&first, unit, step)?;
            edges.push(next);
            if next > end {
                break;
            }
            if edges.len() > MAX_SPANS {
                return None;
            }
        }
        Some(Self { edges })
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Which span a moment lies in.
    pub(super) fn place(&self, at: i64) -> Option<usize> {
        let place = self.edges.partition_point(|edge| *edge <= at).checked_sub(1)?;
        (place < self.len()).then_some(place)
    }

    /// How many of the moments lie in each span.
    pub(super) fn count(&self, moments: impl Iterator<Item = i64>) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        for place in moments.filter_map(|at| self.place(at)) {
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        counts
    }
}

/// The beginning of the span `steps` after the one that begins at `from`. Days and longer are days of the calendar,
/// so one in which the clocks change is an hour shorter or longer.
fn edge(from: &ZonedDateTime, unit: Unit, steps: i64) -> Option<i64> {
    let moved = from.checked_add(unit.times(steps)).ok()?;
    let beginning = if unit == Unit::Hours { moved } else { moved.start_of_day().ok()? };
    Some(beginning.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn spans_begin_by_the_vendors_clock() {
        // 12:30 on a Monday in New York, five hours behind UTC.
        let now = at("2026-11-23T17:30:00Z");
        let cases = [
            (Unit::Hours, ["2026-11-23T16:00:00Z", "2026-11-23T17:00:00Z", "2026-11-23T18:00:00Z"]),
            (Unit::Days, ["2026-11-22T05:00:00Z", "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z"]),
            (Unit::Weeks, ["2026-11-15T05:00:00Z", "2026-11-22T05:00:00Z", "2026-11-29T05:00:00Z"]),
            (Unit::Months, ["2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"]),
        ];
        for (unit, edges) in cases {
            assert_eq!(Windows::last(unit, 2, now).unwrap().edges, edges.map(at), "{unit:?}");
        }
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_25_hours() {
        let windows = Windows::last(Unit::Days, 2, at("2026-11-02T12:00:00Z")).unwrap();
        assert_eq!(windows.edges[1] - windows.edges[0], 25 * 3600);
    }

    #[test]
    fn a_moment_lies_in_the_span_it_begins() {
        let windows = Windows::between(Unit::Days, 0, 2 * 86400, &TimeZone::UTC).unwrap();
        assert_eq!(windows.len(), 3);
        assert_eq!(windows.count([-1, 0, 86399, 86400, 3 * 86400].into_iter()), [2, 1, 0]);
        assert_eq!(Windows::between(Unit::Hours, 0, 10_000 * 3600, &TimeZone::UTC), None);
    }
}
