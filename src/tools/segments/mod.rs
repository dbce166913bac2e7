//! Tools for segments. The API makes, fills and deletes manual ones only; data-driven ones are read.

pub mod change;
pub mod membership;
pub mod read;

pub use change::{CreateSegment, DeleteSegment};
pub use membership::{AddToSegment, RemoveFromSegment};
pub use read::{GetSegment, ListSegments};
