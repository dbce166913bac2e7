//! The imitation, spoken to over real HTTP as any client would.

#![expect(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]

mod anonymous;
mod assets;
mod collections;
mod conformance;
mod content;
mod control;
mod controls;
mod deliveries;
pub(crate) mod driver;
mod esp;
mod events;
mod exports;
mod faults;
mod filters;
mod http;
mod identify;
mod limits;
mod live_notifications;
mod merge;
mod model;
mod objects;
mod paging;
mod pipelines;
mod reads;
mod reports;
mod search;
mod segments;
mod send;
mod snippets;
mod store;
mod studio;
mod subscriptions;
mod suppression;
mod v2;
mod webhooks;
