//! behaviour.md row by row.

mod section_6;
mod section_8;
mod section_9;
