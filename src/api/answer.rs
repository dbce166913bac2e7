//! A successful answer, before it has a type.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Fate, Retry, UpstreamError, UpstreamErrorKind, envelope};

/// One page of a list, and the token that asks for the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows, in the vendor's order.
    pub items: Vec<T>,
    /// Pass as `start` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// An answer with a 2xx status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) html: bool,
    /// Such as `application/json`.
    pub(super) media_type: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) retry: Retry,
    pub(super) operation: &'static str,
}

impl Answer {
    /// The answer as `T`.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, UpstreamError> {
        self.must_be_complete()?;
        // The parser's own message may quote the data, so only its place in the text is told.
        serde_json::from_slice(&self.body).map_err(|at| {
            self.unexpected(&format!("not the documented shape at line {}, column {}", at.line(), at.column()))
        })
    }

    /// The bytes of an image, with their media type.
    pub(super) fn image(self) -> Result<(String, Vec<u8>), UpstreamError> {
        match &self.media_type {
            Some(media_type) if media_type.starts_with("image/") => Ok((media_type.clone(), self.body)),
            _ => Err(self.unexpected("no image")),
        }
    }

    /// JSON, or nothing where there is no body.
    pub(super) fn json_or_nothing(&self) -> Result<Value, UpstreamError> {
        if self.body.is_empty() { self.must_be_complete().map(|()| Value::Null) } else { self.json() }
    }

    /// Only that it was accepted. A page or text in place of JSON comes from something else than Customer.io.
    pub(super) fn acknowledged(&self) -> Result<(), UpstreamError> {
        self.must_be_complete()?;
        if self.body.is_empty() {
            return Ok(());
        }
        serde_json::from_slice::<Value>(&self.body)
            .map(drop)
            .map_err(|_| self.unexpected("not JSON, so perhaps not from Customer.io"))
    }

    /// A 207 reports refused items of a batch; for a single item it is a refusal (behaviour.md section 4).
    fn must_be_complete(&self) -> Result<(), UpstreamError> {
        if self.html {
            return Err(self.unexpected("a web page, so perhaps not from Customer.io"));
        }
        if self.status == 207 {
            let vendor = envelope::read(&self.body);
            let text = "Customer.io did not accept the item.";
            return Err(UpstreamError {
                field: vendor.field,
                reference: vendor.reference,
                ..self.error(Fate::Refused, text.to_owned(), UpstreamErrorKind::Rejected)
            });
        }
        Ok(())
    }

    fn unexpected(&self, what: &str) -> UpstreamError {
        let text = format!("The answer to \"{}\" has status {} but is {what}.", self.operation, self.status);
        self.error(Fate::Unknown, text, UpstreamErrorKind::Unexpected)
    }

    fn error(&self, fate: Fate, message: String, kind: UpstreamErrorKind) -> UpstreamError {
        UpstreamError::of(kind, fate, message).with_status(self.status).judged(self.retry)
    }
}
