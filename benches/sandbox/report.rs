//! The tables: medians of the rounds, and how they grow.

use std::fmt::Write as _;

use super::measure::{Effort, Figure, Figures, Items, Read, Size, Subject, TIMES};

const SUBJECTS: [(Subject, &str); 3] =
    [(Subject::Sandbox, "sandbox"), (Subject::Kept, "sandbox --data"), (Subject::Bare, "bare handler")];

const LOAD: [(&str, Figure, usize); 9] = [
    ("people/s", Figure::PerS(Items::People), 0),
    ("events/s", Figure::PerS(Items::Events), 0),
    ("CPU us/p.", Figure::CpuUs(Items::People), 2),
    ("CPU us/ev.", Figure::CpuUs(Items::Events), 2),
    ("MB idle", Figure::IdleMb, 1),
    ("MB people", Figure::Mb(Items::People), 1),
    ("MB events", Figure::Mb(Items::Events), 1),
    ("bytes/p.", Figure::BytesPer(Items::People), 0),
    ("bytes/ev.", Figure::BytesPer(Items::Events), 0),
];

const READS: [(Read, &str); 4] = [
    (Read::Search, "search page, POST /v1/customers"),
    (Read::SegmentCount, "segment's customer_count"),
    (Read::Activities, "page of GET /v1/activities"),
    (Read::ActivitiesOfOne, "page of one customer's activities"),
];

/// All that was measured, to read.
pub(crate) fn tables(figures: &Figures, effort: Effort) -> String {
    let mut text = String::new();
    let of = |subject, size, figure| median(figures.get(&(subject, size, figure)).cloned().unwrap_or_default());
    // Writing to a string does not fail.
    let _ = write!(text, "\nBatches of 500 KB over 4 connections\n{:<42}", "");
    for (heading, _, _) in LOAD {
        let _ = write!(text, "{heading:>11}");
    }
    for size in [Size::Small, Size::Large] {
        for (subject, name) in SUBJECTS {
            let what = format!("{name}, {} + {}", grouped(effort.people(size)), grouped(effort.events(size)));
            let _ = write!(text, "\n{what:<42}");
            for (_, figure, decimals) in LOAD {
                let _ = write!(text, "{:>11.*}", decimals, of(subject, size, figure));
            }
        }
    }
    let columns = [Size::Small, Size::Large].map(|size| grouped(effort.people(size)));
    let _ = write!(text, "\n\nReads in ms, by people there\n{:<42}", "");
    for heading in ["median, ", "p99, "].iter().flat_map(|what| columns.iter().map(move |size| format!("{what}{size}")))
    {
        let _ = write!(text, "{heading:>17}");
    }
    let _ = writeln!(text, "{:>11}", "growth");
    for (read, name) in READS {
        let _ = write!(text, "{name:<42}");
        for figure in [Figure::MedianMs(read), Figure::P99Ms(read)] {
            for size in [Size::Small, Size::Large] {
                let _ = write!(text, "{:>17.3}", of(Subject::Sandbox, size, figure));
            }
        }
        let median = |size| of(Subject::Sandbox, size, Figure::MedianMs(read));
        let _ = writeln!(text, "{:>11.2}", median(Size::Large) / median(Size::Small));
    }
    let _ = writeln!(text, "\nOn disk, after a kill");
    for (what, figure) in [("MB", Figure::DiskMb), ("seconds to read it back", Figure::ReadBackS)] {
        let value = |size| of(Subject::Kept, size, figure);
        let (small, large) = (value(Size::Small), value(Size::Large));
        let _ = writeln!(text, "{what:<42}{small:>17.2}{large:>17.2}{:>45.2}", large / small);
    }
    growth(&mut text, effort, of);
    text
}

/// Whether ten times as much takes ten times as long, or what n log n adds to that.
fn growth(text: &mut String, effort: Effort, of: impl Fn(Subject, Size, Figure) -> f64) {
    let _ = writeln!(text, "\nGrowth of what one item costs, at {TIMES} times as many");
    for (items, name, count) in
        [(Items::People, "people", effort.people(Size::Small)), (Items::Events, "events", effort.events(Size::Small))]
    {
        let limit = ((count * TIMES) as f64).ln() / (count as f64).ln();
        let compared = |what: &str, figure, text: &mut String| {
            let value = of(Subject::Sandbox, Size::Large, figure) / of(Subject::Sandbox, Size::Small, figure);
            let met = if value <= limit { "met" } else { "missed" };
            let _ = writeln!(text, "{:<58} {value:>7.2}  <= {limit:<6.2} {met}", format!("{name}: {what}"));
        };
        compared("processor time", Figure::CpuUs(items), text);
        compared("memory", Figure::BytesPer(items), text);
        let value = of(Subject::Sandbox, Size::Small, Figure::PerS(items))
            / of(Subject::Sandbox, Size::Large, Figure::PerS(items));
        let met = if value <= limit { "met" } else { "missed" };
        let _ = writeln!(text, "{:<58} {value:>7.2}  <= {limit:<6.2} {met}", format!("{name}: time"));
    }
}

/// A number in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
