//! The items of one response: opened, filled by deltas, and done.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::{Node, Pointer};
use crate::responses::{is_call, item_type};

use super::super::quick::QuickSet;
use super::response::data_at;

/// A rule that is broken, where, and how.
pub(super) type Told = (&'static str, Pointer, String);

/// The items of a response by `output_index`.
#[derive(Default)]
pub(super) struct Items<'e> {
    open: BTreeMap<u64, Item<'e>>,
    /// Whether the server tells of items when they begin. Some scripted servers only tell when they are done.
    has_added: bool,
    done: Vec<Option<Cow<'e, str>>>,
    done_ids: QuickSet<Cow<'e, str>>,
}

#[derive(Default)]
struct Item<'e> {
    id: Option<Cow<'e, str>>,
    kind: Cow<'e, str>,
    /// Number of the event that opened it.
    added: usize,
    is_done: bool,
    /// What deltas say, by member and place in it.
    deltas: BTreeMap<(&'static str, u64), String>,
}

/// A streamed text: the member of the item that it makes, and the key in the event that counts its place.
struct Place {
    member: &'static str,
    index: &'static str,
    /// The member of the `.done` event that holds the whole.
    whole: &'static str,
}

fn place(kind: &str) -> Option<Place> {
    let place = |member, index, whole| {
        Some(Place {
            member,
            index,
            whole,
        })
    };
    match kind.rsplit_once('.')?.0 {
        "response.output_text" => place("content", "content_index", "text"),
        "response.refusal" => place("content", "content_index", "refusal"),
        "response.reasoning_text" => place("content", "content_index", "text"),
        "response.reasoning_summary_text" => place("summary", "summary_index", "text"),
        "response.function_call_arguments" => place("arguments", "", "arguments"),
        "response.custom_tool_call_input" => place("input", "", "input"),
        _ => None,
    }
}

impl<'e> Items<'e> {
    /// Reads one event that is known.
    pub(super) fn read(&mut self, event: usize, kind: &str, data: Node<'e>) -> Vec<Told> {
        match kind {
            "response.output_item.added" => self.added(event, data),
            "response.output_item.done" => self.done(event, data),
            _ => self.inner(event, kind, data),
        }
    }

    fn added(&mut self, event: usize, data: Node<'e>) -> Vec<Told> {
        self.has_added = true;
        let mut told = Vec::new();
        let Some(index) = index_of(data) else {
            return told;
        };
        let pointer = || data_at(event).key("output_index");
        if self.open.contains_key(&index) {
            told.push((
                "stream-index",
                pointer(),
                "two items have one output_index".to_owned(),
            ));
        } else if index != self.open.len() as u64 {
            let message = "output_index does not count the items from 0".to_owned();
            told.push(("stream-index", pointer(), message));
        }
        let item = data.get("item");
        let new = Item {
            id: item.and_then(id_of),
            kind: item.map(item_type).unwrap_or_default(),
            added: event,
            ..Item::default()
        };
        self.open.insert(index, new);
        told
    }

    /// An event about a part of an item.
    fn inner(&mut self, event: usize, kind: &str, data: Node<'_>) -> Vec<Told> {
        let Some(index) = index_of(data) else {
            return Vec::new();
        };
        let has_added = self.has_added;
        let Some(item) = self.open.get_mut(&index) else {
            let is_wrong = has_added || !self.done.is_empty();
            let told = is_wrong.then(|| {
                let message = format!("{kind} is about an item that was not added");
                ("stream-index", data_at(event).key("output_index"), message)
            });
            return told.into_iter().collect();
        };
        let mut told = Vec::new();
        if item.is_done {
            let message = format!("{kind} comes behind the end of its item");
            told.push(("stream-event-order", data_at(event), message));
            return told;
        }
        let id = data.get_string("item_id");
        if let (Some(id), Some(own)) = (id, &item.id)
            && id != *own
        {
            let message = format!("{kind} names another item_id than its item has");
            told.push(("stream-index", data_at(event).key("item_id"), message));
        }
        let Some(place) = place(kind) else {
            return told;
        };
        let at = data
            .get(place.index)
            .and_then(|n| n.unsigned())
            .unwrap_or(0);
        if kind.ends_with(".delta") {
            let text = item.deltas.entry((place.member, at)).or_default();
            text.push_str(&data.get_string("delta").unwrap_or_default());
        } else if let (Some(sum), Some(whole)) = (
            item.deltas.get(&(place.member, at)),
            data.get_string(place.whole),
        ) && *sum != whole
        {
            let message = format!("the deltas do not add up to {kind}");
            told.push(("stream-delta-sum", data_at(event).key(place.whole), message));
            item.deltas.remove(&(place.member, at));
        }
        told
    }

    fn done(&mut self, event: usize, data: Node<'e>) -> Vec<Told> {
        let Some(item) = data.get("item") else {
            return Vec::new();
        };
        let at = || data_at(event);
        let id = id_of(item);
        let mut told = Vec::new();
        if id.clone().is_some_and(|id| !self.done_ids.insert(id)) {
            let message = "an item is done twice".to_owned();
            told.push(("stream-item-doubled", at(), message));
            return told;
        }
        self.done.push(id.clone());
        let Some(open) = index_of(data).and_then(|index| self.open.get_mut(&index)) else {
            let is_promised = is_known_item(&item_type(item));
            if self.has_added && is_promised && index_of(data).is_some() {
                let message = "an item is done that was not added".to_owned();
                told.push(("stream-index", at().key("output_index"), message));
            }
            return told;
        };
        if open.is_done {
            let message = "an item is done twice".to_owned();
            told.push(("stream-item-doubled", at(), message));
            return told;
        }
        open.is_done = true;
        if open.id.is_some() && id.is_some() && open.id != id {
            let message = "an item is done with another id than it was added with".to_owned();
            told.push(("stream-index", at().key("item").key("id"), message));
        }
        for ((member, index), sum) in &open.deltas {
            if let Some((pointer, text)) = whole(item, &at().key("item"), member, *index)
                && text != *sum
            {
                let kind = item_type(item);
                let message = format!("the deltas do not add up to the {member} of the {kind}");
                told.push(("stream-delta-sum", pointer, message));
            }
        }
        told
    }

    /// What is wrong at the end of a response that was completed; `output` is what the end itself lists.
    pub(super) fn finish(&self, output: Option<Node<'_>>, at: &Pointer) -> Vec<Told> {
        let open = self.open.values().filter(|item| !item.is_done);
        let mut told: Vec<Told> = open
            .map(|item| {
                let message = format!("a {} was added and is never done", item.kind);
                ("stream-item-unfinished", data_at(item.added), message)
            })
            .collect();
        // Many servers leave the list empty.
        let listed = output.filter(|output| !output.is_empty());
        if let Some(listed) = listed {
            let ids: Vec<Option<Cow<'_, str>>> = listed.items().map(id_of).collect();
            let is_other = |(a, b): (&Option<Cow<'_, str>>, &Option<Cow<'_, str>>)| {
                a.is_some() && b.is_some() && a != b
            };
            if ids.len() != self.done.len() || ids.iter().zip(&self.done).any(is_other) {
                let message = "output lists other items than were done".to_owned();
                told.push(("stream-output-differs", at.clone(), message));
            }
        }
        told
    }
}

/// The types of items that the API tells of when they begin; of others nothing is promised.
fn is_known_item(kind: &str) -> bool {
    is_call(kind)
        || matches!(
            kind,
            "message" | "reasoning" | "web_search_call" | "image_generation_call" | "compaction"
        )
}

fn index_of(data: Node<'_>) -> Option<u64> {
    data.get("output_index")?.unsigned()
}

fn id_of(item: Node<'_>) -> Option<Cow<'_, str>> {
    item.get_string("id")
}

/// The text of an item that deltas made, with its place.
fn whole(item: Node<'_>, at: &Pointer, member: &str, index: u64) -> Option<(Pointer, String)> {
    let pointer = at.key(member);
    let value = item.get(member)?;
    if matches!(member, "arguments" | "input") {
        return Some((pointer, value.string()?.into_owned()));
    }
    let index = usize::try_from(index).ok()?;
    let part = value.items().nth(index)?;
    let key = ["text", "refusal"]
        .into_iter()
        .find(|key| part.get(key).is_some())?;
    let pointer = pointer.index(index).key(key);
    Some((pointer, part.get_string(key)?.into_owned()))
}
