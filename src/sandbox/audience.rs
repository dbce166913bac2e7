//! Whom a trigger of a broadcast names: one of six forms (behaviour.md section 8).

use serde_json::{Map, Value, json};

use super::{broadcasts::Broadcast, filter::Filter, identifiers::Identifier, people::PersonKey, world::World};

/// Entries of `ids`, `emails` and `per_user_data`.
const MAX_ENTRIES: usize = 10_000;
/// The forms; at most one of them in a request, and with none of them the broadcast's own audience gets it.
const FORMS: [&str; 5] = ["recipients", "ids", "emails", "per_user_data", "data_file_url"];

/// A recipient and the data for their message.
type Addressed = (PersonKey, Map<String, Value>);

/// Who gets a broadcast, each with the data for their message.
#[derive(Debug, Default)]
pub(super) struct Audience {
    pub(super) recipients: Vec<Addressed>,
    /// The form of the request, as a trigger's status shows it.
    pub(super) asked: Map<String, Value>,
}

/// Why a trigger sends nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The field at fault.
    pub(super) field: &'static str,
    /// One line for each entry at fault.
    pub(super) errors: Vec<String>,
}

fn refuse<T>(field: &'static str, error: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { field, errors: vec![error.into()] })
}

impl World {
    /// Resolves the audience of a trigger. Everybody in it exists already: a broadcast creates nobody.
    pub(super) fn audience(&self, broadcast: &Broadcast, body: &Map<String, Value>) -> Result<Audience, Refusal> {
        let data = match body.get("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data.clone(),
            Some(_) => return refuse("data", "data must be an object"),
        };
        for option in ["email_add_duplicates", "email_ignore_missing", "id_ignore_missing"] {
            if body.get(option).is_some_and(|value| !value.is_boolean() && !value.is_null()) {
                return refuse(option_field(option), format!("{option} must be true or false"));
            }
        }
        let given: Vec<_> = FORMS.into_iter().filter(|form| body.get(*form).is_some_and(|v| !v.is_null())).collect();
        let asked = given.iter().filter_map(|form| Some(((*form).to_owned(), body.get(*form)?.clone()))).collect();
        let everyone = |filter: Option<&Filter>| {
            let people = self.people.iter().filter(|person| filter.is_none_or(|filter| filter.matches(self, person)));
            people.map(|person| (person.key, data.clone())).collect()
        };
        let recipients = match given.as_slice() {
            [] => everyone(broadcast.recipients.as_ref()),
            ["recipients"] => match Filter::parse(&body["recipients"]) {
                Ok(filter) => everyone(Some(&filter)),
                Err(error) => return refuse("recipients", error),
            },
            ["data_file_url"] => {
                return refuse(
                    "data_file_url",
                    "the sandbox makes no calls of its own and so downloads no data file; use per_user_data",
                );
            }
            [form] => self.entries(form, body, &data)?,
            [_, second, ..] => return refuse(second, "only one audience can be given"),
        };
        Ok(Audience { recipients, asked })
    }

    /// The people `ids`, `emails` or `per_user_data` name, each once and in that order.
    fn entries(
        &self,
        form: &'static str,
        body: &Map<String, Value>,
        data: &Map<String, Value>,
    ) -> Result<Vec<Addressed>, Refusal> {
        let Some(entries) = body[form].as_array() else { return refuse(form, format!("{form} must be a list")) };
        if entries.len() > MAX_ENTRIES {
            return refuse(form, format!("{form} can have at most {MAX_ENTRIES} entries"));
        }
        let ignores = |option: &str| body.get(option).and_then(Value::as_bool).unwrap_or(false);
        let (ignores_id, ignores_email) = (ignores("id_ignore_missing"), ignores("email_ignore_missing"));
        let mut recipients: Vec<Addressed> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut errors = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let line = place + 1;
            let (named, own) = match parse(form, entry) {
                Ok(parsed) => parsed,
                Err(error) => {
                    errors.push(format!("line {line}: {error}"));
                    continue;
                }
            };
            let may_be_missing = if named.kind() == "id" { ignores_id } else { ignores_email };
            match self.people.find(&named) {
                Some(key) if seen.insert(key) => {
                    let mut merged = data.clone();
                    merged.extend(own);
                    recipients.push((key, merged));
                }
                Some(_) => {}
                None if may_be_missing => {}
                None => errors.push(format!("line {line}: no person has the {} '{}'", named.kind(), named.value())),
            }
        }
        if errors.is_empty() { Ok(recipients) } else { Err(Refusal { field: form, errors }) }
    }
}

fn option_field(option: &str) -> &'static str {
    match option {
        "email_add_duplicates" => "email_add_duplicates",
        "email_ignore_missing" => "email_ignore_missing",
        _ => "id_ignore_missing",
    }
}

/// One entry: who, and with what data.
fn parse(form: &str, entry: &Value) -> Result<(Identifier, Map<String, Value>), String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        // Ids that are numbers are common in real calls.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match form {
        "ids" => {
            text(entry).map(|id| (Identifier::Id(id), Map::new())).ok_or_else(|| "an id must be a string".to_owned())
        }
        "emails" => match entry {
            Value::String(email) if !email.is_empty() => Ok((Identifier::Email(email.clone()), Map::new())),
            _ => Err("an email must be a string".to_owned()),
        },
        _ => {
            let data = match entry.get("data") {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(data)) => data.clone(),
                Some(_) => return Err("data must be an object".to_owned()),
            };
            match (entry.get("id").and_then(text), entry.get("email").and_then(text)) {
                (Some(id), None) => Ok((Identifier::Id(id), data)),
                (None, Some(email)) => Ok((Identifier::Email(email), data)),
                _ => Err("an entry needs either an id or an email".to_owned()),
            }
        }
    }
}

impl Refusal {
    /// Where in the request the fault is.
    pub(super) fn pointer(&self) -> String {
        format!("/data/attributes/{}", self.field)
    }

    /// The first fault, and how many more there are.
    pub(super) fn summary(&self) -> String {
        match self.errors.as_slice() {
            [] => String::new(),
            [only] => only.clone(),
            [first, others @ ..] => format!("{first}, and {} more", others.len()),
        }
    }
}

impl Audience {
    /// As the status of a trigger shows it.
    pub(super) fn shown(&self) -> Value {
        json!(self.asked)
    }
}
