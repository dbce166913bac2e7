//! The one way of a request: route, credential, fault, limit, handler, log.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Method, Request, Response},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Fixture, SandboxConfig,
    auth::Credential,
    control,
    faults::{Faults, Kind, Strike},
    fetch, files, ids,
    intake::Intake,
    limits::Limits,
    moment::Moment,
    pipelines,
    reply::{Answer, Reply},
    request::Call,
    revival::revived,
    routes::{self, Destination, Route},
    server::Peer,
    snapshots::Snapshot,
    store::{Chronicle, Store, StoreError},
    studio, workspace,
    world::World,
};
use crate::clock::{AdjustableClock, random_bytes};

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
    pub(super) snapshots: BTreeMap<String, Snapshot>,
    pub(super) store: Option<Store>,
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
    /// Begins with the fixture, or goes on with what the store holds.
    pub(super) fn new(
        config: SandboxConfig,
        store: Option<Store>,
        base_url: String,
        stopping: CancellationToken,
    ) -> Result<Self, StoreError> {
        let inner = match store {
            None => Inner::new(born(&Arc::new(config.fixture.clone()), &config.clock).0, None),
            Some(store) => {
                store.set_keys(&config.keys)?;
                match store.chronicle()? {
                    Some(chronicle) => Inner::revived(store, &chronicle, &config.clock, &base_url)?,
                    None => Inner::begun(store, &config)?,
                }
            }
        };
        Ok(Self { config, base_url, stopping, intake: Intake::default(), inner: Mutex::new(inner) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts everything back to the fixture, or to another one and another seed; the clock stays where it is, and
    /// snapshots stay.
    pub(super) fn reset(&self, fixture: Option<Arc<Fixture>>, seed: Option<u64>) -> Result<(), StoreError> {
        let (inner, clock) = (&mut *self.lock(), &self.config.clock);
        let before = (clock.seed(), clock.drawn_blocks());
        if let Some(seed) = seed {
            clock.reseed(seed);
        }
        let fixture = fixture.unwrap_or_else(|| Arc::clone(&inner.world.fixture));
        let (world, chronicle) = born(&fixture, clock);
        if let Some(store) = &mut inner.store
            && let Err(error) = store.begin(&chronicle)
        {
            // A sandbox with a store has a seed.
            if let (Some(seed), drawn_blocks) = before {
                clock.reseed(seed);
                clock.draw_from(drawn_blocks);
            }
            return Err(error);
        }
        let snapshots = std::mem::take(&mut inner.snapshots);
        *inner = Inner { snapshots, ..Inner::new(world, inner.store.take()) };
        Ok(())
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
        if let Err(error) = inner.arrive() {
            return Err(unkept(&inner.world, &error)).into();
        }
        if let Err(reply) = self.authorize(route.credential, call) {
            let is_cdp = route.credential == Credential::Pipelines;
            return if is_cdp { pipelines::unauthorized(&mut inner.world, call) } else { Err(reply) }.into();
        }
        if self.config.strict_limits
            && route.credential == Credential::App
            && let Err(reply) = inner.limits.admit(route, &*self.config.clock)
        {
            return Err(reply).into();
        }
        match inner.faults.take(route, &call.path) {
            None => inner.handle(route, call).into(),
            Some(strike) => struck(inner, route, call, strike),
        }
    }
}

/// The world of the fixture, now, and how to make it again.
fn born(fixture: &Arc<Fixture>, clock: &Arc<AdjustableClock>) -> (World, Chronicle) {
    let moment = Arc::new(Moment::new(Arc::clone(clock)));
    let chronicle = Chronicle {
        fixture: fixture.text.clone(),
        seed: clock.seed().unwrap_or_default(),
        born: moment.instant(),
        going: clock.going(),
        saved: None,
    };
    (World::new(fixture, moment), chronicle)
}

impl Inner {
    fn new(world: World, store: Option<Store>) -> Self {
        Self {
            world,
            faults: Faults::default(),
            requests: RequestLog::default(),
            limits: Limits::default(),
            snapshots: BTreeMap::new(),
            store,
        }
    }

    /// Begins a chronicle. Reading it back takes the same randomness, so there must be a seed.
    fn begun(mut store: Store, config: &SandboxConfig) -> Result<Self, StoreError> {
        if config.clock.seed().is_none() {
            config.clock.reseed(u64::from_be_bytes(random_bytes::<8>(&*config.clock)));
        }
        let (world, chronicle) = born(&Arc::new(config.fixture.clone()), &config.clock);
        store.begin(&chronicle)?;
        Ok(Self::new(world, Some(store)))
    }

    /// Goes on with a chronicle.
    fn revived(
        store: Store,
        chronicle: &Chronicle,
        clock: &Arc<AdjustableClock>,
        base_url: &str,
    ) -> Result<Self, StoreError> {
        let mut snapshots = BTreeMap::new();
        for (name, told) in store.snapshots()? {
            let (world, _) = revived(&store, (&name, &told), clock, base_url)?;
            snapshots.insert(name, Snapshot::revived(world, &told));
        }
        let (world, calls) = revived(&store, ("", chronicle), clock, base_url)?;
        clock.set_going(chronicle.going);
        tracing::info!(calls, "read back");
        Ok(Self { snapshots, ..Self::new(world, Some(store)) })
    }

    /// Brings the world to the clock's now. What time has changed is kept, since it may have been read.
    pub(super) fn arrive(&mut self) -> Result<(), StoreError> {
        self.world.clock.arrive();
        let instant = self.world.clock.instant();
        match &mut self.store {
            Some(store) if self.world.settle() => store.append(instant, None),
            Some(_) => Ok(()),
            None => {
                self.world.settle();
                Ok(())
            }
        }
    }

    /// Brings the world to now, and lets a control change it: the call is kept as those of the vendor's surface are.
    pub(super) fn tell(&mut self, call: &Call, handler: fn(&mut World, &Call) -> Answer) -> Result<Answer, StoreError> {
        self.arrive()?;
        if let Some(store) = self.store.as_mut().filter(|_| call.method != Method::GET) {
            store.append(self.world.clock.instant(), Some(call))?;
        }
        Ok(handler(&mut self.world, call))
    }

    /// Keeps a call that may change something, and handles it.
    fn handle(&mut self, route: &Route, call: &Call) -> Answer {
        if let Some(store) = self.store.as_mut().filter(|_| !route.reads)
            && let Err(error) = store.append(self.world.clock.instant(), Some(call))
        {
            return Err(unkept(&self.world, &error));
        }
        (route.handler)(&mut self.world, call)
    }
}

/// Nothing was changed, as it could not be kept.
fn unkept(world: &World, error: &StoreError) -> Reply {
    world.app_error(507, &format!("nothing was changed: the data directory {error}"))
}

/// A request that met a fault.
fn struck(inner: &mut Inner, route: &Route, call: &Call, strike: Strike) -> Outcome {
    let handle = |inner: &mut Inner| Outcome::from(inner.handle(route, call));
    let reference = ids::reference(&*inner.world.clock);
    let server_error = || Reply::app_error(500, "internal server error", &reference);
    match strike.kind {
        Kind::RateLimited => {
            Err(Reply::rate_limited("10 requests per 1s", strike.retry_after_seconds, &reference)).into()
        }
        Kind::ErrorBefore => Err(server_error()).into(),
        Kind::ErrorAfter => Outcome { reply: server_error(), ..handle(inner) },
        Kind::Slow => Outcome { delay: Some(Duration::from_millis(strike.delay_ms)), ..handle(inner) },
        Kind::DropBefore => Outcome { reply: server_error(), delay: None, cut: true },
        Kind::DropAfter => Outcome { cut: true, ..handle(inner) },
        Kind::StaleRead => match strike.snapshot {
            Some(mut past) => {
                past.settle();
                (route.handler)(&mut past, call).into()
            }
            None => handle(inner),
        },
        Kind::WrongRegion if route.operation == "getRegion" => Ok(workspace::other_region(&inner.world)).into(),
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
        let (Ok(reply) | Err(reply)) = control::answer(&shared, &peer, call);
        return reply.into();
    }
    if files::owns(&call.path) {
        let inner = &mut *shared.lock();
        let arrived = inner.arrive().map_err(|error| unkept(&inner.world, &error));
        let (Ok(reply) | Err(reply)) = arrived.and_then(|()| files::answer(&inner.world, &call));
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
