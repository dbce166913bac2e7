//! The rules of one person for many at once: a hundred to a look-up, and what is wrong is told of each.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::try_join;

use super::{
    identifier::{CustomerRef, IdType, Identifiers},
    people::{app_key_required, check_forms, check_new, id_variants, not_found},
    resolve::{Found, UpsertAction, decide},
    strategy::IdentityStrategy,
};
use crate::{
    error::ToolError,
    guard::directory::{Directory, KnownPerson},
};

/// How many people one look-up may name.
const PER_LOOK_UP: usize = 100;
/// How many look-ups are under way at once. The vendor's limit paces them; this hides the way there and back.
const AT_ONCE: usize = 4;

/// The people with any of these identifiers of one kind; order is not kept.
pub(crate) async fn look_up_many(
    directory: &dyn Directory,
    id_type: IdType,
    values: Vec<String>,
) -> Result<Vec<KnownPerson>, ToolError> {
    let chunks: Vec<Vec<String>> = values.chunks(PER_LOOK_UP).map(<[String]>::to_vec).collect();
    stream::iter(chunks).map(|chunk| directory.people_by(id_type, chunk)).buffered(AT_ONCE).try_concat().await
}

/// What the writes of many people will do, each by itself: whoever another of them makes is not there yet.
pub(crate) async fn decide_many(
    directory: &dyn Directory,
    given: &[&Identifiers],
    strategy: &IdentityStrategy,
) -> Result<Vec<Result<UpsertAction, ToolError>>, ToolError> {
    let all = |id_type: IdType, value: fn(&Identifiers) -> &Option<String>| {
        look_up_many(directory, id_type, given.iter().filter_map(|one| value(one).clone()).collect())
    };
    let (by_id, by_email, by_cio_id) = try_join!(
        all(IdType::Id, |one| &one.id),
        all(IdType::Email, |one| &one.email),
        all(IdType::CioId, |one| &one.cio_id)
    )?;
    let by_id = by_key(by_id, |person| person.id.clone());
    let by_email = by_key(by_email, |person| person.email.as_ref().map(|email| email.to_lowercase()));
    let by_cio_id = by_key(by_cio_id, |person| Some(person.cio_id.clone()));
    let new_ids = given.iter().filter_map(|one| one.id.as_ref()).filter(|id| !by_id.contains_key(*id));
    let others = |id: &String| id_variants(id).into_iter().filter(|variant| variant != id).collect::<Vec<_>>();
    let variants = new_ids.flat_map(others).collect();
    let alike = by_key(look_up_many(directory, IdType::Id, variants).await?, |person| person.id.clone());
    let first = |people: &HashMap<String, Vec<KnownPerson>>, key: &Option<String>| {
        people.get(key.as_ref()?).and_then(|people| people.first()).cloned()
    };
    Ok(given
        .iter()
        .map(|one| {
            let by_id = first(&by_id, &one.id);
            let variants = one.id.as_ref().filter(|_| by_id.is_none()).map(others).unwrap_or_default();
            let found = Found {
                by_id,
                look_alikes: variants.iter().filter_map(|variant| alike.get(variant)).flatten().cloned().collect(),
                by_email: one
                    .email
                    .as_ref()
                    .and_then(|email| by_email.get(&email.to_lowercase()))
                    .cloned()
                    .unwrap_or_default(),
                by_cio_id: first(&by_cio_id, &one.cio_id),
            };
            decide(one, &found, strategy)
        })
        .collect())
}

fn by_key(people: Vec<KnownPerson>, key: impl Fn(&KnownPerson) -> Option<String>) -> HashMap<String, Vec<KnownPerson>> {
    let mut found: HashMap<String, Vec<KnownPerson>> = HashMap::new();
    for person in people {
        let Some(key) = key(&person) else { continue };
        let same = found.entry(key).or_default();
        if !same.contains(&person) {
            same.push(person);
        }
    }
    found
}

/// The identifiers of a person to write must be of the declared form; where nobody can look, there must be the primary
/// one alone.
pub(crate) fn check_written(given: &Identifiers, strategy: &IdentityStrategy, looks: bool) -> Result<(), ToolError> {
    check_forms(given, strategy)?;
    let refs = given.refs();
    let primary_alone = refs.len() == 1 && refs[0].id_type == strategy.primary.id_type();
    if looks || primary_alone { Ok(()) } else { Err(app_key_required()) }
}

/// A person who is named where nobody can look: a write would make whoever it names, so the name must fit the strategy.
pub(crate) fn check_named(given: &CustomerRef, strategy: &IdentityStrategy) -> Result<(), ToolError> {
    if given.id_type == IdType::Id && given.value.contains('@') || given.id_type != strategy.primary.id_type() {
        return Err(app_key_required().at("customer"));
    }
    check_new(given, Some(strategy), "customer")
}

/// Nobody has the identifier a row names.
pub(crate) fn no_such_person(given: &CustomerRef) -> ToolError {
    not_found(given, "customer")
}
