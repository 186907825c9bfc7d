//! Which step a request is for.

use super::progress::Progress;
use crate::script::matcher::{Difference, Facts, MismatchClass, Threads, mismatch, unmet};
use crate::script::model::{Repeat, Script};

/// What was found for a request.
pub(super) enum Choice {
    /// This step.
    Step(usize),
    /// This default.
    Default(usize),
    /// This step, but the request does not hold what it expects.
    Unmet(usize, Difference),
    /// Nothing; the step that is next, and why it is not for the request.
    Nothing(Option<Near>),
}

/// The first step that the request could have been for.
pub(super) struct Near {
    pub(super) step: usize,
    pub(super) difference: Difference,
    /// A later step without conditions that would have taken the request, had it been its turn.
    pub(super) waiting: Option<usize>,
}

/// Chooses the first step left that the request fits.
///
/// A step that is for somebody else (another thread, sub-agent, header, kind) is passed over. So is one whose content the
/// request does not hold, but then only a step that has a `when` may take the request: a step without conditions does
/// not jump the queue. A step whose output condition fails is for the request, and it is a violation.
pub(super) fn choose(
    script: &Script,
    progress: &Progress,
    threads: &Threads,
    facts: &Facts<'_>,
) -> Choice {
    let mut passed: Option<(usize, Difference)> = None;
    let mut others: Option<(usize, Difference)> = None;
    let mut waiting = None;
    for (index, step) in script.steps.iter().enumerate() {
        if !progress.is_left(index, step) {
            continue;
        }
        match mismatch(&step.when, facts, threads) {
            None if passed.is_some() && step.when.is_empty() => {
                waiting = waiting.or(Some(index));
            }
            None => {
                return match unmet(&step.expect, facts, threads) {
                    None => Choice::Step(index),
                    Some(difference) => Choice::Unmet(index, difference),
                };
            }
            Some((MismatchClass::Scope, _)) => {}
            Some((MismatchClass::Identity, difference)) => {
                others.get_or_insert((index, difference));
            }
            Some((MismatchClass::Content, difference)) => {
                if step.is_optional || step.repeat == Repeat::Any {
                    others.get_or_insert((index, difference));
                } else {
                    passed.get_or_insert((index, difference));
                }
            }
            Some((MismatchClass::Expectation, difference)) => {
                return Choice::Unmet(index, difference);
            }
        }
    }
    let fits =
        |default: &crate::script::model::Step| mismatch(&default.when, facts, threads).is_none();
    if let Some(index) = script.defaults.iter().position(fits) {
        return Choice::Default(index);
    }
    Choice::Nothing(passed.or(others).map(|(step, difference)| Near {
        step,
        difference,
        waiting,
    }))
}
