//! Newsletters: one message to an audience, sent once, and the variants of an A/B test (behaviour.md section 9).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Api, CallScope, Page, Permit, Retry, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// A newsletter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newsletter {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// The channel.
    #[serde(rename = "type", default, deserialize_with = "lenient::optional_text")]
    pub kind: Option<String>,
    /// The subject of the first variant.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub subject: Option<String>,
    /// `drafted`, `scheduled`, `sending` or `sent`; not every edition of the API shows it.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub send_state: Option<String>,
    /// When it was sent, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub sent_at: Option<i64>,
    /// When it is to be sent, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub scheduled_at: Option<i64>,
    /// The segments that the filter of its recipients names, whether for or against.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub recipient_segment_ids: Vec<i64>,
    /// Its languages and variants.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub content_ids: Vec<i64>,
    /// The tags.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub tags: Vec<String>,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created: Option<i64>,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated: Option<i64>,
}

impl Newsletter {
    /// Whether it was sent, or is being sent.
    pub fn is_sent(&self) -> bool {
        self.sent_at.is_some_and(|at| at > 0) || matches!(self.send_state.as_deref(), Some("sent" | "sending"))
    }

    /// When it is to be sent, in Unix seconds.
    pub fn scheduled(&self) -> Option<i64> {
        self.scheduled_at.filter(|at| *at > 0 && !self.is_sent())
    }
}

/// An arm of an A/B test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestGroup {
    /// The id, which paths name.
    #[serde(deserialize_with = "lenient::text")]
    pub id: String,
    /// The letter.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Whether it was chosen.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub winner: bool,
    /// Its contents, one for each language.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub content_ids: Vec<i64>,
}

#[derive(Deserialize)]
struct NewslettersAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    newsletters: Vec<Newsletter>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct NewsletterAnswer {
    newsletter: Newsletter,
}

#[derive(Deserialize)]
struct GroupsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    test_groups: Vec<TestGroup>,
}

#[derive(Deserialize)]
struct ContentAnswer {
    content: Map<String, Value>,
}

impl Api {
    /// A page of newsletters, the newest first: `GET /v1/newsletters`.
    pub async fn newsletters(
        &self,
        scope: &CallScope,
        start: Option<&str>,
        limit: u32,
    ) -> Result<Page<Newsletter>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list newsletters", &["v1", "newsletters"])?
            .query("sort", Some("desc"))
            .query("start", start)
            .query_number("limit", Some(i64::from(limit)));
        let answer: NewslettersAnswer = self.send(scope, &request).await?.json()?;
        Ok(Page { items: answer.newsletters, next: answer.next })
    }

    /// One newsletter: `GET /v1/newsletters/{id}`.
    pub async fn newsletter(&self, scope: &CallScope, id: i64) -> Result<Newsletter, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "get a newsletter", &path(id, &[]).each())?;
        Ok(self.send(scope, &request).await?.json::<NewsletterAnswer>()?.newsletter)
    }

    /// Sends a newsletter to its audience: `POST /v1/newsletters/{id}/send`.
    pub async fn send_newsletter(
        &self,
        permit: &Permit,
        scope: &CallScope,
        id: i64,
        body: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        self.launch(permit, scope, "send a newsletter", id, "send", body).await
    }

    /// Sets when a newsletter goes out, or with a `scheduled_at` of 0 that it does not: `POST …/schedule`.
    pub async fn schedule_newsletter(
        &self,
        permit: &Permit,
        scope: &CallScope,
        id: i64,
        body: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        self.launch(permit, scope, "schedule a newsletter", id, "schedule", body).await
    }

    async fn launch(
        &self,
        permit: &Permit,
        scope: &CallScope,
        operation: &'static str,
        id: i64,
        what: &str,
        body: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        let path = path(id, &[what]);
        let request = Request::changing(permit, Surface::App, Method::Post, operation, &path.each(), Retry::Ledger)?
            .json(body)?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// The arms of a newsletter's A/B test; none if it is no test: `GET /v1/newsletters/{id}/test_groups`.
    pub async fn test_groups(&self, scope: &CallScope, id: i64) -> Result<Vec<TestGroup>, UpstreamError> {
        let path = path(id, &["test_groups"]);
        let request = Request::reading(Surface::App, Method::Get, "list test groups", &path.each())?;
        Ok(self.send(scope, &request).await?.json::<GroupsAnswer>()?.test_groups)
    }

    /// Adds an arm, a copy of the first: `POST /v1/newsletters/{id}/test_groups`. What it answers is not documented.
    pub async fn create_test_group(&self, permit: &Permit, scope: &CallScope, id: i64) -> Result<(), UpstreamError> {
        let path = path(id, &["test_groups"]);
        let operation = "add a test group";
        let request = Request::changing(permit, Surface::App, Method::Post, operation, &path.each(), Retry::Ledger)?
            .json(&json!({}))?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// What a variant says: `GET /v1/newsletters/{id}/contents/{content_id}`.
    pub async fn newsletter_content(
        &self,
        scope: &CallScope,
        id: i64,
        content_id: i64,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let path = path(id, &["contents", &content_id.to_string()]);
        let request = Request::reading(Surface::App, Method::Get, "get a variant", &path.each())?;
        Ok(self.send(scope, &request).await?.json::<ContentAnswer>()?.content)
    }

    /// Changes what a variant says: `PUT /v1/newsletters/{id}/contents/{content_id}`.
    pub async fn update_newsletter_content(
        &self,
        permit: &Permit,
        scope: &CallScope,
        id: i64,
        content_id: i64,
        body: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        let path = path(id, &["contents", &content_id.to_string()]);
        let operation = "change a variant";
        let request = Request::changing(permit, Surface::App, Method::Put, operation, &path.each(), Retry::Natural)?
            .json(body)?;
        self.send(scope, &request).await?.acknowledged()
    }
}

/// The segments of a path below a newsletter.
struct Path(Vec<String>);

impl Path {
    fn each(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn path(id: i64, below: &[&str]) -> Path {
    let id = id.to_string();
    Path(["v1", "newsletters", id.as_str()].iter().chain(below).map(ToString::to_string).collect())
}
