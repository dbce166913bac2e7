//! The client of Customer.io against a server that follows a script.

mod answers;
mod encoding;
mod fates;
mod limits;
mod operations;
mod regions;
mod secrets;
mod server;
mod traces;
mod trust;

use std::{sync::Arc, time::Duration};

use customerio_mcp::{
    api::{
        Api, ApiConfig, AppKey, BaseUrls, CallScope, Permit, RetryTiming, TrackCredentials,
        events::{Event, EventKind, new_event_id},
        people::PersonPath,
        transactional::Channel,
    },
    clock::{AdjustableClock, Clock},
};
use serde_json::{Map, Value, json};
use server::Server;

const SITE_ID: &str = "site-7f3a";
const TRACK_KEY: &str = "tracksecret9911";
const APP_KEY: &str = "appsecret4242";

/// Both credentials, everything at `url`, no pacing, repeats without noticeable pauses.
fn config(url: &str) -> ApiConfig {
    traces::install();
    ApiConfig {
        track: Some(TrackCredentials::new(SITE_ID, TRACK_KEY).unwrap()),
        app: Some(AppKey::new(APP_KEY).unwrap()),
        urls: BaseUrls { track_url: Some(url.to_owned()), app_url: Some(url.to_owned()), ..BaseUrls::default() },
        paced: false,
        retry: RetryTiming { base: Duration::from_millis(1), ..RetryTiming::default() },
        ..ApiConfig::new(Arc::new(AdjustableClock::running().with_seed(7)))
    }
}

fn api_at(server: &Server) -> Api {
    Api::new(config(&server.url)).unwrap()
}

fn permit() -> Permit {
    Permit::granted_by_admit()
}

fn scope() -> CallScope {
    CallScope::within(Duration::from_secs(30))
}

fn ann() -> PersonPath {
    PersonPath::Id("ann-1".into())
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("not an object: {value}") };
    fields
}

fn message() -> Map<String, Value> {
    object(json!({
        "transactional_message_id": 3, "to": "ann@shop.example", "identifiers": {"id": "ann-1"},
    }))
}

fn event(clock: &dyn Clock) -> Event {
    Event {
        name: "ordered".into(),
        kind: EventKind::Event,
        data: object(json!({"total": 12})),
        timestamp: Some(1_700_000_000),
        id: new_event_id(clock),
    }
}

const EMAIL: Channel = Channel::Email;

/// Subscribes the whole process to what is traced.
pub(crate) fn trace_all() {
    traces::install();
}
