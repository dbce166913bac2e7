//! How people stand in arguments and answers: the same words in every tool.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Untrusted, untrusted};
use crate::{
    api::people::Person,
    guard::{directory::KnownPerson, test_profiles::TAG},
};

/// A person's identifiers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Customer {
    /// Customer.io's id; never masked, never changes.
    pub cio_id: String,
    /// The workspace's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl From<KnownPerson> for Customer {
    fn from(person: KnownPerson) -> Self {
        Self { cio_id: person.cio_id, id: person.id, email: person.email }
    }
}

/// Attributes that say who a person is are shown as identifiers, and our own tags as flags.
const SHOWN_ELSEWHERE: &[&str] = &["id", "email", "cio_id"];

/// A person's attributes, marked as written by others.
pub(super) fn shown_attributes(person: &Person) -> Untrusted<Map<String, Value>> {
    let shown =
        |name: &String| !SHOWN_ELSEWHERE.contains(&name.as_str()) && !name.starts_with('_') && !name.starts_with(TAG);
    let attributes = person.attributes.iter().filter(|(name, _)| shown(name));
    untrusted(attributes.map(|(name, value)| (name.clone(), value.clone())).collect())
}
