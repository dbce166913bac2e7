//! Behaviour over the public surface, in one binary.

mod sandbox;
