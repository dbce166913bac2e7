//! Behaviour over the public surface, one file a noun, in one binary.

mod liquid;
// The attribute is what clippy's leniency towards tests looks for; without it, helpers may not unwrap.
#[cfg(test)]
mod sandbox;
