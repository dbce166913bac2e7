//! What a recipient does with one message, at the moment of the call.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{body_or_default, refuse};
use crate::sandbox::{
    deliveries::{Delivery, Stage},
    reactions::Happening,
    reply::{Answer, Reply},
    request::Call,
    transactional::Channel,
    world::World,
};

/// What a recipient, or their provider, can do.
pub(super) const DEEDS: [&str; 6] = ["opens", "clicks", "converts", "unsubscribes", "complains", "bounces"];

/// More about a click.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reacting {
    /// Which link of the message, counted from 1; for clicks.
    #[schemars(range(min = 1))]
    link: usize,
    /// A scanner does it, not a human; for clicks.
    machine: bool,
}

impl Default for Reacting {
    fn default() -> Self {
        Self { link: 1, machine: false }
    }
}

/// `POST /_sandbox/deliveries/{id}/{does}`.
pub(super) fn react(world: &mut World, call: &Call) -> Answer {
    let (id, does) = (call.param("id"), call.param("does"));
    if !DEEDS.contains(&does) {
        return Err(refuse(404, format!("nobody can '{does}': it is one of {}", DEEDS.join(", "))));
    }
    let asked: Reacting = body_or_default(call)?;
    let place = world.deliveries.place(id).ok_or_else(|| refuse(404, format!("there is no delivery '{id}'")))?;
    let delivery = &world.deliveries.list[place];
    present(delivery).map_err(|error| refuse(409, error))?;
    let now = world.now();
    match happening(delivery, does, &asked).map_err(|error| refuse(409, error))? {
        Some(happening) => world.happen(place, happening, now),
        None => world.send_back(place, now),
    }
    let delivery = &world.deliveries.list[place];
    Ok(Reply::ok(&json!({"id": delivery.id, "metrics": delivery.metrics})))
}

/// Whether the recipient has the message.
fn present(delivery: &Delivery) -> Result<(), String> {
    let ended = ["failed", "undeliverable", "dropped", "bounced", "drafted"];
    if let Some(end) = ended.into_iter().find(|end| delivery.metrics.contains_key(end)) {
        return Err(format!("nobody has this message: it is {end}"));
    }
    if matches!(delivery.stage, Stage::Scheduled | Stage::Queued | Stage::Sent) {
        return Err("the message is still on its way: move the clock on, to 2 seconds after it is due".to_owned());
    }
    Ok(())
}

/// What happens then; nothing for a bounce, which the recipient's provider makes.
fn happening(delivery: &Delivery, does: &str, asked: &Reacting) -> Result<Option<Happening>, String> {
    let channel = delivery.channel.delivery_type();
    let only_email = |happening| match delivery.channel {
        Channel::Email => Ok(Some(happening)),
        _ => Err(format!("{does} is for e-mails, and this message's channel is {channel}")),
    };
    match does {
        "clicks" | "opens" if !delivery.tracked => Err("the message is not tracked, so nobody would notice".to_owned()),
        "clicks" => {
            let link = asked.link.checked_sub(1).and_then(|at| delivery.links.get(at).copied());
            let missing =
                || format!("there is no link {}: tracked links in the message: {}", asked.link, delivery.links.len());
            let link = link.ok_or_else(missing)?;
            Ok(Some(Happening::Clicks { link, machine: asked.machine }))
        }
        "opens" if matches!(delivery.channel, Channel::Sms | Channel::Webhook) => {
            Err(format!("opens is not noticed on channel {channel}"))
        }
        "opens" => Ok(Some(Happening::Opens)),
        "converts" => Ok(Some(Happening::Converts)),
        "unsubscribes" => only_email(Happening::Unsubscribes),
        "complains" => only_email(Happening::Complains),
        _ if delivery.channel.reports_delivery() => Ok(None),
        _ => Err(format!("bounces are not reported on channel {channel}")),
    }
}
