//! One running sandbox with a seeded clock, stopped unless it is asked to run, and short words for its APIs.

use std::{path::Path, sync::Arc, time::Duration};

use customerio_mcp::{
    clock::AdjustableClock,
    sandbox::{Fixture, Keys, RunningSandbox, SandboxConfig, Store, start},
};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

/// 2026-11-23 12:00:00 UTC.
pub(crate) const NOON: i64 = 1_795_435_200;

pub(crate) struct Sandbox {
    pub(crate) running: RunningSandbox,
    client: reqwest::Client,
}

pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Heard {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// One path segment, percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Sandbox {
    pub(crate) async fn empty() -> Self {
        Self::with(Fixture::empty(), false).await
    }

    pub(crate) async fn shop() -> Self {
        Self::with(Fixture::shop(), false).await
    }

    pub(crate) async fn with(fixture: Fixture, strict_limits: bool) -> Self {
        Self::by(AdjustableClock::stopped_at(Timestamp::from_second(NOON).unwrap()), fixture, strict_limits, None).await
    }

    /// The shop in a directory, or what is in there already.
    pub(crate) async fn kept_in(directory: &Path) -> Self {
        let store = Store::open(directory).unwrap();
        let clock = AdjustableClock::stopped_at(Timestamp::from_second(NOON).unwrap());
        Self::by(clock, Fixture::shop(), false, Some(store)).await
    }

    /// The shop with the machine's time, which other processes share.
    pub(crate) async fn shop_in_real_time() -> Self {
        Self::by(AdjustableClock::running(), Fixture::shop(), false, None).await
    }

    async fn by(clock: AdjustableClock, fixture: Fixture, strict_limits: bool, store: Option<Store>) -> Self {
        let clock = Arc::new(clock.with_seed(1));
        let config = SandboxConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            keys: Keys::random(&*clock),
            fixture,
            clock,
            strict_limits,
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(clippy::disallowed_methods, reason = "the tests are a client of their own")]
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { running: start(config, store).await.unwrap(), client }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.running.clock().advance(Duration::from_secs(seconds));
    }

    /// A request with no credential but those in `headers`.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Heard, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.running.base_url())).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Heard { status, headers, text: response.text().await? })
    }

    pub(crate) fn track_authorization(&self) -> (&'static str, String) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let keys = self.running.keys();
        ("authorization", format!("Basic {}", STANDARD.encode(format!("{}:{}", keys.site_id, keys.tracking_api_key))))
    }

    pub(crate) fn app_authorization(&self) -> (&'static str, String) {
        ("authorization", format!("Bearer {}", self.running.keys().app_api_key))
    }

    /// A Track call with any outcome.
    pub(crate) async fn track(&self, method: Method, path: &str, body: Value) -> Heard {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.raw(method, path, &[self.track_authorization()], body).await.unwrap()
    }

    /// An App call with any outcome.
    pub(crate) async fn app(&self, method: Method, path: &str, body: Value) -> Heard {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.raw(method, path, &[self.app_authorization()], body).await.unwrap()
    }

    /// An App read that must succeed.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let heard = self.app(Method::GET, &path, Value::Null).await;
            assert_eq!(heard.status, 200, "{path}: {}", heard.text);
            heard.json()
        }
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let heard = self.raw(method, &format!("/_sandbox{path}"), &[], body.to_string().into_bytes()).await.unwrap();
        assert_eq!(heard.status, 200, "{path}: {}", heard.text);
        heard.json()
    }

    /// `PUT /api/v1/customers/{identifier}`, which must be accepted.
    pub(crate) async fn identify(&self, identifier: &str, attributes: Value) {
        let heard = self.track(Method::PUT, &format!("/api/v1/customers/{}", segment(identifier)), attributes).await;
        assert_eq!((heard.status, heard.text.as_str()), (200, "{}\n"));
    }

    /// A person as the App API shows them, or `None` for 404.
    pub(crate) async fn customer(&self, id: &str, id_type: &str) -> Option<Value> {
        let path = format!("/v1/customers/{}/attributes?id_type={id_type}", segment(id));
        let heard = self.app(Method::GET, &path, Value::Null).await;
        match heard.status {
            200 => Some(heard.json()["customer"].clone()),
            404 => None,
            status => panic!("{status}: {}", heard.text),
        }
    }

    /// One attribute, by id.
    pub(crate) async fn attribute(&self, id: &str, name: &str) -> Value {
        self.customer(id, "id").await.unwrap_or_else(|| panic!("no person {id}"))["attributes"][name].clone()
    }

    /// All activities, newest first, as `(type, name, data)`.
    pub(crate) async fn activities(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/activities?limit=100&{query}")).await;
        answer["activities"].as_array().unwrap().clone()
    }

    pub(crate) async fn count(&self, what: &str) -> u64 {
        self.control(Method::GET, "/counts", json!(null)).await[what].as_u64().unwrap()
    }
}
