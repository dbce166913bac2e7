//! What a workspace holds at the start, read from TOML.

mod subscriptions;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    devices::Device,
    events::Event,
    filter::Filter,
    identifiers::Identifier,
    identify::Upsert,
    segments::{Members, Segment},
    snippets::Snippet,
    transactional::{Channel, Content, INLINE_ID, Transactional},
    world::World,
};

use subscriptions::{EspEntry, OptoutEntry};
pub(super) use subscriptions::{Sender, SubscriptionCenter, Topic};

const SHOP: &str = include_str!("fixtures/shop.toml");
const HOUR_SECONDS: i64 = 60 * 60;

/// The content of a workspace. Times are relative to the moment the sandbox starts, so a fixture does not age.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fixture {
    pub(super) workspace: Workspace,
    people: Vec<PersonEntry>,
    segments: Vec<SegmentEntry>,
    transactional: Vec<TransactionalEntry>,
    snippets: Vec<SnippetEntry>,
    pub(super) topics: Vec<Topic>,
    pub(super) senders: Vec<Sender>,
    pub(super) subscription_center: SubscriptionCenter,
    optouts: Vec<OptoutEntry>,
    esp_suppressions: Vec<EspEntry>,
    /// Identifiers that are suppressed from the start.
    suppressed: Vec<String>,
}

/// Why a fixture cannot be used; syntax and unknown keys are told with their line.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// Not TOML, or a key or value that has no place in a fixture.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// Well-formed, but it contradicts itself.
    #[error("{0}")]
    Content(String),
}

/// The workspace itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Workspace {
    pub(super) id: u64,
    pub(super) name: String,
    /// `us` or `eu`.
    pub(super) region: String,
    /// The workspace setting "Allow updates to email using ID".
    pub(super) update_email_with_id: bool,
}

impl Default for Workspace {
    fn default() -> Self {
        Self { id: 1, name: "Sandbox".to_owned(), region: "us".to_owned(), update_email_with_id: false }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    id: Option<String>,
    email: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    devices: Vec<Map<String, Value>>,
    #[serde(default)]
    events: Vec<EventEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventEntry {
    name: String,
    #[serde(default)]
    hours_ago: i64,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentEntry {
    id: u64,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
    /// Ids of the members of a manual segment.
    #[serde(default)]
    members: Vec<String>,
    /// Makes the segment data-driven.
    filter: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionalEntry {
    id: u64,
    name: String,
    #[serde(default)]
    description: String,
    /// The name itself unless given.
    trigger_name: Option<String>,
    channel: Channel,
    #[serde(default)]
    from: String,
    #[serde(default)]
    reply_to: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    preheader: String,
    body: String,
    #[serde(default = "yes")]
    send_to_unsubscribed: bool,
    #[serde(default)]
    queue_drafts: bool,
    #[serde(default)]
    hide_message_body: bool,
    #[serde(default)]
    translations: Vec<TranslationEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TranslationEntry {
    language: String,
    subject: String,
    body: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnippetEntry {
    name: String,
    value: String,
}

fn yes() -> bool {
    true
}

impl Fixture {
    /// The built-in small shop: a dozen people, segments of both kinds, a message of every channel.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "part of the program, and a test reads it")]
    #[must_use]
    pub fn shop() -> Self {
        Self::from_toml(SHOP).expect("the built-in fixture is valid")
    }

    /// A workspace with nobody and nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a fixture. Unknown keys are refused, and so are members, filters and ids that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, FixtureError> {
        let fixture: Self = toml::from_str(text)?;
        fixture.check().map_err(FixtureError::Content)?;
        Ok(fixture)
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.workspace.region.as_str(), "us" | "eu") {
            return Err(format!("workspace.region is '{}', it must be us or eu", self.workspace.region));
        }
        unique("segments: id", self.segments.iter().map(|segment| segment.id))?;
        unique("transactional: id", self.transactional.iter().map(|message| message.id))?;
        unique("snippets: name", self.snippets.iter().map(|snippet| &snippet.name))?;
        unique("people: id", self.people.iter().filter_map(|person| person.id.as_ref()))?;
        unique(
            "people: email",
            self.people.iter().filter_map(|person| person.email.as_ref()).map(|e| e.to_lowercase()),
        )?;
        for person in &self.people {
            person.check()?;
        }
        let ids: BTreeSet<_> = self.people.iter().filter_map(|person| person.id.as_ref()).collect();
        for segment in &self.segments {
            segment.check(&ids)?;
        }
        subscriptions::check(self, &ids)?;
        match self.transactional.iter().find(|message| message.id <= INLINE_ID) {
            Some(message) => Err(format!("transactional '{}': ids begin at {}", message.name, INLINE_ID + 1)),
            None => Ok(()),
        }
    }

    /// Puts the content into a new world, the way calls would.
    pub(super) fn fill(&self, world: &mut World) {
        for person in &self.people {
            person.fill(world);
        }
        for text in &self.suppressed {
            world.suppress(&Identifier::from_shape(text));
        }
        for segment in &self.segments {
            segment.fill(world);
        }
        for message in &self.transactional {
            message.fill(world);
        }
        subscriptions::fill(self, world);
        let updated_at = world.now();
        for snippet in &self.snippets {
            world.snippets.insert(snippet.name.clone(), Snippet { value: snippet.value.clone(), updated_at });
        }
    }
}

fn unique<T: Ord + std::fmt::Display>(what: &str, values: impl Iterator<Item = T>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for value in values {
        if seen.contains(&value) {
            return Err(format!("{what} '{value}' is used twice"));
        }
        seen.insert(value);
    }
    Ok(())
}

impl PersonEntry {
    fn named(&self) -> Option<Identifier> {
        self.id.clone().map(Identifier::Id).or_else(|| self.email.clone().map(Identifier::Email))
    }

    fn check(&self) -> Result<(), String> {
        let Some(named) = self.named() else { return Err("a person needs an id or an email".to_owned()) };
        super::attributes::check(&self.attributes).map_err(|error| format!("person '{}': {error}", named.value()))?;
        for device in &self.devices {
            Device::parse(device, "id", 0).map_err(|(_, error)| format!("person '{}': {error}", named.value()))?;
        }
        Ok(())
    }

    fn fill(&self, world: &mut World) {
        let Some(named) = self.named() else { return };
        let mut attributes = self.attributes.clone();
        if let Some(email) = &self.email {
            attributes.insert("email".to_owned(), json!(email));
        }
        world.upsert(&Upsert::new(named.clone(), attributes, true));
        let now = world.now();
        for device in &self.devices {
            if let Ok(device) = Device::parse(device, "id", now) {
                world.add_device(&named, device);
            }
        }
        for event in &self.events {
            let event = Event {
                name: event.name.clone(),
                kind: "event".to_owned(),
                data: Value::Object(event.data.clone()),
                timestamp: Some(now - event.hours_ago * HOUR_SECONDS),
                id: None,
            };
            world.track(&named, event);
        }
    }
}

impl SegmentEntry {
    fn check(&self, ids: &BTreeSet<&String>) -> Result<(), String> {
        if let Some(filter) = &self.filter {
            Filter::parse(filter).map_err(|error| format!("segment '{}': {error}", self.name))?;
            if !self.members.is_empty() {
                return Err(format!("segment '{}' has both members and a filter", self.name));
            }
        }
        match self.members.iter().find(|member| !ids.contains(member)) {
            Some(member) => Err(format!("segment '{}': no person has the id '{member}'", self.name)),
            None => Ok(()),
        }
    }

    fn fill(&self, world: &mut World) {
        let filter = self.filter.as_ref().and_then(|filter| Filter::parse(filter).ok());
        let members = match filter {
            Some(filter) => Members::Dynamic(filter),
            None => Members::Manual(
                self.members.iter().filter_map(|id| world.people.find(&Identifier::Id(id.clone()))).collect(),
            ),
        };
        let now = world.now();
        let segment = Segment {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            members,
            created_at: now,
            updated_at: now,
        };
        world.segments.insert(self.id, segment);
    }
}

impl TransactionalEntry {
    fn fill(&self, world: &mut World) {
        let first = world.next_content_id();
        let content = |id: u64, language: &str, subject: &str, body: &str| Content {
            id,
            language: language.to_owned(),
            from: self.from.clone(),
            reply_to: self.reply_to.clone(),
            subject: subject.to_owned(),
            preheader: self.preheader.clone(),
            body: body.to_owned(),
        };
        let translated = self.translations.iter().zip(first + 1..);
        let contents = std::iter::once(content(first, "", &self.subject, &self.body))
            .chain(translated.map(|(entry, id)| content(id, &entry.language, &entry.subject, &entry.body)))
            .collect();
        let now = world.now();
        let message = Transactional {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            trigger_name: self.trigger_name.clone().unwrap_or_else(|| self.name.clone()),
            channel: self.channel,
            contents,
            send_to_unsubscribed: self.send_to_unsubscribed,
            queue_drafts: self.queue_drafts,
            hide_message_body: self.hide_message_body,
            created_at: now,
            updated_at: now,
        };
        world.transactional.insert(self.id, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_shop_is_valid() {
        assert_eq!(Fixture::shop().people.len(), 12);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Fixture::from_toml("[workspace]\nid = 1\ncolour = \"red\"\n").unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("colour"), "{error}");
    }

    #[test]
    fn contradictions_are_named() {
        let cases = [
            (
                "[[segments]]\nid = 1\nname = \"a\"\nmembers = [\"nobody\"]\n",
                "segment 'a': no person has the id 'nobody'",
            ),
            ("[[people]]\n", "a person needs an id or an email"),
            ("[[people]]\nid = \"a\"\n[[people]]\nid = \"a\"\n", "people: id 'a' is used twice"),
            ("[workspace]\nregion = \"moon\"\n", "workspace.region is 'moon', it must be us or eu"),
        ];
        for (toml, expected) in cases {
            assert_eq!(Fixture::from_toml(toml).unwrap_err().to_string(), expected);
        }
    }
}
