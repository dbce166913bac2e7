//! The table: medians, ratios, and which marks are met.

use std::fmt::Write as _;

use super::measure::{Figure, Figures, Subject};

const SUBJECTS: [(Subject, &str); 6] = [
    (Subject::Direct, "direct"),
    (Subject::Limit, "limit (by hand, no SDK)"),
    (Subject::BareOnPipes, "rmcp on pipes"),
    (Subject::BareAsDocumented, "rmcp as documented"),
    (Subject::Ours, "ours"),
    (Subject::OursLive, "ours, paced as live"),
];

/// A column: its heading, what it shows, and with how many decimals.
type Column = (&'static str, Figure, usize);

const AT_HAND: [Column; 4] = [
    ("calls/s, 1", Figure::CallsPerS { in_flight: 1 }, 0),
    ("CPU us, 1", Figure::CpuUsPerCall { in_flight: 1 }, 1),
    ("calls/s, 16", Figure::CallsPerS { in_flight: 16 }, 0),
    ("CPU us, 16", Figure::CpuUsPerCall { in_flight: 16 }, 1),
];

const AWAY: [Column; 3] = [
    ("median ms, 1", Figure::MedianMs, 2),
    ("calls/s, 128", Figure::AwayCallsPerS, 0),
    ("p99 ms, 128", Figure::AwayP99Ms, 1),
];

const START: [Column; 6] = [
    ("initialize", Figure::InitializedMs, 1),
    ("answer", Figure::FirstAnswerMs, 1),
    ("fresh init.", Figure::FreshInitializedMs, 1),
    ("fresh answer", Figure::FreshFirstAnswerMs, 1),
    ("MB, 16", Figure::PeakMb { in_flight: 16 }, 1),
    ("MB, 128", Figure::PeakMb { in_flight: 128 }, 1),
];

/// All that was measured, to read.
pub(crate) fn tables(figures: &Figures) -> String {
    let mut text = String::new();
    table(&mut text, "Upstream at hand; calls in flight", figures, &AT_HAND);
    table(&mut text, "Upstream 20 ms away; calls in flight", figures, &AWAY);
    table(&mut text, "Start in ms from the spawn; peak memory after 10,000 calls", figures, &START);
    text.push_str("\nMarks, of medians over rounds\n");
    // What was not measured is neither met nor missed.
    for Mark { what, value, bound } in marks(figures).into_iter().filter(|mark| !mark.value.is_nan()) {
        let (sign, limit, met) = match bound {
            Bound::AtMost(limit) => ("<=", limit, value <= limit),
            Bound::AtLeast(limit) => (">=", limit, value >= limit),
        };
        let met = if met { "met" } else { "missed" };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<58} {value:>7.2}  {sign} {limit:<6} {met}");
    }
    text
}

fn table(text: &mut String, title: &str, figures: &Figures, columns: &[Column]) {
    let _ = write!(text, "\n{title}\n{:<24}", "");
    for (heading, _, _) in columns {
        let _ = write!(text, "{heading:>14}");
    }
    text.push('\n');
    for (subject, name) in SUBJECTS {
        let values: Vec<_> = columns.iter().map(|(_, figure, _)| figures.get(&(subject, *figure))).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "{name:<24}");
        for (values, (_, _, decimals)) in values.into_iter().zip(columns) {
            let _ = match values {
                Some(values) => write!(text, "{:>14.*}", decimals, median(values.clone())),
                None => write!(text, "{:>14}", ""),
            };
        }
        text.push('\n');
    }
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

struct Mark {
    what: &'static str,
    value: f64,
    bound: Bound,
}

fn marks(figures: &Figures) -> Vec<Mark> {
    let ours = |figure| median(figures.get(&(Subject::Ours, figure)).cloned().unwrap_or_default());
    // Of the same round, so that what else the machine does weighs on both.
    let compared = |figure, to, how: fn(f64, f64) -> f64| {
        let pairs = figures.get(&(Subject::Ours, figure)).zip(figures.get(&(to, figure)));
        median(pairs.into_iter().flat_map(|(ours, other)| ours.iter().zip(other)).map(|(a, b)| how(*a, *b)).collect())
    };
    let ratio: fn(f64, f64) -> f64 = |ours, other| ours / other;
    let cpu = |in_flight| Figure::CpuUsPerCall { in_flight };
    let at_most = |what, value, limit| Mark { what, value, bound: Bound::AtMost(limit) };
    vec![
        at_most(
            "CPU per call, 16 in flight: ours / rmcp as documented",
            compared(cpu(16), Subject::BareAsDocumented, ratio),
            0.5,
        ),
        at_most("  the same, stretched", compared(cpu(16), Subject::BareAsDocumented, ratio), 0.4),
        at_most("CPU per call, 16 in flight: ours / limit", compared(cpu(16), Subject::Limit, ratio), 4.5),
        at_most(
            "CPU per call, 1 in flight: ours / rmcp as documented",
            compared(cpu(1), Subject::BareAsDocumented, ratio),
            0.5,
        ),
        at_most("CPU per call, 1 in flight: ours / limit", compared(cpu(1), Subject::Limit, ratio), 4.5),
        at_most("20 ms away: added at the median, ms", compared(Figure::MedianMs, Subject::Direct, |a, b| a - b), 0.6),
        Mark {
            what: "20 ms away, 128 in flight: rate, ours / direct",
            value: compared(Figure::AwayCallsPerS, Subject::Direct, ratio),
            bound: Bound::AtLeast(0.97),
        },
        at_most("20 ms away, 128 in flight: p99, ms", ours(Figure::AwayP99Ms), 32.0),
        at_most("initialize answered after the spawn, ms", ours(Figure::InitializedMs), 10.0),
        at_most("  on no state", ours(Figure::FreshInitializedMs), 10.0),
        at_most("first tool answer after the spawn, ms", ours(Figure::FirstAnswerMs), 15.0),
        at_most("  on no state", ours(Figure::FreshFirstAnswerMs), 15.0),
        at_most("peak memory, up to 16 in flight, MB", ours(Figure::PeakMb { in_flight: 16 }), 20.0),
        at_most("peak memory, 128 in flight, MB", ours(Figure::PeakMb { in_flight: 128 }), 40.0),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
