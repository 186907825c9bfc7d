//! Where a fault is: places, counts, durations.

use std::time::Duration;

use super::fields::{Reader, Table};
use super::tree::{Tree, TreeKind};
use crate::script::answer::Ending;
use crate::script::fault::{Count, FaultKind, Place};

/// Places that have no number.
const PLACE_WORDS: &[(&str, Place)] = &[
    ("before_head", Place::BeforeHead),
    ("after_head", Place::AfterHead),
    ("end", Place::AtEnd),
];
const PLACE_KEYS: &[&str] = &[
    "after_event",
    "after_bytes",
    "in_event",
    "in_chunk",
    "in_character",
    "at",
];

impl Reader<'_> {
    pub(super) fn cut(&mut self, tree: &Tree, key: &str, ending: Ending) -> Option<FaultKind> {
        let at = self.place_of(tree, key, &[])?;
        Some(FaultKind::Cut { ending, at })
    }

    pub(super) fn stall(&mut self, tree: &Tree) -> Option<FaultKind> {
        let limit = match &tree.kind {
            TreeKind::Table(members) => {
                let inner = Table {
                    members,
                    span: &tree.span,
                };
                self.duration(inner, "for")
            }
            _ => None,
        };
        let at = self.place_of(tree, "stall", &["for"])?;
        let ending = Ending::Stall(limit);
        Some(FaultKind::Cut { ending, at })
    }

    /// A place as a word or as a table.
    pub(super) fn place_of(&mut self, tree: &Tree, key: &str, further: &[&str]) -> Option<Place> {
        match &tree.kind {
            TreeKind::String(_) => self.word(tree, key, PLACE_WORDS),
            _ => {
                let table = self.table(tree, &format!("`{key}`"))?;
                self.place(table, key, further)
            }
        }
    }

    pub(super) fn place(
        &mut self,
        table: Table<'_>,
        what: &str,
        further: &[&str],
    ) -> Option<Place> {
        let mut known = PLACE_KEYS.to_vec();
        known.extend_from_slice(further);
        if table.has("in_event") {
            known.push("byte");
        }
        self.check_keys(table, &known, &format!("`{what}`"));
        let mut places = table
            .members
            .iter()
            .filter(|member| PLACE_KEYS.contains(&member.key.as_str()));
        let Some(member) = places.next() else {
            let hint = format!(
                "say where: `{what} = {{ after_event = 3 }}`, `{{ after_bytes = 100 }}`, `\"before_head\"`"
            );
            self.report(table.span, format!("`{what}` says not where"), hint);
            return None;
        };
        if let Some(second) = places.next() {
            let message = format!("`{}` and `{}` are two places", member.key, second.key);
            self.report(&second.key_span, message, None);
        }
        if member.key == "at" {
            return self.word(&member.value, "at", PLACE_WORDS);
        }
        let least = if member.key.starts_with("after") {
            0
        } else {
            1
        };
        let count = self.count_of(&member.value, &member.key, least)?;
        Some(match member.key.as_str() {
            "after_event" => Place::AfterEvent(count),
            "after_bytes" => Place::AfterBytes(count),
            "in_event" => Place::InEvent(count, self.integer(table, "byte", 1)),
            "in_chunk" => Place::InChunk(count),
            _ => Place::InCharacter(count),
        })
    }

    pub(super) fn count(&mut self, table: Table<'_>, key: &str) -> Option<Count> {
        self.count_of(table.get(key)?, key, 0)
    }

    pub(super) fn count_of(&mut self, tree: &Tree, key: &str, least: u64) -> Option<Count> {
        match &tree.kind {
            TreeKind::String(_) => self.word(tree, key, &[("random", Count::Random)]),
            _ => self.integer_of(tree, key, least).map(Count::Exact),
        }
    }

    pub(super) fn required_count(&mut self, table: Table<'_>, key: &str) -> Option<Count> {
        match table.get(key) {
            Some(tree) => self.count_of(tree, key, if key == "event" { 1 } else { 0 }),
            None => {
                let hint = format!("events are counted from 1: `{key} = 3`");
                self.report(table.span, format!("`{key}` is missing"), hint);
                None
            }
        }
    }

    pub(super) fn required_duration(&mut self, table: Table<'_>, key: &str) -> Option<Duration> {
        if !table.has(key) {
            let hint = format!("say how long: `{key} = \"250ms\"`");
            self.report(table.span, format!("`{key}` is missing"), hint);
            return None;
        }
        self.duration(table, key)
    }
}
