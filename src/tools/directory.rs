//! The guards' look-ups, over the App API.

use async_trait::async_trait;
use serde_json::json;

use crate::{
    api::{
        Api, CallScope, UpstreamErrorKind,
        people::{IdType, Person, PersonPath, PersonRef},
    },
    error::ToolError,
    guard::{
        directory::{Directory, KnownPerson},
        identity::identifier::{self, CustomerRef},
        test_profiles::TAG,
    },
};

/// Look-ups within the bounds of one call.
pub(crate) struct WorkspaceDirectory<'a> {
    pub(crate) api: &'a Api,
    pub(crate) scope: &'a CallScope,
}

#[async_trait]
impl Directory for WorkspaceDirectory<'_> {
    fn can_look_up(&self) -> bool {
        self.api.has_app()
    }

    async fn people_by(&self, id_type: identifier::IdType, values: Vec<String>) -> Result<Vec<KnownPerson>, ToolError> {
        let id_type = match id_type {
            identifier::IdType::Id => IdType::Id,
            identifier::IdType::Email => IdType::Email,
            identifier::IdType::CioId => IdType::CioId,
        };
        let people = self.api.people_by_id(self.scope, &values, id_type).await?;
        Ok(people.into_iter().map(|person| known(person.identifiers)).collect())
    }

    async fn people_by_email(&self, email: String) -> Result<Vec<KnownPerson>, ToolError> {
        Ok(self.api.people_by_email(self.scope, &email).await?.into_iter().map(known).collect())
    }

    async fn person_by_cio_id(&self, cio_id: String) -> Result<Option<KnownPerson>, ToolError> {
        let person = self.api.person(self.scope, &PersonPath::CioId(cio_id)).await?;
        Ok(person.map(|person| known(person.identifiers)))
    }

    async fn tagged_test_people(&self) -> Result<Vec<KnownPerson>, ToolError> {
        let filter = json!({ "attribute": { "field": TAG, "operator": "exists" } });
        let page = self.api.search_people(self.scope, filter, None, Some(1_000)).await?;
        Ok(page.items.into_iter().map(known).collect())
    }

    async fn segment_size(&self, segment_id: u64) -> Result<Option<u64>, ToolError> {
        match self.api.segment_count(self.scope, i64::try_from(segment_id).unwrap_or(i64::MAX)).await {
            Ok(count) => Ok(Some(u64::try_from(count).unwrap_or(0))),
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A person of the API as the guards know people.
pub(crate) fn known(person: PersonRef) -> KnownPerson {
    let given = |value: Option<String>| value.filter(|value| !value.is_empty());
    KnownPerson { cio_id: person.cio_id, id: given(person.id), email: given(person.email) }
}

/// How Customer.io is asked for a person.
pub(crate) fn path(reference: &CustomerRef) -> PersonPath {
    let value = reference.value.clone();
    match reference.id_type {
        identifier::IdType::Id => PersonPath::Id(value),
        identifier::IdType::Email => PersonPath::Email(value),
        identifier::IdType::CioId => PersonPath::CioId(value),
    }
}

/// Whether a person carries our test tag.
pub(crate) fn is_tagged(person: &Person) -> bool {
    person.attributes.get(TAG).is_some_and(|tag| !matches!(tag.as_str(), Some("" | "false")) && !tag.is_null())
}
