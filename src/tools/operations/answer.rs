//! What a declared operation answers: Customer.io's own JSON, marked as written by others, with what was there before.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        UpstreamErrorKind,
        operation::{Body, OperationRequest},
    },
    catalog::{Effect, Flag, Method, Operation},
    error::ToolError,
    tools::{context::CallContext, verify::WriteResult},
};

/// What a change has come to.
pub(super) struct Answered {
    pub(super) result: WriteResult,
    pub(super) answer: Value,
    pub(super) before: Option<Value>,
}

/// The schema of what operations of an effect answer: the inside is Customer.io's own.
pub(super) fn answer_of(effect: Effect) -> Map<String, Value> {
    let schema = if effect == Effect::Read {
        json!({
            "type": "object",
            "properties": {
                "answer": { "type": "object" },
                "cursor": { "type": "string" },
                "media_type": { "type": "string" },
                "bytes": { "type": "integer" },
            },
        })
    } else {
        json!({
            "type": "object",
            "properties": {
                "result": { "type": "string", "enum": ["applied", "accepted"] },
                "answer": { "type": "object" },
                "before": { "type": "object" },
            },
            "required": ["result"],
        })
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// The answer of a read. The token of the next page stands where every list has it.
pub(super) fn reads(mut answer: Value) -> Value {
    let next = answer.get("next").and_then(Value::as_str).filter(|next| !next.is_empty()).map(str::to_owned);
    let mut shown = json!({ "answer": { "untrusted": answer.take() } });
    if let Some(next) = next {
        shown["cursor"] = json!(next);
    }
    shown
}

/// The answer of a change.
pub(super) fn writes(answered: Answered) -> Value {
    let mut shown = json!({ "result": answered.result });
    if !is_empty(&answered.answer) {
        shown["answer"] = json!({ "untrusted": answered.answer });
    }
    if let Some(before) = answered.before {
        shown["before"] = json!({ "untrusted": before });
    }
    shown
}

/// An image. The route gives it to the client as one.
pub(super) fn image(media_type: &str, bytes: &[u8]) -> Value {
    json!({
        "media_type": media_type,
        "bytes": bytes.len(),
        crate::tools::answer::IMAGE: BASE64_STANDARD.encode(bytes),
    })
}

fn is_empty(answer: &Value) -> bool {
    match answer {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Looks at what a change replaces or deletes, before and after it.
pub(super) struct Reading<'a> {
    pub(super) cx: &'a CallContext<'a>,
    /// How it is looked at, where it can be.
    pub(super) request: Option<OperationRequest>,
}

impl Reading<'_> {
    /// What is there; `Some(None)` if nothing is, `None` if it cannot be looked at.
    pub(super) async fn look(&self) -> Result<Option<Option<Value>>, ToolError> {
        let Some(request) = &self.request else { return Ok(None) };
        match self.cx.api().read_operation(&self.cx.scope, request).await {
            Ok(found) => Ok(Some(Some(found))),
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(Some(None)),
            Err(error) => Err(error.into()),
        }
    }

    /// What an accepted change has come to, as far as it can be seen. A look that fails is not the change's failure.
    pub(super) async fn result(&self, operation: &Operation, sent: &OperationRequest, answer: &Value) -> WriteResult {
        let seen = self.look().await.ok().flatten();
        match (operation.method, seen) {
            (Method::Delete, Some(None)) => WriteResult::Applied,
            (Method::Put, Some(Some(now))) if holds(&now, &sent.body) => WriteResult::Applied,
            (Method::Post, _) if makes(operation) && answer.as_object().is_some_and(names_what_was_made) => {
                WriteResult::Applied
            }
            _ => WriteResult::Accepted,
        }
    }
}

/// Whether an operation has done its work when it answers: a job for later has an id as well.
fn makes(operation: &Operation) -> bool {
    operation.effect == Effect::Write && !operation.flags.iter().any(|flag| matches!(flag, Flag::Bulk | Flag::BulkPii))
}

/// Whether an answer shows the thing that a creation made, by its id.
fn names_what_was_made(answer: &Map<String, Value>) -> bool {
    let has_id = |map: &Map<String, Value>| map.get("id").is_some_and(|id| !id.is_null());
    has_id(answer) || answer.values().any(|inner| inner.as_object().is_some_and(has_id))
}

/// Whether every field that was sent reads as it was sent, and at least one was.
fn holds(read: &Value, sent: &Body) -> bool {
    let Body::Json(Value::Object(sent)) = sent else { return false };
    let Some(read) = read.as_object() else { return false };
    let inner = read.values().find_map(Value::as_object).filter(|_| read.len() == 1);
    let read = inner.unwrap_or(read);
    !sent.is_empty() && sent.iter().all(|(name, value)| read.get(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_as_sent_was_applied() {
        let sent = |body: Value| Body::Json(body);
        assert!(holds(&json!({ "collection": { "name": "a", "rows": 3 } }), &sent(json!({ "name": "a" }))));
        assert!(holds(&json!({ "name": "a" }), &sent(json!({ "name": "a" }))));
        assert!(!holds(&json!({ "name": "b" }), &sent(json!({ "name": "a" }))));
        assert!(!holds(&json!({ "name": "a" }), &sent(json!({ "name": "a", "body": "x" }))));
        assert!(!holds(&json!({ "name": "a" }), &sent(json!({}))));
        assert!(!holds(&json!([]), &Body::None));
    }

    #[test]
    fn the_next_page_stands_where_every_list_has_it() {
        assert_eq!(reads(json!({ "items": [], "next": "abc" }))["cursor"], "abc");
        assert!(reads(json!({ "items": [], "next": "" })).get("cursor").is_none());
    }
}
