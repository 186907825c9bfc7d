//! Violations in words.

use super::choose::Near;
use super::machine::Player;
use super::violation::{Violation, ViolationKind, request_label};
use crate::script::answer::StepId;
use crate::script::fault::FaultError;
use crate::script::matcher::{Difference, Facts};
use crate::script::strict_api::Refusal;

impl Player {
    /// A request that is for a step, but holds something else than expected.
    pub(super) fn unmet(
        &self,
        index: usize,
        difference: Difference,
        facts: &Facts<'_>,
    ) -> Violation {
        let message = format!(
            "{} is not what {} expects",
            request_label(facts),
            self.script.step_label(index)
        );
        Violation {
            kind: ViolationKind::Unexpected,
            request: Some(facts.request.number),
            step: Some(index),
            message,
            difference: Some(difference),
            hint: None,
        }
    }

    /// A request that no step is for.
    pub(super) fn no_step(&self, near: Option<Near>, facts: &Facts<'_>) -> Violation {
        let request = request_label(facts);
        let Some(near) = near else {
            let left = self.remaining();
            let why = match (self.script.steps.len(), &left[..]) {
                (1, []) => "the only step is used up".to_owned(),
                (count, []) => format!("all {count} steps are used up"),
                (_, [one]) => format!("{}, the only one left, is for others", one.label),
                (_, left) => format!("the {} that are left are for others", left.len()),
            };
            let kind = match left.is_empty() {
                true => ViolationKind::UsedUp,
                false => ViolationKind::NoStep,
            };
            let message = format!("{request} finds no step: {why}");
            return Violation {
                kind,
                request: Some(facts.request.number),
                step: None,
                message,
                difference: None,
                hint: None,
            };
        };
        let message = format!(
            "{request} fits no step; next is {}",
            self.script.step_label(near.step)
        );
        let hint = near.waiting.map(|waiting| {
            format!(
                "{} has no `when`, so it waits for its turn; give it one if requests may come in another order",
                self.script.step_label(waiting)
            )
        });
        Violation {
            kind: ViolationKind::NoStep,
            request: Some(facts.request.number),
            step: Some(near.step),
            message,
            difference: Some(near.difference),
            hint,
        }
    }

    /// A placeholder that the request can't fill.
    pub(super) fn unfilled(&self, id: StepId, name: &str, facts: &Facts<'_>) -> Violation {
        let message = format!(
            "{} holds nothing for `{name}`, which {} extracts",
            request_label(facts),
            self.label(id)
        );
        self.of_part(ViolationKind::Unfilled, id, message, facts)
    }

    /// A fault that the answer has no place for.
    pub(super) fn impossible(
        &self,
        id: StepId,
        error: &FaultError,
        facts: &Facts<'_>,
    ) -> Violation {
        let message = format!("{} can't be played: {error}", self.label(id));
        self.of_part(ViolationKind::Script, id, message, facts)
    }

    /// Notes that the API would refuse a request.
    pub(super) fn note_refusal(
        &mut self,
        refusal: &Refusal,
        facts: &Facts<'_>,
    ) -> Option<Violation> {
        // A full context is something that agents have to live with; all else no agent may send.
        if refusal.code == Some("context_length_exceeded") {
            return None;
        }
        let violation = Violation {
            kind: ViolationKind::Refused,
            request: Some(facts.request.number),
            step: None,
            message: format!(
                "{} is one that the API refuses: {}",
                request_label(facts),
                refusal.message
            ),
            difference: None,
            hint: None,
        };
        self.violations.push(violation.clone());
        Some(violation)
    }

    /// All that did not go as the script says, steps that were not used up among it.
    pub fn finish(&self) -> Vec<Violation> {
        let mut all = self.violations.clone();
        for remaining in self.remaining() {
            let is_told = self
                .violations
                .iter()
                .any(|violation| violation.step == Some(remaining.step));
            let Some(left) = remaining.left else { continue };
            if remaining.is_optional || is_told {
                continue;
            }
            let message = match self.progress.used(remaining.step) {
                0 => format!("{} was not used", remaining.label),
                used => format!(
                    "{} was used {used} of {} times",
                    remaining.label,
                    used + left
                ),
            };
            all.push(Violation {
                kind: ViolationKind::Unused,
                request: None,
                step: Some(remaining.step),
                message,
                difference: None,
                hint: None,
            });
        }
        all
    }

    fn of_part(
        &self,
        kind: ViolationKind,
        id: StepId,
        message: String,
        facts: &Facts<'_>,
    ) -> Violation {
        Violation {
            kind,
            request: Some(facts.request.number),
            step: match id {
                StepId::Step(index) => Some(index),
                _ => None,
            },
            message,
            difference: None,
            hint: None,
        }
    }

    fn label(&self, id: StepId) -> String {
        match id {
            StepId::Step(index) => self.script.step_label(index),
            other => other.to_string(),
        }
    }
}
