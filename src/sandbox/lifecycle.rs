//! The life of a delivery by the sandbox's clock: rendered when due, handed over a second later, delivered the next.
//!
//! Nothing runs in the background. Before each request the world is brought to the clock's now, and since nothing else
//! changes between two requests, a delivery meets the state it would have met at its own moment.

use serde_json::{Map, Value, json};

use super::{
    activities::Entry,
    attributes::Attribute,
    deliveries::{Delivery, Rendered, Stage, Verdict},
    links::HOST,
    people::Person,
    reactions::{Reaction, Reception},
    send::customer_namespace,
    source::Source,
    transactional::Channel,
    world::World,
};
use crate::{
    clock::{Clock, SharedClock},
    liquid,
};

/// From due to handed over, and from due to delivered, in milliseconds.
const SENT_AFTER_MS: i64 = 1000;
const DELIVERED_AFTER_MS: i64 = 2000;

impl World {
    /// Brings every import, export and delivery to where it stands now, and tells whether any has moved.
    pub(super) fn settle(&mut self) -> bool {
        let now_ms = self.clock.now_ms();
        let mut has_moved = self.settle_imports(now_ms);
        has_moved |= self.settle_exports(now_ms);
        has_moved |= self.launch_due_newsletters(now_ms / 1000);
        let open = std::mem::take(&mut self.deliveries.open);
        for place in open {
            while self.step(place, now_ms) {
                has_moved = true;
            }
            if self.deliveries.list.get(place).is_some_and(|delivery| delivery.stage != Stage::Settled) {
                self.deliveries.open.push(place);
            }
        }
        has_moved
    }

    /// One step of one delivery, if its time has come.
    fn step(&mut self, place: usize, now_ms: i64) -> bool {
        let Some(delivery) = self.deliveries.list.get(place) else { return false };
        let due_ms = delivery.due_ms;
        match delivery.stage {
            Stage::Scheduled if now_ms >= due_ms => self.prepare(place),
            Stage::Queued if now_ms >= due_ms + SENT_AFTER_MS => self.hand_over(place, due_ms + SENT_AFTER_MS),
            Stage::Sent if now_ms >= due_ms + DELIVERED_AFTER_MS => self.arrive(place, due_ms + DELIVERED_AFTER_MS),
            Stage::Arrived => match delivery.coming.first().copied() {
                Some((at_ms, happening)) if now_ms >= at_ms => {
                    if let Some(delivery) = self.deliveries.list.get_mut(place) {
                        delivery.coming.remove(0);
                    }
                    self.happen(place, happening, at_ms / 1000);
                }
                Some(_) => return false,
                None => {
                    if let Some(delivery) = self.deliveries.list.get_mut(place) {
                        delivery.stage = Stage::Settled;
                    }
                }
            },
            _ => return false,
        }
        true
    }

    /// Decides what will become of a delivery, and renders it.
    fn prepare(&mut self, place: usize) {
        let Some(delivery) = self.deliveries.list.get(place).cloned() else { return };
        let (verdict, rendered) = match self.obstacle(&delivery) {
            Some(verdict) => (verdict, None),
            None => match self.rendered(&delivery) {
                Ok(rendered) => (self.provider_verdict(&delivery, &rendered), Some(rendered)),
                Err(failure) => (Verdict::Fails(failure), None),
            },
        };
        let is_draft = delivery.queue_draft && matches!(verdict, Verdict::Sends | Verdict::Dropped(_));
        let is_tracked = delivery.tracked && delivery.channel == Channel::Email;
        let mut links = Vec::new();
        let rendered = rendered.map(|rendered| {
            if !is_tracked {
                return rendered;
            }
            let (body, found) = self.links.track(&delivery.id, &rendered.body);
            links = found;
            Rendered { body, ..rendered }
        });
        if let Some(delivery) = self.deliveries.list.get_mut(place) {
            delivery.links = links;
            delivery.rendered = rendered;
            delivery.verdict = Some(verdict);
            delivery.stage = Stage::Queued;
        }
        if is_draft {
            self.enter(place, Stage::Settled, "drafted", delivery.due_ms);
        }
    }

    /// What keeps a delivery from being sent at all.
    fn obstacle(&self, delivery: &Delivery) -> Option<Verdict> {
        if delivery.verdict.is_some() {
            return delivery.verdict.clone();
        }
        let person = self.people.get(delivery.person?);
        let undeliverable = |why: &str| Some(Verdict::Undeliverable(why.to_owned()));
        match person {
            None => undeliverable("the person was deleted"),
            Some(person) if person.is_unsubscribed() && !delivery.send_to_unsubscribed => {
                undeliverable("the person is unsubscribed")
            }
            Some(person) if self.optouts.refuses(person.key, delivery.channel, &delivery.content.from) => {
                undeliverable("the person opted out of this sender")
            }
            Some(_) => None,
        }
    }

    /// Whether the e-mail provider takes a message that is ready to go.
    fn provider_verdict(&self, delivery: &Delivery, rendered: &Rendered) -> Verdict {
        let is_email = delivery.channel.delivery_type() == "email";
        let refused = self.esp.refuses(&rendered.recipient, &rendered.from).filter(|_| is_email);
        refused.map_or(Verdict::Sends, Verdict::Dropped)
    }

    fn hand_over(&mut self, place: usize, at_ms: i64) {
        let Some(delivery) = self.deliveries.list.get_mut(place) else { return };
        match delivery.verdict.clone() {
            Some(Verdict::Fails(failure)) => {
                delivery.failure = Some(failure);
                self.enter(place, Stage::Settled, "failed", at_ms);
            }
            Some(Verdict::Undeliverable(failure)) => {
                delivery.failure = Some(failure);
                self.enter(place, Stage::Settled, "undeliverable", at_ms);
            }
            Some(Verdict::Dropped(failure)) => {
                delivery.failure = Some(failure);
                self.enter(place, Stage::Settled, "dropped", at_ms);
            }
            Some(Verdict::Sends) | None => {
                let is_email = delivery.channel == Channel::Email;
                let person = delivery.person.filter(|_| is_email);
                let reports = delivery.channel.reports_delivery();
                match (self.reception(place), reports) {
                    (Reception::Drops, true) => return self.enter(place, Stage::Settled, "dropped", at_ms),
                    (_, true) => self.enter(place, Stage::Sent, "sent", at_ms),
                    (_, false) => {
                        self.enter(place, Stage::Arrived, "sent", at_ms);
                        self.await_reaction(place, at_ms);
                    }
                }
                if let Some(person) = person.and_then(|key| self.people.get_mut(key)) {
                    let updated_at = at_ms / 1000;
                    let attribute = Attribute { value: json!(updated_at), updated_at };
                    person.attributes.insert("_last_emailed".to_owned(), attribute);
                }
            }
        }
    }

    fn reception(&self, place: usize) -> Reception {
        let delivery = self.deliveries.list.get(place);
        delivery.and_then(|delivery| self.reaction(delivery)).map_or(Reception::Arrives, Reaction::reception)
    }

    /// The channel reports what became of a message.
    fn arrive(&mut self, place: usize, at_ms: i64) {
        match self.reception(place) {
            Reception::Bounces | Reception::Drops => self.send_back(place, at_ms / 1000),
            Reception::Arrives => {
                self.enter(place, Stage::Arrived, "delivered", at_ms);
                self.await_reaction(place, at_ms);
            }
        }
    }

    /// The recipient's provider sends a message back, at `at` (Unix seconds). Nobody does anything with it any more.
    pub(super) fn send_back(&mut self, place: usize, at: i64) {
        if let Some(delivery) = self.deliveries.list.get_mut(place) {
            delivery.failure = Some("the recipient's provider sent it back".to_owned());
            delivery.coming.clear();
        }
        self.enter(place, Stage::Settled, "bounced", at * 1000);
    }

    /// Decides what the recipient will do with a message that is there.
    fn await_reaction(&mut self, place: usize, arrived_ms: i64) {
        let Some(delivery) = self.deliveries.list.get(place) else { return };
        let coming = self.reaction(delivery).map(|reaction| reaction.coming(delivery, arrived_ms));
        if let Some(delivery) = self.deliveries.list.get_mut(place) {
            delivery.coming = coming.unwrap_or_default();
        }
    }

    /// Moves a delivery on and notes it.
    fn enter(&mut self, place: usize, stage: Stage, metric: &'static str, at_ms: i64) {
        if let Some(delivery) = self.deliveries.list.get_mut(place) {
            delivery.stage = stage;
        }
        self.note(place, metric, at_ms / 1000);
    }

    /// Notes what happened to a delivery in its metrics, the first time of each kind, and in the activity log.
    pub(super) fn note(&mut self, place: usize, metric: &'static str, at: i64) {
        self.note_with(place, metric, at, Map::new());
    }

    /// The same with what else is known about it.
    pub(super) fn note_with(&mut self, place: usize, metric: &'static str, at: i64, more: Map<String, Value>) {
        let receiver = self.deliveries.list.get(place).and_then(|delivery| self.receiver(delivery));
        let Some(delivery) = self.deliveries.list.get_mut(place) else { return };
        delivery.metrics.entry(metric).or_insert(at);
        let delivered = delivery.metrics.get("delivered").copied();
        let opened = delivery.metrics.contains_key("opened");
        let opened = (opened || delivered.is_some()).then_some(opened);
        let mut data = json!({"delivery_id": delivery.id, "delivered": delivered, "opened": opened});
        if let Value::Object(data) = &mut data {
            data.extend(more);
        }
        let kind = delivery.channel.delivery_type();
        let entry = Entry {
            kind: format!("{metric}_{kind}"),
            timestamp: Some(at),
            data,
            delivery_id: Some(delivery.id.clone()),
            delivery_type: receiver,
            ..Entry::default()
        };
        let (person, identifiers) = (delivery.person, delivery.identifiers.clone());
        self.record_entry(person, identifiers, entry);
    }

    /// What a message is received with: the vendor's word for it is the type of the delivery, and it has none for
    /// what is shown in an app or goes to a webhook.
    fn receiver(&self, delivery: &Delivery) -> Option<&'static str> {
        match delivery.channel {
            Channel::Email => Some("email"),
            Channel::Sms | Channel::Whatsapp => Some("phone"),
            Channel::Push => {
                let devices = &self.people.get(delivery.person?)?.devices;
                let named = devices.iter().find(|device| device.token == delivery.to);
                let device = named.or_else(|| devices.iter().max_by_key(|device| device.last_used))?;
                Some(if device.platform == "android" { "android" } else { "ios" })
            }
            Channel::InApp | Channel::InboxMessage | Channel::Webhook => None,
        }
    }

    /// The message with everything Liquid put in, or the failure that names what is missing.
    fn rendered(&self, delivery: &Delivery) -> Result<Rendered, String> {
        let data = self.liquid_data(delivery);
        let render = |template: &str| liquid::render(template, &data).map_err(|error| error.to_string());
        let content = &delivery.content;
        Ok(Rendered {
            recipient: render(&delivery.to)?,
            from: render(&content.from)?,
            reply_to: render(&content.reply_to)?,
            subject: render(&content.subject)?,
            preheader: render(&content.preheader)?,
            body: render(&content.body)?,
        })
    }

    /// The namespaces a message has. Another one does not exist and renders nothing.
    fn liquid_data(&self, delivery: &Delivery) -> liquid::Data {
        let person = delivery.person.and_then(|key| self.people.get(key));
        let content = &delivery.content;
        let mut namespaces = Map::new();
        namespaces.insert("customer".to_owned(), Value::Object(person.map(customer_namespace).unwrap_or_default()));
        if let Some(campaign) = self.campaign_namespace(delivery.source) {
            namespaces.insert("campaign".to_owned(), campaign);
        }
        if matches!(delivery.source, Source::Transactional(_) | Source::BroadcastAction { .. }) {
            namespaces.insert("trigger".to_owned(), Value::Object(delivery.trigger.clone()));
        }
        namespaces.insert("journey".to_owned(), json!({}));
        namespaces.insert("objects".to_owned(), self.objects_namespace(delivery.person));
        namespaces.insert("delivery_id".to_owned(), json!(delivery.id));
        let message_id = match delivery.source {
            Source::Transactional(id) => id,
            Source::Action { action, .. } | Source::BroadcastAction { action, .. } => action,
            Source::Newsletter { content, .. } => content,
        };
        let message = json!({
            "id": message_id,
            "name": delivery.name,
            "type": delivery.channel.delivery_type(),
            "subject": content.subject,
            "preheader": content.preheader,
            "send_to_unsubs": delivery.send_to_unsubscribed,
        });
        namespaces.insert("message".to_owned(), message);
        let clock: SharedClock = self.clock.clone();
        liquid::Data {
            namespaces,
            snippets: self.snippets.iter().map(|(name, snippet)| (name.clone(), snippet.value.clone())).collect(),
            links: links(&delivery.id),
            clock,
        }
    }

    /// Who a delivery is for, as of now or as of when they were last known.
    pub(super) fn recipient_identifiers(&self, delivery: &Delivery) -> Value {
        let person = delivery.person.and_then(|key| self.people.get(key));
        person.map_or_else(|| delivery.identifiers.clone(), Person::identifiers)
    }
}

/// Where the vendor's tags lead in one delivery.
fn links(delivery_id: &str) -> liquid::Links {
    let address = |path: &str| format!("{HOST}/{path}/{delivery_id}");
    liquid::Links {
        unsubscribe_url: address("unsubscribe"),
        manage_subscription_preferences_url: address("manage-subscription-preferences"),
        view_in_browser_url: address("view-in-browser"),
        tracking_consent_url: address("tracking-consent"),
        subscription_topic_name: String::new(),
        cio_link_id: format!("link-{delivery_id}"),
        countdown_url: address("countdown.gif"),
    }
}
