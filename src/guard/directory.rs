//! How the guards look people up. The tools implement it over the API; the guards know nothing of HTTP.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::identifier::{CustomerRef, IdType, Identifiers};
use crate::error::ToolError;

/// A person as Customer.io knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// Customer.io's id: never changes.
    pub cio_id: String,
    /// The workspace's own id.
    pub id: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

impl KnownPerson {
    /// Every identifier of the person.
    pub fn refs(&self) -> Vec<CustomerRef> {
        let with = |id_type, value: &String| CustomerRef { id_type, value: value.clone() };
        let mut refs = vec![with(IdType::CioId, &self.cio_id)];
        refs.extend(self.id.iter().map(|id| with(IdType::Id, id)));
        refs.extend(self.email.iter().map(|email| with(IdType::Email, email)));
        refs
    }

    /// The person's identifiers by their kinds.
    pub fn identifiers(&self) -> Identifiers {
        Identifiers { id: self.id.clone(), email: self.email.clone(), cio_id: Some(self.cio_id.clone()) }
    }

    /// Whether the e-mail address is this one, without case.
    pub fn has_email(&self, email: &str) -> bool {
        self.email.as_deref().is_some_and(|own| own.to_lowercase() == email.to_lowercase())
    }
}

/// People who match something, counted up to a bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many were counted.
    pub people: u64,
    /// There are more.
    pub more: bool,
    /// The `cio_id`s of those counted.
    pub cio_ids: Vec<String>,
}

/// Something that can be sent to recipients set in Customer.io.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sendable {
    /// Its name.
    pub name: String,
    /// The segments that the filter of its recipients names, whether for or against; how, cannot be read.
    pub segment_ids: Vec<u64>,
    /// What it says, in every variant, where that can be read: a plan is bound to it.
    pub content: Option<String>,
}

/// Look-ups in the workspace.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Whether people can be looked up at all (the App API has a key).
    fn can_look_up(&self) -> bool;

    /// The people with any of these ids. At most 100 ids; order is not kept.
    async fn people_by_id(&self, ids: Vec<String>) -> Result<Vec<KnownPerson>, ToolError> {
        self.people_by(IdType::Id, ids).await
    }

    /// The people with any of these identifiers of one kind. At most 100; order is not kept. Whether Customer.io shows
    /// more than one person who share an address is not documented.
    async fn people_by(&self, id_type: IdType, values: Vec<String>) -> Result<Vec<KnownPerson>, ToolError>;

    /// The people with this e-mail address: more than one where the workspace allows it.
    async fn people_by_email(&self, email: String) -> Result<Vec<KnownPerson>, ToolError>;

    /// The person with this `cio_id`.
    async fn person_by_cio_id(&self, cio_id: String) -> Result<Option<KnownPerson>, ToolError>;

    /// People who carry our test tag, up to 1,000.
    async fn tagged_test_people(&self) -> Result<Vec<KnownPerson>, ToolError>;

    /// How many people are in a segment; `None` if there is no such segment.
    async fn segment_size(&self, segment_id: u64) -> Result<Option<u64>, ToolError>;

    /// The `cio_id`s of a segment's members, up to 1,000.
    async fn segment_members(&self, segment_id: u64) -> Result<Vec<String>, ToolError>;

    /// The people who match a filter of Customer.io's, counted up to `most`.
    async fn people_matching(&self, filter: Value, most: u64) -> Result<Counted, ToolError>;

    /// A newsletter that may be sent; `None` if there is none. One that was sent, or will be, is refused.
    async fn newsletter(&self, newsletter_id: u64) -> Result<Option<Sendable>, ToolError>;

    /// A broadcast that may be triggered; `None` if there is none. One that does not run is refused.
    async fn broadcast(&self, broadcast_id: u64) -> Result<Option<Sendable>, ToolError>;
}
