//! Where an update puts something in a tree of folders. Leaving it out and null are different answers.

/// The folder a body names.
#[derive(Debug)]
pub(super) enum Placement<T> {
    /// None: things stay where they are.
    Kept,
    /// A folder, or the root.
    In(Option<T>),
}

impl<T> Placement<T> {
    /// The folder of what was in `current`.
    pub(super) fn or(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Kept => current,
            Self::In(folder) => folder,
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }

    /// The folder that is named, if it is not the root.
    pub(super) fn folder(&self) -> Option<&T> {
        match self {
            Self::In(Some(folder)) => Some(folder),
            Self::Kept | Self::In(None) => None,
        }
    }
}
