//! Whose contracts hold.

use crate::capture::Capture;

/// What an agent of some version promises.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile;

impl Profile {
    /// What every client of the Responses API promises.
    pub fn generic() -> Self {
        Self
    }

    /// The profile of the agent that a capture says it is from.
    pub fn of(_capture: &Capture) -> Self {
        Self::generic()
    }
}
