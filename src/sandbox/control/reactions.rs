//! The rules of how recipients take messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{body, refuse};
use crate::sandbox::{
    reactions::Reaction,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// All rules, the first that fits first.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reactions {
    /// In this order.
    reactions: Vec<Reaction>,
}

/// `GET /_sandbox/reactions`.
pub(super) fn shown(world: &mut World, _call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"reactions": world.reactions})))
}

/// `PUT /_sandbox/reactions`.
pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let asked: Reactions = body(call)?;
    for (at, reaction) in asked.reactions.iter().enumerate() {
        reaction.check().map_err(|error| refuse(400, format!("reactions[{at}]: {error}")))?;
    }
    world.reactions = asked.reactions;
    shown(world, call)
}

/// `DELETE /_sandbox/reactions`.
pub(super) fn clear(world: &mut World, call: &Call) -> Answer {
    world.reactions.clear();
    shown(world, call)
}
