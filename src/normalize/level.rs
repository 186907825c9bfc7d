//! How much a finding matters.

use serde::Serialize;

/// How much a finding matters; the most serious is the least, so that sorting puts it first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The agent behaves otherwise.
    #[default]
    Error,
    /// Worth a look; often the other side's doing.
    Warning,
    /// Only the form differs, or an order that nobody promises. Notes never fail a run.
    Note,
}

impl Level {
    /// The word in reports: `error`, `warning`, `note`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}
