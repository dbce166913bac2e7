//! Reading deliveries through the App API, where they are called messages (behaviour.md section 6).

use serde_json::{Map, Value, json};

use super::{
    deliveries::Delivery,
    page::Page,
    profiles,
    reply::{Answer, Reply},
    request::Call,
    source::Scope,
    world::World,
};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// Newest first, with the filters all the lists share.
fn page(world: &World, call: &Call, wanted: impl Fn(&Delivery) -> bool) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let text = |name: &str| call.query(name).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (time("start_ts"), time("end_ts"));
    let (kind, metric, state) = (text("type"), text("metric"), text("state"));
    let drafts = text("drafts") == Some("true");
    let rows = world
        .deliveries
        .list
        .iter()
        .rev()
        .filter(|delivery| kind.is_none_or(|kind| delivery.channel.delivery_type() == kind))
        .filter(|delivery| metric.is_none_or(|metric| delivery.metrics.contains_key(metric)))
        .filter(|delivery| state.is_none_or(|state| delivery.metrics.contains_key(state)))
        .filter(|delivery| !drafts || delivery.metrics.contains_key("drafted"))
        .filter(|delivery| start.is_none_or(|start| delivery.created >= start))
        .filter(|delivery| end.is_none_or(|end| delivery.created <= end))
        .filter(|delivery| wanted(delivery));
    let (rows, next) = page.cut(rows.map(|delivery| (delivery.sequence, delivery)));
    let rows: Vec<_> = rows.iter().map(|delivery| delivery.shown(&world.recipient_identifiers(delivery))).collect();
    Ok(Reply::ok(&json!({"messages": rows, "next": next})))
}

/// `GET /v1/messages`: of one parent, where the query names it.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let parents: Vec<_> = ["campaign_id", "newsletter_id", "action_id"]
        .into_iter()
        .filter_map(|parent| Some((parent, call.query(parent).filter(|id| !id.is_empty())?.parse::<u64>().ok())))
        .collect();
    page(world, call, |delivery| {
        let shown = if parents.is_empty() { Map::new() } else { delivery.source.shown() };
        parents.iter().all(|(parent, id)| id.is_some() && shown.get(*parent).and_then(Value::as_u64) == *id)
    })
}

/// `GET /v1/customers/{customer_id}/messages`: what has no campaign or action says null, as in `/v1/messages`; the
/// description of this list alone has them as integers.
pub(super) fn of_person(world: &mut World, call: &Call) -> Answer {
    let key = profiles::named(world, call)?.key;
    page(world, call, |delivery| delivery.person == Some(key))
}

/// `GET …/messages` of a campaign, broadcast, newsletter or transactional message.
pub(super) fn of_message(world: &mut World, call: &Call) -> Answer {
    let scope = Scope::of(world, call)?;
    page(world, call, |delivery| scope.includes(delivery))
}

/// `GET /v1/messages/{message_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    let delivery = world.deliveries.get(call.param("message_id")).ok_or_else(|| world.not_found())?;
    Ok(Reply::ok(&json!({"message": delivery.shown(&world.recipient_identifiers(delivery))})))
}

/// `GET /v1/messages/{message_id}/archived_message`.
pub(super) fn archived(world: &mut World, call: &Call) -> Answer {
    let delivery = world.deliveries.get(call.param("message_id")).ok_or_else(|| world.not_found())?;
    Ok(Reply::ok(&json!({"archived_message": delivery.archived()})))
}
