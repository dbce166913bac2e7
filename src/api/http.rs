//! The one way out to Customer.io, and the only user of the HTTP library.
//!
//! [`Transport::send_to`] makes a request and repeats it as its [`Retry`](super::Retry) allows. What it reports about
//! the fate of a request is what the callers' bookkeeping rests on: "not sent" is said only where the connection was
//! never made or the body was never asked for, "refused" only for a status the vendor documents, and when any attempt
//! of several may have had an effect, the whole request may have.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Api, ApiConfig, ApiConfigError, CallScope, Fate, Region, RegionLookup, UpstreamError, UpstreamErrorKind,
    answer::Answer,
    envelope::{self, Asked},
    pacing::Pacer,
    request::{Method, Request, Surface},
    watched_body::{Departure, WatchedBody},
};

/// Asks Pipelines to refuse what it would drop.
const STRICT_MODE: HeaderName = HeaderName::from_static("x-strict-mode");
/// Largest answer that is read. A page of 1,000 people with 300 attributes each stays below it.
const ANSWER_CAP_BYTES: usize = 8 * 1024 * 1024;
/// A host that does not accept a connection in this time is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Shorter than the usual 60 s of load balancers, so that we seldom write to a connection they just closed.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

impl Api {
    /// Sends a request to the account's region, which a change at Track has to match first.
    pub(super) async fn send(&self, scope: &CallScope, request: &Request) -> Result<Answer, UpstreamError> {
        let host = self.inner.host(request.surface)?;
        if request.changes && request.surface != Surface::App {
            self.check_region(scope).await.map_err(nothing_was_sent)?;
        }
        let region = match host.fixed {
            Some(_) => self.inner.config.region.fixed(),
            None => Some(self.region_in(scope).await.map_err(nothing_was_sent)?),
        };
        self.inner.send_to(scope, request, region).await
    }
}

/// A failed look-up of the region says nothing bad about the request that was to follow.
fn nothing_was_sent(error: UpstreamError) -> UpstreamError {
    UpstreamError { fate: Fate::NotSent, ..error }
}

/// Connections, pacing and the region of one workspace.
pub(super) struct Transport {
    config: ApiConfig,
    track: Option<Host>,
    app: Option<Host>,
    pipelines: Option<Host>,
    pacer: Pacer,
    lookup: OnceCell<RegionLookup>,
    probed_region: OnceCell<Region>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// One of the vendor's hosts: how to reach it and what to show it.
struct Host {
    client: Client,
    /// Replaces the region's base URL.
    fixed: Option<Url>,
    authorization: HeaderValue,
}

impl Host {
    /// `None` without a credential: nothing is sent then, and nothing needs to be prepared.
    fn new(
        authorization: Option<String>,
        base: Option<Url>,
        client: impl FnOnce() -> Result<Client, ApiConfigError>,
    ) -> Result<Option<Self>, ApiConfigError> {
        let Some(authorization) = authorization else { return Ok(None) };
        let mut authorization = HeaderValue::try_from(authorization)
            .map_err(|_| ApiConfigError::Client("a credential cannot be sent in a header".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Some(Self { client: client()?, fixed: base, authorization }))
    }
}

impl Transport {
    pub(super) fn new(config: ApiConfig) -> Result<Self, ApiConfigError> {
        let basic = config.track.as_ref().map(|track| format!("Basic {}", BASE64.encode(track.basic_pair())));
        let bearer = config.app.as_ref().map(|key| format!("Bearer {}", key.expose()));
        let write_key = config.pipelines.as_ref().map(|key| format!("Basic {}", BASE64.encode(key.basic_pair())));
        let track_base = config.urls.track_url.as_deref().map(|url| base_url("track_url", url)).transpose()?;
        let app_base = config.urls.app_url.as_deref().map(|url| base_url("app_url", url)).transpose()?;
        let cdp_base = config.urls.cdp_url.as_deref().map(|url| base_url("cdp_url", url)).transpose()?;
        let cdp_way = Way::to(cdp_base.as_ref());
        let (track_way, app_way) = (Way::to(track_base.as_ref()), Way::to(app_base.as_ref()));
        let extra = certificates(config.extra_ca_pem.as_deref())?;
        let track = Host::new(basic, track_base, || client_for(track_way, &extra))?;
        let shared = track.as_ref().filter(|_| track_way == app_way).map(|host| host.client.clone());
        let app = Host::new(bearer, app_base, || shared.map_or_else(|| client_for(app_way, &extra), Ok))?;
        let alike = [(&track, track_way), (&app, app_way)].into_iter().find(|(_, way)| *way == cdp_way);
        let shared = alike.and_then(|(host, _)| host.as_ref()).map(|host| host.client.clone());
        let pipelines = Host::new(write_key, cdp_base, || shared.map_or_else(|| client_for(cdp_way, &extra), Ok))?;
        Ok(Self {
            track,
            app,
            pipelines,
            pacer: Pacer::new(config.paced),
            lookup: OnceCell::new(),
            probed_region: OnceCell::new(),
            config,
        })
    }

    pub(super) const fn config(&self) -> &ApiConfig {
        &self.config
    }

    pub(super) const fn lookup(&self) -> &OnceCell<RegionLookup> {
        &self.lookup
    }

    pub(super) const fn probed_region(&self) -> &OnceCell<Region> {
        &self.probed_region
    }

    fn host(&self, surface: Surface) -> Result<&Host, UpstreamError> {
        let (host, message) = match surface {
            Surface::Track => (
                &self.track,
                "This needs the Track API, and no Track credentials (site id and Track API key) are configured. \
                 Nothing was sent.",
            ),
            Surface::App => (&self.app, "This needs the App API, and no App API key is configured. Nothing was sent."),
            Surface::Pipelines => (
                &self.pipelines,
                "This needs the Pipelines API, and no write key of a Pipelines source is configured. Nothing was sent.",
            ),
        };
        host.as_ref().ok_or_else(|| UpstreamError::not_sent(UpstreamErrorKind::MissingCredential, message))
    }

    /// Makes the request, at the overriding base URL or else at `region`'s, as often as it may and has to.
    pub(super) async fn send_to(
        &self,
        scope: &CallScope,
        request: &Request,
        region: Option<Region>,
    ) -> Result<Answer, UpstreamError> {
        let mut fate = Fate::NotSent;
        let mut attempt = 1;
        loop {
            let outcome = match self.wait_for_turn(scope, request).await {
                Ok(()) => self.attempt(scope, request, region, attempt).await,
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            fate = fate.max(error.fate);
            let next = self.next_attempt_at(scope, request, &error, attempt);
            let failure = UpstreamError { fate, ..error }.judged(request.retry);
            let Some(at) = next else { return Err(failure) };
            if timeout_at(at, scope.cancel.cancelled()).await.is_ok() {
                return Err(UpstreamError::cancelled(fate).judged(request.retry));
            }
            attempt += 1;
        }
    }

    /// When to try again, if that is allowed, sensible and possible before the deadline.
    fn next_attempt_at(
        &self,
        scope: &CallScope,
        request: &Request,
        error: &UpstreamError,
        attempt: u32,
    ) -> Option<Instant> {
        use UpstreamErrorKind as Kind;
        // Without a status a "rate limited" is our own pacing, which already knows that waiting is too long.
        let passing = match error.kind {
            Kind::RateLimited => error.status.is_some() && !request.limit.is_daily(),
            Kind::Unavailable | Kind::TimedOut | Kind::Connection => true,
            _ => false,
        };
        let allowed = match error.fate {
            Fate::NotSent => true,
            Fate::Refused | Fate::Unknown => request.retry.repeats_unknown(),
        };
        if !passing || !allowed || attempt >= self.config.retry.max_attempts {
            return None;
        }
        let asked = error.retry_after_seconds.map(Duration::from_secs);
        let pause = asked.unwrap_or_else(|| self.config.retry.pause(attempt, &*self.config.clock));
        Instant::now().checked_add(pause).filter(|at| *at < scope.deadline)
    }

    async fn wait_for_turn(&self, scope: &CallScope, request: &Request) -> Result<(), UpstreamError> {
        if scope.cancel.is_cancelled() {
            return Err(UpstreamError::cancelled(Fate::NotSent));
        }
        let now = Instant::now();
        if now >= scope.deadline {
            return Err(UpstreamError::not_sent(
                UpstreamErrorKind::TimedOut,
                "The call's time was over before the request.",
            ));
        }
        let wait = self
            .pacer
            .reserve(request.limit, now, scope.deadline)
            .map_err(|late| UpstreamError::paced_out(late.wait))?;
        if !wait.is_zero() && timeout_at(now + wait, scope.cancel.cancelled()).await.is_ok() {
            return Err(UpstreamError::cancelled(Fate::NotSent));
        }
        Ok(())
    }

    async fn attempt(
        &self,
        scope: &CallScope,
        request: &Request,
        region: Option<Region>,
        attempt: u32,
    ) -> Result<Answer, UpstreamError> {
        let started = Instant::now();
        let limit = self.config.retry.attempt_limit.unwrap_or_else(|| request.retry.attempt_limit());
        let departure = Departure::default();
        let outcome = tokio::select! {
            biased;
            answer = self.exchange(request, region, &departure) => answer,
            () = scope.cancel.cancelled() => Err(UpstreamError::cancelled(departure.fate(request))),
            () = sleep_until(scope.deadline.min(started + limit)) => Err(UpstreamError::timed_out(departure.fate(request))),
        };
        tracing::debug!(
            api = request.surface.name(),
            operation = request.operation,
            status = outcome.as_ref().map_or_else(|error| error.status, |answer| Some(answer.status)),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            attempt,
            "upstream request"
        );
        outcome
    }

    async fn exchange(
        &self,
        request: &Request,
        region: Option<Region>,
        departure: &Departure,
    ) -> Result<Answer, UpstreamError> {
        let outgoing = self.outgoing(request, region, departure)?;
        let host = self.host(request.surface)?;
        let response = host.client.execute(outgoing).await.map_err(|error| lost(&error, departure.fate(request)))?;
        let status = response.status().as_u16();
        let html = is_html(&response);
        let media_type = media_type(&response);
        let retry_after_seconds = retry_after(&response);
        let (body, complete) = read_capped(response).await;
        if (200..300).contains(&status) {
            complete.map_err(|error| error.with_status(status))?;
            return Ok(Answer { status, html, media_type, body, retry: request.retry, operation: request.operation });
        }
        let private = request.private_values();
        let asked = Asked { operation: request.operation, surface: request.surface, region, private: &private };
        let error = envelope::error_for(status, html, &body, &asked);
        if error.kind == UpstreamErrorKind::RateLimited {
            self.hold(request, retry_after_seconds);
        }
        Err(UpstreamError { retry_after_seconds, ..error })
    }

    /// Others of this workspace need not find out about the limit by themselves.
    fn hold(&self, request: &Request, retry_after_seconds: Option<u64>) {
        let until = retry_after_seconds.and_then(|after| Instant::now().checked_add(Duration::from_secs(after)));
        if let Some(until) = until {
            self.pacer.hold(request.limit, until);
        }
    }

    fn outgoing(
        &self,
        request: &Request,
        region: Option<Region>,
        departure: &Departure,
    ) -> Result<reqwest::Request, UpstreamError> {
        let host = self.host(request.surface)?;
        let base = match (&host.fixed, region) {
            (Some(fixed), _) => fixed.clone(),
            (None, Some(region)) => Url::parse(region.base(request.surface)).map_err(|_| {
                UpstreamError::not_sent(UpstreamErrorKind::Rejected, "The request has no valid address.")
            })?,
            (None, None) => {
                return Err(UpstreamError::not_sent(UpstreamErrorKind::WrongRegion, "The region is not known."));
            }
        };
        let url = at(base, &request.target);
        let mut outgoing = reqwest::Request::new(method(request.method), url);
        let headers = outgoing.headers_mut();
        headers.insert(AUTHORIZATION, host.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if request.surface == Surface::Pipelines {
            // Without it a wrong key or an unusable call is answered 200 and dropped (behaviour.md section 4).
            headers.insert(STRICT_MODE, HeaderValue::from_static("1"));
        }
        if let Some(body) = &request.body {
            let content_type = HeaderValue::try_from(request.content_type.as_ref());
            headers.insert(CONTENT_TYPE, content_type.map_err(|_| unwritable())?);
            *outgoing.body_mut() = Some(reqwest::Body::wrap(WatchedBody::new(body.clone(), departure)));
        }
        Ok(outgoing)
    }
}

fn unwritable() -> UpstreamError {
    UpstreamError::not_sent(UpstreamErrorKind::Rejected, "The request cannot be written.")
}

const fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}

fn is_html(response: &Response) -> bool {
    media_type(response).is_some_and(|text| text == "text/html")
}

/// What the body is said to be, without parameters and in lower case.
fn media_type(response: &Response) -> Option<String> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())?;
    Some(content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The vendor sends whole seconds (behaviour.md section 1, "429").
fn retry_after(response: &Response) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// The body as far as it came, and whether that is all of it.
async fn read_capped(mut response: Response) -> (Vec<u8>, Result<(), UpstreamError>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_CAP_BYTES => return (body, Err(too_large())),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, Ok(())),
            Err(error) => return (body, Err(lost(&error, Fate::Unknown))),
        }
    }
}

fn too_large() -> UpstreamError {
    let message = format!("The answer is larger than {} MB. Ask for fewer rows.", ANSWER_CAP_BYTES / 1024 / 1024);
    UpstreamError::of(UpstreamErrorKind::TooLarge, Fate::Unknown, message)
}

/// A request that ended without an answer. Errors of the connector come before anything is written.
fn lost(error: &reqwest::Error, fate: Fate) -> UpstreamError {
    let (fate, message) = if error.is_connect() {
        (Fate::NotSent, cannot_connect(error))
    } else if fate == Fate::NotSent {
        (fate, "The connection to Customer.io was lost before the request was sent.")
    } else {
        (fate, "The connection to Customer.io was lost before the answer.")
    };
    UpstreamError::of(UpstreamErrorKind::Connection, fate, message)
}

fn cannot_connect(error: &reqwest::Error) -> &'static str {
    if error.is_dns() {
        "Customer.io's host name could not be resolved. Nothing was sent."
    } else if is_tls(error) {
        "The TLS handshake with Customer.io failed. If a proxy intercepts TLS, configure its CA file. Nothing was sent."
    } else {
        "Customer.io could not be reached: no connection. Nothing was sent."
    }
}

/// An I/O error hides the error it wraps from the chain of sources, so each has to be opened.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_tls(inner)) || error.source().is_some_and(is_tls)
}

fn base_url(name: &'static str, text: &str) -> Result<Url, ApiConfigError> {
    let bad = |reason: &str| ApiConfigError::Url { name, reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.host().is_none() => Err(bad("it has no host")),
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => Err(bad("it holds credentials")),
        "http" | "https" if url.query().is_some() || url.fragment().is_some() => Err(bad("it has a query or fragment")),
        "http" | "https" => Ok(url),
        _ => Err(bad("it must begin with http:// or https://")),
    }
}

/// A target below a base URL: parsing the whole of it for each request would cost more than sending it.
fn at(mut base: Url, target: &str) -> Url {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let below = base.path().trim_end_matches('/').to_owned();
    if below.is_empty() {
        base.set_path(path);
    } else {
        base.set_path(&format!("{below}{path}"));
    }
    base.set_query(query);
    base
}

/// How a host is reached, as far as the client has to be prepared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// On this machine, so past any proxy.
    loopback: bool,
    /// Without TLS.
    plain: bool,
}

impl Way {
    /// To a base URL, or without one to the vendor's hosts.
    fn to(base: Option<&Url>) -> Self {
        Self { loopback: base.is_some_and(is_loopback), plain: base.is_some_and(|url| url.scheme() == "http") }
    }
}

fn client_for(way: Way, extra: &[reqwest::Certificate]) -> Result<Client, ApiConfigError> {
    install_ring();
    #[expect(clippy::disallowed_methods, reason = "the one place that builds HTTP clients")]
    let mut builder = Client::builder()
        .user_agent(concat!("customerio-mcp/", env!("CARGO_PKG_VERSION")))
        // Following would show the credential, and people's data, to a host nobody configured.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .tcp_nodelay(true);
    if way.loopback {
        builder = builder.no_proxy();
    }
    builder = if way.plain {
        // Reading the system's certificates takes time, and a bare container has none.
        builder.tls_certs_only([])
    } else {
        builder.tls_certs_merge(extra.iter().cloned())
    };
    builder.build().map_err(|error| ApiConfigError::Client(root_cause(&error)))
}

fn certificates(pem: Option<&[u8]>) -> Result<Vec<reqwest::Certificate>, ApiConfigError> {
    let Some(pem) = pem else { return Ok(Vec::new()) };
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(certificates) if certificates.is_empty() => Err(ApiConfigError::Ca("it holds no certificate".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(ApiConfigError::Ca(root_cause(&error))),
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whoever came first has installed a provider that does as well.
fn install_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let installed: Result<(), Arc<_>> = rustls::crypto::ring::default_provider().install_default();
        drop(installed);
    }
}
