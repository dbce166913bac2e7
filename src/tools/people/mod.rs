//! Tools for people: find, get, identify.

mod find;
mod get;
mod identify;

pub use find::FindCustomers;
pub use get::{Detail, GetCustomer};
pub use identify::IdentifyCustomer;
