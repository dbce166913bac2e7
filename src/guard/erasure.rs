//! Erasure: what is remembered of a person who must not come back, and the receipt that proves it.

use serde_json::Value;

use super::{
    Guards,
    identity::identifier::{CustomerRef, Identifiers},
};
use crate::{
    catalog::Effect,
    clock::random_bytes,
    error::ToolError,
    state::{Digest, Erasure, ErasureState, ListedErasure},
};

/// An erasure that was begun, with what a resumed call needs.
#[derive(Debug, Clone)]
pub struct BegunErasure {
    /// Its row.
    pub erasure: Erasure,
    /// The identifiers to erase; `None` once completed.
    pub identifiers: Option<Identifiers>,
}

impl Guards {
    /// The erasure that any of these identifiers belongs to.
    pub async fn erasure_of(&self, refs: &[CustomerRef]) -> Result<Option<BegunErasure>, ToolError> {
        let found = self.store.find_erasure(self.workspace.name.clone(), self.digests(refs)).await?;
        Ok(found.map(|erasure| {
            let identifiers = erasure.sealed_identifiers.as_deref().and_then(|sealed| self.open_identifiers(sealed));
            BegunErasure { erasure, identifiers }
        }))
    }

    /// Puts the tombstones up: from here on nobody brings the person back, whatever happens to this call.
    pub async fn begin_erasure(&self, identifiers: &Identifiers) -> Result<BegunErasure, ToolError> {
        let erasure = Erasure {
            erasure_id: format!("era_{}", hex::encode(random_bytes::<8>(self.clock.as_ref()))),
            workspace: self.workspace.name.clone(),
            subjects: self.digests(&identifiers.refs()),
            state: ErasureState::Pending,
            requested_at_ms: self.clock.now_ms(),
            completed_at_ms: None,
            sealed_identifiers: Some(self.seal_identifiers(identifiers)),
            receipt: None,
        };
        self.store.record_erasure(erasure.clone()).await?;
        Ok(BegunErasure { erasure, identifiers: Some(identifiers.clone()) })
    }

    /// Records that the person is gone; the store forgets everything else about them.
    pub async fn complete_erasure(&self, begun: BegunErasure, receipt: &Value) -> Result<(), ToolError> {
        let completed = Erasure {
            state: ErasureState::Completed,
            completed_at_ms: Some(self.clock.now_ms()),
            sealed_identifiers: None,
            receipt: Some(receipt.to_string()),
            ..begun.erasure
        };
        Ok(self.store.record_erasure(completed).await?)
    }

    /// The erasures of the workspace, newest first.
    pub async fn list_erasures(&self) -> Result<Vec<ListedErasure>, ToolError> {
        Ok(self.store.list_erasures(self.workspace.name.clone()).await?)
    }

    /// Takes the tombstones of an erasure down at an operator's command: the person may be made again. `false` when none
    /// stand.
    pub async fn lift_erasure(&self, erasure_id: &str) -> Result<bool, ToolError> {
        let lifted =
            async { Ok(self.store.lift_tombstones(self.workspace.name.clone(), erasure_id.to_owned()).await?) };
        self.commanded("erasures lift", Effect::Trigger, lifted).await
    }

    /// One keyed hash for the whole person, as the receipt carries it.
    pub fn receipt_digest(&self, refs: &[CustomerRef]) -> String {
        let mut digests = self.digests(refs);
        digests.sort();
        let parts: Vec<&[u8]> = digests.iter().map(|Digest(bytes)| bytes.as_slice()).collect();
        hex::encode(self.keys.digest("receipt", &parts).0)
    }
}
