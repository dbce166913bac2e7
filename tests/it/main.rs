//! One integration binary: each module tests one noun over the public surface.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it fails")]

mod cli;
mod config;
mod sandbox;
