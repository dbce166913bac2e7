//! Deliveries: one message to one person, and what became of it (behaviour.md section 6).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Api, CallScope, Page, UpstreamError, lenient,
    pacing::Limit,
    people::PersonRef,
    request::{Method, Request, Surface},
};

/// A message to one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: String,
    /// The id and the time of the last change.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub deduplicate_id: Option<String>,
    /// The content it was made from. Some answers carry it as `msg_template_id` too, so that is no alias.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub message_template_id: Option<i64>,
    /// The person's id, if they have one.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub customer_id: Option<String>,
    /// The person's identifiers.
    #[serde(default)]
    pub customer_identifiers: Option<PersonRef>,
    /// The address it went to.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub recipient: Option<String>,
    /// The subject.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub subject: Option<String>,
    /// When it reached each state, in Unix seconds, by the state's name.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub metrics: BTreeMap<String, Option<i64>>,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created: Option<i64>,
    /// Why it failed, in the vendor's words.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub failure_message: Option<String>,
    /// The campaign; all four parents are absent for transactional deliveries.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub campaign_id: Option<i64>,
    /// The action of the campaign.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub action_id: Option<i64>,
    /// The newsletter.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub newsletter_id: Option<i64>,
    /// The broadcast.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub broadcast_id: Option<i64>,
    /// The language or variant.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub content_id: Option<i64>,
    /// The channel: `email`, `push`, `twilio`, `webhook`, `slack`, `in_app` …
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Whether its content was not kept.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub forgotten: bool,
}

/// A page of a list, without filters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageQuery {
    /// The `next` of the page before.
    pub start: Option<String>,
    /// At most 1,000; the vendor's default is 50.
    pub limit: Option<u32>,
    /// Only those made at or after, in Unix seconds.
    pub start_ts: Option<i64>,
    /// Only those made before, in Unix seconds. The span is capped at about six months.
    pub end_ts: Option<i64>,
}

impl PageQuery {
    pub(super) fn apply(&self, request: Request) -> Request {
        request
            .query("start", self.start.as_deref())
            .query_number("limit", self.limit.map(i64::from))
            .query_number("start_ts", self.start_ts)
            .query_number("end_ts", self.end_ts)
    }
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryQuery {
    /// The page and the span of time.
    pub page: PageQuery,
    /// Only this channel.
    pub kind: Option<String>,
    /// Only those that reached this state.
    pub metric: Option<String>,
    /// Whether to list drafts.
    pub drafts: Option<bool>,
    /// Only this campaign's.
    pub campaign_id: Option<i64>,
    /// Only this newsletter's.
    pub newsletter_id: Option<i64>,
    /// Only this action's.
    pub action_id: Option<i64>,
}

impl DeliveryQuery {
    fn apply(&self, request: Request) -> Request {
        self.page
            .apply(request)
            .query("type", self.kind.as_deref())
            .query("metric", self.metric.as_deref())
            .query("drafts", self.drafts.map(|drafts| drafts.to_string()))
            .query_number("campaign_id", self.campaign_id)
            .query_number("newsletter_id", self.newsletter_id)
            .query_number("action_id", self.action_id)
    }
}

/// The content of a delivery as it was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivedMessage {
    /// The delivery's id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: String,
    /// The rendered body.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub body: Option<String>,
    /// The sender.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub from: Option<String>,
    /// Where answers go.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub reply_to: Option<String>,
    /// The address it went to.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub recipient: Option<String>,
    /// The rendered subject.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub subject: Option<String>,
    /// Blind copies.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub bcc: Option<String>,
    /// The text shown beside the subject.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub preheader_text: Option<String>,
    /// The address a webhook called.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub url: Option<String>,
    /// The method a webhook used.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub request_method: Option<String>,
    /// The headers; text or a list, depending on the channel.
    #[serde(default)]
    pub headers: Value,
    /// Whether the content was not kept; then there is none.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub forgotten: bool,
}

#[derive(Deserialize)]
pub(super) struct DeliveriesAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    messages: Vec<Delivery>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

impl From<DeliveriesAnswer> for Page<Delivery> {
    fn from(answer: DeliveriesAnswer) -> Self {
        Self { items: answer.messages, next: answer.next }
    }
}

#[derive(Deserialize)]
struct DeliveryAnswer {
    message: Delivery,
}

#[derive(Deserialize)]
struct ArchivedAnswer {
    archived_message: ArchivedMessage,
}

impl Api {
    /// One delivery: `GET /v1/messages/{id}`. A fresh one may not be there yet.
    pub async fn delivery(&self, scope: &CallScope, id: &str) -> Result<Delivery, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "get a delivery", &["v1", "messages", id])?;
        Ok(self.send(scope, &request).await?.json::<DeliveryAnswer>()?.message)
    }

    /// Deliveries of the workspace, newest first: `GET /v1/messages`.
    pub async fn deliveries(&self, scope: &CallScope, query: &DeliveryQuery) -> Result<Page<Delivery>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list deliveries", &["v1", "messages"])?;
        Ok(self.send(scope, &query.apply(request)).await?.json::<DeliveriesAnswer>()?.into())
    }

    /// Deliveries of one transactional message: `GET /v1/transactional/{id}/messages`.
    pub async fn template_deliveries(
        &self,
        scope: &CallScope,
        template_id: i64,
        query: &DeliveryQuery,
    ) -> Result<Page<Delivery>, UpstreamError> {
        let segments = ["v1", "transactional", &template_id.to_string(), "messages"];
        let request = Request::reading(Surface::App, Method::Get, "list a template's deliveries", &segments)?;
        let request = query.page.apply(request).query("metric", query.metric.as_deref());
        Ok(self.send(scope, &request).await?.json::<DeliveriesAnswer>()?.into())
    }

    /// The content of a delivery: `GET /v1/messages/{id}/archived_message`. 100 a day for the workspace.
    pub async fn archived_message(&self, scope: &CallScope, id: &str) -> Result<ArchivedMessage, UpstreamError> {
        let segments = ["v1", "messages", id, "archived_message"];
        let request = Request::reading(Surface::App, Method::Get, "get a delivery's content", &segments)?
            .limited_by(Limit::ArchivedMessage);
        Ok(self.send(scope, &request).await?.json::<ArchivedAnswer>()?.archived_message)
    }
}
