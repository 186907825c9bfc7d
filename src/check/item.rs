//! Items as they compare between server, disk and wire.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_128;

use crate::json::{Kind, Node, Value};
use crate::normalize::embedded_json;
use crate::responses::{call_id, context_tags, is_call, is_output, item_type};

use super::quick::QuickMap;
use super::same::{Difference, first_difference, meaning};

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
        // Where the parts of a text come from is never sent.
        1 => key == "content_item_metadata",
        2 => matches!(key, "annotations" | "logprobs"),
        _ => false,
    }
}

/// An item with what comparing needs to know of it.
#[derive(Debug)]
pub(super) struct ItemFacts {
    pub(super) item: Value,
    /// Its `type`.
    pub(super) kind: Cow<'static, str>,
    pub(super) call_id: Option<String>,
    meaning: OnceLock<u64>,
    delivered_meaning: OnceLock<u64>,
}

impl ItemFacts {
    pub(super) fn new(item: Value) -> Self {
        let node = item.node();
        Self {
            meaning: OnceLock::new(),
            delivered_meaning: OnceLock::new(),
            call_id: call_id(node).map(|id| id.into_owned()),
            kind: kept_type(item_type(node)),
            item,
        }
    }

    /// A hash of what it says, without members that may be dropped on their way.
    pub(super) fn meaning(&self) -> u64 {
        let read = || meaning(self.item.node(), is_loose);
        *self.meaning.get_or_init(read)
    }

    /// A hash of what agents keep of a delivered item: equal for the item in a response and the same item in a request.
    pub(super) fn delivered_meaning(&self) -> u64 {
        let read = || meaning(self.item.node(), is_loose_in_delivery);
        *self.delivered_meaning.get_or_init(read)
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
        match self.kind.as_ref() {
            "message" => node.get_string("role").as_deref() == Some("assistant"),
            "tool_search_output" => node.get_string("execution").as_deref() == Some("server"),
            "reasoning" | "compaction" | "compaction_summary" | "context_compaction" => true,
            kind => is_call(kind),
        }
    }

    /// Whether it is a message with words of a user.
    pub(super) fn is_of_user(&self) -> bool {
        let role = self.item.node().get_string("role");
        self.kind == "message" && role.as_deref() == Some("user") && !self.is_context()
    }

    /// Whether the agent that wrote a rollout keeps such an item of a response: python-codex drops web searches, and ends
    /// the turn where arguments are no object (0.1.13–0.5.1).
    pub(super) fn is_kept_by(&self, is_pycodex: bool) -> bool {
        match self.kind.as_ref() {
            "message" | "reasoning" | "custom_tool_call" => self.is_readable(),
            "function_call" => self.is_readable() && (!is_pycodex || self.has_valid_arguments()),
            "web_search_call" => !is_pycodex,
            _ => false,
        }
    }

    /// Whether an item of a response has what its type asks for. What agents can't read they drop, without a word (Codex
    /// 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
    pub(super) fn is_readable(&self) -> bool {
        let node = self.item.node();
        let has = |keys: &[&str]| keys.iter().all(|key| node.get_string(key).is_some());
        let is_array = |key: &str| {
            node.get(key)
                .is_some_and(|value| value.kind() == Kind::Array)
        };
        match self.kind.as_ref() {
            "message" => has(&["role"]) && is_array("content") && has_known_parts(node),
            "reasoning" => is_array("summary"),
            "function_call" => has(&["name", "arguments", "call_id"]),
            "custom_tool_call" => has(&["name", "input", "call_id"]),
            "tool_search_call" => has(&["execution"]) && node.get("arguments").is_some(),
            _ => true,
        }
    }

    /// Whether the arguments of a function call are JSON; true for everything else.
    pub(super) fn has_valid_arguments(&self) -> bool {
        let arguments = self.item.node().get_string("arguments");
        let is_valid = |text: &str| embedded_json(text).is_some();
        self.kind != "function_call" || arguments.is_none_or(|text| is_valid(&text))
    }

    /// Its id.
    pub(super) fn id(&self) -> Option<Cow<'_, str>> {
        self.item.node().get_string("id")
    }

    /// Whether its id is made of a name (UUID version 5), as Codex 0.153 and later give to developer items that are only
    /// in the prompt.
    pub(super) fn has_name_based_id(&self) -> bool {
        let is_developer = self.item.node().get_string("role").as_deref() == Some("developer");
        let id = self.id().unwrap_or_default();
        let uuid = id.rsplit_once('_').map_or("", |(_, uuid)| uuid);
        let version = uuid.split('-').nth(2).unwrap_or_default();
        is_developer && uuid.len() == 36 && version.starts_with('5')
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

/// Whether the parts of a message are of the types that agents know.
fn has_known_parts(message: Node<'_>) -> bool {
    let parts = message.get("content").into_iter().flat_map(Node::items);
    let mut kinds = parts.map(|part| (part.get_string("type"), part.get_string("text")));
    kinds.all(|(kind, text)| kind.as_deref() == Some("output_text") && text.is_some())
}

/// Makes facts of items once for each text.
#[derive(Default)]
pub(super) struct Facts {
    by_text: QuickMap<u128, Arc<ItemFacts>>,
}

impl Facts {
    pub(super) fn of(&mut self, item: &Value) -> Arc<ItemFacts> {
        let text = xxh3_128(item.text().as_bytes());
        let entry = self.by_text.entry(text);
        Arc::clone(entry.or_insert_with(|| Arc::new(ItemFacts::new(item.clone()))))
    }

    pub(super) fn of_all(&mut self, items: &[Value]) -> Vec<Arc<ItemFacts>> {
        items.iter().map(|item| self.of(item)).collect()
    }
}

/// The types of most items cost no memory.
fn kept_type(kind: Cow<'_, str>) -> Cow<'static, str> {
    const COMMON: [&str; 6] = [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
    ];
    match COMMON.iter().find(|common| **common == kind) {
        Some(common) => Cow::Borrowed(common),
        None => Cow::Owned(kind.into_owned()),
    }
}

/// Where two items differ; `None` when the wire has what should come of the one on disk.
pub(super) fn item_difference(disk: &ItemFacts, wire: &ItemFacts) -> Option<Difference> {
    if is_output_on_its_way(disk, wire) {
        return None;
    }
    first_difference(disk.item.node(), wire.item.node(), is_loose)
}

/// Where the item on disk differs from the one that was delivered; `None` when it holds all of that which agents keep.
pub(super) fn delivery_difference(disk: &ItemFacts, delivered: &ItemFacts) -> Option<Difference> {
    first_difference(
        disk.item.node(),
        delivered.item.node(),
        is_loose_in_delivery,
    )
}

/// Where an item of a request differs from the same item in an earlier request.
pub(super) fn resent_difference(before: &ItemFacts, now: &ItemFacts) -> Option<Difference> {
    first_difference(before.item.node(), now.item.node(), is_loose)
}

/// Whether a member of a delivered item counts only where it is on disk too: agents read items into types of their own
/// and write what these know, with ids of their own where there is none.
fn is_loose_in_delivery(depth: usize, key: &str) -> bool {
    match depth {
        0 => !matches!(
            key,
            "type"
                | "role"
                | "content"
                | "name"
                | "namespace"
                | "arguments"
                | "call_id"
                | "input"
                | "summary"
                | "encrypted_content"
                | "action"
                | "execution"
        ),
        2 => !matches!(key, "type" | "text"),
        _ => false,
    }
}

/// Whether the wire has the form in which Codex sends an output that stands otherwise on disk.
pub(super) fn is_output_on_its_way(disk: &ItemFacts, wire: &ItemFacts) -> bool {
    if !disk.is_output() || disk.kind != wire.kind || disk.call_id != wire.call_id {
        return false;
    }
    let text = |facts: &ItemFacts| Some(facts.item.node().get_string("output")?.into_owned());
    let (Some(disk), Some(wire)) = (text(disk), text(wire)) else {
        return false;
    };
    is_text_of_structured(&disk, &wire) || is_cut(&disk, &wire)
}

/// Whether a text is what Codex keeps of a longer one: its beginning, a note of how much is gone, its end.
fn is_cut(whole: &str, cut: &str) -> bool {
    const NOTES: [&str; 2] = [" tokens truncated…", " chars truncated…"];
    let note = NOTES.iter().find_map(|note| Some((cut.find(note)?, note)));
    let Some((at, note)) = note.filter(|_| cut.len() < whole.len()) else {
        return false;
    };
    let (before, end) = (&cut[..at], &cut[at + note.len()..]);
    let Some((start, count)) = before.rsplit_once('…') else {
        return false;
    };
    // Codex puts the number of lines before the beginning.
    let start = match start.strip_prefix("Total output lines: ") {
        Some(rest) => rest.split_once("\n\n").map_or(start, |(_, start)| start),
        None => start,
    };
    count.bytes().all(|b| b.is_ascii_digit()) && whole.starts_with(start) && whole.ends_with(end)
}

/// Whether the wire has the text that Codex up to 0.125 makes of an output that it keeps as JSON on disk
/// (`{"output", "metadata": {"exit_code", "duration_seconds"}}`).
fn is_text_of_structured(disk: &str, wire: &str) -> bool {
    let Some(structured) = structured_output(disk) else {
        return false;
    };
    let head = format!(
        "Exit code: {}\nWall time: {} seconds\n",
        structured.exit_code, structured.seconds
    );
    let Some((before, output)) = wire
        .strip_prefix(&head)
        .and_then(|rest| rest.split_once("Output:\n"))
    else {
        return false;
    };
    let is_head = before.is_empty() || before.starts_with("Total output lines: ");
    is_head && (output == structured.output || is_cut(&structured.output, output))
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
