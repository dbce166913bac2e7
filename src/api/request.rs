//! One request, before it has a host: what it asks, how it may be repeated, and what in it names a person.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{Permit, Retry, UpstreamError, UpstreamErrorKind, multipart::Form, pacing::Limit};

/// Everything but RFC 3986 "unreserved". Raw `+ @ &` match nobody at the vendor and answer 200 with nothing.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The API a request belongs to, and with it host and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Track, version 1 or 2.
    Track,
    /// App.
    App,
    /// Pipelines, also called CDP.
    Pipelines,
}

impl Surface {
    /// The name of the surface in traces and messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::App => "app",
            Self::Pipelines => "pipelines",
        }
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// A request that lacks only host and credential.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) surface: Surface,
    pub(super) method: Method,
    /// Encoded, with a leading slash and the query.
    pub(super) target: String,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: Cow<'static, str>,
    pub(super) retry: Retry,
    pub(super) limit: Limit,
    pub(super) changes: bool,
    /// Values that must not come back in an error text.
    pub(super) private: Vec<String>,
    has_query: bool,
}

impl Request {
    /// A request that changes nothing, whatever its method.
    pub(super) fn reading(
        surface: Surface,
        method: Method,
        operation: &'static str,
        segments: &[&str],
    ) -> Result<Self, UpstreamError> {
        Self::new(surface, method, operation, segments, Retry::Natural, false)
    }

    /// A request that changes something, which the guards must have admitted.
    pub(super) fn changing(
        permit: &Permit,
        surface: Surface,
        method: Method,
        operation: &'static str,
        segments: &[&str],
        retry: Retry,
    ) -> Result<Self, UpstreamError> {
        permit.mark_used();
        Self::new(surface, method, operation, segments, retry, true)
    }

    fn new(
        surface: Surface,
        method: Method,
        operation: &'static str,
        segments: &[&str],
        retry: Retry,
        changes: bool,
    ) -> Result<Self, UpstreamError> {
        let limit = match surface {
            Surface::Track => Limit::Track,
            Surface::App => Limit::App,
            Surface::Pipelines => Limit::Pipelines,
        };
        let target = encoded_path(segments)?;
        Ok(Self {
            operation,
            surface,
            method,
            target,
            body: None,
            content_type: Cow::Borrowed("application/json"),
            retry,
            limit,
            changes,
            private: Vec::new(),
            has_query: false,
        })
    }

    /// Adds `name=value` unless there is no value.
    pub(super) fn query(mut self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            self.target.push(if self.has_query { '&' } else { '?' });
            self.has_query = true;
            self.target.push_str(name);
            self.target.push('=');
            self.target.extend(utf8_percent_encode(value.as_ref(), ENCODED));
        }
        self
    }

    /// Adds `name=number` unless there is no number.
    pub(super) fn query_number(self, name: &str, value: Option<i64>) -> Self {
        self.query(name, value.map(|number| number.to_string()))
    }

    /// The JSON body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, UpstreamError> {
        let bytes = serde_json::to_vec(body).map_err(|_| {
            UpstreamError::not_sent(UpstreamErrorKind::Rejected, "The request cannot be written as JSON.")
        })?;
        self.body = Some(bytes.into());
        Ok(self)
    }

    /// A body that is not JSON. Its texts are not looked for in errors: they are those of a file.
    pub(super) fn form(mut self, form: Form) -> Self {
        self.content_type = Cow::Owned(form.content_type);
        self.body = Some(form.bytes);
        self
    }

    /// A JSON body that is written already.
    pub(super) fn written(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    /// Keeps `value` out of error texts.
    pub(super) fn private(mut self, value: impl Into<String>) -> Self {
        self.private.push(value.into());
        self
    }

    /// Counts against another limit than the surface's own.
    pub(super) const fn limited_by(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Everything in the request that could name a person: what was marked so, and the texts of the body.
    pub(super) fn private_values(&self) -> Vec<String> {
        let mut values = self.private.clone();
        if let Some(body) = self.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()) {
            collect_texts(&body, &mut values);
        }
        values
    }
}

/// Most texts of a body that are looked for in an error; a bulk body has thousands and names few of them.
const TEXTS_CAP: usize = 2_000;
/// Longer texts are message bodies, not names of people.
const TEXT_LENGTH_CAP_BYTES: usize = 512;

/// The texts of a value.
pub(super) fn texts_of(value: &serde_json::Value) -> Vec<String> {
    let mut texts = Vec::new();
    collect_texts(value, &mut texts);
    texts
}

fn collect_texts(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        _ if into.len() >= TEXTS_CAP => {}
        serde_json::Value::String(text) if text.len() <= TEXT_LENGTH_CAP_BYTES => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_texts(item, into)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, into)),
        _ => {}
    }
}

/// `/a/b/c` with each segment encoded, and none that a URL would read as a step to elsewhere.
pub(super) fn encoded_path(segments: &[&str]) -> Result<String, UpstreamError> {
    let mut path = String::new();
    for segment in segments {
        // URL parsers take `.` and `..` for steps even when written `%2e`, so these cannot be sent at all.
        if matches!(*segment, "" | "." | "..") {
            return Err(UpstreamError::refused_here(
                "identifier",
                "An identifier may not be empty, \".\" or \"..\": it cannot be part of an address. Nothing was sent.",
            ));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, ENCODED));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    #[test]
    fn steps_and_nothing_are_no_segments() {
        for bad in ["", ".", ".."] {
            assert_eq!(encoded_path(&["v1", bad]).unwrap_err().field.as_deref(), Some("identifier"));
        }
        assert_eq!(encoded_path(&["v1", "...", "a.b"]).unwrap(), "/v1/.../a.b");
    }

    proptest! {
        #[test]
        fn a_segment_is_one_segment_and_comes_back_whole(id in "\\PC{1,40}|[+&/%@?#;= .\\\\]{1,12}") {
            prop_assume!(!matches!(id.as_str(), "." | ".."));
            let path = encoded_path(&["v1", &id, "events"]).unwrap();
            let parts: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parts.len(), 4);
            prop_assert_eq!(percent_decode_str(parts[2]).decode_utf8().unwrap(), id.as_str());
            prop_assert!(parts[2].bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        }

        #[test]
        fn a_query_value_comes_back_whole(value in "\\PC{0,40}") {
            let request = Request::reading(Surface::App, Method::Get, "test", &["v1"]).unwrap()
                .query("email", Some(&value)).query_number("limit", Some(5));
            let (_, query) = request.target.split_once('?').unwrap();
            let (first, second) = query.split_once('&').unwrap();
            let encoded = first.strip_prefix("email=").unwrap();
            prop_assert_eq!(percent_decode_str(encoded).decode_utf8().unwrap(), value.as_str());
            prop_assert_eq!(second, "limit=5");
        }
    }
}
