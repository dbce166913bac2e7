//! Tools that take people away: `delete_customer` (can come back) and `erase_customer` (must not).

pub mod delete;
pub mod erase;

pub use delete::DeleteCustomer;
pub use erase::EraseCustomer;
