//! Exports: people or deliveries as a CSV file, made on the clock (behaviour.md section 10).

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::{
    attributes::text_of,
    deliveries::Delivery,
    filter::Filter,
    ids,
    reply::{Answer, Reply},
    request::Call,
    source::Source,
    table,
    world::World,
};
use crate::clock::Clock;

/// From the request to the file, in milliseconds.
const DONE_AFTER_MS: i64 = 1000;
/// How long a download link is good for.
const LINK_SECONDS: i64 = 15 * 60;
const PARENTS: [&str; 4] = ["newsletter_id", "campaign_id", "transactional_message_id", "action_id"];
const METRICS: [&str; 13] = [
    "created",
    "attempted",
    "sent",
    "delivered",
    "opened",
    "clicked",
    "converted",
    "bounced",
    "spammed",
    "unsubscribed",
    "dropped",
    "failed",
    "undeliverable",
];

/// What an export is asked to hold.
#[derive(Debug, Clone)]
enum Wanted {
    People(Filter),
    Deliveries {
        parent: &'static str,
        id: u64,
        start: Option<i64>,
        end: Option<i64>,
        /// Attributes of the recipient to show beside the delivery.
        attributes: Vec<String>,
        metric: Option<String>,
        drafts: bool,
    },
    /// Rows of an import that could not be applied.
    Errors,
}

#[derive(Debug, Clone)]
struct Export {
    id: u64,
    wanted: Wanted,
    description: String,
    created_at: i64,
    updated_at: i64,
    due_ms: i64,
    /// The file and its rows, once it is done.
    file: Option<(Bytes, usize)>,
    downloads: u64,
}

impl Export {
    /// An App key belongs to no user, so the user is nought and nameless.
    fn shown(&self) -> Value {
        let kind = if matches!(self.wanted, Wanted::Deliveries { .. }) { "deliveries" } else { "customers" };
        json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated_at),
            "type": kind,
            "status": if self.file.is_some() { "done" } else { "pending" },
            "failed": false,
            "total": self.file.as_ref().map_or(0, |(_, rows)| *rows),
            "description": self.description,
            "downloads": self.downloads,
            "user_id": 0,
            "user_email": "",
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}

/// All exports, and the links that lead to their files.
#[derive(Debug, Clone, Default)]
pub(super) struct Exports {
    list: BTreeMap<u64, Export>,
    /// Export and expiry, in Unix seconds, by the secret part of the link.
    links: BTreeMap<String, (u64, i64)>,
}

impl World {
    fn add_export(&mut self, wanted: Wanted, description: String) -> u64 {
        let id = self.exports.list.keys().last().map_or(1, |last| last + 1);
        let now = self.now();
        let due_ms = self.clock.now_ms() + DONE_AFTER_MS;
        let export =
            Export { id, wanted, description, created_at: now, updated_at: now, due_ms, file: None, downloads: 0 };
        self.exports.list.insert(id, export);
        id
    }

    /// An export that is there at once: what an import could not apply.
    pub(super) fn add_error_export(&mut self, description: String, file: Bytes, rows: usize) -> u64 {
        let id = self.add_export(Wanted::Errors, description);
        if let Some(export) = self.exports.list.get_mut(&id) {
            export.file = Some((file, rows));
        }
        id
    }

    /// Makes the files whose time has come.
    pub(super) fn settle_exports(&mut self, now_ms: i64) -> bool {
        let due = self.exports.list.values().filter(|export| export.file.is_none() && export.due_ms <= now_ms);
        let made: Vec<_> = due.map(|export| (export.id, self.export_file(&export.wanted))).collect();
        let has_moved = !made.is_empty();
        for (id, file) in made {
            if let Some(export) = self.exports.list.get_mut(&id) {
                export.updated_at = export.due_ms / 1000;
                export.file = Some(file);
            }
        }
        has_moved
    }

    fn export_file(&self, wanted: &Wanted) -> (Bytes, usize) {
        match wanted {
            Wanted::People(filter) => self.people_file(filter),
            Wanted::Deliveries { attributes, .. } => self.deliveries_file(wanted, attributes),
            Wanted::Errors => (Bytes::new(), 0),
        }
    }

    fn people_file(&self, filter: &Filter) -> (Bytes, usize) {
        let people: Vec<_> = self.people.iter().filter(|person| filter.matches(self, person)).collect();
        let names: BTreeSet<_> = people.iter().flat_map(|person| person.attributes.keys()).collect();
        let first = ["cio_id", "id", "email"];
        let others = names.into_iter().filter(|name| !first.contains(&name.as_str())).cloned();
        let header: Vec<_> = first.map(str::to_owned).into_iter().chain(others).collect();
        let rows =
            people.iter().map(|person| header.iter().map(|name| person.text(name).unwrap_or_default()).collect());
        (table::write(&header, rows), people.len())
    }

    fn deliveries_file(&self, wanted: &Wanted, attributes: &[String]) -> (Bytes, usize) {
        let deliveries: Vec<_> = self.deliveries.list.iter().filter(|delivery| wanted.takes(delivery)).collect();
        let fields = ["id", "customer_id", "recipient", "subject", "type", "failure_message"];
        let header: Vec<_> =
            fields.iter().chain(&METRICS).map(|name| (*name).to_owned()).chain(attributes.iter().cloned()).collect();
        let rows = deliveries.iter().map(|delivery| {
            let shown = delivery.shown(&self.recipient_identifiers(delivery));
            let person = delivery.person.and_then(|key| self.people.get(key));
            let fields = fields.iter().map(|name| text_of(&shown[*name]));
            let metrics = METRICS.iter().map(|name| text_of(&shown["metrics"][*name]));
            let attributes =
                attributes.iter().map(|name| person.and_then(|person| person.text(name)).unwrap_or_default());
            fields.chain(metrics).chain(attributes).collect()
        });
        (table::write(&header, rows), deliveries.len())
    }

    fn export(&self, call: &Call) -> Result<&Export, Reply> {
        let id: Option<u64> = call.param("export_id").parse().ok();
        id.and_then(|id| self.exports.list.get(&id)).ok_or_else(|| self.not_found())
    }

    /// What a download link leads to: 403 once it has expired.
    pub(super) fn export_download(&self, secret: &str) -> Result<Bytes, u16> {
        let (id, expires_at) = self.exports.links.get(secret).ok_or(404_u16)?;
        if self.now() >= *expires_at {
            return Err(403);
        }
        let file = self.exports.list.get(id).and_then(|export| export.file.as_ref());
        file.map(|(file, _)| file.clone()).ok_or(404)
    }
}

impl Wanted {
    fn takes(&self, delivery: &Delivery) -> bool {
        let Self::Deliveries { parent, id, start, end, metric, drafts, .. } = self else { return false };
        let shown = delivery.shown(&Value::Null);
        let of_parent = match *parent {
            "transactional_message_id" => delivery.source == Source::Transactional(*id),
            other => shown[other].as_u64() == Some(*id),
        };
        of_parent
            && start.is_none_or(|start| delivery.created >= start)
            && end.is_none_or(|end| delivery.created <= end)
            && metric.as_deref().is_none_or(|metric| delivery.metrics.contains_key(metric))
            && (*drafts || !delivery.metrics.contains_key("drafted"))
    }
}

/// `GET /v1/exports`: null when there are none, as recorded.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let list: Vec<_> = world.exports.list.values().map(Export::shown).collect();
    Ok(Reply::ok(&json!({"exports": if list.is_empty() { Value::Null } else { json!(list) }})))
}

/// `GET /v1/exports/{export_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"export": world.export(call)?.shown()})))
}

/// `GET /v1/exports/{export_id}/download`: a link to the sandbox itself, good for 15 minutes by its clock.
pub(super) fn download(world: &mut World, call: &Call) -> Answer {
    let export = world.export(call)?;
    if export.file.is_none() {
        return Err(world.app_error(400, "the export is not done yet"));
    }
    let id = export.id;
    let secret = ids::uuid(&*world.clock);
    let expires_at = world.now() + LINK_SECONDS;
    world.exports.links.insert(secret.clone(), (id, expires_at));
    if let Some(export) = world.exports.list.get_mut(&id) {
        export.downloads += 1;
    }
    Ok(Reply::ok(&json!({"url": format!("{}/_files/exports/{secret}.csv", call.base_url)})))
}

/// `POST /v1/exports/customers`.
pub(super) fn people(world: &mut World, call: &Call) -> Answer {
    let body = world.object(call)?;
    let filters = body.get("filters").ok_or_else(|| world.app_error(400, "filters is required"))?;
    let filter = Filter::parse(filters).map_err(|error| world.app_error(400, &error))?;
    let id = world.add_export(Wanted::People(filter), format!("People matching {filters}"));
    shown(world, id)
}

/// `POST /v1/exports/deliveries`.
pub(super) fn deliveries(world: &mut World, call: &Call) -> Answer {
    let wanted = parse(&world.object(call)?).map_err(|error| world.app_error(400, &error))?;
    let Wanted::Deliveries { parent, id, .. } = &wanted else { return Err(world.not_found()) };
    let description = format!("Deliveries of {parent} {id}");
    let id = world.add_export(wanted, description);
    shown(world, id)
}

fn shown(world: &World, id: u64) -> Answer {
    let export = world.exports.list.get(&id).ok_or_else(|| world.not_found())?;
    Ok(Reply::ok(&json!({"export": export.shown()})))
}

fn parse(body: &Map<String, Value>) -> Result<Wanted, String> {
    let given: Vec<_> = PARENTS.into_iter().filter_map(|parent| Some((parent, body.get(parent)?))).collect();
    let [(parent, id)] = given.as_slice() else {
        return Err(format!("exactly one of {} is required", PARENTS.join(", ")));
    };
    let id = id.as_u64().ok_or_else(|| format!("{parent} must be an integer"))?;
    let time = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| format!("{key} must be a unix timestamp")),
    };
    let metric = match body.get("metric") {
        None | Some(Value::Null) => None,
        Some(Value::String(metric)) if METRICS.contains(&metric.as_str()) => Some(metric.clone()),
        Some(_) => return Err(format!("metric must be one of {}", METRICS.join(", "))),
    };
    let attributes = body.get("attributes").and_then(Value::as_array);
    let attributes = attributes.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let drafts = body.get("drafts").and_then(Value::as_bool).unwrap_or(false);
    Ok(Wanted::Deliveries { parent, id, start: time("start")?, end: time("end")?, attributes, metric, drafts })
}
