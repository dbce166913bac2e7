//! Reading deliveries through the App API, where they are called messages (behaviour.md section 6).

use serde_json::json;

use super::{
    deliveries::Delivery,
    page::Page,
    profiles,
    reply::{Answer, Reply},
    request::Call,
    transactional::INLINE_ID,
    world::World,
};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;
/// Parents a transactional delivery does not have: asking for one finds none of ours.
const PARENTS: [&str; 3] = ["campaign_id", "newsletter_id", "action_id"];

/// Newest first, with the filters all the lists share.
fn page(world: &World, call: &Call, wanted: impl Fn(&Delivery) -> bool) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let text = |name: &str| call.query(name).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (time("start_ts"), time("end_ts"));
    let (kind, metric, state) = (text("type"), text("metric"), text("state"));
    let rows = world
        .deliveries
        .list
        .iter()
        .rev()
        .filter(|delivery| kind.is_none_or(|kind| delivery.channel.delivery_type() == kind))
        .filter(|delivery| metric.is_none_or(|metric| delivery.metrics.contains_key(metric)))
        .filter(|delivery| state.is_none_or(|state| delivery.metrics.contains_key(state)))
        .filter(|delivery| start.is_none_or(|start| delivery.created >= start))
        .filter(|delivery| end.is_none_or(|end| delivery.created <= end))
        .filter(|delivery| wanted(delivery));
    let (rows, next) = page.cut(rows.map(|delivery| (delivery.sequence, delivery)));
    let rows: Vec<_> = rows.iter().map(|delivery| delivery.shown(&world.recipient_identifiers(delivery))).collect();
    Ok(Reply::ok(&json!({"messages": rows, "next": next})))
}

/// `GET /v1/messages`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let has_parent = PARENTS.iter().any(|parent| call.query(parent).is_some_and(|id| !id.is_empty()));
    let drafts = call.query("drafts") == Some("true");
    page(world, call, |delivery| !has_parent && (!drafts || delivery.metrics.contains_key("drafted")))
}

/// `GET /v1/customers/{customer_id}/messages`.
pub(super) fn of_person(world: &mut World, call: &Call) -> Answer {
    let key = profiles::named(world, call)?.key;
    page(world, call, |delivery| delivery.person == Some(key))
}

/// `GET /v1/transactional/{transactional_id}/messages`. Id 1 gathers the e-mails without a template.
pub(super) fn of_transactional(world: &mut World, call: &Call) -> Answer {
    let id = match call.param("transactional_id").parse() {
        Ok(INLINE_ID) => INLINE_ID,
        _ => world.transactional(call)?.id,
    };
    page(world, call, |delivery| delivery.transactional_id == id)
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
