//! What another system did to a person between our look and our write: it cannot be prevented, so it is found and said.

use serde_json::{Map, Value, json};

use crate::{
    api::{
        activities::ActivityQuery,
        people::{Person, PersonPath},
    },
    error::{ErrorCode, ToolError},
    guard::{
        directory::KnownPerson,
        identity::identifier::{IdType, Identifiers},
        test_profiles::{TAG, TAG_EXPIRES_AT, TAG_RUN},
    },
    tools::{context::CallContext, directory::known},
};

/// Said of a person who was nobody's when looked for, and has data of somebody else's when read back.
pub(super) const MADE_MEANWHILE: &str =
    "Another system wrote this person at the same moment: they carry attributes this call did not write.";

/// Attributes that Customer.io itself gives a new person (behaviour notes, section 3).
const GIVEN_BY_CUSTOMERIO: &[&str] = &[
    "id",
    "email",
    "cio_id",
    "created_at",
    "unsubscribed",
    "cio_subscription_preferences",
    "anonymous_id",
    "timezone",
    "timezone_valid",
    "cio_timezone",
];

/// Whether a person we meant to create carries what only somebody else can have written.
pub(super) fn is_shared(person: &Person, given: &Identifiers, written: &Map<String, Value>) -> bool {
    let read = known(person.identifiers.clone());
    if (given.id.is_none() && read.id.is_some()) || (given.email.is_none() && read.email.is_some()) {
        return true;
    }
    let ours = |name: &str| written.keys().any(|key| key.split('.').next() == Some(name));
    person
        .attributes
        .keys()
        .any(|name| !name.starts_with('_') && !GIVEN_BY_CUSTOMERIO.contains(&name.as_str()) && !ours(name))
}

/// Takes our tag off somebody who turned out to be another system's, and off our ledger: a real person must never be
/// cleaned up as a test profile.
pub(super) async fn give_back_person(cx: &CallContext<'_>, given: &Identifiers, person: &Person) -> ToolError {
    let person = known(person.identifiers.clone());
    let error = ToolError::new(
        ErrorCode::IdentityConflict,
        "Another system made this person at the same moment, so they are no test profile.",
    )
    .at("test")
    .with(json!({ "person_now": { "cio_id": person.cio_id } }))
    .next("Use identifiers nobody has for a test profile; get_customer shows what this person carries now.")
    .partly_happened();
    let untagged = untag(cx, &person).await;
    if let Err(reason) = cx.guards().disown_test_profile(given).await {
        tracing::warn!(code = reason.code.as_str(), "a person who is no test profile was left on the ledger");
    }
    let said = match untagged {
        Ok(()) => "The test tags were taken off again; the identifiers and attributes given were written.",
        Err(_) => "The identifiers, attributes and test tags given were written, and the tags could not be taken off.",
    };
    ToolError { message: format!("{} {said}", error.message), ..error }
}

async fn untag(cx: &CallContext<'_>, person: &KnownPerson) -> Result<(), ToolError> {
    let mut body: Map<String, Value> =
        [TAG, TAG_RUN, TAG_EXPIRES_AT].map(|tag| (tag.to_owned(), json!(""))).into_iter().collect();
    body.insert("_update".into(), json!(true));
    Ok(cx.api().identify(cx.permit()?, &cx.scope, &PersonPath::CioId(person.cio_id.clone()), &body).await?)
}

/// Whose the address given is, if its owner has another id than the one given.
pub(super) async fn owner_of_email(
    cx: &CallContext<'_>,
    given: &Identifiers,
) -> Result<Option<KnownPerson>, ToolError> {
    let (Some(email), Some(_)) = (&given.email, &given.id) else { return Ok(None) };
    let owners = cx.api().people_by_email(&cx.scope, email).await?;
    Ok(owners.into_iter().map(known).find(|owner| owner.id != given.id))
}

/// A new person who was not made: the address had become another's, whom Customer.io then wrote instead.
pub(super) fn email_taken(owner: &KnownPerson) -> ToolError {
    ToolError::new(
        ErrorCode::IdentityConflict,
        "Another system gave this `email` to somebody at the same moment. No person was created; the attributes given \
         may have been written to that one.",
    )
    .at("email")
    .with(json!({ "belongs_to": [{ "identifier": "email", "cio_id": owner.cio_id }] }))
    .next("Read that person with get_customer by `cio_id`, then decide again.")
    .partly_happened()
}

/// An identifier given is not the person's when they are read back.
pub(super) fn written(field: IdType, read: &KnownPerson, before: Option<&KnownPerson>, refused: bool) -> ToolError {
    let said = if refused { " Customer.io's activity log shows the refused change." } else { "" };
    ToolError::new(
        ErrorCode::IdentityConflict,
        format!(
            "Another system wrote at the same moment, and the `{field}` given did not become this person's. The \
             attributes given were written.{said}"
        ),
    )
    .at(field.as_str())
    .with(json!({ "person_now": { "cio_id": read.cio_id }, "existed_before": before.is_some() }))
    .next(format!("Find out with find_customers or get_customer whose the `{field}` is now, then decide again."))
    .partly_happened()
}

/// Whether Customer.io's log shows a change of the person's that it refused since then, in Unix seconds.
pub(super) async fn is_refused(cx: &CallContext<'_>, person: &KnownPerson, since: i64) -> bool {
    let query =
        ActivityQuery { kind: Some("failed_attribute_change".into()), limit: Some(5), ..ActivityQuery::default() };
    match cx.api().person_activities(&cx.scope, &PersonPath::CioId(person.cio_id.clone()), &query).await {
        Ok(page) => page.items.iter().any(|activity| activity.timestamp.is_some_and(|at| at >= since)),
        Err(_) => false,
    }
}

/// The person to update is not to be seen any more.
pub(super) fn gone() -> ToolError {
    ToolError::new(
        ErrorCode::CustomerNotFound,
        "The person was there a moment ago and cannot be read now: somebody deleted or merged them, or they are so new \
         that they do not show everywhere yet. What was given may have been written.",
    )
    .next("Look again with find_customers before creating anybody.")
    .partly_happened()
}
