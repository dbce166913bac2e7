//! One request as a handler sees it: path parameters, query, body.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Uri},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::fetch::Fetched;

/// A request whose route is known.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// Path and query as they came.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The sandbox's own base URL.
    pub(super) base_url: String,
    /// The file the request refers to.
    pub(super) fetched: Option<Fetched>,
    params: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
}

impl Call {
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes, base_url: String) -> Self {
        let query = uri.query().map(parse_query).unwrap_or_default();
        let target = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
        let path = uri.path().to_owned();
        Self { method, path, target, headers, body, base_url, fetched: None, params: Vec::new(), query }
    }

    pub(super) fn with_params(mut self, params: Vec<(&'static str, String)>) -> Self {
        self.params = params;
        self
    }

    /// A segment of the path, percent-decoded. Empty if the route has none of that name.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value)
    }

    /// The first query parameter of that name. A raw `+` has become a space, which is why an unencoded plus-address
    /// matches nobody.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The body as a JSON object; an empty body is an empty object. `None` for anything else.
    pub(super) fn object(&self) -> Option<Map<String, Value>> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Some(Map::new());
        }
        match self.json() {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        }
    }
}

/// Percent-decodes one segment of a path. `None` when it is not UTF-8.
pub(super) fn decode_segment(raw: &str) -> Option<String> {
    percent_decode_str(raw).decode_utf8().ok().map(Into::into)
}

fn parse_query(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}
