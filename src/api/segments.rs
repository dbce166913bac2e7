//! Segments: read, made and deleted over the App API, filled over Track (behaviour.md section 5).

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Api, CallScope, Fate, Page, Permit, Retry, UpstreamError, UpstreamErrorKind, lenient,
    people::{IdType, PersonRef, RefsAnswer, listed},
    request::{Method, Request, Surface},
};

/// Most people one membership change may name.
pub const MEMBERSHIP_CHANGE_CAP: usize = 1_000;

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// The id and the time of the last change, `id:timestamp`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub deduplicate_id: Option<String>,
    /// The name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// The description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: String,
    /// `manual`, or `dynamic` for one whose members follow from conditions.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// `finished`, or the stage of its calculation.
    #[serde(default, deserialize_with = "lenient::text")]
    pub state: String,
    /// How far its calculation is, in per cent.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub progress: Option<i64>,
    /// The tags.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub tags: Vec<String>,
    /// When it was made, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub created_at: Option<i64>,
    /// When it was last changed, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub updated_at: Option<i64>,
}

impl Segment {
    /// Whether the API may change its members and delete it.
    pub fn is_manual(&self) -> bool {
        self.kind == "manual"
    }
}

/// What uses a segment, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SegmentUse {
    /// Campaigns.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub campaigns: Vec<i64>,
    /// Newsletters that were sent.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub sent_newsletters: Vec<i64>,
    /// Newsletters that were not.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub draft_newsletters: Vec<i64>,
}

#[derive(Deserialize)]
struct SegmentsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct SegmentAnswer {
    segment: Segment,
}

#[derive(Deserialize)]
struct UseAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    used_by: SegmentUse,
}

#[derive(Deserialize)]
struct CountAnswer {
    #[serde(deserialize_with = "lenient::integer")]
    count: i64,
}

impl Api {
    /// Every segment that is not archived: `GET /v1/segments`. Not paged.
    pub async fn list_segments(&self, scope: &CallScope) -> Result<Vec<Segment>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Get, "list segments", &["v1", "segments"])?;
        Ok(self.send(scope, &request).await?.json::<SegmentsAnswer>()?.segments)
    }

    /// One segment: `GET /v1/segments/{id}`.
    pub async fn segment(&self, scope: &CallScope, id: i64) -> Result<Segment, UpstreamError> {
        let request = reading("get a segment", id, None)?;
        Ok(self.send(scope, &request).await?.json::<SegmentAnswer>()?.segment)
    }

    /// Makes an empty manual segment: `POST /v1/segments`. Repeating it makes another of the same name.
    pub async fn create_segment(
        &self,
        permit: &Permit,
        scope: &CallScope,
        name: &str,
        description: Option<&str>,
    ) -> Result<Segment, UpstreamError> {
        let operation = "create a segment";
        let segments = ["v1", "segments"];
        let request = Request::changing(permit, Surface::App, Method::Post, operation, &segments, Retry::Ledger)?
            .json(&json!({ "segment": { "name": name, "description": description.unwrap_or_default() } }))?;
        Ok(self.send(scope, &request).await?.json::<SegmentAnswer>()?.segment)
    }

    /// Deletes a manual segment: `DELETE /v1/segments/{id}`. A repeat that finds nothing left has done its work.
    pub async fn delete_segment(&self, permit: &Permit, scope: &CallScope, id: i64) -> Result<(), UpstreamError> {
        let segments = ["v1", "segments", &id.to_string()];
        let request =
            Request::changing(permit, Surface::App, Method::Delete, "delete a segment", &segments, Retry::Natural)?;
        match self.send(scope, &request).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound && error.fate == Fate::Unknown => Ok(()),
            answer => answer?.acknowledged(),
        }
    }

    /// What uses a segment: `GET /v1/segments/{id}/used_by`.
    pub async fn segment_used_by(&self, scope: &CallScope, id: i64) -> Result<SegmentUse, UpstreamError> {
        let request = reading("see what uses a segment", id, Some("used_by"))?;
        Ok(self.send(scope, &request).await?.json::<UseAnswer>()?.used_by)
    }

    /// How many people a segment has: `GET /v1/segments/{id}/customer_count`.
    pub async fn segment_count(&self, scope: &CallScope, id: i64) -> Result<i64, UpstreamError> {
        let request = reading("count a segment's people", id, Some("customer_count"))?;
        Ok(self.send(scope, &request).await?.json::<CountAnswer>()?.count)
    }

    /// The people of a segment: `GET /v1/segments/{id}/membership`. 1,000 a page unless asked, at most 30,000.
    pub async fn segment_members(
        &self,
        scope: &CallScope,
        id: i64,
        start: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<PersonRef>, UpstreamError> {
        let request = reading("list a segment's people", id, Some("membership"))?
            .query("start", start)
            .query_number("limit", limit.map(i64::from));
        Ok(self.send(scope, &request).await?.json::<RefsAnswer>()?.into())
    }

    /// Adds 1 to 1,000 people to a manual segment: `POST /api/v1/segments/{id}/add_customers`.
    pub async fn add_people(
        &self,
        permit: &Permit,
        scope: &CallScope,
        segment_id: i64,
        ids: &[String],
        id_type: IdType,
    ) -> Result<(), UpstreamError> {
        let operation = "add people to a segment";
        self.change_members(permit, scope, operation, "add_customers", segment_id, ids, id_type).await
    }

    /// Removes 1 to 1,000 people from a manual segment: `POST /api/v1/segments/{id}/remove_customers`.
    pub async fn remove_people(
        &self,
        permit: &Permit,
        scope: &CallScope,
        segment_id: i64,
        ids: &[String],
        id_type: IdType,
    ) -> Result<(), UpstreamError> {
        let operation = "remove people from a segment";
        self.change_members(permit, scope, operation, "remove_customers", segment_id, ids, id_type).await
    }

    #[expect(clippy::too_many_arguments, reason = "the two callers above differ in two of them")]
    async fn change_members(
        &self,
        permit: &Permit,
        scope: &CallScope,
        operation: &'static str,
        action: &str,
        segment_id: i64,
        ids: &[String],
        id_type: IdType,
    ) -> Result<(), UpstreamError> {
        if ids.is_empty() || ids.len() > MEMBERSHIP_CHANGE_CAP {
            let message = "A membership change names 1 to 1,000 people. Nothing was sent.";
            return Err(UpstreamError::refused_here("ids", message));
        }
        let segments = ["api", "v1", "segments", &segment_id.to_string(), action];
        let request = Request::changing(permit, Surface::Track, Method::Post, operation, &segments, Retry::Natural)?
            .query("id_type", Some(id_type.as_str()))
            .json(&json!({ "ids": listed(ids, id_type) }))?;
        self.send(scope, &request).await?.acknowledged()
    }
}

fn reading(operation: &'static str, id: i64, what: Option<&str>) -> Result<Request, UpstreamError> {
    let id = id.to_string();
    let segments: Vec<&str> = ["v1", "segments", &id].into_iter().chain(what).collect();
    Request::reading(Surface::App, Method::Get, operation, &segments)
}
