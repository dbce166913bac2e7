//! customerio-mcp: an MCP server that lets an AI agent operate Customer.io, with guardrails and an embedded sandbox.

pub mod api;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod guard;
pub mod liquid;
pub mod rows;
pub mod sandbox;
pub mod server;
pub mod state;
pub mod statistics;
pub mod telemetry;
mod toml_schema;
pub mod tools;
