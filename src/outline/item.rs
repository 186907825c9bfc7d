//! What an item of `input` or of a response's output tells.

use crate::json::{Kind, Node};
use crate::responses::{call_id, context_tag, is_call, is_output, item_type, message_text};

use super::model::{Call, Kept, Output, Position, What};
use super::text::Texts;
use super::tool_output::output_head;

/// How the summary of a local compaction begins (codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
const SUMMARY: &str = "Another language model started to solve this problem";

/// What an item is to a session.
pub(super) enum Item {
    /// It stands for itself.
    Alone(What),
    /// It asks for a tool.
    Call(Box<Call>),
    /// It answers a call.
    Output(Box<Output>),
}

/// Reads an item that stands at `at`.
pub(super) fn read_item(item: Node<'_>, at: &Position, texts: &mut Texts) -> Item {
    let kind = item_type(item).into_owned();
    if is_output(&kind) {
        return Item::Output(Box::new(read_output(item, at.clone(), texts)));
    }
    if is_call(&kind) {
        return Item::Call(Box::new(read_call(item, kind, texts)));
    }
    Item::Alone(match kind.as_str() {
        "message" => read_message(item, texts),
        "reasoning" => read_reasoning(item, texts),
        "agent_message" => read_agent_message(item, texts),
        "additional_tools" => What::Context {
            role: owned(item, "role").unwrap_or_else(|| "developer".to_owned()),
            tags: vec!["tools".to_owned()],
            text: texts.make(&tool_names(item)),
        },
        "compaction" | "compaction_summary" | "context_compaction" => What::Context {
            role: "compaction".to_owned(),
            tags: vec!["encrypted summary".to_owned()],
            text: texts.make(&owned(item, "encrypted_content").unwrap_or_default()),
        },
        "compaction_trigger" => What::Context {
            role: "compaction".to_owned(),
            tags: vec!["trigger".to_owned()],
            text: texts.make(""),
        },
        "ghost_snapshot" => What::Event {
            name: "snapshot".to_owned(),
            text: texts.make(item.get("ghost_commit").map_or("", |commit| commit.text())),
        },
        _ => What::Unknown {
            what: "item",
            name: kind,
            raw: texts.make(item.text()),
        },
    })
}

fn owned(item: Node<'_>, key: &str) -> Option<String> {
    item.get_string(key).map(|text| text.into_owned())
}

fn read_message(item: Node<'_>, texts: &mut Texts) -> What {
    let role = owned(item, "role").unwrap_or_default();
    let text = texts.make(&shown_content(item));
    match role.as_str() {
        "assistant" => What::Assistant {
            phase: owned(item, "phase"),
            text,
        },
        "user" => match context_of(item) {
            None => What::User { text },
            Some(tags) => What::Context { role, tags, text },
        },
        _ => What::Context {
            tags: tags_of(item),
            role,
            text,
        },
    }
}

/// The texts of a message, and words for parts that are no text.
fn shown_content(item: Node<'_>) -> String {
    let Some(content) = item.get("content") else {
        return String::new();
    };
    if content.kind() != Kind::Array {
        return message_text(item);
    }
    let parts: Vec<String> = content.items().map(shown_part).collect();
    parts.join("\n")
}

/// The text of a content part, or a word for what it is.
fn shown_part(part: Node<'_>) -> String {
    if let Some(text) = part.get_string("text") {
        return text.into_owned();
    }
    let kind = part.get_string("type").unwrap_or_default();
    match kind.as_ref() {
        "input_image" | "image" => {
            let url = part.get_string("image_url").unwrap_or_default();
            let about = url.split([';', ',']).next().unwrap_or_default();
            let about = about.strip_prefix("data:").unwrap_or(about);
            format!("[image {about}, {} characters]", url.len())
        }
        "encrypted_content" => "[encrypted]".to_owned(),
        _ => part.text().to_owned(),
    }
}

/// The tags of the parts of a message that the agent put before the user's; `None` for a message of the user.
pub(super) fn context_of(item: Node<'_>) -> Option<Vec<String>> {
    match provenance(item) {
        Some(true) => return None,
        Some(false) => return Some(tags_of(item)),
        None => {}
    }
    let content = item.get("content")?;
    let mut tags = Vec::new();
    for text in content.items().map(|part| part.get_string("text")) {
        tags.push(context_name(&text?)?);
    }
    (!tags.is_empty()).then_some(tags)
}

/// Whether a message says itself that the user wrote a part of it (codex 0.169.0); `None` for one that does not say.
fn provenance(item: Node<'_>) -> Option<bool> {
    let kinds = item
        .get("internal_chat_message_metadata_passthrough")?
        .get("content_item_kinds")?;
    let kinds: Vec<_> = kinds.items().filter_map(Node::string).collect();
    if kinds.iter().all(|kind| kind == "unknown") {
        return None;
    }
    Some(kinds.iter().any(|kind| kind.starts_with("user.")))
}

/// What a part that the agent put before the user's is called: its tag, if the tag is closed at its end, `AGENTS.md`,
/// `summary`. Markup that a user wrote about is seldom so.
fn context_name(text: &str) -> Option<String> {
    if text.starts_with(SUMMARY) {
        return Some("summary".to_owned());
    }
    let tag = context_tag(text)?;
    let name = tag.trim_matches(['<', '>']);
    let is_closed = || {
        let end = text.trim_end();
        end.strip_suffix('>')
            .and_then(|end| end.strip_suffix(name))
            .is_some_and(|end| end.ends_with("</"))
    };
    (!tag.starts_with('<') || is_closed()).then(|| name.to_owned())
}

fn tags_of(item: Node<'_>) -> Vec<String> {
    let Some(content) = item.get("content") else {
        return Vec::new();
    };
    let texts = content.items().filter_map(|part| part.get_string("text"));
    texts
        .filter_map(|text| context_tag(&text).map(|tag| tag.trim_matches(['<', '>']).to_owned()))
        .collect()
}

fn read_reasoning(item: Node<'_>, texts: &mut Texts) -> What {
    let joined = |key: &str| {
        let parts = item.get(key).map(|list| list.items());
        let parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .filter_map(|part| part.get_string("text"))
            .collect();
        parts.join("\n")
    };
    let summary = joined("summary");
    let text = if summary.is_empty() { joined("content") } else { summary };
    What::Reasoning {
        text: texts.make(&text),
        is_encrypted: item
            .get("encrypted_content")
            .is_some_and(|content| content.kind() == Kind::String),
    }
}

fn read_agent_message(item: Node<'_>, texts: &mut Texts) -> What {
    let name = |key: &str| item.get_string(key).unwrap_or_default();
    let text = format!(
        "{} to {}: {}",
        name("author"),
        name("recipient"),
        shown_content(item)
    );
    What::Event {
        name: "message".to_owned(),
        text: texts.make(&text),
    }
}

/// Names of the tools in an item, those of namespaces behind them.
fn tool_names(item: Node<'_>) -> String {
    let Some(tools) = item.get("tools") else {
        return String::new();
    };
    let name = |tool: Node<'_>| {
        let name = tool.get_string("name").or_else(|| tool.get_string("type"));
        let inner: Vec<_> = tool
            .get("tools")
            .map(|tools| tools.items().filter_map(|t| t.get_string("name")).collect())
            .unwrap_or_default();
        let name = name.unwrap_or_default();
        if inner.is_empty() {
            name.into_owned()
        } else {
            format!("{name} ({})", inner.join(", "))
        }
    };
    let names: Vec<String> = tools.items().map(name).collect();
    names.join(", ")
}

fn read_call(item: Node<'_>, item_type: String, texts: &mut Texts) -> Call {
    let name = owned(item, "name");
    let short = item_type.trim_end_matches("_call").to_owned();
    Call {
        call_id: call_id(item).map(|id| id.into_owned()),
        name: name.unwrap_or(short),
        namespace: owned(item, "namespace"),
        arguments: texts.make(&call_arguments(item)),
        duration_ms: None,
        exit_code: None,
        status: owned(item, "status").filter(|status| status != "completed"),
        expects_output: expects_output(&item_type, item),
        output: None,
        item_type,
    }
}

/// Whether the agent carries the call out; the API itself searches the web and makes images.
fn expects_output(item_type: &str, item: Node<'_>) -> bool {
    match item_type {
        "web_search_call" | "image_generation_call" => false,
        "tool_search_call" => item
            .get_string("execution")
            .is_none_or(|execution| execution != "server"),
        _ => true,
    }
}

/// What a call asks, as sent: a string's content, or the text of another value.
fn call_arguments(item: Node<'_>) -> String {
    let keys = ["arguments", "input", "action", "revised_prompt"];
    let value = keys.iter().find_map(|key| item.get(key));
    value.map_or_else(String::new, |value| match value.string() {
        Some(text) => text.into_owned(),
        None => value.text().to_owned(),
    })
}

fn read_output(item: Node<'_>, at: Position, texts: &mut Texts) -> Output {
    let text = shown_output(item);
    let head = output_head(&text);
    Output {
        at,
        call_id: call_id(item).map(|id| id.into_owned()),
        text: texts.make_behind(&text, head.length),
        is_synthesised: false,
    }
}

/// The text of an output, and words for parts that are no text.
fn shown_output(item: Node<'_>) -> String {
    let Some(output) = item.get("output") else {
        return tool_names(item);
    };
    match output.kind() {
        Kind::Array => {
            let parts: Vec<String> = output.items().map(shown_part).collect();
            parts.join("\n")
        }
        // Very old versions sent an object with the text under `content`.
        Kind::Object => owned(output, "content").unwrap_or_else(|| output.text().to_owned()),
        _ => output.string().map_or_else(|| output.text().to_owned(), |text| text.into_owned()),
    }
}

/// An item of a history in a few words.
pub(super) fn kept(item: Node<'_>, is_old: bool, texts: &mut Texts) -> Kept {
    let (what, text) = in_short(item, texts);
    Kept { what, is_old, text }
}

/// What an item is, in a word or two, and what it says.
pub(super) fn in_short(item: Node<'_>, texts: &mut Texts) -> (String, super::text::Text) {
    match read_item(item, &Position::Pointer(String::new()), texts) {
        Item::Call(call) => (call.name, call.arguments),
        Item::Output(output) => ("output".to_owned(), output.text),
        Item::Alone(what) => match what {
            What::User { text } => ("user".to_owned(), text),
            What::Assistant { text, .. } => ("assistant".to_owned(), text),
            What::Context { role, tags, text } if tags.is_empty() => (role, text),
            What::Context { tags, text, .. } => (tags.join(", "), text),
            What::Reasoning { text, .. } => ("reasoning".to_owned(), text),
            What::Event { name, text } => (name, text),
            What::Unknown { name, raw, .. } => (name, raw),
            _ => (item_type(item).into_owned(), texts.make(item.text())),
        },
    }
}
