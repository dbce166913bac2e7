//! Tools for segments. The API makes, fills and deletes manual ones only; data-driven ones are read.

mod change;
mod membership;
mod read;

pub use change::{CreateSegment, DeleteSegment};
pub use membership::{AddToSegment, RemoveFromSegment};
pub use read::{GetSegment, ListSegments};
