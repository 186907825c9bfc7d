//! Whether a turn's first request begins with what the rollout before the turn says.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use trace_diff::responses::RequestKind;
use trace_diff::rollout::{Lineage, RolloutSource, Rules, What, predict_resume};

use super::requests::Sent;
use super::score::{Wanted, lineage, lineage_of, value};

/// What was not predicted of the first request of each turn, from the bytes of the rollout before that turn alone. The
/// first turn of a fork is predicted from the parent's rollout alone as well.
pub(super) fn failures(
    thread: &str,
    requests: &[Sent],
    rollouts: &[PathBuf],
    turns: &mut usize,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut last = None;
    for (at, request) in requests.iter().enumerate() {
        let turn = request.turn.as_deref().filter(|turn| !turn.is_empty());
        if turn.is_none() || turn == last {
            continue;
        }
        last = turn;
        let before = turn.and_then(|turn| before_turn(thread, turn, rollouts));
        let Some((path, end)) = before else {
            failures.push(format!("exchange {}: no such turn", request.exchange));
            continue;
        };
        *turns += 1;
        // Calls of `/responses/compact` do not name their turn.
        let unnamed = requests[..at].last();
        let unnamed = unnamed.filter(|r| r.kind == RequestKind::Compaction && r.turn.is_none());
        let firsts: Vec<&Sent> = unnamed.into_iter().chain([request]).collect();
        let bytes = fs::read(&path).unwrap()[..end].to_vec();
        let cut = lineage_of(RolloutSource::memory(&path, bytes));
        if !firsts.iter().any(|first| is_predicted(first, &cut)) {
            failures.push(format!("exchange {}", request.exchange));
        }
        if let Some(parent) = parent_of_first_turn(&cut, rollouts)
            && !is_predicted(request, &parent)
        {
            failures.push(format!(
                "exchange {}: not from the parent",
                request.exchange
            ));
        }
    }
    failures
}

fn is_predicted(request: &Sent, lineage: &Lineage) -> bool {
    let meta = lineage.own().index.meta();
    let rules = Rules::named(meta.and_then(|meta| meta.cli_version.as_deref()));
    [rules, rules.for_openai()].iter().any(|rules| {
        let prediction = predict_resume(lineage, None, rules).unwrap();
        let items = prediction.items.iter().map(|item| value(&item.text));
        let items: Vec<Value> = items.collect();
        let wanted = Wanted::of(request, rules).items;
        wanted
            .strip_prefix(items.as_slice())
            .is_some_and(|rest| rest.iter().all(is_new))
    })
}

/// The rollout that a fork was made of, for the first turn that the fork has of its own.
fn parent_of_first_turn(cut: &Lineage, rollouts: &[PathBuf]) -> Option<Lineage> {
    let index = &cut.own().index;
    let id = index.meta()?.forked_from_id.clone()?;
    let own_turns = index.entries.iter().filter(|entry| {
        // What was copied was written at once, and ends with the turns that the parent had.
        matches!(entry.what, What::TurnStarted(_)) && entry.ordinal.is_some()
    });
    if own_turns.count() > 0 {
        return None;
    }
    let path = rollouts
        .iter()
        .find(|path| path.to_str().unwrap().ends_with(&format!("{id}.jsonl")))?;
    Some(lineage(path))
}

/// The file in which a turn begins, and where.
fn before_turn(thread: &str, turn: &str, rollouts: &[PathBuf]) -> Option<(PathBuf, usize)> {
    rollouts.iter().rev().find_map(|path| {
        let lineage = lineage(path);
        let index = &lineage.own().index;
        if index.meta()?.id != thread {
            return None;
        }
        let entry = index.entries.iter().find(|entry| match entry.what {
            What::TurnStarted(Some(number)) => index.turn_id(number) == Some(turn),
            _ => false,
        })?;
        Some((path.clone(), usize::try_from(entry.span.start).ok()?))
    })
}

/// What comes with a turn: context and the prompt, or what another agent wrote.
fn is_new(item: &Value) -> bool {
    item["type"] == "agent_message"
        || item["type"] == "additional_tools"
        || item["role"] == "user"
        || item["role"] == "developer"
}
