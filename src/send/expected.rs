//! What the recorded answers of a capture have in common.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::capture::{Content, Event, EventStream, FlatExchange, Response, is_terminal};
use crate::json::{Kind, Node};
use crate::responses::{endpoint, item_type};
use crate::rollout::check_codex_item;

use super::known::READ_HEADERS;
use super::outcome::Outcome;
use super::shape::Shape;

/// The form of recorded answers.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Data of events by their type, without the item and the response in them.
    pub(super) events: BTreeMap<String, Shape>,
    /// Responses in events by the type of the event.
    pub(super) responses: BTreeMap<String, Shape>,
    /// Finished items by their type.
    pub(super) items: BTreeMap<String, Shape>,
    /// Bodies that are no stream, by their endpoint.
    pub(super) bodies: BTreeMap<String, Shape>,
    /// By the types of items the events that told all of them, of those that have what the events tell.
    promises: BTreeMap<String, BTreeSet<String>>,
    /// The events of each completed response that belong to no item.
    frames: Vec<BTreeSet<String>>,
    /// All types of events that were recorded.
    pub(super) kinds: BTreeSet<String>,
    /// Why Codex can't read items that were recorded.
    pub(super) unreadable: BTreeSet<String>,
    /// Fields of heads that all completed streams have, of those that are read.
    pub(super) headers: Option<BTreeSet<&'static str>>,
}

/// The events that tell of one item, and which of its contents are not empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pub(super) events: BTreeSet<String>,
    has: BTreeSet<&'static str>,
}

/// The parts of items that events of these families tell.
const TOLD_OF: &[(&str, &str)] = &[
    ("response.output_text.", "text"),
    ("response.content_part.", "text"),
    ("response.function_call_arguments.", "arguments"),
    ("response.custom_tool_call_input.", "input"),
    ("response.reasoning_summary_", "summary"),
    ("response.reasoning_text.", "content"),
];

impl Expected {
    /// Learns from all answers of a capture that were completed.
    pub(super) fn new(flat: &[FlatExchange<'_>]) -> Self {
        let mut expected = Self::default();
        let mut all_lives: BTreeMap<String, Vec<Life>> = BTreeMap::new();
        for one in flat {
            let exchange = &one.exchange;
            if Outcome::of(&exchange.response) != Outcome::Good {
                continue;
            }
            match &exchange.response.content {
                Content::Events(stream) => {
                    expected.learn_stream(stream, &exchange.response);
                    for (item, life) in lives(stream) {
                        all_lives.entry(item).or_default().push(life);
                    }
                }
                Content::Body(body) => {
                    if let Some(body) = body.json() {
                        let key = endpoint(&exchange.request.target).to_owned();
                        let shape = expected.bodies.entry(key).or_default();
                        shape.learn(body.node(), &is_opaque);
                    }
                    expected.learn_items(&exchange.response);
                }
                _ => expected.learn_items(&exchange.response),
            }
        }
        let promises = all_lives.into_iter();
        expected.promises = promises
            .map(|(item, lives)| (item, common_events(&lives)))
            .collect();
        expected
    }

    fn learn_items(&mut self, response: &Response) {
        for delivered in response.content.delivered_items() {
            let item = delivered.item.node();
            let shape = self.items.entry(item_type(item).into_owned()).or_default();
            shape.learn(item, &is_opaque);
            self.unreadable.extend(check_codex_item(item.text()).err());
        }
    }

    fn learn_stream(&mut self, stream: &EventStream, response: &Response) {
        self.learn_items(response);
        for event in &stream.events {
            let kind = event.kind().into_owned();
            self.kinds.insert(kind.clone());
            let Some(data) = event.data.json().map(|data| data.node()) else {
                continue;
            };
            let shape = self.events.entry(kind.clone()).or_default();
            shape.learn(data, &is_carried);
            if let Some(response) = data.get("response") {
                let shape = self.responses.entry(kind).or_default();
                shape.learn(response, &is_opaque_of_response);
            }
        }
        self.frames.push(frame(stream));
        if let Some(headers) = response.headers.as_option() {
            let has = |name: &&str| headers.list.get(name).is_some();
            let here: BTreeSet<&str> = READ_HEADERS.iter().copied().filter(has).collect();
            self.headers = Some(match self.headers.take() {
                None => here,
                Some(all) => all.intersection(&here).copied().collect(),
            });
        }
    }

    /// The events that told every recorded item of a type, of those that tell something that this one has.
    pub(super) fn promised(&self, item: &str, life: &Life) -> BTreeSet<String> {
        let promised = self.promises.get(item).into_iter().flatten();
        promised
            .filter(|kind| life.can_be_told(kind))
            .cloned()
            .collect()
    }

    /// The events that every completed response has besides those of its items.
    pub(super) fn promised_frame(&self) -> BTreeSet<String> {
        let mut frames = self.frames.iter();
        let first = frames.next().cloned().unwrap_or_default();
        frames.fold(first, |all, here| all.intersection(here).cloned().collect())
    }
}

/// The events that told all of these items, of those that have what the events tell.
fn common_events(lives: &[Life]) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = lives
        .iter()
        .flat_map(|life| &life.events)
        .cloned()
        .collect();
    all.retain(|kind| {
        let mut telling = lives.iter().filter(|life| life.can_be_told(kind));
        telling.all(|life| life.events.contains(kind))
    });
    all
}

impl Life {
    /// Whether the item has what events of this type tell.
    fn can_be_told(&self, kind: &str) -> bool {
        let told = TOLD_OF.iter().find(|(family, _)| kind.starts_with(family));
        !kind.starts_with("response.refusal.")
            && told.is_none_or(|(_, part)| self.has.contains(part))
    }
}

/// How each finished item of a stream was told: its type, and the events with its index or its id. An item that has neither
/// was told by the events since the one before that have neither, too.
pub(super) fn lives(stream: &EventStream) -> Vec<(String, Life)> {
    let told = ToldBy::of(stream);
    let mut lives = Vec::new();
    let mut unnamed = BTreeSet::new();
    for event in &stream.events {
        let (kind, names) = (event.kind().into_owned(), Names::of(event));
        if !names.is_any() && !is_of_response(&kind) {
            unnamed.insert(kind.clone());
        }
        if kind != "response.output_item.done" {
            continue;
        }
        let since = std::mem::take(&mut unnamed);
        let Some(item) = event.data.json().and_then(|data| data.get("item")) else {
            continue;
        };
        let mut events = match names.is_any() {
            true => told.events(&names),
            false => since,
        };
        events.insert(kind);
        let life = Life {
            events,
            has: contents(item.node()),
        };
        lives.push((item_type(item.node()).into_owned(), life));
    }
    lives
}

/// The types of events by what they call their items.
#[derive(Default)]
struct ToldBy {
    index: HashMap<u64, BTreeSet<String>>,
    id: HashMap<String, BTreeSet<String>>,
    /// Those without an index.
    id_alone: HashMap<String, BTreeSet<String>>,
}

impl ToldBy {
    fn of(stream: &EventStream) -> Self {
        let mut told = Self::default();
        for event in &stream.events {
            let (kind, names) = (event.kind().into_owned(), Names::of(event));
            if is_of_response(&kind) {
                continue;
            }
            if let Some(id) = names.id {
                if names.index.is_none() {
                    let alone = told.id_alone.entry(id.clone()).or_default();
                    alone.insert(kind.clone());
                }
                told.id.entry(id).or_default().insert(kind.clone());
            }
            if let Some(index) = names.index {
                told.index.entry(index).or_default().insert(kind);
            }
        }
        told
    }

    fn events(&self, names: &Names) -> BTreeSet<String> {
        let by_id = match names.index {
            Some(_) => &self.id_alone,
            None => &self.id,
        };
        let index = names.index.and_then(|index| self.index.get(&index));
        let id = names.id.as_ref().and_then(|id| by_id.get(id));
        index.into_iter().chain(id).flatten().cloned().collect()
    }
}

/// What an event calls the item that it tells of.
struct Names {
    index: Option<u64>,
    id: Option<String>,
}

impl Names {
    fn of(event: &Event) -> Self {
        let data = event.data.json().map(|data| data.node());
        let id = data.and_then(|data| {
            let id = data.get_string("item_id");
            id.or_else(|| data.get("item")?.get_string("id"))
        });
        Self {
            index: data.and_then(|data| data.get("output_index")?.unsigned()),
            id: id.map(|id| id.into_owned()).filter(|id| !id.is_empty()),
        }
    }

    fn is_any(&self) -> bool {
        self.index.is_some() || self.id.is_some()
    }
}

/// Whether an event is about the response as a whole.
fn is_of_response(kind: &str) -> bool {
    is_terminal(kind)
        || matches!(
            kind,
            "response.created" | "response.queued" | "response.in_progress" | "response.metadata"
        )
        || !kind.starts_with("response.")
}

/// Which contents of an item are not empty.
fn contents(item: Node<'_>) -> BTreeSet<&'static str> {
    let is_filled = |key: &str| {
        item.get(key).is_some_and(|value| match value.kind() {
            Kind::String => value.text().len() > 2,
            _ => !value.is_empty(),
        })
    };
    let has_text = || {
        let parts = item
            .get("content")
            .into_iter()
            .flat_map(|content| content.items());
        let mut texts = parts.filter_map(|part| part.get("text"));
        texts.any(|text| text.text().len() > 2)
    };
    let is_message = item_type(item) == "message";
    let parts = ["arguments", "input", "summary", "content"];
    let filled = parts
        .into_iter()
        .filter(|part| is_filled(part) && !is_message);
    filled
        .chain((is_message && has_text()).then_some("text"))
        .collect()
}

/// The types of the events of a stream that are about the response as a whole.
pub(super) fn frame(stream: &EventStream) -> BTreeSet<String> {
    let kinds = stream.events.iter().map(Event::kind);
    let own = kinds.filter(|kind| is_of_response(kind));
    own.map(Cow::into_owned).collect()
}

/// Members of items and bodies in which a model may put what it likes.
fn is_opaque(name: &str) -> bool {
    matches!(
        name,
        "arguments"
            | "action"
            | "env"
            | "metadata"
            | "tools"
            | "logprobs"
            | "annotations"
            | "internal_chat_message_metadata_passthrough"
    )
}

/// Members of events that are looked at by themselves.
fn is_carried(name: &str) -> bool {
    matches!(name, "item" | "response") || is_opaque(name)
}

/// Members of responses that repeat the request, or are looked at by themselves.
fn is_opaque_of_response(name: &str) -> bool {
    !matches!(
        name,
        "usage" | "input_tokens_details" | "output_tokens_details" | "error" | "incomplete_details"
    )
}
