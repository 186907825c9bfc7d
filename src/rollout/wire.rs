//! How the items of a history are sent.

use std::collections::HashSet;

use crate::json::{Kind, Raw};

use super::load::{ItemText, quoted};
use super::rules::Rules;
use super::shell_output::shell_outputs_as_text;
use super::synthetic::{aborted_output, output_type};

/// One item of a request's `input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireItem {
    /// The item as it is sent, as JSON.
    pub text: String,
    /// Where it comes from.
    pub source: WireSource,
}

/// Where an item of a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireSource {
    /// The item of the history with this number.
    Item(usize),
    /// Made up for the call with this number, of which there is no output: `aborted`. It never gets to disk.
    MissingOutput(usize),
}

/// Makes the items of a history ready for a request by the rules of the agent that sends it.
///
/// Calls without output get one that says `aborted`, right behind them; outputs without a call are left out; fields that
/// the version does not send are dropped. Everything else stays as it is written, number texts and order of members
/// included. Seen with Codex 0.115.0–0.169.0.
pub fn wire_items(history: &[ItemText], rules: &Rules) -> Vec<WireItem> {
    let pairs = Pairs::of(history);
    let mut items = Vec::with_capacity(history.len());
    for (at, item) in history.iter().enumerate() {
        let raw = Raw::new(&item.text);
        let kind = kind_of(raw);
        if pairs.is_orphan(raw, &kind) {
            continue;
        }
        items.push(WireItem {
            text: sent(raw, &kind, rules),
            source: WireSource::Item(at),
        });
        if let Some(output) = pairs.missing_output(raw, &kind, rules) {
            items.push(WireItem {
                text: output,
                source: WireSource::MissingOutput(at),
            });
        }
    }
    if rules.sends_shell_output_as_text {
        shell_outputs_as_text(&mut items);
    }
    items
}

/// The items without the oldest ones, as Codex repeats a local compaction that was too long for the model: one item less
/// each time, with its output or call.
///
/// Seen with 0.115.0–0.169.0 after `context_length_exceeded` in answer to a compaction request.
pub fn without_oldest(mut items: Vec<WireItem>, count: usize) -> Vec<WireItem> {
    for _ in 0..count {
        if items.is_empty() {
            break;
        }
        let oldest = items.remove(0);
        let oldest = Raw::new(&oldest.text);
        let kind = kind_of(oldest);
        let Some(call_id) = oldest.get_string("call_id") else {
            continue;
        };
        let partner = items.iter().position(|item| {
            let item = Raw::new(&item.text);
            let other = kind_of(item);
            let is_pair = output_type(&kind) == Some(other.as_str())
                || output_type(&other) == Some(kind.as_str());
            is_pair && item.get_string("call_id").as_ref() == Some(&call_id)
        });
        if let Some(at) = partner {
            items.remove(at);
        }
    }
    items
}

/// The `type` of an item; a message may do without.
pub(super) fn kind_of(item: Raw<'_>) -> String {
    let kind = item.get_string("type");
    kind.map_or_else(|| "message".to_owned(), |kind| kind.into_owned())
}

/// Which calls have outputs and which outputs have calls, by the type of the output and `call_id`.
struct Pairs {
    calls: HashSet<(&'static str, String)>,
    outputs: HashSet<(String, String)>,
}

impl Pairs {
    fn of(history: &[ItemText]) -> Self {
        let mut new = Self {
            calls: HashSet::new(),
            outputs: HashSet::new(),
        };
        for item in history {
            let item = Raw::new(&item.text);
            let Some(call_id) = item.get_string("call_id") else {
                continue;
            };
            let call_id = call_id.into_owned();
            let kind = kind_of(item);
            match output_type(&kind) {
                Some(output) => new.calls.insert((output, call_id)),
                None => new.outputs.insert((kind, call_id)),
            };
        }
        new
    }

    /// Whether it is an output whose call is not in the history. Tool searches that the server ran have none.
    fn is_orphan(&self, item: Raw<'_>, kind: &str) -> bool {
        let of = ["function_call", "custom_tool_call", "tool_search_call"]
            .iter()
            .filter_map(|call| output_type(call));
        let Some(output) = of.into_iter().find(|output| *output == kind) else {
            return false;
        };
        let is_server = item.get_string("execution").as_deref() == Some("server");
        let Some(call_id) = item.get_string("call_id").filter(|_| !is_server) else {
            return false;
        };
        !self.calls.contains(&(output, call_id.into_owned()))
    }

    fn missing_output(&self, item: Raw<'_>, kind: &str, rules: &Rules) -> Option<String> {
        let output = output_type(kind)?;
        let call_id = item.get_string("call_id")?;
        let wanted = (output.to_owned(), call_id.into_owned());
        if self.outputs.contains(&wanted) {
            return None;
        }
        let id = item.get_string("id").filter(|_| rules.sends_ids);
        Some(aborted_output(kind, output, &wanted.1, id.as_deref()))
    }
}

/// The item without what the version does not send.
fn sent(item: Raw<'_>, kind: &str, rules: &Rules) -> String {
    let is_dropped = |key: &str| match key {
        "id" => !rules.sends_ids,
        "status" => !rules.sends_server_fields && matches!(kind, "message" | "function_call"),
        "internal_chat_message_metadata_passthrough" => !rules.sends_passthrough,
        _ => false,
    };
    let rewritten = |key: &str, value: Raw<'_>| match key {
        "content" if kind == "message" && !rules.sends_server_fields => {
            Some(without_parts_extras(value))
        }
        "internal_chat_message_metadata_passthrough" => {
            Some(filtered(value, |key| key == "content_item_metadata"))
        }
        _ => None,
    };
    let has_change = item
        .members()
        .any(|(key, value)| is_dropped(&key) || rewritten(&key, value).is_some());
    if !has_change {
        return item.text().to_owned();
    }
    let members = item
        .members()
        .filter(|(key, _)| !is_dropped(key))
        .map(|(key, value)| {
            let new = rewritten(&key, value);
            let text = new.as_deref().unwrap_or_else(|| value.text());
            format!("{}:{text}", quoted(&key))
        });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The parts of a message without what the server adds to its texts.
fn without_parts_extras(content: Raw<'_>) -> String {
    if content.kind() != Kind::Array {
        return content.text().to_owned();
    }
    let parts = content.items().map(|part| {
        let is_output = part.get_string("type").as_deref() == Some("output_text");
        filtered(part, |key| {
            is_output && matches!(key, "annotations" | "logprobs")
        })
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(","))
}

fn filtered(object: Raw<'_>, is_dropped: impl Fn(&str) -> bool) -> String {
    if !object.members().any(|(key, _)| is_dropped(&key)) {
        return object.text().to_owned();
    }
    let members = object
        .members()
        .filter(|(key, _)| !is_dropped(key))
        .map(|(key, value)| format!("{}:{}", quoted(&key), value.text()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
