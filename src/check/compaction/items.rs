//! Items as they matter to a compaction.

use std::sync::Arc;

use crate::json::{Node, Raw, Value};
use crate::rollout::{ItemClass, classify, is_prompt_only};

use super::super::item::{Facts, ItemFacts};

/// An item of a history, before or behind a compaction.
pub(super) struct Entry {
    pub(super) facts: Arc<ItemFacts>,
    pub(super) class: ItemClass,
    /// Whether it is built for each request: base instructions, tools.
    pub(super) is_of_prompt: bool,
}

/// What kind of context an item is: each comes back behind a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContextKind {
    /// Developer messages: permissions, skills, collaboration.
    Developer,
    /// The user message with `<environment_context>` or the instructions of `AGENTS.md`.
    Surroundings,
}

impl ContextKind {
    pub(super) const ALL: [Self; 2] = [Self::Developer, Self::Surroundings];

    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Developer => "the developer's context",
            Self::Surroundings => "the environment context",
        }
    }
}

pub(super) fn entries(items: &[Value], facts: &mut Facts) -> Vec<Entry> {
    let entry = |item: &Value| Entry::new(item, facts.of(item));
    items.iter().map(entry).collect()
}

impl Entry {
    fn new(item: &Value, facts: Arc<ItemFacts>) -> Self {
        let raw = Raw::new(item.text());
        let class = classify(raw);
        let role = item.node().get_string("role");
        let is_instruction = role.as_deref() == Some("developer") && class != ItemClass::Context;
        Self {
            is_of_prompt: is_prompt_only(raw) || is_instruction || facts.kind == "additional_tools",
            class,
            facts,
        }
    }

    /// Whether a compaction leaves nothing of it: what the model said and called, outputs, earlier summaries.
    pub(super) fn is_replaced(&self) -> bool {
        !self.is_of_prompt
            && matches!(
                self.class,
                ItemClass::Call | ItemClass::Output | ItemClass::Other | ItemClass::Summary
            )
    }

    /// Whether a user wrote it.
    pub(super) fn is_of_user(&self) -> bool {
        self.class == ItemClass::UserTurn
    }

    pub(super) fn context_kind(&self) -> Option<ContextKind> {
        if self.class != ItemClass::Context || self.is_of_prompt {
            return None;
        }
        let node = self.facts.item.node();
        if node.get_string("role").as_deref() == Some("developer") {
            return Some(ContextKind::Developer);
        }
        let is_it = |text: String| {
            let text = text.trim_start();
            text.starts_with("<environment_context>") || text.starts_with("# AGENTS.md")
        };
        let mut texts = texts(node).into_iter();
        texts.any(is_it).then_some(ContextKind::Surroundings)
    }

    /// What the user said in it: its texts without the labels that Codex puts around images (0.125.0–0.169.0).
    pub(super) fn words(&self) -> String {
        let is_label = |text: &String| text.starts_with("<image name=") || text == "</image>";
        let mut texts = texts(self.facts.item.node());
        texts.retain(|text| !is_label(text));
        texts.concat()
    }
}

/// The texts of a message's parts.
fn texts(message: Node<'_>) -> Vec<String> {
    let Some(content) = message.get("content") else {
        return Vec::new();
    };
    if let Some(text) = content.string() {
        return vec![text.into_owned()];
    }
    let texts = content.items().filter_map(|part| part.get_string("text"));
    texts.map(|text| text.into_owned()).collect()
}
