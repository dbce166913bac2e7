//! The activity log, of a workspace or of one person (behaviour.md section 6). 30 days are kept for certain.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Api, CallScope, Page, UpstreamError, lenient,
    people::{PersonPath, PersonRef},
    request::{Method, Request, Surface},
};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// The entry's id.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: String,
    /// For instance `event`, `attribute_change`, `failed_attribute_change`, `sent_email`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// The event's name, where it is an event.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub name: Option<String>,
    /// When it happened, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub timestamp: Option<i64>,
    /// The person's id, if they have one.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub customer_id: Option<String>,
    /// The person's identifiers.
    #[serde(default)]
    pub customer_identifiers: Option<PersonRef>,
    /// The delivery it belongs to.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub delivery_id: Option<String>,
    /// The channel of that delivery.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub delivery_type: Option<String>,
    /// What else is known; its shape follows from the type, and customers write parts of it.
    #[serde(default)]
    pub data: Value,
}

/// Which activities to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActivityQuery {
    /// Only this type.
    pub kind: Option<String>,
    /// Only events of this name.
    pub name: Option<String>,
    /// At most 100; the vendor's default is 10.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub start: Option<String>,
}

impl ActivityQuery {
    pub(super) fn apply(&self, request: Request) -> Request {
        request
            .query("type", self.kind.as_deref())
            .query("name", self.name.as_deref())
            .query_number("limit", self.limit.map(i64::from))
            .query("start", self.start.as_deref())
    }
}

#[derive(Deserialize)]
pub(super) struct ActivitiesAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    activities: Vec<Activity>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

impl From<ActivitiesAnswer> for Page<Activity> {
    fn from(answer: ActivitiesAnswer) -> Self {
        Self { items: answer.activities, next: answer.next }
    }
}

impl Api {
    /// The workspace's log, newest first: `GET /v1/activities`.
    ///
    /// `person` narrows it, and unlike a person's own log finds those of deleted people with `deleted`.
    pub async fn activities(
        &self,
        scope: &CallScope,
        query: &ActivityQuery,
        person: Option<&PersonPath>,
        deleted: bool,
    ) -> Result<Page<Activity>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list activities", &["v1", "activities"])?;
        let mut request = query.apply(request).query("deleted", deleted.then_some("true"));
        if let Some(person) = person {
            let value = person.segment();
            request = request
                .query("customer_id", Some(&value))
                .query("id_type", Some(person.id_type().as_str()))
                .private(value);
        }
        Ok(self.send(scope, &request).await?.json::<ActivitiesAnswer>()?.into())
    }
}
