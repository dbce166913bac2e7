//! What to put into an MCP client's configuration.

use std::path::Path;

use serde_json::{Value, json};

/// The sandbox as a server of an MCP client.
pub(super) fn of(program: Option<&Path>) -> String {
    let command = program.map_or_else(|| "customerio-mcp".into(), |path| path.to_string_lossy());
    let servers = json!({ "customerio-sandbox": { "command": command, "args": ["serve", "--sandbox"] } });
    // Written by hand down to the values, because arrays are easier to read on one line.
    let member = |name: &str| value_of(&servers["customerio-sandbox"][name]);
    format!(
        "{{\n  \"mcpServers\": {{\n    \"customerio-sandbox\": {{\n      \"command\": {},\n      \"args\": {}\n    }}\n  \
         }}\n}}\n",
        member("command"),
        member("args"),
    )
}

fn value_of(value: &Value) -> String {
    value.to_string().replace("\",\"", "\", \"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snippet_is_json_whatever_the_path() {
        let snippet: Value = serde_json::from_str(&of(Some(Path::new("C:\\my \"dir\"\\customerio-mcp")))).unwrap();
        let server = &snippet["mcpServers"]["customerio-sandbox"];
        assert_eq!(server["command"], "C:\\my \"dir\"\\customerio-mcp");
        assert_eq!(server["args"], json!(["serve", "--sandbox"]));
    }
}
