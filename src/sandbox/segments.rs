//! Segments: manual ones hold members, data-driven ones a filter evaluated when asked (behaviour.md section 5).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    attributes::text_of,
    filter::Filter,
    identifiers::Identifier,
    page::Page,
    people::{Person, PersonKey},
    profiles,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const DEFAULT_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 30_000;
/// Entries of one membership change.
const MAX_IDS: usize = 1000;

/// One segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) members: Members,
    /// Unix seconds.
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// Who is in a segment.
#[derive(Debug, Clone)]
pub(super) enum Members {
    /// Exactly these.
    Manual(BTreeSet<PersonKey>),
    /// Whoever matches at the moment of asking.
    Dynamic(Filter),
}

impl Segment {
    /// Takes a deleted person out.
    pub(super) fn forget(&mut self, key: PersonKey) {
        if let Members::Manual(members) = &mut self.members {
            members.remove(&key);
        }
    }

    /// Gives a merged person's place to the one who stays.
    pub(super) fn hand_over(&mut self, from: PersonKey, to: PersonKey) {
        if let Members::Manual(members) = &mut self.members
            && members.remove(&from)
        {
            members.insert(to);
        }
    }

    fn shown(&self) -> Value {
        let kind = match self.members {
            Members::Manual(_) => "manual",
            Members::Dynamic(_) => "dynamic",
        };
        json!({
            "id": self.id,
            "deduplicate_id": format!("{}:{}", self.id, self.updated_at),
            "name": self.name,
            "description": self.description,
            "state": "finished",
            "progress": null,
            "type": kind,
            "tags": if self.tags.is_empty() { Value::Null } else { json!(self.tags) },
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }
}

impl World {
    /// Whether `person` is in `segment` now.
    pub(super) fn is_member(&self, segment: &Segment, person: &Person) -> bool {
        match &segment.members {
            Members::Manual(members) => members.contains(&person.key),
            Members::Dynamic(filter) => filter.matches(self, person),
        }
    }

    /// The same while evaluating a filter that named the segment.
    pub(super) fn is_member_at(&self, segment: &Segment, person: &Person, depth: usize) -> bool {
        match &segment.members {
            Members::Manual(members) => members.contains(&person.key),
            Members::Dynamic(filter) => filter.matches_at(self, person, depth),
        }
    }

    fn members<'a>(&'a self, segment: &'a Segment) -> impl Iterator<Item = &'a Person> {
        self.people.iter().filter(|person| self.is_member(segment, person))
    }

    fn segment(&self, call: &Call) -> Result<&Segment, Reply> {
        let id: Option<u64> = call.param("segment_id").parse().ok();
        id.and_then(|id| self.segments.get(&id)).ok_or_else(|| self.not_found())
    }
}

/// `GET /v1/segments`.
pub(super) fn list(world: &mut World, _call: &Call) -> Answer {
    let segments: Vec<_> = world.segments.values().map(Segment::shown).collect();
    Ok(Reply::ok(&json!({"segments": segments})))
}

/// `GET /v1/segments/{segment_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    Ok(Reply::ok(&json!({"segment": world.segment(call)?.shown()})))
}

/// `POST /v1/segments`: a manual segment.
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let body = call.object().unwrap_or_default();
    let given = |key: &str| body.get("segment").and_then(|segment| segment.get(key)).and_then(Value::as_str);
    let name = given("name").filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| world.app_error(400, "segment.name is required"))?.to_owned();
    let now = world.now();
    // The number of a deleted segment is not given again.
    let id = world.segments.keys().last().map_or(0, |last| *last).max(world.last_segment) + 1;
    world.last_segment = id;
    let segment = Segment {
        id,
        name,
        description: given("description").unwrap_or_default().to_owned(),
        tags: Vec::new(),
        members: Members::Manual(BTreeSet::new()),
        created_at: now,
        updated_at: now,
    };
    let shown = segment.shown();
    world.segments.insert(id, segment);
    Ok(Reply::ok(&json!({"segment": shown})))
}

/// `DELETE /v1/segments/{segment_id}`: manual ones only.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let segment = world.segment(call)?;
    if matches!(segment.members, Members::Dynamic(_)) {
        return Err(world.app_error(400, "only manual segments can be deleted through the API"));
    }
    let id = segment.id;
    world.segments.remove(&id);
    Ok(Reply::no_content())
}

/// `GET /v1/segments/{segment_id}/used_by`.
pub(super) fn used_by(world: &mut World, call: &Call) -> Answer {
    let id = world.segment(call)?.id;
    let campaigns: Vec<_> =
        world.campaigns.values().filter(|campaign| campaign.uses_segment(id)).map(|campaign| campaign.id).collect();
    let newsletters = |sent: bool| -> Vec<u64> {
        let using = world.newsletters.values().filter(|newsletter| newsletter.recipients.segments().contains(&id));
        using.filter(|newsletter| newsletter.is_sent() == sent).map(|newsletter| newsletter.id).collect()
    };
    let used_by = json!({
        "campaigns": campaigns,
        "sent_newsletters": newsletters(true),
        "draft_newsletters": newsletters(false),
    });
    Ok(Reply::ok(&json!({"used_by": used_by})))
}

/// `GET /v1/segments/{segment_id}/customer_count`.
pub(super) fn customer_count(world: &mut World, call: &Call) -> Answer {
    let count = world.members(world.segment(call)?).count();
    Ok(Reply::ok(&json!({"count": count})))
}

/// `GET /v1/segments/{segment_id}/membership`. `next` is text here as everywhere (behaviour.md section 5); the description
/// has an integer.
pub(super) fn membership(world: &mut World, call: &Call) -> Answer {
    let page = Page::from_call(call, world, DEFAULT_LIMIT, MAX_LIMIT)?;
    let members = world.members(world.segment(call)?).map(|person| (person.key, person));
    let (people, next) = page.cut_ascending(members);
    Ok(Reply::ok(&profiles::listed(&people, &next)))
}

/// `POST /api/v1/segments/{segment_id}/add_customers`.
pub(super) fn add_customers(world: &mut World, call: &Call) -> Answer {
    change(world, call, |members, key| {
        members.insert(key);
    })
}

/// `POST /api/v1/segments/{segment_id}/remove_customers`.
pub(super) fn remove_customers(world: &mut World, call: &Call) -> Answer {
    change(world, call, |members, key| {
        members.remove(&key);
    })
}

/// Ids that name nobody, and values of another kind than `id_type`, are ignored.
fn change(world: &mut World, call: &Call, apply: impl Fn(&mut BTreeSet<PersonKey>, PersonKey)) -> Answer {
    let refuse = |error: &str| Reply::meta_errors(error);
    let body = profiles::track_object(call).map_err(Reply::meta_errors)?;
    let ids = body.get("ids").and_then(Value::as_array).ok_or_else(|| refuse("ids must be an array"))?;
    if ids.is_empty() || ids.len() > MAX_IDS {
        return Err(refuse(&format!("ids must hold 1 to {MAX_IDS} entries")));
    }
    let id_type = call.query("id_type");
    if Identifier::from_id_type("", id_type).is_none() {
        return Err(refuse("id_type must be one of id, email, cio_id"));
    }
    let keys: Vec<_> = ids
        .iter()
        .filter_map(|id| Identifier::from_id_type(&text_of(id), id_type))
        .filter_map(|identifier| world.people.find(&identifier))
        .collect();
    let segment = call.param("segment_id").parse().ok().and_then(|id: u64| world.segments.get_mut(&id));
    let Some(Segment { members: Members::Manual(members), .. }) = segment else {
        return Err(refuse("segment does not exist or is not a manual segment"));
    };
    for key in keys {
        apply(members, key);
    }
    Ok(Reply::accepted())
}
