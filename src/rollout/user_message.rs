//! Tells what a user said from what the agent sent in the user's name.

use std::borrow::Cow;

use crate::json::{Kind, Raw};

/// What an item is to the history, as far as turns, rollbacks and compactions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemClass {
    /// A message that a user sent; a turn begins with it.
    UserTurn,
    /// A message of another agent, with which a turn begins as well.
    AgentTurn,
    /// A developer or user message that the agent wrote for context.
    Context,
    /// A user message with the summary of a compaction.
    Summary,
    /// A call of a tool.
    Call,
    /// What a tool answered.
    Output,
    /// Anything else that a model sees.
    Other,
    /// What is never part of the history: snapshots of the work directory, system messages, types that are not known.
    NotSent,
}

impl ItemClass {
    /// Whether a turn begins with it.
    pub fn is_turn(self) -> bool {
        matches!(self, Self::UserTurn | Self::AgentTurn)
    }
}

/// Opening and closing words of a text that an agent puts into a user message.
///
/// All that Codex 0.115–0.169 writes; a version that does not know one does not write it either. Compared without
/// regard to ASCII case and white space around (core/src/context of that time, through third-party copies).
const USER_MARKERS: &[(&str, &str)] = &[
    ("# AGENTS.md instructions", "</INSTRUCTIONS>"),
    ("<environment_context>", "</environment_context>"),
    ("<skill>", "</skill>"),
    ("<user_shell_command>", "</user_shell_command>"),
    ("<turn_aborted>", "</turn_aborted>"),
    ("<subagent_notification>", "</subagent_notification>"),
    ("<subagents>", "</subagents>"),
    ("<user_instructions>", "</user_instructions>"),
    ("<recommended_plugins>", "</recommended_plugins>"),
    ("<goal_context>", "</goal_context>"),
    ("<hook_prompt", "</hook_prompt>"),
    ("<external_", ">"),
    ("<codex_internal_context", "</codex_internal_context>"),
];

/// How a context part of a developer message begins (`CONTEXTUAL_DEVELOPER_PREFIXES` of Codex, all versions).
const DEVELOPER_MARKERS: &[&str] = &[
    "<permissions instructions>",
    "<model_switch>",
    "<managed_developer_instructions>",
    "<persistent_mode>",
    "<apps_instructions>",
    "<collaboration_mode>",
    "<multi_agent_role>",
    "<multi_agent_mode>",
    "<environments_instructions>",
    "<git_attribution>",
    "<plugins_instructions>",
    "<realtime_conversation>",
    "<skills_instructions>",
    "<tools>",
    "<personality_spec>",
    "<token_budget>",
    "<context_window>",
    "<context_window_guidance>",
    "<rollout_budget>",
];

/// How the user message begins that holds the summary of a compaction.
const SUMMARY_BEGINNING: &str = "Another language model started to solve this problem and produced";

/// The longest text that a marker is looked for in the beginning of.
const LONGEST_MARKER: usize = 80;

/// Whether the item is a message that a turn of the user begins with.
///
/// Codex also sends the surroundings, instructions files and notices of interruption as user messages; they are not
/// the user's.
pub fn is_user_turn(item: Raw<'_>) -> bool {
    classify(item) == ItemClass::UserTurn
}

/// What an item is to the history.
///
/// Goes by the provenance that Codex 0.169 writes beside a message's parts where it says that a user wrote them, and
/// by the markers of the text otherwise, like its own reader.
pub fn classify(item: Raw<'_>) -> ItemClass {
    let kind = match item.get_string("type") {
        Some(kind) => kind,
        None if item.get("role").is_some() => Cow::Borrowed("message"),
        None => return ItemClass::NotSent,
    };
    match kind.as_ref() {
        "message" => classify_message(item),
        "agent_message" => ItemClass::AgentTurn,
        "function_call" | "custom_tool_call" | "local_shell_call" | "tool_search_call" => {
            ItemClass::Call
        }
        "function_call_output" | "custom_tool_call_output" | "tool_search_output" => {
            ItemClass::Output
        }
        "reasoning"
        | "web_search_call"
        | "image_generation_call"
        | "compaction"
        | "compaction_summary"
        | "context_compaction"
        | "configuration_update"
        | "additional_tools" => ItemClass::Other,
        _ => ItemClass::NotSent,
    }
}

fn classify_message(item: Raw<'_>) -> ItemClass {
    match item.get_string("role").as_deref() {
        Some("user") if says_user(item) => ItemClass::UserTurn,
        Some("user") if has_part(item, is_user_context) => ItemClass::Context,
        Some("user") if has_part(item, is_summary) => ItemClass::Summary,
        Some("user") => ItemClass::UserTurn,
        Some("developer") if has_part(item, is_developer_context) => ItemClass::Context,
        Some("assistant") if has_part(item, is_agent_envelope) => ItemClass::AgentTurn,
        Some("system") => ItemClass::NotSent,
        _ => ItemClass::Other,
    }
}

/// Whether Codex 0.169 or later noted that a user wrote each part of the message.
fn says_user(item: Raw<'_>) -> bool {
    let Some(kinds) = item
        .get("internal_chat_message_metadata_passthrough")
        .and_then(|metadata| metadata.get("content_item_kinds"))
    else {
        return false;
    };
    let mut kinds = kinds.items().peekable();
    kinds.peek().is_some()
        && kinds.all(|kind| kind.string().is_some_and(|kind| kind.starts_with("user.")))
}

fn has_part(item: Raw<'_>, is_marked: fn(Raw<'_>) -> bool) -> bool {
    let Some(content) = item.get("content") else {
        return false;
    };
    if content.kind() == Kind::String {
        return is_marked(content);
    }
    content
        .items()
        .filter_map(|part| part.get("text"))
        .any(is_marked)
}

fn is_user_context(text: Raw<'_>) -> bool {
    let Some(start) = beginning(text) else {
        return false;
    };
    USER_MARKERS.iter().any(|(open, close)| {
        starts_with(&start, open)
            && text
                .string()
                .is_some_and(|text| ends_with(text.trim_end(), close))
    })
}

fn is_summary(text: Raw<'_>) -> bool {
    beginning(text).is_some_and(|start| start.starts_with(SUMMARY_BEGINNING))
}

fn is_developer_context(text: Raw<'_>) -> bool {
    let Some(start) = beginning(text) else {
        return false;
    };
    DEVELOPER_MARKERS
        .iter()
        .any(|marker| starts_with(&start, marker))
}

/// Whether an assistant's text is the envelope of a message between agents: a JSON object with these members (before
/// `agent_message` items).
fn is_agent_envelope(text: Raw<'_>) -> bool {
    if !beginning(text).is_some_and(|start| start.starts_with('{')) {
        return false;
    }
    let Some(text) = text.string() else {
        return false;
    };
    let envelope = Raw::new(&text);
    ["author", "recipient", "other_recipients", "content"]
        .iter()
        .all(|key| envelope.get(key).is_some())
}

/// The first words of a string, without white space before them.
fn beginning(text: Raw<'_>) -> Option<Cow<'_, str>> {
    let (start, is_whole) = text.string_start(LONGEST_MARKER)?;
    let trimmed = start.trim_start();
    if trimmed.len() == start.len() || is_whole {
        return Some(Cow::Owned(trimmed.to_owned()));
    }
    let whole = text.string()?;
    Some(Cow::Owned(
        whole.trim_start().chars().take(LONGEST_MARKER).collect(),
    ))
}

fn starts_with(text: &str, marker: &str) -> bool {
    text.as_bytes()
        .get(..marker.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(marker.as_bytes()))
}

fn ends_with(text: &str, marker: &str) -> bool {
    text.len()
        .checked_sub(marker.len())
        .and_then(|at| text.as_bytes().get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(marker.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &str, expect: ItemClass) {
        assert_eq!(classify(Raw::new(item)), expect, "{item}");
    }

    fn user(text: &str) -> String {
        format!(
            r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}"#,
            serde_json::json!(text)
        )
    }

    #[test]
    fn tells_users_from_context() {
        check(&user("Run it."), ItemClass::UserTurn);
        check(&user("<b>bold</b> text"), ItemClass::UserTurn);
        check(
            &user("<environment_context>\n x\n</environment_context>"),
            ItemClass::Context,
        );
        check(
            &user(" \n<ENVIRONMENT_CONTEXT>x</environment_context>\n"),
            ItemClass::Context,
        );
        check(
            &user("<environment_context> without an end"),
            ItemClass::UserTurn,
        );
        check(
            &user("# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>"),
            ItemClass::Context,
        );
        check(
            &user("<turn_aborted>\nx\n</turn_aborted>"),
            ItemClass::Context,
        );
        check(
            &user(&format!("{SUMMARY_BEGINNING} a summary of it:\nx")),
            ItemClass::Summary,
        );
        check(&user("Another language model did it."), ItemClass::UserTurn);
    }

    #[test]
    fn any_context_part_makes_the_message_context() {
        check(
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"Hello"},
            {"type":"input_text","text":"<skill>x</skill>"}]}"#,
            ItemClass::Context,
        );
        check(
            r#"{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be kind."}]}"#,
            ItemClass::Other,
        );
        check(
            r#"{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be kind."},
            {"type":"input_text","text":"<Permissions instructions>x"}]}"#,
            ItemClass::Context,
        );
    }

    #[test]
    fn provenance_counts_before_the_text() {
        check(
            r#"{"type":"message","role":"user","content":[{"type":"input_text",
            "text":"<environment_context>typed by hand</environment_context>"}],
            "internal_chat_message_metadata_passthrough":{"content_item_kinds":["user.text"]}}"#,
            ItemClass::UserTurn,
        );
    }

    #[test]
    fn messages_of_agents_begin_turns() {
        check(
            r#"{"type":"agent_message","author":"parent","content":[]}"#,
            ItemClass::AgentTurn,
        );
        check(
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text",
            "text":"{\"author\":\"parent\",\"recipient\":\"child\",\"other_recipients\":[],\"content\":\"go\"}"}]}"#,
            ItemClass::AgentTurn,
        );
        check(
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"{}"}]}"#,
            ItemClass::Other,
        );
    }

    #[test]
    fn what_is_not_sent() {
        check(
            r#"{"type":"ghost_snapshot","ghost_commit":{}}"#,
            ItemClass::NotSent,
        );
        check(r#"{"type":"brand_new"}"#, ItemClass::NotSent);
        check(r#"{"role":"system","content":[]}"#, ItemClass::NotSent);
        check("[]", ItemClass::NotSent);
    }
}
