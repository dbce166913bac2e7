//! Taking in a body: so large, so slow, and so much at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::reply::Reply;

/// Bodies beyond this are refused unread; no documented limit comes near it.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// All bodies that are not answered yet, together.
const MAX_HELD_BYTES: usize = 256 * 1024 * 1024;
/// How long a body may take to arrive.
const WITHIN: Duration = Duration::from_secs(20);

/// What is held of all bodies at this moment, in bytes.
#[derive(Debug, Default)]
pub(super) struct Intake(Arc<AtomicUsize>);

/// A share of what is held, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Held {
    /// Whether there was room for as many bytes more.
    fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.all.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_HELD_BYTES
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Intake {
    /// The whole body, and its share of what is held. A refusal ends the connection: what follows on it is no request.
    pub(super) async fn take(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, Held), Reply> {
        let taken = timeout(WITHIN, self.whole(headers, body)).await;
        taken.unwrap_or_else(|_| Err((408, "the body took too long"))).map_err(|(status, error)| {
            let mut reply = Reply::meta_error(status, error);
            reply.headers.push(("connection", "close".to_owned()));
            reply
        })
    }

    async fn whole(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, Held), (u16, &'static str)> {
        let too_large = (413, "the body is too large");
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_large);
        }
        let mut held = Held { all: Arc::clone(&self.0), bytes: 0 };
        let mut pieces = body.into_data_stream();
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| (400, "the body was cut off"))?;
            if whole.len() + piece.len() > MAX_BODY_BYTES {
                return Err(too_large);
            }
            if !held.grow(piece.len()) {
                return Err((503, "too many bodies at once"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok((whole.into(), held))
    }
}
