//! Reads tables of A/B tests from standard input and writes what `compare_variants` makes of them: the same code, for
//! `.ci/statistics` to hold against `SciPy`.
//!
//! A line in: `{"arms": [[successes, recipients], ..], "sent": [..], "split": [..], "relevant": 0.1}`.

use std::io::{self, BufRead, Write};

use customerio_mcp::statistics::{Arm, Verdict, read, wilson};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    arms: Vec<(u64, u64)>,
    sent: Vec<u64>,
    split: Vec<f64>,
    relevant: f64,
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let table: Table = serde_json::from_str(&line?)?;
        let arms: Vec<_> = table
            .arms
            .iter()
            .map(|(successes, recipients)| Arm { successes: *successes, recipients: *recipients })
            .collect();
        let Some(reading) = read(&arms, &table.sent, &table.split, table.relevant) else {
            return Err(io::Error::other("a table has two arms or more"));
        };
        let verdict = match reading.verdict {
            Verdict::SplitBroken => "split_broken".to_owned(),
            Verdict::TooEarly => "too_early".to_owned(),
            Verdict::NoDifference => "no_difference".to_owned(),
            Verdict::Better(arm) => format!("better {arm}"),
        };
        let said = json!({
            "rates": arms.iter().map(|arm| arm.rate()).collect::<Vec<_>>(),
            "intervals": arms.iter().map(|arm| wilson(*arm)).collect::<Vec<_>>(),
            "best": reading.best,
            "split_p": reading.split_p,
            "difference_p": reading.difference_p,
            "needed": reading.needed_per_arm,
            "would_show": reading.would_show,
            "verdict": verdict,
        });
        writeln!(out, "{said}")?;
    }
    Ok(())
}
