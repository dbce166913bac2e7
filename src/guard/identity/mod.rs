//! Who a call is about: the declared strategy, the identifiers given, and the people they resolve to.

pub mod identifier;
mod many;
mod people;
mod resolve;
pub mod strategy;

pub(crate) use many::{check_named, check_written, decide_many, look_up_many, no_such_person};
pub(crate) use people::not_found;
pub use people::{Identified, Subject};
pub(crate) use people::{app_key_required, strategy_required};
pub use resolve::UpsertAction;
