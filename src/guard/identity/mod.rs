//! Who a call is about: the declared strategy, the identifiers given, and the person they resolve to.

pub mod identifier;
pub mod strategy;
