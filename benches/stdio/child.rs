//! A server as a client starts it: a child process on two pipes, asked the same thing again and again.

use std::{
    fs, io,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// A server that does not answer in this time never will.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// People who do things. The guards look each of them up once.
const PEOPLE: u64 = 8;

/// How much is asked.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    Calls(u64),
    Lasting(Duration),
}

/// What a run has shown.
pub(crate) struct Run {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    /// User and system time of the server.
    pub(crate) cpu: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Run {
    pub(crate) fn calls_per_s(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn cpu_us_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }

    pub(crate) fn latency_ms(&self, share: f64) -> f64 {
        latency_ms(&self.latencies, share)
    }
}

/// The latency that this share of all stays within; `sorted` must be.
pub(crate) fn latency_ms(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
}

/// A running server whose `initialize` is answered.
pub(crate) struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    read: Vec<u8>,
    /// What the server calls the argument that names the person.
    person_argument: &'static str,
    next_id: u64,
    /// Tool calls answered.
    pub(crate) answered: u64,
    /// From before the process was made until `initialize` was answered.
    pub(crate) initialized_after: Duration,
    spawned: Instant,
}

impl Server {
    pub(crate) async fn start(mut command: Command, person_argument: &'static str) -> io::Result<Self> {
        let spawned = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("the child has no pipes"))?;
        let mut server = Self {
            child,
            stdin,
            stdout,
            read: Vec::with_capacity(64 * 1024),
            person_argument,
            next_id: 1,
            answered: 0,
            initialized_after: Duration::ZERO,
            spawned,
        };
        let client = json!({ "name": "bench", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        server.stdin.write_all(format!("{initialize}\n").as_bytes()).await?;
        server.lines(|_| Ok(())).await?;
        server.initialized_after = spawned.elapsed();
        server.stdin.write_all(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n").await?;
        Ok(server)
    }

    /// Makes one call and says how long after the spawn it was answered.
    pub(crate) async fn first_answer_after(&mut self) -> io::Result<Duration> {
        self.run(1, Load::Calls(1)).await?;
        Ok(self.spawned.elapsed())
    }

    /// Keeps `in_flight` calls under way until the load is done.
    pub(crate) async fn run(&mut self, in_flight: u64, load: Load) -> io::Result<Run> {
        let first_id = self.next_id;
        let cpu_before = self.cpu()?;
        let begun = Instant::now();
        let wanted = |asked: u64| match load {
            Load::Calls(calls) => asked < calls,
            Load::Lasting(duration) => begun.elapsed() < duration,
        };
        let (mut sent_at, mut latencies) = (Vec::new(), Vec::new());
        while (sent_at.len() as u64) < in_flight && wanted(sent_at.len() as u64) {
            sent_at.push(Instant::now());
            self.ask().await?;
        }
        while latencies.len() < sent_at.len() {
            let answers = latencies.len();
            self.lines(|line| {
                let asked = id_of(line).and_then(|id| sent_at.get(usize::try_from(id.checked_sub(first_id)?).ok()?));
                match asked {
                    Some(at) if is_success(line) => latencies.push(at.elapsed()),
                    _ => return Err(io::Error::other(String::from_utf8_lossy(line).into_owned())),
                }
                Ok(())
            })
            .await?;
            for _ in answers..latencies.len() {
                if wanted(sent_at.len() as u64) {
                    sent_at.push(Instant::now());
                    self.ask().await?;
                }
            }
        }
        let elapsed = begun.elapsed();
        let cpu = self.cpu()?.saturating_sub(cpu_before);
        latencies.sort_unstable();
        self.answered += latencies.len() as u64;
        Ok(Run { calls: latencies.len() as u64, elapsed, cpu, latencies })
    }

    /// Writes one call, as a client does that has just been asked for it.
    async fn ask(&mut self) -> io::Result<()> {
        let (id, person_argument) = (self.next_id, self.person_argument);
        self.next_id += 1;
        let call = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"track_event\",\
             \"arguments\":{{\"{person_argument}\":\"user-{}\",\"name\":\"order_placed\",\"data\":{{\"order\":\"A-{id}\",\
             \"total\":42.5,\"items\":[\"blue mug\",\"red mug\"],\"express\":true}}}}}}}}\n",
            id % PEOPLE
        );
        self.stdin.write_all(call.as_bytes()).await
    }

    /// Hands on every whole line that has come, at least one.
    async fn lines(&mut self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            let mut from = 0;
            while let Some(length) = self.read[from..].iter().position(|byte| *byte == b'\n') {
                each(&self.read[from..from + length])?;
                from += length + 1;
            }
            self.read.drain(..from);
            if from > 0 {
                return Ok(());
            }
            let came = timeout(ANSWERS_WITHIN, self.stdout.read_buf(&mut self.read)).await?;
            if came? == 0 {
                return Err(io::Error::other("the server hung up"));
            }
        }
    }

    /// User and system time of all threads that live. Those of the servers measured live for the whole of a run.
    fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The most memory the server has had at once, in MB.
    pub(crate) fn peak_mb(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kilobytes.map(|kilobytes| kilobytes / 1024.0).ok_or_else(|| io::Error::other("no VmHWM"))
    }

    pub(crate) fn pid(&self) -> io::Result<u32> {
        self.child.id().ok_or_else(|| io::Error::other("the server has ended"))
    }

    /// Hangs up, waits for the end and says how many calls were answered.
    pub(crate) async fn stop(self) -> io::Result<u64> {
        let Self { mut child, stdin, stdout, answered, .. } = self;
        drop((stdin, stdout));
        timeout(ANSWERS_WITHIN, child.wait()).await??;
        Ok(answered)
    }
}

/// The id of an answer, without parsing the rest: the client must cost little.
fn id_of(line: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"\"id\":";
    let at = line.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |id, digit| id * 10 + u64::from(digit - b'0')))
}

/// Whether the answer says that the event was taken, in a structure.
fn is_success(line: &[u8]) -> bool {
    let has = |part: &[u8]| line.windows(part.len()).any(|window| window == part);
    has(b"\"structuredContent\":{\"result\":\"accepted\"") && !has(b"\"isError\":true")
}

/// The program of the benches itself, as one of the peers.
pub(crate) fn peer(name: &str, upstream: std::net::SocketAddr) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("peer").arg(name).arg(upstream.to_string());
    Ok(command)
}

/// What a command printed as JSON.
pub(crate) async fn printed(mut command: Command) -> io::Result<Vec<Value>> {
    let output = command.output().await?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}
