//! The control endpoint, under a prefix the vendor does not have: clock, faults, counts, requests, reset.
//!
//! It needs no credential, so it answers only callers on this machine, and only under a local name: a web page that
//! points its own name at 127.0.0.1 gets nothing.

use std::time::Duration;

use axum::http::header::HOST;
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    dispatch::Shared,
    faults::FaultRequest,
    forms,
    operations::NOT_IMITATED,
    reply::{Answer, Reply},
    request::Call,
    routes::ROUTES,
    server::Peer,
    store::StoreError,
    unconfirmed::UNCONFIRMED,
};
use crate::clock::Clock;

const PREFIX: &str = "/_sandbox";

/// Whether a path belongs to the control endpoint.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request to the control endpoint.
pub(super) fn answer(shared: &Shared, peer: &Peer, call: &Call) -> Answer {
    if !peer.addr.ip().to_canonical().is_loopback() || !is_local_host(call) {
        return Err(refuse(403, "the control endpoint answers only callers on this machine"));
    }
    match (call.method.as_str(), call.path.trim_start_matches(PREFIX)) {
        ("GET", "" | "/") => Ok(Reply::ok(&about(shared))),
        ("GET", "/clock") => Ok(Reply::ok(&shown_clock(shared))),
        ("POST", "/clock") => move_clock(shared, &body(call)?),
        ("GET", "/faults") => Ok(Reply::ok(&json!({"faults": shared.lock().faults.shown()}))),
        ("POST", "/faults") => {
            let asked: FaultRequest = body(call)?;
            let inner = &mut *shared.lock();
            Ok(Reply::ok(&inner.faults.add(asked, &inner.world)))
        }
        ("DELETE", "/faults") => {
            shared.lock().faults.clear();
            Ok(Reply::ok(&json!({})))
        }
        ("GET", "/counts") => Ok(Reply::ok(&counts(shared)?)),
        ("GET", "/forms") => Ok(Reply::ok(&json!({"forms": forms::shown(&shared.lock().world.forms)}))),
        ("GET", "/pipelines") => Ok(Reply::ok(&shared.lock().world.pipelines.shown())),
        ("GET", "/data_index") => Ok(Reply::ok(&shared.lock().world.data_index.shown())),
        ("GET", "/requests") => Ok(Reply::ok(&shared.lock().requests.shown())),
        ("DELETE", "/requests") => {
            shared.lock().requests = super::dispatch::RequestLog::default();
            Ok(Reply::ok(&json!({})))
        }
        ("POST", "/reset") => {
            shared.reset().map_err(|error| unkept(&error))?;
            Ok(Reply::ok(&counts(shared)?))
        }
        ("GET", "/snapshots") => Ok(Reply::ok(&shared.lock().shown_snapshots())),
        ("POST", "/snapshots") => {
            let saved = shared.lock().save(&shared.config.clock, body(call)?);
            saved.map(|shown| Reply::ok(&shown)).map_err(|error| refuse(error.status(), &error.to_string()))
        }
        (method, path) if path.starts_with("/snapshots/") => one_snapshot(shared, method, path),
        _ => Err(refuse(404, "no such control; see GET /_sandbox")),
    }
}

fn refuse(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({"error": error}))
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    serde_json::from_slice(&call.body).map_err(|error| refuse(400, &error.to_string()))
}

fn is_local_host(call: &Call) -> bool {
    let host = call.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn about(shared: &Shared) -> Value {
    let workspace = shared.lock().world.workspace.clone();
    let imitated: Vec<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let others: Vec<_> = NOT_IMITATED.iter().map(|other| format!("{} {}", other.method, other.path)).collect();
    let unconfirmed: Vec<_> =
        UNCONFIRMED.iter().map(|choice| json!({"question": choice.question, "choice": choice.choice})).collect();
    json!({
        "sandbox": "a local imitation of Customer.io",
        "version": env!("CARGO_PKG_VERSION"),
        "workspace": {"id": workspace.id, "name": workspace.name, "region": workspace.region},
        "strict_limits": shared.config.strict_limits,
        "control": ["clock", "faults", "counts", "forms", "pipelines", "data_index", "requests", "reset", "snapshots"],
        "imitated": imitated,
        "not_imitated": others,
        "unconfirmed": unconfirmed,
    })
}

/// The state in numbers: what a test holds a client's claims against.
fn counts(shared: &Shared) -> Result<Value, Reply> {
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

fn one_snapshot(shared: &Shared, method: &str, path: &str) -> Answer {
    let name = path.trim_start_matches("/snapshots/");
    let answered = match (method, name.split_once('/')) {
        ("POST", Some((name, "load"))) => shared.lock().load(&shared.config.clock, name),
        ("DELETE", None) => shared.lock().forget(name).map(|()| json!({})),
        _ => return Err(refuse(404, "no such control; see GET /_sandbox")),
    };
    answered.map(|shown| Reply::ok(&shown)).map_err(|error| refuse(error.status(), &error.to_string()))
}

fn unkept(error: &StoreError) -> Reply {
    refuse(507, &format!("the data directory {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    /// ISO 8601 with an offset, or Unix seconds.
    set: Option<Value>,
    advance_seconds: Option<u64>,
    #[serde(default)]
    stop: bool,
    #[serde(default)]
    resume: bool,
}

fn move_clock(shared: &Shared, change: &ClockChange) -> Answer {
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
    shared.keep_clock().map_err(|error| refuse(error.status(), &error.to_string()))?;
    Ok(Reply::ok(&shown_clock(shared)))
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        _ => None,
    }
}

fn shown_clock(shared: &Shared) -> Value {
    let now = shared.config.clock.now();
    json!({"now": now.to_string(), "unix": now.as_second(), "stopped": shared.config.clock.is_stopped()})
}
