//! Many changes in one request, over Track v2 (behaviour.md section 4, "Track v2 batch").
//!
//! A batch is accepted item by item: a 207 names the items refused, and the rest took effect.

use std::ops::Range;

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError,
    answer::Answer,
    envelope,
    events::EventKind,
    people::PersonPath,
    request::{Method, Request, Surface, texts_of},
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

/// A person to create or update, as an item of a batch.
#[derive(Debug, Serialize)]
pub struct PersonItem<'a> {
    r#type: &'static str,
    action: &'static str,
    identifiers: OneIdentifier<'a>,
    attributes: &'a Map<String, Value>,
}

impl<'a> PersonItem<'a> {
    /// Further identifiers are among the attributes.
    pub fn new(person: &'a PersonPath, attributes: &'a Map<String, Value>) -> Self {
        Self { r#type: "person", action: "identify", identifiers: OneIdentifier(person), attributes }
    }
}

/// An event, as an item of a batch.
#[derive(Debug, Serialize)]
pub struct EventItem<'a> {
    r#type: &'static str,
    action: EventKind,
    identifiers: OneIdentifier<'a>,
    name: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    attributes: &'a Map<String, Value>,
}

impl<'a> EventItem<'a> {
    /// An event of a person; `id` is a ULID, and `timestamp` in Unix seconds.
    pub fn new(
        person: &'a PersonPath,
        action: EventKind,
        name: &'a str,
        id: &'a str,
        timestamp: Option<i64>,
        data: &'a Map<String, Value>,
    ) -> Self {
        let identifiers = OneIdentifier(person);
        Self { r#type: "person", action, identifiers, name, id, timestamp, attributes: data }
    }
}

/// Track v2 takes exactly one.
#[derive(Debug)]
struct OneIdentifier<'a>(&'a PersonPath);

impl Serialize for OneIdentifier<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = match self.0 {
            PersonPath::Id(value) | PersonPath::Email(value) | PersonPath::CioId(value) => value,
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0.id_type().as_str(), value)?;
        map.end()
    }
}

/// Texts of every item that name nobody.
const WORDS: [&str; 5] = ["person", "identify", "event", "page", "screen"];

const HEAD: &[u8] = br#"{"batch":["#;
const TAIL: &[u8] = b"]}";

/// A batch as it grows, written down item by item and never larger than Customer.io takes.
#[derive(Debug, Default)]
pub struct BatchBody {
    body: Vec<u8>,
    items: Vec<Range<usize>>,
}

/// What became of an item for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is in.
    In,
    /// It is not: the batch is full, and the next one will take it.
    Full,
    /// It is not: no batch takes an item this large.
    TooLarge,
}

impl BatchBody {
    /// Adds an item if it fits.
    pub fn push(&mut self, item: &impl Serialize) -> Result<Pushed, serde_json::Error> {
        let before = self.body.len();
        self.body.extend_from_slice(if self.items.is_empty() { HEAD } else { b"," });
        let start = self.body.len();
        let written = serde_json::to_writer(&mut self.body, item);
        let item = start..self.body.len();
        let pushed = match &written {
            Ok(()) if item.len() > BATCH_ITEM_CAP_BYTES => Pushed::TooLarge,
            Ok(()) if item.end + TAIL.len() > BATCH_CAP_BYTES => Pushed::Full,
            _ => Pushed::In,
        };
        if written.is_err() || pushed != Pushed::In {
            self.body.truncate(before);
        } else {
            self.items.push(item);
        }
        written.map(|()| pushed)
    }

    /// How many items are in.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The same batch without the items that are marked.
    #[must_use]
    pub fn without(&self, marked: &[bool]) -> Self {
        let mut rest = Self::default();
        for (item, _) in self.items.iter().zip(marked).filter(|(_, marked)| !**marked) {
            rest.body.extend_from_slice(if rest.items.is_empty() { HEAD } else { b"," });
            let start = rest.body.len();
            rest.body.extend_from_slice(&self.body[item.clone()]);
            rest.items.push(start..rest.body.len());
        }
        rest
    }

    fn into_bytes(mut self) -> Bytes {
        self.body.extend_from_slice(TAIL);
        self.body.into()
    }
}

impl Api {
    /// Sends a batch that was put together item by item; otherwise as [`Self::batch`].
    pub async fn send_batch(
        &self,
        permit: &Permit,
        scope: &CallScope,
        batch: BatchBody,
        retry: Retry,
    ) -> Result<Vec<BatchRefusal>, UpstreamError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let segments = ["api", "v2", "batch"];
        let request = Request::changing(permit, Surface::Track, Method::Post, "send a batch", &segments, retry)?
            .written(batch.into_bytes());
        refusals(&request, &self.send(scope, &request).await?)
    }

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
        refusals(&request, &self.send(scope, &request).await?)
    }
}

/// The items that were not accepted.
fn refusals(request: &Request, answer: &Answer) -> Result<Vec<BatchRefusal>, UpstreamError> {
    if answer.status != 207 {
        answer.acknowledged()?;
        return Ok(Vec::new());
    }
    let sent: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let refusals = envelope::read(&answer.body).refusals.into_iter().map(|refusal| {
        // What the item itself says: a batch holds too many texts to look for all of them.
        let mut private = texts_of(&sent["batch"][refusal.batch_index]);
        private.retain(|text| !WORDS.contains(&text.as_str()));
        let clean = |text: Option<String>| text.map(|text| scrub(&text, &private));
        BatchRefusal {
            reason: clean(refusal.reason),
            field: clean(refusal.field),
            message: clean(refusal.message),
            ..refusal
        }
    });
    Ok(refusals.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However large the items are: no batch is larger than it may be, none is left out, and their order stays.
        #[test]
        fn batches_hold_every_item_once_within_their_limits(sizes in prop::collection::vec(1..40_000_usize, 1..60)) {
            let (mut batches, mut batch, mut left_out) = (Vec::new(), BatchBody::default(), Vec::new());
            for (at, size) in sizes.iter().enumerate() {
                let item = json!({ "at": at, "text": "x".repeat(*size) });
                let mut pushed = batch.push(&item).unwrap();
                if pushed == Pushed::Full {
                    batches.push(std::mem::take(&mut batch));
                    pushed = batch.push(&item).unwrap();
                }
                match pushed {
                    Pushed::In => {}
                    Pushed::TooLarge => left_out.push(at),
                    Pushed::Full => prop_assert!(false, "an empty batch is never full"),
                }
            }
            batches.push(batch);
            let mut seen = Vec::new();
            for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
                let (items, bytes) = (batch.len(), batch.into_bytes());
                prop_assert!(bytes.len() <= BATCH_CAP_BYTES);
                let body: Value = serde_json::from_slice(&bytes).unwrap();
                let held = body["batch"].as_array().unwrap();
                prop_assert_eq!(held.len(), items);
                prop_assert!(held.iter().all(|item| item.to_string().len() <= BATCH_ITEM_CAP_BYTES));
                seen.extend(held.iter().map(|item| usize::try_from(item["at"].as_u64().unwrap()).unwrap()));
            }
            let expected: Vec<usize> = (0..sizes.len()).filter(|at| !left_out.contains(at)).collect();
            prop_assert_eq!(seen, expected);
            prop_assert!(left_out.iter().all(|at| sizes[*at] + 40 > BATCH_ITEM_CAP_BYTES));
        }
    }

    #[test]
    fn items_that_are_marked_are_left_out() {
        let mut batch = BatchBody::default();
        for at in 0..4 {
            batch.push(&json!({ "at": at })).unwrap();
        }
        let rest = batch.without(&[true, false, true, false]).into_bytes();
        assert_eq!(rest, r#"{"batch":[{"at":1},{"at":3}]}"#);
    }
}
