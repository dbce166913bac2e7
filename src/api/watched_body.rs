//! A request body that remembers whether it was asked for.
//!
//! The HTTP library takes the body only when it has a connection and is about to write. A body never taken proves
//! that the request never left, also when a deadline or a cancellation ends it while the connection is being made.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{Fate, request::Request};

/// Whether the body of an attempt was taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Departure {
    taken: Arc<AtomicBool>,
}

impl Departure {
    /// What can be said of a request that ended without an answer. Without a body there is nothing to watch.
    pub(super) fn fate(&self, request: &Request) -> Fate {
        let sent = request.body.is_none() || self.taken.load(Ordering::Acquire);
        if sent { Fate::Unknown } else { Fate::NotSent }
    }
}

/// The bytes of a request, once.
#[derive(Debug)]
pub(super) struct WatchedBody {
    bytes: Option<Bytes>,
    departure: Departure,
}

impl WatchedBody {
    pub(super) fn new(bytes: Bytes, departure: &Departure) -> Self {
        Self { bytes: Some(bytes), departure: departure.clone() }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.departure.taken.store(true, Ordering::Release);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
