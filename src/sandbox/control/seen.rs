//! Faults on demand, and what the sandbox has seen.

use serde_json::json;

use super::body;
use crate::sandbox::{
    dispatch::{RequestLog, Shared},
    faults::FaultRequest,
    forms as submitted,
    reply::{Answer, Reply},
    request::Call,
};

/// `GET /_sandbox/faults`.
pub(super) fn faults(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"faults": shared.lock().faults.shown()})))
}

/// `POST /_sandbox/faults`.
pub(super) fn add_fault(shared: &Shared, call: &Call) -> Answer {
    let asked: FaultRequest = body(call)?;
    let inner = &mut *shared.lock();
    Ok(Reply::ok(&inner.faults.add(asked, &inner.world)))
}

/// `DELETE /_sandbox/faults`.
pub(super) fn clear_faults(shared: &Shared, _call: &Call) -> Answer {
    shared.lock().faults.clear();
    Ok(Reply::ok(&json!({})))
}

/// `GET /_sandbox/requests`.
pub(super) fn requests(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&shared.lock().requests.shown()))
}

/// `DELETE /_sandbox/requests`.
pub(super) fn forget_requests(shared: &Shared, _call: &Call) -> Answer {
    shared.lock().requests = RequestLog::default();
    Ok(Reply::ok(&json!({})))
}

/// `GET /_sandbox/forms`.
pub(super) fn forms(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"forms": submitted::shown(&shared.lock().world.forms)})))
}

/// `GET /_sandbox/pipelines`.
pub(super) fn pipelines(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&shared.lock().world.pipelines.shown()))
}

/// `GET /_sandbox/data_index`.
pub(super) fn data_index(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&shared.lock().world.data_index.shown()))
}
