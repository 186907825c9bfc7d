//! Items as they compare between server, disk and wire.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::json::Value;
use crate::responses::{call_id, context_tags, is_call, is_output, item_type};

use super::super::same::{Difference, first_difference, meaning};

/// Whether a member of an item counts only where both sides have it.
///
/// Some are dropped on the way from the server to disk or from disk to the wire: ids by Codex up to 0.137, what servers
/// add to their items up to 0.153, the origin of a text for every provider but OpenAI.
fn is_loose(depth: usize, key: &str) -> bool {
    match depth {
        0 => matches!(
            key,
            "id" | "status" | "internal_chat_message_metadata_passthrough"
        ),
        2 => matches!(key, "annotations" | "logprobs"),
        _ => false,
    }
}

/// An item with what comparing needs to know of it.
#[derive(Debug)]
pub(super) struct ItemFacts {
    pub(super) item: Value,
    /// A hash of what it says, without members that may be dropped on their way.
    pub(super) meaning: u64,
    /// Its `type`.
    pub(super) kind: String,
    pub(super) call_id: Option<String>,
    /// Whether it is an output that is kept as JSON, see [`is_same_output`].
    is_structured: bool,
}

impl ItemFacts {
    pub(super) fn new(item: Value) -> Self {
        let node = item.node();
        let kind = item_type(node).into_owned();
        Self {
            meaning: meaning(node, is_loose) as u64,
            call_id: call_id(node).map(|id| id.into_owned()),
            is_structured: is_output(&kind)
                && node
                    .get_string("output")
                    .is_some_and(|text| structured_output(&text).is_some()),
            kind,
            item,
        }
    }

    pub(super) fn is_call(&self) -> bool {
        is_call(&self.kind)
    }

    pub(super) fn is_output(&self) -> bool {
        is_output(&self.kind)
    }

    /// Whether a model made it: no agent writes such items by itself.
    pub(super) fn is_of_model(&self) -> bool {
        let node = self.item.node();
        match self.kind.as_str() {
            "message" => node.get_string("role").as_deref() == Some("assistant"),
            "tool_search_output" => node.get_string("execution").as_deref() == Some("server"),
            "reasoning" | "compaction" | "compaction_summary" | "context_compaction" => true,
            kind => is_call(kind),
        }
    }

    /// Whether the agent wrote it for context: a developer message, or a user message that holds no words of a user.
    pub(super) fn is_context(&self) -> bool {
        let node = self.item.node();
        self.kind == "message"
            && match node.get_string("role").as_deref() {
                Some("developer" | "system") => true,
                Some("user") => context_tags(node).is_some(),
                _ => false,
            }
    }
}

/// Makes facts of items once for each text.
#[derive(Default)]
pub(super) struct Facts {
    by_text: HashMap<u128, Arc<ItemFacts>>,
}

impl Facts {
    pub(super) fn of(&mut self, item: &Value) -> Arc<ItemFacts> {
        let text = xxh3_128(item.text().as_bytes());
        let entry = self.by_text.entry(text);
        Arc::clone(entry.or_insert_with(|| Arc::new(ItemFacts::new(item.clone()))))
    }
}

/// Where two items differ, `None` when one is the other on its way.
pub(super) fn item_difference(disk: &ItemFacts, wire: &ItemFacts) -> Option<Difference> {
    if is_same_output(disk, wire) {
        return None;
    }
    first_difference(disk.item.node(), wire.item.node(), is_loose)
}

/// Whether the wire has the text that Codex up to 0.125 makes of an output that it keeps as JSON on disk
/// (`{"output", "metadata": {"exit_code", "duration_seconds"}}`).
pub(super) fn is_same_output(disk: &ItemFacts, wire: &ItemFacts) -> bool {
    if !disk.is_structured || disk.kind != wire.kind || disk.call_id != wire.call_id {
        return false;
    }
    let text = |facts: &ItemFacts| Some(facts.item.node().get_string("output")?.into_owned());
    let (Some(disk), Some(wire)) = (text(disk), text(wire)) else {
        return false;
    };
    let Some(structured) = structured_output(&disk) else {
        return false;
    };
    let head = format!(
        "Exit code: {}\nWall time: {} seconds\n",
        structured.exit_code, structured.seconds
    );
    let Some(rest) = wire.strip_prefix(&head) else {
        return false;
    };
    let Some((before, output)) = rest.split_once("Output:\n") else {
        return false;
    };
    (before.is_empty() || before.starts_with("Total output lines: ")) && output == structured.output
}

struct StructuredOutput {
    output: String,
    exit_code: String,
    seconds: String,
}

fn structured_output(text: &str) -> Option<StructuredOutput> {
    if !text.starts_with('{') {
        return None;
    }
    let value = Value::parse(text).ok()?;
    let metadata = value.get("metadata")?;
    let number = |key| Some(metadata.node().get(key)?.text().to_owned());
    let seconds = number("duration_seconds")?;
    Some(StructuredOutput {
        output: value.node().get_string("output")?.into_owned(),
        exit_code: number("exit_code")?,
        seconds: seconds.strip_suffix(".0").unwrap_or(&seconds).to_owned(),
    })
}
