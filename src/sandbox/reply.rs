//! Answers and the vendor's error envelopes (behaviour.md section 1).
//!
//! Each envelope has one constructor here, so a handler chooses what went wrong and never how it is spelled.

use axum::{body::Body, http::Response};
use serde_json::{Value, json};

/// What a handler returns: either side is an answer, and `?` ends a handler with the refusing one.
pub(super) type Answer = Result<Reply, Reply>;

/// One HTTP answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

const JSON: &str = "application/json; charset=utf-8";

impl Reply {
    /// A JSON answer.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", JSON.to_owned())], body: body.to_string().into_bytes() }
    }

    /// 200 with a JSON body.
    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// 204.
    pub(super) fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    /// What Track answers to whatever it accepts, recorded byte for byte.
    pub(super) fn accepted() -> Self {
        Self { status: 200, headers: track_headers(), body: b"{}\n".to_vec() }
    }

    /// A missing or wrong credential; only the Track host names its realm.
    pub(super) fn unauthorized(track: bool) -> Self {
        let mut reply = Self::json(401, &json!({"meta": {"error": "Unauthorized request"}}));
        if track {
            reply.headers.push(("www-authenticate", "Basic realm=\"Customer.io edge event collection\"".to_owned()));
        }
        reply
    }

    /// `{"meta":{"error":…}}`: Track v1 and `/v1/send/*`.
    pub(super) fn meta_error(status: u16, error: &str) -> Self {
        Self::json(status, &json!({"meta": {"error": error}}))
    }

    /// `{"meta":{"errors":[…]}}`: Track v1 where its description declares a 400. The vendor's page on invalid requests
    /// shows the singular form for identify and its recordings show it for merges, which keep it; the vendor's Node
    /// client words its message from either.
    pub(super) fn meta_errors(error: impl AsRef<str>) -> Self {
        Self::json(400, &json!({"meta": {"errors": [error.as_ref()]}}))
    }

    /// `{"errors":[{"detail","status"}]}`: the App API generally. Its status is a string.
    pub(super) fn app_error(status: u16, detail: &str, reference: &str) -> Self {
        let detail = format!("{detail} (reference {reference})");
        Self::json(status, &json!({"errors": [{"detail": detail, "status": status.to_string()}]}))
    }

    /// The same with where in the request the fault is.
    pub(super) fn app_error_at(status: u16, detail: &str, pointer: &str, reference: &str) -> Self {
        let detail = format!("{detail} (reference {reference})");
        let error = json!({"detail": detail, "status": status.to_string(), "source": {"pointer": pointer}});
        Self::json(status, &json!({"errors": [error]}))
    }

    /// The App API's 429; `Retry-After` is absent when a daily quota is spent.
    pub(super) fn rate_limited(limit: &str, retry_after_seconds: Option<u64>, reference: &str) -> Self {
        let mut reply = Self::app_error(429, &format!("rate limited to {limit}"), reference);
        reply.headers.extend(retry_after_seconds.map(|seconds| ("retry-after", seconds.to_string())));
        reply
    }

    /// Track v2: a whole request refused (400), or some items of a batch (207).
    pub(super) fn entity_errors(status: u16, errors: &[Value]) -> Self {
        Self { status, headers: track_headers(), body: json!({"errors": errors}).to_string().into_bytes() }
    }

    /// A path the vendor does not have, or has with another method: a web page, never JSON, never 405.
    pub(super) fn page_not_found() -> Self {
        let page = include_str!("not_found.html");
        let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
        Self { status: 404, headers, body: page.as_bytes().to_vec() }
    }

    /// An operation of the vendor that the sandbox does not imitate.
    pub(super) fn not_imitated(operation: &str, what: &str) -> Self {
        let detail = format!("the sandbox does not imitate {what}");
        Self::json(501, &json!({"errors": [{"detail": detail, "status": "501", "operation": operation}]}))
    }
}

fn track_headers() -> Vec<(&'static str, String)> {
    vec![
        ("content-type", JSON.to_owned()),
        ("access-control-allow-origin", "*".to_owned()),
        ("cache-control", "no-cache, no-store, must-revalidate, max-age=0".to_owned()),
    ]
}

impl From<Reply> for Response<Body> {
    fn from(reply: Reply) -> Self {
        let mut response = Response::builder().status(reply.status);
        for (name, value) in reply.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(reply.body)).unwrap_or_else(|error| {
            tracing::error!(%error, "an answer with an impossible header");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}
