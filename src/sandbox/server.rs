//! Listening, and stopping.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Keys, SandboxConfig,
    dispatch::{Shared, answer},
    store::{Store, StoreError},
};
use crate::clock::AdjustableClock;

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
    let app = Router::new().fallback(answer).with_state(shared);
    let service = app.into_make_service_with_connect_info::<Peer>();
    let serving = tokio::spawn({
        let stopping = stopping.clone();
        async move {
            let served = axum::serve(Doorkeeper(listener), service)
                .with_graceful_shutdown(async move { stopping.cancelled().await })
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        }
    });
    Ok(RunningSandbox { addr, base_url, keys, clock, stopping, serving: Some(serving) })
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

impl Connected<IncomingStream<'_, Doorkeeper>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Doorkeeper>) -> Self {
        Self { addr: *stream.remote_addr(), cut: Arc::clone(&stream.io().cut) }
    }
}

/// Accepts connections without Nagle's delay and hands out streams that can be cut.
struct Doorkeeper(TcpListener);

impl Listener for Doorkeeper {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, addr) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        (CuttableStream { stream, cut: Arc::default() }, addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
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
