//! A script: steps in order, defaults, and what holds for all of them.

use std::time::Duration;

use bytes::Bytes;
use regex::Regex;
use serde_json::{Map, Value};

use super::fault::Fault;
use super::matcher::Matcher;
use super::scenario::Scenario;
use crate::http::HeaderList;

/// What a server plays; see `docs/script.md`.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Path of the file, for messages; empty for a script without one.
    pub path: String,
    /// What people call it.
    pub name: Option<String>,
    /// How an agent is driven by it, where it says so.
    pub scenario: Option<Scenario>,
    /// The model that responses name; `None` names the one that the request asks for.
    pub model: Option<String>,
    /// Where random faults begin, if the script fixes it.
    pub seed: Option<u64>,
    /// Whether requests that the real API refuses are refused.
    pub is_strict_api: bool,
    /// How many tokens a request may hold before a strict server refuses it.
    pub token_budget: Option<u64>,
    /// Header fields of every answer that a step or default gives.
    pub headers: HeaderList,
    /// How a WebSocket upgrade is answered when no step is for it.
    pub websocket: WebSocketPolicy,
    /// What a request to `/responses` gets when the steps are used up.
    pub rest: Rest,
    /// The steps, first played first.
    pub steps: Vec<Step>,
    /// Answers for requests that no step is for; each may be used any number of times.
    pub defaults: Vec<Step>,
}

/// How WebSocket upgrades are answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WebSocketPolicy {
    /// They are accepted.
    #[default]
    Accept,
    /// They are refused with this status, every one or only the first ones.
    Refuse {
        /// The status: 426, 405, 403.
        status: u16,
        /// How many are refused before one is accepted; `None` for all.
        times: Option<u32>,
    },
}

/// What a request to the model gets when nothing of the script is left for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// A violation; but a script without any step answers everything with a plain "OK".
    #[default]
    Violation,
    /// A plain message "OK".
    Ok,
}

/// One step or default.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Line of its head in the file, from 1; 0 for a step without a file.
    pub line: usize,
    /// What messages call it beside its number.
    pub name: Option<String>,
    /// Whose requests it is for: others are left to other steps.
    pub when: Matcher,
    /// What a request that is for it must hold: else it is a violation.
    pub expect: Matcher,
    /// What is taken out of the request, for `{{name}}` in this step and later ones.
    pub extract: Vec<Extract>,
    /// What is done before anything is sent, and before the head.
    pub before: Vec<Beat>,
    /// What is answered.
    pub reply: Reply,
    /// Header fields beside those of the script.
    pub headers: HeaderList,
    /// What goes wrong, applied in this order.
    pub faults: Vec<Fault>,
    /// How often it answers.
    pub repeat: Repeat,
    /// Whether it may stay unused.
    pub is_optional: bool,
    /// Whether every event goes out by itself.
    pub is_flushed: bool,
    /// Whether `{{name}}` is replaced in its texts.
    pub has_templates: bool,
}

/// How often a step answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Exactly so often.
    Times(u32),
    /// Any number of times, also none.
    Any,
}

impl Default for Repeat {
    fn default() -> Self {
        Repeat::Times(1)
    }
}

/// Takes a text out of a request.
#[derive(Debug, Clone)]
pub struct Extract {
    /// What `{{name}}` calls it.
    pub name: String,
    /// Where it is.
    pub source: ExtractSource,
}

/// Where an extracted text is.
#[derive(Debug, Clone)]
pub enum ExtractSource {
    /// The first group (or all) of the last match of an expression in the body as it was sent.
    Pattern(Regex),
    /// The value at a pointer into the body.
    Pointer(crate::json::Pointer),
    /// A header field.
    Header(String),
}

/// What a step answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A response made of items, with all the events that the API sends for them.
    Response(Response),
    /// Exactly these events, and nothing around them.
    Events(Vec<Beat>),
    /// A body that is no stream, with a status.
    Body {
        /// The status.
        status: u16,
        /// The text.
        body: String,
        /// What it is when the headers do not say.
        content_type: &'static str,
    },
}

impl Default for Reply {
    fn default() -> Self {
        Reply::Response(Response::default())
    }
}

/// A response of the model.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// What the model says and does, in order.
    pub entries: Vec<Entry>,
    /// Its id; by default made from the step's number.
    pub id: Option<String>,
    /// The counts of tokens.
    pub usage: Usage,
    /// Whether the model ended its turn: `false` makes Codex ask again (0.169.0).
    pub end_turn: Option<bool>,
    /// How texts are cut into deltas.
    pub deltas: Deltas,
    /// Further members of the response object, or other values for those it has.
    pub extra: Map<String, Value>,
}

/// One thing in a reply.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An output item with its events.
    Item {
        /// The finished item. Ids that it lacks are made from its place.
        item: Map<String, Value>,
        /// How its text is cut, where it differs from the step's.
        deltas: Option<Deltas>,
    },
    /// Something between items.
    Beat(Beat),
}

/// Something that happens while a stream is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Beat {
    /// An event.
    Event(StreamEvent),
    /// Text of the stream as it is; over a WebSocket a text message.
    Raw(Bytes),
    /// A comment line; nothing over a WebSocket.
    Comment(String),
    /// A ping; nothing over HTTP.
    Ping(String),
    /// Nothing is sent for this long.
    Wait(Duration),
    /// Nothing is sent until the gate is opened.
    Gate(String),
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its `event:` field; none is written for `None`.
    pub name: Option<String>,
    /// Its data; JSON unless something is wrong on purpose.
    pub data: String,
}

/// How a text is cut into deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deltas {
    /// So many characters each; at least 1.
    Characters(u32),
    /// One for each word with the space before it.
    Words,
    /// One for the whole text.
    Whole,
    /// None: only the event with the whole text.
    None,
}

impl Default for Deltas {
    fn default() -> Self {
        Deltas::Characters(16)
    }
}

/// Counts of tokens, as the response reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Whether the response has none (`usage: null`).
    pub is_absent: bool,
    /// Tokens of the request; by default what is left of the total, or 100.
    pub input: Option<u64>,
    /// Of these, read from the cache.
    pub cached: u64,
    /// Of these, written to the cache; the member is left out when not given.
    pub cache_write: Option<u64>,
    /// Tokens of the response; by default 5, but never more than the total.
    pub output: Option<u64>,
    /// Of these, spent on reasoning.
    pub reasoning: u64,
    /// The sum, where it is to be another.
    pub total: Option<u64>,
}

impl Script {
    /// The names of all gates, each once, as they first stand in the script.
    pub fn gates(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for step in self.steps.iter().chain(&self.defaults) {
            let inside: Vec<&Beat> = match &step.reply {
                Reply::Response(response) => {
                    response.entries.iter().filter_map(Entry::beat).collect()
                }
                Reply::Events(beats) => beats.iter().collect(),
                Reply::Body { .. } => Vec::new(),
            };
            for beat in step.before.iter().chain(inside) {
                if let Beat::Gate(name) = beat
                    && !names.contains(&name.as_str())
                {
                    names.push(name);
                }
            }
        }
        names
    }

    /// How messages call a place of the script: `script.toml:12`, or `line 12`.
    pub fn location(&self, line: usize) -> String {
        match (self.path.as_str(), line) {
            (_, 0) => String::new(),
            ("", line) => format!("line {line}"),
            (path, line) => format!("{path}:{line}"),
        }
    }

    /// What messages call a step: its number from 1, its name, its line.
    pub fn step_label(&self, index: usize) -> String {
        let mut label = format!("step {}", index + 1);
        let Some(step) = self.steps.get(index) else {
            return label;
        };
        if let Some(name) = &step.name {
            label.push_str(&format!(" `{name}`"));
        }
        let location = self.location(step.line);
        if !location.is_empty() {
            label.push_str(&format!(" ({location})"));
        }
        label
    }
}

impl Entry {
    fn beat(&self) -> Option<&Beat> {
        match self {
            Entry::Beat(beat) => Some(beat),
            Entry::Item { .. } => None,
        }
    }
}

impl StreamEvent {
    /// An event whose `event:` field is the `type` of its data, as the API sends.
    pub fn of(data: &Value) -> Self {
        Self {
            name: data.get("type").and_then(Value::as_str).map(str::to_owned),
            data: data.to_string(),
        }
    }

    /// The `type` of its data, else its name.
    pub fn kind(&self) -> String {
        let typed = crate::json::Value::parse(self.data.as_str())
            .ok()
            .and_then(|data| data.node().get_string("type").map(|kind| kind.into_owned()));
        typed.or_else(|| self.name.clone()).unwrap_or_default()
    }
}

impl Usage {
    /// The member `usage` of a response.
    pub fn to_json(&self) -> Value {
        // The text is JSON.
        serde_json::from_str(&self.to_text()).unwrap_or_default()
    }

    /// The same as text: one goes out with each response.
    pub(super) fn to_text(self) -> String {
        if self.is_absent {
            return "null".to_owned();
        }
        let output = match (self.output, self.input, self.total) {
            (Some(output), _, _) => output,
            (None, Some(input), Some(total)) => total.saturating_sub(input),
            (None, None, Some(total)) => total.min(5),
            (None, _, None) => 5,
        };
        let input = match (self.input, self.total) {
            (Some(input), _) => input,
            (None, Some(total)) => total.saturating_sub(output),
            (None, None) => 100,
        };
        let written = self.cache_write.map_or_else(String::new, |written| {
            format!(r#","cache_write_tokens":{written}"#)
        });
        format!(
            r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{}{written}}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
            self.cached,
            self.reasoning,
            self.total.unwrap_or(input + output),
        )
    }
}

impl Deltas {
    /// Cuts a text; every part but the last of an empty text is not empty.
    pub fn split(self, text: &str) -> Vec<&str> {
        match self {
            Deltas::None => Vec::new(),
            _ if text.is_empty() => Vec::new(),
            Deltas::Whole => vec![text],
            Deltas::Words => split_words(text),
            Deltas::Characters(count) => split_characters(text, count.max(1) as usize),
        }
    }
}

fn split_characters(text: &str, count: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .nth(count)
            .map_or(rest.len(), |(at, _)| at);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

fn split_words(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut is_word = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && is_word {
            parts.push(&text[start..at]);
            start = at;
        }
        is_word = !c.is_whitespace();
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_put_together_are_the_text() {
        let check = |deltas: Deltas, text: &str, expect: &[&str]| {
            assert_eq!(deltas.split(text), expect, "{deltas:?}");
            if deltas != Deltas::None {
                assert_eq!(deltas.split(text).concat(), text);
            }
        };
        check(Deltas::Characters(1), "né🙂", &["n", "é", "🙂"]);
        check(Deltas::Characters(2), "abcde", &["ab", "cd", "e"]);
        let words = ["Look", "  first,", " then"];
        check(Deltas::Words, "Look  first, then", &words);
        check(Deltas::Words, " a\n", &[" a", "\n"]);
        check(Deltas::Whole, "a b", &["a b"]);
        check(Deltas::None, "a b", &[]);
        check(Deltas::Words, "", &[]);
    }

    #[test]
    fn usage_adds_up() {
        let check = |usage: Usage, input: u64, output: u64, total: u64| {
            let json = usage.to_json();
            let got = ["input_tokens", "output_tokens", "total_tokens"]
                .map(|key| json[key].as_u64().unwrap());
            assert_eq!(got, [input, output, total], "{usage:?}");
        };
        let usage = Usage::default();
        check(usage, 100, 5, 105);
        check(
            Usage {
                total: Some(1200),
                ..usage
            },
            1195,
            5,
            1200,
        );
        check(
            Usage {
                total: Some(3),
                ..usage
            },
            0,
            3,
            3,
        );
        check(
            Usage {
                input: Some(900),
                total: Some(1000),
                ..usage
            },
            900,
            100,
            1000,
        );
        check(
            Usage {
                input: Some(7),
                output: Some(8),
                ..usage
            },
            7,
            8,
            15,
        );
        check(
            Usage {
                output: Some(8),
                total: Some(10),
                ..usage
            },
            2,
            8,
            10,
        );
        assert!(
            Usage {
                is_absent: true,
                ..usage
            }
            .to_json()
            .is_null()
        );
    }
}
