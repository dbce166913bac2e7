//! `objects.*` as templates read it: the objects a person is related to, by their kind, the newest first.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::namespaces::nested;
use crate::{
    api::{
        UpstreamErrorKind,
        people::{Person, PersonPath},
        standing::Relationship,
    },
    error::ToolError,
    tools::context::CallContext,
};

/// The most objects of a kind that templates reach (behaviour.md section 3).
const OF_A_KIND: usize = 10;
/// The most objects that are read for one message: each is a request, and the limit is the workspace's.
const READ_AT_MOST: usize = 30;
/// The most pages of relationships.
const PAGES: usize = 5;

const NOT_ALL: &str =
    "They are related to more objects than were read: what the message says of `objects` may differ from this.";

/// The namespace, and whether all of it was read.
pub(super) async fn of(cx: &CallContext<'_>, person: &Person, notes: &mut Vec<String>) -> Result<Value, ToolError> {
    let types = match cx.api().object_types(&cx.scope).await {
        Ok(types) => types,
        // A workspace without the feature has no objects.
        Err(error) if matches!(error.kind, UpstreamErrorKind::NotFound | UpstreamErrorKind::Forbidden) => {
            return Ok(json!({}));
        }
        Err(error) => return Err(error.into()),
    };
    let (related, all) = related(cx, person).await?;
    let mut left_out = !all;
    let mut read = 0;
    let mut objects: Map<String, Value> = Map::new();
    let mut of_kind: BTreeMap<&str, Vec<&Relationship>> = BTreeMap::new();
    for one in related.iter().rev() {
        of_kind.entry(&one.object_type_id).or_default().push(one);
    }
    for kind in types.iter().filter(|kind| kind.enabled && !kind.slug.is_empty()) {
        let mut shown = Vec::new();
        for one in of_kind.get(kind.id.as_str()).into_iter().flatten().take(OF_A_KIND) {
            if read == READ_AT_MOST {
                left_out = true;
                break;
            }
            read += 1;
            shown.push(object(cx, one).await?);
        }
        objects.insert(kind.slug.clone(), Value::Array(shown));
    }
    if left_out {
        notes.push(NOT_ALL.to_owned());
    }
    Ok(Value::Object(objects))
}

/// The relationships of a person, in the order they were made.
async fn related(cx: &CallContext<'_>, person: &Person) -> Result<(Vec<Relationship>, bool), ToolError> {
    let by = PersonPath::CioId(person.identifiers.cio_id.clone());
    let (mut rows, mut start) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let page = cx.api().relationships(&cx.scope, &by, start.as_deref()).await?;
        rows.extend(page.items);
        start = page.next.filter(|next| !next.is_empty());
        if start.is_none() {
            return Ok((rows, true));
        }
    }
    Ok((rows, false))
}

async fn object(cx: &CallContext<'_>, one: &Relationship) -> Result<Value, ToolError> {
    let identifier = |name: &str| one.identifiers[name].as_str().map(str::to_owned);
    let object_id = identifier("object_id").unwrap_or_default();
    let attributes = cx.api().object_attributes(&cx.scope, &one.object_type_id, &object_id).await?;
    let readable = |map: &Map<String, Value>| -> Map<String, Value> {
        map.iter().map(|(name, value)| (name.clone(), nested(value))).collect()
    };
    let mut shown = readable(&attributes);
    shown.insert("object_id".into(), json!(object_id));
    shown.insert("cio_object_id".into(), json!(identifier("cio_object_id")));
    let relationship = one.relationship_attributes.as_object().map(readable).unwrap_or_default();
    shown.insert("relationship".into(), Value::Object(relationship));
    Ok(Value::Object(shown))
}
