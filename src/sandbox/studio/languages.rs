//! Translations of an e-mail. What a translation leaves out it has from the default language.

use serde_json::{Value, json};

use super::{
    body,
    emails::{Draft, find, find_mut},
    error, missing,
};
use crate::sandbox::{
    ids,
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

fn shown(language: &str, id: &str, draft: &Draft) -> Value {
    json!({"id": id, "language": language, "content": draft.content, "envelope": draft.envelope,
        "transformers": draft.transformers})
}

/// `GET /v1/design_studio/emails/{id}/languages`.
pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let list: Vec<_> = email.languages.iter().map(|(language, (id, draft))| shown(language, id, draft)).collect();
    Ok(Reply::ok(&json!({"languages": list})))
}

/// `POST /v1/design_studio/emails/{id}/languages`: one of a language.
pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Answer {
    let email = find(world, call)?;
    let body = body(call)?;
    let language = body.get("language").and_then(Value::as_str).filter(|language| !language.is_empty());
    let language = language.ok_or_else(|| error(400, "missing or invalid language"))?.to_owned();
    if email.languages.contains_key(&language) {
        return Err(error(409, "a constraint violation prevents this operation"));
    }
    let mut draft = email.draft.clone();
    draft.change(&body)?;
    let id = ids::uuid(&*world.clock);
    let answer = shown(&language, &id, &draft);
    find_mut(world, call)?.languages.insert(language, (id, draft));
    Ok(Reply::ok(&json!({"language": answer})))
}

/// `GET /v1/design_studio/emails/{id}/languages/{language}`.
pub(in crate::sandbox) fn get(world: &mut World, call: &Call) -> Answer {
    let language = call.param("language");
    let (id, draft) = find(world, call)?.languages.get(language).ok_or_else(missing)?;
    Ok(Reply::ok(&json!({"language": shown(language, id, draft)})))
}

/// `PUT /v1/design_studio/emails/{id}/languages/{language}`.
pub(in crate::sandbox) fn update(world: &mut World, call: &Call) -> Answer {
    let language = call.param("language");
    let email = find_mut(world, call)?;
    let (id, draft) = email.languages.get_mut(language).ok_or_else(missing)?;
    let mut changed = draft.clone();
    if !changed.change(&body(call)?)? {
        return Err(error(400, "nothing to update"));
    }
    *draft = changed;
    Ok(Reply::ok(&json!({"language": shown(language, id, draft)})))
}

/// `DELETE /v1/design_studio/emails/{id}/languages/{language}`.
pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Answer {
    find_mut(world, call)?.languages.remove(call.param("language")).ok_or_else(missing)?;
    Ok(Reply::no_content())
}
