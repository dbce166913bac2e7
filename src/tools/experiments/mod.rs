//! Tools for A/B tests: their groups, what their variants say, and what has come of them.

pub mod compare;
mod gather;
pub mod group;
pub mod update;

pub use compare::CompareVariants;
pub use group::CreateTestGroup;
pub use update::UpdateVariant;
