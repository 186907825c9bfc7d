//! Raw events, pauses, gates, comments.

use base64::Engine;
use bytes::Bytes;

use super::fields::{Reader, Table};
use super::tree::{Tree, TreeKind};
use crate::script::model::{Beat, Deltas, StreamEvent, Usage};

/// Keys by which an entry is told from an item.
pub(super) const BEAT_KEYS: &[&str] = &[
    "event", "data", "wait", "gate", "comment", "raw", "base64", "ping",
];

const USAGE_KEYS: &[&str] = &[
    "input",
    "cached",
    "cache_write",
    "output",
    "reasoning",
    "total",
];

impl Reader<'_> {
    /// The entries of `events`: events as JSON, or what happens between them.
    pub(super) fn beats(&mut self, tree: &Tree) -> Vec<Beat> {
        let items = self.one_or_more(tree);
        items.iter().filter_map(|item| self.beat(item)).collect()
    }

    fn beat(&mut self, tree: &Tree) -> Option<Beat> {
        let table = self.table(tree, "an event")?;
        if table.has("type") {
            return Some(Beat::Event(StreamEvent {
                name: self.string(table, "type"),
                data: tree.to_json(),
            }));
        }
        self.beat_of(table)
    }

    /// The entry of a table that has one of [`BEAT_KEYS`].
    pub(super) fn beat_of(&mut self, table: Table<'_>) -> Option<Beat> {
        let Some(first) = table
            .members
            .iter()
            .find(|member| BEAT_KEYS.contains(&member.key.as_str()))
        else {
            let hint = format!(
                "an event has a `type`; else the keys here are `{}`",
                BEAT_KEYS.join("`, `")
            );
            self.report(table.span, "this is no event", hint);
            return None;
        };
        let known: &[&str] = match first.key.as_str() {
            "event" | "data" => &["event", "data"],
            _ => std::slice::from_ref(BEAT_KEYS.iter().find(|key| **key == first.key)?),
        };
        self.check_keys(table, known, &format!("`{}`", first.key));
        match first.key.as_str() {
            "wait" => self.duration_of(&first.value, "wait").map(Beat::Wait),
            "gate" => self.string_of(&first.value, "gate").map(Beat::Gate),
            "comment" => self.string_of(&first.value, "comment").map(Beat::Comment),
            "ping" => self.string_of(&first.value, "ping").map(Beat::Ping),
            "raw" => {
                let text = self.string_of(&first.value, "raw")?;
                Some(Beat::Raw(text.into()))
            }
            "base64" => self.base64_of(&first.value).map(Beat::Raw),
            _ => self.event(table).map(Beat::Event),
        }
    }

    /// `{ event = "name", data = … }`: the name is that of the data's type when left out, none when false.
    fn event(&mut self, table: Table<'_>) -> Option<StreamEvent> {
        let name = match table.get("event").map(|tree| (&tree.kind, tree)) {
            Some((TreeKind::Table(_), tree)) => {
                let inner = self.table(tree, "`event`")?;
                let name = self.string(inner, "type");
                let data = tree.to_json();
                return Some(StreamEvent { name, data });
            }
            Some((TreeKind::Bool(false), _)) | None => None,
            Some((_, tree)) => Some(self.string_of(tree, "event")?),
        };
        let data = match table.get("data") {
            None => {
                let hint = "write `data = { … }`, or `data = \"\"` for an event without".to_owned();
                self.report(table.span, "the event has no `data`", hint);
                return None;
            }
            Some(tree) => match &tree.kind {
                TreeKind::String(text) => text.clone(),
                _ => tree.to_json(),
            },
        };
        Some(StreamEvent { name, data })
    }

    /// `raw`: text of the stream, in one part or several.
    pub(super) fn raw_parts(&mut self, tree: &Tree) -> Vec<Beat> {
        let items = self.one_or_more(tree);
        items
            .iter()
            .filter_map(|item| match &item.kind {
                TreeKind::String(text) => Some(Beat::Raw(Bytes::from(text.clone()))),
                _ => {
                    let table = self.table(item, "a part of `raw`")?;
                    self.beat_of(table)
                }
            })
            .collect()
    }

    fn base64_of(&mut self, tree: &Tree) -> Option<Bytes> {
        let text = self.string_of(tree, "base64")?;
        match base64::engine::general_purpose::STANDARD.decode(text.trim()) {
            Ok(bytes) => Some(bytes.into()),
            Err(error) => {
                self.report(&tree.span, format!("bad base64: {error}"), None);
                None
            }
        }
    }

    /// `deltas`: how texts are cut.
    pub(super) fn deltas(&mut self, table: Table<'_>) -> Option<Deltas> {
        let tree = table.get("deltas")?;
        match &tree.kind {
            TreeKind::Number(_) => {
                let count = self.integer_of(tree, "deltas", 1)?;
                Some(Deltas::Characters(count.min(u64::from(u32::MAX)) as u32))
            }
            TreeKind::String(_) => {
                let words = [
                    ("characters", Deltas::Characters(1)),
                    ("words", Deltas::Words),
                    ("whole", Deltas::Whole),
                    ("none", Deltas::None),
                ];
                self.word(tree, "deltas", &words)
            }
            _ => {
                let wanted =
                    "a number of characters, \"characters\", \"words\", \"whole\" or \"none\"";
                self.wrong_type(tree, "`deltas`", wanted);
                None
            }
        }
    }

    /// `usage`: a table of counts, a total, or false for none.
    pub(super) fn usage(&mut self, table: Table<'_>) -> Option<Usage> {
        let tree = table.get("usage")?;
        let none = Usage::default();
        match &tree.kind {
            TreeKind::Bool(false) => Some(Usage {
                is_absent: true,
                ..none
            }),
            TreeKind::Number(_) => Some(Usage {
                total: self.integer_of(tree, "usage", 0),
                ..none
            }),
            _ => {
                let counts = self.table(tree, "`usage`")?;
                self.check_keys(counts, USAGE_KEYS, "`usage`");
                Some(Usage {
                    is_absent: false,
                    input: self.integer(counts, "input", 0),
                    cached: self.integer(counts, "cached", 0).unwrap_or(0),
                    cache_write: self.integer(counts, "cache_write", 0),
                    output: self.integer(counts, "output", 0),
                    reasoning: self.integer(counts, "reasoning", 0).unwrap_or(0),
                    total: self.integer(counts, "total", 0),
                })
            }
        }
    }
}
