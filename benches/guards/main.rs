//! What the guards cost a call: the same event tracked without them, and with them over each store, in one process.
//!
//!     cargo bench --bench guards             about half a minute
//!     cargo bench --bench guards -- --quick  whether it runs at all; its figures say little
//!
//! With guards means the whole route: checks, identity, budgets, ledger, audit decision and outcome. Without them the
//! arguments are read and held to their schema, and the request is made. PostgreSQL is one that the tests' script starts on
//! this machine, without durability; `BENCH_POSTGRES_URL` names another one.
#![expect(clippy::print_stdout, reason = "the table is for people")]
#![expect(clippy::cast_precision_loss, reason = "figures to look at")]

mod calls;
mod database;
#[path = "../stdio/upstream.rs"]
mod upstream;

use std::{
    error::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};

use self::{calls::Calls, database::Database, upstream::Upstream};

/// How many rounds are measured, of which the median counts; those of all kinds take turns.
const ROUNDS: usize = 5;

/// An upstream as far away as Customer.io's nearest is.
const FAR: Duration = Duration::from_millis(20);

/// A way to make the calls, and what a call took in each round.
struct Kind {
    name: &'static str,
    calls: Calls,
    alone_us: Vec<f64>,
    together_us: Vec<f64>,
    far_us: Vec<f64>,
}

impl Kind {
    fn new(name: &'static str, calls: Calls) -> Self {
        Self { name, calls, alone_us: Vec::new(), together_us: Vec::new(), far_us: Vec::new() }
    }
}

fn main() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    // `cargo test --benches` runs this too, and wants no figures.
    if !has("--bench") {
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(measure(if has("--quick") { 20 } else { 1_000 })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    println!("failed: {error}");
    ExitCode::FAILURE
}

async fn measure(count: u64) -> Result<(), Box<dyn Error>> {
    let upstream = Upstream::start()?;
    let mut kinds = vec![
        Kind::new("without guards", Calls::bare(upstream.address)?),
        Kind::new("SQLite in a file", Calls::guarded(upstream.address, None).await?),
    ];
    let database = Database::start()?;
    match &database {
        Some(database) => {
            kinds.push(Kind::new("PostgreSQL", Calls::guarded(upstream.address, Some(&database.url)).await?));
        }
        None => println!("There is no PostgreSQL here: its row is missing."),
    }
    for round in 0..=ROUNDS {
        for kind in &mut kinds {
            upstream.set_delay(Duration::ZERO);
            let (alone, together) = (run(&kind.calls, count, 1).await?, run(&kind.calls, 4 * count, 16).await?);
            upstream.set_delay(FAR);
            let far = run(&kind.calls, count / 20 + 1, 1).await?;
            // The first round warms up.
            if round > 0 {
                kind.alone_us.push(alone);
                kind.together_us.push(together);
                kind.far_us.push(far);
            }
        }
    }
    if let Some(refused) = upstream.refused() {
        return Err(format!("the upstream did not understand {refused}").into());
    }
    let per_kind = (ROUNDS as u64 + 1) * (count + 4 * count + count / 20 + 1);
    if upstream.events() != per_kind * kinds.len() as u64 {
        return Err(format!("{} events arrived, not {}", upstream.events(), per_kind * kinds.len() as u64).into());
    }
    for kind in &kinds {
        kind.calls.prove(per_kind).await?;
    }
    report(&kinds);
    Ok(())
}

/// Microseconds of wall time for each of `count` calls, so many in flight.
async fn run(calls: &Calls, count: u64, in_flight: usize) -> Result<f64, Box<dyn Error>> {
    let begun = Instant::now();
    let failed: Vec<String> = stream::iter(0..count)
        .map(|_| calls.make())
        .buffer_unordered(in_flight)
        .filter_map(|made| std::future::ready(made.err()))
        .collect()
        .await;
    match failed.first() {
        None => Ok(begun.elapsed().as_secs_f64() * 1e6 / count as f64),
        Some(first) => Err(format!("{} calls failed: {first}", failed.len()).into()),
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn report(kinds: &[Kind]) {
    println!("Wall time of a call in µs, and the share of it that is the guards'; medians of {ROUNDS} rounds.\n");
    println!("{:<18}{:>22}{:>26}{:>26}", "", "one at a time", "16 in flight", "upstream 20 ms away");
    let bare = &kinds[0];
    let share = |own: f64, bare: f64| format!("{own:.0} ({:.0} %)", (100.0 * (own - bare) / own).max(0.0));
    for kind in kinds {
        let [alone, together, far] =
            [(&kind.alone_us, &bare.alone_us), (&kind.together_us, &bare.together_us), (&kind.far_us, &bare.far_us)]
                .map(|(own, bare)| share(median(own), median(bare)));
        println!("{:<18}{alone:>22}{together:>26}{far:>26}", kind.name);
    }
}
