//! Where the context messages stand behind a compaction.

use std::ops::Range;

use super::super::label::label;
use super::super::profiles::Context;
use super::check::Checker;
use super::episode::is_compaction;
use super::items::{ContextKind, Entry};
use super::outcome::Outcome;
use super::rules;

/// Checks that what the model has to know of its surroundings is there again, and where.
pub(super) fn check_context(outcome: &Outcome<'_, '_>, summary: usize, checker: &mut Checker<'_>) {
    // Before the next turn there may be none.
    if is_compaction(outcome.now) {
        return;
    }
    for kind in ContextKind::ALL {
        let is_it = |entry: &Entry| entry.context_kind() == Some(kind);
        let Some(old) = outcome.history.iter().find(|entry| is_it(entry)) else {
            continue;
        };
        let numbered = outcome.items.iter().enumerate();
        let places: Vec<usize> = numbered
            .filter(|(_, entry)| is_it(entry))
            .map(|(at, _)| at)
            .collect();
        let Some(first) = places.first() else {
            let now = outcome.now;
            let place = (now, now.request.input_pointer());
            let exchange = outcome.episode.last().request.exchange;
            checker.tell(outcome.episode, kind.name(), rules::CONTEXT_MISSING, place, |violation| {
                violation.subject = Some(label(&old.facts));
                violation.message = format!(
                    "{} is gone after the compaction in exchange #{exchange}: it is not in {now}",
                    kind.name()
                );
            });
            continue;
        };
        let Some((expected, range)) = expected(outcome, summary, checker) else {
            continue;
        };
        if !places.iter().any(|at| range.contains(at)) {
            tell_misplaced(outcome, kind, *first, expected, checker);
        }
    }
}

/// Where context stands after this compaction, in words and among the items.
fn expected(
    outcome: &Outcome<'_, '_>,
    summary: usize,
    checker: &Checker<'_>,
) -> Option<(&'static str, Range<usize>)> {
    let compaction = &checker.profile.compaction;
    let context = match outcome.episode.is_in_turn()? {
        true => compaction.context_in_turn?,
        false => compaction.context?,
    };
    let items = &outcome.items;
    let is_user = |at: &usize| items[*at].is_of_user();
    Some(match context {
        Context::First => {
            let said = (0..summary).find(is_user).unwrap_or(summary);
            ("before everything else", 0..said)
        }
        Context::BeforeLastMessage => {
            let Some(last) = (0..summary).rfind(is_user) else {
                return Some(("before the summary", 0..summary));
            };
            let before = (0..last).rfind(is_user).map_or(0, |at| at + 1);
            ("before the last user message that stayed", before..last)
        }
        Context::BehindSummary => {
            let said = (summary + 1..items.len()).find(is_user);
            (
                "behind the summary",
                summary + 1..said.unwrap_or(items.len()),
            )
        }
    })
}

fn tell_misplaced(
    outcome: &Outcome<'_, '_>,
    kind: ContextKind,
    at: usize,
    expected: &str,
    checker: &mut Checker<'_>,
) {
    let (now, entry) = (outcome.now, &outcome.items[at]);
    let place = (now, now.request.input_pointer().index(at));
    let agent = checker.profile.label();
    checker.tell(outcome.episode, kind.name(), rules::CONTEXT_MISPLACED, place, |violation| {
        violation.subject = Some(label(&entry.facts));
        violation.expected = Some(expected.to_owned());
        violation.message = format!(
            "{} stands elsewhere in {now} than {expected}, where {agent} puts it after a compaction",
            kind.name()
        );
    });
}
