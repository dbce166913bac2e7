//! The one way of a request: route, credential, fault, limit, handler, log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    SandboxConfig,
    auth::Credential,
    control,
    faults::{Faults, Kind, Strike},
    fetch, files, ids,
    intake::Intake,
    limits::Limits,
    pipelines,
    reply::{Answer, Reply},
    request::Call,
    routes::{self, Destination, Route},
    server::Peer,
    studio, workspace,
    world::World,
};

/// Requests remembered for `GET /_sandbox/requests`.
const REMEMBERED_REQUESTS: usize = 1000;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: SandboxConfig,
    pub(super) base_url: String,
    stopping: CancellationToken,
    intake: Intake,
    inner: Mutex<Inner>,
}

/// Everything that changes. Held for the length of one handler, never across an await.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) world: World,
    pub(super) faults: Faults,
    pub(super) requests: RequestLog,
    limits: Limits,
}

/// The requests seen since the start or the last reset.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    recent: VecDeque<Value>,
    by_operation: BTreeMap<String, u64>,
    total: u64,
}

impl RequestLog {
    fn add(&mut self, call: &Call, label: &str, status: u16) {
        if self.recent.len() == REMEMBERED_REQUESTS {
            self.recent.pop_front();
        }
        self.recent.push_back(json!({"method": call.method.as_str(), "path": call.path, "status": status}));
        *self.by_operation.entry(label.to_owned()).or_default() += 1;
        self.total += 1;
    }

    pub(super) fn shown(&self) -> Value {
        json!({"total": self.total, "counts": self.by_operation, "requests": self.recent})
    }
}

/// What the caller gets, decided under the lock and carried out after it.
struct Outcome {
    reply: Reply,
    delay: Option<Duration>,
    cut: bool,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        let (Ok(reply) | Err(reply)) = answer;
        Self { reply, delay: None, cut: false }
    }
}

impl Shared {
    pub(super) fn new(config: SandboxConfig, base_url: String, stopping: CancellationToken) -> Self {
        let world = World::new(&config.fixture, Arc::clone(&config.clock));
        let inner =
            Inner { world, faults: Faults::default(), requests: RequestLog::default(), limits: Limits::default() };
        Self { config, base_url, stopping, intake: Intake::default(), inner: Mutex::new(inner) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts everything back to the fixture; the clock stays where it is.
    pub(super) fn reset(&self) {
        let world = World::new(&self.config.fixture, Arc::clone(&self.config.clock));
        *self.lock() =
            Inner { world, faults: Faults::default(), requests: RequestLog::default(), limits: Limits::default() };
    }

    /// Answers a request to the vendor's surface.
    fn answer(&self, call: Call) -> Outcome {
        let mut inner = self.lock();
        let (label, outcome, call) = match routes::find(call.method.as_str(), &call.path) {
            Destination::Imitated(route, params) => {
                let call = call.with_params(params);
                (label(route.method, route.path), self.run(&mut inner, route, &call), call)
            }
            Destination::NotImitated(other) => {
                let what = label(other.method, other.path);
                let answer = self
                    .authorize(other.credential, &call)
                    .and_then(|()| Err(Reply::not_imitated(other.operation, &what)));
                (what, answer.into(), call)
            }
            Destination::Nowhere => ("unknown".to_owned(), Err(Reply::page_not_found()).into(), call),
        };
        let status = if outcome.cut { 0 } else { outcome.reply.status };
        inner.requests.add(&call, &label, status);
        outcome
    }

    fn authorize(&self, credential: Credential, call: &Call) -> Result<(), Reply> {
        let keys = &self.config.keys;
        if credential.is_given(&call.headers, keys) {
            return Ok(());
        }
        if credential == Credential::Pipelines
            && pipelines::key_in_body(call).is_some_and(|key| key == keys.cdp_write_key)
        {
            return Ok(());
        }
        if call.path.starts_with("/v1/design_studio/") || call.path.starts_with("/v1/assets") {
            return Err(studio::error(401, "unauthorized"));
        }
        Err(Reply::unauthorized(credential == Credential::Track))
    }

    fn run(&self, inner: &mut Inner, route: &Route, call: &Call) -> Outcome {
        if let Err(reply) = self.authorize(route.credential, call) {
            let is_cdp = route.credential == Credential::Pipelines;
            return if is_cdp { pipelines::unauthorized(&mut inner.world, call) } else { Err(reply) }.into();
        }
        inner.world.settle();
        if self.config.strict_limits
            && route.credential == Credential::App
            && let Err(reply) = inner.limits.admit(route, &*self.config.clock)
        {
            return Err(reply).into();
        }
        match inner.faults.take(route, &call.path) {
            None => (route.handler)(&mut inner.world, call).into(),
            Some(strike) => struck(&mut inner.world, route, call, strike),
        }
    }
}

/// A request that met a fault.
fn struck(world: &mut World, route: &Route, call: &Call, strike: Strike) -> Outcome {
    let handle = |world: &mut World| Outcome::from((route.handler)(world, call));
    let reference = ids::reference(&*world.clock);
    let server_error = || Reply::app_error(500, "internal server error", &reference);
    match strike.kind {
        Kind::RateLimited => {
            Err(Reply::rate_limited("10 requests per 1s", strike.retry_after_seconds, &reference)).into()
        }
        Kind::ErrorBefore => Err(server_error()).into(),
        Kind::ErrorAfter => Outcome { reply: server_error(), ..handle(world) },
        Kind::Slow => Outcome { delay: Some(Duration::from_millis(strike.delay_ms)), ..handle(world) },
        Kind::DropBefore => Outcome { reply: server_error(), delay: None, cut: true },
        Kind::DropAfter => Outcome { cut: true, ..handle(world) },
        Kind::StaleRead => match strike.snapshot {
            Some(mut past) => {
                past.settle();
                handle(&mut past)
            }
            None => handle(world),
        },
        Kind::WrongRegion if route.operation == "getRegion" => Ok(workspace::other_region(world)).into(),
        Kind::WrongRegion => Err(Reply::unauthorized(route.credential == Credential::Track)).into(),
    }
}

fn label(method: &str, path: &str) -> String {
    format!("{method} {path}")
}

/// Every request comes here.
pub(super) async fn answer(shared: Arc<Shared>, peer: Peer, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (body, _held) = match shared.intake.take(&parts.headers, body).await {
        Ok(taken) => taken,
        Err(refusal) => return refusal.into(),
    };
    let mut call = Call::new(parts.method, &parts.uri, parts.headers, body, shared.base_url.clone());
    if control::owns(&call.path) {
        let (Ok(reply) | Err(reply)) = control::answer(&shared, &peer, &call);
        return reply.into();
    }
    if files::owns(&call.path) {
        let world = &mut shared.lock().world;
        world.settle();
        let (Ok(reply) | Err(reply)) = files::answer(world, &call);
        return reply.into();
    }
    if Credential::App.is_given(&call.headers, &shared.config.keys) {
        call.fetched = fetch::source(&call).await;
    }
    let outcome = shared.answer(call);
    if outcome.cut {
        peer.cut();
    }
    if let Some(delay) = outcome.delay {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shared.stopping.cancelled() => {}
        }
    }
    outcome.reply.into()
}
