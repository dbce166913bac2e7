//! The page that documents the controls to a person, made from the list that routes them.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    PREFIX, openapi,
    recipients::DEEDS,
    table::{CONTROLS, Control},
};
use crate::sandbox::{
    dispatch::Shared,
    operations::NOT_IMITATED,
    reply::{Answer, Reply},
    request::Call,
    routes::ROUTES,
    unconfirmed::UNCONFIRMED,
};

const STYLE: &str = include_str!("page.css");
/// Nothing is loaded and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// `GET /_sandbox/docs`.
pub(super) fn docs(shared: &Shared, _call: &Call) -> Answer {
    let workspace = shared.lock().world.workspace.name.clone();
    let headers = vec![
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("content-security-policy", POLICY.to_owned()),
        // A program that asks for the same address gets JSON.
        ("vary", "accept".to_owned()),
    ];
    Ok(Reply { status: 200, headers, body: page(&shared.base_url, &workspace).into_bytes() })
}

fn page(base_url: &str, workspace: &str) -> String {
    let description = openapi::document(base_url);
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Customer.io sandbox</title><style>{STYLE}</style></head><body>\n\
         <h1>Customer.io sandbox</h1>\n\
         <p class=\"dim\">Workspace <b>{}</b> at <code>{base_url}</code>, version {}</p>\n\
         <p>This is a local imitation of Customer.io. It answers the vendor's APIs on their own paths; what is below \
         belongs to the sandbox alone. It takes no credential and answers only callers on this machine. An unknown key \
         in a body is refused by name. Programs get JSON here, and <a href=\"{PREFIX}/openapi.json\">an OpenAPI \
         description</a>.</p>\n",
        escaped(workspace),
        env!("CARGO_PKG_VERSION"),
    );
    html.push_str("<nav>");
    for group in groups() {
        let _ = write!(html, "<a href=\"#{group}\">{}</a>", heading(group));
    }
    html.push_str("<a href=\"#not-imitated\">Not imitated</a><a href=\"#unconfirmed\">Unconfirmed</a></nav>\n");
    for group in groups() {
        let _ = writeln!(html, "<h2 id=\"{group}\">{}</h2>", heading(group));
        for control in CONTROLS.iter().filter(|control| group_of(control) == group) {
            push_control(&mut html, control, base_url, &description);
        }
    }
    push_imitation(&mut html);
    html.push_str("</body></html>\n");
    html
}

/// The first words of the paths, each once.
fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = CONTROLS.iter().map(group_of).collect();
    groups.dedup();
    groups
}

fn group_of(control: &Control) -> &'static str {
    match control.path.split('/').nth(1) {
        None | Some("docs" | "openapi.json") => "about",
        Some("counts" | "requests" | "forms" | "pipelines" | "data_index") => "seen",
        Some("reset" | "snapshots") => "state",
        Some("reactions" | "deliveries") => "recipients",
        Some(word) => word,
    }
}

fn heading(group: &str) -> &str {
    match group {
        "about" => "What it is",
        "clock" => "Clock",
        "faults" => "Faults",
        "recipients" => "Recipients",
        "state" => "Reset and snapshots",
        "seen" => "What it has seen",
        other => other,
    }
}

fn push_control(html: &mut String, control: &Control, base_url: &str, description: &Value) {
    let Control { method, path, summary, .. } = control;
    let class = method.to_lowercase();
    let _ = write!(
        html,
        "<article id=\"{}\"><h3><span class=\"method {class}\">{method}</span> <code>{PREFIX}{path}</code></h3>\n<p>{}</p>\n",
        openapi::name(control),
        in_code(summary),
    );
    if control.params().any(|name| name == "does") {
        let _ =
            writeln!(html, "<p><code>{{does}}</code> is one of <code>{}</code>.</p>", DEEDS.join("</code>, <code>"));
    }
    if let Some(taken) = &control.body {
        let operation = &description["paths"][format!("{PREFIX}{path}")][class];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut rows = Vec::new();
        push_fields(schema, &description["components"]["schemas"], "", &mut rows);
        html.push_str("<div class=\"wide\"><table><tr><th>Key</th><th>Type</th><th>Meaning</th></tr>");
        for [key, kind, meaning] in rows {
            let _ = write!(html, "<tr><td><code>{key}</code></td><td>{kind}</td><td>{}</td></tr>", in_code(&meaning));
        }
        let optional = if taken.is_required { "" } else { "<p class=\"dim\">The body may be left out.</p>\n" };
        let _ = write!(html, "</table></div>\n{optional}");
        let _ = writeln!(
            html,
            "<pre>curl -X {method} {base_url}{PREFIX}{} \\\n  -d '{}'</pre>",
            path.replace("{does}", "clicks"),
            escaped(taken.example),
        );
    }
    html.push_str("</article>\n");
}

fn push_imitation(html: &mut String) {
    let all = ROUTES.len() + NOT_IMITATED.len();
    let _ = write!(
        html,
        "<h2 id=\"not-imitated\">Not imitated</h2>\n<p>Of the vendor's {all} operations {} are imitated. The others \
         answer 501:</p>\n<ul>",
        ROUTES.len()
    );
    for other in NOT_IMITATED {
        let _ = write!(html, "<li><code>{} {}</code></li>", other.method, other.path);
    }
    let _ = write!(
        html,
        "</ul>\n<h2 id=\"unconfirmed\">Unconfirmed</h2>\n<p>No source settles these questions; this is what the \
         sandbox does about them.</p>\n<details><summary>{} choices</summary><div class=\"wide\"><table>\
         <tr><th>Question</th><th>Choice</th></tr>",
        UNCONFIRMED.len()
    );
    for choice in UNCONFIRMED {
        let _ = write!(html, "<tr><td>{}</td><td>{}</td></tr>", escaped(choice.question), escaped(choice.choice));
    }
    html.push_str("</table></div></details>\n");
}

/// The keys of a body with those below them: key, type, meaning.
fn push_fields(schema: &Value, schemas: &Value, prefix: &str, rows: &mut Vec<[String; 3]>) {
    let schema = resolved(schema, schemas);
    let required = |key: &str| schema["required"].as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
    for (key, field) in schema["properties"].as_object().into_iter().flatten() {
        let kind = type_of(resolved(field, schemas), required(key));
        let meaning = field["description"].as_str().or(resolved(field, schemas)["description"].as_str());
        rows.push([format!("{prefix}{key}"), kind, meaning.unwrap_or_default().to_owned()]);
        push_fields(&field["items"], schemas, &format!("{prefix}{key}[]."), rows);
    }
}

fn resolved<'s>(schema: &'s Value, schemas: &'s Value) -> &'s Value {
    // The first of what may also be null.
    let schema = schema["anyOf"].as_array().and_then(|branches| branches.first()).unwrap_or(schema);
    match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some(name) => &schemas[name],
        None => schema,
    }
}

fn type_of(schema: &Value, is_required: bool) -> String {
    let needed = if is_required { ", required" } else { "" };
    if let Some(choices) = schema["oneOf"].as_array() {
        let choices = choices.iter().filter_map(|choice| {
            let meaning = choice["description"].as_str().map(|meaning| format!(": {}", in_code(meaning)));
            Some(format!("<br><code>{}</code>{}", escaped(choice["const"].as_str()?), meaning.unwrap_or_default()))
        });
        return format!("one of these{needed}{}", choices.collect::<String>());
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        name => name.as_str().into_iter().collect(),
    };
    let words = names.into_iter().map(|name| match name {
        "array" => "list",
        "integer" => "whole number",
        "boolean" => "true or false",
        "string" => "text",
        other => other,
    });
    format!("{}{needed}", words.collect::<Vec<_>>().join(" or "))
}

/// What stands in backticks, as code.
fn in_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
