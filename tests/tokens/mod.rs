//! What the tools cost a model in tokens, for the tests that state it.

use std::sync::Arc;

use customerio_mcp::tools::{self, tool::Callable};
use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;

/// Tokens of `o200k_base` in the name, description and input schema of a tool, as compact JSON under the names that
/// `tools/list` sends them by. Clients keep the rest of a definition to themselves; how they write what they show is
/// their own, so this is a measure, and nobody's bill.
pub(crate) fn of_tool(tool: &dyn Callable) -> usize {
    let tool = serde_json::to_value(tool.definition()).unwrap();
    of_shown(&tool["name"], &tool["description"], &tool["inputSchema"])
}

/// Tokens in what a model is shown of a tool.
pub(crate) fn of_shown(name: &Value, description: &Value, schema: &Value) -> usize {
    let shown = json!({ "name": name, "description": description, "inputSchema": schema });
    o200k_base_singleton().count_ordinary(&shown.to_string())
}

/// The tools that are listed unless a client's operator says otherwise.
pub(crate) fn default_list() -> Vec<Arc<dyn Callable>> {
    tools::all().into_iter().filter(|tool| tool.spec().core).collect()
}

/// Tokens of several tools.
pub(crate) fn of_tools(tools: &[Arc<dyn Callable>]) -> usize {
    tools.iter().map(|tool| of_tool(tool.as_ref())).sum()
}
