//! One cause, one violation.

use super::super::violation::{RolloutPlace, Violation};

/// Joins what follows from another violation to it: an item that stands otherwise on disk than it was delivered is also
/// sent otherwise than it stands there.
pub(super) fn join_causes(violations: Vec<Violation>) -> Vec<Violation> {
    let mut joined: Vec<Violation> = Vec::with_capacity(violations.len());
    let (causes, rest): (Vec<_>, Vec<_>) = violations.into_iter().partition(is_cause);
    joined.extend(causes);
    for violation in rest {
        match joined.iter_mut().find(|cause| follows(cause, &violation)) {
            Some(cause) => {
                cause.recurs.extend(violation.exchange);
                cause.recurs.extend(violation.recurs);
            }
            None => joined.push(violation),
        }
    }
    for violation in &mut joined {
        violation.recurs.sort_unstable();
        violation.recurs.dedup();
        violation
            .recurs
            .retain(|exchange| Some(*exchange) != violation.exchange);
    }
    joined.sort_by_key(|violation| violation.exchange);
    joined
}

fn is_cause(violation: &Violation) -> bool {
    violation.rule.starts_with("rollout-delivery-") || violation.rule == "rollout-item-invented"
}

fn follows(cause: &Violation, other: &Violation) -> bool {
    match (cause.rule, other.rule) {
        ("rollout-delivery-changed", "rollout-input-changed")
        | ("rollout-item-invented", "rollout-input-missing")
        | ("rollout-compaction-changed", "rollout-compaction-changed") => {
            is_same_record(cause.place.as_ref(), other.place.as_ref())
        }
        ("rollout-delivery-missing" | "rollout-delivery-changed", "rollout-input-added") => {
            cause.subject == other.subject
        }
        _ => false,
    }
}

fn is_same_record(a: Option<&RolloutPlace>, b: Option<&RolloutPlace>) -> bool {
    a.zip(b)
        .is_some_and(|(a, b)| a.path == b.path && a.record == b.record)
}
