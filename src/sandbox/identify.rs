//! Creating and updating people: the upsert rules of behaviour.md section 3.
//!
//! Track accepts almost anything and applies what it can. What it could not apply is a `failed_attribute_change` in
//! the activity log, never an error, so nothing here returns one.

use serde_json::{Map, Value, json};

use super::{
    anonymous::ANONYMOUS_ID,
    attributes::{self, MAX_ATTRIBUTES},
    identifiers::{Identifier, MAX_IDENTIFIER_BYTES, looks_like_email},
    people::PersonKey,
    world::World,
};

/// One request to create or update a person.
#[derive(Debug, Clone)]
pub(super) struct Upsert {
    /// The identifier the call names: the path in v1, `identifiers` in v2.
    pub(super) named: Identifier,
    /// What is to be set, `id` and `email` among it.
    pub(super) attributes: Map<String, Value>,
    /// Never create a person.
    pub(super) update_only: bool,
    /// When the values were true, in Unix seconds; `None` is now.
    pub(super) at: Option<i64>,
    /// Whether an update-only call that matches nobody leaves a failed change in the log, as v1 does and v2 does not.
    pub(super) logs_missing: bool,
}

impl Upsert {
    /// Takes `_update` and `_timestamp` out of the attributes.
    pub(super) fn new(named: Identifier, mut attributes: Map<String, Value>, logs_missing: bool) -> Self {
        let update_only = attributes.shift_remove("_update").is_some_and(|value| attributes::is_true(&value));
        let at = attributes.shift_remove("_timestamp").and_then(|value| unix_seconds(&value));
        Self { named, attributes, update_only, at, logs_missing }
    }

    /// The identifiers asked for besides the one that names the person.
    fn in_body(&self) -> Vec<Identifier> {
        ["id", "email"]
            .iter()
            .filter_map(|kind| Identifier::from_id_type(self.attributes.get(*kind)?.as_str()?, Some(kind)))
            .filter(|identifier| !identifier.value().is_empty())
            .collect()
    }
}

/// Unix seconds out of a number or a string that spells one.
pub(super) fn unix_seconds(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a second is not kept")]
    number.is_finite().then_some(number as i64)
}

impl World {
    /// Applies an upsert. Returns who was created or updated, if anybody.
    pub(super) fn upsert(&mut self, upsert: &Upsert) -> Option<PersonKey> {
        let in_body = upsert.in_body();
        if self.suppressed.contains(&upsert.named) || in_body.iter().any(|one| self.suppressed.contains(one)) {
            return None;
        }
        let named = self.people.find(&upsert.named);
        if matches!(upsert.named, Identifier::CioId(_)) {
            // Rule 5: an unknown cio_id is dropped in silence, a known one may change anything.
            return self.update(named?, upsert, &in_body);
        }
        let mut others: Vec<_> = in_body.iter().filter_map(|identifier| self.people.find(identifier)).collect();
        others.dedup();
        match (named, others.as_slice()) {
            // Rule 3, and its variant where the body alone names two people.
            (Some(key), others) if others.iter().any(|other| *other != key) => {
                self.fail_conflict(Some(key), upsert, &in_body)
            }
            (None, [_, _, ..]) => self.fail_conflict(None, upsert, &in_body),
            (Some(key), _) => self.update(key, upsert, &in_body),
            (None, [key]) => self.update(*key, upsert, &in_body),
            (None, []) if upsert.update_only => self.fail_missing(upsert),
            (None, []) => {
                let key = self.people.create(self.now());
                self.record_for(key, "profile_create", json!({}));
                self.update(key, upsert, &in_body)
            }
        }
    }

    /// Sets identifiers and attributes of a known person and logs what changed and what could not.
    fn update(&mut self, key: PersonKey, upsert: &Upsert, in_body: &[Identifier]) -> Option<PersonKey> {
        let now = self.now();
        let mut changed = Map::new();
        let mut failed = Map::new();
        let named = std::iter::once(&upsert.named).filter(|named| !matches!(named, Identifier::CioId(_)));
        for identifier in named.chain(in_body) {
            self.set_identifier(key, identifier, &upsert.named, &mut changed, &mut failed);
        }
        let person = self.people.get_mut(key)?;
        for (name, value) in &upsert.attributes {
            if matches!(name.as_str(), "id" | "email" | "cio_id") {
                continue;
            }
            if name == ANONYMOUS_ID && self.anonymous.is_of_another(&attributes::text_of(value), key) {
                failed.insert(name.clone(), difference(None, &attributes::text_of(value)));
                continue;
            }
            let is_new = !person.attributes.contains_key(name.split('.').next().unwrap_or(name));
            if is_new && !attributes::removes(value) && person.attributes.len() >= MAX_ATTRIBUTES {
                failed.insert(name.clone(), difference(None, &attributes::text_of(value)));
            } else if let Some((from, to)) =
                attributes::set(&mut person.attributes, name, value, upsert.at.unwrap_or(now))
            {
                changed.insert(name.clone(), json!({"from": from, "to": to}));
            }
        }
        if !changed.is_empty() {
            self.record_for(key, "attribute_change", Value::Object(changed));
        }
        let anonymous_id = upsert.attributes.get(ANONYMOUS_ID).map(attributes::text_of).filter(|id| !id.is_empty());
        let anonymous_id = anonymous_id.filter(|_| !failed.contains_key(ANONYMOUS_ID));
        if !failed.is_empty() {
            self.record_for(key, "failed_attribute_change", Value::Object(failed));
        }
        if let Some(anonymous_id) = anonymous_id {
            self.adopt(key, &anonymous_id);
        }
        Some(key)
    }

    /// Rule 6: an identifier is set once; afterwards only a call by `cio_id` changes it, or, if the workspace allows
    /// it, a call by `id` changes the e-mail.
    fn set_identifier(
        &mut self,
        key: PersonKey,
        wanted: &Identifier,
        named: &Identifier,
        changed: &mut Map<String, Value>,
        failed: &mut Map<String, Value>,
    ) {
        let current = self.people.get(key).and_then(|person| person.text(wanted.kind()));
        let owner = self.people.find(wanted);
        if owner == Some(key) {
            return;
        }
        let may_change = match (named, wanted) {
            (Identifier::CioId(_), _) => true,
            (Identifier::Id(_), Identifier::Email(_)) => self.workspace.update_email_with_id,
            _ => false,
        };
        let invalid = match wanted {
            Identifier::Email(email) => !looks_like_email(email) || email.len() > MAX_IDENTIFIER_BYTES,
            Identifier::Id(_) | Identifier::CioId(_) => false,
        };
        let entry = difference(current.as_deref(), wanted.value());
        if owner.is_some() || invalid || (current.is_some() && !may_change) {
            failed.insert(wanted.kind().to_owned(), entry);
        } else {
            let now = self.now();
            self.people.set_identifier(key, wanted, now);
            changed.insert(wanted.kind().to_owned(), entry);
        }
    }

    /// The identifiers belong to different people: nothing is applied, and the log says so.
    fn fail_conflict(&mut self, key: Option<PersonKey>, upsert: &Upsert, in_body: &[Identifier]) -> Option<PersonKey> {
        let person = key.and_then(|key| self.people.get(key)).cloned();
        let data: Map<_, _> = in_body
            .iter()
            .filter(|identifier| self.people.find(identifier) != key)
            .map(|identifier| {
                let current = person.as_ref().and_then(|person| person.text(identifier.kind()));
                (identifier.kind().to_owned(), difference(current.as_deref(), identifier.value()))
            })
            .collect();
        match person {
            Some(person) => self.record(&person, "failed_attribute_change", Value::Object(data)),
            None => self.record_unknown(&upsert.named, "failed_attribute_change", Value::Object(data)),
        }
        None
    }

    /// Rule 7: an update of nobody.
    fn fail_missing(&mut self, upsert: &Upsert) -> Option<PersonKey> {
        if upsert.logs_missing {
            let data = upsert
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), difference(None, &attributes::text_of(value))))
                .collect();
            self.record_unknown(&upsert.named, "failed_attribute_change", Value::Object(data));
        }
        None
    }
}

fn difference(from: Option<&str>, to: &str) -> Value {
    json!({"from": from.unwrap_or_default(), "to": to})
}
