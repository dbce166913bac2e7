//! The operations that need no code of their own, and the tools that find and run whatever is not listed.

mod answer;
mod declared;
mod find;
mod request;
mod run;

use std::sync::Arc;

pub use declared::Declared;
pub(super) use find::EffectName;
pub use find::FindOperations;
pub use run::{RunOperation, every};

use super::{served::Policies, tool::Callable};
use crate::catalog::{Operations, SearchEntry};

/// The declared operations under a policy, or those of several workspaces, in the order of the documentation.
pub fn under(policies: impl Into<Policies>) -> Vec<Arc<dyn Callable>> {
    let policies = &policies.into();
    match Operations::declared() {
        Ok(all) => {
            let declared = |operation| Arc::new(Declared::under(policies, operation, all)) as Arc<dyn Callable>;
            all.iter().map(declared).collect()
        }
        Err(error) => {
            tracing::error!(%error, "the declared operations cannot be read");
            Vec::new()
        }
    }
}

/// The names of the declared operations.
pub fn names() -> Vec<&'static str> {
    Operations::declared().map(|all| all.iter().map(|operation| operation.name.as_str()).collect()).unwrap_or_default()
}

/// What a tool is found by.
pub(super) fn entry(tool: &dyn Callable) -> SearchEntry {
    let (spec, definition) = (tool.spec(), tool.definition());
    let mut arguments = Vec::new();
    if let Some(properties) = definition.input_schema.get("properties").and_then(serde_json::Value::as_object) {
        for (name, schema) in properties {
            arguments.push(name.clone());
            arguments.extend(schema["description"].as_str().map(str::to_owned));
        }
    }
    SearchEntry {
        name: spec.name,
        summary: spec.description(),
        toolset: spec.toolset.as_str(),
        arguments: arguments.join(" "),
        effect: spec.effect,
    }
}
