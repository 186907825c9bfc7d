//! Items and texts for a person.

use crate::responses::{context_tags, message_text};

use super::item::ItemFacts;

/// Characters of a text that a label shows.
const SHOWN: usize = 40;

/// Longest excerpt, in characters.
const EXCERPT: usize = 400;

/// An item in a few words: `user message "Run it."`, `function_call exec_command (call_1)`.
pub(super) fn label(facts: &ItemFacts) -> String {
    let node = facts.item.node();
    let kind = facts.kind.as_ref();
    if kind == "message" {
        let role = node.get_string("role").unwrap_or_default();
        return match context_tags(node).filter(|tags| !tags.is_empty()) {
            Some(tags) => format!("{role} message {}", tags.join(" ")),
            None => format!("{role} message \"{}\"", first_words(&message_text(node))),
        };
    }
    let name = node.get_string("name");
    let name = name.map_or(String::new(), |name| format!(" {name}"));
    let id = facts.call_id.as_ref();
    let id = id.map_or(String::new(), |id| format!(" ({id})"));
    format!("{kind}{name}{id}")
}

/// An item with its article: `the user message "Run it."`.
pub(super) fn the(facts: &ItemFacts) -> String {
    format!("the {}", label(facts))
}

fn first_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A text short enough for a report.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(EXCERPT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
