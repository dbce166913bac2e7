//! The vendor's five error shapes, read into one (behaviour.md section 1, "Error envelopes").
//!
//! Anything may come in their place: the fixed "Page Not Found" page for an unknown path, a proxy's page, nothing at
//! all. Reading never fails; what cannot be read simply has no text.

use serde_json::Value;

use super::{
    Fate, UpstreamError, UpstreamErrorKind, batch::BatchRefusal, region::Region, request::Surface, scrub::scrub,
};

/// Most vendor texts joined into one message.
const TEXTS_CAP: usize = 5;

/// What an error body says, whatever its shape.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VendorError {
    pub(super) texts: Vec<String>,
    pub(super) field: Option<String>,
    pub(super) reference: Option<String>,
    /// The items of a batch that were refused.
    pub(super) refusals: Vec<BatchRefusal>,
}

/// Reads any of the shapes; bytes that are none of them give an empty value.
pub(super) fn read(body: &[u8]) -> VendorError {
    let mut found = VendorError::default();
    let Ok(Value::Object(top)) = serde_json::from_slice::<Value>(body) else { return found };
    for holder in [top.get("meta").and_then(Value::as_object), Some(&top)].into_iter().flatten() {
        for key in ["error", "errors"] {
            match holder.get(key) {
                Some(Value::Array(items)) => items.iter().for_each(|item| found.add(item)),
                Some(item) => found.add(item),
                None => {}
            }
        }
    }
    found.reference = found.texts.iter().find_map(|text| reference_in(text));
    found
}

impl VendorError {
    fn add(&mut self, item: &Value) {
        match item {
            Value::String(text) => self.add_text(text),
            Value::Object(_) => self.add_object(item),
            _ => {}
        }
    }

    fn add_object(&mut self, item: &Value) {
        let text_at = |key: &str| item.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
        let field = text_at("field").or_else(|| item.pointer("/source/pointer").and_then(Value::as_str).map(last_step));
        let text = text_at("detail").or_else(|| text_at("message")).or_else(|| text_at("reason"));
        if let Some(batch_index) = item.get("batch_index").and_then(Value::as_u64) {
            self.refusals.push(BatchRefusal {
                batch_index: usize::try_from(batch_index).unwrap_or(usize::MAX),
                reason: text_at("reason"),
                field: field.clone(),
                message: text.clone(),
            });
        }
        if self.field.is_none() {
            self.field = field;
        }
        if let Some(text) = text {
            self.add_text(&text);
        }
    }

    fn add_text(&mut self, text: &str) {
        if self.texts.len() < TEXTS_CAP && !text.trim().is_empty() {
            self.texts.push(text.trim().to_owned());
        }
    }

    /// The texts as one sentence without the vendor's reference and without anything in `private`.
    fn sentence(&self, private: &[String]) -> Option<String> {
        let joined = self.texts.iter().map(|text| without_reference(text)).collect::<Vec<_>>().join("; ");
        (!joined.is_empty()).then(|| scrub(&joined, private))
    }
}

/// What the error needs to know about the request it answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) operation: &'static str,
    pub(super) surface: Surface,
    pub(super) region: Option<Region>,
    pub(super) private: &'a [String],
}

/// The error that a status outside 2xx stands for. `html` is true for a web page.
pub(super) fn error_for(status: u16, html: bool, body: &[u8], asked: &Asked<'_>) -> UpstreamError {
    let vendor = if html { VendorError::default() } else { read(body) };
    let (kind, fate) = meaning(status, html, asked.surface);
    let said = vendor.sentence(asked.private);
    let message = message(kind, status, html, said.as_deref(), asked);
    let field = vendor.field.map(|field| scrub(&field, asked.private));
    UpstreamError { field, reference: vendor.reference, ..UpstreamError::of(kind, fate, message).with_status(status) }
}

/// Only statuses the vendor documents prove that nothing happened.
const fn meaning(status: u16, html: bool, surface: Surface) -> (UpstreamErrorKind, Fate) {
    use UpstreamErrorKind as Kind;
    match status {
        // Track sends an account of the other region elsewhere (behaviour.md section 1); we do not follow.
        301 | 302 | 307 | 308 if matches!(surface, Surface::Track) => (Kind::WrongRegion, Fate::Refused),
        400 | 409 | 413 | 422 => (Kind::Rejected, Fate::Refused),
        401 => (Kind::Unauthorized, Fate::Refused),
        403 => (Kind::Forbidden, Fate::Refused),
        // The vendor's page for an unknown path says nothing about whether the person or segment exists.
        404 if html => (Kind::Unexpected, Fate::Refused),
        404 => (Kind::NotFound, Fate::Refused),
        429 => (Kind::RateLimited, Fate::Refused),
        // Not implemented: nothing was tried.
        501 => (Kind::Unexpected, Fate::Refused),
        408 | 500..=599 => (Kind::Unavailable, Fate::Unknown),
        _ => (Kind::Unexpected, Fate::Unknown),
    }
}

fn message(kind: UpstreamErrorKind, status: u16, html: bool, said: Option<&str>, asked: &Asked<'_>) -> String {
    use UpstreamErrorKind as Kind;
    let operation = asked.operation;
    let lead = match kind {
        Kind::Unauthorized => unauthorized(asked),
        Kind::Forbidden => format!(
            "Customer.io does not allow \"{operation}\": the key lacks the scope, the address is not on the key's \
             allow-list, or the account lacks the feature."
        ),
        Kind::Unexpected if html && status == 404 => {
            format!("Customer.io has no such path for \"{operation}\". Is the base URL one of Customer.io's APIs?")
        }
        Kind::NotFound => format!("Customer.io did not find what \"{operation}\" asked for."),
        Kind::Rejected => format!("Customer.io refused \"{operation}\"."),
        Kind::RateLimited => format!("Customer.io is limiting requests and did not carry out \"{operation}\"."),
        Kind::WrongRegion => {
            "Customer.io redirected the request: the account lives in the other region. Set the region.".to_owned()
        }
        Kind::Unavailable => format!("Customer.io could not answer \"{operation}\" (status {status})."),
        _ => format!("Customer.io answered \"{operation}\" with status {status}, which it does not document."),
    };
    // The 401 text is the same for every cause and adds nothing.
    match said {
        // In quotation marks: it may repeat what a customer wrote, and must not pass for words of ours.
        Some(said) if kind != Kind::Unauthorized => format!("{lead} It says: \"{}\"", said.replace('"', "'")),
        _ => lead,
    }
}

/// The App API answers a wrong key and the wrong region's host alike, so both must be said.
fn unauthorized(asked: &Asked<'_>) -> String {
    let at = asked.region.map_or_else(|| "the configured host".to_owned(), |region| format!("the {region} host"));
    match asked.surface {
        Surface::Track => format!(
            "Customer.io refused the Track credentials (site id and Track API key) at {at}. One of them is wrong or \
             revoked (an App API key does not work here), or the account lives in the other region."
        ),
        Surface::App => format!(
            "Customer.io refused the App API key at {at}. Either the key is wrong or revoked (a Track API key does not \
             work here), or the account lives in the other region: the App API answers both alike."
        ),
        Surface::Pipelines => format!(
            "Customer.io refused the Pipelines write key at {at}. It is wrong or its source was deleted, or the account \
             lives in the other region."
        ),
    }
}

/// `a1b2c3` of a text that ends "(reference a1b2c3)".
fn reference_in(text: &str) -> Option<String> {
    let (_, after) = text.split_once("(reference ")?;
    let reference = after.split(')').next()?.trim();
    let plain = !reference.is_empty()
        && reference.len() <= 64
        && reference.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| reference.to_owned())
}

fn without_reference(text: &str) -> &str {
    text.split_once(" (reference ").map_or(text, |(before, _)| before)
}

/// `per_user_data` of the pointer `/data/attributes/per_user_data`.
fn last_step(pointer: &str) -> String {
    pointer.rsplit('/').next().unwrap_or(pointer).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(surface: Surface) -> Asked<'static> {
        Asked { operation: "test", surface, region: Some(Region::Us), private: &[] }
    }

    #[test]
    fn each_of_the_five_shapes_is_read() {
        let one = |body: &str| {
            let read = read(body.as_bytes());
            (read.texts.join("|"), read.field, read.reference, read.refusals.len())
        };
        let text = |s: &str| s.to_owned();
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(one(r#"{"meta":{"error":"no"}}"#), (text("no"), None, None, 0));
        assert_eq!(one(r#"{"meta":{"errors":["no","never"]}}"#), (text("no|never"), None, None, 0));
        assert_eq!(
            one(r#"{"errors":[{"reason":"required","field":"name","message":"name is required"}]}"#),
            (text("name is required"), some("name"), None, 0)
        );
        assert_eq!(
            one(r#"{"errors":[{"batch_index":3,"reason":"invalid","field":"id","message":"bad id"}]}"#),
            (text("bad id"), some("id"), None, 1)
        );
        assert_eq!(
            one(
                r#"{"errors":[{"detail":"no such (reference a1b2c3)","status":"404","source":{"pointer":"/data/ids"}}]}"#
            ),
            (text("no such (reference a1b2c3)"), some("ids"), some("a1b2c3"), 0)
        );
    }

    #[test]
    fn only_documented_statuses_prove_that_nothing_happened() {
        for status in [400, 401, 403, 404, 409, 413, 422, 429, 501] {
            assert_eq!(meaning(status, false, Surface::App).1, Fate::Refused, "{status}");
        }
        for status in [100, 303, 402, 405, 408, 418, 500, 502, 503, 522, 524] {
            assert_eq!(meaning(status, false, Surface::App).1, Fate::Unknown, "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_and_none_of_them_are_repeated(
            status in 300_u16..600, html: bool, body in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let error = error_for(status, html, &body, &asked(Surface::Track));
            prop_assert!(!error.message.is_empty());
            prop_assert_eq!(error.status, Some(status));
        }

        #[test]
        fn any_json_is_read_and_no_address_passes(shape in 0_usize..5, text in "[ -~]{0,80}", status in 400_u16..600) {
            let said = Value::String(format!("{text} ann@shop.example (reference ab12)"));
            let body = match shape {
                0 => serde_json::json!({"meta": {"error": said}}),
                1 => serde_json::json!({"meta": {"errors": [said]}}),
                2 => serde_json::json!({"errors": [{"reason": "r", "field": "f", "message": said}]}),
                3 => serde_json::json!({"errors": [{"batch_index": 0, "reason": "r", "field": "f", "message": said}]}),
                _ => serde_json::json!({"errors": [{"detail": said, "status": "400"}]}),
            };
            let error = error_for(status, false, body.to_string().as_bytes(), &asked(Surface::App));
            prop_assert!(!error.message.contains("ann@shop"));
            if !text.contains("(reference ") {
                prop_assert_eq!(error.reference.as_deref(), Some("ab12"));
            }
        }

        #[test]
        fn odd_json_never_panics(body in "[\\[\\]{}\":,0-9a-z\\\\]{0,60}") {
            read(body.as_bytes());
            read(format!("{{\"errors\":{body}}}").as_bytes());
            read(format!("{{\"meta\":{body}}}").as_bytes());
        }
    }
}
