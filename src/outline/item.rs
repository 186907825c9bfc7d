//! What an item of `input` or of a response's output tells.

use std::borrow::Cow;

use crate::json::{Kind, Raw};
use crate::responses::{context_tag, is_call, is_output};
use crate::rollout::is_user_turn;

use super::model::{Call, Kept, Output, Position, What};
use super::text::{Joined, Text, Texts};
use super::tool_output::split_output;

/// How the summary of a local compaction begins (codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
pub(super) const SUMMARY: &str = "Another language model started to solve this problem";

/// How the prompt of a local compaction begins (codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
const COMPACTION_PROMPT: &str = "You are performing a CONTEXT CHECKPOINT COMPACTION";

/// Bytes of a text that are looked at to tell what it is.
const HEAD: usize = 256;

/// What an item is to a session.
pub(super) enum Item {
    /// It stands for itself.
    Alone(What),
    /// It asks for a tool.
    Call(Box<Call>),
    /// It answers a call.
    Output(Box<Output>),
}

/// The type of an item; one without that has a role is a message.
pub(super) fn type_of(item: Raw<'_>) -> Cow<'_, str> {
    match item.get_string("type") {
        Some(kind) => kind,
        None if item.get("role").is_some() => Cow::Borrowed("message"),
        None => Cow::Borrowed(""),
    }
}

/// Reads an item that stands at `at`.
pub(super) fn read_item(item: Raw<'_>, at: &Position, texts: &mut Texts) -> Item {
    let kind = type_of(item);
    if is_output(&kind) {
        return Item::Output(Box::new(read_output(item, at.clone(), texts)));
    }
    if is_call(&kind) && asks_something(item) {
        return Item::Call(Box::new(read_call(item, &kind, texts)));
    }
    Item::Alone(match kind.as_ref() {
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
            text: member(item, "encrypted_content", texts),
        },
        "compaction_trigger" => What::Context {
            role: "compaction".to_owned(),
            tags: vec!["trigger".to_owned()],
            text: Text::default(),
        },
        "ghost_snapshot" => What::Event {
            name: "snapshot".to_owned(),
            text: member(item, "ghost_commit", texts),
        },
        _ => What::Unknown {
            what: "item",
            name: kind.into_owned(),
            raw: texts.make(item.text()),
        },
    })
}

/// Whether a call has what tools are asked by. What only looks like a call by its type's name is not known.
fn asks_something(item: Raw<'_>) -> bool {
    let is_asked = |key: &str| {
        matches!(
            key,
            "arguments" | "input" | "action" | "revised_prompt" | "result" | "queries" | "code"
        )
    };
    item.members().any(|(key, _)| is_asked(&key))
}

pub(super) fn owned(item: Raw<'_>, key: &str) -> Option<String> {
    item.get_string(key).map(Cow::into_owned)
}

/// The text of a member; empty where there is none.
pub(super) fn member(item: Raw<'_>, key: &str, texts: &mut Texts) -> Text {
    item.get(key)
        .filter(|value| !value.is_null())
        .map_or_else(Text::default, |value| texts.make_raw(value))
}

fn read_message(item: Raw<'_>, texts: &mut Texts) -> What {
    let (mut role, mut phase) = (String::new(), None);
    let mut joined = texts.joined();
    for (key, value) in item.members() {
        match key.as_ref() {
            "role" => role = string(value).unwrap_or_default(),
            "phase" => phase = string(value),
            "content" => add_content(value, &mut joined),
            _ => {}
        }
    }
    if role == "assistant" {
        let text = texts.finish(joined);
        return What::Assistant { phase, text };
    }
    let known = of_compaction(&joined.text);
    if role == "user" && known.is_none() && is_user_turn(item) {
        return What::User {
            text: texts.finish(joined),
        };
    }
    What::Context {
        tags: known.map_or_else(|| tags_of(item), |name| vec![name.to_owned()]),
        role,
        text: texts.finish(joined),
    }
}

fn string(value: Raw<'_>) -> Option<String> {
    value.string().map(Cow::into_owned)
}

/// What a message is to a compaction, by how it begins.
fn of_compaction(text: &str) -> Option<&'static str> {
    let known = [
        (SUMMARY, "summary"),
        (COMPACTION_PROMPT, "compaction prompt"),
    ];
    let found = known.iter().find(|(start, _)| text.starts_with(start));
    found.map(|(_, name)| *name)
}

/// Whether an item is a message that the user wrote.
pub(super) fn is_user(item: Raw<'_>) -> bool {
    is_user_turn(item) && of_compaction(&beginning(item)).is_none()
}

/// Whether an item is what a compaction made of the history.
pub(super) fn is_summary(item: Raw<'_>) -> bool {
    match type_of(item).as_ref() {
        "compaction" | "compaction_summary" | "context_compaction" => true,
        "message" => of_compaction(&beginning(item)) == Some("summary"),
        _ => false,
    }
}

/// The beginning of a message's text.
fn beginning(item: Raw<'_>) -> Cow<'_, str> {
    let first = item
        .get("content")
        .and_then(|content| content.items().next());
    let start = first.and_then(|part| part.get("text")?.string_start(HEAD));
    start.unwrap_or_default().0
}

/// Whether an item tells the model that the user interrupted the turn before.
pub(super) fn is_abort_notice(item: Raw<'_>) -> bool {
    tags_of(item).iter().any(|tag| tag == "turn_aborted")
}

/// Adds the texts of a message's or an output's content, and words for parts that are no text.
fn add_content(content: Raw<'_>, joined: &mut Joined) {
    match content.kind() {
        Kind::Array => content.items().for_each(|part| add_part(part, joined)),
        // Very old versions sent a failed output as an object with the text under `content`.
        Kind::Object => joined.add(content.get("content").unwrap_or(content)),
        Kind::Null => {}
        _ => joined.add(content),
    }
}

/// Adds the text of a content part, or a word for what it is.
fn add_part(part: Raw<'_>, joined: &mut Joined) {
    if let Some(text) = part.get("text") {
        return joined.add(text);
    }
    let kind = part.get_string("type").unwrap_or_default();
    match kind.as_ref() {
        "input_image" | "image" => {
            let url = part.get("image_url");
            let start = url.and_then(|url| url.string_start(HEAD));
            let (start, _) = start.unwrap_or_default();
            let about = start.strip_prefix("data:").unwrap_or(&start);
            let about = about.split([';', ',']).next().unwrap_or_default();
            let length = url.map_or(0, |url| url.text().len().saturating_sub(2));
            joined.add_words(&format!("[image {about}, {length} characters]"));
        }
        "encrypted_content" => joined.add_words("[encrypted]"),
        _ => joined.add(part),
    }
}

/// The names of a context message's parts: tags, `AGENTS.md`.
fn tags_of(item: Raw<'_>) -> Vec<String> {
    let Some(content) = item.get("content") else {
        return Vec::new();
    };
    let tag = |part: Raw<'_>| {
        let (start, _) = part.get("text")?.string_start(HEAD)?;
        context_tag(&start).map(|tag| tag.trim_matches(['<', '>']).to_owned())
    };
    content.items().filter_map(tag).collect()
}

fn read_reasoning(item: Raw<'_>, texts: &mut Texts) -> What {
    let (mut summary, mut content) = (texts.joined(), texts.joined());
    let mut is_encrypted = false;
    for (key, value) in item.members() {
        match key.as_ref() {
            "summary" => add_content(value, &mut summary),
            "content" => add_content(value, &mut content),
            "encrypted_content" => is_encrypted = value.kind() == Kind::String,
            _ => {}
        }
    }
    let text = if summary.text.is_empty() {
        content
    } else {
        summary
    };
    What::Reasoning {
        text: texts.finish(text),
        is_encrypted,
    }
}

fn read_agent_message(item: Raw<'_>, texts: &mut Texts) -> What {
    let name = |key: &str| item.get_string(key).unwrap_or_default();
    let mut joined = texts.joined();
    joined.add_words(&format!("{} to {}:", name("author"), name("recipient")));
    if let Some(content) = item.get("content") {
        add_content(content, &mut joined);
    }
    What::Event {
        name: "message".to_owned(),
        text: texts.finish(joined),
    }
}

/// Names of the tools in an item, those of namespaces behind them.
fn tool_names(item: Raw<'_>) -> String {
    let Some(tools) = item.get("tools") else {
        return String::new();
    };
    let name = |tool: Raw<'_>| {
        let name = tool.get_string("name").or_else(|| tool.get_string("type"));
        let name = name.unwrap_or_default();
        let inner: Vec<_> = tool
            .get("tools")
            .map(|tools| tools.items().filter_map(|t| t.get_string("name")).collect())
            .unwrap_or_default();
        if inner.is_empty() {
            name.into_owned()
        } else {
            format!("{name} ({})", inner.join(", "))
        }
    };
    let names: Vec<String> = tools.items().map(name).collect();
    names.join(", ")
}

fn read_call(item: Raw<'_>, item_type: &str, texts: &mut Texts) -> Call {
    let mut call = Call {
        name: item_type.trim_end_matches("_call").to_owned(),
        expects_output: !matches!(item_type, "web_search_call" | "image_generation_call"),
        item_type: item_type.to_owned(),
        ..Call::default()
    };
    for (key, value) in item.members() {
        match key.as_ref() {
            "call_id" => call.call_id = string(value),
            "name" => call.name = string(value).unwrap_or_default(),
            "namespace" => call.namespace = string(value),
            "status" => call.status = string(value).filter(|status| status != "completed"),
            // The API itself carries out what it executes.
            "execution" => call.expects_output = string(value).as_deref() != Some("server"),
            "arguments" | "input" | "action" | "revised_prompt" | "queries" | "code" => {
                call.arguments = texts.make_raw(value);
            }
            _ => {}
        }
    }
    call
}

fn read_output(item: Raw<'_>, at: Position, texts: &mut Texts) -> Output {
    let (mut call_id, mut output) = (None, None);
    for (key, value) in item.members() {
        match key.as_ref() {
            "call_id" => call_id = string(value),
            "output" => output = Some(value),
            _ => {}
        }
        // An output may be long; nothing behind it is needed.
        if call_id.is_some() && output.is_some() {
            break;
        }
    }
    let mut joined = texts.joined();
    match output {
        Some(output) => add_content(output, &mut joined),
        None => joined.add_words(&tool_names(item)),
    }
    let end = || output.map_or("", Raw::text);
    let (facts, body) = split_output(&joined.text, end);
    let text = match texts.is_full() {
        true => texts.finish(joined),
        false => texts.finish_part(&body, &joined),
    };
    Output {
        at,
        call_id,
        exit_code: facts.exit_code,
        wall_ms: facts.wall_ms,
        session: facts.session,
        text,
    }
}

/// An item of a history in a few words.
pub(super) fn kept(item: Raw<'_>, is_old: bool, texts: &mut Texts) -> Kept {
    let (what, text) = in_short(item, texts);
    Kept { what, is_old, text }
}

/// What an item is, in a word or two, and what it says.
pub(super) fn in_short(item: Raw<'_>, texts: &mut Texts) -> (String, Text) {
    let read = read_item(item, &Position::Pointer(String::new()), texts);
    in_short_of(item, read, texts)
}

/// As [`in_short`], of an item that was read.
pub(super) fn in_short_of(item: Raw<'_>, read: Item, texts: &mut Texts) -> (String, Text) {
    match read {
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
            _ => (type_of(item).into_owned(), texts.make(item.text())),
        },
    }
}
