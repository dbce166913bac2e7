//! Tools that take people away: `delete_customer` (can come back) and `erase_customer` (must not); and one that lets an
//! identifier be used again.

pub mod delete;
pub mod erase;
pub mod unsuppress;

pub use delete::DeleteCustomer;
pub use erase::EraseCustomer;
pub use unsuppress::UnsuppressCustomer;
