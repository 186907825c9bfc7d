//! What a compaction kept and dropped, told by a rollout.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

use crate::json::{Kind, Raw};

use super::item::{Item, SUMMARY, kept, owned, type_of};
use super::model::{Compaction, TypeCount, What};
use super::text::{Text, Texts};

/// What a message of the model is called.
const ASSISTANT: &str = "assistant message";

/// Remembers as much of the items of a history as is needed to tell what a compaction made of them.
#[derive(Debug, Default)]
pub(super) struct CompactionReader {
    /// How many items of each kind the history holds, in order of first appearance.
    kinds: Vec<TypeCount>,
    /// Messages that are not the model's, by their content: only those are ever kept.
    messages: HashMap<u64, usize>,
}

impl CompactionReader {
    /// Adds an item of the history.
    pub(super) fn add(&mut self, item: Raw<'_>, read: &Item) {
        let kind = kind_of(item, read);
        self.count(&kind, 1);
        if matches!(read, Item::Alone(What::User { .. } | What::Context { .. })) {
            *self.messages.entry(content_key(item)).or_default() += 1;
        }
    }

    fn count(&mut self, kind: &str, count: usize) {
        TypeCount::add(&mut self.kinds, kind, count);
    }

    /// Reads a `compacted` record and goes on with the history that it makes.
    pub(super) fn read(&mut self, payload: Raw<'_>, texts: &mut Texts) -> Compaction {
        let mut compaction = Compaction {
            method: "unknown",
            window: window_number(payload),
            items_before: Some(self.kinds.iter().map(|kind| kind.count).sum()),
            ..Compaction::default()
        };
        let message = payload.get("message").filter(|message| !message.is_null());
        let summary = message.map(|message| summary(message, texts));
        compaction.summary = summary.filter(|summary| !summary.is_empty());
        let replacement = payload.get("replacement_history");
        let Some(list) = replacement.filter(|list| list.kind() == Kind::Array) else {
            compaction.method = "local";
            self.forget_all_but_user(&mut compaction);
            return compaction;
        };
        self.replace(list, &mut compaction, texts);
        compaction
    }

    fn replace(&mut self, list: Raw<'_>, compaction: &mut Compaction, texts: &mut Texts) {
        let mut gone = std::mem::take(&mut self.kinds);
        let mut known = std::mem::take(&mut self.messages);
        compaction.method = "local";
        for item in list.items() {
            if type_of(item).contains("compaction") {
                compaction.method = "remote";
            }
            let read = super::item::read_item(
                item,
                &super::model::Position::Pointer(String::new()),
                texts,
            );
            self.add(item, &read);
            let count = known
                .get_mut(&content_key(item))
                .filter(|count| **count > 0);
            let is_old = count.is_some();
            if let Some(count) = count {
                *count -= 1;
                let kind = kind_of(item, &read);
                if let Some(left) = gone.iter_mut().find(|left| left.name == kind) {
                    left.count = left.count.saturating_sub(1);
                }
            }
            compaction.kept.push(kept(item, is_old, texts));
        }
        gone.retain(|kind| kind.count > 0);
        compaction.items_after = Some(compaction.kept.len());
        compaction.dropped = Some(gone.iter().map(|kind| kind.count).sum());
        compaction.dropped_types = gone;
    }

    /// A compaction without a new history keeps the user's messages and a summary (codex before about 0.6x).
    fn forget_all_but_user(&mut self, compaction: &mut Compaction) {
        let is_user = |kind: &TypeCount| kind.name == "user message";
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.kinds)
            .into_iter()
            .partition(is_user);
        compaction.dropped = Some(gone.iter().map(|kind| kind.count).sum());
        compaction.dropped_types = gone;
        self.kinds = kept;
        self.count("context message", 1);
    }
}

/// What an item is, of a message with whose it is.
pub(super) fn kind_of(item: Raw<'_>, read: &Item) -> String {
    match read {
        Item::Alone(What::User { .. }) => "user message".to_owned(),
        Item::Alone(What::Assistant { .. }) => ASSISTANT.to_owned(),
        Item::Alone(What::Context { .. }) => "context message".to_owned(),
        _ => type_of(item).into_owned(),
    }
}

/// What a message is recognised by: role and content.
fn content_key(item: Raw<'_>) -> u64 {
    let mut hash = Xxh3::new();
    owned(item, "role").hash(&mut hash);
    let content = item.get("content");
    for part in content.into_iter().flat_map(Raw::items) {
        match part.get("text") {
            Some(text) => text.text().hash(&mut hash),
            None => part.text().hash(&mut hash),
        }
    }
    hash.finish()
}

impl Compaction {
    /// Takes the answer that the summary was made of out of what the history held and lost.
    pub(super) fn without_summary(&mut self) {
        let one_less = |count: &mut Option<usize>| {
            *count = count.map(|count| count.saturating_sub(1));
        };
        one_less(&mut self.items_before);
        one_less(&mut self.dropped);
        for kind in &mut self.dropped_types {
            if kind.name == ASSISTANT {
                kind.count = kind.count.saturating_sub(1);
            }
        }
        self.dropped_types.retain(|kind| kind.count > 0);
    }
}

/// A summary without the words that tell the model what it is.
fn summary(message: Raw<'_>, texts: &mut Texts) -> Text {
    let mut joined = texts.joined();
    joined.add(message);
    let own = joined.text.strip_prefix(SUMMARY);
    let own = own.and_then(|rest| rest.split_once(":\n"));
    match own {
        Some((_, own)) => texts.finish_part(own, &joined),
        None => texts.finish(joined),
    }
}

/// Number of the context window that begins; old files wrote it as `window_id`.
fn window_number(payload: Raw<'_>) -> Option<u64> {
    let number = |key: &str| payload.get(key).and_then(Raw::unsigned);
    number("window_number").or_else(|| number("window_id"))
}
