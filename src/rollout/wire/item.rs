//! How the items of a history are sent.

use std::collections::HashSet;

use uuid::Uuid;

use crate::json::Raw;
use crate::responses::is_output;

use super::members::as_sent;
use super::shell_output::shell_outputs_as_text;
use super::synthetic::{aborted_output, output_type};
use crate::rollout::history::ItemText;
use crate::rollout::rules::Rules;

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
/// Calls without output get one that says `aborted`, right behind them; outputs without a call are left out, and items
/// and members that the version does not know. Outputs that come twice or before their call stay as they are. Values keep
/// their text and members their order. Seen with Codex 0.115.0–0.169.0.
///
/// Not predicted: 0.142 and later replace pictures that can't be decoded by a text, and 0.145 and later audio that the
/// model does not take, before which they drop the message. 0.151 and later add kinds of parts to the metadata of messages
/// that have none, for a provider named `OpenAI`.
pub fn wire_items(history: &[ItemText], rules: &Rules) -> Vec<WireItem> {
    let pairs = Pairs::of(history);
    let mut items = Vec::with_capacity(history.len());
    for (at, item) in history.iter().enumerate() {
        let raw = Raw::new(&item.text);
        let kind = kind_of(raw);
        if pairs.is_orphan(raw, &kind) {
            continue;
        }
        let Some(text) = as_sent(raw, &kind, rules) else {
            continue;
        };
        items.push(WireItem {
            text,
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

/// One item as a version sends it, by itself; `None` when it does not know the type.
pub fn wire_item(item: &str, rules: &Rules) -> Option<String> {
    let item = Raw::new(item);
    as_sent(item, &kind_of(item), rules)
}

/// Whether a leading item of a request is made for the request and never on disk: base instructions, and the tools of
/// models with the "lite" request shape.
///
/// Their ids hold a UUID of version 5, which is the same through the thread (0.153.4: lite models; since 0.162.0: all
/// others, the instructions alone). Its namespace and name are not known.
pub fn is_prompt_only(item: Raw<'_>) -> bool {
    let id = item.get_string("id").unwrap_or_default();
    let uuid = id
        .strip_prefix("msg_")
        .or_else(|| id.strip_prefix("at_"))
        .and_then(|id| Uuid::parse_str(id).ok());
    item.get_string("role").as_deref() == Some("developer")
        && uuid.is_some_and(|uuid| uuid.get_version_num() == 5)
}

/// The items without the oldest ones, as Codex repeats a local compaction that was too long for the model: one item less
/// each time, with its output or call.
///
/// Seen with 0.115.0–0.169.0 after `context_length_exceeded` in answer to a compaction request.
pub fn without_oldest(mut items: Vec<WireItem>, count: usize) -> Vec<WireItem> {
    for _ in 0..count.min(items.len()) {
        if !items.is_empty() {
            remove_with_partner(&mut items, 0);
        }
    }
    items
}

/// The items without the oldest outputs and their calls, as pycodex repeats a compaction that was too long for the model:
/// one pair less each time.
///
/// Seen with 0.1.13 and 0.5.1.
pub fn without_oldest_outputs(mut items: Vec<WireItem>, count: usize) -> Vec<WireItem> {
    for _ in 0..count {
        let is_output = |item: &WireItem| is_output(&kind_of(Raw::new(&item.text)));
        let Some(oldest) = items.iter().position(is_output) else {
            break;
        };
        remove_with_partner(&mut items, oldest);
    }
    items
}

/// Takes out an item and the output or call that belongs to it.
fn remove_with_partner(items: &mut Vec<WireItem>, at: usize) {
    let removed = items.remove(at);
    let removed = Raw::new(&removed.text);
    let kind = kind_of(removed);
    let Some(call_id) = removed.get_string("call_id") else {
        return;
    };
    let partner = items.iter().position(|item| {
        let item = Raw::new(&item.text);
        let other = kind_of(item);
        let is_pair = output_type(&kind) == Some(other.as_str())
            || output_type(&other) == Some(kind.as_str());
        is_pair && item.get_string("call_id").as_ref() == Some(&call_id)
    });
    if let Some(partner) = partner {
        items.remove(partner);
    }
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
