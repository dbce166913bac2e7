//! Creating, scheduling and sending newsletters (behaviour.md section 9).

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    deliveries::Verdict,
    newsletters::{Newsletter, Pace, State, TestGroup},
    outbox::{Outgoing, in_language_of},
    people::{Person, PersonKey},
    recipients::Recipients,
    reply::{Answer, Reply},
    request::Call,
    source::Source,
    transactional::{Channel, Content},
    world::World,
};
use crate::clock::Clock;

const MAX_NAME_CHARACTERS: usize = 190;
const HOUR_SECONDS: i64 = 60 * 60;
const PERIODS_SECONDS: [i64; 3] = [60, HOUR_SECONDS, 24 * HOUR_SECONDS];

/// A field at fault, and why.
type Fault = (&'static str, String);

fn fault<T>(field: &'static str, why: impl Into<String>) -> Result<T, Fault> {
    Err((field, why.into()))
}

fn text<'a>(body: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => fault(field, format!("{field} must be a string")),
    }
}

fn integer(body: &Map<String, Value>, field: &'static str) -> Result<Option<i64>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => fault(field, format!("{field} must be an integer")),
        },
    }
}

fn flag(body: &Map<String, Value>, field: &'static str) -> Result<bool, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => fault(field, format!("{field} must be true or false")),
    }
}

/// The rate limit: both numbers or neither.
fn pace(body: &Map<String, Value>, matches_zones: bool) -> Result<Option<Pace>, Fault> {
    let spread = flag(body, "rate_limit_spread")?;
    match (integer(body, "rate_limit_email_rate")?, integer(body, "rate_limit_time_period")?) {
        (None, None) => Ok(None),
        (Some(_), None) => {
            fault("rate_limit_time_period", "rate_limit_time_period is required with rate_limit_email_rate")
        }
        (None, Some(_)) => {
            fault("rate_limit_email_rate", "rate_limit_email_rate is required with rate_limit_time_period")
        }
        (Some(rate), Some(period)) => match u64::try_from(rate).ok().filter(|rate| *rate > 0) {
            None => fault("rate_limit_email_rate", "rate_limit_email_rate must be at least 1"),
            Some(_) if !PERIODS_SECONDS.contains(&period) => {
                fault("rate_limit_time_period", "rate_limit_time_period must be 60, 3600 or 86400")
            }
            Some(_) if matches_zones && period > HOUR_SECONDS => {
                fault("rate_limit_time_period", "rate_limit_time_period can be at most 3600 with tz_match_enabled")
            }
            Some(messages) => Ok(Some(Pace { messages, period_seconds: period, spread })),
        },
    }
}

impl World {
    fn unprocessable(&self, (field, why): Fault) -> Reply {
        self.app_error_at(422, &why, &format!("/{field}"))
    }

    /// The newsletter a request describes, without a number yet.
    fn described(&self, body: &Map<String, Value>) -> Result<Newsletter, Fault> {
        let name = text(body, "name")?.filter(|name| !name.trim().is_empty());
        let Some(name) = name else { return fault("name", "name is required") };
        if name.chars().count() > MAX_NAME_CHARACTERS {
            return fault("name", format!("name can have at most {MAX_NAME_CHARACTERS} characters"));
        }
        let channel = match text(body, "type")? {
            Some("email") => Channel::Email,
            Some("webhook") => Channel::Webhook,
            Some("twilio") => Channel::Sms,
            Some("push") => Channel::Push,
            Some("in_app") => Channel::InApp,
            Some("inbox") => Channel::InboxMessage,
            _ => return fault("type", "type must be email, webhook, twilio, push, in_app or inbox"),
        };
        let recipients = match body.get("recipients") {
            None | Some(Value::Null) => return fault("recipients", "recipients is required"),
            Some(recipients) => Recipients::parse(recipients).map_err(|error| ("recipients", error))?,
        };
        let topic = match integer(body, "subscription_topic_id")? {
            None if self.workspace.requires_topics => {
                return fault("subscription_topic_id", "subscription_topic_id is required");
            }
            None => None,
            Some(id) => match self.topics.iter().find(|topic| i64::try_from(topic.id) == Ok(id)) {
                Some(topic) => Some(topic.id),
                None => return fault("subscription_topic_id", "subscription_topic_id is no topic"),
            },
        };
        let content = self.worded(body, channel, name)?;
        let now = self.now();
        Ok(Newsletter {
            id: 0,
            name: name.to_owned(),
            channel: Some(channel),
            recipients,
            topic,
            tags: Vec::new(),
            groups: vec![TestGroup { id: 1, contents: vec![content] }],
            state: State::Draft,
            pace: pace(body, false)?,
            local_time_of: None,
            created: now,
            updated: now,
        })
    }

    /// The content a request words.
    fn worded(&self, body: &Map<String, Value>, channel: Channel, name: &str) -> Result<Content, Fault> {
        let required = |field: &'static str| match text(body, field)? {
            Some(text) if !text.is_empty() => Ok(()),
            _ => fault(field, format!("{field} is required")),
        };
        match channel {
            Channel::Email => {
                required("subject")?;
                required("body")?;
            }
            Channel::Sms => required("body")?,
            _ => {}
        }
        let from = text(body, "from")?.filter(|from| !from.is_empty());
        let from_id = integer(body, "from_id")?.filter(|id| *id != 0);
        if from.is_some() && from_id.is_some() {
            return fault("from_id", "from and from_id cannot be given together");
        }
        let now = self.now();
        let mut content = Content { name: name.to_owned(), created: now, updated: now, ..Content::default() };
        if let Some(from) = from {
            from.clone_into(&mut content.from);
            content.from_id = self.sender_of(from);
        } else if from_id.is_none() && channel == Channel::Email {
            // The oldest sender has the lowest number.
            let oldest = self.senders.iter().filter(|sender| !sender.email.is_empty()).min_by_key(|sender| sender.id);
            content.from = oldest.map(super::fixture::Sender::address).unwrap_or_default();
            content.from_id = oldest.map(|sender| sender.id);
        }
        content.edit(body, &self.senders).map_err(|error| ("body", error))?;
        // Inbox and in-app messages are worded in JSON.
        if let Some(json) = body.get("body_json").filter(|json| !json.is_null()) {
            content.body = json.to_string();
        }
        name.clone_into(&mut content.name);
        Ok(content)
    }

    /// Who fits a newsletter now, in the order of creation.
    fn fitting(&self, newsletter: &Newsletter) -> Vec<PersonKey> {
        self.people
            .iter()
            .filter(|person| newsletter.recipients.include(self, person))
            .map(|person| person.key)
            .collect()
    }

    /// Sends a newsletter at a moment (Unix seconds) to whoever fits it now. An A/B test deals people out in turn, so
    /// its arms differ by one at most and a repeated run gives everybody the same arm.
    pub(super) fn launch_newsletter(&mut self, id: u64, at: i64) {
        let Some(newsletter) = self.newsletters.get_mut(&id) else { return };
        newsletter.state = State::Sent(at);
        newsletter.updated = at;
        let newsletter = newsletter.clone();
        let Some(channel) = newsletter.channel else { return };
        for (place, key) in self.fitting(&newsletter).into_iter().enumerate() {
            let Some(person) = self.people.get(key) else { continue };
            let Some(group) = newsletter.groups.get(place % newsletter.groups.len().max(1)) else { continue };
            let Some(content) = in_language_of(person, &group.contents).cloned() else { continue };
            let verdict = newsletter.topic.and_then(|topic| self.topic_obstacle(person, topic));
            let due = due_seconds(&newsletter, person, place as u64, at);
            self.post(Outgoing {
                source: Source::Newsletter { newsletter: id, content: content.id },
                name: newsletter.name.clone(),
                channel,
                content,
                person: key,
                trigger: Map::new(),
                created: at,
                due_ms: due.saturating_mul(1000),
                queue_draft: false,
                verdict,
            });
        }
    }

    /// What keeps somebody who does not want a topic from getting messages about it.
    fn topic_obstacle(&self, person: &Person, topic: u64) -> Option<Verdict> {
        let topic = self.topics.iter().find(|other| other.id == topic)?;
        let preferences = person.attributes.get(super::attributes::PREFERENCES).map(|attribute| &attribute.value);
        let chosen = preferences.and_then(|preferences| preferences["topics"][topic.identifier()].as_bool());
        let subscribed = chosen.unwrap_or(topic.subscribed_by_default);
        (!subscribed).then(|| Verdict::Undeliverable(format!("the person is not subscribed to '{}'", topic.name)))
    }

    /// Sends the newsletters whose time has come, the earliest first.
    pub(super) fn launch_due_newsletters(&mut self, now: i64) -> bool {
        let mut due: Vec<_> = self
            .newsletters
            .values()
            .filter_map(|newsletter| match newsletter.state {
                State::Scheduled(at) if at <= now => Some((at, newsletter.id)),
                _ => None,
            })
            .collect();
        due.sort_unstable();
        let has_moved = !due.is_empty();
        for (at, id) in due {
            self.launch_newsletter(id, at);
        }
        has_moved
    }

    fn shown_by_id(&self, id: u64) -> Answer {
        let newsletter = self.newsletters.get(&id).ok_or_else(|| self.not_found())?;
        Ok(Reply::ok(&json!({"newsletter": self.shown_newsletter(newsletter)})))
    }
}

/// When a message leaves: at the pace, or at the same time of day where its recipient lives.
fn due_seconds(newsletter: &Newsletter, person: &Person, place: u64, at: i64) -> i64 {
    let start = newsletter.local_time_of.as_ref().and_then(|zone| same_time_of_day(zone, person, at)).unwrap_or(at);
    let Some(limit) = newsletter.pace else { return start };
    let period = u64::try_from(limit.period_seconds).unwrap_or_default();
    let after = if limit.spread { place * period / limit.messages } else { place / limit.messages * period };
    start.saturating_add_unsigned(after)
}

/// `at` by the clocks of the person's time zone, but not before `at` itself.
fn same_time_of_day(zone: &str, person: &Person, at: i64) -> Option<i64> {
    let meant = Timestamp::from_second(at).ok()?.to_zoned_datetime(TimeZone::get(zone).ok()?).datetime();
    let local = TimeZone::get(&person.text("timezone")?).ok()?;
    Some(meant.to_zoned_datetime(local).ok()?.timestamp().as_second().max(at))
}

/// `POST /v1/newsletters`: makes it, and with `send_now` or `scheduled_at` sends it.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let body = world.object(call)?;
    let (mut newsletter, send_now) = world
        .described(&body)
        .and_then(|newsletter| Ok((newsletter, flag(&body, "send_now")?)))
        .map_err(|fault| world.unprocessable(fault))?;
    let now = world.now();
    let scheduled = integer(&body, "scheduled_at").map_err(|fault| world.unprocessable(fault))?.filter(|at| *at != 0);
    match scheduled {
        Some(_) if send_now => {
            let why = "send_now and scheduled_at cannot be given together".to_owned();
            return Err(world.unprocessable(("scheduled_at", why)));
        }
        Some(at) if at <= now => {
            return Err(world.unprocessable(("scheduled_at", "scheduled_at must be in the future".to_owned())));
        }
        Some(at) => newsletter.state = State::Scheduled(at),
        None if send_now && world.fitting(&newsletter).is_empty() => {
            return Err(world.unprocessable(("recipients", "the newsletter has no recipients".to_owned())));
        }
        None => {}
    }
    world.last_newsletter += 1;
    let id = world.last_newsletter;
    newsletter.id = id;
    let content_id = world.next_content_id();
    for content in newsletter.groups.iter_mut().flat_map(|group| &mut group.contents) {
        content.id = content_id;
    }
    world.newsletters.insert(id, newsletter);
    if send_now {
        world.launch_newsletter(id, now);
        world.settle();
    }
    world.shown_by_id(id)
}

/// `POST /v1/newsletters/{newsletter_id}/schedule`; `scheduled_at` 0 takes it off the schedule.
pub(super) fn schedule(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    let id = newsletter.id;
    if newsletter.is_sent() {
        return Err(world.app_error(400, "the newsletter was already sent"));
    }
    let body = world.object(call)?;
    let planned = planned(&body, world.now()).map_err(|fault| world.unprocessable(fault))?;
    let now = world.now();
    if let Some(newsletter) = world.newsletters.get_mut(&id) {
        newsletter.updated = now;
        newsletter.state = State::Draft;
        // Off the schedule there is no time of day to match.
        newsletter.local_time_of = None;
        if let Some(planned) = planned {
            newsletter.state = State::Scheduled(planned.at);
            newsletter.local_time_of = planned.local_time_of;
            newsletter.pace = planned.pace.or(newsletter.pace);
        }
    }
    world.shown_by_id(id)
}

/// What a schedule asks for.
struct Planned {
    at: i64,
    local_time_of: Option<String>,
    pace: Option<Pace>,
}

/// `None` takes the newsletter off the schedule.
fn planned(body: &Map<String, Value>, now: i64) -> Result<Option<Planned>, Fault> {
    let Some(at) = integer(body, "scheduled_at")? else { return fault("scheduled_at", "scheduled_at is required") };
    let matches_zones = flag(body, "tz_match_enabled")?;
    let pace = pace(body, matches_zones)?;
    if at == 0 {
        return Ok(None);
    }
    if at <= now {
        return fault("scheduled_at", "scheduled_at must be in the future");
    }
    let Some(zone) = text(body, "timezone")?.filter(|zone| !zone.is_empty()) else {
        return fault("timezone", "timezone is required");
    };
    if TimeZone::get(zone).is_err() {
        return fault("timezone", "timezone must be an IANA time zone");
    }
    Ok(Some(Planned { at, local_time_of: matches_zones.then(|| zone.to_owned()), pace }))
}

/// `POST /v1/newsletters/{newsletter_id}/send`. Segments here are never still processing, so that refusal cannot occur.
pub(super) fn send(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    let id = newsletter.id;
    if newsletter.is_sent() {
        return Err(world.app_error(400, "the newsletter was already sent"));
    }
    if newsletter.channel.is_none() {
        return Err(world.app_error(400, "the newsletter has no channel"));
    }
    let body = world.object(call)?;
    let pace = pace(&body, false).map_err(|fault| world.unprocessable(fault))?;
    if world.fitting(newsletter).is_empty() {
        return Err(world.app_error(400, "the newsletter has no recipients"));
    }
    if let Some(newsletter) = world.newsletters.get_mut(&id) {
        newsletter.pace = pace.or(newsletter.pace);
        newsletter.local_time_of = None;
    }
    let now = world.clock.now().as_second();
    world.launch_newsletter(id, now);
    world.settle();
    world.shown_by_id(id)
}
