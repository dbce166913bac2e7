//! Whether a write creates a person, updates one, or would do what nobody asked for.
//!
//! Track's own upsert rules (behaviour notes, section 3) merge, re-attach or drop in silence. Here the identifiers
//! given and the people they belong to are weighed first, by one pure function.

use serde_json::{Value, json};

use super::{
    identifier::{IdType, Identifiers},
    strategy::{IdentityStrategy, Primary},
};
use crate::{
    error::{ErrorCode, ToolError},
    guard::directory::KnownPerson,
};

/// What a write of a person will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpsertAction {
    /// Create a new person.
    Create,
    /// Update an existing one.
    Update {
        /// Who.
        person: KnownPerson,
        /// Identifiers the person gains.
        attaches: Vec<IdType>,
        /// The e-mail address changes, as the caller asked by naming the person by `cio_id`.
        changes_email: bool,
    },
    /// Write by the primary identifier alone, without having looked: Track credentials only.
    Unverified,
}

/// The people behind the identifiers given.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The person with the id given.
    pub by_id: Option<KnownPerson>,
    /// People whose id differs from it only by case or spaces.
    pub look_alikes: Vec<KnownPerson>,
    /// People with the e-mail address given.
    pub by_email: Vec<KnownPerson>,
    /// The person with the `cio_id` given.
    pub by_cio_id: Option<KnownPerson>,
}

/// Decides what the write will do, or names the conflict.
pub(super) fn decide(
    given: &Identifiers,
    found: &Found,
    strategy: &IdentityStrategy,
) -> Result<UpsertAction, ToolError> {
    let target = if given.cio_id.is_some() {
        Some(found.by_cio_id.as_ref().ok_or_else(unknown_cio_id)?)
    } else {
        found.by_id.as_ref()
    };
    match target {
        Some(person) => update(given, found, person),
        None => without_target(given, found, strategy),
    }
}

/// Neither `cio_id` nor `id` names anybody.
fn without_target(given: &Identifiers, found: &Found, strategy: &IdentityStrategy) -> Result<UpsertAction, ToolError> {
    if !found.look_alikes.is_empty() {
        return Err(look_alike(&found.look_alikes, "id"));
    }
    match found.by_email.as_slice() {
        [] => create(given, strategy),
        [person] => match (&given.id, &person.id) {
            (Some(_), Some(_)) => Err(email_of_another(person)),
            _ => update(given, found, person),
        },
        several => Err(shared_email(several)),
    }
}

fn create(given: &Identifiers, strategy: &IdentityStrategy) -> Result<UpsertAction, ToolError> {
    let has_primary = match strategy.primary {
        Primary::Id => given.id.is_some(),
        Primary::Email => given.email.is_some(),
    };
    if has_primary {
        return Ok(UpsertAction::Create);
    }
    let primary = strategy.primary.id_type();
    Err(ToolError::invalid(
        primary.as_str(),
        format!(
            "Nobody has the identifier given, and a new person needs `{primary}`, the primary identifier of the \
             identity strategy. Nothing was changed."
        ),
    )
    .next(format!("Give `{primary}` too; it comes from: {}.", strategy.source)))
}

/// Everything given must be the person's own, new to everybody, or an e-mail change asked for by `cio_id`.
fn update(given: &Identifiers, found: &Found, person: &KnownPerson) -> Result<UpsertAction, ToolError> {
    let mut attaches = Vec::new();
    if let Some(id) = &given.id {
        match (&person.id, &found.by_id) {
            (Some(own), _) if own == id => {}
            (_, Some(other)) if other.cio_id != person.cio_id => return Err(two_people(given, person, other, "id")),
            (Some(_), _) => return Err(immutable("id", person, "Ids cannot be changed once set.")),
            (None, _) if !found.look_alikes.is_empty() => return Err(look_alike(&found.look_alikes, "id")),
            (None, _) => attaches.push(IdType::Id),
        }
    }
    let mut changes_email = false;
    if let Some(email) = &given.email
        && !person.has_email(email)
    {
        if let Some(other) = found.by_email.iter().find(|other| other.cio_id != person.cio_id) {
            return Err(two_people(given, person, other, "email"));
        }
        match person.email {
            None => attaches.push(IdType::Email),
            Some(_) if given.cio_id.is_some() => changes_email = true,
            Some(_) => {
                return Err(immutable(
                    "email",
                    person,
                    "The person has another e-mail address, and Customer.io would refuse the change in silence.",
                ));
            }
        }
    } else if given.email.is_some()
        && let Some(other) = found.by_email.iter().find(|other| other.cio_id != person.cio_id)
    {
        return Err(two_people(given, person, other, "email"));
    }
    Ok(UpsertAction::Update { person: person.clone(), attaches, changes_email })
}

fn unknown_cio_id() -> ToolError {
    ToolError::new(
        ErrorCode::CustomerNotFound,
        "No person has this `cio_id`, and Customer.io would drop the write in silence. Nothing was changed.",
    )
    .at("cio_id")
    .next("find_customers finds people by e-mail, attribute or segment. To make a new person, leave `cio_id` out.")
}

fn email_of_another(person: &KnownPerson) -> ToolError {
    ToolError::new(
        ErrorCode::IdentityConflict,
        "The `id` is new, but the `email` belongs to a person with another id. Customer.io would not make a second \
         person: it would change that one. Nothing was changed.",
    )
    .at("email")
    .with(owners(&[("email", person)]))
    .next("Update that person by their `cio_id`, or use another address for the new person.")
}

fn two_people(given: &Identifiers, person: &KnownPerson, other: &KnownPerson, field: &'static str) -> ToolError {
    let named_by = match (&given.cio_id, field) {
        (Some(_), _) => "cio_id",
        (None, "email") => "id",
        (None, _) => "email",
    };
    ToolError::new(
        ErrorCode::IdentityConflict,
        "The identifiers belong to two different people. Customer.io would answer success and write neither. Nothing \
         was changed.",
    )
    .at(field)
    .with(owners(&[(named_by, person), (field, other)]))
    .next("Name one person by `cio_id`. If both are the same human, merge_customers makes one of two.")
}

fn shared_email(people: &[KnownPerson]) -> ToolError {
    let owned: Vec<_> = people.iter().map(|person| ("email", person)).collect();
    ToolError::new(
        ErrorCode::IdentityConflict,
        format!("{} people share this `email`. Nothing was changed.", people.len()),
    )
    .at("email")
    .with(owners(&owned))
    .next("Name the one you mean by `cio_id`.")
}

/// The answer to an id that would make a second person of one that exists.
pub(super) fn look_alike(people: &[KnownPerson], field: &str) -> ToolError {
    let owned: Vec<_> = people.iter().map(|person| ("id", person)).collect();
    ToolError::new(
        ErrorCode::IdentityConflict,
        format!(
            "The `{field}` is new, but differs only by case or spaces from one that exists; ids are compared with \
             case, so this would make a second person. Nothing was changed."
        ),
    )
    .at(field)
    .with(owners(&owned))
    .next("Use the existing person's `cio_id`, or check the id at its source.")
}

fn immutable(field: &'static str, person: &KnownPerson, why: &str) -> ToolError {
    let next = if field == "email" {
        "To change the address on purpose, name the person by `cio_id` and give the new `email`."
    } else {
        "Leave `id` out to update the person, or give the id they already have."
    };
    ToolError::new(ErrorCode::IdentifierImmutable, format!("{why} Nothing was changed."))
        .at(field)
        .with(json!({ "person": { "cio_id": person.cio_id } }))
        .next(next)
}

/// Whose each identifier is. Only `cio_id`s: they are not personal data.
fn owners(owned: &[(&str, &KnownPerson)]) -> Value {
    let owners: Vec<_> =
        owned.iter().map(|(identifier, person)| json!({ "identifier": identifier, "cio_id": person.cio_id })).collect();
    json!({ "belongs_to": owners })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guard::identity::strategy::IdForm;

    fn strategy(primary: Primary) -> IdentityStrategy {
        IdentityStrategy {
            primary,
            id_form: IdForm::Any,
            source: "tests".into(),
            email_domains: vec![],
            anonymous_ids: false,
        }
    }

    fn person(cio_id: &str, id: Option<&str>, email: Option<&str>) -> KnownPerson {
        KnownPerson { cio_id: cio_id.into(), id: id.map(Into::into), email: email.map(Into::into) }
    }

    /// Looks up like Customer.io in a world of a few people.
    fn find(world: &[KnownPerson], given: &Identifiers) -> Found {
        let by = |test: &dyn Fn(&&KnownPerson) -> bool| world.iter().filter(test).cloned().collect::<Vec<_>>();
        let id = given.id.clone().unwrap_or_default();
        Found {
            by_id: by(&|p| given.id.is_some() && p.id == given.id).into_iter().next(),
            look_alikes: by(&|p| {
                given.id.is_some()
                    && p.id != given.id
                    && p.id.as_ref().is_some_and(|own| own.to_lowercase() == id.to_lowercase())
            }),
            by_email: by(&|p| given.email.as_ref().is_some_and(|email| p.has_email(email))),
            by_cio_id: by(&|p| given.cio_id.as_ref() == Some(&p.cio_id)).into_iter().next(),
        }
    }

    fn optional(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
        proptest::option::of(proptest::sample::select(values).prop_map(str::to_owned))
    }

    proptest! {
        /// Whatever the world and whatever is given: an update touches only a person that every identifier given
        /// belongs to or is new to, no id ever changes, and a creation collides with nobody.
        #[test]
        fn no_write_takes_what_is_anothers(
            people in proptest::collection::vec((optional(&["a", "A", "b"]), optional(&["x@s.io", "y@s.io"])), 0..4),
            id in optional(&["a", "A", "b", "c"]),
            email in optional(&["x@s.io", "X@S.io", "y@s.io", "z@s.io"]),
            cio_id in optional(&["1", "2", "9"]),
            by_email in any::<bool>(),
        ) {
            let world: Vec<_> = people
                .iter()
                .enumerate()
                .map(|(n, (id, email))| person(&n.to_string(), id.as_deref(), email.as_deref()))
                .collect();
            let given = Identifiers { id, email, cio_id };
            prop_assume!(!given.refs().is_empty());
            let primary = if by_email { Primary::Email } else { Primary::Id };
            let found = find(&world, &given);
            match decide(&given, &found, &strategy(primary)) {
                Ok(UpsertAction::Create) => {
                    prop_assert!(given.cio_id.is_none());
                    prop_assert!(found.by_id.is_none() && found.by_email.is_empty() && found.look_alikes.is_empty());
                }
                Ok(UpsertAction::Update { person, changes_email, .. }) => {
                    if let (Some(own), Some(new)) = (&person.id, &given.id) {
                        prop_assert_eq!(own, new);
                    }
                    for other in world.iter().filter(|other| other.cio_id != person.cio_id) {
                        prop_assert!(given.id.is_none() || other.id != given.id || person.id == given.id);
                        prop_assert!(given.email.as_ref().is_none_or(|email| !other.has_email(email)));
                    }
                    prop_assert!(!changes_email || given.cio_id.is_some());
                }
                Ok(UpsertAction::Unverified) => prop_assert!(false, "nothing is unverified after a look"),
                Err(error) => prop_assert_eq!(error.fate, crate::error::Fate::NothingHappened),
            }
        }
    }
}
