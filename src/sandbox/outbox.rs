//! Making the deliveries of campaigns, broadcasts and newsletters. Transactional ones are made in `send`.

use serde_json::{Map, Value};

use super::{
    deliveries::{Delivery, Stage, Verdict},
    ids,
    people::{Person, PersonKey},
    source::Source,
    transactional::{Channel, Content},
    world::World,
};

/// The attribute that holds a person's language.
const LANGUAGE: &str = "language";

/// A message on its way to one person.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) source: Source,
    /// The name of the campaign, broadcast or newsletter.
    pub(super) name: String,
    pub(super) channel: Channel,
    pub(super) content: Content,
    pub(super) person: PersonKey,
    pub(super) trigger: Map<String, Value>,
    /// When it is made, in Unix seconds.
    pub(super) created: i64,
    /// When it is to be sent, in Unix milliseconds.
    pub(super) due_ms: i64,
    pub(super) queue_draft: bool,
    pub(super) verdict: Option<Verdict>,
}

impl World {
    /// Puts a message on its way.
    pub(super) fn post(&mut self, outgoing: Outgoing) {
        let Some(person) = self.people.get(outgoing.person) else { return };
        let identifiers = person.identifiers();
        // What a fixture tells of the past takes no randomness, so that it changes no id of the present.
        let id = if outgoing.created < self.now() {
            ids::past_delivery_id(&format!("{:?} {} {}", outgoing.source, person.cio_id, self.deliveries.len()))
        } else {
            ids::delivery_id(&*self.clock)
        };
        self.deliveries.add(Delivery {
            sequence: 0,
            id,
            person: Some(outgoing.person),
            identifiers,
            source: outgoing.source,
            name: outgoing.name,
            channel: outgoing.channel,
            to: outgoing.content.recipient(outgoing.channel).to_owned(),
            bcc: outgoing.content.bcc.clone(),
            fake_bcc: outgoing.content.fake_bcc,
            headers: outgoing.content.headers.clone(),
            content: outgoing.content,
            trigger: outgoing.trigger,
            send_to_unsubscribed: false,
            queue_draft: outgoing.queue_draft,
            retains_body: true,
            tracked: true,
            created: outgoing.created,
            due_ms: outgoing.due_ms,
            stage: Stage::Scheduled,
            verdict: outgoing.verdict,
            rendered: None,
            failure: None,
            metrics: [("created", outgoing.created)].into(),
            links: Vec::new(),
            clicks: Vec::new(),
            coming: Vec::new(),
        });
    }
}

/// The content for a person: the one in their language (`de-AT`, else `de`), or the default, which is the first.
pub(super) fn in_language_of<'a>(person: &Person, contents: &'a [Content]) -> Option<&'a Content> {
    let language = person.text(LANGUAGE).unwrap_or_default();
    let base = language.split(['-', '_']).next().unwrap_or_default();
    let written_in = |wanted: &str| {
        contents.iter().find(|content| !wanted.is_empty() && content.language.eq_ignore_ascii_case(wanted))
    };
    written_in(&language).or_else(|| written_in(base)).or_else(|| contents.first())
}
