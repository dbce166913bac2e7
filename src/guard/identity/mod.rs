//! Who a call is about: the declared strategy, the identifiers given, and the people they resolve to.

pub mod identifier;
mod people;
mod resolve;
pub mod strategy;

pub(crate) use people::not_found;
pub use people::{Identified, Subject};
pub use resolve::UpsertAction;
