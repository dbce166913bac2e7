//! The imitation, spoken to over real HTTP as any client would.

#![expect(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]

mod content;
mod control;
mod deliveries;
mod driver;
mod events;
mod faults;
mod http;
mod identify;
mod limits;
mod merge;
mod reads;
mod search;
mod segments;
mod send;
mod suppression;
mod v2;
