//! Imports: CSV files whose rows are applied as calls would be (behaviour.md section 10).
//!
//! The file is fetched with the request (see `fetch`); what becomes of it follows the clock, a second for each stage.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::{
    attributes, entity_object,
    events::Event,
    fetch::Fetched,
    identifiers::Identifier,
    identify::{Upsert, unix_seconds},
    objects::ObjectName,
    reply::{Answer, Reply},
    request::Call,
    table,
    world::World,
};
use crate::clock::Clock;

/// How long each stage takes, in milliseconds.
const STAGE_MS: i64 = 1000;
const STAGES: [&str; 6] = ["preprocessing", "preprocessed", "validating", "validated", "importing", "imported"];
/// Columns of an import of objects or relationships.
const OBJECT_ID: &str = "object_id";
const OBJECT_TYPE_ID: &str = "object_type_id";
const TYPES: [&str; 4] = ["people", "event", "object", "relationship"];
const SCOPES: [&str; 3] = ["all", "only_new", "only_existing"];

#[derive(Debug, Clone)]
struct Import {
    id: u64,
    name: String,
    description: String,
    kind: String,
    /// `id`, `email` or, for relationships, `cio_id`; objects have none.
    identifier: Option<String>,
    scope: String,
    object_type_id: Option<String>,
    file: Fetched,
    created_at: i64,
    updated_at: i64,
    /// When the current stage began, in Unix milliseconds.
    since_ms: i64,
    /// A place in the stages.
    stage: usize,
    rows: Option<usize>,
    imported: usize,
    failure: Option<String>,
    error_export: Option<u64>,
}

impl Import {
    fn is_settled(&self) -> bool {
        self.failure.is_some() || self.stage + 1 == STAGES.len()
    }

    /// Whether a row about something that exists, or does not, is to be imported.
    fn take(&self, exists: bool) -> Result<(), String> {
        let is_left_out = (self.scope == "only_new" && exists) || (self.scope == "only_existing" && !exists);
        if is_left_out { Err(format!("left out by {}", self.scope)) } else { Ok(()) }
    }

    fn shown(&self) -> Value {
        let state = if self.failure.is_some() { "failed" } else { STAGES.get(self.stage).copied().unwrap_or_default() };
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "type": self.kind,
            "state": state,
            "data_to_process": self.scope,
            "rows_to_import": self.rows.unwrap_or(0),
            "rows_imported": self.imported,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        if matches!(self.kind.as_str(), "people" | "event") {
            shown["people_to_process"] = json!(self.scope);
        }
        // What does not apply is left out: the description has no null for any of these.
        let optional = [
            ("identifier", self.identifier.as_ref().map(|text| json!(text))),
            ("object_type_id", self.object_type_id.as_ref().map(|text| json!(text))),
            ("error", self.failure.as_ref().map(|text| json!(text))),
            ("error_export_id", self.error_export.map(|id| json!(id))),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                shown[key] = value;
            }
        }
        shown
    }
}

/// All imports, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Imports(BTreeMap<u64, Import>);

impl World {
    /// Brings every import to where it stands now.
    pub(super) fn settle_imports(&mut self, now_ms: i64) -> bool {
        let open: Vec<_> = self.imports.0.values().filter(|import| !import.is_settled()).map(|one| one.id).collect();
        let mut has_moved = false;
        for id in open {
            while self.step_import(id, now_ms) {
                has_moved = true;
            }
        }
        has_moved
    }

    /// One stage of one import, if its time has come.
    fn step_import(&mut self, id: u64, now_ms: i64) -> bool {
        let Some(mut import) = self.imports.0.get(&id).cloned() else { return false };
        if import.is_settled() || now_ms < import.since_ms + STAGE_MS {
            return false;
        }
        import.since_ms += STAGE_MS;
        import.stage += 1;
        import.updated_at = import.since_ms / 1000;
        match (&import.file, STAGES.get(import.stage)) {
            (Err(error), _) => import.failure = Some(error.clone()),
            (Ok(file), Some(&"validated")) => match validated(file, &import) {
                Ok(rows) => import.rows = Some(rows),
                Err(error) => import.failure = Some(error),
            },
            (Ok(file), Some(&"imported")) => {
                let file = file.clone();
                self.apply_import(&mut import, &file);
            }
            _ => {}
        }
        self.imports.0.insert(id, import);
        true
    }

    fn apply_import(&mut self, import: &mut Import, file: &Bytes) {
        let Ok((header, rows)) = table::read(file) else { return };
        let mut refused = Vec::new();
        for row in rows {
            let cells = header.iter().cloned().zip(row.iter().cloned()).filter(|(_, cell)| !cell.is_empty()).collect();
            match self.apply_row(import, cells) {
                Ok(()) => import.imported += 1,
                Err(error) => {
                    let mut row = row;
                    row.resize(header.len(), String::new());
                    row.push(error);
                    refused.push(row);
                }
            }
        }
        if !refused.is_empty() {
            let header: Vec<_> = header.into_iter().chain(["error".to_owned()]).collect();
            let count = refused.len();
            let file = table::write(&header, refused.into_iter());
            let description = format!("Errors of import {} ({})", import.id, import.name);
            import.error_export = Some(self.add_error_export(description, file, count));
        }
    }

    /// One row, the way a call would apply it. An empty cell says nothing.
    fn apply_row(&mut self, import: &Import, cells: BTreeMap<String, String>) -> Result<(), String> {
        match import.kind.as_str() {
            "object" | "relationship" => self.apply_object_row(import, cells),
            _ => self.apply_person_row(import, cells),
        }
    }

    /// An object, or an object and a person who belongs to it; the other cells are the attributes of what is named.
    fn apply_object_row(&mut self, import: &Import, mut cells: BTreeMap<String, String>) -> Result<(), String> {
        let type_id = cells.remove(OBJECT_TYPE_ID).or_else(|| import.object_type_id.clone());
        let type_id = type_id.ok_or("the object type is missing")?;
        let object_id = cells.remove(OBJECT_ID).ok_or("the object's id is missing")?;
        let name = ObjectName::Pair { type_id: type_id.clone(), object_id: object_id.clone() };
        let exists = self.objects.find(&name).is_some();
        let identifiers = json!({OBJECT_TYPE_ID: type_id, OBJECT_ID: object_id});
        let (action, exists, item) = match import.identifier.as_deref() {
            None => ("identify", exists, json!({"identifiers": identifiers, "attributes": cells})),
            Some(kind) => {
                let value = cells.remove(kind).ok_or("the person's identifier is missing")?;
                let named = Identifier::from_id_type(&value, Some(kind)).ok_or("unknown identifier")?;
                let exists = exists && self.people.find(&named).is_some();
                let tie = json!({"identifiers": {kind: value}, "relationship_attributes": cells});
                let item = json!({"identifiers": identifiers, "cio_relationships": [tie]});
                ("add_relationships", exists, item)
            }
        };
        import.take(exists)?;
        let item = item.as_object().cloned().unwrap_or_default();
        entity_object::apply(self, &item, action).map_err(|refusal| refusal.message)
    }

    fn apply_person_row(&mut self, import: &Import, mut cells: BTreeMap<String, String>) -> Result<(), String> {
        let kind = import.identifier.as_deref();
        let value = cells.remove(kind.unwrap_or_default()).ok_or("the identifier is missing")?;
        let named = Identifier::from_id_type(&value, kind).ok_or("unknown identifier")?;
        let exists = self.people.find(&named).is_some();
        import.take(exists)?;
        if self.suppressed.contains(&named) {
            return Err("the person is suppressed".to_owned());
        }
        let mut values: Map<_, _> = cells.into_iter().map(|(name, cell)| (name, json!(cell))).collect();
        if import.kind == "people" {
            attributes::check(&values)?;
            let upsert = Upsert::new(named, values, false);
            return self.upsert(&upsert).map(drop).ok_or_else(|| "the identifiers belong to others".to_owned());
        }
        let name = values.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned));
        let name = name.ok_or("the name of the event is missing")?;
        let timestamp = values.shift_remove("timestamp").as_ref().and_then(unix_seconds);
        let data = Value::Object(values);
        self.track(&named, Event { name, kind: "event".to_owned(), data, timestamp, id: None });
        Ok(())
    }
}

/// The number of rows, if the file can be imported.
fn validated(file: &[u8], import: &Import) -> Result<usize, String> {
    let (header, rows) = table::read(file)?;
    let is_about_objects = matches!(import.kind.as_str(), "object" | "relationship");
    let needed = [
        import.identifier.as_deref(),
        (import.kind == "event").then_some("name"),
        is_about_objects.then_some(OBJECT_ID),
        (is_about_objects && import.object_type_id.is_none()).then_some(OBJECT_TYPE_ID),
    ];
    match needed.into_iter().flatten().find(|column| !header.iter().any(|name| name == column)) {
        Some(column) => Err(format!("the file has no column '{column}'")),
        None => Ok(rows.len()),
    }
}

fn parse(world: &World, id: u64, call: &Call) -> Result<Import, String> {
    let body = call.object().ok_or("malformed JSON: the body must be an object")?;
    let given = body.get("import").and_then(Value::as_object).ok_or("import is required")?;
    let text = |key: &str| match given.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if key == "object_type_id" => Ok(Some(number.to_string())),
        Some(_) => Err(format!("{key} must be a string")),
    };
    let one_of = |key: &str, value: String, known: &[&str]| {
        if known.contains(&value.as_str()) {
            Ok(value)
        } else {
            Err(format!("{key} must be one of {}", known.join(", ")))
        }
    };
    let address = text("data_file_url")?.ok_or("data_file_url is required")?;
    let kind = one_of("type", text("type")?.ok_or("type is required")?, &TYPES)?;
    let identifiers: &[&str] = match kind.as_str() {
        "object" => &[],
        "relationship" => &["id", "email", "cio_id"],
        _ => &["id", "email"],
    };
    let identifier = match text("identifier")? {
        Some(value) if !identifiers.is_empty() => Some(one_of("identifier", value, identifiers)?),
        None if !identifiers.is_empty() => return Err("identifier is required".to_owned()),
        _ => None,
    };
    let object_type_id = text("object_type_id")?;
    if kind == "object" && object_type_id.is_none() {
        return Err("object_type_id is required".to_owned());
    }
    let scope = match (text("data_to_process")?, text("people_to_process")?) {
        (Some(_), Some(_)) => return Err("data_to_process and people_to_process exclude each other".to_owned()),
        (Some(scope), None) | (None, Some(scope)) => one_of("data_to_process", scope, &SCOPES)?,
        (None, None) => "all".to_owned(),
    };
    if kind == "event" && scope == "only_new" {
        return Err("an import of events is of all rows or only_existing".to_owned());
    }
    let file_name = address.rsplit('/').next().unwrap_or_default().to_owned();
    let now = world.now();
    Ok(Import {
        id,
        name: text("name")?.unwrap_or(file_name),
        description: text("description")?.unwrap_or_default(),
        kind,
        identifier,
        scope,
        object_type_id,
        file: call.fetched.clone().unwrap_or_else(|| Err("there is no file".to_owned())),
        created_at: now,
        updated_at: now,
        since_ms: world.clock.now_ms(),
        stage: 0,
        rows: None,
        imported: 0,
        failure: None,
        error_export: None,
    })
}

/// `POST /v1/imports`. A file that cannot be had shows on the import, not in this answer.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let id = world.imports.0.keys().last().map_or(1, |last| last + 1);
    let import = parse(world, id, call).map_err(|error| world.app_error(400, &error))?;
    let shown = import.shown();
    world.imports.0.insert(id, import);
    Ok(Reply::ok(&json!({"import": shown})))
}

/// `GET /v1/imports/{import_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    let id: Option<u64> = call.param("import_id").parse().ok();
    let import = id.and_then(|id| world.imports.0.get(&id)).ok_or_else(|| world.not_found())?;
    Ok(Reply::ok(&json!({"import": import.shown()})))
}
