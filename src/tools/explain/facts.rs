//! What is known of a person, a message and what it comes from.

use serde_json::Value;

use super::Asked;
use crate::{
    api::{
        UpstreamError, UpstreamErrorKind,
        activities::{Activity, ActivityQuery},
        deliveries::{Delivery, PageQuery},
        origins::{Origin, OriginId},
        people::{Person, PersonPath, PersonSegment},
        standing::{Optout, Suppressions},
        subscriptions::Preferences,
        templates::Template,
    },
    error::{ErrorCode, ToolError},
    tools::{
        context::CallContext,
        directory::{known, path},
    },
};

/// How far back is looked where a call does not say: as long as Customer.io keeps activities for certain.
const DEFAULT_SECONDS: i64 = 30 * 24 * 60 * 60;
/// The most pages of deliveries, of 1,000 each.
const DELIVERY_PAGES: usize = 3;
const DELIVERIES_A_PAGE: u32 = 1_000;
/// The most pages of activities, of 100 each.
const ACTIVITY_PAGES: usize = 5;
const ACTIVITIES_A_PAGE: u32 = 100;

/// Everything a verdict rests on.
#[derive(Debug)]
pub(super) struct Facts {
    /// Unix seconds.
    pub(super) now: i64,
    /// Unix seconds.
    pub(super) since: i64,
    pub(super) person: Person,
    pub(super) segments: Vec<PersonSegment>,
    pub(super) preferences: Option<Preferences>,
    pub(super) suppressions: Suppressions,
    pub(super) optouts: Vec<Optout>,
    pub(super) activities: Vec<Activity>,
    /// Of the message asked about, newest first.
    pub(super) deliveries: Vec<Delivery>,
    pub(super) template: Option<Template>,
    pub(super) origin: Option<(OriginId, Origin)>,
    /// When a broadcast was triggered since, in Unix seconds.
    pub(super) triggered: Vec<i64>,
    pub(super) not_seen: Vec<String>,
}

impl Facts {
    pub(super) async fn collect(cx: &CallContext<'_>, asked: &Asked, since: Option<i64>) -> Result<Self, ToolError> {
        let (api, scope) = (cx.api(), &cx.scope);
        let given = path(&cx.subject()?.given);
        let person = api.person(scope, &given).await?.ok_or_else(|| nobody(&given))?;
        let by = PersonPath::CioId(person.identifiers.cio_id.clone());
        let now = cx.guards().clock.now().as_second();
        let mut facts = Self {
            now,
            since: since.unwrap_or(now - DEFAULT_SECONDS),
            segments: api.person_segments(scope, &by).await?,
            preferences: None,
            suppressions: Suppressions::default(),
            optouts: Vec::new(),
            activities: Vec::new(),
            deliveries: Vec::new(),
            template: None,
            origin: None,
            triggered: Vec::new(),
            not_seen: Vec::new(),
            person,
        };
        facts.find_message(cx, &by, asked).await?;
        let preferences = api.preferences(scope, &by).await;
        facts.preferences = facts.seen(preferences, "what they chose of topics")?.flatten();
        if let Some(email) = known(facts.person.identifiers.clone()).email {
            let found = api.suppressions_of(scope, &email).await;
            facts.suppressions = facts.seen(found, "the e-mail provider's suppression lists")?.unwrap_or_default();
        }
        let optouts = api.optouts(scope, &by).await;
        facts.optouts = facts.seen(optouts, "opt-outs of texts")?.unwrap_or_default();
        facts.read_activities(cx, &by).await?;
        Ok(facts)
    }

    /// The newest delivery of the message.
    pub(super) fn latest(&self) -> Option<&Delivery> {
        self.deliveries.first()
    }

    async fn find_message(&mut self, cx: &CallContext<'_>, by: &PersonPath, asked: &Asked) -> Result<(), ToolError> {
        let (api, scope) = (cx.api(), &cx.scope);
        match asked {
            Asked::Delivery(id) => {
                let delivery = api.delivery(scope, id).await.map_err(|error| no_such("delivery_id", error))?;
                let is_theirs = delivery
                    .customer_identifiers
                    .as_ref()
                    .is_some_and(|person| person.cio_id == self.person.identifiers.cio_id);
                if !is_theirs {
                    return Err(ToolError::new(ErrorCode::Conflict, "The delivery is not to this customer.")
                        .at("delivery_id")
                        .next("list_deliveries with `customer` shows theirs; get_delivery says whose this one is."));
                }
                self.since = self.since.min(delivery.created.unwrap_or(self.since));
                if let Some(id) = origin_of(&delivery) {
                    let origin = api.origin(scope, id).await;
                    self.origin = self.seen(origin, "what it comes from")?.map(|origin| (id, origin));
                }
                self.deliveries = vec![delivery];
            }
            Asked::Template(id) => {
                self.template = Some(api.template(scope, *id).await.map_err(|error| no_such("template_id", error))?);
                let contents = api.template_contents(scope, *id).await?;
                let is_of = |delivery: &Delivery| {
                    origin_of(delivery).is_none()
                        && delivery
                            .message_template_id
                            .is_some_and(|content| contents.iter().any(|known| known.id == content))
                };
                self.read_deliveries(cx, by, is_of).await?;
            }
            Asked::Origin(id) => {
                let field = match id {
                    OriginId::Campaign(_) => "campaign_id",
                    OriginId::Newsletter(_) => "newsletter_id",
                    OriginId::Broadcast(_) => "broadcast_id",
                };
                let origin = api.origin(scope, *id).await.map_err(|error| no_such(field, error))?;
                self.origin = Some((*id, origin));
                if let OriginId::Broadcast(broadcast) = id {
                    let times = api.broadcast_trigger_times(scope, *broadcast).await;
                    let times = self.seen(times, "when the broadcast was triggered")?.unwrap_or_default();
                    self.triggered = times.into_iter().filter(|at| *at >= self.since).collect();
                }
                self.read_deliveries(cx, by, |delivery| origin_of(delivery) == Some(*id)).await?;
            }
        }
        Ok(())
    }

    async fn read_deliveries(
        &mut self,
        cx: &CallContext<'_>,
        by: &PersonPath,
        is_of: impl Fn(&Delivery) -> bool,
    ) -> Result<(), ToolError> {
        let mut page = PageQuery { start_ts: Some(self.since), limit: Some(DELIVERIES_A_PAGE), ..PageQuery::default() };
        for _ in 0..DELIVERY_PAGES {
            let read = cx.api().person_messages(&cx.scope, by, &page).await?;
            self.deliveries.extend(read.items.into_iter().filter(&is_of));
            page.start = read.next.filter(|next| !next.is_empty());
            if page.start.is_none() {
                self.deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.created));
                return Ok(());
            }
        }
        self.not_seen.push("deliveries beyond the first 3,000 to this customer: give a later `since`".to_owned());
        Ok(())
    }

    async fn read_activities(&mut self, cx: &CallContext<'_>, by: &PersonPath) -> Result<(), ToolError> {
        let mut query = ActivityQuery { limit: Some(ACTIVITIES_A_PAGE), ..ActivityQuery::default() };
        for _ in 0..ACTIVITY_PAGES {
            let read = cx.api().person_activities(&cx.scope, by, &query).await?;
            let reaches_back = read.items.iter().any(|activity| activity.timestamp.is_some_and(|at| at < self.since));
            self.activities.extend(read.items);
            query.start = read.next.filter(|next| !next.is_empty());
            if query.start.is_none() || reaches_back {
                let since = self.since;
                self.activities.retain(|activity| activity.timestamp.is_some_and(|at| at >= since));
                return Ok(());
            }
        }
        self.not_seen.push("activities before the newest 500".to_owned());
        Ok(())
    }

    /// A part that this key or workspace does not give is told, and spoils nothing else.
    fn seen<T>(&mut self, answer: Result<T, UpstreamError>, what: &str) -> Result<Option<T>, ToolError> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if matches!(
                    error.kind,
                    UpstreamErrorKind::NotFound | UpstreamErrorKind::Forbidden | UpstreamErrorKind::Rejected
                ) =>
            {
                self.not_seen.push(format!("{what}: Customer.io does not give it to this key"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the person has unsubscribed from the topic of the message.
    pub(super) fn left_topic(&self) -> Option<&str> {
        let topic = self.origin.as_ref()?.1.subscription_topic_id?;
        let chosen = self.preferences.as_ref()?.topics.iter().find(|chosen| chosen.id == topic)?;
        (!chosen.subscribed).then_some(chosen.name.as_str())
    }

    /// The last time that the person's subscription was changed, as far as the log tells.
    pub(super) fn is_about_subscription(activity: &Activity) -> bool {
        let names =
            |name: &str| matches!(&activity.data, Value::Object(data) if data.keys().any(|key| key.starts_with(name)));
        activity.kind.contains("unsubscribe") || names("unsubscribed") || names("cio_subscription_preferences")
    }
}

fn origin_of(delivery: &Delivery) -> Option<OriginId> {
    delivery
        .broadcast_id
        .map(OriginId::Broadcast)
        .or(delivery.campaign_id.map(OriginId::Campaign))
        .or(delivery.newsletter_id.map(OriginId::Newsletter))
}

fn nobody(path: &PersonPath) -> ToolError {
    ToolError::new(ErrorCode::CustomerNotFound, format!("No person has this {}.", path.id_type().as_str()))
        .at("customer")
        .next(
            "Nobody who is not there gets messages: they may have been deleted or suppressed. Check `id_type`; \
             find_customers finds people.",
        )
}

fn no_such(field: &'static str, error: UpstreamError) -> ToolError {
    let not_even_asked = error.kind == UpstreamErrorKind::Rejected && error.status.is_none();
    if error.kind != UpstreamErrorKind::NotFound && !not_even_asked {
        return error.into();
    }
    let next = match field {
        "template_id" => "list_templates shows those there are.",
        _ => "list_deliveries with `customer` shows what they were sent, and list_audit what was sent through here.",
    };
    ToolError::new(ErrorCode::NotFound, format!("Nothing has this `{field}`.")).at(field).next(next)
}
