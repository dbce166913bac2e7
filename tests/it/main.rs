//! Behaviour over the public surface, one file a noun, in one binary.

mod liquid;
mod sandbox;
