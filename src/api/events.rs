//! Events of a person, over Track v1 (behaviour.md section 4).
//!
//! Track ignores an event whose id it has seen, and that alone makes repeating one harmless; so every event has an id,
//! made once, before the first attempt.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError,
    people::PersonPath,
    request::{Method, Request, Surface},
};
use crate::clock::{Clock, random_bytes};

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Something a person did.
    #[default]
    Event,
    /// A page view; the name is the page's address.
    Page,
    /// A screen view in an app.
    Screen,
}

/// Something that happened to, or was done by, a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The name, at most 100 bytes.
    pub name: String,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// What templates read as `event.*`, at most 100,000 bytes.
    pub data: Map<String, Value>,
    /// When it happened, in Unix seconds; `None` is now. Events older than 72 hours start no campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// A ULID; see [`new_event_id`].
    pub id: String,
}

/// Digits of a ULID: Crockford's base 32, without I, L, O and U.
const ULID_DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ULID_LENGTH: usize = 26;

/// A new ULID: 48 bits of time and 80 of randomness, as 26 characters.
pub fn new_event_id(clock: &dyn Clock) -> String {
    event_id(clock.now_ms(), random_bytes::<10>(clock))
}

/// The ULID of a time in Unix milliseconds and ten bytes that nothing else has.
pub fn event_id(time_ms: i64, random: [u8; 10]) -> String {
    let time_ms = u128::try_from(time_ms).unwrap_or_default() & ((1 << 48) - 1);
    let random = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = time_ms << 80 | random;
    let digit = |place: usize| char::from(ULID_DIGITS[(bits >> (5 * (ULID_LENGTH - 1 - place)) & 31) as usize]);
    (0..ULID_LENGTH).map(digit).collect()
}

/// Whether `id` is a ULID. Track takes any other id for none, and would count a repeat twice.
pub fn is_event_id(id: &str) -> bool {
    id.len() == ULID_LENGTH
        && id.starts_with(|first| ('0'..='7').contains(&first))
        && id.bytes().all(|byte| ULID_DIGITS.contains(&byte.to_ascii_uppercase()))
}

impl Api {
    /// Records an event: `POST /api/v1/customers/{identifier}/events`.
    ///
    /// <https://docs.customer.io/integrations/api/track/tag/track-events/>
    pub async fn track_event(
        &self,
        permit: &Permit,
        scope: &CallScope,
        path: &PersonPath,
        event: &Event,
    ) -> Result<(), UpstreamError> {
        if !is_event_id(&event.id) {
            return Err(UpstreamError::refused_here("id", "The id of an event must be a ULID. Nothing was sent."));
        }
        let person = path.track_segment()?;
        let segments = ["api", "v1", "customers", &person, "events"];
        let request =
            Request::changing(permit, Surface::Track, Method::Post, "track an event", &segments, Retry::Ulid)?
                .json(event)?
                .private(person);
        self.send(scope, &request).await?.acknowledged()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::AdjustableClock;
    use jiff::Timestamp;

    #[test]
    fn an_event_id_is_a_ulid_that_sorts_by_time() {
        let clock = AdjustableClock::stopped_at(Timestamp::from_millisecond(1_469_918_176_385).unwrap());
        let first = new_event_id(&clock);
        assert!(first.starts_with("01ARYZ6S41"), "{first}");
        assert!(is_event_id(&first));
        assert_ne!(first, new_event_id(&clock));
        clock.advance(std::time::Duration::from_millis(1));
        assert!(first < new_event_id(&clock));
    }

    #[test]
    fn other_ids_are_not_ulids() {
        let long = "8ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        for bad in ["", "1", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAU", long] {
            assert!(!is_event_id(bad), "{bad}");
        }
    }
}
