//! `identify_customer`: create or update one person, and read back what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::meanwhile;
use crate::{
    api::{self, people::Person},
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        consent,
        directory::KnownPerson,
        identity::{
            UpsertAction,
            identifier::{CustomerRef, IdType, Identifiers},
        },
        intent::{Intent, People},
        test_profiles::TAG_EXPIRES_AT,
        values::Attributes,
    },
    tools::{
        context::CallContext,
        customer::Customer,
        directory::{is_tagged, known, path},
        tool::{Look, Recovery, Tool},
        verify::{Difference, WriteResult, differences, read_back, result, shows_since},
    },
};

/// Creates or updates a person.
pub struct IdentifyCustomer;

/// Arguments of `identify_customer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Your own id; case matters.
    id: Option<String>,
    email: Option<String>,
    /// Names an existing person; needed to change an e-mail.
    cio_id: Option<String>,
    /// Set or overwrite these; an empty string removes one. Times are Unix seconds.
    attributes: Option<Attributes>,
    /// Make a test profile: tagged, counted, expires.
    #[serde(default)]
    test: bool,
}

/// Answer of `identify_customer`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    result: WriteResult,
    action: Action,
    /// Whether the person was read back.
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer>,
    /// Identifiers the person gained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached: Vec<IdType>,
    /// Attributes that read differently from what was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// When a test profile expires, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_expires_at: Option<i64>,
    /// What else was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// The person is new.
    Created,
    /// The person existed, or another system made them at the same moment.
    Updated,
    /// Written without looking: the workspace has no App API key.
    Written,
}

impl Tool for IdentifyCustomer {
    const SPEC: Spec = Spec {
        name: "identify_customer",
        title: "Create or update a customer",
        prose: include_str!("../../../tools/identify_customer.md"),
        toolset: Toolset::People,
        core: true,
        effect: Effect::Trigger,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::Track],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let people = People::Upsert {
            id: input.id.clone(),
            email: input.email.clone(),
            cio_id: input.cio_id.clone(),
            test: input.test,
        };
        let subscribes = input.attributes.as_ref().is_some_and(|given| consent::subscribes(given.as_map()));
        Ok(Intent { people, subscribes, recovery: Some(json!({ "test": input.test })), ..Intent::default() })
    }

    async fn call(cx: &CallContext<'_>, input: Input) -> Result<Output, ToolError> {
        let given = cx.admitted.people.given.clone();
        let attributes = input.attributes.unwrap_or_default().into_map();
        match cx.action()?.clone() {
            UpsertAction::Create => create(cx, &given, attributes).await,
            UpsertAction::Update { person, attaches, .. } => update(cx, &given, person, attaches, attributes).await,
            UpsertAction::Unverified => write_unverified(cx, &given, attributes).await,
        }
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        let given: Identifiers = serde_json::from_value(recovery.facts["given"].clone()).unwrap_or_default();
        let test = recovery.facts["test"] == true;
        for reference in given.refs() {
            let Some(person) = cx.api().person(&cx.scope, &path(&reference)).await? else { continue };
            // Without our tag it is somebody else who has taken the identifier.
            if test && !is_tagged(&person) {
                continue;
            }
            // Our call would have given them all the identifiers it was given.
            if !foreign_identifiers(&given, &known(person.identifiers.clone())).is_empty() {
                return Ok(Look::Unclear);
            }
            let expires_at = person.attributes.get(TAG_EXPIRES_AT).and_then(Value::as_str);
            let test_expires_at = expires_at.and_then(|at| at.parse().ok()).filter(|_| test);
            let customer = known(person.identifiers);
            cx.note_written(customer.clone());
            let customer = Some(customer.into());
            return Ok(Look::Found(Output {
                customer,
                test_expires_at,
                note: Some(FOUND_LATER),
                ..unseen(Action::Created, vec![])
            }));
        }
        Ok(Look::Absent)
    }
}

const FOUND_LATER: &str = "Found by looking, after the request had brought no answer.";

async fn create(
    cx: &CallContext<'_>,
    given: &Identifiers,
    mut attributes: Map<String, Value>,
) -> Result<Output, ToolError> {
    if let Some(expires_at_ms) = cx.admitted.test_expires_at_ms {
        attributes.extend(cx.guards().test_tags(expires_at_ms));
    }
    let by = primary(given)?;
    let since = cx.guards().clock.now().as_second();
    write(cx, &by, body(given, &by, &attributes)).await?;
    let looked = read_back(cx, &path(&by), |person| is_written(person, given, &attributes)).await;
    let Ok(person) = looked else { return Ok(unread(cx, Action::Created, vec![])) };
    let existed = match &person {
        Some(person) => meanwhile::is_shared(person, given, &attributes),
        None => return not_to_be_seen(cx, given).await,
    };
    let test_expires_at = test_expires_at(cx);
    if let (true, Some(_), Some(person)) = (existed, test_expires_at, &person) {
        return Err(meanwhile::give_back_person(cx, given, person).await);
    }
    let (action, note) =
        if existed { (Action::Updated, Some(meanwhile::MADE_MEANWHILE)) } else { (Action::Created, None) };
    let read = Read { given, attributes: &attributes, since, person, before: None };
    let answer = read.answer(cx, action, vec![]).await?;
    Ok(Output { test_expires_at, note: note.or(answer.note), ..answer })
}

/// A new person who does not show: the address may have become somebody else's, and then they never will.
async fn not_to_be_seen(cx: &CallContext<'_>, given: &Identifiers) -> Result<Output, ToolError> {
    match meanwhile::owner_of_email(cx, given).await {
        Ok(Some(owner)) => Err(meanwhile::email_taken(&owner)),
        Ok(None) => Ok(Output { test_expires_at: test_expires_at(cx), ..unseen(Action::Created, vec![]) }),
        Err(_) => Ok(unread(cx, Action::Created, vec![])),
    }
}

async fn update(
    cx: &CallContext<'_>,
    given: &Identifiers,
    person: KnownPerson,
    attached: Vec<IdType>,
    attributes: Map<String, Value>,
) -> Result<Output, ToolError> {
    let by = CustomerRef { id_type: IdType::CioId, value: person.cio_id.clone() };
    let mut body = body(given, &by, &attributes);
    body.insert("_update".into(), json!(true));
    let since = cx.guards().clock.now().as_second();
    cx.api().identify(cx.permit()?, &cx.scope, &path(&by), &body).await?;
    let looked = read_back(cx, &path(&by), |person| is_written(person, given, &attributes)).await;
    let Ok(read) = looked else { return Ok(unread(cx, Action::Updated, attached)) };
    if read.is_none() {
        return Err(meanwhile::gone());
    }
    let read = Read { given, attributes: &attributes, since, person: read, before: Some(&person) };
    read.answer(cx, Action::Updated, attached).await
}

/// Track credentials alone: nothing can be read, and the answer says so.
async fn write_unverified(
    cx: &CallContext<'_>,
    given: &Identifiers,
    attributes: Map<String, Value>,
) -> Result<Output, ToolError> {
    let by = primary(given)?;
    write(cx, &by, body(given, &by, &attributes)).await?;
    Ok(unseen(Action::Written, vec![]))
}

/// Accepted, and the look at what came of it failed: that must not read as if the write had.
fn unread(cx: &CallContext<'_>, action: Action, attached: Vec<IdType>) -> Output {
    Output { test_expires_at: test_expires_at(cx), note: Some(UNREAD), ..unseen(action, attached) }
}

const UNREAD: &str =
    "Customer.io accepted the write and could not be read afterwards: get_customer shows what came of it.";

const NOT_YET: &str =
    "Customer.io accepted the write, and what it shows is still from before: get_customer shows later what came of it.";

/// When the test profile that is made expires, in Unix seconds.
fn test_expires_at(cx: &CallContext<'_>) -> Option<i64> {
    cx.admitted.test_expires_at_ms.map(|at_ms| at_ms / 1_000)
}

/// Accepted, and nothing to be seen of it yet.
fn unseen(action: Action, attached: Vec<IdType>) -> Output {
    Output {
        result: WriteResult::Accepted,
        action,
        verified: false,
        customer: None,
        attached,
        differences: vec![],
        test_expires_at: None,
        note: None,
    }
}

/// Writes over Track v1, whose path takes an id with the shape of an address for an address; such an id goes over v2,
/// which is told the kind.
async fn write(cx: &CallContext<'_>, by: &CustomerRef, attributes: Map<String, Value>) -> Result<(), ToolError> {
    if by.id_type != IdType::Id || !by.value.contains('@') {
        return Ok(cx.api().identify(cx.permit()?, &cx.scope, &path(by), &attributes).await?);
    }
    let operation = json!({
        "type": "person", "action": "identify", "identifiers": { "id": by.value }, "attributes": attributes,
    });
    let refused = cx.api().batch(cx.permit()?, &cx.scope, &[operation], api::Retry::Natural).await?;
    match refused.into_iter().next() {
        None => Ok(()),
        Some(refusal) => {
            let why = refusal.message.or(refusal.reason).unwrap_or_else(|| "no reason given".to_owned());
            Err(ToolError::new(ErrorCode::UpstreamRejected, format!("Customer.io refused the person: {why}.")))
        }
    }
}

/// The identifier a new person is written by: their id, or else their address.
fn primary(given: &Identifiers) -> Result<CustomerRef, ToolError> {
    given.refs().into_iter().next().ok_or_else(|| ToolError::invalid("id", "No identifier was given."))
}

/// The attributes, and the identifiers other than the one in the path.
fn body(given: &Identifiers, by: &CustomerRef, attributes: &Map<String, Value>) -> Map<String, Value> {
    let mut body = attributes.clone();
    for reference in given.refs() {
        if reference.id_type != by.id_type && reference.id_type != IdType::CioId {
            body.insert(reference.id_type.as_str().into(), json!(reference.value));
        }
    }
    body
}

fn is_written(person: Option<&Person>, given: &Identifiers, attributes: &Map<String, Value>) -> bool {
    person.is_some_and(|person| {
        foreign_identifiers(given, &known(person.identifiers.clone())).is_empty()
            && differences(attributes, &person.attributes).is_empty()
    })
}

/// Identifiers given that the person read back does not have.
fn foreign_identifiers(given: &Identifiers, person: &KnownPerson) -> Vec<IdType> {
    let mut foreign = Vec::new();
    if given.id.is_some() && given.id != person.id {
        foreign.push(IdType::Id);
    }
    if given.email.as_deref().is_some_and(|email| !person.has_email(email)) {
        foreign.push(IdType::Email);
    }
    foreign
}

/// A written person as read back.
struct Read<'a> {
    given: &'a Identifiers,
    attributes: &'a Map<String, Value>,
    /// When it was written, in Unix seconds.
    since: i64,
    person: Option<Person>,
    before: Option<&'a KnownPerson>,
}

impl Read<'_> {
    async fn answer(self, cx: &CallContext<'_>, action: Action, attached: Vec<IdType>) -> Result<Output, ToolError> {
        let Some(person) = self.person else { return Ok(unseen(action, attached)) };
        let read = known(person.identifiers.clone());
        cx.note_written(read.clone());
        let foreign = foreign_identifiers(self.given, &read);
        let differences = differences(self.attributes, &person.attributes);
        let from_after = shows_since(&person, self.attributes, self.since);
        if let Some(field) = foreign.first() {
            let refused = meanwhile::is_refused(cx, &read, self.since).await;
            if refused || from_after {
                return Err(meanwhile::written(*field, &read, self.before, refused));
            }
        }
        let as_written = foreign.is_empty() && differences.is_empty();
        let answer = unseen(action, attached);
        if !as_written && !from_after {
            return Ok(Output { customer: Some(read.into()), differences, note: Some(NOT_YET), ..answer });
        }
        Ok(Output {
            result: result(self.attributes.len(), differences.len()),
            verified: true,
            customer: Some(read.into()),
            differences,
            ..answer
        })
    }
}
