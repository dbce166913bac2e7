//! Every control, on one page: what it is called, what it takes, what it does.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{PREFIX, about, clock, openapi, page, reactions, recipients, refuse, reset, seen, snapshots};
use crate::sandbox::{
    dispatch::Shared,
    faults::FaultRequest,
    reply::{Answer, Reply},
    request::Call,
    routes::matched,
    snapshots::SnapshotName,
    world::World,
};

/// One control.
pub(super) struct Control {
    pub(super) method: &'static str,
    /// After the prefix.
    pub(super) path: &'static str,
    /// What it does, in a sentence.
    pub(super) summary: &'static str,
    /// What it answers with 200.
    pub(super) answers: &'static str,
    pub(super) body: Option<Taken>,
    pub(super) handler: Handler,
}

/// What a control takes.
pub(super) struct Taken {
    pub(super) is_required: bool,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
    /// JSON.
    pub(super) example: &'static str,
}

/// Who answers.
pub(super) enum Handler {
    /// What concerns the sandbox.
    Shared(fn(&Shared, &Call) -> Answer),
    /// What happens in the world, and happens again when a directory is read back.
    World(fn(&mut World, &Call) -> Answer),
}

type SharedHandler = fn(&Shared, &Call) -> Answer;

const fn shared(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    answers: &'static str,
    handler: SharedHandler,
) -> Control {
    Control { method, path, summary, answers, body: None, handler: Handler::Shared(handler) }
}

const fn world(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    answers: &'static str,
    handler: fn(&mut World, &Call) -> Answer,
) -> Control {
    Control { method, path, summary, answers, body: None, handler: Handler::World(handler) }
}

impl Control {
    const fn takes(self, schema: fn(&mut SchemaGenerator) -> Schema, example: &'static str) -> Self {
        let body = Some(Taken { is_required: true, schema, example });
        Self { body, ..self }
    }

    const fn may_take(self, schema: fn(&mut SchemaGenerator) -> Schema, example: &'static str) -> Self {
        let body = Some(Taken { is_required: false, schema, example });
        Self { body, ..self }
    }

    /// The names in its path.
    pub(super) fn params(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A body that may be null, which says as much as none.
fn maybe<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Option<T>>()
}

/// All of them.
#[rustfmt::skip]
pub(super) const CONTROLS: &[Control] = &[
    shared("GET", "", "What the sandbox is, what it imitates, what it does not, and every choice made without evidence. A browser gets the page of `/docs`.",
        "The description", about::about),
    shared("GET", "/docs", "The page that explains these controls.", "A web page", page::docs),
    shared("GET", "/openapi.json", "The OpenAPI description of these controls.", "OpenAPI 3.1", openapi::description),

    shared("GET", "/clock", "The time the sandbox lives by.", "The time", clock::shown),
    shared("POST", "/clock", "Set, move, stop or resume the clock. Messages, exports and whatever else takes time follow it.",
        "The time", clock::change).takes(of::<clock::ClockChange>, r#"{"advance_seconds": 3600}"#),

    shared("GET", "/faults", "The faults asked for, and how often each has struck.", "The faults", seen::faults),
    shared("POST", "/faults", "Make requests go wrong. The oldest fault that fits a request strikes.",
        "The fault", seen::add_fault).takes(of::<FaultRequest>, r#"{"kind": "429", "operation": "sendEmail", "times": 2}"#),
    shared("DELETE", "/faults", "Take all faults back.", "Nothing", seen::clear_faults),

    world("GET", "/reactions", "How recipients take messages: the first rule that fits an address decides, without one a message just arrives.",
        "The rules", reactions::shown),
    world("PUT", "/reactions", "Put these rules in the place of all others. They hold for messages that arrive from now on.",
        "The rules", reactions::put)
        .takes(of::<reactions::Reactions>, r#"{"reactions": [{"address": "*+opens@*", "opens_after_seconds": 60}, {"address": "*@gone.example", "bounces": true}]}"#),
    world("DELETE", "/reactions", "Take all rules away.", "No rules", reactions::clear),
    world("POST", "/deliveries/{id}/{does}", "Let the recipient of a message do something with it, now.",
        "The message's metrics", recipients::react).may_take(maybe::<recipients::Reacting>, r#"{"link": 1}"#),

    shared("POST", "/reset", "Go back to the fixture. Faults and the log of requests are gone; the clock and snapshots stay.",
        "The state in numbers", reset::reset)
        .may_take(maybe::<reset::Reset>, r#"{"seed": 7, "fixture": "[[people]]\nid = \"ann\"\n"}"#),
    shared("GET", "/snapshots", "The snapshots there are.", "The snapshots", snapshots::list),
    shared("POST", "/snapshots", "Put the state aside under a name; a snapshot of that name is replaced.",
        "The snapshot", snapshots::save).takes(of::<SnapshotName>, r#"{"name": "before"}"#),
    shared("POST", "/snapshots/{name}/load", "Go back to a snapshot: its state, its time and its ids.",
        "The snapshot", snapshots::load),
    shared("DELETE", "/snapshots/{name}", "Forget a snapshot.", "Nothing", snapshots::forget),

    shared("GET", "/counts", "The state in numbers. Messages that a fixture tells of are not counted.", "The numbers", about::counts_now),
    shared("GET", "/requests", "The vendor's requests seen since the start or the last reset: how many of each operation, and the last 1000.",
        "The requests", seen::requests),
    shared("DELETE", "/requests", "Forget the requests.", "Nothing", seen::forget_requests),
    shared("GET", "/forms", "The forms that were submitted.", "The forms", seen::forms),
    shared("GET", "/pipelines", "What Pipelines calls have come to.", "The calls", seen::pipelines),
    shared("GET", "/data_index", "What the data index was told.", "The entries", seen::data_index),
];

/// The control of a request, with the parameters of its path.
pub(super) fn find(call: Call) -> Result<(&'static Control, Call), Reply> {
    let path = call.path.strip_prefix(PREFIX).unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut methods = Vec::new();
    for control in CONTROLS {
        let Some(params) = matched(control.path, path) else { continue };
        if control.method == call.method.as_str() {
            return Ok((control, call.with_params(params)));
        }
        methods.push(control.method);
    }
    if methods.is_empty() {
        return Err(refuse(404, "no such control; see GET /_sandbox"));
    }
    let methods = methods.join(", ");
    let mut refusal = refuse(405, format!("{PREFIX}{path} takes {methods}"));
    refusal.headers.push(("allow", methods));
    Err(refusal)
}
