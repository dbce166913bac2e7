//! What a handler is given for one call. Handlers hold no state of their own.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
};

use tokio::time::Instant;

use super::{answer::without_hidden, asking::Asking, offer::Offer, workspace::OpenWorkspace};
use crate::{
    api::{Api, CallScope, Permit},
    error::{ErrorCode, ToolError},
    guard::{
        Guards, Origin, SWEEPER,
        admit::Admitted,
        directory::KnownPerson,
        identity::{Subject, UpsertAction, identifier::CustomerRef},
    },
};

/// Who calls, and what their client can do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The principal; over stdio there is one, `local`.
    pub principal: String,
    /// On whose behalf the call is made.
    pub origin: Origin,
    /// How the person at the client can be asked.
    pub asking: Asking,
    /// Where progress goes.
    pub progress: Progress,
    /// What is offered to it.
    pub offer: Arc<Offer>,
}

impl Caller {
    /// The server itself, when it cleans up.
    pub fn sweeper() -> Self {
        Self {
            principal: SWEEPER.to_owned(),
            origin: Origin::Sweeper,
            asking: Asking::Nobody,
            progress: Progress::default(),
            offer: Arc::default(),
        }
    }
}

/// Reports progress to a client that asked for it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<(Peer<RoleServer>, ProgressToken)>);

impl Progress {
    /// Reports to `peer` under `token`, if the request carried one.
    pub fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        Self(token.map(|token| (peer, token)))
    }

    /// Says how far the call is, in whatever is counted.
    #[expect(clippy::cast_precision_loss, reason = "a bar on a screen")]
    pub async fn report_counts(&self, done: u64, total: u64, message: &str) {
        self.report(done as f64, total as f64, message).await;
    }

    /// Says how far the call is. A client that has gone away is no error.
    pub async fn report(&self, done: f64, total: f64, message: &str) {
        if let Some((peer, token)) = &self.0 {
            let step = ProgressNotificationParam::new(token.clone(), done)
                .with_total(total)
                .with_message(without_hidden(message));
            if peer.notify_progress(step).await.is_err() {
                tracing::debug!("progress could not be reported");
            }
        }
    }
}

/// One admitted call.
pub struct CallContext<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The workspace the call is for.
    pub workspace: &'a OpenWorkspace,
    /// What the guards decided, with the people resolved.
    pub admitted: Admitted,
    /// The bounds of the call's requests.
    pub scope: CallScope,
    /// When long work stops and leaves a handle.
    pub slice_end: Instant,
    permit: Option<Permit>,
    wrote: Mutex<Option<KnownPerson>>,
}

impl<'a> CallContext<'a> {
    /// The context of a call that the guards admitted; only calls that may change something carry a permit.
    pub(super) fn new(
        caller: &'a Caller,
        workspace: &'a OpenWorkspace,
        admitted: Admitted,
        scope: CallScope,
        permit: Option<Permit>,
    ) -> Self {
        let slice_end = scope.deadline;
        Self { caller, workspace, admitted, scope, slice_end, permit, wrote: Mutex::new(None) }
    }

    /// The same call, whose long work stops earlier.
    pub(super) fn working_until(self, slice_end: Instant) -> Self {
        Self { slice_end, ..self }
    }

    /// The workspace's API.
    pub fn api(&self) -> &Api {
        &self.workspace.api
    }

    /// The workspace's guards.
    pub fn guards(&self) -> &Guards {
        &self.workspace.guards
    }

    /// Leave to change something.
    pub fn permit(&self) -> Result<&Permit, ToolError> {
        self.permit.as_ref().ok_or_else(|| {
            ToolError::new(
                ErrorCode::Internal,
                "A call that changes nothing tried to change something. Nothing was changed.",
            )
        })
    }

    /// Whether a request that changes something was made.
    pub(super) fn may_have_changed(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::was_used)
    }

    /// The one person the call names.
    pub fn subject(&self) -> Result<&Subject, ToolError> {
        self.admitted.people.subjects.first().ok_or_else(|| unprepared("a person"))
    }

    /// What the write of a person will do.
    pub fn action(&self) -> Result<&UpsertAction, ToolError> {
        self.admitted.people.action.as_ref().ok_or_else(|| unprepared("a write of a person"))
    }

    /// Drops what is remembered of a person whose deletion was asked for, whatever came of the request.
    pub(super) async fn forget(&self, refs: &[CustomerRef]) {
        if let Err(error) = self.guards().forget_refs(refs).await {
            // It expires by itself.
            tracing::warn!(code = error.code.as_str(), "a deleted person is remembered for a while");
        }
    }

    /// Notes the person a write has left, for the ledger of test profiles.
    pub fn note_written(&self, person: KnownPerson) {
        *self.wrote.lock().unwrap_or_else(PoisonError::into_inner) = Some(person);
    }

    pub(super) fn written(&self) -> Option<KnownPerson> {
        self.wrote.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn unprepared(what: &str) -> ToolError {
    ToolError::new(
        ErrorCode::Internal,
        format!("The tool expected {what} that its intent does not name. Nothing was changed."),
    )
}
