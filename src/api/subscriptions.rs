//! What people may subscribe to, and what one of them has chosen (behaviour.md section 10).

use serde::{Deserialize, Serialize};

use super::{
    Api, CallScope, UpstreamError, UpstreamErrorKind, lenient,
    people::PersonPath,
    request::{Method, Request, Surface},
};

/// A subject that people subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The key in a person's preferences, `topic_<id>`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub identifier: String,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Whether people who have not chosen are subscribed.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub subscribed_by_default: bool,
    /// Whether the person asked about is subscribed; only in their preferences.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub subscribed: bool,
}

/// A channel that people subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionChannel {
    /// The key in a person's preferences, such as `email` or `twilio`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Whether the person asked about is subscribed; only in their preferences.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub subscribed: bool,
}

/// What one person has chosen, with the defaults where they have not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preferences {
    /// Unsubscribed from everything.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub unsubscribed: bool,
    /// Topics.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub topics: Vec<Topic>,
    /// Channels.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub channels: Vec<SubscriptionChannel>,
}

#[derive(Deserialize)]
struct PreferencesAnswer {
    customer: Preferences,
}

#[derive(Deserialize)]
struct TopicsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
struct ChannelsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    channels: Vec<SubscriptionChannel>,
}

impl Api {
    /// Every topic: `GET /v1/subscription_topics`. Not paged; empty without a subscription center.
    pub async fn subscription_topics(&self, scope: &CallScope) -> Result<Vec<Topic>, UpstreamError> {
        let request =
            Request::reading(Surface::App, Method::Get, "list subscription topics", &["v1", "subscription_topics"])?;
        Ok(self.send(scope, &request).await?.json::<TopicsAnswer>()?.topics)
    }

    /// Every channel people may choose: `GET /v1/subscription_channels`. Not paged.
    pub async fn subscription_channels(&self, scope: &CallScope) -> Result<Vec<SubscriptionChannel>, UpstreamError> {
        let segments = ["v1", "subscription_channels"];
        let request = Request::reading(Surface::App, Method::Get, "list subscription channels", &segments)?;
        Ok(self.send(scope, &request).await?.json::<ChannelsAnswer>()?.channels)
    }

    /// What a person has chosen, or `None` when nobody has the identifier:
    /// `GET /v1/customers/{id}/subscription_preferences`.
    pub async fn preferences(
        &self,
        scope: &CallScope,
        path: &PersonPath,
    ) -> Result<Option<Preferences>, UpstreamError> {
        let person = path.segment();
        let segments = ["v1", "customers", &person, "subscription_preferences"];
        let request = Request::reading(Surface::App, Method::Get, "get a person's subscriptions", &segments)?
            .query("id_type", Some(path.id_type().as_str()))
            .private(person);
        match self.send(scope, &request).await {
            Ok(answer) => Ok(Some(answer.json::<PreferencesAnswer>()?.customer)),
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
