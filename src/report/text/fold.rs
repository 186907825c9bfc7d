//! Which steps of a long turn are told one by one.

use crate::outline::{Step, What};

/// More steps in a row than these, in which nothing went wrong, are not all told.
const MOST: usize = 24;

/// How many are told at each end then.
const TOLD: usize = 8;

/// Steps that follow each other.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'s> {
    /// Told one by one.
    Told(&'s [Step]),
    /// Told in one row: calls that ended with exit code 0, and reasoning.
    Folded(&'s [Step]),
}

/// Folds the middle of long runs in which nothing went wrong. Every other step is told: what people and the model said,
/// errors, retries, compactions, and calls of which no exit code 0 is known.
pub(super) fn fold(steps: &[Step]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for run in steps.chunk_by(|a, b| is_routine(&a.what) == is_routine(&b.what)) {
        let is_long = run.len() > MOST && is_routine(&run[0].what);
        if !is_long {
            parts.push(Part::Told(run));
            continue;
        }
        let (first, rest) = run.split_at(TOLD);
        let (middle, last) = rest.split_at(rest.len() - TOLD);
        parts.extend([Part::Told(first), Part::Folded(middle), Part::Told(last)]);
    }
    parts
}

/// What stands for folded steps.
pub(super) fn in_short(steps: &[Step]) -> String {
    let is_call = |step: &&Step| matches!(step.what, What::Call(_));
    let calls = steps.iter().filter(is_call).count();
    let reasoning = match steps.len() - calls {
        0 => "",
        _ => ", with reasoning between them",
    };
    format!("{calls} more calls with exit 0{reasoning} (--full shows them)")
}

fn is_routine(what: &What) -> bool {
    match what {
        What::Reasoning { .. } => true,
        What::Call(call) => {
            let output = call.output.as_ref().and_then(|output| output.exit_code);
            call.status.is_none() && call.exit_code.or(output) == Some(0)
        }
        _ => false,
    }
}
