//! The life of a delivery by the sandbox's clock.

use super::world::World;

impl World {
    /// Brings every delivery to where it stands now.
    pub(super) fn settle(&mut self) {}
}
