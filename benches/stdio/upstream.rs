//! The upstream of every server measured: as much of Customer.io as a tracked event needs, at next to no cost.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
    time::sleep,
};

/// What a tracked event answers.
const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n{}\n";

/// A running upstream on a thread of its own.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Answered events.
    events: AtomicU64,
    delay_ms: AtomicU64,
    /// The first request that was not understood.
    refused: Mutex<Option<String>>,
}

impl Upstream {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        thread::Builder::new().name("upstream".to_owned()).spawn(move || serve(listener, served))?;
        Ok(Self { address, shared })
    }

    /// How long the answer to an event takes from now on.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.shared.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Events answered so far.
    pub(crate) fn events(&self) -> u64 {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// The first request that was not understood.
    pub(crate) fn refused(&self) -> Option<String> {
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let shared = Arc::clone(&shared);
            // A peer that hangs up ends its connection and nothing else.
            tokio::spawn(async move { drop(answer_all(stream, &shared).await) });
        }
    })
}

async fn answer_all(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut read = Vec::with_capacity(4 * 1024);
    loop {
        let (head_bytes, all_bytes) = loop {
            if let Some(whole) = whole_request(&read) {
                break whole;
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        if read.starts_with(b"POST /api/v1/customers/") {
            let delay_ms = shared.delay_ms.load(Ordering::Relaxed);
            if delay_ms > 0 {
                sleep(Duration::from_millis(delay_ms)).await;
            }
            shared.events.fetch_add(1, Ordering::Relaxed);
            stream.write_all(ACCEPTED).await?;
        } else {
            let answer = look_up(&read[..head_bytes], &read[head_bytes..all_bytes], shared);
            stream.write_all(answer.as_bytes()).await?;
        }
        read.drain(..all_bytes);
    }
}

/// The lengths of the head and of all of the request at the front of `read`, once it is complete.
fn whole_request(read: &[u8]) -> Option<(usize, usize)> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let head_bytes = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = &read[..head_bytes];
    let at = head.windows(LENGTH.len()).position(|name| name.eq_ignore_ascii_case(LENGTH));
    let digits = at.map_or(&[][..], |at| &head[at + LENGTH.len()..]);
    let body_bytes = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let body_bytes = body_bytes.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (read.len() >= head_bytes + body_bytes).then_some((head_bytes, head_bytes + body_bytes))
}

/// What the guards ask before the first event of a person, and what connecting to a sandbox asks.
fn look_up(head: &[u8], body: &[u8], shared: &Shared) -> String {
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let answer = if line.starts_with("POST /v1/customers/attributes?") {
        let asked: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let ids = asked["ids"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let people = ids.map(|id| {
            let email = format!("{id}@shop.io");
            let identifiers = serde_json::json!({ "id": id, "email": email, "cio_id": format!("0300{id}") });
            serde_json::json!({ "customer": { "id": id, "identifiers": identifiers, "attributes": { "email": email } } })
        });
        serde_json::json!({ "customers": people.collect::<Vec<_>>() })
    } else if line.starts_with("GET /_sandbox ") {
        serde_json::json!({ "sandbox": "stand-in of the benches" })
    } else if line.starts_with("GET /api/v1/accounts/region ") {
        serde_json::json!({ "region": "us" })
    } else {
        shared.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(line);
        return "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned();
    };
    let body = answer.to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
