//! E-mails of Design Studio.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    body, error, missing, name,
    nodes::{Node, listed},
    object, parent,
    versions::Version,
};
use crate::sandbox::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// What an e-mail says, in one language: `content`, `envelope` and `transformers` as they were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::sandbox) struct Draft {
    pub(super) content: Map<String, Value>,
    pub(super) envelope: Map<String, Value>,
    pub(super) transformers: Map<String, Value>,
}

impl Draft {
    /// Lays what a body gives over what there is.
    pub(super) fn change(&mut self, body: &Map<String, Value>) -> Result<bool, Reply> {
        let parts = [
            ("content", &mut self.content),
            ("envelope", &mut self.envelope),
            ("transformers", &mut self.transformers),
        ];
        let mut changed = false;
        for (key, target) in parts {
            let given = object(body, key)?;
            changed |= body.contains_key(key);
            target.extend(given);
        }
        Ok(changed)
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.content.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// One e-mail.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Email {
    pub(super) node: Node,
    pub(super) is_template: bool,
    pub(super) draft: Draft,
    /// Id and wording of each translation, by language.
    pub(super) languages: BTreeMap<String, (String, Draft)>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
    /// The transactional message it is linked to.
    pub(super) link: Option<u64>,
    /// What was published last: the default wording and the translations.
    pub(super) published: Option<(Draft, BTreeMap<String, Draft>)>,
}

impl Email {
    pub(super) fn shown(&self) -> Value {
        let mut shown = self.node.shown();
        shown["is_template"] = json!(self.is_template);
        shown["is_linked"] = json!(self.link.is_some());
        shown["has_translations"] = json!(!self.languages.is_empty());
        shown["content"] = json!(self.draft.content);
        shown["envelope"] = json!(self.draft.envelope);
        shown["transformers"] = json!(self.draft.transformers);
        shown
    }

    /// The wordings as they would be published now.
    pub(super) fn wording(&self) -> (Draft, BTreeMap<String, Draft>) {
        let languages = self.languages.iter().map(|(language, (_, draft))| (language.clone(), draft.clone()));
        (self.draft.clone(), languages.collect())
    }
}

pub(super) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Email, Reply> {
    world.studio.emails.get(call.param("id")).ok_or_else(missing)
}

pub(super) fn find_mut<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Email, Reply> {
    world.studio.emails.get_mut(call.param("id")).ok_or_else(missing)
}

/// `GET /v1/design_studio/emails`, with three filters of their own: `true`, `false` or `any`.
pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Answer {
    let fits = |key: &str, value: bool| match call.query(key) {
        None | Some("" | "any") => true,
        Some(wanted) => wanted == value.to_string(),
    };
    let rows = world
        .studio
        .emails
        .values()
        .filter(|email| fits("is_template", email.is_template))
        .filter(|email| fits("has_translations", !email.languages.is_empty()))
        .filter(|email| fits("is_linked", email.link.is_some()))
        .collect();
    listed(&world.studio, call, "emails", rows, |email: &Email| &email.node, Email::shown)
}

/// `POST /v1/design_studio/emails`.
pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Answer {
    let body = body(call)?;
    let name = name(&body)?.ok_or_else(|| error(400, "missing or invalid name"))?;
    let parent = parent(world, &body)?.or(None);
    let mut draft = Draft::default();
    draft.change(&body)?;
    let is_template = body.get("is_template").and_then(Value::as_bool).unwrap_or(false);
    let node = Node::new(world, name, parent);
    let languages = BTreeMap::new();
    let email = Email { node, is_template, draft, languages, versions: Vec::new(), link: None, published: None };
    let shown = email.shown();
    world.studio.emails.insert(email.node.id.clone(), email);
    Ok(Reply::ok(&json!({"email": shown})))
}

/// `GET /v1/design_studio/emails/{id}`.
pub(in crate::sandbox) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"email": find(world, call)?.shown()})))
}

/// `PUT /v1/design_studio/emails/{id}`: the draft; a linked message keeps what was published.
pub(in crate::sandbox) fn update(world: &mut World, call: &Call) -> Answer {
    find(world, call)?;
    let body = body(call)?;
    let (name, parent) = (name(&body)?, parent(world, &body)?);
    let now = world.now();
    let email = find_mut(world, call)?;
    let mut draft = email.draft.clone();
    let is_template = body.get("is_template").and_then(Value::as_bool);
    if !draft.change(&body)? && name.is_none() && parent.is_kept() && is_template.is_none() {
        return Err(error(400, "nothing to update"));
    }
    email.draft = draft;
    email.is_template = is_template.unwrap_or(email.is_template);
    email.node.name = name.unwrap_or_else(|| email.node.name.clone());
    email.node.parent = parent.or(email.node.parent.take());
    email.node.updated = now;
    Ok(Reply::ok(&json!({"email": email.shown()})))
}

/// `DELETE /v1/design_studio/emails/{id}`: not while it is linked.
pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Answer {
    if find(world, call)?.link.is_some() {
        return Err(error(409, "a constraint violation prevents this operation"));
    }
    world.studio.emails.remove(call.param("id"));
    Ok(Reply::no_content())
}
