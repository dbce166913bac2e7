//! Many changes in one request, over Track v2 (behaviour.md section 4, "Track v2 batch").
//!
//! A batch is accepted item by item: a 207 names the items refused, and the rest took effect.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError, envelope,
    request::{Method, Request, Surface},
    scrub::scrub,
};

/// Largest body of a batch.
pub const BATCH_CAP_BYTES: usize = 500_000;
/// Largest single item of a batch.
pub const BATCH_ITEM_CAP_BYTES: usize = 32_000;

/// An item of a batch that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchRefusal {
    /// Place of the item in the batch, from 0.
    pub batch_index: usize,
    /// One word: `required`, `invalid` …
    pub reason: Option<String>,
    /// The field it is about.
    pub field: Option<String>,
    /// The vendor's sentence, without personal data.
    pub message: Option<String>,
}

impl Api {
    /// Sends `items` as one batch, `POST /api/v2/batch`, and returns those refused; all others were accepted.
    ///
    /// `retry` is the strictest of the items': [`Retry::Ulid`] only if each event among them has a ULID as `id`.
    /// <https://docs.customer.io/integrations/api/track/>
    pub async fn batch(
        &self,
        permit: &Permit,
        scope: &CallScope,
        items: &[Value],
        retry: Retry,
    ) -> Result<Vec<BatchRefusal>, UpstreamError> {
        let segments = ["api", "v2", "batch"];
        let request = Request::changing(permit, Surface::Track, Method::Post, "send a batch", &segments, retry)?
            .json(&json!({ "batch": items }))?;
        if request.body.as_ref().is_some_and(|body| body.len() > BATCH_CAP_BYTES) {
            return Err(UpstreamError::refused_here("batch", "A batch may have 500 KB at most. Nothing was sent."));
        }
        let answer = self.send(scope, &request).await?;
        if answer.status != 207 {
            answer.acknowledged()?;
            return Ok(Vec::new());
        }
        let private = request.private_values();
        let clean = |text: Option<String>| text.map(|text| scrub(&text, &private));
        let refusals = envelope::read(&answer.body).refusals.into_iter().map(|refusal| BatchRefusal {
            reason: clean(refusal.reason),
            field: clean(refusal.field),
            message: clean(refusal.message),
            ..refusal
        });
        Ok(refusals.collect())
    }
}
