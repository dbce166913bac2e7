//! The MCP server: the handler, the transports, and opening what they serve.

pub mod handler;
pub mod lines;
pub mod open;
mod request_id;
pub mod standard_streams;
pub mod sweeper;
