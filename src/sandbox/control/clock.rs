//! The clock: read, set, moved, stopped and resumed.

use std::time::Duration;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, refuse};
use crate::{
    clock::Clock,
    sandbox::{
        dispatch::Shared,
        reply::{Answer, Reply},
        request::Call,
    },
};

/// The times a clock can be set to, in Unix seconds.
const YEAR_1: i64 = -62_135_596_800;
const YEAR_9999: i64 = 253_402_207_200;

/// What is to be done with the clock, in this order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockChange {
    /// The time to show: ISO 8601 with an offset, or Unix seconds.
    #[serde(default)]
    #[schemars(schema_with = "time")]
    set: Option<Value>,
    /// How far to move on.
    advance_seconds: Option<u64>,
    /// Let it stand.
    #[serde(default)]
    stop: bool,
    /// Let it run on from the time it shows.
    #[serde(default)]
    resume: bool,
}

fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer", "null"],
        "format": "date-time",
        "minimum": YEAR_1,
        "maximum": YEAR_9999,
    })
}

/// `GET /_sandbox/clock`.
pub(super) fn shown(shared: &Shared, _call: &Call) -> Answer {
    let clock = &shared.config.clock;
    let now = clock.now();
    Ok(Reply::ok(&json!({"now": now.to_string(), "unix": now.as_second(), "stopped": clock.is_stopped()})))
}

/// `POST /_sandbox/clock`.
pub(super) fn change(shared: &Shared, call: &Call) -> Answer {
    let change: ClockChange = body(call)?;
    let clock = &shared.config.clock;
    if let Some(set) = &change.set {
        clock.set(timestamp(set).ok_or_else(|| refuse(400, "set takes ISO 8601 with an offset, or Unix seconds"))?);
    }
    if let Some(seconds) = change.advance_seconds {
        clock.advance(Duration::from_secs(seconds));
    }
    if change.stop {
        clock.stop();
    }
    if change.resume {
        clock.resume();
    }
    shared.keep_clock().map_err(|error| refuse(error.status(), error.to_string()))?;
    shown(shared, call)
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => {
            let seconds = seconds.as_i64().filter(|seconds| (YEAR_1..=YEAR_9999).contains(seconds))?;
            Timestamp::from_second(seconds).ok()
        }
        _ => None,
    }
}
