//! The guards' look-ups, over the App API.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    api::{
        Api, CallScope, UpstreamErrorKind,
        broadcasts::Campaign,
        newsletters::Newsletter,
        people::{IdType, Person, PersonPath, PersonRef},
    },
    error::{ErrorCode, ToolError},
    guard::{
        directory::{Counted, Directory, KnownPerson, Sendable},
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
        match self.api.segment_count(self.scope, api_id(segment_id)).await {
            Ok(count) => Ok(Some(u64::try_from(count).unwrap_or(0))),
            Err(error) if error.kind == UpstreamErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn segment_members(&self, segment_id: u64) -> Result<Vec<String>, ToolError> {
        let page = self.api.segment_members(self.scope, api_id(segment_id), None, Some(PAGE_ROWS)).await?;
        Ok(page.items.into_iter().map(|person| person.cio_id).collect())
    }

    async fn people_matching(&self, filter: Value, most: u64) -> Result<Counted, ToolError> {
        let mut counted = Counted::default();
        let mut start: Option<String> = None;
        loop {
            let page = self.api.search_people(self.scope, filter.clone(), start.as_deref(), Some(PAGE_ROWS)).await?;
            let is_empty = page.items.is_empty();
            counted.cio_ids.extend(page.items.into_iter().map(|person| person.cio_id));
            counted.people = counted.cio_ids.len() as u64;
            start = page.next.filter(|next| !next.is_empty() && !is_empty);
            if start.is_none() || counted.people >= most {
                counted.more = start.is_some() || counted.people > most;
                counted.cio_ids.truncate(usize::try_from(most).unwrap_or(usize::MAX));
                counted.people = counted.people.min(most);
                return Ok(counted);
            }
        }
    }

    async fn newsletter(&self, newsletter_id: u64) -> Result<Option<Sendable>, ToolError> {
        let newsletter = match self.api.newsletter(self.scope, api_id(newsletter_id)).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound => return Ok(None),
            newsletter => newsletter?,
        };
        refuse_gone_out(&newsletter)?;
        let segment_ids = newsletter.recipient_segment_ids.iter().filter_map(|id| u64::try_from(*id).ok()).collect();
        let content = self.newsletter_words(&newsletter).await?;
        Ok(Some(Sendable { name: newsletter.name, segment_ids, content }))
    }

    async fn broadcast(&self, broadcast_id: u64) -> Result<Option<Sendable>, ToolError> {
        let broadcast = match self.api.broadcast(self.scope, api_id(broadcast_id)).await {
            Err(error) if error.kind == UpstreamErrorKind::NotFound => return Ok(None),
            broadcast => broadcast?,
        };
        refuse_stopped(&broadcast)?;
        Ok(Some(Sendable { name: broadcast.name, segment_ids: Vec::new(), content: None }))
    }
}

impl WorkspaceDirectory<'_> {
    /// What a newsletter says, as far as it is read; what is not is told by when it was changed.
    async fn newsletter_words(&self, newsletter: &Newsletter) -> Result<Option<String>, ToolError> {
        let mut words = format!("{:?} {:?}", newsletter.updated, newsletter.content_ids);
        for content_id in newsletter.content_ids.iter().take(MOST_CONTENTS) {
            match self.api.newsletter_content(self.scope, newsletter.id, *content_id).await {
                Ok(content) => words.push_str(&Value::Object(content).to_string()),
                Err(error) if error.kind == UpstreamErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(words))
    }
}

/// The most contents of a newsletter that are read for its plan: a second of the workspace's requests.
const MOST_CONTENTS: usize = 10;
/// The most people of a page.
const PAGE_ROWS: u32 = 1_000;

fn api_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// A newsletter goes out once.
pub(crate) fn refuse_gone_out(newsletter: &Newsletter) -> Result<(), ToolError> {
    let id = newsletter.id;
    let (what, next) = if newsletter.is_sent() {
        ("was sent already, and goes out once", "create_newsletter makes another; get_metrics shows how this one did.")
    } else if newsletter.scheduled().is_some() {
        ("is scheduled already", "To send it at another time, call send_newsletter with `unschedule: true` first.")
    } else {
        return Ok(());
    };
    Err(ToolError::new(ErrorCode::Conflict, format!("Newsletter {id} {what}. Nothing was sent."))
        .at("newsletter_id")
        .with(json!({ "sent_at": newsletter.sent_at, "scheduled_at": newsletter.scheduled() }))
        .next(next))
}

/// A broadcast that was stopped, or never started, takes no trigger.
pub(crate) fn refuse_stopped(broadcast: &Campaign) -> Result<(), ToolError> {
    if broadcast.active {
        return Ok(());
    }
    Err(ToolError::new(ErrorCode::Conflict, format!("Broadcast {} is not running. Nothing was sent.", broadcast.id))
        .at("broadcast_id")
        .next("It is started in Customer.io; list_campaigns with `kind: \"broadcast\"` shows those that run."))
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
