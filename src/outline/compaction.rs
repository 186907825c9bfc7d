//! What a compaction kept and dropped, told by a rollout.

use std::borrow::Cow;
use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::json::{Kind, Raw};

use super::item::{Item, SUMMARY, in_short_of, type_of};
use super::model::{Compaction, Kept, TypeCount, What};
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
        self.count(&kind_of(item, read), 1);
        if let Some(key) = content_key(item, read) {
            *self.messages.entry(key).or_default() += 1;
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
            let kind = kind_of(item, &read);
            self.count(&kind, 1);
            let key = content_key(item, &read);
            if let Some(key) = key {
                *self.messages.entry(key).or_default() += 1;
            }
            let count = key.and_then(|key| known.get_mut(&key));
            let count = count.filter(|count| **count > 0);
            let is_old = count.is_some();
            if let Some(count) = count {
                *count -= 1;
                if let Some(left) = gone.iter_mut().find(|left| left.name == kind) {
                    left.count = left.count.saturating_sub(1);
                }
            }
            let (what, text) = in_short_of(item, read, texts);
            compaction.kept.push(Kept { what, is_old, text });
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
pub(super) fn kind_of<'i>(item: Raw<'i>, read: &Item) -> Cow<'i, str> {
    match read {
        Item::Alone(What::User { .. }) => Cow::Borrowed("user message"),
        Item::Alone(What::Assistant { .. }) => Cow::Borrowed(ASSISTANT),
        Item::Alone(What::Context { .. }) => Cow::Borrowed("context message"),
        _ => type_of(item),
    }
}

/// What a message that is not the model's is recognised by: role and content.
fn content_key(item: Raw<'_>, read: &Item) -> Option<u64> {
    let Item::Alone(What::User { .. } | What::Context { .. }) = read else {
        return None;
    };
    let role = item.get_string("role").unwrap_or_default();
    let mut key = xxh3_64(role.as_bytes());
    let content = item.get("content");
    for part in content.into_iter().flat_map(Raw::items) {
        let text = part.get("text").unwrap_or(part).text();
        key = xxh3_64_with_seed(text.as_bytes(), key);
    }
    Some(key)
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
