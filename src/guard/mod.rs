//! May this call happen? Knows nothing of HTTP or MCP.

pub mod identity;
pub mod policy;
pub mod secret;
