//! What keeps messages from a person besides their own subscription, and what they belong to (behaviour.md sections 3
//! and 10).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Api, CallScope, Page, UpstreamError, lenient,
    people::PersonPath,
    request::{Method, Request, Surface},
};

/// An address that the e-mail provider sends nothing to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// When it was put on the list, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created: Option<i64>,
    /// Why, in the provider's words.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub reason: Option<String>,
}

/// What the provider's lists hold of one address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressions {
    /// The first list it is on: `bounces`, `blocks`, `spam` or `invalid`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub category: Option<String>,
    /// Its entries.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub suppressions: Vec<Suppression>,
}

/// A number or address that a person wants no texts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Optout {
    /// `sms` or `whatsapp`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub channel: String,
    /// The sender.
    #[serde(default, deserialize_with = "lenient::text")]
    pub from: String,
}

#[derive(Deserialize)]
struct OptoutsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    optouts: Vec<Optout>,
}

/// An object that a person is related to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relationship {
    /// The kind of object, a number as text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub object_type_id: String,
    /// `object_id` and `cio_object_id`.
    #[serde(default)]
    pub identifiers: Value,
    /// What is known of the relation.
    #[serde(default, alias = "attributes")]
    pub relationship_attributes: Value,
}

#[derive(Deserialize)]
struct RelationshipsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    cio_relationships: Vec<Relationship>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

impl Api {
    /// Whether the e-mail provider refuses an address, and why: `GET /v1/esp/search_suppression/{email}`.
    pub async fn suppressions_of(&self, scope: &CallScope, email: &str) -> Result<Suppressions, UpstreamError> {
        let segments = ["v1", "esp", "search_suppression", email];
        let request =
            Request::reading(Surface::App, Method::Get, "look for an address on suppression lists", &segments)?
                .private(email);
        self.send(scope, &request).await?.json()
    }

    /// Whose texts a person has opted out of: `GET /v1/customers/{id}/optouts`.
    pub async fn optouts(&self, scope: &CallScope, path: &PersonPath) -> Result<Vec<Optout>, UpstreamError> {
        let request = of_person("list a person's opt-outs", path, "optouts")?;
        Ok(self.send(scope, &request).await?.json::<OptoutsAnswer>()?.optouts)
    }

    /// The objects a person is related to: `GET /v1/customers/{id}/relationships`.
    pub async fn relationships(
        &self,
        scope: &CallScope,
        path: &PersonPath,
        start: Option<&str>,
    ) -> Result<Page<Relationship>, UpstreamError> {
        let request = of_person("list a person's relationships", path, "relationships")?.query("start", start);
        let answer = self.send(scope, &request).await?.json::<RelationshipsAnswer>()?;
        Ok(Page { items: answer.cio_relationships, next: answer.next })
    }
}

fn of_person(operation: &'static str, path: &PersonPath, what: &str) -> Result<Request, UpstreamError> {
    let person = path.segment();
    let segments = ["v1", "customers", &person, what];
    Ok(Request::reading(Surface::App, Method::Get, operation, &segments)?
        .query("id_type", Some(path.id_type().as_str()))
        .private(person))
}
