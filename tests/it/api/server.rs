//! A server that follows a script, byte by byte where that matters, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Answers with status, further header lines and body.
    Answer { status: u16, headers: String, body: String },
    /// Reads the request and closes the connection.
    Drop,
    /// Sends the head and half of the body, then closes.
    Half,
    /// Reads the request and never answers.
    Silence,
    /// Answers 200 with a body of this many bytes.
    Flood(usize),
}

impl Reply {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: "Content-Type: application/json; charset=utf-8\r\n".into(), body: body.into() }
    }

    pub(super) fn ok() -> Self {
        Self::json(200, "{}\n")
    }

    pub(super) fn html(status: u16) -> Self {
        let body = "<html><body>Page Not Found ann@shop.example</body></html>".into();
        Self::Answer { status, headers: "Content-Type: text/html; charset=utf-8\r\n".into(), body }
    }

    pub(super) fn header(self, line: &str) -> Self {
        match self {
            Self::Answer { status, headers, body } => {
                Self::Answer { status, headers: format!("{headers}{line}\r\n"), body }
            }
            other => other,
        }
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) url: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    received: Arc<Mutex<Vec<Received>>>,
    arrived: Arc<Notify>,
}

impl Server {
    /// Starts on a free port. A request beyond the script is answered 418.
    pub(super) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    /// Starts on a listener.
    pub(super) fn start_on(listener: TcpListener, script: impl IntoIterator<Item = Reply>) -> Self {
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            received: Arc::default(),
            arrived: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The request lines so far, without the protocol.
    pub(super) fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.line).collect()
    }

    /// Waits until a request has arrived whole.
    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read_request(&mut stream).await {
            self.received.lock().unwrap().push(request);
            self.arrived.notify_one();
            let reply = self.script.lock().unwrap().pop_front().unwrap_or_else(|| Reply::json(418, "{}"));
            if !perform(&mut stream, reply).await {
                return;
            }
        }
    }
}

/// Whether the connection goes on.
async fn perform(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Answer { status, headers, body } => {
            let head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok()
        }
        Reply::Drop => false,
        Reply::Half => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"delivery_id\":").await.ok();
            false
        }
        Reply::Silence => std::future::pending().await,
        Reply::Flood(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\nContent-Type: application/json\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok();
            stream.write_all(&vec![b' '; bytes]).await.is_ok()
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Received { line, head, body: String::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = String::from_utf8(bytes[head_end + 4..].to_vec()).ok()?;
    Some(request)
}
