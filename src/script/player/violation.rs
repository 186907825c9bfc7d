//! What did not go as the script says.

use std::fmt;

use crate::script::matcher::{Difference, Facts};

/// Something that did not go as the script says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// In what way.
    pub kind: ViolationKind,
    /// Number of the request, from 0; `None` for a step that no request used.
    pub request: Option<usize>,
    /// The step, from 0, if it is about one.
    pub step: Option<usize>,
    /// One sentence that names request and step.
    pub message: String,
    /// How the request differs from what comes nearest to it.
    pub difference: Option<Difference>,
    /// What to do about it, if that can be said.
    pub hint: Option<String>,
}

/// In what way something did not go as the script says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// No step fits the request.
    NoStep,
    /// The request is for the step, but holds something else than expected.
    Unexpected,
    /// The request came when all steps were used up.
    UsedUp,
    /// A placeholder of the step could not be filled from the request.
    Unfilled,
    /// The script is at fault: a fault at a place that the answer does not have.
    Script,
    /// The real API would refuse the request.
    Refused,
    /// A step was not used, or not as often as the script says.
    Unused,
}

impl ViolationKind {
    /// The word in reports: `no-step`, `unexpected`, `used-up`, `unfilled`, `script`, `refused`, `unused`.
    pub fn name(self) -> &'static str {
        match self {
            ViolationKind::NoStep => "no-step",
            ViolationKind::Unexpected => "unexpected",
            ViolationKind::UsedUp => "used-up",
            ViolationKind::Unfilled => "unfilled",
            ViolationKind::Script => "script",
            ViolationKind::Refused => "refused",
            ViolationKind::Unused => "unused",
        }
    }
}

impl fmt::Display for Violation {
    /// Writes the sentence, and below it the difference and the hint; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(difference) = &self.difference {
            for line in difference.to_string().lines() {
                write!(f, "\n  {line}")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// What messages call a request: its number, method, path, what it is for.
pub(super) fn request_label(facts: &Facts<'_>) -> String {
    let mut label = format!(
        "request {} ({} {}",
        facts.request.number,
        facts.request.method,
        facts.path()
    );
    if facts.is_for_model() {
        label.push_str(&format!(", {}", facts.kind.name()));
    }
    if let Some(subagent) = &facts.subagent {
        label.push_str(&format!(" of sub-agent {subagent}"));
    }
    label.push(')');
    label
}
