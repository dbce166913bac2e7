//! Metrics, computed from what happened to the deliveries (behaviour.md section 6).

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde_json::{Map, json};

use super::{
    campaigns::Outcome,
    deliveries::Delivery,
    reactions::Click,
    reply::{Answer, Reply},
    request::Call,
    source::{Scope, Source},
    transactional::Channel,
    windows::{EASTERN, Unit, Windows},
    world::World,
};

/// The series of every report.
const SERIES: [&str; 14] = [
    "attempted",
    "bounced",
    "clicked",
    "converted",
    "created",
    "delivered",
    "drafted",
    "dropped",
    "failed",
    "opened",
    "sent",
    "spammed",
    "undeliverable",
    "unsubscribed",
];
/// What a webhook was answered with. The sandbox makes no calls of its own: every webhook counts as answered with 200.
const RESPONSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Fewer steps behave as this many.
const LEAST_STEPS: usize = 2;
const DEFAULT_MONTHS: usize = 12;

fn given<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.query(name).filter(|text| !text.is_empty())
}

/// A report by `period` and `steps`.
fn by_steps(world: &World, call: &Call) -> Result<Windows, Reply> {
    let refuse = |what: &str| world.app_error(400, &format!("invalid {what}"));
    let unit = match given(call, "period").unwrap_or("days") {
        period @ ("hours" | "days" | "weeks" | "months") => Unit::parse(period).ok_or_else(|| refuse("period"))?,
        _ => return Err(refuse("period")),
    };
    let default = if unit == Unit::Months { DEFAULT_MONTHS } else { unit.most() };
    let steps = match given(call, "steps") {
        None => default,
        Some(text) => text.parse::<usize>().map_err(|_| refuse("steps"))?.clamp(LEAST_STEPS, unit.most()),
    };
    Windows::last(unit, steps, world.now()).ok_or_else(|| refuse("steps"))
}

/// A report by `start`, `end` and a resolution, which the vendor names `res` and used to name `resolution`.
fn by_range(world: &World, call: &Call, zone: &TimeZone) -> Result<Windows, Reply> {
    let refuse = |what: &str| world.app_error(400, &format!("invalid {what}"));
    let seconds = |name: &str| given(call, name).and_then(|text| text.parse::<i64>().ok()).ok_or_else(|| refuse(name));
    let (start, end) = (seconds("start")?, seconds("end")?);
    let resolution = given(call, "res").or_else(|| given(call, "resolution"));
    let unit = resolution.and_then(Unit::parse).ok_or_else(|| refuse("res"))?;
    if end < start {
        return Err(refuse("end"));
    }
    Windows::between(unit, start, end, zone).ok_or_else(|| world.app_error(400, "the range is too long for res"))
}

fn zone(world: &World, call: &Call) -> Result<TimeZone, Reply> {
    TimeZone::get(given(call, "tz").unwrap_or(EASTERN)).map_err(|_| world.app_error(400, "invalid tz"))
}

fn deliveries(world: &World, scope: Scope) -> impl Iterator<Item = &Delivery> {
    world.deliveries.list.iter().filter(move |delivery| scope.includes(delivery))
}

/// `GET …/metrics`. Version 2 is there for campaigns and their actions; what else is asked for is version 1.
pub(super) fn series(world: &mut World, call: &Call) -> Answer {
    let scope = Scope::of(world, call)?;
    let has_versions = matches!(scope, Scope::Campaign(_) | Scope::CampaignAction(..));
    let windows = if has_versions && given(call, "version") == Some("2") {
        by_range(world, call, &zone(world, call)?)?
    } else {
        by_steps(world, call)?
    };
    let kind = given(call, "type");
    let counted: Vec<_> = deliveries(world, scope)
        .filter(|delivery| kind.is_none_or(|kind| delivery.channel.delivery_type() == kind))
        .collect();
    let mut series = Map::new();
    for name in SERIES {
        let moments = counted.iter().filter_map(|delivery| delivery.metrics.get(name).copied());
        series.insert(name.to_owned(), json!(windows.count(moments)));
    }
    for (name, machine) in [("human_clicked", false), ("machine_clicked", true)] {
        let firsts =
            counted.iter().filter_map(|delivery| delivery.clicks.iter().find(|click| click.machine == machine));
        series.insert(name.to_owned(), json!(windows.count(firsts.map(|click| click.at))));
    }
    if counted.iter().any(|delivery| delivery.channel == Channel::Webhook) {
        for name in RESPONSES {
            let webhooks = counted.iter().filter(|delivery| name == "2xx" && delivery.channel == Channel::Webhook);
            let moments = webhooks.filter_map(|delivery| delivery.metrics.get("sent").copied());
            series.insert(name.to_owned(), json!(windows.count(moments)));
        }
    }
    Ok(Reply::ok(&json!({"metric": {"series": series}})))
}

/// `GET …/metrics/links`: the clicks on each link, or with `unique` the people who clicked it.
pub(super) fn links(world: &mut World, call: &Call) -> Answer {
    let scope = Scope::of(world, call)?;
    let windows = by_steps(world, call)?;
    let unique = match given(call, "unique") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(world.app_error(400, "invalid unique")),
    };
    let kind = given(call, "type");
    let mut clicks: BTreeMap<u64, Vec<(&Delivery, Click)>> = BTreeMap::new();
    for delivery in deliveries(world, scope) {
        if kind.is_some_and(|kind| delivery.channel.delivery_type() != kind) {
            continue;
        }
        for link in &delivery.links {
            clicks.entry(*link).or_default();
        }
        for click in &delivery.clicks {
            clicks.entry(click.link).or_default().push((delivery, *click));
        }
    }
    let links: Vec<_> = clicks
        .iter()
        .map(|(link, clicks)| {
            let count = |wanted: fn(&Click) -> bool| {
                let mut seen = BTreeSet::new();
                let wanted = clicks.iter().filter(|(_, click)| wanted(click));
                let counted = wanted.filter(|(delivery, _)| !unique || seen.insert(clicker(delivery)));
                windows.count(counted.map(|(_, click)| click.at))
            };
            json!({
                "link": {"id": link, "href": world.links.address(*link)},
                "metric": {"series": {
                    "clicked": count(|_| true),
                    "human_clicked": count(|click| !click.machine),
                    "machine_clicked": count(|click| click.machine),
                }},
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"links": links})))
}

/// Who clicks in a delivery: its person, or if there is none the delivery itself stands for them.
fn clicker(delivery: &Delivery) -> (Option<u64>, Option<u64>) {
    match delivery.person {
        Some(person) => (Some(person), None),
        None => (None, Some(delivery.sequence)),
    }
}

/// `GET /v1/campaigns/{campaign_id}/journey_metrics`: each span tells of the journeys that began in it, whenever it was
/// that they came so far.
pub(super) fn journeys(world: &mut World, call: &Call) -> Answer {
    let campaign = world.campaign(call)?;
    let windows = by_range(world, call, &zone(world, call)?)?;
    let happened = |journey: &super::campaigns::Journey, metric: &str| {
        world.deliveries.list.iter().any(|delivery| {
            delivery.person == Some(journey.person)
                && matches!(delivery.source, Source::Action { campaign: of, .. } if of == campaign.id)
                && delivery.created >= journey.started
                && delivery.metrics.contains_key(metric)
        })
    };
    let count = |wanted: &dyn Fn(&super::campaigns::Journey) -> bool| {
        windows.count(campaign.journeys.iter().filter(|journey| wanted(journey)).map(|journey| journey.started))
    };
    Ok(Reply::ok(&json!({"journey_metric": {
        "started": count(&|_| true),
        "activated": count(&|journey| journey.outcome != Outcome::NeverActivated),
        "exited_early": count(&|journey| journey.outcome == Outcome::ExitedEarly),
        "finished": count(&|journey| journey.outcome == Outcome::Finished),
        "converted": count(&|journey| happened(journey, "converted")),
        "never_activated": count(&|journey| journey.outcome == Outcome::NeverActivated),
        "messaged": count(&|journey| happened(journey, "sent")),
    }})))
}
