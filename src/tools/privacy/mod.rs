//! Tools that take people away: `delete_customer` (can come back) and `erase_customer` (must not); and one that lets an
//! identifier be used again, and one that hands out what is known of a person.

pub mod delete;
pub mod erase;
pub mod export;
pub mod read_export;
pub mod unsuppress;

pub use delete::DeleteCustomer;
pub use erase::EraseCustomer;
pub use export::ExportCustomerData;
pub use unsuppress::UnsuppressCustomer;
