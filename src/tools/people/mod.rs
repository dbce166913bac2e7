//! Tools for people: find, get, identify, merge.

pub mod find;
pub mod get;
pub mod identify;
mod meanwhile;
pub mod merge;

pub use find::FindCustomers;
pub use get::{Detail, GetCustomer};
pub use identify::IdentifyCustomer;
pub use merge::MergeCustomers;
