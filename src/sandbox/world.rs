//! The state of one workspace. Each noun's file adds what can happen to it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    activities::Activities,
    anonymous::Anonymous,
    assets::Assets,
    broadcasts::Broadcast,
    campaigns::Campaign,
    collections::Collections,
    data_index::DataIndex,
    deliveries::Deliveries,
    esp::EspSuppressions,
    events::SeenEvents,
    exports::Exports,
    fixture::{Fixture, Sender, SubscriptionCenter, Topic, Workspace},
    forms::Forms,
    ids,
    imports::Imports,
    links::Links,
    live_notifications::LiveNotifications,
    moment::Moment,
    newsletters::Newsletter,
    objects::{ObjectType, Objects},
    optouts::Optouts,
    people::People,
    pipelines::Pipelines,
    reactions::Reaction,
    relationships::Relationships,
    reply::Reply,
    request::Call,
    segments::Segment,
    snippets::Snippet,
    studio::Studio,
    suppression::Suppressed,
    transactional::Transactional,
    webhooks::Webhooks,
};
use crate::clock::Clock;

/// Everything the imitated workspace knows. Cloning it is what a stale read answers from.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) clock: Arc<Moment>,
    /// What it began with, and what a reset goes back to.
    pub(super) fixture: Arc<Fixture>,
    pub(super) workspace: Workspace,
    pub(super) people: People,
    pub(super) suppressed: Suppressed,
    pub(super) activities: Activities,
    pub(super) seen_events: SeenEvents,
    pub(super) anonymous: Anonymous,
    pub(super) forms: Forms,
    pub(super) pipelines: Pipelines,
    pub(super) object_types: Vec<ObjectType>,
    pub(super) objects: Objects,
    pub(super) relationships: Relationships,
    pub(super) segments: BTreeMap<u64, Segment>,
    /// The number of the segment made last, which may be gone.
    pub(super) last_segment: u64,
    pub(super) transactional: BTreeMap<u64, Transactional>,
    pub(super) deliveries: Deliveries,
    pub(super) snippets: BTreeMap<String, Snippet>,
    pub(super) topics: Vec<Topic>,
    pub(super) senders: Vec<Sender>,
    pub(super) subscription_center: SubscriptionCenter,
    pub(super) optouts: Optouts,
    /// Signs the links to subscription centers.
    pub(super) link_key: Option<[u8; 32]>,
    pub(super) webhooks: Webhooks,
    pub(super) esp: EspSuppressions,
    pub(super) data_index: DataIndex,
    pub(super) collections: Collections,
    pub(super) exports: Exports,
    pub(super) imports: Imports,
    pub(super) assets: Assets,
    pub(super) studio: Studio,
    pub(super) campaigns: BTreeMap<u64, Campaign>,
    pub(super) broadcasts: BTreeMap<u64, Broadcast>,
    pub(super) newsletters: BTreeMap<u64, Newsletter>,
    /// The numbers of the newsletter and the content made last, which may be gone.
    pub(super) last_newsletter: u64,
    pub(super) last_content: u64,
    pub(super) links: Links,
    pub(super) live_notifications: LiveNotifications,
    pub(super) reactions: Vec<Reaction>,
}

impl World {
    /// The workspace as the fixture describes it, at the clock's now.
    pub(super) fn new(fixture: &Arc<Fixture>, clock: Arc<Moment>) -> Self {
        let mut world = Self {
            fixture: Arc::clone(fixture),
            workspace: fixture.workspace.clone(),
            people: People::new(&*clock),
            clock,
            suppressed: Suppressed::default(),
            activities: Activities::default(),
            seen_events: SeenEvents::default(),
            anonymous: Anonymous::default(),
            forms: Forms::new(),
            pipelines: Pipelines::default(),
            object_types: fixture.object_types.clone(),
            objects: Objects::default(),
            relationships: Relationships::default(),
            segments: BTreeMap::new(),
            last_segment: 0,
            transactional: BTreeMap::new(),
            deliveries: Deliveries::default(),
            snippets: BTreeMap::new(),
            topics: fixture.topics.clone(),
            senders: fixture.senders.clone(),
            subscription_center: fixture.subscription_center.clone(),
            optouts: Optouts::default(),
            link_key: None,
            webhooks: Webhooks::default(),
            esp: EspSuppressions::default(),
            data_index: DataIndex::default(),
            collections: Collections::default(),
            exports: Exports::default(),
            imports: Imports::default(),
            assets: Assets::default(),
            studio: Studio::default(),
            campaigns: BTreeMap::new(),
            broadcasts: BTreeMap::new(),
            newsletters: BTreeMap::new(),
            last_newsletter: 0,
            last_content: 100,
            links: Links::default(),
            live_notifications: LiveNotifications::new(),
            reactions: Vec::new(),
        };
        fixture.fill(&mut world);
        world
    }

    /// Unix seconds, the unit of every timestamp the vendor shows.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// An App API error with a fresh reference.
    pub(super) fn app_error(&self, status: u16, detail: &str) -> Reply {
        Reply::app_error(status, detail, &ids::reference(&*self.clock))
    }

    /// The body of an App call, which must be an object.
    pub(super) fn object(&self, call: &Call) -> Result<Map<String, Value>, Reply> {
        call.object().ok_or_else(|| self.app_error(400, "malformed JSON: the body must be an object"))
    }

    /// An App API error that points at the field at fault.
    pub(super) fn app_error_at(&self, status: u16, detail: &str, pointer: &str) -> Reply {
        Reply::app_error_at(status, detail, pointer, &ids::reference(&*self.clock))
    }

    /// The App API's 404.
    pub(super) fn not_found(&self) -> Reply {
        self.app_error(404, "not found")
    }
}
