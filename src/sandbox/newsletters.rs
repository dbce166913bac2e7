//! Newsletters: one message, sent once to everybody who fits (behaviour.md section 9). Sending stands in
//! `newsletter_sends`, the variants in `newsletter_contents`.

use serde_json::{Value, json};

use super::{
    deliveries::Stage,
    page::Page,
    recipients::Recipients,
    reply::{Answer, Reply},
    request::Call,
    source::Scope,
    transactional::{Channel, Content},
    world::World,
};

/// The vendor states no page size.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// One newsletter.
#[derive(Debug, Clone)]
pub(super) struct Newsletter {
    pub(super) id: u64,
    pub(super) name: String,
    /// `None` until somebody chooses one, which only the vendor's interface can leave open.
    pub(super) channel: Option<Channel>,
    pub(super) recipients: Recipients,
    pub(super) topic: Option<u64>,
    pub(super) tags: Vec<String>,
    /// One group, or several in an A/B test. Never empty.
    pub(super) groups: Vec<TestGroup>,
    pub(super) state: State,
    pub(super) pace: Option<Pace>,
    /// Send at the same time of day everywhere: the time zone that time is meant in.
    pub(super) local_time_of: Option<String>,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// One arm of an A/B test: its contents by language, the default first.
#[derive(Debug, Clone)]
pub(super) struct TestGroup {
    pub(super) id: u64,
    pub(super) contents: Vec<Content>,
}

/// Where a newsletter stands, with the moment in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Draft,
    Scheduled(i64),
    Sent(i64),
}

/// How fast it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) messages: u64,
    pub(super) period_seconds: i64,
    /// Evenly over the period, instead of all at its beginning.
    pub(super) spread: bool,
}

impl Newsletter {
    pub(super) fn contents(&self) -> impl Iterator<Item = &Content> {
        self.groups.iter().flat_map(|group| &group.contents)
    }

    pub(super) fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent(_))
    }

    /// The newsletter as the App API shows it; `sending` tells that messages are still to leave.
    pub(super) fn shown(&self, sending: bool) -> Value {
        let contents: Vec<_> = self.contents().map(|content| content.id).collect();
        let subject = self.contents().next().map(|content| content.subject.as_str());
        let (state, sent_at, scheduled_at) = match self.state {
            State::Draft => ("drafted", None, None),
            State::Scheduled(at) => ("scheduled", None, Some(at)),
            State::Sent(at) => (if sending { "sending" } else { "sent" }, Some(at), None),
        };
        let mut shown = json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated),
            "name": self.name,
            "type": self.channel.map(newsletter_type),
            "subject": subject,
            "content_ids": contents,
            "msg_template_ids": contents,
            "recipient_segment_ids": self.recipients.segments(),
            "subscription_topic_id": self.topic,
            "tags": self.tags,
            "send_state": state,
            "scheduled_at": scheduled_at,
            "created": self.created,
            "updated": self.updated,
        });
        // Never null: what was not sent has no such time.
        if let Some(at) = sent_at {
            shown["sent_at"] = json!(at);
        }
        shown
    }
}

/// The type of a newsletter; an inbox message is called `inbox` here.
fn newsletter_type(channel: Channel) -> &'static str {
    if channel == Channel::InboxMessage { "inbox" } else { channel.delivery_type() }
}

impl World {
    /// The newsletter a path names.
    pub(super) fn newsletter(&self, call: &Call) -> Result<&Newsletter, Reply> {
        let id: Option<u64> = call.param("newsletter_id").parse().ok();
        id.and_then(|id| self.newsletters.get(&id)).ok_or_else(|| self.not_found())
    }

    /// The content of it a path names by number.
    pub(super) fn newsletter_content(&self, call: &Call) -> Result<&Content, Reply> {
        let id: Option<u64> = call.param("content_id").parse().ok();
        let content = self.newsletter(call)?.contents().find(|content| Some(content.id) == id);
        content.ok_or_else(|| self.not_found())
    }

    pub(super) fn shown_newsletter(&self, newsletter: &Newsletter) -> Value {
        let scope = Scope::Newsletter(newsletter.id);
        let sending =
            newsletter.is_sent()
                && self.deliveries.open.iter().filter_map(|place| self.deliveries.list.get(*place)).any(|delivery| {
                    scope.includes(delivery) && matches!(delivery.stage, Stage::Scheduled | Stage::Queued)
                });
        newsletter.shown(sending)
    }
}

/// `GET /v1/newsletters`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let (rows, next) = match call.query("sort").unwrap_or("asc") {
        "" | "asc" => page.cut_ascending(world.newsletters.iter().map(|(id, newsletter)| (*id, newsletter))),
        "desc" => page.cut_descending(world.newsletters.iter().rev().map(|(id, newsletter)| (*id, newsletter))),
        _ => return Err(world.app_error(400, "sort must be asc or desc")),
    };
    let newsletters: Vec<_> = rows.into_iter().map(|newsletter| world.shown_newsletter(newsletter)).collect();
    Ok(Reply::ok(&json!({"newsletters": newsletters, "next": next})))
}

/// `GET /v1/newsletters/{newsletter_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    Ok(Reply::ok(&json!({"newsletter": world.shown_newsletter(newsletter)})))
}

/// `DELETE /v1/newsletters/{newsletter_id}`: its deliveries stay.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = world.newsletter(call)?.id;
    world.newsletters.remove(&id);
    Ok(Reply::no_content())
}
