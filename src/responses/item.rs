//! Items of `input` and of a response's output.

use std::borrow::Cow;

use crate::json::{Kind, Node};

/// Reads the `type` of an item; an item without one that has a `role` is a message (the API allows it).
pub fn item_type(item: Node<'_>) -> Cow<'_, str> {
    match item.get_string("type") {
        Some(kind) => kind,
        None if item.get("role").is_some() => Cow::Borrowed("message"),
        None => Cow::Borrowed(""),
    }
}

/// Reads the `call_id` of a call or of its output.
pub fn call_id(item: Node<'_>) -> Option<Cow<'_, str>> {
    item.get_string("call_id")
}

/// Tells whether an item of this type asks for a tool.
pub fn is_call(kind: &str) -> bool {
    kind.ends_with("_call")
}

/// Tells whether an item of this type holds what a tool answered.
pub fn is_output(kind: &str) -> bool {
    kind.ends_with("_call_output") || kind == "tool_search_output"
}

/// Joins the texts of a message's content parts by newlines.
pub fn message_text(item: Node<'_>) -> String {
    item.get("content").map_or_else(String::new, joined_text)
}

/// Reads the text of a call's output: the string, or the texts of its parts joined by newlines.
pub fn output_text(item: Node<'_>) -> String {
    item.get("output").map_or_else(String::new, joined_text)
}

fn joined_text(content: Node<'_>) -> String {
    if content.kind() == Kind::String {
        return content.string().unwrap_or_default().into_owned();
    }
    let texts: Vec<_> = content
        .items()
        .filter_map(|part| part.get_string("text"))
        .collect();
    texts.join("\n")
}

/// What a text that an agent puts before the user's is, by how it begins: `<skills_instructions>`, `<permissions
/// instructions>`, `AGENTS.md`; `None` for a text that is not marked so.
///
/// Tags as sent by codex 0.115.0–0.169.0 and pycodex 0.1.2–0.5.1.
pub fn context_tag(text: &str) -> Option<&str> {
    const LONGEST: usize = 40;
    let text = text.trim_start();
    if text.starts_with("# AGENTS.md") {
        return Some("AGENTS.md");
    }
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= LONGEST
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-'));
    is_name.then(|| &text[..name.len() + 2])
}

/// The context tags of a message's parts, if every part has one.
pub fn context_tags(item: Node<'_>) -> Option<Vec<String>> {
    let content = item.get("content")?;
    if content.kind() != Kind::Array || content.is_empty() {
        return None;
    }
    let tag = |part: Node<'_>| {
        part.get_string("text")
            .and_then(|text| context_tag(&text).map(str::to_owned))
    };
    content.items().map(tag).collect()
}

/// Tells whether an item arrived from another thread, at a moment that nobody controls: a sub-agent's notification (codex
/// 0.115.0–0.137.0, pycodex) or message (multi-agent v2, codex 0.153.4 and later).
pub fn is_from_other_thread(item: Node<'_>) -> bool {
    match item_type(item).as_ref() {
        "agent_message" => true,
        "message" => {
            let first = item
                .get("content")
                .and_then(|content| content.items().next());
            let text = first
                .and_then(|part| part.get("text"))
                .map_or("", |text| text.text());
            text.trim_start_matches(['"', ' '])
                .starts_with("<subagent_notification>")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_named_by_its_tag() {
        let check =
            |text: &str, expect: Option<&str>| assert_eq!(context_tag(text), expect, "{text}");
        check(
            "<skills_instructions>\n## Skills",
            Some("<skills_instructions>"),
        );
        check(
            "<permissions instructions>\nx",
            Some("<permissions instructions>"),
        );
        check("<collaboration_mode># Plan", Some("<collaboration_mode>"));
        check("# AGENTS.md instructions for /w", Some("AGENTS.md"));
        check("1 < 2 and 3 > 2", None);
        check("<!-- a --> b", None);
        check("Run it.", None);
    }
}
