//! How much of what an agent sent is rebuilt from its rollouts.

use std::path::{Path, PathBuf};

use serde_json::Value;
use trace_diff::json::Raw;
use trace_diff::responses::RequestKind;
use trace_diff::rollout::{
    History, ItemText, Lineage, RolloutSource, Rules, What, WireItem, find_rollouts, find_segment,
    is_prompt_only, sessions_root_of, wire_item, wire_items, without_oldest,
};

use super::requests::Sent;

/// What was rebuilt of the requests of one thread.
pub(super) struct Rebuilt {
    /// Where no history is the request's input, with the nearest one's first difference.
    pub(super) failures: Vec<String>,
    /// Whether the history at the end is the last input and what its response added.
    pub(super) is_end_right: bool,
}

/// Every history that a thread had, in the order of its files and their records.
pub(super) struct Thread {
    pub(super) rules: Rules,
    states: Vec<State>,
}

struct State {
    texts: Vec<ItemText>,
    has_base: bool,
    is_last_of_file: bool,
}

/// All rollouts below a directory, oldest first.
pub(super) fn rollouts(directory: &Path) -> Vec<PathBuf> {
    let files = find_rollouts(directory).files;
    files.into_iter().map(|file| file.path).collect()
}

/// Reads one rollout with those that it inherits from.
pub(super) fn lineage(path: &Path) -> Lineage {
    Lineage::open(path).unwrap()
}

/// The same for a rollout that is somewhere else.
pub(super) fn lineage_of(source: RolloutSource) -> Lineage {
    let root = sessions_root_of(&source.path);
    Lineage::read(source, |id| find_segment(&root, id)).unwrap()
}

impl Thread {
    /// The histories of a thread; `None` when it has no rollout.
    pub(super) fn read(id: &str, rollouts: &[PathBuf]) -> Option<Self> {
        let mut new: Option<Self> = None;
        for path in rollouts {
            let lineage = lineage(path);
            let own = &lineage.own().index;
            let meta = own.meta()?;
            if meta.id != id {
                continue;
            }
            assert_eq!(lineage.problems, [], "{}", path.display());
            let rules = Rules::named(meta.cli_version.as_deref());
            let new = new.get_or_insert_with(|| Self {
                rules,
                states: Vec::new(),
            });
            for until in 1..=own.entries.len() {
                let is_last = until == own.entries.len();
                let changes = !matches!(
                    own.entries[until - 1].what,
                    What::Event | What::Record(_) | What::TurnContext(_)
                );
                if !changes && !is_last {
                    continue;
                }
                let history = History::plan(&lineage, Some(until), &rules).unwrap();
                new.states.push(State {
                    texts: history.load(&lineage).unwrap(),
                    has_base: history.base.is_some(),
                    is_last_of_file: is_last,
                });
            }
        }
        new
    }

    /// Finds each request's input among the histories, never going back.
    pub(super) fn rebuild(&self, requests: &[Sent]) -> Rebuilt {
        let as_other = self.rebuild_by(&self.rules, requests);
        if as_other.failures.is_empty() && as_other.is_end_right {
            return as_other;
        }
        // The name of the provider is not on disk.
        let as_openai = self.rebuild_by(&self.rules.for_openai(), requests);
        if as_openai.failures.len() <= as_other.failures.len() && as_openai.is_end_right {
            as_openai
        } else {
            as_other
        }
    }

    fn rebuild_by(&self, rules: &Rules, requests: &[Sent]) -> Rebuilt {
        let wires: Vec<Vec<WireItem>> = self
            .states
            .iter()
            .map(|state| wire_items(&state.texts, rules))
            .collect();
        let mut failures = Vec::new();
        let mut from = 0;
        let mut refused = 0;
        for request in requests {
            let wanted = Wanted::of(request, rules);
            let dropped = if wanted.is_compaction { refused } else { 0 };
            let found = (from..wires.len()).find(|at| wanted.is(&wires[*at], dropped));
            match found {
                Some(at) => from = at,
                None => failures.push(wanted.nearest(request, &wires)),
            }
            let is_refused = wanted.is_compaction && !request.is_completed;
            refused = if is_refused { refused + 1 } else { 0 };
        }
        let is_end_right = self.is_end_right(rules, requests, &wires);
        Rebuilt {
            failures,
            is_end_right,
        }
    }

    fn is_end_right(&self, rules: &Rules, requests: &[Sent], wires: &[Vec<WireItem>]) -> bool {
        let Some(last) = requests.last() else {
            return true;
        };
        let end = self.states.iter().rposition(|state| state.is_last_of_file);
        let (Some(end), wanted) = (end, Wanted::of(last, rules)) else {
            return false;
        };
        let state = &self.states[end];
        if wanted.is_compaction {
            return !last.is_completed || state.has_base;
        }
        let wire: Vec<Value> = wires[end].iter().map(|item| value(&item.text)).collect();
        let Some(added) = wire.strip_prefix(wanted.items.as_slice()) else {
            return false;
        };
        // Up to about 0.115 what a broken stream delivered is written, but not sent again before a resume.
        let failed = requests.iter().rev().skip(1);
        let failed = failed.take_while(|request| !request.is_completed);
        let mut delivered: Vec<Value> = Vec::new();
        for request in failed.collect::<Vec<_>>().into_iter().rev() {
            delivered.extend(as_recorded(&request.delivered, rules));
        }
        let delivered_last = as_recorded(&last.delivered, rules);
        let without_outputs: Vec<&Value> = added.iter().filter(|item| !is_output(item)).collect();
        let with_failed = delivered.iter().chain(&delivered_last);
        let is_all = |wanted: Vec<&Value>| {
            let wanted = wanted.into_iter().filter(|item| !is_dropped(item));
            let added = without_outputs.iter().map(|item| without_passthrough(item));
            added.eq(wanted.map(without_passthrough))
        };
        is_all(delivered_last.iter().collect()) || is_all(with_failed.collect())
    }
}

/// The input of a request without what is known not to be on disk.
pub(super) struct Wanted {
    pub(super) items: Vec<Value>,
    is_compaction: bool,
}

impl Wanted {
    pub(super) fn of(request: &Sent, rules: &Rules) -> Self {
        let mut items = request.input.as_slice();
        while items
            .first()
            .is_some_and(|item| is_prompt_only(Raw::new(&item.to_string())))
        {
            items = &items[1..];
        }
        let is_compaction = request.kind == RequestKind::Compaction;
        if is_compaction && items.last().is_some_and(asks_for_compaction) {
            items = &items[..items.len() - 1];
        }
        Self {
            items: as_recorded(items, rules),
            is_compaction,
        }
    }

    fn is(&self, wire: &[WireItem], dropped: usize) -> bool {
        let wire = without_oldest(wire.to_vec(), dropped);
        wire.len() == self.items.len()
            && wire
                .iter()
                .zip(&self.items)
                .all(|(item, wanted)| value(&item.text) == *wanted)
    }

    fn nearest(&self, request: &Sent, wires: &[Vec<WireItem>]) -> String {
        let common = |wire: &Vec<WireItem>| {
            let pairs = wire.iter().zip(&self.items);
            pairs
                .take_while(|(item, wanted)| value(&item.text) == **wanted)
                .count()
        };
        let nearest = wires
            .iter()
            .max_by_key(|wire| (common(wire), wire.len().abs_diff(self.items.len()) == 0));
        let at = nearest.map_or(0, common);
        let short = |text: &str| text.chars().take(300).collect::<String>();
        let disk = nearest.and_then(|wire| wire.get(at));
        format!(
            "exchange {} item {at}\n    disk {}\n    wire {}",
            request.exchange,
            disk.map_or("-".to_owned(), |item| short(&item.text)),
            self.items
                .get(at)
                .map_or("-".to_owned(), |item| short(&item.to_string())),
        )
    }
}

fn asks_for_compaction(item: &Value) -> bool {
    item["type"] == "compaction_trigger"
        || item["role"] == "user"
            && item["content"][0]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("You are performing a CONTEXT CHECKPOINT"))
}

/// Items as the agent writes them down: over a WebSocket the API holds those that it made itself, with all members.
fn as_recorded(items: &[Value], rules: &Rules) -> Vec<Value> {
    // One by one: whether calls have outputs is the history's matter.
    let sent = items.iter().map(|item| {
        let sent = wire_item(&item.to_string(), rules);
        sent.map_or_else(|| item.clone(), |sent| value(&sent))
    });
    sent.collect()
}

fn is_output(item: &Value) -> bool {
    item["type"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("_output"))
}

/// What no agent keeps.
fn is_dropped(item: &Value) -> bool {
    item["type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("brand_new"))
}

fn without_passthrough(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(members) = item.as_object_mut() {
        members.shift_remove("internal_chat_message_metadata_passthrough");
    }
    item
}

pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
