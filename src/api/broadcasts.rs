//! Broadcasts that calls trigger, and what became of each trigger (behaviour.md section 8).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Api, CallScope, Permit, Retry, UpstreamError, lenient,
    pacing::Limit,
    request::{Method, Request, Surface},
};

/// A campaign or a broadcast, which Customer.io shows alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// What starts it; `triggered_broadcast` for a broadcast.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Whether it runs.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub active: bool,
    /// `running`, `stopped` or `draft`; not every edition of the API shows it.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub state: Option<String>,
    /// Its messages.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub actions: Vec<ActionRef>,
    /// The tags. The description shows a text where there are none.
    #[serde(default)]
    pub tags: Value,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created: Option<i64>,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated: Option<i64>,
}

impl Campaign {
    /// The tags, each a text.
    pub fn tags(&self) -> Vec<String> {
        let tags = self.tags.as_array().into_iter().flatten();
        tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
    }
}

/// A message of a campaign or broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRef {
    /// The id; the description shows actions without one.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub id: Option<i64>,
    /// The channel.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
}

/// A time a broadcast was triggered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The id, counted for each broadcast.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// When it was asked for, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created_at: Option<i64>,
    /// When it was worked off, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub processed_at: Option<i64>,
    /// How many people it went to; only a single trigger shows it.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub recipients_count: Option<i64>,
}

#[derive(Deserialize)]
struct CampaignsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    campaigns: Vec<Campaign>,
}

#[derive(Deserialize)]
struct BroadcastsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    broadcasts: Vec<Campaign>,
}

#[derive(Deserialize)]
struct BroadcastAnswer {
    broadcast: Campaign,
}

#[derive(Deserialize)]
struct TriggersAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
struct TriggeredAnswer {
    #[serde(deserialize_with = "lenient::integer")]
    id: i64,
}

impl Api {
    /// Every campaign: `GET /v1/campaigns`. Not paged.
    pub async fn campaigns(&self, scope: &CallScope) -> Result<Vec<Campaign>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list campaigns", &["v1", "campaigns"])?;
        Ok(self.send(scope, &request).await?.json::<CampaignsAnswer>()?.campaigns)
    }

    /// Every broadcast: `GET /v1/broadcasts`. Not paged.
    pub async fn broadcasts(&self, scope: &CallScope) -> Result<Vec<Campaign>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list broadcasts", &["v1", "broadcasts"])?;
        Ok(self.send(scope, &request).await?.json::<BroadcastsAnswer>()?.broadcasts)
    }

    /// One broadcast: `GET /v1/broadcasts/{id}`.
    pub async fn broadcast(&self, scope: &CallScope, id: i64) -> Result<Campaign, UpstreamError> {
        let segments = ["v1", "broadcasts", &id.to_string()];
        let request = Request::reading(Surface::App, Method::Get, "get a broadcast", &segments)?;
        Ok(self.send(scope, &request).await?.json::<BroadcastAnswer>()?.broadcast)
    }

    /// Triggers a broadcast and answers the trigger's id: `POST /v1/campaigns/{id}/triggers`. The path says campaigns.
    pub async fn trigger_broadcast(
        &self,
        permit: &Permit,
        scope: &CallScope,
        id: i64,
        body: &Map<String, Value>,
    ) -> Result<i64, UpstreamError> {
        let segments = ["v1", "campaigns", &id.to_string(), "triggers"];
        let operation = "trigger a broadcast";
        let request = Request::changing(permit, Surface::App, Method::Post, operation, &segments, Retry::Ledger)?
            .json(body)?
            .limited_by(Limit::Broadcast);
        Ok(self.send(scope, &request).await?.json::<TriggeredAnswer>()?.id)
    }

    /// Every time a broadcast was triggered: `GET /v1/broadcasts/{id}/triggers`. Not paged.
    pub async fn triggers(&self, scope: &CallScope, id: i64) -> Result<Vec<Trigger>, UpstreamError> {
        let segments = ["v1", "broadcasts", &id.to_string(), "triggers"];
        let request = Request::reading(Surface::App, Method::Get, "list triggers", &segments)?;
        Ok(self.send(scope, &request).await?.json::<TriggersAnswer>()?.triggers)
    }

    /// What became of one trigger: `GET /v1/campaigns/{id}/triggers/{trigger_id}`.
    pub async fn trigger(&self, scope: &CallScope, id: i64, trigger_id: i64) -> Result<Trigger, UpstreamError> {
        let segments = ["v1", "campaigns", &id.to_string(), "triggers", &trigger_id.to_string()];
        let request = Request::reading(Surface::App, Method::Get, "get a trigger", &segments)?;
        self.send(scope, &request).await?.json()
    }
}
