//! The control endpoint, under a prefix the vendor does not have: clock, faults, reactions, reset, snapshots, and what
//! was seen. `table` lists all of it; the OpenAPI description and the page are made from that list.
//!
//! It needs no credential, so it answers only callers on this machine, and only under a local name: a web page that
//! points its own name at 127.0.0.1 gets nothing.

mod about;
mod clock;
mod openapi;
mod page;
mod reactions;
mod recipients;
mod reset;
mod seen;
mod snapshots;
mod table;

use axum::http::header::{ACCEPT, HOST};
use serde::de::DeserializeOwned;

use super::{
    dispatch::Shared,
    reply::{Answer, Reply},
    request::Call,
    server::Peer,
    store::StoreError,
    world::World,
};
use table::Handler;

const PREFIX: &str = "/_sandbox";

/// Whether a path belongs to the control endpoint.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request to the control endpoint.
pub(super) fn answer(shared: &Shared, peer: &Peer, call: Call) -> Answer {
    if !peer.addr.ip().to_canonical().is_loopback() || !is_local_host(&call) {
        return Err(refuse(403, "the control endpoint answers only callers on this machine"));
    }
    let (control, call) = table::find(call)?;
    match control.handler {
        Handler::Shared(handler) => handler(shared, &call),
        Handler::World(handler) => shared.lock().tell(&call, handler).map_err(|error| unkept(&error))?,
    }
}

/// Does again what a control did to a world when it was called first.
pub(super) fn again(world: &mut World, call: Call) {
    if let Ok((control, call)) = table::find(call)
        && let Handler::World(handler) = control.handler
    {
        // What it answers was answered then.
        drop(handler(world, &call));
    }
}

fn refuse(status: u16, error: impl AsRef<str>) -> Reply {
    Reply::json(status, &serde_json::json!({"error": error.as_ref()}))
}

fn unkept(error: &StoreError) -> Reply {
    refuse(507, format!("the data directory {error}"))
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    // A list would be read as the keys in their order.
    if call.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(refuse(400, "the body must be an object"));
    }
    serde_json::from_slice(&call.body).map_err(|error| refuse(400, error.to_string()))
}

/// The same where nothing needs to be said.
fn body_or_default<T: DeserializeOwned + Default>(call: &Call) -> Result<T, Reply> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    Ok(body::<Option<T>>(call)?.unwrap_or_default())
}

/// Whether a browser asks, which wants something to look at.
fn wants_a_page(call: &Call) -> bool {
    let accepted = call.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html"))
}

fn is_local_host(call: &Call) -> bool {
    let host = call.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
