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

/// Another level for the findings of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRule {
    /// Name of the rule.
    pub rule: String,
    /// The level; `None` leaves its findings out.
    pub level: Option<Level>,
}

impl LevelRule {
    /// The words that say a level: those of [`Level::name`], and `off`.
    pub const WORDS: [&str; 4] = ["error", "warning", "note", "off"];

    /// Makes the rule of a name and one of [`LevelRule::WORDS`]; `None` for another word.
    pub fn new(rule: &str, word: &str) -> Option<Self> {
        let level = match word {
            "error" => Some(Level::Error),
            "warning" => Some(Level::Warning),
            "note" => Some(Level::Note),
            "off" => None,
            _ => return None,
        };
        Some(Self {
            rule: rule.to_owned(),
            level,
        })
    }
}
