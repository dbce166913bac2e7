//! From facts to one verdict. What was done to a delivery outweighs what may be concluded from today's state, and what
//! cannot be seen is said.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::Serialize;

use super::facts::Facts;
use crate::{
    api::{
        deliveries::Delivery,
        origins::{Origin, OriginId},
    },
    tools::messages::delivery::standing_of,
};

/// How long a message may be on its way before its silence means anything, in seconds: Customer.io tries again for
/// about an hour.
const ON_ITS_WAY_SECONDS: i64 = 60 * 60;

/// Why somebody did or did not get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Verdict {
    /// It arrived, as far as the channel tells.
    SentAndDelivered,
    /// The recipient's provider sent it back.
    SentAndBounced,
    /// They are unsubscribed, from everything or from its topic.
    NotSentUnsubscribed,
    /// The address is on a suppression list.
    NotSentSuppressed,
    /// Its Liquid could not be rendered.
    FailedRendering,
    /// Customer.io did not send it, for another reason.
    Undeliverable,
    /// It waits for somebody to send it by hand.
    HeldAsDraft,
    /// They are not among those it goes to.
    NotInSegment,
    /// What it comes from is stopped, a draft, or not sent yet.
    CampaignNotRunning,
    /// Nothing has set it off for them.
    NeverTriggered,
    /// It may still be on its way.
    TooRecentToSay,
    /// What can be seen does not explain it.
    Unknown,
}

/// A verdict with what it rests on.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    pub(super) evidence: Vec<String>,
    pub(super) not_seen: Vec<String>,
    pub(super) missing_variable: Option<String>,
}

impl Decided {
    fn of(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: vec![evidence.into()], not_seen: Vec::new(), missing_variable: None }
    }

    fn without_seeing(mut self, what: &str) -> Self {
        self.not_seen.push(what.to_owned());
        self
    }
}

pub(super) fn decide(facts: &Facts) -> Decided {
    let mut decided = match (facts.latest(), &facts.origin) {
        (Some(delivery), _) => of_delivery(facts, delivery),
        (None, Some((id, origin))) => without_delivery(facts, *id, origin),
        (None, None) => Decided::of(Verdict::NeverTriggered, "Nobody sent this template to them in this time.")
            .without_seeing("sends before `since`"),
    };
    if facts.deliveries.len() > 1 {
        decided.evidence.push(format!("It is the newest of {} deliveries in this time.", facts.deliveries.len()));
    }
    decided
}

static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?:customer|trigger|event|journey|objects|snippets|message)(?:\.\w+|\[[^\]]*\])+").ok()
});

fn of_delivery(facts: &Facts, delivery: &Delivery) -> Decided {
    let (state, is_final) = standing_of(delivery);
    let evidence = format!("Delivery {} came as far as `{state}`.", delivery.id);
    let failure = delivery.failure_message.as_deref().unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| failure.to_lowercase().contains(word));
    match state {
        "failed" => {
            let found = VARIABLE.as_ref().and_then(|pattern| pattern.find(failure));
            let missing_variable = found.map(|found| found.as_str().to_owned());
            let decided = Decided::of(Verdict::FailedRendering, evidence);
            if missing_variable.is_none() {
                let decided = Decided { verdict: Verdict::Undeliverable, ..decided };
                return if says(&["liquid", "template", "syntax", "render", "filter", "tag"]) {
                    Decided { verdict: Verdict::FailedRendering, ..decided }
                } else {
                    decided.without_seeing("why it failed: Customer.io's words name no variable")
                };
            }
            Decided { missing_variable, ..decided }
        }
        "undeliverable" if says(&["unsubscribed", "not subscribed"]) => {
            let mut decided = Decided::of(Verdict::NotSentUnsubscribed, evidence);
            decided.evidence.push(told_subscription(facts));
            decided
        }
        "undeliverable" if says(&["suppress"]) => Decided::of(Verdict::NotSentSuppressed, evidence),
        "undeliverable" if failure.is_empty() && facts.person.unsubscribed => {
            let mut decided = Decided::of(Verdict::NotSentUnsubscribed, evidence);
            decided.evidence.push(told_subscription(facts));
            decided.without_seeing("Customer.io's own reason: it gives none")
        }
        "undeliverable" => {
            let mut decided = Decided::of(Verdict::Undeliverable, evidence);
            decided.evidence.extend(
                facts
                    .optouts
                    .iter()
                    .map(|optout| format!("They opted out of {} from {}.", optout.channel, optout.from)),
            );
            decided
        }
        "bounced" => Decided::of(Verdict::SentAndBounced, evidence),
        "dropped" | "suppressed" => {
            let mut decided = Decided::of(Verdict::NotSentSuppressed, evidence);
            decided.evidence.push(match &facts.suppressions.category {
                Some(category) => format!("Their address is on the e-mail provider's list of {category}."),
                None => "Their address is on no suppression list now.".to_owned(),
            });
            decided
        }
        "drafted" => Decided::of(Verdict::HeldAsDraft, evidence),
        "spammed" => {
            let mut decided = Decided::of(Verdict::SentAndDelivered, evidence);
            decided.evidence.push("They reported it as spam.".to_owned());
            decided
        }
        _ if is_final => Decided::of(Verdict::SentAndDelivered, evidence)
            .without_seeing("what the recipient's own mail program made of it, such as a spam folder"),
        _ if facts.now - delivery.created.unwrap_or_default() < ON_ITS_WAY_SECONDS => {
            Decided::of(Verdict::TooRecentToSay, evidence)
        }
        _ => Decided::of(Verdict::Unknown, evidence).without_seeing("what became of it after that"),
    }
}

fn told_subscription(facts: &Facts) -> String {
    match (facts.person.unsubscribed, facts.left_topic()) {
        (true, _) => "They are unsubscribed from everything.".to_owned(),
        (false, Some(topic)) => format!("They are unsubscribed from its topic, {topic}."),
        (false, None) => "They are subscribed now: it was changed since.".to_owned(),
    }
}

fn without_delivery(facts: &Facts, id: OriginId, origin: &Origin) -> Decided {
    let none = "There is no delivery of it to them in this time.";
    let mut decided = match id {
        OriginId::Campaign(_) if origin.active == Some(false) => {
            Decided::of(Verdict::CampaignNotRunning, "The campaign is not running.")
        }
        OriginId::Broadcast(_) if origin.active == Some(false) => {
            Decided::of(Verdict::CampaignNotRunning, "The broadcast is not running.")
        }
        OriginId::Newsletter(_) if origin.sent_at.is_none() => {
            let state = if origin.state.is_empty() { "not sent" } else { origin.state.as_str() };
            Decided::of(Verdict::CampaignNotRunning, format!("The newsletter has not been sent: it is {state}."))
        }
        OriginId::Newsletter(_) if origin.sent_at.is_some_and(|at| at < facts.since) => {
            Decided::of(Verdict::NeverTriggered, "The newsletter was sent before `since`.")
        }
        OriginId::Broadcast(_) if facts.triggered.is_empty() => {
            Decided::of(Verdict::NeverTriggered, "The broadcast was not triggered in this time.")
        }
        _ => kept_away(facts, id, origin),
    };
    decided.evidence.push(none.to_owned());
    decided
}

/// Why somebody is not among those who got what was sent.
fn kept_away(facts: &Facts, id: OriginId, origin: &Origin) -> Decided {
    let is_in = |segment: &i64| facts.segments.iter().any(|own| own.id == *segment);
    let asked_for =
        if matches!(id, OriginId::Newsletter(_)) { &origin.recipient_segment_ids } else { &origin.trigger_segment_ids };
    let outside = !asked_for.is_empty() && !asked_for.iter().any(is_in);
    let filtered = !origin.filter_segment_ids.is_empty() && !origin.filter_segment_ids.iter().any(is_in);
    if outside || filtered {
        let wanted = if outside { asked_for } else { &origin.filter_segment_ids };
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        return Decided::of(
            Verdict::NotInSegment,
            format!("It goes to people in segment {}, and they are in none of these now.", wanted.join(", ")),
        )
        .without_seeing("whether they were in it earlier, and conditions that are no segments");
    }
    if facts.person.unsubscribed || facts.left_topic().is_some() {
        return Decided::of(Verdict::NotSentUnsubscribed, told_subscription(facts))
            .without_seeing("whether it goes to the unsubscribed too");
    }
    let last_start = facts.triggered.iter().copied().chain(origin.sent_at).max();
    if last_start.is_some_and(|at| facts.now - at < ON_ITS_WAY_SECONDS) {
        return Decided::of(Verdict::TooRecentToSay, "It was sent less than an hour ago.");
    }
    if matches!(id, OriginId::Campaign(_)) && asked_for.is_empty() {
        return Decided::of(Verdict::NeverTriggered, "The campaign is running, and no segment triggers it.")
            .without_seeing("which event or date triggers it: the API does not tell; compare with the timeline");
    }
    Decided::of(Verdict::Unknown, "Nothing that can be seen keeps it from them.").without_seeing(match id {
        OriginId::Campaign(_) => {
            "where in the campaign they are, its delays, conditions and frequency: the API does not tell"
        }
        _ => "conditions on attributes in its audience, and limits on how many messages somebody gets",
    })
}
