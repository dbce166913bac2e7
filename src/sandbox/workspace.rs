//! What belongs to the workspace as a whole: region, usage, addresses.

use serde_json::json;

use super::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

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

/// `GET /v1/info/ip_addresses`: where messages and webhooks come from, which is this machine.
pub(super) fn ip_addresses(_world: &mut World, call: &Call) -> Answer {
    let host = url::Url::parse(&call.base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let address = host.map(|host| host.trim_matches(['[', ']']).to_owned());
    Ok(Reply::ok(&json!({"ip_addresses": address.into_iter().collect::<Vec<_>>()})))
}
