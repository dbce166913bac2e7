//! Templates: transactional messages, their contents by language, and the snippets they share.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Api, CallScope, Fate, Permit, Retry, UpstreamError, UpstreamErrorKind, lenient,
    request::{Method, Request, Surface},
};

/// A transactional message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The id, which a send names.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// The description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: String,
    /// The name a send may use in place of the id; not every edition of the API shows it.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub trigger_name: Option<String>,
    /// Whether unsubscribed people get it too.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub send_to_unsubscribed: bool,
    /// Whether clicks are tracked.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub link_tracking: bool,
    /// Whether opens are tracked.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub open_tracking: bool,
    /// Whether bodies are hidden from the workspace's users.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub hide_message_body: bool,
    /// Whether sends are held as drafts.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub queue_drafts: bool,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created_at: Option<i64>,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated_at: Option<i64>,
}

/// What a template says in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateContent {
    /// The content's id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// The language; empty is the default one.
    #[serde(default, deserialize_with = "lenient::text")]
    pub language: String,
    /// The channel.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// The subject, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub subject: Option<String>,
    /// The text shown beside the subject, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub preheader_text: Option<String>,
    /// The body, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub body: Option<String>,
    /// The plain-text body, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub body_plain: Option<String>,
    /// The AMP body, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub body_amp: Option<String>,
    /// What wraps the body, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub layout: Option<String>,
    /// The recipient, in Liquid.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub recipient: Option<String>,
    /// The sender.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub from: Option<String>,
    /// The sender's identity.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub from_id: Option<i64>,
    /// Where answers go.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub reply_to: Option<String>,
    /// Blind copies.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub bcc: Option<String>,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created: Option<i64>,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated: Option<i64>,
}

/// A piece of text that templates share as `snippets.<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// The text, in Liquid.
    #[serde(default, deserialize_with = "lenient::text")]
    pub value: String,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated_at: Option<i64>,
}

#[derive(Deserialize)]
struct TemplatesAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    messages: Vec<Template>,
}

#[derive(Deserialize)]
struct TemplateAnswer {
    message: Template,
}

#[derive(Deserialize)]
struct ContentsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    contents: Vec<TemplateContent>,
}

#[derive(Deserialize)]
struct SnippetsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    snippets: Vec<Snippet>,
}

impl Api {
    /// Every transactional message: `GET /v1/transactional`. Not paged.
    pub async fn templates(&self, scope: &CallScope) -> Result<Vec<Template>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list templates", &["v1", "transactional"])?;
        Ok(self.send(scope, &request).await?.json::<TemplatesAnswer>()?.messages)
    }

    /// One transactional message: `GET /v1/transactional/{id}`.
    pub async fn template(&self, scope: &CallScope, id: i64) -> Result<Template, UpstreamError> {
        let segments = ["v1", "transactional", &id.to_string()];
        let request = Request::reading(Surface::App, Method::Get, "get a template", &segments)?;
        Ok(self.send(scope, &request).await?.json::<TemplateAnswer>()?.message)
    }

    /// What a transactional message says, by language: `GET /v1/transactional/{id}/contents`.
    pub async fn template_contents(&self, scope: &CallScope, id: i64) -> Result<Vec<TemplateContent>, UpstreamError> {
        let segments = ["v1", "transactional", &id.to_string(), "contents"];
        let request = Request::reading(Surface::App, Method::Get, "get a template's contents", &segments)?;
        Ok(self.send(scope, &request).await?.json::<ContentsAnswer>()?.contents)
    }

    /// Changes what a transactional message says in one language: `PUT /v1/transactional/{id}/content/{content_id}`.
    pub async fn put_template_content(
        &self,
        permit: &Permit,
        scope: &CallScope,
        id: i64,
        content_id: i64,
        changes: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        let segments = ["v1", "transactional", &id.to_string(), "content", &content_id.to_string()];
        let operation = "change a template";
        let request = Request::changing(permit, Surface::App, Method::Put, operation, &segments, Retry::Natural)?;
        self.send(scope, &request.json(changes)?).await?.acknowledged()
    }

    /// Sets a snippet, new or known: `PUT /v1/snippets`.
    pub async fn put_snippet(
        &self,
        permit: &Permit,
        scope: &CallScope,
        name: &str,
        value: &str,
    ) -> Result<(), UpstreamError> {
        let segments = ["v1", "snippets"];
        let operation = "set a snippet";
        let request = Request::changing(permit, Surface::App, Method::Put, operation, &segments, Retry::Natural)?;
        self.send(scope, &request.json(&json!({ "name": name, "value": value }))?).await?.acknowledged()
    }

    /// Deletes a snippet, which Customer.io refuses while it is in use: `DELETE /v1/snippets/{name}`. A repeat that finds
    /// nothing left has done its work.
    pub async fn delete_snippet(&self, permit: &Permit, scope: &CallScope, name: &str) -> Result<(), UpstreamError> {
        let segments = ["v1", "snippets", name];
        let operation = "delete a snippet";
        let request = Request::changing(permit, Surface::App, Method::Delete, operation, &segments, Retry::Natural)?;
        match self.send(scope, &request).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound && error.fate == Fate::Unknown => Ok(()),
            answer => answer?.acknowledged(),
        }
    }

    /// Every snippet: `GET /v1/snippets`. Not paged.
    pub async fn snippets(&self, scope: &CallScope) -> Result<Vec<Snippet>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list snippets", &["v1", "snippets"])?;
        Ok(self.send(scope, &request).await?.json::<SnippetsAnswer>()?.snippets)
    }
}
