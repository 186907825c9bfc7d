//! What the records of one input look like, learned from the complete ones.
//!
//! Behind damage this tells the beginning of a record from an inner part of one: by the sequence of its keys.

use std::ops::Range;

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;

use super::scanner::{KEY_LIMIT, Outcome, Scanner};

/// How many different things of a kind are remembered; an input with more varied records is known less well.
const MEMORY: usize = 256;
/// Bytes of inner objects that are looked at, over the whole input.
const INNER_BUDGET: usize = 1 << 20;
/// Inner objects of one record that are looked at.
const INNER_PER_RECORD: usize = 8;

/// The keys of an object in order, as one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(u64);

/// The sequence of `keys`, which are spans of `text`; `None` without a key.
pub(super) fn shape(text: &[u8], keys: &[Range<usize>]) -> Option<Shape> {
    if keys.is_empty() {
        return None;
    }
    let mix = |sum: u64, key: &Range<usize>| {
        (sum.rotate_left(7) ^ xxh3_64(&text[key.clone()])).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    Some(Shape(keys.iter().fold(0, mix)))
}

#[derive(Default)]
pub(super) struct Habits {
    last: Option<Shape>,
    shapes: Vec<Shape>,
    first_keys: Vec<FirstKey>,
    /// Shapes of inner objects that begin with the first key of a record.
    inner_shapes: Vec<Shape>,
    inner_used: usize,
    /// Whether a record was spread over lines.
    pub(super) has_multi_line: bool,
    /// Whether a record was followed by another on the same line.
    pub(super) has_shared_line: bool,
    has_records: bool,
}

struct FirstKey {
    /// With its quotes.
    text: Box<[u8]>,
    is_also_inner: bool,
}

impl Habits {
    /// Takes in one complete record that `scanner` has just read.
    pub(super) fn learn(&mut self, text: &[u8], scanner: &Scanner) {
        self.has_records = true;
        self.has_multi_line |= scanner.has_line_break();
        let keys = scanner.keys();
        let Some(shape) = shape(text, keys) else {
            return;
        };
        if self.last != Some(shape) {
            self.last = Some(shape);
            remember(&mut self.shapes, shape);
            self.remember_first_key(&text[keys[0].clone()]);
        }
        if scanner.repeats_first_key() && self.inner_used < INNER_BUDGET {
            self.learn_inner(text, keys[0].clone());
        }
    }

    pub(super) fn has_records(&self) -> bool {
        self.has_records
    }

    pub(super) fn knows_objects(&self) -> bool {
        !self.shapes.is_empty()
    }

    /// Whether a record had exactly these keys and no inner object seen had.
    pub(super) fn is_record_shape(&self, shape: Shape) -> bool {
        self.shapes.contains(&shape) && !self.inner_shapes.contains(&shape)
    }

    /// Whether records begin with this key.
    pub(super) fn is_first_key(&self, key: &[u8]) -> bool {
        self.first_keys.iter().any(|first| *first.text == *key)
    }

    /// Whether records begin with this key and no inner object seen does.
    pub(super) fn is_record_key(&self, key: &[u8]) -> bool {
        self.first_keys
            .iter()
            .any(|first| *first.text == *key && !first.is_also_inner)
    }

    fn remember_first_key(&mut self, key: &[u8]) {
        if !self.is_first_key(key) && self.first_keys.len() < MEMORY {
            self.first_keys.push(FirstKey {
                text: key.into(),
                is_also_inner: false,
            });
        }
    }

    /// Notes the inner objects of a record that begin as the record does, as far as the budget allows.
    fn learn_inner(&mut self, text: &[u8], key: Range<usize>) {
        let name = &text[key.clone()];
        if let Some(first) = self
            .first_keys
            .iter_mut()
            .find(|first| *first.text == *name)
        {
            first.is_also_inner = true;
        }
        let mut scanner = Scanner::new(KEY_LIMIT);
        for found in memmem::find_iter(&text[key.end..], name).take(INNER_PER_RECORD) {
            let before = text[..key.end + found].trim_ascii_end();
            if !before.ends_with(b"{") {
                continue;
            }
            let inner = &text[before.len() - 1..];
            scanner.reset();
            if let Outcome::Complete(length) = scanner.run(inner) {
                self.inner_used += length;
                if let Some(shape) = shape(inner, scanner.keys()) {
                    remember(&mut self.inner_shapes, shape);
                }
            }
        }
        self.inner_used += 1;
    }
}

fn remember(shapes: &mut Vec<Shape>, shape: Shape) {
    if shapes.len() < MEMORY && !shapes.contains(&shape) {
        shapes.push(shape);
    }
}
