//! `merge_customers`: make one profile of two, and read back what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::get::SegmentName;
use crate::{
    api::{
        activities::ActivityQuery,
        people::{Person, PersonPath, PersonSegment},
    },
    catalog::{Credential, Effect, Retry, Spec, Toolset},
    error::{ErrorCode, ToolError},
    guard::{
        directory::KnownPerson,
        identity::identifier::{IdType, Identifiers},
        intent::{Absent, GivenCustomer, Intent},
    },
    tools::{
        answer::Untrusted,
        context::CallContext,
        customer::{Customer, shown_attributes},
        directory::{is_tagged, known},
        tool::{Look, Recovery, Tool},
        verify::{WriteResult, read_back},
    },
};

/// Merges two people.
pub struct MergeCustomers;

/// Arguments of `merge_customers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Who stays.
    customer: String,
    /// Default: the strategy's primary.
    id_type: Option<IdType>,
    /// Who is deleted.
    duplicate: String,
    duplicate_id_type: Option<IdType>,
}

/// Answer of `merge_customers`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `applied`: the duplicate reads as unknown.
    result: WriteResult,
    /// Who stayed, as they are now.
    customer: Customer,
    duplicate_cio_id: String,
    /// What the customer has now and had not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    gained: Option<Gained>,
    /// Attributes in which the two differed: the customer's own value stayed, the duplicate's is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_taken_over: Vec<String>,
    /// The duplicate as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

/// What a merge has given to whoever stayed.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Gained {
    identifiers: Vec<IdType>,
    /// By name.
    attributes: Vec<String>,
    segments: Vec<SegmentName>,
    devices: usize,
}

/// A person who is gone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Before {
    customer: Customer,
    attributes: Untrusted<Map<String, Value>>,
    unsubscribed: bool,
    segments: Vec<SegmentName>,
    devices: usize,
}

const NOT_GONE_YET: &str = "Customer.io accepted the merge and still shows the duplicate: look again in a moment.";
const UNREAD: &str =
    "Customer.io accepted the merge and could not be read afterwards: get_customer shows what came of it.";
const FOUND_LATER: &str = "Found by looking, after the request had brought no answer.";
/// Consent is lost without a word where the one who stays has an answer of their own.
const STAYS_SUBSCRIBED: &str =
    "The duplicate was unsubscribed and the customer is not: if the human wanted no messages, call set_subscription.";

impl Tool for MergeCustomers {
    const SPEC: Spec = Spec {
        name: "merge_customers",
        title: "Merge two customers",
        prose: include_str!("../../../tools/merge_customers.md"),
        toolset: Toolset::People,
        core: false,
        effect: Effect::Delete,
        retry: Retry::Ledger,
        flags: &[],
        needs: &[Credential::Track, Credential::App],
    };
    type Input = Input;
    type Output = Output;

    fn intent(input: &Input) -> Result<Intent, ToolError> {
        let duplicate = GivenCustomer {
            value: input.duplicate.clone(),
            id_type: input.duplicate_id_type,
            field: "duplicate".to_owned(),
        };
        let customers = vec![GivenCustomer::customer(&input.customer, input.id_type), duplicate];
        // Whoever repeats a merge finds the duplicate gone, and is to get the first answer: absence is weighed after that.
        let intent = Intent::named(customers, Absent::Accept);
        let intent = intent.on("the first of `cio_ids` stays, the second is deleted for good");
        Ok(Intent { merges: true, recovery: Some(json!({})), ..intent })
    }

    async fn call(cx: &CallContext<'_>, _: Input) -> Result<Output, ToolError> {
        let [stays, goes] = cx.admitted.people.known()[..] else { return Err(cx.subject().err().unwrap_or_else(gone)) };
        let (to, from) = (by_cio_id(stays), by_cio_id(goes));
        let before = Profile::read(cx, &to).await?.ok_or_else(gone)?;
        let duplicate = Profile::read(cx, &from).await?.ok_or_else(|| gone().at("duplicate"))?;
        if is_tagged(&before.person) != is_tagged(&duplicate.person) {
            return Err(ToolError::new(
                ErrorCode::Conflict,
                "One of them carries the test tag and the other does not; the two are never mixed. Nothing was changed.",
            )
            .at("duplicate"));
        }
        let merged = cx.api().merge_people(cx.permit()?, &cx.scope, &to, &from).await;
        cx.forget(&[stays.refs(), goes.refs()].concat()).await;
        merged?;
        Ok(read(cx, &before, duplicate).await)
    }

    async fn look_up(cx: &CallContext<'_>, recovery: &Recovery) -> Result<Look<Output>, ToolError> {
        let people: Vec<Identifiers> = serde_json::from_value(recovery.facts["people"].clone()).unwrap_or_default();
        let [Some(stays), Some(goes)] =
            [people.first(), people.get(1)].map(|one| one.and_then(|one| one.cio_id.clone()))
        else {
            return Ok(Look::Unclear);
        };
        let to = PersonPath::CioId(stays);
        if cx.api().person(&cx.scope, &PersonPath::CioId(goes.clone())).await?.is_some() {
            return Ok(Look::Absent);
        }
        // Somebody else may have deleted the duplicate: only the log of whoever stayed tells of a merge.
        let (Some(customer), true) = (cx.api().person(&cx.scope, &to).await?, was_merged(cx, &to, recovery).await?)
        else {
            return Ok(Look::Unclear);
        };
        Ok(Look::Found(Output {
            result: WriteResult::Applied,
            customer: known(customer.identifiers).into(),
            duplicate_cio_id: goes,
            gained: None,
            not_taken_over: Vec::new(),
            before: None,
            warnings: vec![FOUND_LATER],
        }))
    }
}

/// A person with what a merge hands over.
struct Profile {
    person: Person,
    segments: Vec<PersonSegment>,
}

impl Profile {
    async fn read(cx: &CallContext<'_>, path: &PersonPath) -> Result<Option<Self>, ToolError> {
        let Some(person) = cx.api().person(&cx.scope, path).await? else { return Ok(None) };
        let segments = cx.api().person_segments(&cx.scope, path).await?;
        Ok(Some(Self { person, segments }))
    }

    fn gained_since(&self, before: &Self) -> Gained {
        let (now, then) = (known(self.person.identifiers.clone()), known(before.person.identifiers.clone()));
        let identifiers = [
            (IdType::Id, then.id.is_none() && now.id.is_some()),
            (IdType::Email, then.email.is_none() && now.email.is_some()),
        ];
        let had = |segment: &&PersonSegment| before.segments.iter().any(|other| other.id == segment.id);
        Gained {
            identifiers: identifiers.into_iter().filter(|(_, gained)| *gained).map(|(kind, _)| kind).collect(),
            attributes: attributes(&self.person).filter(|name| !has(&before.person, name)).cloned().collect(),
            segments: self.segments.iter().filter(|segment| !had(segment)).map(named).collect(),
            devices: self.person.devices.len().saturating_sub(before.person.devices.len()),
        }
    }
}

fn attributes(person: &Person) -> impl Iterator<Item = &String> {
    let is_own = |name: &&String| !name.starts_with('_') && !matches!(name.as_str(), "id" | "email" | "cio_id");
    person.attributes.keys().filter(is_own).filter(|name| has(person, name))
}

fn has(person: &Person, name: &str) -> bool {
    person.attributes.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

fn named(segment: &PersonSegment) -> SegmentName {
    SegmentName { segment_id: segment.id, name: segment.name.clone() }
}

/// What became of an accepted merge. A look that fails is no failure of the merge.
async fn read(cx: &CallContext<'_>, before: &Profile, duplicate: Profile) -> Output {
    let (stays, goes) = (known(before.person.identifiers.clone()), known(duplicate.person.identifiers.clone()));
    let mut warnings = Vec::new();
    let result = match read_back(cx, &by_cio_id(&goes), |person| person.is_none()).await {
        Ok(None) => WriteResult::Applied,
        Ok(Some(_)) => {
            warnings.push(NOT_GONE_YET);
            WriteResult::Accepted
        }
        Err(_) => WriteResult::Accepted,
    };
    if result == WriteResult::Applied {
        free_place(cx, &goes).await;
    }
    let lacked = attributes(&duplicate.person).filter(|name| !has(&before.person, name)).count();
    let is_whole = |person: Option<&Person>| {
        person.is_some_and(|person| attributes(person).filter(|name| !has(&before.person, name)).count() >= lacked)
    };
    let waits = result == WriteResult::Applied;
    drop(read_back(cx, &by_cio_id(&stays), |person| !waits || is_whole(person)).await);
    let now = Profile::read(cx, &by_cio_id(&stays)).await.ok().flatten();
    if now.is_none() {
        warnings.push(UNREAD);
    }
    let stays_subscribed = now.as_ref().is_some_and(|now| !now.person.unsubscribed);
    if duplicate.person.unsubscribed && stays_subscribed {
        warnings.push(STAYS_SUBSCRIBED);
    }
    let differs = |name: &&String| {
        has(&before.person, name) && before.person.attributes.get(*name) != duplicate.person.attributes.get(*name)
    };
    Output {
        result,
        customer: now.as_ref().map_or(stays, |now| known(now.person.identifiers.clone())).into(),
        duplicate_cio_id: goes.cio_id.clone(),
        gained: now.map(|now| now.gained_since(before)),
        not_taken_over: attributes(&duplicate.person).filter(differs).cloned().collect(),
        before: Some(Before {
            customer: goes.into(),
            attributes: shown_attributes(&duplicate.person),
            unsubscribed: duplicate.person.unsubscribed,
            segments: duplicate.segments.iter().map(named).collect(),
            devices: duplicate.person.devices.len(),
        }),
        warnings,
    }
}

/// A duplicate that was a test profile holds a place no longer.
async fn free_place(cx: &CallContext<'_>, gone: &KnownPerson) {
    let digests = cx.guards().digests(&gone.refs());
    let freed = async {
        for profile in cx.guards().ledger_test_profiles(false).await?.iter().filter(|profile| profile.is_of(&digests)) {
            cx.guards().remove_test_profile(profile).await?;
        }
        Ok::<(), ToolError>(())
    };
    if let Err(error) = freed.await {
        tracing::warn!(code = error.code.as_str(), "a merged test profile was left on the ledger");
    }
}

async fn was_merged(cx: &CallContext<'_>, stays: &PersonPath, recovery: &Recovery) -> Result<bool, ToolError> {
    let query = ActivityQuery { kind: Some("profile_merge".into()), limit: Some(10), ..ActivityQuery::default() };
    let since = recovery.began_at_ms / 1_000 - 1;
    let log = cx.api().person_activities(&cx.scope, stays, &query).await?;
    Ok(log.items.iter().any(|activity| activity.timestamp.is_some_and(|at| at >= since)))
}

fn by_cio_id(person: &KnownPerson) -> PersonPath {
    PersonPath::CioId(person.cio_id.clone())
}

fn gone() -> ToolError {
    ToolError::new(
        ErrorCode::CustomerNotFound,
        "The person was deleted while this call was looked at. Nothing was changed.",
    )
    .at("customer")
}
