//! Folders and components, and what they share with e-mails: a name, a place, two times.

use serde_json::{Value, json};

use super::{Studio, body, error, missing, name, parent};
use crate::sandbox::{
    ids,
    numbered_page::NumberedPage,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

/// What is common to everything in the tree.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Node {
    pub(super) sequence: u64,
    pub(super) id: String,
    pub(super) name: String,
    /// The folder it lies in; `None` is the root.
    pub(super) parent: Option<String>,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) updated: i64,
    /// Tag and markup of a component.
    component: Option<(String, String)>,
}

impl Node {
    pub(super) fn new(world: &mut World, name: String, parent: Option<String>) -> Self {
        let now = world.now();
        let sequence = world.studio.next_sequence();
        let id = ids::uuid(&*world.clock);
        Self { sequence, id, name, parent, created: now, updated: now, component: None }
    }

    /// A node of a fixture.
    pub(super) fn put(sequence: u64, id: &str, name: &str, parent: Option<&String>, now: i64) -> Self {
        let (id, name, parent) = (id.to_owned(), name.to_owned(), parent.cloned());
        Self { sequence, id, name, parent, created: now, updated: now, component: None }
    }

    pub(super) fn with_component(self, tag: &str, content: &str) -> Self {
        Self { component: Some((tag.to_owned(), content.to_owned())), ..self }
    }

    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({"id": self.id, "name": self.name, "parent_folder_id": self.parent,
            "created": self.created, "updated": self.updated});
        if let Some((tag, content)) = &self.component {
            shown["tag"] = json!(tag);
            shown["content"] = json!(content);
        }
        shown
    }
}

/// Rows of a list as the query wants them: of a folder, in an order, one page.
pub(super) fn listed<T>(
    studio: &Studio,
    call: &Call,
    key: &str,
    mut rows: Vec<&T>,
    node: fn(&T) -> &Node,
    shown: fn(&T) -> Value,
) -> Answer {
    let refuse = || error(400, "invalid query parameter");
    let page = NumberedPage::from_call(call).map_err(|_| refuse())?;
    let folder = call.query("parent_folder_id").filter(|id| !id.is_empty());
    if let Some(id) = folder.filter(|id| !studio.folders.contains_key(*id)) {
        return Err(if is_uuid(id) { missing() } else { refuse() });
    }
    let direct = call.query("direct_descendants_only") == Some("true");
    let (by, order) = (call.query("sort_by").unwrap_or("created"), call.query("sort_order").unwrap_or("asc"));
    let time = |name: &str| match call.query(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| refuse()),
    };
    let (created, updated) =
        ((time("created_after")?, time("created_before")?), (time("updated_after")?, time("updated_before")?));
    let inside = |at: i64, (after, before): (Option<i64>, Option<i64>)| {
        after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before)
    };
    rows.retain(|row| {
        let row = node(row);
        let placed = match (direct, folder) {
            (true, folder) => row.parent.as_deref() == folder,
            (false, Some(folder)) => studio.is_within(row.parent.as_deref(), folder),
            (false, None) => true,
        };
        placed && inside(row.created, created) && inside(row.updated, updated)
    });
    match by {
        "created" | "" => rows.sort_by_key(|row| node(row).sequence),
        "updated" => rows.sort_by_key(|row| (node(row).updated, node(row).sequence)),
        "name" => rows.sort_by_key(|row| (node(row).name.clone(), node(row).sequence)),
        _ => return Err(refuse()),
    }
    match order {
        "asc" | "" => {}
        "desc" => rows.reverse(),
        _ => return Err(refuse()),
    }
    let (rows, pagination) = page.cut(rows.into_iter());
    let rows: Vec<_> = rows.into_iter().map(shown).collect();
    let filters = json!({"parent_folder_id": folder, "direct_descendants_only": direct, "sort_by": by,
        "sort_order": order});
    Ok(Reply::ok(&json!({key: rows, "meta": {"pagination": pagination, "filters": filters}})))
}

fn is_uuid(text: &str) -> bool {
    let digits: Vec<_> = text.split('-').map(str::len).collect();
    digits == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn itself(node: &Node) -> &Node {
    node
}

/// `GET /v1/design_studio/folders`.
pub(in crate::sandbox) fn list_folders(world: &mut World, call: &Call) -> Answer {
    let rows = world.studio.folders.values().collect();
    listed(&world.studio, call, "folders", rows, itself, Node::shown)
}

/// `POST /v1/design_studio/folders`.
pub(in crate::sandbox) fn create_folder(world: &mut World, call: &Call) -> Answer {
    let body = body(call)?;
    let name = name(&body)?.ok_or_else(|| error(400, "missing or invalid name"))?;
    let parent = parent(world, &body)?.or(None);
    let node = Node::new(world, name, parent);
    let shown = node.shown();
    world.studio.folders.insert(node.id.clone(), node);
    Ok(Reply::ok(&json!({"folder": shown})))
}

fn folder<'a>(world: &'a World, call: &Call) -> Result<&'a Node, Reply> {
    world.studio.folders.get(call.param("id")).ok_or_else(missing)
}

/// `GET /v1/design_studio/folders/{id}`.
pub(in crate::sandbox) fn get_folder(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"folder": folder(world, call)?.shown()})))
}

/// `PUT /v1/design_studio/folders/{id}`. A folder does not go into itself.
pub(in crate::sandbox) fn update_folder(world: &mut World, call: &Call) -> Answer {
    let id = folder(world, call)?.id.clone();
    let body = body(call)?;
    let (name, parent) = (name(&body)?, parent(world, &body)?);
    if name.is_none() && parent.is_kept() {
        return Err(error(400, "nothing to update"));
    }
    if world.studio.is_within(parent.folder().map(String::as_str), &id) {
        return Err(error(409, "a constraint violation prevents this operation"));
    }
    let now = world.now();
    let node = world.studio.folders.get_mut(&id).ok_or_else(missing)?;
    node.name = name.unwrap_or_else(|| node.name.clone());
    node.parent = parent.or(node.parent.take());
    node.updated = now;
    Ok(Reply::ok(&json!({"folder": node.shown()})))
}

/// `DELETE /v1/design_studio/folders/{id}`, and everything inside; a linked e-mail inside prevents it.
pub(in crate::sandbox) fn delete_folder(world: &mut World, call: &Call) -> Answer {
    let id = folder(world, call)?.id.clone();
    let studio = &world.studio;
    let inside = |parent: &Option<String>| studio.is_within(parent.as_deref(), &id);
    if studio.emails.values().any(|email| inside(&email.node.parent) && email.link.is_some()) {
        return Err(error(409, "a constraint violation prevents this operation"));
    }
    let emails: Vec<_> =
        studio.emails.values().filter(|email| inside(&email.node.parent)).map(|one| one.node.id.clone()).collect();
    let components: Vec<_> =
        studio.components.values().filter(|one| inside(&one.parent)).map(|one| one.id.clone()).collect();
    let folders: Vec<_> =
        studio.folders.values().filter(|one| one.id == id || inside(&one.parent)).map(|one| one.id.clone()).collect();
    world.studio.emails.retain(|id, _| !emails.contains(id));
    world.studio.components.retain(|id, _| !components.contains(id));
    world.studio.folders.retain(|id, _| !folders.contains(id));
    Ok(Reply::no_content())
}

/// `GET /v1/design_studio/components`.
pub(in crate::sandbox) fn list_components(world: &mut World, call: &Call) -> Answer {
    let tag = call.query("tag").filter(|tag| !tag.is_empty());
    let has_tag = |node: &&Node| tag.is_none_or(|tag| node.component.as_ref().is_some_and(|(own, _)| own == tag));
    let rows = world.studio.components.values().filter(has_tag).collect();
    listed(&world.studio, call, "components", rows, itself, Node::shown)
}

/// A tag and markup a body gives. A tag is unique in its workspace.
fn component(world: &World, call: &Call, own: &str) -> Result<(Option<String>, Option<String>), Reply> {
    let body = body(call)?;
    let text = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(error(400, &format!("invalid {key}"))),
    };
    let tag = text("tag")?;
    if tag.as_ref().is_some_and(|tag| tag.trim().is_empty()) {
        return Err(error(400, "missing or invalid tag"));
    }
    let others = world.studio.components.values().filter(|node| node.id != own);
    let taken = others.filter_map(|node| node.component.as_ref()).any(|(other, _)| Some(other) == tag.as_ref());
    if taken {
        return Err(error(409, "a constraint violation prevents this operation"));
    }
    Ok((tag, text("content")?))
}

/// `POST /v1/design_studio/components`.
pub(in crate::sandbox) fn create_component(world: &mut World, call: &Call) -> Answer {
    let body = body(call)?;
    let name = name(&body)?.ok_or_else(|| error(400, "missing or invalid name"))?;
    let parent = parent(world, &body)?.or(None);
    let (tag, content) = component(world, call, "")?;
    let tag = tag.ok_or_else(|| error(400, "missing or invalid tag"))?;
    let mut node = Node::new(world, name, parent);
    node.component = Some((tag, content.unwrap_or_default()));
    let shown = node.shown();
    world.studio.components.insert(node.id.clone(), node);
    Ok(Reply::ok(&json!({"component": shown})))
}

/// `GET /v1/design_studio/components/{id}`.
pub(in crate::sandbox) fn get_component(world: &mut World, call: &Call) -> Answer {
    let node = world.studio.components.get(call.param("id")).ok_or_else(missing)?;
    Ok(Reply::ok(&json!({"component": node.shown()})))
}

/// `PUT /v1/design_studio/components/{id}`.
pub(in crate::sandbox) fn update_component(world: &mut World, call: &Call) -> Answer {
    let id = world.studio.components.get(call.param("id")).ok_or_else(missing)?.id.clone();
    let body = body(call)?;
    let (name, parent) = (name(&body)?, parent(world, &body)?);
    let (tag, content) = component(world, call, &id)?;
    if name.is_none() && parent.is_kept() && tag.is_none() && content.is_none() {
        return Err(error(400, "nothing to update"));
    }
    let now = world.now();
    let node = world.studio.components.get_mut(&id).ok_or_else(missing)?;
    node.name = name.unwrap_or_else(|| node.name.clone());
    node.parent = parent.or(node.parent.take());
    if let Some((own_tag, own_content)) = &mut node.component {
        *own_tag = tag.unwrap_or_else(|| own_tag.clone());
        *own_content = content.unwrap_or_else(|| own_content.clone());
    }
    node.updated = now;
    Ok(Reply::ok(&json!({"component": node.shown()})))
}

/// `DELETE /v1/design_studio/components/{id}`.
pub(in crate::sandbox) fn delete_component(world: &mut World, call: &Call) -> Answer {
    world.studio.components.remove(call.param("id")).ok_or_else(missing)?;
    Ok(Reply::no_content())
}
