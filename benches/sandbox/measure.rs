//! What is measured, and in which order.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    bodies::{self, Batch, GOLD_PER_TOWN, PEOPLE_PER_GOLD},
    connection::Connection,
    process::Process,
};
use serde_json::{Value, json};

const CONNECTIONS: usize = 4;
/// How much more the second size is.
pub(crate) const TIMES: u64 = 10;
/// A read is asked no longer than this, however often it was to be asked.
const READS_FOR: Duration = Duration::from_secs(5);

/// How much is sent, and how often it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    rounds: u32,
    /// People at the larger size; there are ten times as many events.
    people: u64,
    reads: usize,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 3, people: 100_000, reads: 200 };
    pub(crate) const QUICK: Self = Self { rounds: 1, people: 1_000, reads: 10 };

    pub(crate) fn people(self, size: Size) -> u64 {
        match size {
            Size::Small => self.people / TIMES,
            Size::Large => self.people,
        }
    }

    pub(crate) fn events(self, size: Size) -> u64 {
        10 * self.people(size)
    }
}

/// A server measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Sandbox,
    /// The sandbox in a directory.
    Kept,
    Bare,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Size {
    Small,
    Large,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Items {
    People,
    Events,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    Search,
    SegmentCount,
    Activities,
    ActivitiesOfOne,
}

/// Something measured of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    PerS(Items),
    CpuUs(Items),
    BytesPer(Items),
    /// At the start and, for each kind of items, when they are all there.
    IdleMb,
    Mb(Items),
    MedianMs(Read),
    P99Ms(Read),
    /// What the directory takes when all items are there.
    DiskMb,
    /// From the start to the greeting, with all of it to read back.
    ReadBackS,
}

/// Every value measured, a round after the other.
pub(crate) type Figures = BTreeMap<(Subject, Size, Figure), Vec<f64>>;

/// Measures everything, and proves of each load that all of it is there.
pub(crate) async fn all(effort: Effort, program: &str) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::new();
    for size in [Size::Small, Size::Large] {
        let people = bodies::people(effort.people(size));
        let events = bodies::events(effort.events(size), effort.people(size));
        let load = [(Items::People, people), (Items::Events, events)];
        for _ in 0..effort.rounds {
            let mut bare = Run { process: Process::bare().await?, subject: Subject::Bare, size, figures: &mut figures };
            bare.load(&load).await?;
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
            let process = Process::sandbox(program, Some(directory.path())).await?;
            let mut kept = Run { process, subject: Subject::Kept, size, figures: &mut figures };
            kept.load(&load).await?;
            kept.read_back(effort, program, directory.path()).await?;
            let process = Process::sandbox(program, None).await?;
            let mut sandbox = Run { process, subject: Subject::Sandbox, size, figures: &mut figures };
            sandbox.load(&load).await?;
            sandbox.prove(effort).await?;
            sandbox.read(effort).await?;
        }
    }
    Ok(figures)
}

struct Run<'a> {
    process: Process,
    subject: Subject,
    size: Size,
    figures: &'a mut Figures,
}

impl Run<'_> {
    fn note(&mut self, figure: Figure, value: f64) {
        self.figures.entry((self.subject, self.size, figure)).or_default().push(value);
    }

    /// Sends everything, over as many connections as there are, each taking every so many batches.
    async fn load(&mut self, load: &[(Items, Vec<Batch>)]) -> io::Result<()> {
        let mut resident = self.process.resident_bytes()?;
        self.note(Figure::IdleMb, resident / 1e6);
        for (items, batches) in load {
            let count = batches.iter().map(|batch| batch.items).sum::<u64>() as f64;
            let cpu_before = self.process.cpu()?;
            let begun = Instant::now();
            let shares = (0..CONNECTIONS).map(|first| self.send(batches.iter().skip(first).step_by(CONNECTIONS)));
            futures_util::future::try_join_all(shares).await?;
            let elapsed = begun.elapsed().as_secs_f64();
            let cpu = self.process.cpu()?.saturating_sub(cpu_before).as_secs_f64();
            let before = std::mem::replace(&mut resident, self.process.resident_bytes()?);
            self.note(Figure::PerS(*items), count / elapsed);
            self.note(Figure::CpuUs(*items), cpu * 1e6 / count);
            self.note(Figure::BytesPer(*items), (resident - before) / count);
            self.note(Figure::Mb(*items), resident / 1e6);
        }
        Ok(())
    }

    /// Kills it, and starts it again with what it left.
    async fn read_back(&mut self, effort: Effort, program: &str, directory: &Path) -> Result<(), Box<dyn Error>> {
        self.process.kill().await?;
        let files: io::Result<Vec<u64>> =
            std::fs::read_dir(directory)?.map(|file| Ok(file?.metadata()?.len())).collect();
        self.note(Figure::DiskMb, files?.iter().sum::<u64>() as f64 / 1e6);
        let begun = Instant::now();
        self.process = Process::sandbox(program, Some(directory)).await?;
        self.note(Figure::ReadBackS, begun.elapsed().as_secs_f64());
        self.prove(effort).await
    }

    async fn send(&self, batches: impl Iterator<Item = &Batch>) -> io::Result<()> {
        let mut connection = Connection::open(self.process.address).await?;
        for batch in batches {
            connection.post_batch(&batch.body).await?;
        }
        Ok(())
    }

    /// Everybody and everything sent must be there, once.
    async fn prove(&self, effort: Effort) -> Result<(), Box<dyn Error>> {
        let mut connection = Connection::open(self.process.address).await?;
        let counts = connection.ask("GET", "/_sandbox/counts", "").await?;
        let wanted = (effort.people(self.size), effort.events(self.size));
        let there = (counts["people"].as_u64(), counts["events"].as_u64());
        if there != (Some(wanted.0), Some(wanted.1)) {
            return Err(format!("{wanted:?} people and events were sent, and {there:?} are there").into());
        }
        let gold = connection.ask("GET", "/v1/segments/1/customer_count", "").await?;
        if gold["count"].as_u64() != Some(wanted.0.div_ceil(PEOPLE_PER_GOLD)) {
            return Err(format!("the segment counts {gold}").into());
        }
        let found = connection.ask("POST", "/v1/customers?limit=1000", &search()).await?;
        let in_town = wanted.0.div_ceil(PEOPLE_PER_GOLD * GOLD_PER_TOWN);
        if found["ids"].as_array().map(|ids| ids.len() as u64) != Some(in_town.min(1_000)) {
            return Err(format!("the search found {found}, not {in_town}").into());
        }
        let mut last = i64::MAX;
        let page = connection.ask("GET", "/v1/activities?type=event&limit=100", "").await?;
        for activity in page["activities"].as_array().into_iter().flatten() {
            let at = activity["timestamp"].as_i64().unwrap_or(i64::MAX);
            if at > last {
                return Err(format!("the log is out of order at {activity}").into());
            }
            last = at;
        }
        Ok(())
    }

    async fn read(&mut self, effort: Effort) -> io::Result<()> {
        let mut connection = Connection::open(self.process.address).await?;
        let one = format!("/v1/customers/{}/activities?limit=100", bodies::person_id(effort.people(self.size) / 2));
        let reads = [
            (Read::Search, "POST", "/v1/customers".to_owned(), search()),
            (Read::SegmentCount, "GET", "/v1/segments/1/customer_count".to_owned(), String::new()),
            (Read::Activities, "GET", "/v1/activities?limit=100".to_owned(), String::new()),
            (Read::ActivitiesOfOne, "GET", one, String::new()),
        ];
        for (read, method, path, body) in &reads {
            let begun = Instant::now();
            let mut latencies = Vec::new();
            while latencies.len() < effort.reads && begun.elapsed() < READS_FOR {
                let asked = Instant::now();
                connection.ask_blindly(method, path, body).await?;
                latencies.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            latencies.sort_unstable_by(f64::total_cmp);
            let within = |share: f64| latencies[((latencies.len() - 1) as f64 * share).round() as usize];
            self.note(Figure::MedianMs(*read), within(0.5));
            self.note(Figure::P99Ms(*read), within(0.99));
        }
        Ok(())
    }
}

/// Finds few among many, so that a page is long in coming.
fn search() -> String {
    let is = |field: &str, value: Value| json!({"attribute": {"field": field, "operator": "eq", "value": value}});
    json!({"filter": {"and": [is("plan", json!("gold")), is("town", json!("town-0"))]}}).to_string()
}
