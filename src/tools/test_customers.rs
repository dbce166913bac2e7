//! `list_test_customers` and `delete_test_customers`: test profiles, as the ledger knows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    context::CallContext,
    directory::{is_tagged, known, path},
    tool::Tool,
};
use crate::{
    api::{
        Api, CallScope, UpstreamError,
        people::{Person, PersonPath},
    },
    catalog::{Credential, Effect, Flag, Retry, Spec, Toolset},
    error::ToolError,
    guard::{
        directory::KnownPerson,
        identity::identifier::Identifiers,
        intent::{Audience, Intent},
        test_profiles::LedgerProfile,
    },
};

/// Lists test profiles.
pub struct ListTestCustomers;

/// Deletes test profiles.
pub struct DeleteTestCustomers;

/// Arguments of `list_test_customers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    #[serde(default)]
    only_expired: bool,
}

/// Answer of `list_test_customers`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListOutput {
    /// How many may be active at once.
    quota: u64,
    /// How many are.
    active: usize,
    test_customers: Vec<TestCustomer>,
}

/// A test profile.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct TestCustomer {
    #[serde(skip_serializing_if = "Option::is_none")]
    cio_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Unix seconds.
    expires_at: i64,
    expired: bool,
    /// The run of the server that made it.
    run: String,
}

/// Arguments of `delete_test_customers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteInput {
    /// Default: only those that have expired.
    #[serde(default = "only_expired")]
    only_expired: bool,
}

const fn only_expired() -> bool {
    true
}

/// Answer of `delete_test_customers`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeleteOutput {
    /// Deleted and read back as gone.
    deleted: usize,
    /// Gone already; taken off the ledger.
    gone_before: usize,
    /// Left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<Kept>,
}

/// A profile that was left alone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    cio_id: Option<String>,
    why: &'static str,
}

impl Tool for ListTestCustomers {
    const SPEC: Spec = Spec {
        name: "list_test_customers",
        title: "List test customers",
        prose: include_str!("../../tools/list_test_customers.md"),
        toolset: Toolset::People,
        core: true,
        effect: Effect::Read,
        retry: Retry::Natural,
        flags: &[],
        needs: &[Credential::App],
    };
    type Input = ListInput;
    type Output = ListOutput;

    fn intent(_: &ListInput) -> Result<Intent, ToolError> {
        Ok(Intent::nobody())
    }

    async fn call(cx: &CallContext<'_>, input: ListInput) -> Result<ListOutput, ToolError> {
        let now_ms = cx.guards().clock.now_ms();
        let all = cx.guards().ledger_test_profiles(false).await?;
        let active = all.len();
        let shown = all.into_iter().filter(|profile| !input.only_expired || profile.profile.expires_at_ms <= now_ms);
        let test_customers = shown.map(|profile| line(profile, now_ms)).collect();
        Ok(ListOutput { quota: cx.guards().test_profiles.active, active, test_customers })
    }
}

fn line(profile: LedgerProfile, now_ms: i64) -> TestCustomer {
    let Identifiers { id, email, cio_id } = profile.identifiers;
    TestCustomer {
        cio_id,
        id,
        email,
        expires_at: profile.profile.expires_at_ms / 1_000,
        expired: profile.profile.expires_at_ms <= now_ms,
        run: profile.profile.run_id,
    }
}

impl Tool for DeleteTestCustomers {
    const SPEC: Spec = Spec {
        name: "delete_test_customers",
        title: "Delete test customers",
        prose: include_str!("../../tools/delete_test_customers.md"),
        toolset: Toolset::People,
        core: true,
        effect: Effect::Delete,
        retry: Retry::Natural,
        flags: &[Flag::Bulk],
        needs: &[Credential::Track, Credential::App],
    };
    type Input = DeleteInput;
    type Output = DeleteOutput;

    fn intent(input: &DeleteInput) -> Result<Intent, ToolError> {
        let target = if input.only_expired { "expired test profiles" } else { "all test profiles" };
        Ok(Intent::nobody().on(target).reaching(Audience::TestProfiles { only_expired: input.only_expired }))
    }

    async fn call(cx: &CallContext<'_>, input: DeleteInput) -> Result<DeleteOutput, ToolError> {
        let profiles = cx.guards().ledger_test_profiles(input.only_expired).await?;
        let mut output = DeleteOutput { deleted: 0, gone_before: 0, kept: vec![] };
        #[expect(clippy::cast_precision_loss, reason = "a count of people for a progress bar")]
        let total = profiles.len() as f64;
        let mut profiles = profiles.into_iter().enumerate();
        while let Some((done, profile)) = profiles.next() {
            let fate = match delete(cx, &profile).await {
                Err(error) if done == 0 => return Err(error),
                Err(error) => {
                    // What was deleted before must be told, not lost in an error.
                    tracing::warn!(code = error.code.as_str(), "deleting test profiles broke off");
                    let rest = std::iter::once(profile).chain(profiles.map(|(_, profile)| profile));
                    output.kept.extend(rest.map(|profile| Kept { cio_id: profile.identifiers.cio_id, why: BROKE_OFF }));
                    break;
                }
                Ok(fate) => fate,
            };
            match fate {
                Fate::Deleted => output.deleted += 1,
                Fate::GoneBefore => output.gone_before += 1,
                Fate::Kept(kept) => {
                    output.kept.push(kept);
                    continue;
                }
                // What is not a test takes no place of one.
                Fate::NoTest(kept) => output.kept.push(kept),
            }
            if let Err(error) = cx.guards().remove_test_profile(&profile).await {
                // Next time they are found to be gone: what was done counts.
                tracing::warn!(code = error.code.as_str(), "a deleted test profile was left on the ledger");
            }
            #[expect(clippy::cast_precision_loss, reason = "a count of people for a progress bar")]
            cx.caller.progress.report((done + 1) as f64, total, "deleting test profiles").await;
        }
        Ok(output)
    }
}

/// How long a new profile may take to show, in milliseconds: longer than the call that makes it can run. Taken off the
/// ledger before, it would appear as nobody's.
pub(super) const SHOWS_WITHIN_MS: i64 = 60 * 1_000;

const BROKE_OFF: &str = "Customer.io did not answer, and the call ended there: make it again";

enum Fate {
    Deleted,
    GoneBefore,
    Kept(Kept),
    /// Somebody made a customer of it.
    NoTest(Kept),
}

/// Deletes one profile that both the ledger and its own tag claim.
async fn delete(
    cx: &CallContext<'_>,
    LedgerProfile { identifiers, profile }: &LedgerProfile,
) -> Result<Fate, ToolError> {
    let Some(person) = find(cx.api(), &cx.scope, identifiers).await? else {
        let is_new = cx.guards().clock.now_ms() < profile.created_at_ms + SHOWS_WITHIN_MS;
        let kept = Kept { cio_id: identifiers.cio_id.clone(), why: "it was made a moment ago and does not show yet" };
        return Ok(if is_new { Fate::Kept(kept) } else { Fate::GoneBefore });
    };
    let known = known(person.identifiers.clone());
    let kept = |why| Ok(Fate::Kept(Kept { cio_id: Some(known.cio_id.clone()), why }));
    if !is_tagged(&person) {
        let why = "it does not carry the test tag any more, and counts as a customer now";
        return Ok(Fate::NoTest(Kept { cio_id: Some(known.cio_id.clone()), why }));
    }
    if !is_same(identifiers, &known) {
        return kept("its identifiers are not those it was made with");
    }
    let path = PersonPath::CioId(known.cio_id.clone());
    let deleted = cx.api().delete(cx.permit()?, &cx.scope, &path).await;
    cx.forget(&known.refs()).await;
    deleted?;
    match super::verify::read_back(cx, &path, |person| person.is_none()).await {
        Ok(None) => Ok(Fate::Deleted),
        Ok(Some(_)) | Err(_) => kept("its deletion was accepted but does not show yet"),
    }
}

/// The person by the identifier that never changes, where the ledger has it; else a test profile that has one of the
/// others, and so was made anew.
pub(super) async fn find(
    api: &Api,
    scope: &CallScope,
    identifiers: &Identifiers,
) -> Result<Option<Person>, UpstreamError> {
    let refs = identifiers.refs();
    let Some((surest, others)) = refs.split_last() else { return Ok(None) };
    let mut found = api.person(scope, &path(surest)).await?;
    for other in others {
        if found.is_none() {
            found = api.person(scope, &path(other)).await?.filter(is_tagged);
        }
    }
    Ok(found)
}

fn is_same(identifiers: &Identifiers, person: &KnownPerson) -> bool {
    let same_cio_id = identifiers.cio_id.as_ref().is_none_or(|cio_id| *cio_id == person.cio_id);
    let same_id = identifiers.id.is_none() || identifiers.id == person.id;
    same_cio_id && same_id
}
