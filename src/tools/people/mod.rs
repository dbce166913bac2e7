//! Tools for people: find, get, identify.

pub mod find;
pub mod get;
pub mod identify;
mod meanwhile;

pub use find::FindCustomers;
pub use get::{Detail, GetCustomer};
pub use identify::IdentifyCustomer;
