//! How many people a call reaches, and which: found out before anything happens, so that a plan can say it, a budget can
//! hold it, and a call that comes to reach more is refused.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Call, Guards,
    directory::{Counted, Sendable},
    identity::Identified,
    intent::{Audience, RecipientRole},
};
use crate::{
    catalog::Effect,
    error::{ErrorCode, ToolError},
    state::Digest,
};

/// Up to this many people a plan is bound to the very set; above, to their number.
pub(super) const BOUND_BY_SET: u64 = 1_000;
/// The most people that are counted one by one: a hundred requests, and so ten seconds. A segment's count is free.
const MOST_COUNTED: u64 = 100_000;
/// How many segments a plan tells of that a newsletter's filter names.
const SEGMENTS_TOLD: usize = 5;

/// How far a number of people is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Count {
    /// It is the number.
    Exact,
    /// It is the most it can be.
    AtMost,
    /// Nobody can say: the whole workspace is counted, as far as the budget would go.
    Unknown,
}

/// How many people a call reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Size {
    /// How many.
    pub people: u64,
    /// How far that is known.
    pub count: Count,
    /// Which people they are, where the call does not name them: a digest, of zeros if it is not known.
    pub set: Digest,
    /// A plan is bound to the very set, however large it is.
    pub is_bound: bool,
    /// How many of them have unsubscribed, where a plan is to say it.
    pub unsubscribed: Option<u64>,
    /// What the number does not say.
    pub note: Option<String>,
}

impl Size {
    pub(crate) const fn new(people: u64, count: Count) -> Self {
        Self { people, count, set: Digest([0; 32]), is_bound: false, unsubscribed: None, note: None }
    }

    /// Whether it is within the audience of so many people that somebody has seen: a smaller one is, unless it was bound
    /// to the very set.
    pub(super) fn fits(&self, seen_people: u64, is_same_set: bool) -> bool {
        self.people <= seen_people && (is_same_set || (seen_people > BOUND_BY_SET && !self.is_bound))
    }

    /// As a plan tells it.
    pub(super) fn told(&self) -> Value {
        let mut told = json!({ "people": self.people, "count": self.count });
        if let Some(unsubscribed) = self.unsubscribed {
            told["unsubscribed"] = json!(unsubscribed);
        }
        if let Some(note) = &self.note {
            told["note"] = json!(note);
        }
        told
    }
}

impl Guards {
    /// How many people the call reaches.
    pub(crate) async fn audience(&self, call: &Call<'_>, identified: &Identified) -> Result<Size, ToolError> {
        let mut named = identified.subjects.len() as u64 + u64::from(identified.action.is_some());
        if call.effect == Effect::Send {
            // Each address reads it, whoever the message is about.
            let addresses = |role| call.intent.addresses(role).count() as u64;
            named = named.max(addresses(RecipientRole::To)) + addresses(RecipientRole::Bcc);
        }
        match &call.intent.reach {
            Audience::Named if call.intent.merges => Ok(self.merge_audience(identified)),
            Audience::Named => {
                let exact = identified.subjects.iter().all(|subject| subject.person.is_some());
                Ok(Size::new(named, if exact { Count::Exact } else { Count::AtMost }))
            }
            Audience::TestProfiles { only_expired } => self.test_audience(*only_expired).await,
            Audience::Segment(segment_id) => self.segment_audience(call, *segment_id).await,
            Audience::Filter(filter) => self.filter_audience(call, filter).await,
            Audience::Everyone => self.everyone(call).await,
            Audience::Newsletter(newsletter_id) => {
                let newsletter = call.directory.newsletter(*newsletter_id).await?;
                let newsletter = newsletter.ok_or_else(|| nothing("newsletter", "newsletter_id", *newsletter_id))?;
                self.unreadable(call, &newsletter, "newsletter").await
            }
            Audience::Broadcast(broadcast_id) => {
                let broadcast = call.directory.broadcast(*broadcast_id).await?;
                let broadcast = broadcast.ok_or_else(|| nothing("broadcast", "broadcast_id", *broadcast_id))?;
                self.unreadable(call, &broadcast, "broadcast").await
            }
        }
    }

    async fn segment_audience(&self, call: &Call<'_>, segment_id: u64) -> Result<Size, ToolError> {
        let size = call.directory.segment_size(segment_id).await?;
        let people = size.ok_or_else(|| nothing("segment", "segment_id", segment_id))?;
        let mut size = Size::new(people, Count::Exact);
        if people <= BOUND_BY_SET {
            let members = call.directory.segment_members(segment_id).await?;
            self.refuse_test_members(call, &members).await?;
            size.people = people.max(members.len() as u64);
            size.set = self.set_of(members);
        }
        size.unsubscribed = self.unsubscribed(call, &json!({ "segment": { "id": segment_id } })).await?;
        Ok(size)
    }

    async fn filter_audience(&self, call: &Call<'_>, filter: &Value) -> Result<Size, ToolError> {
        let most = self.worth_counting(call.effect);
        let counted = call.directory.people_matching(filter.clone(), most).await?;
        self.refuse_test_members(call, &counted.cio_ids).await?;
        let mut size = self.counted(call, counted);
        if size.count == Count::Exact {
            size.unsubscribed = self.unsubscribed(call, filter).await?;
        }
        Ok(size)
    }

    /// Whoever a call reaches that names nobody: everybody in the workspace counts.
    async fn everyone(&self, call: &Call<'_>) -> Result<Size, ToolError> {
        let counted = call.directory.people_matching(anybody(), self.worth_counting(call.effect)).await?;
        let whole = if counted.more {
            "everybody in the workspace is counted, and there are more"
        } else {
            "everybody in the workspace is counted"
        };
        let mut size = self.counted(call, counted);
        size.count = Count::Unknown;
        let tests = self.exposed_tests(call).await?.len();
        let tests = match tests {
            0 => String::new(),
            _ => format!(" {tests} test profiles whose addresses are no sinks may be among them."),
        };
        size.note = Some(format!("Nobody can say whom it reaches: {whole}.{tests}"));
        Ok(size)
    }

    /// An audience that is set in Customer.io and cannot be read from there.
    async fn unreadable(&self, call: &Call<'_>, what: &Sendable, kind: &str) -> Result<Size, ToolError> {
        let mut size = self.everyone(call).await?;
        if let Some(content) = &what.content {
            size.set = self.keys.digest("content", &[&size.set.0, content.as_bytes()]);
            size.is_bound = true;
        }
        let mut named = Vec::new();
        for segment_id in what.segment_ids.iter().take(SEGMENTS_TOLD) {
            named.push(match call.directory.segment_size(*segment_id).await? {
                Some(people) => format!("{segment_id} ({people} people)"),
                None => segment_id.to_string(),
            });
        }
        let filter = match named.as_slice() {
            [] => String::new(),
            named => format!(" Its filter names, for or against, segment {}.", named.join(", ")),
        };
        size.note = size.note.map(|note| {
            format!("It is the {kind} \"{}\", whose recipients Customer.io does not tell.{filter} {note}", what.name)
        });
        Ok(size)
    }

    /// The size of people that were counted one by one.
    fn counted(&self, call: &Call<'_>, counted: Counted) -> Size {
        if !counted.more {
            let mut size = Size::new(counted.people, Count::Exact);
            size.set = self.set_of(counted.cio_ids);
            return size;
        }
        // Counted as far as the budget would go, or charged as more than it holds.
        let mut size = Size::new(counted.people.max(self.day_limit(call.effect).saturating_add(1)), Count::Unknown);
        size.note = Some(format!("There are more than {} people, and they were not counted further.", counted.people));
        size
    }

    /// A digest of a set of people small enough to be bound to.
    fn set_of(&self, mut cio_ids: Vec<String>) -> Digest {
        if cio_ids.len() as u64 > BOUND_BY_SET {
            return Digest([0; 32]);
        }
        cio_ids.sort_unstable();
        let parts: Vec<&[u8]> = cio_ids.iter().map(String::as_bytes).collect();
        self.keys.digest("audience set", &parts)
    }

    /// How many who match have unsubscribed, where a plan will be shown that says so.
    async fn unsubscribed(&self, call: &Call<'_>, filter: &Value) -> Result<Option<u64>, ToolError> {
        if call.effect != Effect::Send || call.plan_token.is_some() {
            return Ok(None);
        }
        let gone = json!({ "attribute": { "field": "unsubscribed", "operator": "eq", "value": "true" } });
        let filter = json!({ "and": [filter, gone] });
        let counted = call.directory.people_matching(filter, self.worth_counting(call.effect)).await?;
        Ok((!counted.more).then_some(counted.people))
    }

    /// Whether more people are reached than this, the budget refuses the call: nothing beyond needs counting.
    fn worth_counting(&self, effect: Effect) -> u64 {
        self.day_limit(effect).saturating_add(1).min(MOST_COUNTED)
    }

    const fn day_limit(&self, effect: Effect) -> u64 {
        match effect {
            Effect::Read => 0,
            Effect::Write => self.budgets.writes_per_day,
            Effect::Trigger => self.budgets.triggers_per_day,
            Effect::Send => self.budgets.sends_per_day,
            Effect::Delete => self.budgets.deletes_per_day,
        }
    }
}

/// A filter that everybody matches: Customer.io takes no empty one.
fn anybody() -> Value {
    let has_email = json!({ "attribute": { "field": "email", "operator": "exists" } });
    json!({ "or": [has_email, { "not": has_email }] })
}

fn nothing(kind: &str, field: &str, id: u64) -> ToolError {
    let list = if kind == "segment" { "list_segments" } else { "list_campaigns" };
    ToolError::new(ErrorCode::NotFound, format!("There is no {kind} {id}. Nothing was changed."))
        .at(field)
        .next(format!("{list} shows those there are."))
}
