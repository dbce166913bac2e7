//! Sender identities: who a message may come from (behaviour.md section 10). They are made in the vendor's interface.

use serde_json::{Value, json};

use super::{
    fixture::Sender,
    page::Page,
    reply::{Answer, Reply},
    request::Call,
    transactional::Content,
    world::World,
};

/// The vendor states no page size for sender identities.
const LIMIT: usize = 100;

impl Sender {
    fn shown(&self) -> Value {
        let (address, kind) = match &self.phone {
            Some(phone) => (phone.clone(), "phone"),
            None => (format!("{} <{}>", self.name, self.email), "email"),
        };
        json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.id),
            "name": self.name,
            "email": self.email,
            "address": address,
            "template_type": kind,
            "auto_generated": false,
        })
    }
}

impl World {
    fn sender(&self, call: &Call) -> Result<&Sender, Reply> {
        let id: Option<u64> = call.param("sender_id").parse().ok();
        self.senders.iter().find(|sender| Some(sender.id) == id).ok_or_else(|| self.not_found())
    }
}

/// `GET /v1/sender_identities`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, LIMIT, LIMIT)?;
    let mut rows: Vec<_> = world.senders.iter().map(|sender| (sender.id, sender)).collect();
    rows.sort_by_key(|(id, _)| *id);
    if call.query("sort") == Some("desc") {
        rows.reverse();
    }
    let (rows, next) = page.cut(rows.into_iter());
    let senders: Vec<_> = rows.into_iter().map(Sender::shown).collect();
    Ok(Reply::ok(&json!({"sender_identities": senders, "next": next})))
}

/// `GET /v1/sender_identities/{sender_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"sender_identity": world.sender(call)?.shown()})))
}

/// `GET /v1/sender_identities/{sender_id}/used_by`: without the wrapper that segments have. Transactional messages are
/// not among what the vendor lists.
pub(super) fn used_by(world: &mut World, call: &Call) -> Answer {
    let id = Some(world.sender(call)?.id);
    let uses = |content: &Content| content.from_id == id || content.reply_to_id == id;
    let campaigns = world
        .campaigns
        .values()
        .filter(|campaign| campaign.actions.iter().flat_map(|action| &action.contents).any(uses));
    let newsletters = |sent: bool| -> Vec<u64> {
        let using = world.newsletters.values().filter(|newsletter| newsletter.contents().any(uses));
        using.filter(|newsletter| newsletter.is_sent() == sent).map(|newsletter| newsletter.id).collect()
    };
    Ok(Reply::ok(&json!({
        "campaigns": campaigns.map(|campaign| campaign.id).collect::<Vec<_>>(),
        "sent_newsletters": newsletters(true),
        "draft_newsletters": newsletters(false),
    })))
}
