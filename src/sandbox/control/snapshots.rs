//! Snapshots, over HTTP.

use serde_json::{Value, json};

use super::{body, refuse};
use crate::sandbox::{
    dispatch::Shared,
    reply::{Answer, Reply},
    request::Call,
    snapshots::SnapshotError,
};

/// `GET /_sandbox/snapshots`.
pub(super) fn list(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&shared.lock().shown_snapshots()))
}

/// `POST /_sandbox/snapshots`.
pub(super) fn save(shared: &Shared, call: &Call) -> Answer {
    let asked = body(call)?;
    answered(shared.lock().save(&shared.config.clock, asked))
}

/// `POST /_sandbox/snapshots/{name}/load`.
pub(super) fn load(shared: &Shared, call: &Call) -> Answer {
    answered(shared.lock().load(&shared.config.clock, call.param("name")))
}

/// `DELETE /_sandbox/snapshots/{name}`.
pub(super) fn forget(shared: &Shared, call: &Call) -> Answer {
    answered(shared.lock().forget(call.param("name")).map(|()| json!({})))
}

fn answered(outcome: Result<Value, SnapshotError>) -> Answer {
    outcome.map(|shown| Reply::ok(&shown)).map_err(|error| refuse(error.status(), error.to_string()))
}
