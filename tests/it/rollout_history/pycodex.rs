//! The same for pycodex, by its own reader's view of the rollout.

use std::path::PathBuf;

use serde_json::Value;
use trace_diff::json::Raw;
use trace_diff::responses::RequestKind;
use trace_diff::rollout::{
    ItemClass, PycodexReader, PycodexView, RolloutIndex, RolloutSource, WireItem, WireSource,
    classify, is_prompt_only, without_oldest_outputs,
};

use super::requests::Sent;

/// The inputs of one session that are not rebuilt; `None` when it has no rollout.
pub(super) fn failures(
    id: &str,
    requests: &[Sent],
    rollouts: &[PathBuf],
    reader: PycodexReader,
) -> Option<Vec<String>> {
    let path = rollouts
        .iter()
        .find(|path| path.to_str().is_some_and(|path| path.contains(id)))?;
    let source = RolloutSource::file(path).unwrap();
    let index = RolloutIndex::read(&source).unwrap();
    let states: Vec<Vec<Value>> = (0..=index.entries.len())
        .map(|until| PycodexView::read(&source, &index, reader, Some(until)).unwrap())
        .map(|view| view.items.iter().map(|item| value(&item.text)).collect())
        .collect();
    let mut failures = Vec::new();
    let mut from = 0;
    let mut refused = 0;
    for request in requests {
        let is_compaction = request.kind == RequestKind::Compaction;
        let wanted = wanted(request);
        let dropped = if is_compaction { refused } else { 0 };
        match (from..states.len()).find(|at| without_oldest_pairs(&states[*at], dropped) == wanted)
        {
            Some(at) => from = at,
            None => failures.push(format!("exchange {}\n  {:?}", request.exchange, wanted)),
        }
        let is_refused = is_compaction && !request.is_completed;
        refused = if is_refused { refused + 1 } else { 0 };
    }
    if let (Some(last), Some(end)) = (requests.last(), states.last())
        && !is_end(last, end)
    {
        failures.push(format!("end\n  {end:?}"));
    }
    Some(failures)
}

/// pycodex repeats a compaction that was too long without the oldest output and its call.
fn without_oldest_pairs(items: &[Value], count: usize) -> Vec<Value> {
    let item = |item: &Value| WireItem {
        text: item.to_string(),
        source: WireSource::Item(0),
    };
    let items = without_oldest_outputs(items.iter().map(item).collect(), count);
    items.iter().map(|item| value(&item.text)).collect()
}

/// Whether the history at the end is the last input and what its response added. Of a failed one it adds nothing, and
/// calls that did not get as far as an output may be missing.
fn is_end(last: &Sent, end: &[Value]) -> bool {
    if last.kind == RequestKind::Compaction {
        return true;
    }
    let Some(added) = end.strip_prefix(wanted(last).as_slice()) else {
        return false;
    };
    let delivered: &[Value] = if last.is_completed {
        &last.delivered
    } else {
        &[]
    };
    let said = |item: &Value| {
        [
            "type",
            "role",
            "name",
            "arguments",
            "input",
            "call_id",
            "encrypted_content",
        ]
        .map(|key| item[key].clone())
    };
    let is_kept = |item: &&Value| {
        let is_there = || {
            added
                .iter()
                .any(|other| other["call_id"] == item["call_id"])
        };
        match item["type"].as_str() {
            Some("message" | "reasoning") => true,
            Some("function_call" | "custom_tool_call") => is_there(),
            _ => false,
        }
    };
    added
        .iter()
        .map(said)
        .eq(delivered.iter().filter(is_kept).map(said))
}

/// The input of a request without what pycodex makes anew for each one: instructions and context at its beginning, and
/// the prompt of a compaction at its end.
fn wanted(request: &Sent) -> Vec<Value> {
    let mut items = request.input.as_slice();
    if request.kind == RequestKind::Compaction {
        items = &items[..items.len() - 1];
    }
    let is_context = |item: &Value| {
        let text = item.to_string();
        let item = Raw::new(&text);
        is_prompt_only(item)
            || classify(item) == ItemClass::Context
            || item.get_string("role").as_deref() == Some("developer")
    };
    while items.first().is_some_and(is_context) {
        items = &items[1..];
    }
    items.to_vec()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
