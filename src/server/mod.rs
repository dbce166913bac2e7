//! The MCP server: the handler, the transports, and opening what they serve.

mod completions;
pub mod handler;
pub mod lines;
pub mod open;
mod prompts;
mod request_id;
mod resources;
pub mod standard_streams;
pub mod sweeper;
