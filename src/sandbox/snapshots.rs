//! Snapshots: a world put aside under a name, to go back to as often as a test likes. A reset leaves them alone.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    dispatch::{Inner, Shared},
    moment::{Instant, Moment},
    store::{Chronicle, StoreError},
    world::World,
};
use crate::clock::{AdjustableClock, Going};

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// A world as it was.
#[derive(Debug)]
pub(super) struct Snapshot {
    world: World,
    instant: Instant,
    /// The clock stood still.
    is_stopped: bool,
    seed: Option<u64>,
}

/// What a snapshot is to be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotName {
    /// Letters, digits, `-`, `_` and `.`.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    name: String,
}

impl Snapshot {
    /// One that was read back.
    pub(super) fn revived(world: World, chronicle: &Chronicle) -> Self {
        Self {
            world,
            instant: chronicle.saved.unwrap_or(chronicle.born),
            is_stopped: matches!(chronicle.going, Going::Stopped { .. }),
            seed: Some(chronicle.seed),
        }
    }

    fn shown(&self, name: &str) -> Value {
        json!({
            "name": name,
            "clock": Moment::timestamp(self.instant).to_string(),
            "people": self.world.people.len(),
            "deliveries": self.world.deliveries.len() - self.world.deliveries.past,
        })
    }
}

impl Inner {
    /// All snapshots.
    pub(super) fn shown_snapshots(&self) -> Value {
        json!({"snapshots": self.snapshots.iter().map(|(name, one)| one.shown(name)).collect::<Vec<_>>()})
    }

    /// Puts the world aside; a snapshot of that name is replaced. Fails with what is wrong about the name.
    pub(super) fn save(&mut self, clock: &AdjustableClock, asked: SnapshotName) -> Result<Value, SnapshotError> {
        let name = asked.name;
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_fit) {
            return Err(SnapshotError::Name);
        }
        self.arrive()?;
        let instant = self.world.clock.instant();
        if let Some(store) = &mut self.store {
            store.save(&name, instant)?;
        }
        let (is_stopped, seed) = (clock.is_stopped(), clock.seed());
        let snapshot = Snapshot { world: self.world.clone(), instant, is_stopped, seed };
        let shown = snapshot.shown(&name);
        self.snapshots.insert(name, snapshot);
        Ok(shown)
    }

    /// Goes back to a snapshot: state, time and randomness, so that the same calls get the same answers again.
    pub(super) fn load(&mut self, clock: &Arc<AdjustableClock>, name: &str) -> Result<Value, SnapshotError> {
        let snapshot = self.snapshots.get(name).ok_or(SnapshotError::Unknown)?;
        let before = clock.going();
        clock.set_going(Going::Stopped { at_ms: snapshot.instant.at_ms });
        if !snapshot.is_stopped {
            clock.resume();
        }
        if let Some(store) = &mut self.store
            && let Err(error) = store.load(name, clock.going())
        {
            clock.set_going(before);
            return Err(error.into());
        }
        if let Some(seed) = snapshot.seed {
            clock.reseed(seed);
        }
        let moment = Moment::new(Arc::clone(clock));
        moment.return_to(snapshot.instant);
        self.world = World { clock: Arc::new(moment), ..snapshot.world.clone() };
        Ok(snapshot.shown(name))
    }

    /// Forgets a snapshot.
    pub(super) fn forget(&mut self, name: &str) -> Result<(), SnapshotError> {
        if let Some(store) = &self.store {
            store.forget(name)?;
        }
        self.snapshots.remove(name).map(|_| ()).ok_or(SnapshotError::Unknown)
    }
}

/// Why there is no such snapshot, or none was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error("name takes 1 to {MAX_NAME} letters, digits, '-', '_' or '.'")]
    Name,
    #[error("there is no snapshot of that name; GET /_sandbox/snapshots lists them")]
    Unknown,
    #[error("the data directory {0}")]
    Store(#[from] StoreError),
}

impl SnapshotError {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Name => 400,
            Self::Unknown => 404,
            Self::Store(_) => 507,
        }
    }
}

impl Shared {
    /// Keeps how the clock goes, after it was moved.
    pub(super) fn keep_clock(&self) -> Result<(), SnapshotError> {
        if let Some(store) = &self.lock().store {
            store.set_going(self.config.clock.going())?;
        }
        Ok(())
    }
}
