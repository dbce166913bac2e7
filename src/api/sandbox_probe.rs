//! Whether what answers at the configured address is our sandbox rather than somebody's workspace.

use serde::Deserialize;

use super::{
    Api, CallScope, UpstreamError,
    request::{Method, Request, Surface},
};

/// What the sandbox says of itself. Customer.io has no such path.
#[derive(Deserialize)]
struct About {
    sandbox: String,
}

impl Api {
    /// Asks the control endpoint of a sandbox, `GET /_sandbox`. Anything else answers 404 or not at all.
    pub async fn answers_as_sandbox(&self, scope: &CallScope) -> Result<bool, UpstreamError> {
        let request = Request::reading(Surface::Track, Method::Get, "ask whether it is a sandbox", &["_sandbox"])?;
        let answer = self.send(scope, &request).await?;
        Ok(answer.json::<About>().is_ok_and(|about| !about.sandbox.is_empty()))
    }
}
