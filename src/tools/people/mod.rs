//! Tools for people: find, get, identify, subscribe, merge.

pub mod find;
pub mod get;
pub mod identify;
mod meanwhile;
pub mod merge;
pub mod subscription;

pub use find::FindCustomers;
pub use get::{Detail, GetCustomer};
pub use identify::IdentifyCustomer;
pub use merge::MergeCustomers;
pub use subscription::SetSubscription;
