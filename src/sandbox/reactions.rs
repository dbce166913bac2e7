//! How recipients take a message: rules by address that make bounces, opens and clicks happen on the clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    deliveries::Delivery, faults::glob, identifiers::Identifier, identify::Upsert, transactional::Channel, world::World,
};
use serde_json::{Map, json};

/// One rule. The first whose address fits a recipient decides; without one a message arrives and that is all.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaction {
    /// Whom it is about: the address a message goes to, or the id or e-mail of the person. `*` stands for anything.
    #[schemars(length(min = 1))]
    address: String,
    /// The provider refuses to take it.
    #[serde(default)]
    drops: bool,
    /// It comes back.
    #[serde(default)]
    bounces: bool,
    /// It is opened, counted from its arrival as the rest is.
    opens_after_seconds: Option<u32>,
    /// A link of it is clicked.
    clicks_after_seconds: Option<u32>,
    /// Which link of the message is clicked, counted from 1.
    #[serde(default = "first")]
    #[schemars(range(min = 1))]
    link: usize,
    /// A scanner clicks, not a human.
    #[serde(default)]
    machine: bool,
    /// The goal is reached.
    converts_after_seconds: Option<u32>,
    /// The recipient unsubscribes. E-mails only, as the next.
    unsubscribes_after_seconds: Option<u32>,
    /// It is reported as spam.
    complains_after_seconds: Option<u32>,
}

fn first() -> usize {
    1
}

/// What a recipient does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Opens,
    Clicks { link: u64, machine: bool },
    Converts,
    Unsubscribes,
    Complains,
}

/// A click on a link of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Click {
    pub(super) link: u64,
    /// Unix seconds.
    pub(super) at: i64,
    pub(super) machine: bool,
}

/// What becomes of a message once it has been handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    Arrives,
    Bounces,
    Drops,
}

impl Reaction {
    /// Why a rule makes no sense.
    pub(super) fn check(&self) -> Result<(), String> {
        let afterwards = [
            self.opens_after_seconds,
            self.clicks_after_seconds,
            self.converts_after_seconds,
            self.unsubscribes_after_seconds,
            self.complains_after_seconds,
        ];
        if self.address.is_empty() {
            return Err("address is empty".to_owned());
        }
        if self.link == 0 {
            return Err("links are counted from 1".to_owned());
        }
        if self.drops && self.bounces {
            return Err("a message is dropped or bounces, not both".to_owned());
        }
        if (self.drops || self.bounces) && afterwards.iter().any(Option::is_some) {
            return Err("a message that does not arrive is not read".to_owned());
        }
        Ok(())
    }

    fn fits(&self, delivery: &Delivery) -> bool {
        let recipient = delivery.rendered.as_ref().map(|rendered| rendered.recipient.as_str());
        let identifiers = ["id", "email"].into_iter().filter_map(|kind| delivery.identifiers[kind].as_str());
        let pattern = self.address.to_lowercase();
        recipient.into_iter().chain(identifiers).any(|text| glob(&pattern, &text.to_lowercase()))
    }

    pub(super) fn reception(&self) -> Reception {
        match (self.drops, self.bounces) {
            (true, _) => Reception::Drops,
            (false, true) => Reception::Bounces,
            (false, false) => Reception::Arrives,
        }
    }

    /// What follows the arrival of a delivery at `arrived_ms`, in order of time.
    pub(super) fn coming(&self, delivery: &Delivery, arrived_ms: i64) -> Vec<(i64, Happening)> {
        let is_email = delivery.channel == Channel::Email;
        let link = delivery.links.get(self.link - 1).copied();
        let opens = delivery.tracked && !matches!(delivery.channel, Channel::Sms | Channel::Webhook);
        let happenings = [
            (self.opens_after_seconds.filter(|_| opens), Some(Happening::Opens)),
            (
                self.clicks_after_seconds.filter(|_| delivery.tracked),
                link.map(|link| Happening::Clicks { link, machine: self.machine }),
            ),
            (self.converts_after_seconds, Some(Happening::Converts)),
            (self.unsubscribes_after_seconds.filter(|_| is_email), Some(Happening::Unsubscribes)),
            (self.complains_after_seconds.filter(|_| is_email), Some(Happening::Complains)),
        ];
        let mut coming: Vec<_> = happenings
            .into_iter()
            .filter_map(|(after, happening)| Some((arrived_ms + i64::from(after?) * 1000, happening?)))
            .collect();
        coming.sort_by_key(|(at_ms, _)| *at_ms);
        coming
    }
}

impl World {
    /// The rule for a delivery's recipient.
    pub(super) fn reaction(&self, delivery: &Delivery) -> Option<&Reaction> {
        self.reactions.iter().find(|reaction| reaction.fits(delivery))
    }

    /// Something a recipient did with a delivery, at `at` (Unix seconds). The first time of each kind shows on the
    /// delivery; clicks are all kept.
    pub(super) fn happen(&mut self, place: usize, happening: Happening, at: i64) {
        match happening {
            Happening::Opens => self.note(place, "opened", at),
            Happening::Clicks { link, machine } => {
                if let Some(delivery) = self.deliveries.list.get_mut(place) {
                    delivery.clicks.push(Click { link, at, machine });
                }
                self.note(place, "clicked", at);
            }
            Happening::Converts => self.note(place, "converted", at),
            Happening::Complains => self.note(place, "spammed", at),
            Happening::Unsubscribes => {
                self.note(place, "unsubscribed", at);
                let person = self.deliveries.list.get(place).and_then(|delivery| self.people.get(delivery.person?));
                if let Some(named) = person.map(|person| Identifier::CioId(person.cio_id.clone())) {
                    let attributes = Map::from_iter([("unsubscribed".to_owned(), json!(true))]);
                    self.upsert(&Upsert { named, attributes, update_only: true, at: Some(at), logs_missing: false });
                }
            }
        }
    }
}
