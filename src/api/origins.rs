//! What messages come from, as far as it decides who gets them: campaigns, newsletters and broadcasts (behaviour.md
//! sections 6, 8 and 9). What they say is read elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Api, CallScope, UpstreamError, lenient,
    request::{Method, Request, Surface},
};

/// What a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginId {
    /// A campaign.
    Campaign(i64),
    /// A newsletter.
    Newsletter(i64),
    /// An API-triggered broadcast.
    Broadcast(i64),
}

/// The facts of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// How it is triggered, in the vendor's words.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Whether a campaign or broadcast can send; a newsletter has none.
    #[serde(default)]
    pub active: Option<bool>,
    /// The state: of campaigns `running` or `stopped`, of newsletters `send_state`.
    #[serde(default, alias = "send_state", deserialize_with = "lenient::text")]
    pub state: String,
    /// Segments whose members enter.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub trigger_segment_ids: Vec<i64>,
    /// Segments one has to be in besides.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub filter_segment_ids: Vec<i64>,
    /// Segments that a newsletter goes to.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub recipient_segment_ids: Vec<i64>,
    /// The topic it is about.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub subscription_topic_id: Option<i64>,
    /// When a newsletter was sent, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub sent_at: Option<i64>,
    /// When a newsletter will be sent, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub scheduled_at: Option<i64>,
    /// When a campaign was first started, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub first_started: Option<i64>,
}

#[derive(Deserialize)]
struct OriginAnswer {
    #[serde(alias = "newsletter", alias = "broadcast")]
    campaign: Origin,
}

#[derive(Deserialize)]
struct TriggersAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
struct Trigger {
    #[serde(default)]
    created_at: Value,
}

impl Api {
    /// Who gets what comes from it, and whether it sends: `GET /v1/{campaigns|newsletters|broadcasts}/{id}`.
    pub async fn origin(&self, scope: &CallScope, id: OriginId) -> Result<Origin, UpstreamError> {
        let (what, id) = match id {
            OriginId::Campaign(id) => ("campaigns", id),
            OriginId::Newsletter(id) => ("newsletters", id),
            OriginId::Broadcast(id) => ("broadcasts", id),
        };
        let segments = ["v1", what, &id.to_string()];
        let request = Request::reading(Surface::App, Method::Get, "get what a message comes from", &segments)?;
        Ok(self.send(scope, &request).await?.json::<OriginAnswer>()?.campaign)
    }

    /// When a broadcast was triggered, in Unix seconds: `GET /v1/broadcasts/{id}/triggers`.
    pub async fn broadcast_trigger_times(&self, scope: &CallScope, id: i64) -> Result<Vec<i64>, UpstreamError> {
        let segments = ["v1", "broadcasts", &id.to_string(), "triggers"];
        let request = Request::reading(Surface::App, Method::Get, "list a broadcast's triggers", &segments)?;
        let triggers = self.send(scope, &request).await?.json::<TriggersAnswer>()?.triggers;
        Ok(triggers.into_iter().filter_map(|trigger| trigger.created_at.as_i64()).collect())
    }
}
