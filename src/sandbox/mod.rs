//! A faithful local Customer.io over HTTP.
//!
//! One port answers the vendor's Track v1 and v2, App and Pipelines paths with the vendor's status codes, envelopes and quirks;
//! nothing of ours calls it except over HTTP, so a wrong field name in a client fails a test. State comes first: each
//! noun is a file that holds what is kept about it and how it changes, and the handlers beside it only read requests
//! and word answers. All routes stand on one page (`routes`), every request takes one way (`dispatch`), and what had
//! to be decided without evidence is listed in one place (`unconfirmed`).
//!
//! Handlers are plain functions over `&mut World`, run under one mutex that is never held across an await: the
//! imitation is then deterministic, and its time and randomness are the clock it was given.
//!
//! Memory is not bounded for what a workspace keeps (people, activities, deliveries): a sandbox lives as long as a
//! test or an afternoon. The request log and the memory of event ids are bounded.

#![expect(clippy::unnecessary_wraps, reason = "all handlers have one signature, also those that never refuse")]

mod actions;
mod activities;
mod anonymous;
mod assets;
mod attributes;
mod audience;
mod auth;
mod broadcasts;
mod campaigns;
mod collections;
mod contents;
mod control;
mod data_index;
mod deliveries;
mod delivery_metrics;
mod devices;
mod dispatch;
mod entity;
mod entity_object;
mod esp;
mod events;
mod exports;
mod faults;
mod fetch;
mod files;
mod filter;
mod fixture;
mod forms;
mod identifiers;
mod identify;
mod ids;
mod imports;
mod intake;
mod lifecycle;
mod limits;
mod links;
mod live_notifications;
mod merge;
mod messages;
mod metrics;
mod moment;
mod newsletter_contents;
mod newsletter_sends;
mod newsletters;
mod numbered_page;
mod object_filter;
mod object_reads;
mod objects;
mod operations;
mod optouts;
mod outbox;
mod page;
mod people;
mod pipeline_calls;
mod pipelines;
mod placement;
mod profiles;
#[cfg(test)]
mod properties;
mod reactions;
mod recipients;
mod relationships;
mod reply;
mod request;
mod revival;
mod routes;
mod segments;
mod send;
mod senders;
mod server;
mod snapshots;
mod snippets;
mod source;
mod store;
mod studio;
mod subscriptions;
mod suppression;
mod table;
mod transactional;
mod triggers;
mod unconfirmed;
mod upload;
mod webhooks;
mod windows;
mod workspace;
mod world;

use std::{fmt, net::SocketAddr, sync::Arc};

use crate::clock::{AdjustableClock, Clock, random_bytes};

pub use fixture::{Fixture, FixtureError};
pub use server::{RunningSandbox, StartError, start};
pub use store::{Chronicle, Store, StoreError};

/// What a sandbox is started with.
#[derive(Debug)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The credentials it accepts.
    pub keys: Keys,
    /// What the workspace holds at the start, and again after a reset.
    pub fixture: Fixture,
    /// The sandbox's time and randomness. Requests and deliveries follow it, the control endpoint moves it.
    pub clock: Arc<AdjustableClock>,
    /// Whether the App API's limits (10 requests a second, 100 archived messages a day) are enforced.
    pub strict_limits: bool,
}

/// The vendor's operations that the sandbox answers with 501, as method and path.
pub fn not_imitated() -> impl Iterator<Item = (&'static str, &'static str)> {
    operations::NOT_IMITATED.iter().map(|operation| (operation.method, operation.path))
}

/// How many choices had to be made without evidence. The control endpoint lists them.
pub const fn unconfirmed() -> usize {
    unconfirmed::UNCONFIRMED.len()
}

/// The credentials of one workspace, one per API; none stands in for another.
#[derive(Clone)]
pub struct Keys {
    /// Track: the user name of Basic authentication.
    pub site_id: String,
    /// Track: the password of Basic authentication.
    pub tracking_api_key: String,
    /// App: the bearer token.
    pub app_api_key: String,
    /// Pipelines: the user name of Basic authentication; its password is blank.
    pub cdp_write_key: String,
}

impl Keys {
    /// Fresh credentials in the vendor's shape (hexadecimal), from the clock's randomness.
    pub fn random(clock: &dyn Clock) -> Self {
        Self {
            site_id: hex::encode(random_bytes::<10>(clock)),
            tracking_api_key: hex::encode(random_bytes::<10>(clock)),
            app_api_key: hex::encode(random_bytes::<16>(clock)),
            cdp_write_key: hex::encode(random_bytes::<10>(clock)),
        }
    }
}

/// Keys open a workspace, so they do not print themselves.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("site_id", &self.site_id).finish_non_exhaustive()
    }
}
