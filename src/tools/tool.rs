//! A tool is a value: what it is, its schemas, and its handler. A list of such values is the server.

use std::{borrow::Cow, future::Future, marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use rmcp::model;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{context::CallContext, offer::Offer};
use crate::{
    api::Api,
    catalog::{Credential, HeldSchema, Spec, answer_schema, correct, input_schema},
    error::{ErrorCode, ToolError},
    guard::{intent::Intent, policy::Policy},
};

/// A crafted tool.
pub trait Tool: Send + Sync + 'static {
    /// What it is.
    const SPEC: Spec;
    /// Its arguments; unknown ones are refused.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// Its answer.
    type Output: Serialize + JsonSchema + Send;

    /// What a call would touch, said by its arguments alone. The guards act on this before the handler runs.
    fn intent(input: &Self::Input) -> Result<Intent, ToolError>;

    /// Does what was admitted.
    fn call(cx: &CallContext<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;

    /// Looks for the effect of an earlier call of unknown fate, by what its intent left for recovery.
    fn look_up(
        _cx: &CallContext<'_>,
        _recovery: &Recovery,
    ) -> impl Future<Output = Result<Look<Self::Output>, ToolError>> + Send {
        std::future::ready(Ok(Look::Unclear))
    }
}

/// What a look for the effect of an earlier call has shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Look<T> {
    /// It happened, and this is the answer it should have given.
    Found(T),
    /// It is not to be seen.
    Absent,
    /// The look tells nothing: nothing can be looked for, or what is there may be another call's.
    Unclear,
}

/// What is known of a call whose effect is looked for.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What its intent left.
    pub facts: Value,
    /// When it began, in Unix milliseconds.
    pub began_at_ms: i64,
    /// When it must have ended, in Unix milliseconds.
    pub ended_by_ms: i64,
}

/// A call whose arguments are read: what it would touch, and how to run it.
pub struct Prepared {
    /// What it would touch.
    pub intent: Intent,
    /// Runs it.
    pub run: Run,
}

/// Runs a prepared call.
pub type Run = Box<dyn for<'a> FnOnce(&'a CallContext<'_>) -> BoxFuture<'a, Result<Value, ToolError>> + Send>;

/// What a call is a call of.
pub enum Forwarded {
    /// The tool that was called, with its arguments.
    Own(Map<String, Value>),
    /// Another, with the arguments for it.
    To(Arc<dyn Callable>, Map<String, Value>),
}

/// A tool of any kind, as the route sees it.
pub trait Callable: Send + Sync {
    /// What it is.
    fn spec(&self) -> &Spec;

    /// How it is listed.
    fn definition(&self) -> &model::Tool;

    /// What a call of it is a call of: itself, unless it runs others by their names.
    fn forward(&self, arguments: Map<String, Value>, _offer: &Offer) -> Result<Forwarded, ToolError> {
        Ok(Forwarded::Own(arguments))
    }

    /// Reads the arguments of a call.
    fn prepare(&self, arguments: Value) -> Result<Prepared, ToolError>;

    /// Looks for the effect of an earlier call of unknown fate.
    fn look_up<'a>(
        &self,
        cx: &'a CallContext<'_>,
        recovery: &'a Recovery,
    ) -> BoxFuture<'a, Result<Look<Value>, ToolError>>;
}

/// A crafted tool, with its schemas made once.
pub struct Crafted<T> {
    definition: model::Tool,
    arguments: HeldSchema,
    tool: PhantomData<fn() -> T>,
}

impl<T: Tool> Crafted<T> {
    /// Makes the schemas of a tool under a policy.
    pub fn under(policy: &Policy) -> Self {
        let spec = T::SPEC;
        let schema = input_schema::<T::Input>(&spec, policy.asks_preview(spec.name, spec.effect));
        let mut definition = model::Tool::new(spec.name, spec.description(), Arc::new(schema.clone()));
        definition.title = Some(spec.title.to_owned());
        definition.annotations = Some(spec.annotations());
        definition.output_schema = Some(Arc::new(answer_schema::<T::Output>()));
        Self { definition, arguments: HeldSchema::new(schema), tool: PhantomData }
    }
}

impl<T: Tool> Callable for Crafted<T> {
    fn spec(&self) -> &Spec {
        &const { T::SPEC }
    }

    fn definition(&self) -> &model::Tool {
        &self.definition
    }

    fn prepare(&self, arguments: Value) -> Result<Prepared, ToolError> {
        self.arguments.check(&arguments)?;
        let input: T::Input = read(&without_catalog_arguments(arguments))?;
        let intent = T::intent(&input)?;
        let run: Run = Box::new(move |cx| Box::pin(async move { write(&T::call(cx, input).await?) }));
        Ok(Prepared { intent, run })
    }

    fn look_up<'a>(
        &self,
        cx: &'a CallContext<'_>,
        recovery: &'a Recovery,
    ) -> BoxFuture<'a, Result<Look<Value>, ToolError>> {
        Box::pin(async move {
            Ok(match T::look_up(cx, recovery).await? {
                Look::Found(found) => Look::Found(write(&found)?),
                Look::Absent => Look::Absent,
                Look::Unclear => Look::Unclear,
            })
        })
    }
}

/// Whether there are the credentials that a tool needs.
pub(crate) fn has_credentials(spec: &Spec, api: &Api) -> bool {
    spec.needs.iter().all(|credential| match credential {
        Credential::Track => api.has_track(),
        Credential::App => api.has_app(),
        Credential::Pipelines => api.has_pipelines(),
        Credential::Sandbox => api.is_sandbox(),
    })
}

pub(super) fn without_catalog_arguments(mut arguments: Value) -> Value {
    if let Value::Object(map) = &mut arguments {
        map.remove(crate::catalog::PLAN_TOKEN);
        map.remove(crate::catalog::IDEMPOTENCY_KEY);
    }
    arguments
}

fn read<I: DeserializeOwned>(arguments: &Value) -> Result<I, ToolError> {
    // Where it went wrong is asked only if it did.
    if let Ok(input) = I::deserialize(arguments) {
        return Ok(input);
    }
    serde_path_to_error::deserialize(arguments).map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        let field = if path == "." { Cow::Borrowed("arguments") } else { Cow::Owned(path) };
        let why = without_value(&error.into_inner().to_string());
        ToolError::invalid(field.clone(), format!("`{field}`: {why}. Nothing was changed.")).next(correct(&field))
    })
}

/// Serde's own complaints repeat the value, which may be personal data: only what was expected is kept of them.
fn without_value(why: &str) -> String {
    let of_serde = why.starts_with("invalid ") || why.starts_with("unknown variant ");
    match why.split_once(", expected ") {
        Some((_, expected)) if of_serde => format!("expected {}", plain(expected)),
        _ => why.to_owned(),
    }
}

/// Rust's names of numbers in words.
fn plain(expected: &str) -> &str {
    match expected {
        "i64" => "a whole number without a decimal point, of at most 18 digits",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on, without a decimal point",
        other => other,
    }
}

fn write<O: Serialize>(output: &O) -> Result<Value, ToolError> {
    serde_json::to_value(output).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        ToolError::new(ErrorCode::Internal, "The answer could not be written.").of_unknown_fate()
    })
}

/// Arguments as JSON with sorted keys and without those the catalog adds: what a call is known by.
pub(super) fn canonical(arguments: &Map<String, Value>) -> String {
    let own = |name: &str| !matches!(name, crate::catalog::PLAN_TOKEN | crate::catalog::IDEMPOTENCY_KEY);
    let mut text = String::new();
    push_object(arguments.iter().filter(|(name, _)| own(name)).collect(), &mut text);
    text
}

fn push_object(mut entries: Vec<(&String, &Value)>, text: &mut String) {
    entries.sort_by_key(|(name, _)| *name);
    text.push('{');
    for (at, (name, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_text(name, text);
        text.push(':');
        push_value(value, text);
    }
    text.push('}');
}

fn push_value(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => push_object(map.iter().collect(), text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                push_value(item, text);
            }
            text.push(']');
        }
        Value::String(own) => push_text(own, text),
        other => text.push_str(&other.to_string()),
    }
}

/// As JSON has it; what needs no escapes, as most names and texts, is not sent through a serialiser.
fn push_text(own: &str, text: &mut String) {
    if own.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        text.push_str(&Value::from(own).to_string());
    } else {
        text.push('"');
        text.push_str(own);
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_not_repeated() {
        let told = |error: serde_json::Error| without_value(&error.to_string());
        let number = serde_json::from_value::<u32>(json!("ada@shop.example")).unwrap_err();
        assert_eq!(told(number), "expected a whole number from 0 on, without a decimal point");
        let object = serde_json::from_value::<std::collections::BTreeMap<String, u8>>(json!("secret")).unwrap_err();
        assert_eq!(told(object), "expected a map");
        assert_eq!(without_value("the time looks like milliseconds"), "the time looks like milliseconds");
    }

    #[test]
    fn texts_are_known_by_as_json_writes_them() {
        for text in ["", "plain", "é漢\u{7f}", "a\"b", "a\\b", "a\nb\u{1}"] {
            let mut pushed = String::new();
            push_text(text, &mut pushed);
            assert_eq!(pushed, json!(text).to_string());
        }
    }

    #[test]
    fn the_order_of_keys_makes_no_other_call() {
        let canonical = |value: Value| canonical(value.as_object().unwrap());
        assert_eq!(
            canonical(json!({ "b": { "y": 1, "x": [1, { "q": 1, "p": 2 }] }, "a": "1", "plan_token": "t" })),
            canonical(json!({ "a": "1", "b": { "x": [1, { "p": 2, "q": 1 }], "y": 1 } }))
        );
        assert_ne!(canonical(json!({ "a": "1" })), canonical(json!({ "a": 1 })));
        assert_ne!(canonical(json!({ "a": ["x", "y"] })), canonical(json!({ "a": ["x,\"y"] })));
    }
}
