//! Back to the fixture, or to another.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{about::counts, body_or_default, unkept};
use crate::sandbox::{
    Fixture,
    dispatch::Shared,
    reply::{Answer, Reply},
    request::Call,
};

/// What to begin again with.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reset {
    /// What all ids follow from, from now on: the same number gives the same ids.
    seed: Option<u64>,
    /// A fixture file's text (TOML), which from now on is this sandbox's.
    fixture: Option<String>,
}

/// `POST /_sandbox/reset`.
pub(super) fn reset(shared: &Shared, call: &Call) -> Answer {
    let asked: Reset = body_or_default(call)?;
    let fixture =
        asked.fixture.as_deref().map(Fixture::from_toml).transpose().map_err(|error| {
            Reply::json(400, &json!({"error": format!("fixture: {error}"), "problems": error.shown()}))
        })?;
    shared.reset(fixture.map(Arc::new), asked.seed).map_err(|error| unkept(&error))?;
    Ok(Reply::ok(&counts(shared)?))
}
