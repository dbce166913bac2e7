//! customerio-mcp: an MCP server that lets an AI agent operate Customer.io, with guardrails and an embedded sandbox.

pub mod api;
pub mod catalog;
pub mod clock;
pub mod error;
pub mod guard;
pub mod liquid;
pub mod state;
pub mod tools;
