//! The controls of a sandbox: its clock, its faults, its beginning. Customer.io has none of these paths.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError,
    request::{Method, Request, Surface},
};

/// What the clock of a sandbox shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxClock {
    /// ISO 8601.
    pub now: String,
    /// Unix seconds.
    pub unix: i64,
}

#[derive(Deserialize)]
struct FaultsAnswer {
    #[serde(default)]
    faults: Vec<Value>,
}

impl Api {
    /// Whether what is behind it is configured as a sandbox, and so has controls.
    pub fn is_sandbox(&self) -> bool {
        self.inner.config().sandbox
    }

    /// Reads the clock: `GET /_sandbox/clock`.
    pub async fn sandbox_clock(&self, scope: &CallScope) -> Result<SandboxClock, UpstreamError> {
        let request =
            Request::reading(Surface::Track, Method::Get, "read the sandbox's clock", &["_sandbox", "clock"])?;
        self.send(scope, &request).await?.json()
    }

    /// Sets the clock, in Unix seconds: `POST /_sandbox/clock`. To set it twice is to set it once.
    pub async fn set_sandbox_clock(
        &self,
        permit: &Permit,
        scope: &CallScope,
        unix: i64,
    ) -> Result<SandboxClock, UpstreamError> {
        let request = control(permit, Method::Post, "set the sandbox's clock", "clock", Retry::Natural)?;
        self.send(scope, &request.json(&json!({ "set": unix }))?).await?.json()
    }

    /// Orders a fault: `POST /_sandbox/faults`. To order it twice makes two.
    pub async fn order_fault(
        &self,
        permit: &Permit,
        scope: &CallScope,
        fault: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        let request = control(permit, Method::Post, "order a fault", "faults", Retry::Ledger)?;
        self.send(scope, &request.json(fault)?).await?.acknowledged()
    }

    /// Takes all faults back: `DELETE /_sandbox/faults`.
    pub async fn clear_faults(&self, permit: &Permit, scope: &CallScope) -> Result<(), UpstreamError> {
        let request = control(permit, Method::Delete, "clear the faults", "faults", Retry::Natural)?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// The faults that wait for their requests: `GET /_sandbox/faults`.
    pub async fn waiting_faults(&self, scope: &CallScope) -> Result<Vec<Value>, UpstreamError> {
        let request = Request::reading(Surface::Track, Method::Get, "list the faults", &["_sandbox", "faults"])?;
        Ok(self.send(scope, &request).await?.json::<FaultsAnswer>()?.faults)
    }

    /// Puts a sandbox back to its fixture, and answers what it then holds: `POST /_sandbox/reset`.
    pub async fn reset_sandbox(
        &self,
        permit: &Permit,
        scope: &CallScope,
        seed: Option<u64>,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let body = seed.map_or_else(|| json!({}), |seed| json!({ "seed": seed }));
        let request = control(permit, Method::Post, "reset the sandbox", "reset", Retry::Natural)?;
        self.send(scope, &request.json(&body)?).await?.json()
    }
}

fn control(
    permit: &Permit,
    method: Method,
    operation: &'static str,
    what: &str,
    retry: Retry,
) -> Result<Request, UpstreamError> {
    Request::changing(permit, Surface::Track, method, operation, &["_sandbox", what], retry)
}
