//! Forms: a submission identifies its person (behaviour.md section 4).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    attributes,
    identifiers::Identifier,
    identify::Upsert,
    profiles::track_object,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// Keys of a submission that are about the form.
const RESERVED: [&str; 5] = ["form_id", "form_name", "form_type", "form_url", "form_url_param"];

/// One form, made by the first submission that names it.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// Unix seconds.
    created_at: i64,
    /// Submissions that identified somebody.
    submissions: u64,
}

/// All forms, by id. No API of the vendor lists them.
pub(super) type Forms = BTreeMap<String, Form>;

/// The forms as the control endpoint shows them.
pub(super) fn shown(forms: &Forms) -> Value {
    let form = |(id, form): (&String, &Form)| json!({"id": id, "created_at": form.created_at, "submissions": form.submissions});
    forms.iter().map(form).collect()
}

/// `POST /api/v1/forms/{form_id}/submit`. A refused submission has made its form all the same.
pub(super) fn submit(world: &mut World, call: &Call) -> Answer {
    let body = track_object(call).map_err(Reply::meta_errors)?;
    let now = world.now();
    let form_id = call.param("form_id").to_owned();
    world.forms.entry(form_id.clone()).or_insert(Form { created_at: now, submissions: 0 });
    let (named, fields) = parse(&body).map_err(Reply::meta_errors)?;
    world.upsert(&Upsert::new(named, fields, true));
    if let Some(form) = world.forms.get_mut(&form_id) {
        form.submissions += 1;
    }
    Ok(Reply::no_content())
}

fn parse(body: &Map<String, Value>) -> Result<(Identifier, Map<String, Value>), String> {
    let Some(Value::Object(data)) = body.get("data") else { return Err("data must be an object".to_owned()) };
    if let Some((name, _)) = data.iter().find(|(_, value)| !value.is_string()) {
        return Err(format!("value for field '{name}' must be a string"));
    }
    let given = |key: &str| data.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let named = given("id").map(|id| Identifier::Id(id.to_owned()));
    let named = named.or_else(|| given("email").map(|email| Identifier::Email(email.to_owned())));
    let named = named.ok_or("data must have an id or an email")?;
    let fields = data.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    let fields: Map<_, _> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    attributes::check(&fields)?;
    Ok((named, fields))
}
