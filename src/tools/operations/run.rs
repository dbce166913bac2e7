//! `run_read_operation` and its like, one for each effect: they run whatever is not listed, by its name, as the tool it
//! is. Guards, budgets and audit know the tool that is run, not the one that ran it.

use std::sync::{Arc, LazyLock};

use futures_util::future::BoxFuture;
use rmcp::model;
use serde_json::{Map, Value, json};

use crate::{
    catalog::{Effect, HeldSchema, Retry, Spec, Toolset, with_workspace_argument, with_workspace_said},
    error::{ErrorCode, ToolError},
    tools::{
        context::CallContext,
        offer::Offer,
        served::Policies,
        tool::{Callable, Forwarded, Look, Prepared, Recovery},
    },
};

/// Runs a tool of one effect by its name.
pub struct RunOperation {
    spec: Spec,
    definition: model::Tool,
    arguments: HeldSchema,
}

/// One for each effect.
pub fn every(policies: &Policies) -> Vec<Arc<dyn Callable>> {
    let workspaces = policies.names();
    Effect::ALL.iter().map(|effect| Arc::new(RunOperation::of(*effect, workspaces)) as Arc<dyn Callable>).collect()
}

static SCHEMA: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let schema = json!({
        "type": "object",
        "properties": {
            "operation": { "type": "string" },
            "arguments": { "type": "object" },
        },
        "required": ["operation"],
        "additionalProperties": false,
    });
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
});

static ANSWER: LazyLock<Map<String, Value>> = LazyLock::new(|| Map::from_iter([("type".to_owned(), json!("object"))]));

impl RunOperation {
    fn of(effect: Effect, workspaces: &[String]) -> Self {
        let spec = spec(effect);
        let schema = with_workspace_argument(SCHEMA.clone(), workspaces);
        let mut definition = model::Tool::new(spec.name, spec.description(), Arc::new(schema.clone()));
        definition.title = Some(spec.title.to_owned());
        definition.annotations = Some(spec.annotations().open_world(true));
        // What it answers is the answer of what it runs.
        definition.output_schema = Some(Arc::new(with_workspace_said(ANSWER.clone(), workspaces)));
        Self { spec, definition, arguments: HeldSchema::new(schema) }
    }
}

fn spec(effect: Effect) -> Spec {
    let (name, title, prose) = match effect {
        Effect::Read => {
            ("run_read_operation", "Run an operation that reads", include_str!("../../../tools/run_read_operation.md"))
        }
        Effect::Write => (
            "run_write_operation",
            "Run an operation that writes",
            include_str!("../../../tools/run_write_operation.md"),
        ),
        Effect::Trigger => (
            "run_trigger_operation",
            "Run an operation that may trigger automations",
            include_str!("../../../tools/run_trigger_operation.md"),
        ),
        Effect::Send => {
            ("run_send_operation", "Run an operation that sends", include_str!("../../../tools/run_send_operation.md"))
        }
        Effect::Delete => (
            "run_delete_operation",
            "Run an operation that deletes",
            include_str!("../../../tools/run_delete_operation.md"),
        ),
    };
    // What it runs has its own retry, flags and credential; of these it needs none.
    Spec {
        name,
        title,
        prose,
        toolset: Toolset::Operations,
        core: true,
        effect,
        retry: if effect == Effect::Read { Retry::Natural } else { Retry::Ledger },
        flags: &[],
        needs: &[],
    }
}

/// The tool that runs operations of an effect.
pub(super) fn runner(effect: Effect) -> &'static str {
    spec(effect).name
}

impl Callable for RunOperation {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn definition(&self) -> &model::Tool {
        &self.definition
    }

    fn forward(&self, arguments: Map<String, Value>, offer: &Offer) -> Result<Forwarded, ToolError> {
        self.arguments.check(&Value::Object(arguments.clone()))?;
        let operation = arguments.get("operation").and_then(Value::as_str).unwrap_or_default();
        let tool = offer.tool(operation).filter(|tool| tool.spec().toolset != Toolset::Operations);
        let tool = tool.ok_or_else(|| unknown(operation, offer))?;
        let effect = tool.spec().effect;
        if effect != self.spec.effect {
            let right = runner(effect);
            return Err(ToolError::invalid(
                "operation",
                format!(
                    "{} is of the effect `{effect}`, which {} does not run. Nothing ran.",
                    tool.spec().name,
                    self.spec.name
                ),
            )
            .next(format!("Call {right} with the same arguments, if that effect is what is wanted.")));
        }
        let inner = match arguments.get("arguments") {
            Some(Value::Object(inner)) => inner.clone(),
            _ => Map::new(),
        };
        Ok(Forwarded::To(Arc::clone(tool), inner))
    }

    fn prepare(&self, _: Value) -> Result<Prepared, ToolError> {
        Err(ToolError::new(ErrorCode::Internal, "An operation was run as if it were a tool of its own. Nothing ran."))
    }

    fn look_up<'a>(&self, _: &'a CallContext<'_>, _: &'a Recovery) -> BoxFuture<'a, Result<Look<Value>, ToolError>> {
        Box::pin(std::future::ready(Ok(Look::Unclear)))
    }
}

fn unknown(operation: &str, offer: &Offer) -> ToolError {
    let error = ToolError::new(ErrorCode::NotFound, "There is no such operation here. Nothing ran.").at("operation");
    // A name is a question in other words.
    let near: Vec<&str> =
        offer.find(&operation.replace('_', " ")).iter().take(3).map(|tool| tool.spec().name).collect();
    error.next(match near.as_slice() {
        [] => "find_operations finds operations by what they do.".to_owned(),
        near => format!("Near it are {}; find_operations finds others by what they do.", near.join(", ")),
    })
}
