//! Assets: images and PDFs, and the folders they lie in (behaviour.md section 10).
//!
//! Their errors are worded without a reference.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::{
    numbered_page::NumberedPage,
    placement::Placement,
    reply::{Answer, Reply},
    request::Call,
    upload::{self, Upload},
    world::World,
};

const MAX_FILE_BYTES: usize = 2 * 1024 * 1024;
const TYPES: [&str; 6] = ["image/bmp", "image/jpeg", "image/jpg", "image/png", "image/gif", "application/pdf"];

#[derive(Debug, Clone)]
struct Node {
    id: u64,
    name: String,
    /// The folder it lies in; `None` is the root.
    parent: Option<u64>,
    created: i64,
    updated: i64,
    /// Folders have none.
    file: Option<File>,
}

#[derive(Debug, Clone)]
struct File {
    bytes: Bytes,
    content_type: String,
}

impl Node {
    /// At the root `parent_folder_id` is null, as the vendor's reference has it in words, although the type beside them
    /// is an integer.
    fn shown(&self, call: &Call) -> Value {
        let mut shown = json!({"id": self.id, "name": self.name, "parent_folder_id": self.parent,
            "created": self.created, "updated": self.updated});
        if let Some(file) = &self.file {
            let name = percent_encoding::utf8_percent_encode(&self.name, percent_encoding::NON_ALPHANUMERIC);
            shown["path"] = json!(format!("{}/_files/assets/{}/{name}", call.base_url, self.id));
            shown["size"] = json!(file.bytes.len());
        }
        shown
    }
}

/// Files and folders, each numbered on its own. A deleted file is still served to the mails that show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Assets {
    files: BTreeMap<u64, Node>,
    folders: BTreeMap<u64, Node>,
    deleted: BTreeMap<u64, Node>,
    last_folder: u64,
}

impl Assets {
    /// A file by number and name, also a deleted one.
    pub(super) fn serve(&self, path: &str) -> Option<(&str, &Bytes)> {
        let id: u64 = path.split('/').next()?.parse().ok()?;
        let file = self.files.get(&id).or_else(|| self.deleted.get(&id))?.file.as_ref()?;
        Some((&file.content_type, &file.bytes))
    }

    /// Puts a folder of a fixture in its place.
    pub(super) fn put_folder(&mut self, id: u64, name: &str, parent: Option<u64>, now: i64) {
        let node = Node { id, name: name.to_owned(), parent, created: now, updated: now, file: None };
        self.folders.insert(id, node);
        self.last_folder = self.last_folder.max(id);
    }

    /// Puts a file of a fixture in its place.
    pub(super) fn put_file(&mut self, id: u64, name: &str, parent: Option<u64>, file: (String, Vec<u8>), now: i64) {
        let file = File { content_type: file.0, bytes: file.1.into() };
        let node = Node { id, name: name.to_owned(), parent, created: now, updated: now, file: Some(file) };
        self.files.insert(id, node);
    }

    /// Whether `folder` is `ancestor` or lies somewhere inside.
    fn is_within(&self, mut folder: Option<u64>, ancestor: u64) -> bool {
        while let Some(id) = folder {
            if id == ancestor {
                return true;
            }
            folder = self.folders.get(&id).and_then(|folder| folder.parent);
        }
        false
    }
}

/// An error of these endpoints.
fn error(status: u16, detail: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"detail": detail, "status": status.to_string()}]}))
}

fn missing() -> Reply {
    error(404, "resource not found")
}

fn conflict() -> Reply {
    error(409, "a constraint violation prevents this operation")
}

/// A folder that is named as a parent: absent, null and 0 are the root.
fn parent(world: &World, value: Option<&Value>) -> Result<Option<u64>, Reply> {
    let id = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    match id {
        Some(0) => Ok(None),
        Some(id) if world.assets.folders.contains_key(&id) => Ok(Some(id)),
        Some(_) => Err(missing()),
        None => Err(error(400, "invalid parent_folder_id")),
    }
}

fn name(value: Option<&Value>) -> Result<Option<String>, Reply> {
    match value {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(name.clone())),
        Some(_) => Err(error(400, "missing or invalid name")),
    }
}

fn find<'a>(nodes: &'a BTreeMap<u64, Node>, call: &Call) -> Result<&'a Node, Reply> {
    let id: Option<u64> = call.param("id").parse().ok();
    id.and_then(|id| nodes.get(&id)).ok_or_else(missing)
}

/// The part of the nodes that a list asks for, in pages.
fn listed(world: &World, call: &Call, key: &str, nodes: &BTreeMap<u64, Node>) -> Answer {
    let page = NumberedPage::from_call(call).map_err(|detail| error(400, &detail))?;
    let asked = call.query("parent_folder_id").filter(|text| !text.is_empty()).map(|text| json!(text));
    let folder = parent(world, asked.as_ref())?;
    let direct = call.query("direct_descendants_only") == Some("true");
    let wanted = |node: &&Node| match (direct, folder) {
        (true, folder) => node.parent == folder,
        (false, Some(folder)) => world.assets.is_within(node.parent, folder),
        (false, None) => true,
    };
    let (rows, pagination) = page.cut(nodes.values().filter(wanted));
    let rows: Vec<_> = rows.into_iter().map(|node| node.shown(call)).collect();
    let filters = json!({"parent_folder_id": folder, "direct_descendants_only": direct});
    Ok(Reply::ok(&json!({key: rows, "meta": {"pagination": pagination, "filters": filters}})))
}

/// `GET /v1/assets`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    listed(world, call, "assets", &world.assets.files)
}

/// `GET /v1/assets/folders`.
pub(super) fn list_folders(world: &mut World, call: &Call) -> Answer {
    listed(world, call, "folders", &world.assets.folders)
}

/// `POST /v1/assets/files`, as a form. The dimensions of an image are not looked at.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let Upload { file, fields } = upload::read(call).map_err(|detail| error(400, &detail))?;
    let file = file.ok_or_else(|| error(400, "missing file"))?;
    if !TYPES.contains(&file.content_type.as_str()) {
        return Err(error(400, "invalid file type"));
    }
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(error(400, "file is too large"));
    }
    let field = |key: &str| fields.get(key).filter(|text| !text.is_empty()).map(|text| json!(text));
    let parent = parent(world, field("parent_folder_id").as_ref())?;
    let name = name(field("name").as_ref())?.unwrap_or(file.name);
    let assets = &mut world.assets;
    let last = assets.files.keys().chain(assets.deleted.keys()).max();
    let id = last.map_or(1, |last| last + 1);
    let file = File { bytes: file.bytes, content_type: file.content_type };
    let now = world.now();
    let node = Node { id, name, parent, created: now, updated: now, file: Some(file) };
    let shown = node.shown(call);
    world.assets.files.insert(id, node);
    Ok(Reply::ok(&json!({"asset": shown})))
}

/// `GET /v1/assets/files/{id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"asset": find(&world.assets.files, call)?.shown(call)})))
}

/// `GET /v1/assets/folders/{id}`.
pub(super) fn get_folder(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"folder": find(&world.assets.folders, call)?.shown(call)})))
}

/// `PUT /v1/assets/files/{id}`: its name and folder; the file itself never changes.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let id = find(&world.assets.files, call)?.id;
    let (name, parent) = changes(world, call)?;
    let now = world.now();
    change(world.assets.files.get_mut(&id), name, parent, now)
}

/// `PUT /v1/assets/folders/{id}`. A folder does not go into itself.
pub(super) fn update_folder(world: &mut World, call: &Call) -> Answer {
    let id = find(&world.assets.folders, call)?.id;
    let (name, parent) = changes(world, call)?;
    if world.assets.is_within(parent.folder().copied(), id) {
        return Err(conflict());
    }
    let now = world.now();
    change(world.assets.folders.get_mut(&id), name, parent, now)
}

type Changes = (Option<String>, Placement<u64>);

fn changes(world: &World, call: &Call) -> Result<Changes, Reply> {
    let body: Map<String, Value> = call.object().ok_or_else(|| error(400, "invalid request body"))?;
    let parent = match body.get("parent_folder_id") {
        None => Placement::Kept,
        value => Placement::In(parent(world, value)?),
    };
    let name = name(body.get("name"))?;
    if name.is_none() && parent.is_kept() {
        return Err(error(400, "nothing to update"));
    }
    Ok((name, parent))
}

fn change(node: Option<&mut Node>, name: Option<String>, parent: Placement<u64>, now: i64) -> Answer {
    let node = node.ok_or_else(missing)?;
    node.name = name.unwrap_or_else(|| node.name.clone());
    node.parent = parent.or(node.parent);
    node.updated = now;
    Ok(Reply::no_content())
}

/// `DELETE /v1/assets/files/{id}`.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = find(&world.assets.files, call)?.id;
    if let Some(node) = world.assets.files.remove(&id) {
        world.assets.deleted.insert(id, node);
    }
    Ok(Reply::no_content())
}

/// `POST /v1/assets/folders`.
pub(super) fn create_folder(world: &mut World, call: &Call) -> Answer {
    let body = call.object().ok_or_else(|| error(400, "invalid request body"))?;
    let name = name(body.get("name"))?.ok_or_else(|| error(400, "missing or invalid name"))?;
    let parent = parent(world, body.get("parent_folder_id"))?;
    world.assets.last_folder += 1;
    let (id, now) = (world.assets.last_folder, world.now());
    let node = Node { id, name, parent, created: now, updated: now, file: None };
    let shown = node.shown(call);
    world.assets.folders.insert(id, node);
    Ok(Reply::ok(&json!({"folder": shown})))
}

/// `DELETE /v1/assets/folders/{id}`: empty ones only. Alone among the deletions of assets and of Design Studio this one
/// is a 200: of the others the vendor's client says that they answer 204, which their descriptions do not tell.
pub(super) fn delete_folder(world: &mut World, call: &Call) -> Answer {
    let id = find(&world.assets.folders, call)?.id;
    if world.assets.files.values().chain(world.assets.folders.values()).any(|node| node.parent == Some(id)) {
        return Err(conflict());
    }
    world.assets.folders.remove(&id);
    Ok(Reply::ok(&json!({})))
}
