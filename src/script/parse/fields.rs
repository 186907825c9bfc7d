//! Reading a tree key by key, with every problem noted in place.

use std::ops::Range;
use std::time::Duration;

use regex::Regex;

use super::tree::{Member, Tree, TreeKind};
use crate::json::{SourceProblem, bad_regex};

/// Words that people use for what a script calls otherwise.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("abort", "reset"),
    ("args", "arguments"),
    ("at_event", "after_event"),
    ("close_after", "cut"),
    ("compact", "compaction"),
    ("content", "text"),
    ("count", "repeat"),
    ("delay", "wait"),
    ("disconnect", "cut"),
    ("drop_connection", "cut"),
    ("error", "failed"),
    ("expected", "expect"),
    ("faults", "fault"),
    ("function", "call"),
    ("function_call", "call"),
    ("hang", "stall"),
    ("header", "headers"),
    ("headers", "header"),
    ("if", "when"),
    ("local_shell", "shell"),
    ("match", "when"),
    ("matches", "when"),
    ("message", "text"),
    ("output", "reply"),
    ("path", "endpoint"),
    ("replies", "reply"),
    ("response", "reply"),
    ("search", "web_search"),
    ("sleep", "wait"),
    ("sleep_ms", "wait"),
    ("step", "steps"),
    ("steps", "step"),
    ("summary", "reasoning"),
    ("times", "repeat"),
    ("timeout", "stall"),
    ("tokens", "usage"),
    ("tool", "call"),
    ("tool_call", "call"),
    ("truncate", "cut"),
];

/// A script while it is read.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// Where its lines end: a script made of a long capture has thousands of steps, each with its line.
    newlines: Vec<usize>,
    pub(super) problems: Vec<SourceProblem>,
}

/// A table of the text.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    pub(super) members: &'t [Member],
    pub(super) span: &'t Range<usize>,
}

impl<'t> Table<'t> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'t Tree> {
        self.member(key).map(|member| &member.value)
    }

    /// A key with its value.
    pub(super) fn member(&self, key: &str) -> Option<&'t Member> {
        self.members.iter().find(|member| member.key == key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.member(key).is_some()
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            newlines: memchr::memchr_iter(b'\n', text.as_bytes()).collect(),
            problems: Vec::new(),
        }
    }

    /// Notes a problem of the bytes at `span`.
    pub(super) fn report(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        let problem = SourceProblem::new(self.text, span.clone(), message, hint.into());
        self.problems.push(problem);
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.newlines.partition_point(|at| *at < span.start) + 1
    }

    /// Reports keys that are not known here; `what` names the table: `a step`.
    pub(super) fn check_keys(&mut self, table: Table<'_>, known: &[&str], what: &str) {
        self.check_keys_or(table, known, what, |_| None);
    }

    /// The same, where `elsewhere` may know where a key belongs.
    pub(super) fn check_keys_or(
        &mut self,
        table: Table<'_>,
        known: &[&str],
        what: &str,
        elsewhere: impl Fn(&str) -> Option<String>,
    ) {
        for member in table.members {
            if !known.contains(&member.key.as_str()) {
                let message = format!("{what} has no key `{}`", member.key);
                let hint = elsewhere(&member.key).or_else(|| key_hint(&member.key, known));
                self.report(&member.key_span, message, hint);
            }
        }
    }

    /// The value as a table.
    pub(super) fn table<'t>(&mut self, tree: &'t Tree, what: &str) -> Option<Table<'t>> {
        match &tree.kind {
            TreeKind::Table(members) => Some(Table {
                members,
                span: &tree.span,
            }),
            _ => {
                self.wrong_type(tree, what, "a table");
                None
            }
        }
    }

    /// The values of a list; a single value is a list of one.
    pub(super) fn one_or_more<'t>(&self, tree: &'t Tree) -> &'t [Tree] {
        match &tree.kind {
            TreeKind::List(items) => items,
            _ => std::slice::from_ref(tree),
        }
    }

    /// Says that a value is of another type than wanted.
    pub(super) fn wrong_type(&mut self, tree: &Tree, what: &str, wanted: &str) {
        let message = format!("{what} is {}, not {wanted}", tree.type_name());
        self.report(&tree.span, message, None);
    }

    /// The string at a key.
    pub(super) fn string(&mut self, table: Table<'_>, key: &str) -> Option<String> {
        self.string_of(table.get(key)?, key)
    }

    /// The value as a string.
    pub(super) fn string_of(&mut self, tree: &Tree, key: &str) -> Option<String> {
        match &tree.kind {
            TreeKind::String(text) => Some(text.clone()),
            _ => {
                self.wrong_type(tree, &format!("`{key}`"), "a string");
                None
            }
        }
    }

    /// The strings at a key: one or a list.
    pub(super) fn strings(&mut self, table: Table<'_>, key: &str) -> Vec<String> {
        let Some(tree) = table.get(key) else {
            return Vec::new();
        };
        let items = self.one_or_more(tree);
        items
            .iter()
            .filter_map(|item| self.string_of(item, key))
            .collect()
    }

    /// The boolean at a key.
    pub(super) fn boolean(&mut self, table: Table<'_>, key: &str) -> Option<bool> {
        let tree = table.get(key)?;
        match tree.kind {
            TreeKind::Bool(value) => Some(value),
            _ => {
                self.wrong_type(tree, &format!("`{key}`"), "true or false");
                None
            }
        }
    }

    /// The whole number at a key, not below `least`.
    pub(super) fn integer(&mut self, table: Table<'_>, key: &str, least: u64) -> Option<u64> {
        self.integer_of(table.get(key)?, key, least)
    }

    /// The value as a whole number, not below `least`.
    pub(super) fn integer_of(&mut self, tree: &Tree, key: &str, least: u64) -> Option<u64> {
        let TreeKind::Number(text) = &tree.kind else {
            self.wrong_type(tree, &format!("`{key}`"), "a number");
            return None;
        };
        let value = text.parse::<u64>().ok().filter(|value| *value >= least);
        if value.is_none() {
            let message = format!("`{key}` is {text}, not a whole number from {least}");
            self.report(&tree.span, message, None);
        }
        value
    }

    /// The duration at a key: `250ms`, `2s`.
    pub(super) fn duration(&mut self, table: Table<'_>, key: &str) -> Option<Duration> {
        self.duration_of(table.get(key)?, key)
    }

    /// The value as a duration.
    pub(super) fn duration_of(&mut self, tree: &Tree, key: &str) -> Option<Duration> {
        let found = match &tree.kind {
            TreeKind::String(text) => parse_duration(text),
            _ => None,
        };
        if found.is_none() {
            let message = format!("`{key}` is no duration");
            let hint = match &tree.kind {
                TreeKind::Number(number) => {
                    format!("give it a unit: \"{number}ms\", \"{number}s\"")
                }
                _ => "write a number with its unit: \"250ms\", \"2s\", \"1m\"".to_owned(),
            };
            self.report(&tree.span, message, hint);
        }
        found
    }

    /// The regular expression of a string.
    pub(super) fn regex_of(&mut self, tree: &Tree, key: &str) -> Option<Regex> {
        let text = self.string_of(tree, key)?;
        match Regex::new(&text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.report(&tree.span, bad_regex(&error), None);
                None
            }
        }
    }

    /// The word at a key, out of a list of words.
    pub(super) fn word<T: Copy>(
        &mut self,
        tree: &Tree,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string_of(tree, key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{key}` can't be `{text}`");
            self.report(&tree.span, message, key_hint(&text, &names));
        }
        found.map(|(_, value)| *value)
    }

    /// The JSON value at a key as a `serde_json` value.
    pub(super) fn json(&mut self, tree: &Tree) -> Option<serde_json::Value> {
        match serde_json::from_str(&tree.to_json()) {
            Ok(value) => Some(value),
            Err(_) => {
                self.report(
                    &tree.span,
                    "this JSON is nested too deeply or holds a number out of range",
                    None,
                );
                None
            }
        }
    }
}

/// A hint for a key that is not known: the nearest one, or all.
pub(super) fn key_hint(name: &str, known: &[&str]) -> Option<String> {
    let other = OTHER_WORDS
        .iter()
        .find(|(word, key)| *word == name && known.contains(key))
        .map(|(_, key)| *key);
    let near = || {
        similar::get_close_matches(name, known, 1, 0.6)
            .first()
            .copied()
    };
    let hint = match other.or_else(near) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys here are `{}`", known.join("`, `")),
    };
    Some(hint)
}

/// Reads `250ms`, `2s`, `1.5s`, `1m`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("2"), None);
        assert_eq!(parse_duration("-2s"), None);
        assert_eq!(parse_duration("s"), None);
        assert_eq!(parse_duration("2 weeks"), None);
    }
}
