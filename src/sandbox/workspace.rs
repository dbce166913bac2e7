//! What belongs to the workspace as a whole: region, usage, topics, senders, exports.

use serde_json::json;

use super::{
    page::Page,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// The vendor states no page size for sender identities.
const SENDERS_LIMIT: usize = 100;

/// `GET /api/v1/accounts/region`. The URL is the sandbox's own: a client that follows it stays here.
pub(super) fn region(world: &mut World, call: &Call) -> Answer {
    Ok(region_answer(&world.workspace.region, &call.base_url, world.workspace.id))
}

/// What a workspace of the other region answers.
pub(super) fn other_region(world: &World) -> Reply {
    let region = if world.workspace.region == "us" { "eu" } else { "us" };
    let url = if region == "eu" { "https://track-eu.customer.io" } else { "https://track.customer.io" };
    region_answer(region, url, world.workspace.id)
}

fn region_answer(region: &str, url: &str, environment_id: u64) -> Reply {
    Reply::ok(&json!({"url": url, "region": region, "environment_id": environment_id}))
}

/// `GET /v1/workspaces`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let sent = world.deliveries.sent_count();
    let workspace = json!({
        "id": world.workspace.id,
        "name": world.workspace.name,
        "messages_sent": sent,
        "billable_messages_sent": sent,
        "people": world.people.len(),
        "object_types": world.object_types.len(),
        "objects": world.objects.len(),
    });
    Ok(Reply::ok(&json!({"workspaces": [workspace]})))
}

/// `GET /v1/subscription_topics`.
pub(super) fn topics(world: &mut World, _call: &Call) -> Answer {
    let topics: Vec<_> = world
        .topics
        .iter()
        .map(|topic| {
            json!({
                "id": topic.id,
                "identifier": topic.identifier(),
                "name": topic.name,
                "description": topic.description,
                "subscribed_by_default": topic.subscribed_by_default,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"topics": topics})))
}

/// `GET /v1/sender_identities`.
pub(super) fn senders(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, SENDERS_LIMIT, SENDERS_LIMIT)?;
    let mut rows: Vec<_> = world.senders.iter().map(|sender| (sender.id, sender)).collect();
    rows.sort_by_key(|(id, _)| *id);
    if call.query("sort") == Some("desc") {
        rows.reverse();
    }
    let (rows, next) = page.cut(rows.into_iter());
    let senders: Vec<_> = rows
        .into_iter()
        .map(|sender| {
            json!({
                "id": sender.id,
                "deduplicate_id": format!("{}:{}", sender.id, sender.id),
                "name": sender.name,
                "email": sender.email,
                "address": format!("{} <{}>", sender.name, sender.email),
                "template_type": "email",
                "auto_generated": false,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"sender_identities": senders, "next": next})))
}

/// `GET /v1/exports`: null when there are none, as recorded. Making one is not imitated.
pub(super) fn exports(_world: &mut World, _call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"exports": null})))
}
