//! What is measured, and in which order.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    time::{Duration, Instant},
};

use tokio::{process::Command, task::JoinSet};

use super::{
    child::{self, Load, Run, Server},
    ours::{Kind, Workspace},
    post::Pool,
    upstream::Upstream,
};

/// How far away the upstream is where it is not at hand.
const AWAY: Duration = Duration::from_millis(20);

/// How long each measurement takes.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    rounds: u32,
    warm_up_calls: u64,
    lasting: Duration,
    calls_one_by_one: u64,
    starts: u32,
    calls_for_memory: u64,
}

impl Effort {
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        warm_up_calls: 300,
        lasting: Duration::from_secs(1),
        calls_one_by_one: 60,
        starts: 9,
        calls_for_memory: 10_000,
    };
    /// Nothing away, no starts and no memory.
    pub(crate) const CPU: Self = Self { calls_one_by_one: 0, starts: 0, calls_for_memory: 0, rounds: 9, ..Self::FULL };
    pub(crate) const QUICK: Self = Self {
        rounds: 1,
        warm_up_calls: 50,
        lasting: Duration::from_millis(150),
        calls_one_by_one: 10,
        starts: 1,
        calls_for_memory: 1_000,
    };
}

/// A server measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The upstream asked without any server.
    Direct,
    Limit,
    BareAsDocumented,
    BareOnPipes,
    Ours,
    OursLive,
}

/// Something measured of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    CallsPerS {
        in_flight: u64,
    },
    CpuUsPerCall {
        in_flight: u64,
    },
    /// With the upstream away: at the median, one call after another.
    MedianMs,
    /// With the upstream away: at 128 in flight.
    AwayCallsPerS,
    AwayP99Ms,
    /// On a state that is there, and on none.
    InitializedMs,
    FirstAnswerMs,
    FreshInitializedMs,
    FreshFirstAnswerMs,
    PeakMb {
        in_flight: u64,
    },
}

/// Every value measured, a round after the other.
pub(crate) type Figures = BTreeMap<(Subject, Figure), Vec<f64>>;

/// Measures everything, and proves afterwards that each call was recorded and sent once.
pub(crate) async fn all(effort: Effort) -> Result<Figures, Box<dyn Error>> {
    let upstream = Upstream::start()?;
    let bench = Bench {
        effort,
        ours: Workspace::new(Kind::Sandbox, upstream.address)?,
        live: Workspace::new(Kind::Live, upstream.address)?,
        upstream,
    };
    let (mut figures, mut calls) = (Figures::new(), Calls::default());
    for _ in 0..effort.rounds {
        if effort.calls_one_by_one > 0 {
            bench.direct(&mut figures, &mut calls).await?;
        }
        for subject in
            [Subject::Limit, Subject::BareAsDocumented, Subject::BareOnPipes, Subject::Ours, Subject::OursLive]
        {
            bench.round(subject, &mut figures, &mut calls).await?;
        }
    }
    for subject in [Subject::Limit, Subject::BareAsDocumented, Subject::BareOnPipes, Subject::Ours] {
        if effort.calls_for_memory == 0 {
            break;
        }
        bench.memory(subject, &mut figures, &mut calls).await?;
    }
    for _ in 0..effort.starts {
        for subject in [Subject::Limit, Subject::BareAsDocumented, Subject::BareOnPipes, Subject::Ours] {
            bench.start(subject, &mut figures, &mut calls).await?;
        }
        bench.fresh_start(&mut figures, &mut calls).await?;
    }
    bench.prove(&calls).await?;
    Ok(figures)
}

/// Calls answered, and so events sent.
#[derive(Default)]
struct Calls {
    of: BTreeMap<Subject, u64>,
}

impl Calls {
    fn add(&mut self, subject: Subject, calls: u64) {
        *self.of.entry(subject).or_default() += calls;
    }
}

struct Bench {
    effort: Effort,
    upstream: Upstream,
    ours: Workspace,
    live: Workspace,
}

impl Bench {
    fn command(&self, subject: Subject) -> io::Result<(Command, &'static str)> {
        let peer = |name| Ok((child::peer(name, self.upstream.address)?, "id"));
        match subject {
            Subject::Direct => Err(io::Error::other("there is no server")),
            Subject::Limit => peer("limit"),
            Subject::BareAsDocumented => peer("bare"),
            Subject::BareOnPipes => peer("bare-pipes"),
            Subject::Ours => Ok((self.ours.command(&["serve"]), "customer")),
            Subject::OursLive => Ok((self.live.command(&["serve"]), "customer")),
        }
    }

    async fn server(&self, subject: Subject) -> io::Result<Server> {
        let (command, person_argument) = self.command(subject)?;
        Server::start(command, person_argument).await
    }

    async fn warm(&self, subject: Subject) -> io::Result<Server> {
        let mut server = self.server(subject).await?;
        // One by one, so that each person is looked up once, and in time with the vendor's limit.
        server.run(1, Load::Calls(16)).await?;
        server.run(16, Load::Calls(self.effort.warm_up_calls)).await?;
        Ok(server)
    }

    async fn round(&self, subject: Subject, figures: &mut Figures, calls: &mut Calls) -> io::Result<()> {
        let mut note = |figure, value| figures.entry((subject, figure)).or_default().push(value);
        self.upstream.set_delay(Duration::ZERO);
        let mut server = self.warm(subject).await?;
        for in_flight in [1, 16] {
            let run = server.run(in_flight, Load::Lasting(self.effort.lasting)).await?;
            note(Figure::CallsPerS { in_flight }, run.calls_per_s());
            note(Figure::CpuUsPerCall { in_flight }, run.cpu_us_per_call());
        }
        if subject != Subject::OursLive && self.effort.calls_one_by_one > 0 {
            self.upstream.set_delay(AWAY);
            let run = server.run(1, Load::Calls(self.effort.calls_one_by_one)).await?;
            note(Figure::MedianMs, run.latency_ms(0.5));
            server.run(128, Load::Calls(256)).await?;
            let run = server.run(128, Load::Lasting(self.effort.lasting)).await?;
            note(Figure::AwayCallsPerS, run.calls_per_s());
            note(Figure::AwayP99Ms, run.latency_ms(0.99));
        }
        calls.add(subject, server.stop().await?);
        Ok(())
    }

    /// What the upstream takes by itself.
    async fn direct(&self, figures: &mut Figures, calls: &mut Calls) -> Result<(), Box<dyn Error>> {
        let mut note = |figure, value| figures.entry((Subject::Direct, figure)).or_default().push(value);
        let pool = std::sync::Arc::new(Pool::new(self.upstream.address));
        self.upstream.set_delay(AWAY);
        for (in_flight, lasting) in
            [(1, AWAY * u32::try_from(self.effort.calls_one_by_one)?), (128, self.effort.lasting)]
        {
            let begun = Instant::now();
            let mut tasks = JoinSet::new();
            for _ in 0..in_flight {
                let pool = std::sync::Arc::clone(&pool);
                tasks.spawn(async move {
                    let mut latencies = Vec::new();
                    while begun.elapsed() < lasting {
                        let at = Instant::now();
                        pool.post("/api/v1/customers/direct/events", b"{\"name\":\"order_placed\",\"data\":{}}")
                            .await?;
                        latencies.push(at.elapsed());
                    }
                    Ok::<_, io::Error>(latencies)
                });
            }
            let mut latencies = Vec::new();
            while let Some(ended) = tasks.join_next().await {
                latencies.extend(ended??);
            }
            latencies.sort_unstable();
            let count = latencies.len() as u64;
            calls.add(Subject::Direct, count);
            let run = Run { calls: count, elapsed: begun.elapsed(), cpu: Duration::ZERO, latencies };
            if in_flight == 1 {
                note(Figure::MedianMs, run.latency_ms(0.5));
            } else {
                note(Figure::AwayCallsPerS, run.calls_per_s());
                note(Figure::AwayP99Ms, run.latency_ms(0.99));
            }
        }
        Ok(())
    }

    async fn memory(&self, subject: Subject, figures: &mut Figures, calls: &mut Calls) -> io::Result<()> {
        self.upstream.set_delay(Duration::ZERO);
        let half = Load::Calls(self.effort.calls_for_memory / 2);
        for (in_flight, second) in [(16, 1), (128, 128)] {
            let mut server = self.server(subject).await?;
            server.run(in_flight, half).await?;
            server.run(second, half).await?;
            figures.entry((subject, Figure::PeakMb { in_flight })).or_default().push(server.peak_mb()?);
            calls.add(subject, server.stop().await?);
        }
        Ok(())
    }

    async fn start(&self, subject: Subject, figures: &mut Figures, calls: &mut Calls) -> io::Result<()> {
        self.upstream.set_delay(Duration::ZERO);
        let mut server = self.server(subject).await?;
        let mut note = |figure, value: Duration| {
            figures.entry((subject, figure)).or_default().push(value.as_secs_f64() * 1e3);
        };
        note(Figure::InitializedMs, server.initialized_after);
        note(Figure::FirstAnswerMs, server.first_answer_after().await?);
        calls.add(subject, server.stop().await?);
        Ok(())
    }

    /// A start on no state, with a workspace of its own that is proven at once.
    async fn fresh_start(&self, figures: &mut Figures, calls: &mut Calls) -> Result<(), Box<dyn Error>> {
        let workspace = Workspace::new(Kind::Sandbox, self.upstream.address)?;
        let mut server = Server::start(workspace.command(&["serve"]), "customer").await?;
        let mut note = |figure, value: Duration| {
            figures.entry((Subject::Ours, figure)).or_default().push(value.as_secs_f64() * 1e3);
        };
        note(Figure::FreshInitializedMs, server.initialized_after);
        note(Figure::FreshFirstAnswerMs, server.first_answer_after().await?);
        let answered = server.stop().await?;
        workspace.prove(answered).await?;
        // Of another workspace, but of the same upstream.
        calls.add(Subject::Direct, answered);
        Ok(())
    }

    async fn prove(&self, calls: &Calls) -> Result<(), Box<dyn Error>> {
        let sum: u64 = calls.of.values().sum();
        if let Some(refused) = self.upstream.refused() {
            return Err(format!("the upstream did not understand `{refused}`").into());
        }
        if self.upstream.events() != sum {
            return Err(format!("{sum} calls made {} events", self.upstream.events()).into());
        }
        for (subject, workspace) in [(Subject::Ours, &self.ours), (Subject::OursLive, &self.live)] {
            workspace.prove(calls.of.get(&subject).copied().unwrap_or_default()).await?;
        }
        Ok(())
    }
}
