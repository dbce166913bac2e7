//! What every request is given from outside: how long it may take, and leave to change something.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Proof that the guards admitted a call. Every operation that changes anything asks for one, and leaves its mark on it.
#[derive(Debug)]
pub struct Permit {
    used: AtomicBool,
}

impl Permit {
    /// To be called where `admit` has said yes and its decision is stored, and nowhere else.
    #[must_use]
    pub const fn granted_by_admit() -> Self {
        Self { used: AtomicBool::new(false) }
    }

    /// Whether a request that changes something was made with it. Until then nothing can have happened.
    pub fn was_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

/// The bounds of one call: all its requests, waits and repeats end by `deadline` or when `cancel` fires.
#[derive(Debug, Clone)]
pub struct CallScope {
    /// When the call must have ended.
    pub deadline: Instant,
    /// Fires when nobody waits for the answer any more.
    pub cancel: CancellationToken,
}

impl CallScope {
    /// A scope that ends at `deadline` or with `cancel`.
    pub const fn new(deadline: Instant, cancel: CancellationToken) -> Self {
        Self { deadline, cancel }
    }

    /// A scope of its own that ends `after` from now.
    pub fn within(after: Duration) -> Self {
        Self::new(Instant::now() + after, CancellationToken::new())
    }
}
