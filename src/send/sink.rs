//! Where differences between answers go: each cause once, with the exchanges in which it recurs.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::diff::{Change, ExchangePair, Options, Subject};
use crate::json::Pointer;
use crate::normalize::Level;

/// A rule about answers, with the weight that its findings have here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    name: &'static str,
    level: Level,
}

impl Rule {
    pub(super) const fn error(name: &'static str) -> Self {
        Self {
            name,
            level: Level::Error,
        }
    }

    pub(super) const fn note(name: &'static str) -> Self {
        Self {
            name,
            level: Level::Note,
        }
    }

    /// A rule whose findings are warnings where clients read what it is about, else notes.
    pub(super) const fn read(name: &'static str, is_read: bool) -> Self {
        Self {
            name,
            level: if is_read { Level::Warning } else { Level::Note },
        }
    }
}

/// What is to be told.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) subject: Option<String>,
    /// What was recorded.
    pub(super) recorded: Option<String>,
    /// What is there.
    pub(super) found: Option<String>,
    /// One sentence; the same for all that has the same cause.
    pub(super) message: String,
    /// What of several it was seen in: listed under the sentence.
    pub(super) seen_in: Option<String>,
}

/// Collects differences.
pub(super) struct Sink<'o> {
    options: &'o Options,
    pub(super) changes: Vec<Change>,
    pub(super) ignore_used: Vec<bool>,
    told: HashMap<(&'static str, Level, String), usize>,
}

impl<'o> Sink<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self {
            options,
            changes: Vec::new(),
            ignore_used: vec![false; options.ignore.len()],
            told: HashMap::new(),
        }
    }

    /// Takes a difference at a place; one of the same rule and in the same words was told before.
    pub(super) fn tell(
        &mut self,
        rule: Rule,
        exchange: ExchangePair,
        pointer: Pointer,
        told: Told,
    ) {
        if !self.is_wanted(&pointer) {
            return;
        }
        let subject = told.subject.clone().unwrap_or_default();
        let words = format!("{subject} {}", told.message);
        let cause = xxh3_64(words.as_bytes());
        let key = (rule.name, rule.level, words);
        if let Some(at) = self.told.get(&key) {
            let first = &mut self.changes[*at];
            first
                .detail
                .extend(told.seen_in.filter(|name| !first.detail.contains(name)));
            let last = first.recurs.last().unwrap_or(&first.exchange);
            if *last != exchange {
                first.recurs.push(exchange);
            }
            return;
        }
        self.told.insert(key, self.changes.len());
        self.changes.push(Change {
            rule: rule.name,
            level: rule.level,
            exchange,
            recurs: Vec::new(),
            pointer,
            also: Vec::new(),
            subject: told.subject.map(Subject::named),
            beside: None,
            baseline: told.recorded,
            candidate: told.found,
            message: told.message,
            detail: told.seen_in.into_iter().collect(),
            cause,
        });
    }

    fn is_wanted(&mut self, pointer: &Pointer) -> bool {
        let only = &self.options.only;
        if !only.is_empty() && !only.iter().any(|pattern| pattern.matches(pointer)) {
            return false;
        }
        let rules = self.options.ignore.iter().zip(&mut self.ignore_used);
        let mut is_ignored = false;
        for (rule, is_used) in rules {
            if rule.pattern.is_none() && rule.pointer.matches(pointer) {
                *is_used = true;
                is_ignored = true;
            }
        }
        !is_ignored
    }
}
