//! Customer.io over HTTP, typed.
//!
//! One file per resource holds what can be asked and what comes back; everything that is true of every request
//! (credentials, hosts, encoding, deadlines, pacing, repeats, the vendor's five error shapes) happens once, in
//! `http`. This module knows nothing of tools, guards or stored state: it says truthfully what became of a request
//! ([`Fate`]) and leaves it to its callers to decide what that means.
//!
//! Nothing here can change a workspace without a [`Permit`], so a path round the guards would not compile.

mod answer;
mod config;
mod credentials;
mod envelope;
mod error;
mod http;
mod lenient;
mod multipart;
mod pacing;
mod region;
mod request;
mod retry;
mod sandbox_probe;
mod scope;
mod scrub;
mod watched_body;

pub mod activities;
pub mod batch;
pub mod broadcasts;
pub mod deliveries;
pub mod events;
pub mod metrics;
pub mod newsletters;
pub mod objects;
pub mod operation;
pub mod origins;
pub mod people;
pub mod sandbox_controls;
pub mod segments;
pub mod standing;
pub mod subscriptions;
pub mod templates;
pub mod transactional;
pub mod usage;
pub mod workspaces;

pub use answer::Page;
pub use config::{ApiConfig, ApiConfigError, BaseUrls};
pub use credentials::{AppKey, CdpWriteKey, CredentialError, TrackCredentials};
pub use error::{Fate, UpstreamError, UpstreamErrorKind};
pub use region::{Region, RegionLookup, RegionSetting};
pub use request::{Method, Surface};
pub use retry::{Retry, RetryTiming};
pub use scope::{CallScope, Permit};

use std::sync::Arc;

/// A workspace of Customer.io as its credentials let us reach it. Clones share connections, pacing and the region.
#[derive(Debug, Clone)]
pub struct Api {
    inner: Arc<http::Transport>,
}

impl Api {
    /// Prepares the HTTP clients; sends nothing.
    pub fn new(config: ApiConfig) -> Result<Self, ApiConfigError> {
        Ok(Self { inner: Arc::new(http::Transport::new(config)?) })
    }

    /// Whether the Track API (people, events, segment membership) can be used.
    pub fn has_track(&self) -> bool {
        self.inner.config().track.is_some()
    }

    /// Whether the App API (look-ups, templates, sends) can be used.
    pub fn has_app(&self) -> bool {
        self.inner.config().app.is_some()
    }

    /// Whether the Pipelines API (data in through a source) can be used.
    pub fn has_pipelines(&self) -> bool {
        self.inner.config().pipelines.is_some()
    }
}
