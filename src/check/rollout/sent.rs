//! What a request should send of a history, and what it sent.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::json::Value;

use super::super::item::{Facts, ItemFacts, is_output_on_its_way};
use super::replay::{Kept, Origin};

/// An item that a request should send.
#[derive(Clone)]
pub(super) struct Due {
    /// Where it stands on disk; of a made-up output where its call stands.
    pub(super) origin: Origin,
    pub(super) facts: Arc<ItemFacts>,
    /// Whether it is made up for a call that has no output.
    pub(super) is_made_up: bool,
}

/// How an agent deals with calls and outputs that lack their other half, before it sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairing {
    /// Makes up an output `aborted` directly behind the call, drops outputs without call (Codex 0.115–0.169).
    MakeUp,
    /// Drops calls without output too (pycodex 0.5.1).
    Drop,
    /// Sends all as it is (pycodex 0.1.13).
    Keep,
}

/// What should be sent of a history in which each call has its output.
pub(super) fn all_due(kept: &[Kept]) -> Vec<Due> {
    kept.iter().map(Due::of).collect()
}

impl Due {
    fn of(kept: &Kept) -> Self {
        Self {
            origin: kept.origin,
            facts: Arc::clone(&kept.facts),
            is_made_up: false,
        }
    }
}

/// What should be sent of a history.
pub(super) fn due_items(kept: &[Kept], pairing: Pairing, facts: &mut Facts) -> Vec<Due> {
    let ids = |is_half: fn(&ItemFacts) -> bool| -> HashSet<&str> {
        let halves = kept.iter().filter(|one| is_half(&one.facts));
        halves
            .filter_map(|one| one.facts.call_id.as_deref())
            .collect()
    };
    let (calls, outputs) = (ids(ItemFacts::is_call), ids(ItemFacts::is_output));
    let mut due = Vec::with_capacity(kept.len());
    for one in kept {
        let id = one.facts.call_id.as_deref();
        let lacks = |others: &HashSet<&str>| id.is_some_and(|id| !others.contains(id));
        let is_lone_output = one.facts.is_output() && lacks(&calls);
        let is_lone_call = one.facts.is_call() && lacks(&outputs);
        let is_dropped = match pairing {
            Pairing::MakeUp => is_lone_output,
            Pairing::Drop => is_lone_output || is_lone_call,
            Pairing::Keep => false,
        };
        if is_dropped {
            continue;
        }
        due.push(Due::of(one));
        if is_lone_call
            && pairing == Pairing::MakeUp
            && let Some(item) = made_up_output(&one.facts)
        {
            due.push(Due {
                origin: one.origin,
                facts: facts.of(&item),
                is_made_up: true,
            });
        }
    }
    due
}

/// What Codex sends as the output of a call that has none (0.115.0–0.169.0); nothing for calls that the server runs.
fn made_up_output(call: &ItemFacts) -> Option<Value> {
    let id = call.call_id.as_deref()?;
    let item = match call.kind.as_ref() {
        "function_call" | "local_shell_call" => serde_json::json!({
            "type": "function_call_output", "call_id": id, "output": "aborted"
        }),
        "custom_tool_call" => serde_json::json!({
            "type": "custom_tool_call_output", "call_id": id, "output": "aborted"
        }),
        "tool_search_call" => serde_json::json!({
            "type": "tool_search_output", "call_id": id, "execution": "client", "tools": []
        }),
        _ => return None,
    };
    Some(Value::from_serde(&item))
}

/// The input of a request.
pub(super) struct Wire {
    pub(super) items: Vec<WireItem>,
    /// Outputs by the ids of their calls, once they were asked for.
    outputs: OnceCell<HashMap<String, usize>>,
}

/// One item of an input.
pub(super) struct WireItem {
    /// Its number in the input.
    pub(super) number: usize,
    pub(super) facts: Arc<ItemFacts>,
}

impl Wire {
    pub(super) fn new(items: &[Value], facts: &mut Facts) -> Self {
        let numbered = items.iter().enumerate();
        let items = numbered.map(|(number, item)| WireItem {
            number,
            facts: facts.of(item),
        });
        Self {
            items: items.collect(),
            outputs: OnceCell::new(),
        }
    }

    /// What an item due says, as this request would write it: an output in its text form where it has that.
    pub(super) fn meaning_of(&self, due: &ItemFacts) -> u64 {
        let number = due
            .call_id
            .as_ref()
            .filter(|_| due.is_output())
            .and_then(|id| self.outputs().get(id));
        match number.map(|number| &self.items[*number].facts) {
            Some(written) if is_sent_as(due, written) => written.meaning(),
            _ => due.meaning(),
        }
    }

    fn outputs(&self) -> &HashMap<String, usize> {
        self.outputs.get_or_init(|| {
            let outputs = self.items.iter().filter(|item| item.facts.is_output());
            let named = outputs.filter_map(|item| Some((item.facts.call_id.clone()?, item.number)));
            named.collect()
        })
    }
}

/// Whether an item due is sent as this one.
pub(super) fn is_sent_as(due: &ItemFacts, sent: &ItemFacts) -> bool {
    due.meaning() == sent.meaning() || is_output_on_its_way(due, sent)
}
