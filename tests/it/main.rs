//! One integration binary: each module tests one noun over the public surface.

mod config;
mod sandbox;
