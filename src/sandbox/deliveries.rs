//! Deliveries: what each sent message is and what became of it (behaviour.md section 6).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{
    people::{Person, PersonKey},
    reactions::{Click, Happening},
    source::Source,
    transactional::{Channel, Content},
};

/// One message to one recipient.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// Its place in the order of creation.
    pub(super) sequence: u64,
    pub(super) id: String,
    pub(super) person: Option<PersonKey>,
    /// Who it was for when it was made.
    pub(super) identifiers: Value,
    pub(super) source: Source,
    /// The name of what it comes from.
    pub(super) name: String,
    pub(super) channel: Channel,
    pub(super) content: Content,
    /// The address as given, before Liquid.
    pub(super) to: String,
    pub(super) bcc: String,
    pub(super) fake_bcc: bool,
    pub(super) headers: Vec<Value>,
    /// `message_data`, or the data of a broadcast, read in Liquid as `trigger`.
    pub(super) trigger: Map<String, Value>,
    pub(super) send_to_unsubscribed: bool,
    /// Hold it as a draft instead of sending it.
    pub(super) queue_draft: bool,
    /// Whether the body may be read back.
    pub(super) retains_body: bool,
    /// Whether opens and clicks are noticed.
    pub(super) tracked: bool,
    /// Unix seconds.
    pub(super) created: i64,
    /// When it is to be sent, in Unix milliseconds.
    pub(super) due_ms: i64,
    pub(super) stage: Stage,
    /// What will become of it, once that is decided; it shows when it happens.
    pub(super) verdict: Option<Verdict>,
    pub(super) rendered: Option<Rendered>,
    pub(super) failure: Option<String>,
    /// What happened, by name, in Unix seconds.
    pub(super) metrics: BTreeMap<&'static str, i64>,
    /// The numbers of its tracked links, as they stand in the body.
    pub(super) links: Vec<u64>,
    pub(super) clicks: Vec<Click>,
    /// What its recipient will do with it, in order of time (Unix milliseconds).
    pub(super) coming: Vec<(i64, Happening)>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for its time; not rendered yet.
    Scheduled,
    /// Rendered, to be handed over in a moment.
    Queued,
    /// Handed over; the channel will report its arrival.
    Sent,
    /// Arrived; its recipient has still to do with it what they will do.
    Arrived,
    /// Nothing more will happen by itself.
    Settled,
}

/// How a delivery ends, with the reason why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Sends,
    /// It never leaves: Liquid could not be rendered.
    Fails(String),
    /// It may not go to this recipient.
    Undeliverable(String),
    /// The e-mail provider refuses the address.
    Dropped(String),
}

/// A message after Liquid.
#[derive(Debug, Clone, Default)]
pub(super) struct Rendered {
    pub(super) recipient: String,
    pub(super) from: String,
    pub(super) reply_to: String,
    pub(super) subject: String,
    pub(super) preheader: String,
    pub(super) body: String,
}

/// All deliveries, in the order they were made.
#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    pub(super) list: Vec<Delivery>,
    by_id: HashMap<String, usize>,
    /// Those that are not settled, as places in the list.
    pub(super) open: Vec<usize>,
    /// How many a fixture told of.
    pub(super) past: usize,
}

impl Deliveries {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Delivery> {
        self.list.get(*self.by_id.get(id)?)
    }

    /// The place in the list of the delivery with that id.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Adds a delivery at the end.
    pub(super) fn add(&mut self, mut delivery: Delivery) {
        let place = self.list.len();
        delivery.sequence = place as u64 + 1;
        self.by_id.insert(delivery.id.clone(), place);
        self.open.push(place);
        self.list.push(delivery);
    }

    /// How many have left since the start: those a fixture tells of are not counted.
    pub(super) fn sent_count(&self) -> usize {
        self.list.iter().skip(self.past).filter(|delivery| delivery.metrics.contains_key("sent")).count()
    }

    /// Keeps the identifiers a deleted person had last.
    pub(super) fn remember_identifiers(&mut self, key: PersonKey, person: &Person) {
        for delivery in self.list.iter_mut().filter(|delivery| delivery.person == Some(key)) {
            delivery.identifiers = person.identifiers();
        }
    }

    /// Gives a merged person's deliveries to the one who stays.
    pub(super) fn hand_over(&mut self, from: PersonKey, to: PersonKey) {
        for delivery in self.list.iter_mut().filter(|delivery| delivery.person == Some(from)) {
            delivery.person = Some(to);
        }
    }
}

impl Delivery {
    /// The recipient and subject to show: rendered ones once there are any.
    fn headline(&self) -> (&str, &str) {
        match &self.rendered {
            Some(rendered) => (&rendered.recipient, &rendered.subject),
            None => (&self.to, &self.content.subject),
        }
    }

    /// The delivery as `/v1/messages` shows it; `identifiers` are those of the person now.
    pub(super) fn shown(&self, identifiers: &Value) -> Value {
        let (recipient, subject) = self.headline();
        let mut shown = json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.created),
            "message_template_id": self.content.id,
            // The older key of the two is text.
            "msg_template_id": self.content.id.to_string(),
            "customer_id": identifiers["id"],
            "customer_identifiers": identifiers,
            "recipient": recipient,
            "subject": subject,
            "metrics": self.metrics,
            "created": self.created,
            "failure_message": self.failure,
            "type": self.channel.delivery_type(),
            "forgotten": false,
        });
        if let Value::Object(shown) = &mut shown {
            shown.extend(self.source.shown());
        }
        shown
    }

    /// The message as it went out. Without retention only the fact of it is left.
    pub(super) fn archived(&self) -> Value {
        let rendered = self.rendered.clone().unwrap_or_default();
        let (recipient, subject) = self.headline();
        let kept = |text: &str| if self.retains_body { text.to_owned() } else { String::new() };
        let mut archived = json!({
            "id": self.id,
            "body": kept(&rendered.body),
            "from": rendered.from,
            "reply_to": rendered.reply_to,
            "recipient": recipient,
            "subject": kept(subject),
            "bcc": self.bcc,
            "fake_bcc": self.fake_bcc,
            "preheader_text": kept(&rendered.preheader),
            "headers": self.headers,
            "forgotten": !self.retains_body,
        });
        // Only a webhook has these; a description of 2022 names the methods, and "" is none of them.
        if self.channel == Channel::Webhook {
            archived["url"] = json!(self.content.recipient);
            archived["request_method"] = json!("POST");
        }
        archived
    }
}
