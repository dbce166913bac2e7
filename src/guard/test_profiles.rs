//! Test profiles: what looks like one, and the place each needs before it is made.
//!
//! Customer.io bills by profile and has no test mode, so test people are tagged, counted, limited and expire.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    Call, Guards,
    directory::KnownPerson,
    identity::{Identified, UpsertAction, identifier::Identifiers},
    plan::Size,
    policy::{TestProfiles, WorkspaceKind},
};
use crate::{
    error::{ErrorCode, ToolError},
    state::{Digest, TestProfile, TestProfileReservation},
};

/// Attribute that marks a test profile.
pub const TAG: &str = "mcp_test";
/// Attribute that names the run a test profile belongs to.
pub const TAG_RUN: &str = "mcp_test_run";
/// Attribute that holds when a test profile expires, in Unix seconds.
pub const TAG_EXPIRES_AT: &str = "mcp_test_expires_at";

/// How long a look at the tagged people of a workspace is good for, in milliseconds.
const STRANGERS_FOR_MS: i64 = 10 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Whether a person counts as a real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A real customer.
    Live,
    /// On the test ledger.
    Test,
}

impl TestProfiles {
    /// Why an identity looks like a test, if it does.
    pub fn resemblance(&self, kind: WorkspaceKind, given: &Identifiers) -> Option<&'static str> {
        if let Some(id) = &given.id
            && self.id_prefixes.iter().any(|prefix| id.to_lowercase().starts_with(&prefix.to_lowercase()))
        {
            return Some("id");
        }
        given.email.as_deref().filter(|email| self.is_test_address(kind, email)).map(|_| "email")
    }

    fn is_test_address(&self, kind: WorkspaceKind, email: &str) -> bool {
        let email = email.to_lowercase();
        let Some((local, domain)) = email.rsplit_once('@') else { return false };
        let top_level = domain.rsplit('.').next().unwrap_or(domain);
        let reserved_domain = self.domains.iter().any(|reserved| {
            domain == reserved.as_str()
                || domain.strip_suffix(reserved.as_str()).is_some_and(|rest| rest.ends_with('.'))
        });
        let tag = local.split_once('+').map(|(_, tag)| tag);
        self.top_level_domains.iter().any(|reserved| reserved == top_level)
            || (reserved_domain && kind == WorkspaceKind::Live)
            || self.local_parts.iter().any(|part| part == local || Some(part.as_str()) == tag)
    }

    fn expires_after_ms(&self) -> i64 {
        i64::from(self.expires_after_hours) * HOUR_MS
    }
}

impl Guards {
    /// Refuses a new person who looks like a test but is not called one, and an existing real one who is.
    pub(crate) async fn check_test(&self, identified: &Identified) -> Result<(), ToolError> {
        match &identified.action {
            Some(UpsertAction::Create | UpsertAction::Unverified) if !identified.test => {
                self.refuse_hidden_test(&identified.given)
            }
            Some(UpsertAction::Update { person, .. }) if identified.test => {
                if self.lane(&person.refs()).await? == Lane::Test {
                    return Ok(());
                }
                Err(ToolError::new(
                    ErrorCode::Conflict,
                    "The person exists and is not a test profile; an existing customer is never made one. Nothing was \
                     changed.",
                )
                .at("test")
                .next("Leave `test` out to update them, or use identifiers nobody has."))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse_hidden_test(&self, given: &Identifiers) -> Result<(), ToolError> {
        let Some(field) = self.test_profiles.resemblance(self.workspace.kind, given) else { return Ok(()) };
        Err(ToolError::new(
            ErrorCode::TestProfileExpected,
            format!(
                "The `{field}` looks like a test identity, and the call makes no test profile. Nothing was changed."
            ),
        )
        .at(field)
        .next("Pass `test: true`: the profile is then tagged, counted and removed after it expires."))
    }

    /// Whether any of these identifiers is on the test ledger.
    pub(crate) async fn lane(&self, refs: &[super::identity::identifier::CustomerRef]) -> Result<Lane, ToolError> {
        let subjects: Vec<_> = refs.iter().map(|reference| self.subject_digest(reference)).collect();
        let profiles = self.store.test_profiles(self.workspace.name.clone(), self.clock.now_ms()).await?;
        let test = profiles.iter().any(|profile| profile.subjects.iter().any(|subject| subjects.contains(subject)));
        Ok(if test { Lane::Test } else { Lane::Live })
    }

    /// The place that a new test profile needs.
    pub(crate) async fn reserve_test_profile(
        &self,
        call: &Call<'_>,
        given: &Identifiers,
    ) -> Result<TestProfileReservation, ToolError> {
        Ok(TestProfileReservation {
            subjects: given.refs().iter().map(|reference| self.subject_digest(reference)).collect(),
            sealed_identifiers: self.seal_identifiers(given),
            run_id: self.run_id.clone(),
            expires_at_ms: self.clock.now_ms() + self.test_profiles.expires_after_ms(),
            active_limit: self.test_profiles.active,
            unledgered: self.unledgered_test_people(call).await?,
        })
    }

    /// The attributes that tag a new test profile.
    pub fn test_tags(&self, expires_at_ms: i64) -> Map<String, Value> {
        let mut tags = Map::new();
        tags.insert(TAG.into(), json!(true));
        tags.insert(TAG_RUN.into(), json!(self.run_id));
        tags.insert(TAG_EXPIRES_AT.into(), json!(expires_at_ms / 1_000));
        tags
    }

    /// Takes off the ledger whoever turned out to be a real person.
    pub async fn disown_test_profile(&self, given: &Identifiers) -> Result<(), ToolError> {
        let subjects = self.digests(&given.refs());
        let profiles = self.store.test_profiles(self.workspace.name.clone(), self.clock.now_ms()).await?;
        let theirs = profiles.into_iter().filter(|profile| profile.subjects.iter().any(|own| subjects.contains(own)));
        let calls = theirs.flat_map(|profile| profile.calls).collect();
        Ok(self.store.remove_test_profiles(self.workspace.name.clone(), calls).await?)
    }

    /// Takes a test profile that is gone off the ledger. A call that is under way may make it anew, and keeps its place.
    pub async fn remove_test_profile(&self, gone: &LedgerProfile) -> Result<(), ToolError> {
        let calls = gone.profile.ended_calls.clone();
        self.store.remove_test_profiles(self.workspace.name.clone(), calls).await?;
        self.forget_refs(&gone.identifiers.refs()).await
    }

    /// How many tagged people the ledger does not know, as of a look at most ten minutes old. Whoever was seen on the
    /// ledger is no stranger to it, also when they are deleted later, perhaps by another process.
    async fn unledgered_test_people(&self, call: &Call<'_>) -> Result<u64, ToolError> {
        let now_ms = self.clock.now_ms();
        let mut strangers = self.strangers.lock().await;
        if strangers.as_ref().is_none_or(|(at_ms, _)| now_ms - at_ms >= STRANGERS_FOR_MS || now_ms < *at_ms) {
            let ledger = self.ledger_subjects().await?;
            let mut tagged = call.directory.tagged_test_people().await?;
            tagged.retain(|person| !self.is_on(&ledger, person));
            *strangers = Some((now_ms, tagged));
        }
        let Some((_, people)) = strangers.as_mut().filter(|(_, people)| !people.is_empty()) else { return Ok(0) };
        let ledger = self.ledger_subjects().await?;
        people.retain(|person| !self.is_on(&ledger, person));
        Ok(people.len() as u64)
    }

    async fn ledger_subjects(&self) -> Result<HashSet<Digest>, ToolError> {
        let profiles = self.store.test_profiles(self.workspace.name.clone(), self.clock.now_ms()).await?;
        Ok(profiles.into_iter().flat_map(|profile| profile.subjects).collect())
    }

    fn is_on(&self, ledger: &HashSet<Digest>, person: &KnownPerson) -> bool {
        self.digests(&person.refs()).iter().any(|digest| ledger.contains(digest))
    }

    /// The test profiles of the ledger that a call reaches.
    pub async fn ledger_test_profiles(&self, only_expired: bool) -> Result<Vec<LedgerProfile>, ToolError> {
        let now_ms = self.clock.now_ms();
        let profiles = self.store.test_profiles(self.workspace.name.clone(), now_ms).await?;
        Ok(profiles
            .into_iter()
            .filter(|profile| !only_expired || profile.expires_at_ms <= now_ms)
            .filter_map(|profile| {
                let identifiers = self.open_identifiers(&profile.sealed_identifiers)?;
                Some(LedgerProfile { identifiers, profile })
            })
            .collect())
    }

    /// How many test profiles a call reaches, and which.
    pub(crate) async fn test_audience(&self, only_expired: bool) -> Result<Size, ToolError> {
        let profiles = self.ledger_test_profiles(only_expired).await?;
        let mut made_by: Vec<_> = profiles.iter().map(|profile| profile.profile.call_id.as_bytes()).collect();
        made_by.sort_unstable();
        Ok(Size {
            people: profiles.len() as u64,
            exact: false,
            set: self.keys.digest("test profiles", &made_by),
            is_bound: false,
        })
    }

    /// Seals identifiers for the store.
    pub(crate) fn seal_identifiers(&self, identifiers: &Identifiers) -> Vec<u8> {
        let plain = serde_json::to_vec(identifiers).unwrap_or_default();
        self.keys.seal(self.clock.as_ref(), "identifiers", &plain)
    }

    /// Opens identifiers sealed by us.
    pub(crate) fn open_identifiers(&self, sealed: &[u8]) -> Option<Identifiers> {
        serde_json::from_slice(&self.keys.open("identifiers", sealed)?).ok()
    }
}

/// A test profile of the ledger with its identifiers opened.
#[derive(Debug, Clone)]
pub struct LedgerProfile {
    /// Its identifiers.
    pub identifiers: Identifiers,
    /// Its row.
    pub profile: TestProfile,
}

impl LedgerProfile {
    /// Whether one of these digests is an identifier of the profile.
    pub fn is_of(&self, digests: &[Digest]) -> bool {
        self.profile.subjects.iter().any(|subject| digests.contains(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resembles(kind: WorkspaceKind, id: Option<&str>, email: Option<&str>) -> bool {
        let given = Identifiers { id: id.map(Into::into), email: email.map(Into::into), cio_id: None };
        TestProfiles::default().resemblance(kind, &given).is_some()
    }

    #[test]
    fn only_what_is_surely_a_test_resembles_one() {
        let live = WorkspaceKind::Live;
        for email in [
            "ada@shop.test",
            "ada@shop.example",
            "a@example.com",
            "a@mail.example.org",
            "test@shop.io",
            "ada+qa@shop.io",
        ] {
            assert!(resembles(live, None, Some(email)), "{email}");
        }
        for email in ["testa@shop.io", "ada+test1@shop.io", "contest@shop.io", "a@notexample.com", "a@example.co"] {
            assert!(!resembles(live, None, Some(email)), "{email}");
        }
        assert!(resembles(live, Some("TEST-1"), None));
        assert!(!resembles(live, Some("testament"), None));
        assert!(!resembles(WorkspaceKind::Sandbox, None, Some("ada@example.com")));
        assert!(resembles(WorkspaceKind::Sandbox, None, Some("ada@shop.test")));
    }
}
