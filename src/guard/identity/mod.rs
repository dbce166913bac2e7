//! Who a call is about: the declared strategy, the identifiers given, and the people they resolve to.

pub mod identifier;
mod people;
mod resolve;
pub mod strategy;

pub use people::{Identified, Subject};
pub use resolve::UpsertAction;
