//! Any operation of Customer.io, by its method and path: for those that need no code of their own.

use serde_json::Value;

pub use super::multipart::FormFile;
use super::{
    Api, CallScope, Permit, Retry, UpstreamError,
    answer::Answer,
    multipart::Form,
    pacing::Limit,
    request::{Method, Request, Surface},
};

/// A request of an operation.
#[derive(Debug, Clone)]
pub struct OperationRequest {
    /// Its name, for traces and messages.
    pub operation: &'static str,
    /// The API it belongs to.
    pub surface: Surface,
    /// Its method.
    pub method: Method,
    /// The segments of its path, not encoded.
    pub segments: Vec<String>,
    /// What its query holds, not encoded.
    pub query: Vec<(String, String)>,
    /// What its body holds.
    pub body: Body,
    /// What repeating it means.
    pub retry: Retry,
    /// Values that must not come back in an error, besides the texts of the body.
    pub private: Vec<String>,
}

/// What the body of an operation's request holds.
#[derive(Debug, Clone)]
pub enum Body {
    /// There is none.
    None,
    /// JSON.
    Json(Value),
    /// A form of texts and a file.
    Form {
        /// Names and texts.
        texts: Vec<(String, String)>,
        /// The file.
        file: FormFile,
    },
}

impl Api {
    /// Makes a request that changes nothing; the answer is JSON, or null where there is none.
    pub async fn read_operation(&self, scope: &CallScope, request: &OperationRequest) -> Result<Value, UpstreamError> {
        self.ask(scope, request).await?.json_or_nothing()
    }

    /// Asks for an image: its media type and its bytes.
    pub async fn read_image(
        &self,
        scope: &CallScope,
        request: &OperationRequest,
    ) -> Result<(String, Vec<u8>), UpstreamError> {
        self.ask(scope, request).await?.image()
    }

    /// Makes a request that changes something; the answer is JSON, or null where there is none.
    pub async fn change_by_operation(
        &self,
        permit: &Permit,
        scope: &CallScope,
        request: &OperationRequest,
    ) -> Result<Value, UpstreamError> {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let OperationRequest { operation, surface, method, retry, .. } = request;
        let changing = Request::changing(permit, *surface, *method, operation, &segments, *retry)?;
        self.send(scope, &self.filled(changing, request)?).await?.json_or_nothing()
    }

    async fn ask(&self, scope: &CallScope, request: &OperationRequest) -> Result<Answer, UpstreamError> {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let reading = Request::reading(request.surface, request.method, request.operation, &segments)?;
        self.send(scope, &self.filled(reading, request)?).await
    }

    fn filled(&self, mut filled: Request, request: &OperationRequest) -> Result<Request, UpstreamError> {
        if let Some(limit) = own_limit(request) {
            filled = filled.limited_by(limit);
        }
        for (name, value) in &request.query {
            filled = filled.query(name, Some(value));
        }
        for value in &request.private {
            filled = filled.private(value);
        }
        match &request.body {
            Body::None => Ok(filled),
            Body::Json(body) => filled.json(body),
            Body::Form { texts, file } => Ok(filled.form(Form::new(&*self.inner.config().clock, texts, file))),
        }
    }
}

/// Operations with a limit of their own (behaviour.md section 2).
fn own_limit(request: &OperationRequest) -> Option<Limit> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.surface, segments.as_slice()) {
        (Surface::App, ["v1", "send", _]) => Some(Limit::Transactional),
        (Surface::App, ["v1", "campaigns", _, "triggers"]) if request.method == Method::Post => Some(Limit::Broadcast),
        (Surface::App, ["v1", "messages", _, "archived_message"]) => Some(Limit::ArchivedMessage),
        _ => None,
    }
}
