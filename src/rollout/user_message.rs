//! Tells what a user said from what the agent sent in the user's name.

use crate::json::Raw;
use crate::responses::context_tag;

/// Whether the item is a message that a turn of the user begins with.
///
/// Codex also sends the surroundings, instructions files and notices of interruption as user messages; they are not
/// the user's.
pub fn is_user_turn(item: Raw<'_>, _metadata: Option<Raw<'_>>) -> bool {
    if item.get_string("type").as_deref() != Some("message")
        || item.get_string("role").as_deref() != Some("user")
    {
        return false;
    }
    let first = item
        .get("content")
        .and_then(|content| content.items().next());
    let text = first.and_then(|part| part.get("text")?.string_start(512));
    let Some((text, _)) = text else {
        return true;
    };
    let text = text.trim_start();
    context_tag(text).is_none() && !text.starts_with("# AGENTS.md instructions")
}
