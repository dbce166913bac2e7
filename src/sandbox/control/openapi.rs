//! The OpenAPI description of the controls, made from the list that routes them.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    PREFIX,
    recipients::DEEDS,
    table::{CONTROLS, Control},
};
use crate::sandbox::{
    dispatch::Shared,
    reply::{Answer, Reply},
    request::Call,
};

/// `GET /_sandbox/openapi.json`.
pub(super) fn description(shared: &Shared, _call: &Call) -> Answer {
    Ok(Reply::ok(&document(&shared.base_url)))
}

/// The description of a sandbox at that address.
pub(super) fn document(base_url: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for control in CONTROLS {
        let path = paths.entry(format!("{PREFIX}{}", control.path)).or_insert_with(|| json!({}));
        path[control.method.to_lowercase()] = operation(control, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Error".to_owned(), error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Controls of the Customer.io sandbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "They answer only callers on this machine, under the name localhost or a loopback address, \
                            and take no credential.",
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn operation(control: &Control, generator: &mut SchemaGenerator) -> Value {
    let mut responses = json!({
        "200": {"description": control.answers, "content": content(control.path)},
        "403": refused("The caller is not on this machine."),
    });
    let mut operation = json!({"operationId": name(control), "summary": control.summary});
    if let Some(taken) = &control.body {
        let example: Value = serde_json::from_str(taken.example).unwrap_or_default();
        let content = json!({"application/json": {"schema": (taken.schema)(generator), "example": example}});
        operation["requestBody"] = json!({"required": taken.is_required, "content": content});
        responses["400"] = refused("The body has something wrong, which is named. Nothing was changed.");
    }
    let params: Vec<_> = control.params().map(param).collect();
    if !params.is_empty() {
        operation["parameters"] = json!(params);
        responses["404"] = refused("There is none of that name.");
    }
    if params.len() > 1 {
        responses["409"] = refused("Nobody can do that with the message now.");
    }
    if control.method != "GET" {
        responses["507"] = refused("The data directory cannot be written. Nothing was changed.");
    }
    operation["responses"] = responses;
    operation
}

fn param(name: &str) -> Value {
    let schema = match name {
        "does" => json!({"type": "string", "enum": DEEDS}),
        _ => json!({"type": "string", "minLength": 1}),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn content(path: &str) -> Value {
    let json = json!({"schema": {"type": "object"}});
    let page = json!({"schema": {"type": "string"}});
    match path {
        "" => json!({"application/json": json, "text/html": page}),
        "/docs" => json!({"text/html": page}),
        _ => json!({"application/json": json}),
    }
}

fn refused(why: &str) -> Value {
    json!({
        "description": why,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "error": {"type": "string"},
            "problems": {
                "description": "What is wrong with a fixture, by line.",
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "line": {"type": "integer"},
                        "column": {"type": "integer"},
                        "message": {"type": "string"},
                    },
                },
            },
        },
        "required": ["error"],
    })
}

/// `post_snapshots_name_load`.
pub(super) fn name(control: &Control) -> String {
    let words = control.path.split(['/', '{', '}', '.', '_']).filter(|word| !word.is_empty());
    let words: Vec<_> = [control.method.to_lowercase()].into_iter().chain(words.map(str::to_owned)).collect();
    words.join("_")
}
