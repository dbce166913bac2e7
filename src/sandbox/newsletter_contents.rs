//! Variants of a newsletter: languages and the arms of an A/B test (behaviour.md section 9).

use serde_json::{Map, Value, json};

use super::{
    newsletters::{Newsletter, TestGroup},
    reply::{Answer, Reply},
    request::Call,
    transactional::{Channel, Content},
    world::World,
};

/// As many arms as the vendor's interface offers letters for.
const MAX_GROUPS: usize = 8;

/// What the path names: a newsletter, one of its groups (the first unless it names one), and a language.
struct Place {
    newsletter: u64,
    group: usize,
    language: String,
}

fn shown(newsletter: &Newsletter, content: &Content) -> Value {
    // Without a channel there is nothing to say about it but what an e-mail would have.
    let mut shown = content.shown(newsletter.channel.unwrap_or(Channel::Email));
    shown.insert("newsletter_id".to_owned(), json!(newsletter.id));
    Value::Object(shown)
}

impl World {
    fn place(&self, call: &Call) -> Result<Place, Reply> {
        let newsletter = self.newsletter(call)?;
        let group = match call.param("test_group_id") {
            "" => 0,
            named => {
                let place = newsletter.groups.iter().position(|group| group.id.to_string() == named);
                place.ok_or_else(|| self.not_found())?
            }
        };
        Ok(Place { newsletter: newsletter.id, group, language: call.param("language").to_owned() })
    }

    fn content_at(&self, place: &Place) -> Result<(&Newsletter, &Content), Reply> {
        let newsletter = self.newsletters.get(&place.newsletter).ok_or_else(|| self.not_found())?;
        let contents = newsletter.groups.get(place.group).map(|group| group.contents.as_slice()).unwrap_or_default();
        let content = contents.iter().find(|content| content.language == place.language);
        Ok((newsletter, content.ok_or_else(|| self.app_error(400, "the language does not exist"))?))
    }

    /// Changes a content and shows it.
    fn edit_newsletter(&mut self, call: &Call, newsletter: u64, content: u64) -> Answer {
        let body = self.object(call)?;
        let now = self.now();
        let found = self.newsletters.get(&newsletter).and_then(|newsletter| {
            Some((newsletter, newsletter.contents().find(|other| other.id == content)?.clone()))
        });
        let (parent, mut changed) = found.ok_or_else(|| self.not_found())?;
        changed.updated = now;
        changed.edit(&body, &self.senders).map_err(|error| self.app_error(400, &error))?;
        let answer = json!({"content": shown(parent, &changed)});
        if let Some(newsletter) = self.newsletters.get_mut(&newsletter) {
            newsletter.updated = now;
            let mut contents = newsletter.groups.iter_mut().flat_map(|group| &mut group.contents);
            if let Some(place) = contents.find(|other| other.id == content) {
                *place = changed;
            }
        }
        Ok(Reply::ok(&answer))
    }

    fn refuse_sent(&self, newsletter: u64) -> Result<(), Reply> {
        match self.newsletters.get(&newsletter) {
            Some(newsletter) if newsletter.is_sent() => Err(self.app_error(400, "the newsletter was already sent")),
            _ => Ok(()),
        }
    }

    /// Adds a language: a copy of the group's default with the wording of the request.
    fn add_language(&mut self, call: &Call) -> Answer {
        let place = self.place(call)?;
        self.refuse_sent(place.newsletter)?;
        let body = self.object(call)?;
        let (newsletter, default) = self.content_at(&Place { language: String::new(), ..place })?;
        let required = |field: &str| match body.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            _ => Err(self.app_error(400, &format!("{field} is required"))),
        };
        let language = required("language")?;
        if newsletter.channel == Some(Channel::Email) {
            required("subject")?;
            required("body")?;
        }
        let known = newsletter.groups.get(place.group).map(|group| &group.contents);
        if known.is_some_and(|contents| contents.iter().any(|content| content.language == language)) {
            return Err(self.app_error(400, "the language exists already"));
        }
        let now = self.now();
        let mut content = Content { language, created: now, updated: now, ..default.clone() };
        content.edit(&body, &self.senders).map_err(|error| self.app_error(400, &error))?;
        content.id = self.next_content_id();
        let Some(newsletter) = self.newsletters.get_mut(&place.newsletter) else { return Err(self.not_found()) };
        newsletter.updated = now;
        if let Some(group) = newsletter.groups.get_mut(place.group) {
            group.contents.push(content.clone());
        }
        Ok(Reply::ok(&json!({"content": shown(newsletter, &content)})))
    }
}

/// `GET /v1/newsletters/{newsletter_id}/contents`.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    let contents: Vec<_> = newsletter.contents().map(|content| shown(newsletter, content)).collect();
    Ok(Reply::ok(&json!({"contents": contents})))
}

/// `GET /v1/newsletters/{newsletter_id}/contents/{content_id}`.
pub(super) fn get(world: &mut World, call: &Call) -> Answer {
    let content = world.newsletter_content(call)?;
    Ok(Reply::ok(&json!({"content": shown(world.newsletter(call)?, content)})))
}

/// `PUT /v1/newsletters/{newsletter_id}/contents/{content_id}`.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let content = world.newsletter_content(call)?.id;
    let newsletter = world.newsletter(call)?.id;
    world.edit_newsletter(call, newsletter, content)
}

/// `POST …/language`, of a newsletter or a test group.
pub(super) fn create_language(world: &mut World, call: &Call) -> Answer {
    world.add_language(call)
}

/// `GET …/language/{language}`; no language is the default.
pub(super) fn language(world: &mut World, call: &Call) -> Answer {
    let (newsletter, content) = world.content_at(&world.place(call)?)?;
    Ok(Reply::ok(&json!({"content": shown(newsletter, content)})))
}

/// `PUT …/language/{language}`.
pub(super) fn update_language(world: &mut World, call: &Call) -> Answer {
    let (newsletter, content) = world.content_at(&world.place(call)?)?;
    let (newsletter, content) = (newsletter.id, content.id);
    world.edit_newsletter(call, newsletter, content)
}

/// `DELETE …/language/{language}`: neither the default nor anything of what was sent.
pub(super) fn delete_language(world: &mut World, call: &Call) -> Answer {
    let place = world.place(call)?;
    world.refuse_sent(place.newsletter)?;
    if place.language.is_empty() {
        return Err(world.app_error(400, "the default language cannot be deleted"));
    }
    let newsletter = world.newsletter(call)?;
    let contents = newsletter.groups.get(place.group).map(|group| group.contents.as_slice()).unwrap_or_default();
    let at = contents.iter().position(|content| content.language == place.language);
    let at = at.ok_or_else(|| world.not_found())?;
    let now = world.now();
    if let Some(newsletter) = world.newsletters.get_mut(&place.newsletter) {
        newsletter.updated = now;
        if let Some(group) = newsletter.groups.get_mut(place.group) {
            group.contents.remove(at);
        }
    }
    Ok(Reply::no_content())
}

/// `GET /v1/newsletters/{newsletter_id}/test_groups`: none unless the newsletter is an A/B test.
pub(super) fn test_groups(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    let groups: Vec<_> = match newsletter.groups.as_slice() {
        [_] => Vec::new(),
        groups => groups.iter().enumerate().map(|(place, group)| shown_group(place, group)).collect(),
    };
    Ok(Reply::ok(&json!({"test_groups": groups})))
}

fn shown_group(place: usize, group: &TestGroup) -> Value {
    let letter = u8::try_from(place).map_or('?', |place| char::from(b'A' + place % 26));
    let contents: Vec<_> = group.contents.iter().map(|content| content.id).collect();
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(group.id));
    shown.insert("name".to_owned(), json!(letter.to_string()));
    shown.insert("label".to_owned(), json!(format!("test {}", place + 1)));
    shown.insert("winner".to_owned(), json!(false));
    shown.insert("content_ids".to_owned(), json!(contents));
    Value::Object(shown)
}

/// `POST /v1/newsletters/{newsletter_id}/test_groups`: one more group, a copy of the first in all its languages.
pub(super) fn create_test_group(world: &mut World, call: &Call) -> Answer {
    let newsletter = world.newsletter(call)?;
    let id = newsletter.id;
    world.refuse_sent(id)?;
    if newsletter.groups.len() >= MAX_GROUPS {
        return Err(world.app_error(400, &format!("a newsletter can have at most {MAX_GROUPS} test groups")));
    }
    let mut contents = newsletter.groups.first().map(|group| group.contents.clone()).unwrap_or_default();
    let now = world.now();
    for content in &mut contents {
        content.id = world.next_content_id();
        content.created = now;
        content.updated = now;
    }
    if let Some(newsletter) = world.newsletters.get_mut(&id) {
        let last = newsletter.groups.iter().map(|group| group.id).max().unwrap_or_default();
        newsletter.groups.push(TestGroup { id: last + 1, contents });
        newsletter.updated = now;
    }
    let newsletter = world.newsletter(call)?;
    Ok(Reply::ok(&json!({"newsletter": world.shown_newsletter(newsletter)})))
}
