//! Pipelines: the door of `/v1/{identify,track,…}` and what went through it (behaviour.md section 4).
//!
//! By default the vendor answers 200 to everything, also to a wrong key, and drops what it cannot use. What became of
//! each call stands in `GET /_sandbox/pipelines`; with `X-Strict-Mode: 1` the caller is told too.

use std::{collections::VecDeque, io::Read};

use axum::http::header::CONTENT_ENCODING;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};

use super::{
    attributes::text_of,
    ids,
    pipeline_calls::{self, Problem},
    reply::{Answer, Reply},
    request::Call,
    world::World,
};
use crate::clock::Clock;

/// The vendor's limits as its description gives them; its overview page doubles both.
const MAX_CALL_BYTES: usize = 32 * 1024;
const MAX_BATCH_BYTES: usize = 500 * 1024;
/// Calls remembered for `GET /_sandbox/pipelines`.
const REMEMBERED: usize = 1000;

/// What became of the calls received lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Pipelines {
    recent: VecDeque<Value>,
}

impl Pipelines {
    pub(super) fn shown(&self) -> Value {
        json!({"calls": self.recent})
    }
}

impl World {
    /// Fills in what the server fills in, and remembers the call with its outcome.
    fn note_pipeline(&mut self, kind: &str, call: &Map<String, Value>, outcome: &Result<(), Problem>) {
        let given = call.get("messageId").map(text_of).filter(|id| !id.is_empty());
        let message_id = given.unwrap_or_else(|| ids::ulid(&*self.clock));
        let error = outcome.as_ref().err().map(Problem::text);
        if self.pipelines.recent.len() == REMEMBERED {
            self.pipelines.recent.pop_front();
        }
        self.pipelines.recent.push_back(json!({
            "type": kind,
            "messageId": message_id,
            "receivedAt": self.clock.now().to_string(),
            "dropped": error.is_some(),
            "error": error,
        }));
    }
}

fn is_strict(call: &Call) -> bool {
    call.headers.get("x-strict-mode").is_some_and(|value| value.as_bytes() == b"1")
}

fn accepted() -> Reply {
    Reply::ok(&json!({"success": true}))
}

/// The body, unpacked if it came packed, as an object of at most `max_bytes`.
fn body(call: &Call, max_bytes: usize) -> Result<Map<String, Value>, Problem> {
    let is_packed = call.headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
    let mut unpacked = Vec::new();
    let bytes = if is_packed {
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let read = MultiGzDecoder::new(&*call.body).take(limit).read_to_end(&mut unpacked);
        read.map_err(|_| Problem::invalid("the body is not gzip"))?;
        &unpacked[..]
    } else {
        &*call.body
    };
    if bytes.len() > max_bytes {
        return Err(Problem::invalid(format!("the body is larger than {max_bytes} bytes")));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Problem::invalid("the body is not a JSON object")),
    }
}

/// The write key a body carries, as those of browsers do.
pub(super) fn key_in_body(call: &Call) -> Option<String> {
    body(call, MAX_BATCH_BYTES).ok()?.get("writeKey")?.as_str().map(str::to_owned)
}

/// A call with a missing or wrong key: dropped, and told only in strict mode.
pub(super) fn unauthorized(world: &mut World, call: &Call) -> Answer {
    let kind = call.path.rsplit('/').next().unwrap_or_default().to_owned();
    world.note_pipeline(&kind, &Map::new(), &Err(Problem::invalid("wrong write key")));
    if is_strict(call) { Err(Reply::unauthorized(false)) } else { Ok(accepted()) }
}

/// One call of a kind that its path names.
fn receive(world: &mut World, call: &Call, kind: &str) -> Answer {
    let (body, outcome) = match body(call, MAX_CALL_BYTES) {
        Ok(body) => {
            let outcome = pipeline_calls::apply(world, kind, &body);
            (body, outcome)
        }
        Err(problem) => (Map::new(), Err(problem)),
    };
    world.note_pipeline(kind, &body, &outcome);
    answer(call, outcome)
}

/// What the caller hears. A call that is well-formed and cannot be applied is no validation failure.
fn answer(call: &Call, outcome: Result<(), Problem>) -> Answer {
    match outcome {
        Err(Problem::Invalid(why)) if is_strict(call) => Err(Reply::meta_error(400, &why)),
        _ => Ok(accepted()),
    }
}

/// `POST /v1/identify`.
pub(super) fn identify(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "identify")
}

/// `POST /v1/track`.
pub(super) fn track(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "track")
}

/// `POST /v1/page`.
pub(super) fn page(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "page")
}

/// `POST /v1/screen`.
pub(super) fn screen(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "screen")
}

/// `POST /v1/group`.
pub(super) fn group(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "group")
}

/// `POST /v1/alias`.
pub(super) fn alias(world: &mut World, call: &Call) -> Answer {
    receive(world, call, "alias")
}

/// `POST /v1/batch`: what is valid is applied. `context` and `integrations` of the batch hold for every call in it.
pub(super) fn batch(world: &mut World, call: &Call) -> Answer {
    let body = body(call, MAX_BATCH_BYTES);
    let items = body.and_then(|body| match body.get("batch") {
        Some(Value::Array(items)) => Ok((items.clone(), body)),
        _ => Err(Problem::invalid("batch must be an array")),
    });
    let (items, body) = match items {
        Ok(items) => items,
        Err(problem) => {
            let outcome = Err(problem);
            world.note_pipeline("batch", &Map::new(), &outcome);
            return answer(call, outcome);
        }
    };
    let mut first_problem = Ok(());
    for item in items {
        let is_oversize = item.to_string().len() > MAX_CALL_BYTES;
        let Value::Object(mut item) = item else {
            let outcome = Err(Problem::invalid("a call in a batch must be an object"));
            world.note_pipeline("", &Map::new(), &outcome);
            first_problem = first_problem.and(outcome);
            continue;
        };
        for shared in ["context", "integrations"] {
            if let (None, Some(value)) = (item.get(shared), body.get(shared)) {
                item.insert(shared.to_owned(), value.clone());
            }
        }
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let outcome = if is_oversize {
            Err(Problem::invalid(format!("a call in a batch is larger than {MAX_CALL_BYTES} bytes")))
        } else {
            pipeline_calls::apply(world, &kind, &item)
        };
        world.note_pipeline(&kind, &item, &outcome);
        first_problem = first_problem.and(outcome);
    }
    answer(call, first_problem)
}
