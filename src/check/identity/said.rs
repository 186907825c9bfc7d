//! What requests say of themselves, read once for all rules.

use std::borrow::Cow;
use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use crate::check::quick::{QuickMap, QuickSet};
use crate::http::HeaderList;
use crate::json::{Document, Kind, Node, Value};

use super::places::{OTHER_PLACES, all_places};
use super::sent::Place;

/// A text that requests share.
pub(super) type Text = Rc<str>;

/// The texts of one place, by the keys that rules ask for; empty ones are left out.
#[derive(Default)]
pub(super) struct Said(Vec<(&'static str, Text)>);

impl Said {
    pub(super) fn get(&self, key: &str) -> Option<Text> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, text)| Rc::clone(text))
    }
}

impl Said {
    /// A number that is the same for those that say the same, in whatever order.
    pub(super) fn print(&self) -> u64 {
        let one = |(key, text): &(&'static str, Text)| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(key.as_ptr() as u64).to_le_bytes());
            bytes[8..].copy_from_slice(&(Rc::as_ptr(text).cast::<u8>() as u64).to_le_bytes());
            xxh3_64(&bytes)
        };
        self.0.iter().map(one).fold(0, u64::wrapping_add)
    }
}

/// Reads what requests say, each text kept once.
pub(super) struct Sayings {
    headers: Vec<&'static str>,
    client: Vec<&'static str>,
    metadata: Vec<&'static str>,
    texts: QuickSet<Text>,
    by_document: QuickMap<*const Document, Rc<Said>>,
}

impl Default for Sayings {
    fn default() -> Self {
        let mut sayings = Self {
            headers: Vec::new(),
            client: Vec::new(),
            metadata: Vec::new(),
            texts: QuickSet::default(),
            by_document: QuickMap::default(),
        };
        for place in all_places().chain(OTHER_PLACES.iter().copied()) {
            let (keys, key) = match place {
                Place::Header(key) => (&mut sayings.headers, key),
                Place::Client(key) => (&mut sayings.client, key),
                Place::InHeader(key) | Place::InClient(key) => (&mut sayings.metadata, key),
            };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        sayings
    }
}

impl Sayings {
    /// Reads header fields; the first of a name counts.
    pub(super) fn of_headers(&mut self, headers: Option<&HeaderList>) -> Said {
        let mut said = Said::default();
        let Some(headers) = headers else {
            return said;
        };
        for key in &self.headers {
            if let Some(text) = headers.get(key).filter(|text| !text.is_empty()) {
                said.0.push((key, shared(&mut self.texts, text)));
            }
        }
        said
    }

    /// Reads `client_metadata`.
    pub(super) fn of_client(&mut self, client: Option<Node<'_>>) -> Said {
        client.map_or_else(Said::default, |client| {
            members(client, &self.client, &mut self.texts)
        })
    }

    /// Reads turn metadata, once for each document.
    pub(super) fn of_metadata(&mut self, value: &Value) -> Rc<Said> {
        let read = || Rc::new(members(value.node(), &self.metadata, &mut self.texts));
        let said = self
            .by_document
            .entry(value.document())
            .or_insert_with(read);
        Rc::clone(said)
    }
}

fn members(object: Node<'_>, keys: &[&'static str], texts: &mut QuickSet<Text>) -> Said {
    let mut said = Said::default();
    for (name, value) in object.members() {
        let Some(key) = keys.iter().find(|key| name.is_key(key)) else {
            continue;
        };
        // The last of repeated keys counts, as in [`Node::get`].
        said.0.retain(|(known, _)| known != key);
        if let Some(text) = scalar(value).filter(|text| !text.is_empty()) {
            said.0.push((key, shared(texts, &text)));
        }
    }
    said
}

fn scalar(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.string(),
        Kind::Number => Some(Cow::Borrowed(node.text())),
        _ => None,
    }
}

fn shared(texts: &mut QuickSet<Text>, text: &str) -> Text {
    if let Some(known) = texts.get(text) {
        return Rc::clone(known);
    }
    let new = Text::from(text);
    texts.insert(Rc::clone(&new));
    new
}
