//! At most once: operations that must not be repeated leave a row under a key, and a repeat gets the first answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Call, Guards,
    directory::KnownPerson,
    identity::{Identified, UpsertAction, identifier::Identifiers},
};
use crate::{
    catalog::Retry,
    clock::random_bytes,
    error::{ErrorCode, ToolError},
    state::{CallKey, CallState, Lease, RecordedCall},
};

/// How long a derived key is remembered, in milliseconds: the same call again within it is the same call.
const DERIVED_FOR_MS: i64 = 10 * 60 * 1_000;
/// How long a key given by the caller is remembered, in milliseconds.
const EXPLICIT_FOR_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long a call waits for another that writes the same person.
const WAIT_FOR_WRITER: Duration = Duration::from_secs(5);
/// How long a writer's lease on an identifier lasts at most, in milliseconds.
const WRITER_LEASE_MS: i64 = 60 * 1_000;

/// What an earlier call with the same key says about this one.
#[derive(Debug)]
pub enum Replay {
    /// It happened; this was its answer.
    Answered {
        /// The first call.
        call_id: String,
        /// Its answer.
        answer: Value,
    },
    /// Whether it happened is not known, or it was looked for in vain.
    Unsettled(RecordedCall),
}

impl Call<'_> {
    /// What finding the call's effect again needs: what its intent left, and the people it is about.
    ///
    /// A person who was updated looks the same whether or not the update came; only a new one can be looked for.
    pub fn recovery_facts(&self, people: &Identified) -> Option<Value> {
        if people.action.as_ref().is_some_and(|action| !matches!(action, UpsertAction::Create)) {
            return None;
        }
        let mut facts = self.intent.recovery.clone()?;
        if people.action.is_some() {
            facts["given"] = json!(people.given);
        }
        let named = people.subjects.iter().map(|subject| {
            let mut identifiers = Identifiers::default();
            let refs = subject.person.iter().flat_map(KnownPerson::refs).chain([subject.given.clone()]);
            refs.for_each(|reference| identifiers.set(&reference));
            json!(identifiers)
        });
        facts["people"] = named.collect();
        Some(facts)
    }
}

impl Guards {
    /// The key of a call that must happen at most once.
    pub(crate) fn call_key(&self, call: &Call<'_>) -> Option<CallKey> {
        if call.retry != Retry::Ledger || !call.effect.mutates() {
            return None;
        }
        let principal = call.principal.as_bytes();
        let arguments = self.keys.digest("arguments", &[call.tool.as_bytes(), call.canonical_arguments.as_bytes()]);
        let now_ms = self.clock.now_ms();
        Some(match call.idempotency_key {
            Some(key) => CallKey {
                key: self.keys.digest("given key", &[principal, key.as_bytes()]),
                arguments,
                expires_at_ms: now_ms + EXPLICIT_FOR_MS,
            },
            None => CallKey {
                key: self.keys.digest("derived key", &[principal, &arguments.0]),
                arguments,
                expires_at_ms: now_ms + DERIVED_FOR_MS,
            },
        })
    }

    /// What an earlier call with the same key says about this one.
    pub(crate) async fn replay(&self, call: &Call<'_>) -> Result<Option<Replay>, ToolError> {
        let Some(key) = self.call_key(call) else { return Ok(None) };
        let workspace = self.workspace.name.clone();
        let found = self.store.find_call(workspace, call.principal.to_owned(), key.key, self.clock.now_ms()).await?;
        match found {
            Some(first) if call.follows.as_ref() == Some(&first.call_id) => Ok(None),
            Some(first) if first.arguments != Some(key.arguments) => Err(key_reused()),
            Some(first) => self.replayed(first),
            None => Ok(None),
        }
    }

    /// Takes an effect seen upstream, such as a delivery, for a call's own; `false` if it is another call's.
    ///
    /// It stays so for as long as a repeat of either call can ask.
    pub async fn claim_effect(&self, call_id: &str, effect: &str) -> Result<bool, ToolError> {
        Ok(self.store.acquire_lease(self.claim(call_id, effect), self.clock.now_ms()).await?)
    }

    /// The call that an effect seen upstream was taken for.
    pub async fn claimant(&self, effect: &str) -> Result<Option<String>, ToolError> {
        let Lease { workspace, name, .. } = self.claim("", effect);
        Ok(self.store.lease_holder(workspace, name, self.clock.now_ms()).await?)
    }

    fn claim(&self, call_id: &str, effect: &str) -> Lease {
        Lease {
            workspace: self.workspace.name.clone(),
            name: self.keys.digest("effect", &[effect.as_bytes()]),
            holder: call_id.to_owned(),
            until_ms: self.clock.now_ms() + EXPLICIT_FOR_MS,
        }
    }

    /// What a recorded call with the same key and arguments means for a repeat.
    pub(crate) fn replayed(&self, first: RecordedCall) -> Result<Option<Replay>, ToolError> {
        match first.state {
            CallState::Released => Ok(None),
            CallState::InFlight => Err(ToolError::new(
                ErrorCode::CallInProgress,
                "The same call is running right now. Nothing was done twice.",
            )
            .after_seconds(2)
            .next("Wait and repeat the call: it then answers with the first one's result.")),
            CallState::Unknown | CallState::Absent => Ok(Some(Replay::Unsettled(first))),
            CallState::Committed => match first.answer.as_deref().and_then(|sealed| self.open_json("answer", sealed)) {
                Some(answer) => Ok(Some(Replay::Answered { call_id: first.call_id, answer })),
                None => Err(answer_not_kept(&first)),
            },
        }
    }

    /// Seals a value for the store.
    pub(crate) fn seal_json(&self, label: &str, value: &Value) -> Vec<u8> {
        self.keys.seal(self.clock.as_ref(), label, value.to_string().as_bytes())
    }

    /// Opens a value sealed by us.
    pub fn open_json(&self, label: &str, sealed: &[u8]) -> Option<Value> {
        serde_json::from_slice(&self.keys.open(label, sealed)?).ok()
    }

    /// Serialises writes to each identifier of a person across everything that shares the store.
    pub(crate) async fn lease_identifiers(&self, call: &Call<'_>, given: &Identifiers) -> Result<(), ToolError> {
        let mut leases = self.leases(&call.call_id, given);
        // One order for all, so that two calls never wait for each other.
        leases.sort_by_key(|lease| lease.name);
        let give_up = tokio::time::Instant::now() + WAIT_FOR_WRITER;
        for lease in leases {
            while !self.store.acquire_lease(lease.clone(), self.clock.now_ms()).await? {
                if tokio::time::Instant::now() >= give_up {
                    return Err(ToolError::new(
                        ErrorCode::CallInProgress,
                        "Another call is writing this person. Nothing was changed.",
                    )
                    .after_seconds(5)
                    .next("Repeat the call."));
                }
                tokio::time::sleep(self.jitter()).await;
            }
        }
        Ok(())
    }

    /// Gives back whatever the call has leased.
    pub(crate) async fn release_identifiers(&self, call_id: &str, given: &Identifiers) {
        for lease in self.leases(call_id, given) {
            if let Err(error) = self.store.release_lease(lease).await {
                tracing::warn!(%error, "a lease was left to lapse");
            }
        }
    }

    fn leases(&self, call_id: &str, given: &Identifiers) -> Vec<Lease> {
        let until_ms = self.clock.now_ms() + WRITER_LEASE_MS;
        given
            .refs()
            .iter()
            .map(|reference| Lease {
                workspace: self.workspace.name.clone(),
                name: self.subject_digest(reference),
                holder: call_id.to_owned(),
                until_ms,
            })
            .collect()
    }

    fn jitter(&self) -> Duration {
        let [byte] = random_bytes::<1>(self.clock.as_ref());
        Duration::from_millis(20 + u64::from(byte) / 4)
    }
}

/// The answer to the repeat of a call that happened and whose own answer nobody has: it came from an operator's word, or
/// its person was erased since.
fn answer_not_kept(first: &RecordedCall) -> ToolError {
    ToolError::new(
        ErrorCode::Conflict,
        "The same call was made before and counts as done; its answer is not kept. Nothing was done twice.",
    )
    .with(json!({ "call_id": first.call_id }))
    .next("If it is to be done again all the same, change an argument or give a new `idempotency_key`.")
}

/// The answer to a key that was used with other arguments.
pub(crate) fn key_reused() -> ToolError {
    ToolError::new(
        ErrorCode::IdempotencyKeyReused,
        "This `idempotency_key` was used with other arguments. Nothing was done.",
    )
    .at("idempotency_key")
    .next("Use a new key for a new call, or repeat the first call's arguments to get its answer.")
}
