//! People: written over Track v1, read over the App API (behaviour.md sections 3, 5 and 6).
//!
//! Track answers `200 {}` to nearly everything: "accepted", never "applied". What became of a write is seen only by
//! reading the person back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Api, CallScope, Page, Permit, Retry, UpstreamError, UpstreamErrorKind,
    activities::{ActivitiesAnswer, Activity, ActivityQuery},
    deliveries::{DeliveriesAnswer, Delivery, PageQuery},
    lenient,
    request::{Method, Request, Surface},
};

/// Most people that one look-up by id may name.
pub const PEOPLE_BY_ID_CAP: usize = 100;

/// Which kind of identifier a value is, as the vendor's `id_type` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdType {
    /// The workspace's own id of the person.
    Id,
    /// The e-mail address.
    Email,
    /// Customer.io's immutable id.
    CioId,
}

impl IdType {
    /// The name in queries: `id`, `email` or `cio_id`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::CioId => "cio_id",
        }
    }
}

/// One person, named by one identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PersonPath {
    /// The workspace's own id. Track takes one with the shape of an e-mail address for an e-mail address.
    Id(String),
    /// The e-mail address.
    Email(String),
    /// Customer.io's id, with or without its `cio_` prefix.
    CioId(String),
}

impl PersonPath {
    /// The kind of identifier.
    pub const fn id_type(&self) -> IdType {
        match self {
            Self::Id(_) => IdType::Id,
            Self::Email(_) => IdType::Email,
            Self::CioId(_) => IdType::CioId,
        }
    }

    /// The identifier as a path segment, not yet encoded: `cio_` ids always carry the prefix there.
    pub fn segment(&self) -> String {
        match self {
            Self::Id(value) | Self::Email(value) => value.clone(),
            Self::CioId(value) => format!("cio_{}", value.strip_prefix("cio_").unwrap_or(value)),
        }
    }

    /// Track guesses the kind from the shape, so a value of the wrong shape would name somebody else.
    pub(super) fn track_segment(&self) -> Result<String, UpstreamError> {
        let mistaken = match self {
            Self::Id(id) if id.starts_with("cio_") => Some("an id that begins with \"cio_\" for a cio_id"),
            Self::Email(email) if !email.contains('@') => Some("an e-mail address without \"@\" for an id"),
            _ => None,
        };
        match mistaken {
            None => Ok(self.segment()),
            Some(what) => Err(UpstreamError::refused_here(
                self.id_type().as_str(),
                format!("The Track API would take {what}. Nothing was sent."),
            )),
        }
    }
}

/// The identifiers of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PersonRef {
    /// Customer.io's immutable id, without the `cio_` prefix of paths.
    #[serde(default, deserialize_with = "lenient::text")]
    pub cio_id: String,
    /// The workspace's own id.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub id: Option<String>,
    /// The e-mail address.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub email: Option<String>,
}

/// A person as the App API shows them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Person {
    /// The identifiers.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub identifiers: PersonRef,
    /// The attributes. The vendor stores and sends every value as a string.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub attributes: Map<String, Value>,
    /// When each attribute was last set, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub timestamps: Map<String, Value>,
    /// Whether the person is unsubscribed from everything.
    #[serde(default, deserialize_with = "lenient::truth")]
    pub unsubscribed: bool,
    /// The devices.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub devices: Vec<Device>,
}

/// A device of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Device {
    /// The push token.
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: String,
    /// `ios` or `android`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub platform: Option<String>,
    /// When it was last seen, in Unix seconds.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub last_used: Option<i64>,
    /// Further facts, all strings.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub attributes: Map<String, Value>,
}

/// A segment a person belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSegment {
    /// The segment's id.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: i64,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Its description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: String,
}

#[derive(Deserialize)]
struct PersonAnswer {
    customer: Person,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ListedPerson {
    Wrapped { customer: Person },
    Bare(Person),
}

#[derive(Deserialize)]
struct PeopleAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    customers: Vec<ListedPerson>,
}

#[derive(Deserialize)]
struct EmailAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    results: Vec<PersonRef>,
}

#[derive(Deserialize)]
struct SegmentsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    segments: Vec<PersonSegment>,
}

/// A page of identifiers: a search's, or a segment's members.
#[derive(Deserialize)]
pub(super) struct RefsAnswer {
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    identifiers: Vec<PersonRef>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    next: Option<String>,
}

impl From<RefsAnswer> for Page<PersonRef> {
    fn from(answer: RefsAnswer) -> Self {
        Self { items: answer.identifiers, next: answer.next }
    }
}

/// Writes, over Track v1.
impl Api {
    /// Creates or updates a person: `PUT /api/v1/customers/{identifier}`.
    ///
    /// Which person is written when path and body name different ones is told in behaviour.md section 3.
    /// <https://docs.customer.io/integrations/api/track/tag/track-customers/identify/>
    pub async fn identify(
        &self,
        permit: &Permit,
        scope: &CallScope,
        path: &PersonPath,
        body: &Map<String, Value>,
    ) -> Result<(), UpstreamError> {
        let request = changing(permit, Method::Put, "identify a person", path, None)?.json(body)?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// Deletes a person, who can come back: `DELETE /api/v1/customers/{identifier}`. Unknown people answer 200 too.
    pub async fn delete(&self, permit: &Permit, scope: &CallScope, path: &PersonPath) -> Result<(), UpstreamError> {
        let request = changing(permit, Method::Delete, "delete a person", path, None)?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// Deletes a person and blocks their identifiers: `POST /api/v1/customers/{identifier}/suppress`.
    pub async fn suppress(&self, permit: &Permit, scope: &CallScope, path: &PersonPath) -> Result<(), UpstreamError> {
        let request = changing(permit, Method::Post, "suppress a person", path, Some("suppress"))?;
        self.send(scope, &request).await?.acknowledged()
    }

    /// Releases suppressed identifiers, without the data: `POST /api/v1/customers/{identifier}/unsuppress`.
    pub async fn unsuppress(&self, permit: &Permit, scope: &CallScope, path: &PersonPath) -> Result<(), UpstreamError> {
        let request = changing(permit, Method::Post, "unsuppress a person", path, Some("unsuppress"))?;
        self.send(scope, &request).await?.acknowledged()
    }
}

/// Merges, over Track v1.
impl Api {
    /// Copies what `stays` lacks from `goes`, who is deleted: `POST /api/v1/merge_customers`. Cannot be undone.
    ///
    /// What is copied is told in behaviour.md section 3. If `stays` does not exist, nothing happens, with 200.
    /// <https://docs.customer.io/integrations/api/track/tag/track-customers/merge/>
    pub async fn merge_people(
        &self,
        permit: &Permit,
        scope: &CallScope,
        stays: &PersonPath,
        goes: &PersonPath,
    ) -> Result<(), UpstreamError> {
        let operation = "merge two people";
        let segments = ["api", "v1", "merge_customers"];
        let request = Request::changing(permit, Surface::Track, Method::Post, operation, &segments, Retry::Ledger)?
            .json(&json!({ "primary": one_identifier(stays), "secondary": one_identifier(goes) }))?;
        self.send(scope, &request).await?.acknowledged()
    }
}

/// A person as bodies name them: the kind is a key, and a `cio_id` goes without the prefix of paths.
fn one_identifier(path: &PersonPath) -> Value {
    let value = match path {
        PersonPath::Id(value) | PersonPath::Email(value) => value.as_str(),
        PersonPath::CioId(value) => value.strip_prefix("cio_").unwrap_or(value),
    };
    json!({ path.id_type().as_str(): value })
}

/// Reads, over the App API.
impl Api {
    /// One person, or `None` when nobody has the identifier: `GET /v1/customers/{id}/attributes`.
    ///
    /// An identifier of the wrong `id_type` reads as unknown. A kind not enabled in the workspace is an error.
    pub async fn person(&self, scope: &CallScope, path: &PersonPath) -> Result<Option<Person>, UpstreamError> {
        let request = reading("look up a person", path, "attributes")?;
        match self.send(scope, &request).await {
            Ok(answer) => Ok(Some(answer.json::<PersonAnswer>()?.customer)),
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everyone with the address, in any case of letters: `GET /v1/customers?email=`.
    pub async fn people_by_email(&self, scope: &CallScope, email: &str) -> Result<Vec<PersonRef>, UpstreamError> {
        let segments = ["v1", "customers"];
        let request = Request::reading(Surface::App, Method::Get, "find people by e-mail", &segments)?
            .query("email", Some(email))
            .private(email);
        Ok(self.send(scope, &request).await?.json::<EmailAnswer>()?.results)
    }

    /// Those of at most 100 people that exist: `POST /v1/customers/attributes`.
    pub async fn people_by_id(
        &self,
        scope: &CallScope,
        ids: &[String],
        id_type: IdType,
    ) -> Result<Vec<Person>, UpstreamError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if ids.len() > PEOPLE_BY_ID_CAP {
            return Err(UpstreamError::refused_here("ids", "At most 100 people can be looked up at once."));
        }
        let segments = ["v1", "customers", "attributes"];
        let request = Request::reading(Surface::App, Method::Post, "look up people", &segments)?
            .query("id_type", Some(id_type.as_str()))
            .json(&json!({ "ids": listed(ids, id_type) }))?;
        let answer: PeopleAnswer = self.send(scope, &request).await?.json()?;
        let people = answer.customers.into_iter().map(|listed| match listed {
            ListedPerson::Wrapped { customer } | ListedPerson::Bare(customer) => customer,
        });
        Ok(people.collect())
    }

    /// People who match a filter (behaviour.md section 5): `POST /v1/customers`. At most 1,000 a page.
    pub async fn search_people(
        &self,
        scope: &CallScope,
        filter: Value,
        start: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<PersonRef>, UpstreamError> {
        let request = Request::reading(Surface::App, Method::Post, "search people", &["v1", "customers"])?
            .query("start", start)
            .query_number("limit", limit.map(i64::from))
            .json(&json!({ "filter": filter }))?;
        Ok(self.send(scope, &request).await?.json::<RefsAnswer>()?.into())
    }

    /// The segments a person belongs to: `GET /v1/customers/{id}/segments`.
    pub async fn person_segments(
        &self,
        scope: &CallScope,
        path: &PersonPath,
    ) -> Result<Vec<PersonSegment>, UpstreamError> {
        let request = reading("list a person's segments", path, "segments")?;
        Ok(self.send(scope, &request).await?.json::<SegmentsAnswer>()?.segments)
    }

    /// A person's activity log, newest first, 30 days: `GET /v1/customers/{id}/activities`.
    pub async fn person_activities(
        &self,
        scope: &CallScope,
        path: &PersonPath,
        query: &ActivityQuery,
    ) -> Result<Page<Activity>, UpstreamError> {
        let request = query.apply(reading("list a person's activities", path, "activities")?);
        Ok(self.send(scope, &request).await?.json::<ActivitiesAnswer>()?.into())
    }

    /// The deliveries to a person: `GET /v1/customers/{id}/messages`.
    pub async fn person_messages(
        &self,
        scope: &CallScope,
        path: &PersonPath,
        query: &PageQuery,
    ) -> Result<Page<Delivery>, UpstreamError> {
        let request = query.apply(reading("list a person's deliveries", path, "messages")?);
        Ok(self.send(scope, &request).await?.json::<DeliveriesAnswer>()?.into())
    }
}

/// Identifiers as a JSON list carries them: without the `cio_` prefix, since `id_type` says what they are.
pub(super) fn listed(ids: &[String], id_type: IdType) -> Vec<&str> {
    let bare = |id: &str| id_type == IdType::CioId && id.starts_with("cio_");
    ids.iter().map(|id| if bare(id) { &id["cio_".len()..] } else { id.as_str() }).collect()
}

fn changing(
    permit: &Permit,
    method: Method,
    operation: &'static str,
    path: &PersonPath,
    action: Option<&str>,
) -> Result<Request, UpstreamError> {
    let person = path.track_segment()?;
    let segments: Vec<&str> = ["api", "v1", "customers", &person].into_iter().chain(action).collect();
    Ok(Request::changing(permit, Surface::Track, method, operation, &segments, Retry::Natural)?.private(person))
}

fn reading(operation: &'static str, path: &PersonPath, what: &str) -> Result<Request, UpstreamError> {
    let person = path.segment();
    let segments = ["v1", "customers", &person, what];
    Ok(Request::reading(Surface::App, Method::Get, operation, &segments)?
        .query("id_type", Some(path.id_type().as_str()))
        .private(person))
}
