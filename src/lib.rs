//! customerio-mcp: an MCP server that lets an AI agent operate Customer.io, with guardrails and an embedded sandbox.

pub mod clock;
pub mod liquid;
pub mod sandbox;
