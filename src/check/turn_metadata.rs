//! `x-codex-turn-metadata`, parsed once however many requests say the same.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::json::{Node, Value};

use super::quick::QuickMap;

/// The header, and key of `client_metadata`, that holds JSON about the turn.
pub(super) const TURN_METADATA: &str = "x-codex-turn-metadata";

/// The turn metadata of a capture: all requests of a turn have the same text.
#[derive(Default)]
pub(super) struct TurnMetadata {
    /// What the texts say, by a hash of each; `None` for a text that is no JSON.
    by_text: QuickMap<u128, Option<Value>>,
}

/// Where a text comes from: a string in a body is hashed with its escapes.
#[derive(Clone, Copy)]
enum Form {
    Plain = 0,
    Quoted = 1,
}

impl TurnMetadata {
    /// Reads a header's value.
    pub(super) fn of_header(&mut self, text: &str) -> Option<Value> {
        self.of(Form::Plain, text, || Value::parse(text).ok())
    }

    /// Reads a string of a body.
    pub(super) fn of_body(&mut self, node: Node<'_>) -> Option<Value> {
        let parse = || Value::parse(node.string()?).ok();
        self.of(Form::Quoted, node.text(), parse)
    }

    fn of(
        &mut self,
        form: Form,
        text: &str,
        parse: impl FnOnce() -> Option<Value>,
    ) -> Option<Value> {
        let key = xxh3_128_with_seed(text.as_bytes(), form as u64);
        self.by_text.entry(key).or_insert_with(parse).clone()
    }
}
