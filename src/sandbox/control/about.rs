//! What the sandbox says of itself.

use serde_json::{Value, json};

use super::{page, table::CONTROLS, unkept, wants_a_page};
use crate::sandbox::{
    dispatch::Shared,
    operations::NOT_IMITATED,
    reply::{Answer, Reply},
    request::Call,
    routes::ROUTES,
    unconfirmed::UNCONFIRMED,
};

/// `GET /_sandbox`.
pub(super) fn about(shared: &Shared, call: &Call) -> Answer {
    if wants_a_page(call) {
        return page::docs(shared, call);
    }
    let workspace = shared.lock().world.workspace.clone();
    let imitated: Vec<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let others: Vec<_> = NOT_IMITATED.iter().map(|other| format!("{} {}", other.method, other.path)).collect();
    let unconfirmed: Vec<_> =
        UNCONFIRMED.iter().map(|choice| json!({"question": choice.question, "choice": choice.choice})).collect();
    let controls: Vec<_> =
        CONTROLS.iter().map(|control| format!("{} /_sandbox{}", control.method, control.path)).collect();
    Ok(Reply::ok(&json!({
        "sandbox": "a local imitation of Customer.io",
        "version": env!("CARGO_PKG_VERSION"),
        "workspace": {"id": workspace.id, "name": workspace.name, "region": workspace.region},
        "strict_limits": shared.config.strict_limits,
        "control": controls,
        "imitated": imitated,
        "not_imitated": others,
        "unconfirmed": unconfirmed,
    })))
}

/// `GET /_sandbox/counts`.
pub(super) fn counts_now(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&counts(shared)?))
}

/// The state in numbers: what a test holds a client's claims against.
pub(super) fn counts(shared: &Shared) -> Result<Value, Reply> {
    let inner = &mut *shared.lock();
    inner.arrive().map_err(|error| unkept(&error))?;
    let world = &inner.world;
    Ok(json!({
        "people": world.people.len(),
        "events": world.activities.count(&["event", "page", "screen"]),
        "deliveries": world.deliveries.len() - world.deliveries.past,
        "sent": world.deliveries.sent_count(),
        "segments": world.segments.len(),
        "suppressed": world.suppressed.len(),
    }))
}
