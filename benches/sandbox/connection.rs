//! The client: HTTP over one connection that stays open, at as little cost as it goes.

use std::{io, net::SocketAddr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, read: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a batch, which must be accepted as a whole.
    pub(crate) async fn post_batch(&mut self, body: &str) -> io::Result<()> {
        let credential = format!("Basic {}", BASE64_STANDARD.encode("site:track"));
        self.send("POST", "/api/v2/batch", &credential, body).await.map(drop)
    }

    /// Asks the App API.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        Ok(serde_json::from_slice(&self.send(method, path, "Bearer app", body).await?)?)
    }

    /// The same without looking at the answer.
    pub(crate) async fn ask_blindly(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        self.send(method, path, "Bearer app", body).await.map(drop)
    }

    /// Makes a request and reads its answer, which must be 200.
    async fn send(&mut self, method: &str, path: &str, credential: &str, body: &str) -> io::Result<Vec<u8>> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {credential}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(body.as_bytes()).await?;
        self.read.clear();
        let head_bytes = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..head_bytes]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or_default();
        while self.read.len() < head_bytes + length {
            self.read_more().await?;
        }
        let answer = self.read.split_off(head_bytes);
        if head.starts_with("http/1.1 200 ") {
            return Ok(answer);
        }
        Err(io::Error::other(format!("{method} {path}: {head}{}", String::from_utf8_lossy(&answer))))
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
