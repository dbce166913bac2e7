//! Listening, and stopping.

use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, serve::Listener};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Keys, SandboxConfig,
    dispatch::{Shared, answer},
    store::{Store, StoreError},
};
use crate::clock::AdjustableClock;

/// How long the head of a request may take, and how long a connection may wait for its next one.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// The head of a request, and what is read ahead of a body.
const READ_AHEAD_BYTES: usize = 128 * 1024;
/// More than this wait to be accepted.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// Starts a sandbox on the current tokio runtime, one task per connection.
///
/// With a store it is kept there, and goes on with what is in it: the fixture is then only what a reset goes back to,
/// and the clock goes as it went. Without, it is gone when it stops.
pub async fn start(config: SandboxConfig, store: Option<Store>) -> Result<RunningSandbox, StartError> {
    let listener = TcpListener::bind(config.listen).await.map_err(StartError::Listen)?;
    let addr = listener.local_addr().map_err(StartError::Listen)?;
    let base_url = format!("http://{addr}");
    let stopping = CancellationToken::new();
    let (keys, clock) = (config.keys.clone(), Arc::clone(&config.clock));
    let shared = Arc::new(Shared::new(config, store, base_url.clone(), stopping.clone())?);
    let serving = tokio::spawn(serve(listener, shared, stopping.clone()));
    Ok(RunningSandbox { addr, base_url, keys, clock, stopping, serving: Some(serving) })
}

/// Takes connections until it is stopped, then waits until open requests are answered.
async fn serve(mut listener: TcpListener, shared: Arc<Shared>, stopping: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(READ_AHEAD_BYTES);
    let (connections, room) = (TaskTracker::new(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let (stream, addr) = tokio::select! {
            // Waits a moment where there are no more files to be had, and goes on.
            accepted = Listener::accept(&mut listener) => accepted,
            () = stopping.cancelled() => break,
        };
        // Without Nagle's delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let peer = Peer { addr, cut: Arc::default() };
        let stream = CuttableStream { stream, cut: Arc::clone(&peer.cut) };
        let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let answered = answer(Arc::clone(&shared), peer.clone(), request.map(Body::new));
            async { Ok::<_, Infallible>(answered.await) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::trace!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address is not to be had.
    #[error(transparent)]
    Listen(io::Error),
    /// What it was to go on with cannot be read or written.
    #[error("the data directory {0}")]
    Store(#[from] StoreError),
}

/// A sandbox that is answering; dropping it stops it.
pub struct RunningSandbox {
    addr: SocketAddr,
    base_url: String,
    keys: Keys,
    clock: Arc<AdjustableClock>,
    stopping: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl RunningSandbox {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base of all its URLs, without a trailing slash: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// The credentials it accepts.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The clock it lives by.
    pub fn clock(&self) -> Arc<AdjustableClock> {
        Arc::clone(&self.clock)
    }

    /// Stops listening and waits until open requests are answered.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        if let Some(serving) = self.serving.take()
            && let Err(error) = serving.await
        {
            tracing::warn!(%error, "the sandbox did not stop cleanly");
        }
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl fmt::Debug for RunningSandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningSandbox").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Who is calling, and the cord that cuts the connection without an answer.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Peer {
    /// From now on nothing is written to this connection: the caller sees it close.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

/// A connection that a fault can cut. Hyper has no answer that means "say nothing and close", so writing fails instead.
struct CuttableStream {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl CuttableStream {
    fn uncut(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault on demand"));
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.uncut()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.uncut()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncut()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.uncut()?.poll_shutdown(cx)
    }
}
