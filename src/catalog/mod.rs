//! What a tool is: its effect, its flags and everything that follows from them.

mod effect;

pub use effect::{Effect, Flag, Retry};
