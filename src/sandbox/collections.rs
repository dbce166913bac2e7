//! Collections: tables that workflows may query (behaviour.md sections 2 and 10). Liquid cannot read them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    reply::{Answer, Reply},
    request::Call,
    table,
    world::World,
};

/// The vendor's limits, in bytes of JSON.
const MAX_BYTES: usize = 10 * 1024 * 1024;
const MAX_ROW_BYTES: usize = 10 * 1024;

/// One collection.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    id: u64,
    name: String,
    rows: Vec<Value>,
    /// Unix seconds.
    created_at: i64,
    updated_at: i64,
}

impl Collection {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "bytes": self.rows.iter().map(|row| row.to_string().len()).sum::<usize>(),
            "rows": self.rows.len(),
            "schema": self.schema(),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }

    /// The columns, in the order they first appear.
    fn schema(&self) -> Vec<&String> {
        let mut columns = Vec::new();
        for column in self.rows.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }
}

/// All collections, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Collections {
    list: BTreeMap<u64, Collection>,
    last_id: u64,
}

impl Collections {
    /// Puts a collection of a fixture in its place.
    pub(super) fn put(&mut self, id: u64, name: &str, rows: Vec<Value>, now: i64) {
        self.list.insert(id, Collection { id, name: name.to_owned(), rows, created_at: now, updated_at: now });
        self.last_id = self.last_id.max(id);
    }
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Collection, Reply> {
    let id: Option<u64> = call.param("collection_id").parse().ok();
    id.and_then(|id| world.collections.list.get(&id)).ok_or_else(|| world.not_found())
}

/// Rows that fit; the error says which limit they break.
fn checked(rows: &[Value]) -> Result<Vec<Value>, String> {
    let mut bytes = 0;
    for (place, row) in rows.iter().enumerate() {
        if !row.is_object() {
            return Err(format!("row {place} must be an object"));
        }
        let row_bytes = row.to_string().len();
        if row_bytes > MAX_ROW_BYTES {
            return Err(format!("row {place} cannot be larger than {MAX_ROW_BYTES} bytes"));
        }
        bytes += row_bytes;
    }
    if bytes > MAX_BYTES {
        return Err(format!("a collection cannot be larger than {MAX_BYTES} bytes"));
    }
    Ok(rows.to_vec())
}

/// The name and rows a request gives: the rows as `data`, or as a file at `url`.
fn given(call: &Call) -> Result<(Option<String>, Option<Vec<Value>>), String> {
    let body = call.object().ok_or("malformed JSON: the body must be an object")?;
    let name = match body.get("name") {
        None => None,
        Some(Value::String(name)) if !name.trim().is_empty() => Some(name.clone()),
        Some(_) => return Err("name cannot be blank".to_owned()),
    };
    let rows = match (body.get("data"), &call.fetched) {
        (Some(_), Some(_)) => return Err("data and url exclude each other".to_owned()),
        (Some(Value::Array(rows)), None) => Some(checked(rows)?),
        (Some(_), None) => return Err("data must be an array".to_owned()),
        (None, Some(Ok(file))) => Some(checked(&table::objects(file)?)?),
        (None, Some(Err(error))) => return Err(error.clone()),
        (None, None) => None,
    };
    Ok((name, rows))
}

/// `GET /v1/collections`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let list: Vec<_> = world.collections.list.values().map(Collection::shown).collect();
    Ok(Reply::ok(&json!({"collections": list})))
}

/// `POST /v1/collections`.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let (name, rows) = given(call).map_err(|error| world.app_error(400, &error))?;
    let name = name.ok_or_else(|| world.app_error(400, "name is required"))?;
    let rows = rows.ok_or_else(|| world.app_error(400, "data or url is required"))?;
    world.collections.last_id += 1;
    let (id, now) = (world.collections.last_id, world.now());
    let collection = Collection { id, name, rows, created_at: now, updated_at: now };
    let shown = collection.shown();
    world.collections.list.insert(id, collection);
    Ok(Reply::ok(&json!({"collection": shown})))
}

/// `GET /v1/collections/{collection_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"collection": find(world, call)?.shown()})))
}

/// `PUT /v1/collections/{collection_id}`: what is given replaces what was.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.id;
    let (name, rows) = given(call).map_err(|error| world.app_error(400, &error))?;
    change(world, id, name, rows)
}

/// `DELETE /v1/collections/{collection_id}`.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.id;
    world.collections.list.remove(&id);
    Ok(Reply::no_content())
}

/// `GET /v1/collections/{collection_id}/content`: the rows. The vendor's 2022 description calls them an object, its
/// client of 2026 takes and gives a list.
pub(super) fn content(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!(find(world, call)?.rows)))
}

/// `PUT /v1/collections/{collection_id}/content`: replaces everything.
pub(super) fn replace(world: &mut World, call: &Call) -> Answer {
    let id = find(world, call)?.id;
    let rows = match call.json() {
        Ok(Value::Array(rows)) => checked(&rows).map_err(|error| world.app_error(400, &error))?,
        _ => return Err(world.app_error(400, "the content must be an array of rows")),
    };
    change(world, id, None, Some(rows))
}

fn change(world: &mut World, id: u64, name: Option<String>, rows: Option<Vec<Value>>) -> Answer {
    let now = world.now();
    let Some(collection) = world.collections.list.get_mut(&id) else { return Err(world.not_found()) };
    if let Some(name) = name {
        collection.name = name;
    }
    if let Some(rows) = rows {
        collection.rows = rows;
    }
    collection.updated_at = now;
    Ok(Reply::ok(&json!({"collection": collection.shown()})))
}
