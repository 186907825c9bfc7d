//! What a damaged span held, in words.

use std::fmt;
use std::io;

use memchr::memmem;

use super::fragment::{Fragment, read_fragment};
use super::ordinals::Missing;
use crate::json::{Problem, ProblemKind, Raw};
use crate::rollout::index::RolloutIndex;
use crate::rollout::source::RolloutSource;

/// How much of a span is read to tell what it was.
const HEAD: u64 = 8 << 10;
/// How much of a text is quoted, in characters.
const QUOTED: usize = 60;

/// What is known of a damaged span.
#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    /// What record it was.
    pub(super) fragment: Fragment,
    /// How the text of the item begins; of a part that tells nothing else, how it begins itself.
    text: Option<String>,
    /// What is damaged, where it is a record.
    part: Option<Part>,
    /// Ordinals that no record around the span has.
    missing: Option<Missing>,
    /// Whether the next record is the broken one again, complete.
    pub(super) is_said_again: bool,
}

/// What bytes of a record are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Its beginning or its end is missing.
    Record,
    /// All bytes are there, and some are not UTF-8.
    InvalidUtf8,
}

/// Tells what the first `count` damaged spans of a file held.
pub(super) fn read_losses(
    source: &RolloutSource,
    index: &RolloutIndex,
    count: usize,
) -> io::Result<Vec<Loss>> {
    let problems = &index.problems[..count.min(index.problems.len())];
    let head = |(_, problem): &(usize, Problem)| {
        problem.span.start..problem.span.end.min(problem.span.start + HEAD)
    };
    let heads: Vec<_> = problems.iter().map(head).collect();
    let mut losses = Vec::with_capacity(problems.len());
    let mut starts = Vec::with_capacity(problems.len());
    source.read_spans(&heads, |at, text| {
        let kind = problems[at].1.kind;
        let part = match kind {
            ProblemKind::InvalidUtf8 => Some(Part::InvalidUtf8),
            ProblemKind::Torn | ProblemKind::Truncated | ProblemKind::Headless => {
                Some(Part::Record)
            }
            _ => None,
        };
        let fragment = read_fragment(kind, text.as_bytes());
        let text_start = part.and_then(|_| match fragment.record_type.as_deref() {
            Some("session_meta" | "turn_context" | "world_state") => None,
            None => text_start(&text).or_else(|| Some(text.chars().take(QUOTED).collect())),
            Some(_) => text_start(&text),
        });
        losses.push(Loss {
            fragment,
            text: text_start,
            part,
            ..Loss::default()
        });
        starts.push(text.trim_ascii_end().to_owned());
    })?;
    for (at, (before, problem)) in problems.iter().enumerate() {
        let is_first = at == 0 || problems[at - 1].0 != *before;
        losses[at].missing = if is_first {
            missing(index, *before)
        } else {
            None
        };
        let is_broken = matches!(problem.kind, ProblemKind::Torn | ProblemKind::Truncated);
        if is_broken && losses[at].fragment.record_type.is_some() {
            losses[at].is_said_again = is_next(source, index, *before, &starts[at])?;
        }
    }
    Ok(losses)
}

/// The ordinals between the records around a place.
fn missing(index: &RolloutIndex, before: usize) -> Option<Missing> {
    let ordinal = |at: Option<usize>| index.entries.get(at?)?.ordinal;
    let first = ordinal(before.checked_sub(1))?.checked_add(1)?;
    let last = ordinal(Some(before))?.checked_sub(1)?;
    (first <= last).then_some(Missing { first, last })
}

/// Whether the record behind the damage begins with what is left of the broken one.
fn is_next(
    source: &RolloutSource,
    index: &RolloutIndex,
    record: usize,
    start: &str,
) -> io::Result<bool> {
    let Some(entry) = index.entries.get(record) else {
        return Ok(false);
    };
    let length = (start.len() as u64).min(entry.span.end - entry.span.start);
    let found = source.read_span(entry.span.start..entry.span.start + length)?;
    Ok(found == start)
}

/// How the text begins that a broken record holds.
fn text_start(head: &str) -> Option<String> {
    let keys = ["text", "output", "message", "arguments", "input"];
    let places = keys.iter().filter_map(|key| {
        let key = format!("\"{key}\":");
        let at = memmem::find(head.as_bytes(), key.as_bytes())?;
        let value = head[at + key.len()..]
            .trim_ascii_start()
            .strip_prefix('"')?;
        Some((at, value))
    });
    let (_, value) = places.min_by_key(|(at, _)| *at)?;
    let mut end = 0;
    let mut bytes = value.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' if bytes.next().is_none() => break,
            _ => end = at + if byte == b'\\' { 2 } else { 1 },
        }
    }
    let quoted = format!("\"{}\"", value.get(..end).unwrap_or_default());
    let text = Raw::new(&quoted).string()?;
    let start: String = text.chars().take(QUOTED).collect();
    (!start.trim().is_empty()).then_some(start)
}

impl Loss {
    /// What is lost, one sentence each; none where nothing is known to be.
    pub(super) fn sentences(&self) -> Vec<String> {
        if self.is_said_again {
            return vec![format!(
                "nothing is lost: the next record is the same again, complete ({self})"
            )];
        }
        let mut sentences = Vec::new();
        match self.part {
            Some(Part::Record) => sentences.push(format!("lost: {self}")),
            Some(Part::InvalidUtf8) => sentences.push(format!(
                "damaged: {self}; pycodex reads it with replacement characters"
            )),
            None => {}
        }
        let missing = self
            .missing
            .filter(|missing| self.part.is_none() || missing.count() > 1);
        sentences.extend(missing.map(|missing| {
            let verb = if missing.count() == 1 { "is" } else { "are" };
            format!("{missing}: {} {verb} lost", missing.records())
        }));
        sentences
    }

    /// Whether it was an item of this kind, as far as its type tells.
    pub(super) fn is_item(&self, is: impl Fn(&str) -> bool) -> bool {
        self.item_type().is_some_and(is)
    }

    /// The type of the item that it was; of files without envelopes the record's own.
    fn item_type(&self) -> Option<&str> {
        match self.fragment.record_type.as_deref()? {
            "response_item" => self.fragment.payload_type.as_deref(),
            other => Some(other),
        }
    }

    /// The type of the event that it was.
    pub(super) fn event_type(&self) -> Option<&str> {
        let is_event = self.fragment.record_type.as_deref() == Some("event_msg");
        self.fragment.payload_type.as_deref().filter(|_| is_event)
    }

    fn write_item(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        let Fragment {
            role,
            name,
            call_id,
            ..
        } = &self.fragment;
        let is = |end: &str| kind.ends_with(end);
        match (call_id, name, role) {
            _ if kind == "reasoning" => f.write_str("a reasoning item"),
            (_, _, Some(role)) => write!(f, "a {kind} of the {role}"),
            (Some(id), _, _) if is("_output") => write!(f, "the output of {id} ({kind})"),
            (Some(id), Some(name), _) if is("_call") => {
                write!(f, "the call {id} of {name} ({kind})")
            }
            (Some(id), None, _) if is("_call") => write!(f, "the call {id} ({kind})"),
            (None, Some(name), _) if is("_call") => write!(f, "a call of {name} ({kind})"),
            _ => write!(f, "an item ({kind})"),
        }
    }

    fn turn(&self) -> String {
        match &self.fragment.turn_id {
            Some(id) => format!("turn {id}"),
            None => "a turn".to_owned(),
        }
    }

    fn write_event(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        let turn = self.turn();
        match kind {
            "task_started" | "turn_started" => write!(f, "the beginning of {turn} ({kind})"),
            "task_complete" | "turn_complete" => write!(f, "the end of {turn} ({kind})"),
            "turn_aborted" => write!(f, "the interruption of {turn} ({kind})"),
            kind => write!(f, "an event ({kind})"),
        }
    }
}

impl fmt::Display for Loss {
    /// Writes what it was, to stand in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fragment {
            record_type,
            payload_type,
            call_id,
            turn_id,
            ..
        } = &self.fragment;
        match (record_type.as_deref(), payload_type.as_deref()) {
            (Some("response_item"), Some(kind)) => self.write_item(f, kind)?,
            (Some("response_item"), None) => f.write_str("a response_item")?,
            (Some("event_msg"), Some(kind)) => self.write_event(f, kind)?,
            (Some("event_msg"), None) => f.write_str("an event_msg")?,
            (Some("session_meta"), _) => f.write_str("the session_meta")?,
            (Some("compacted"), _) => f.write_str("a compaction (compacted)")?,
            (Some("turn_context"), _) => {
                write!(f, "the settings of {} (turn_context)", self.turn())?;
            }
            (Some(kind), None) if self.fragment.role.is_some() || call_id.is_some() => {
                self.write_item(f, kind)?;
            }
            (Some(kind), _) => write!(f, "a record of type {kind}")?,
            (None, _) => match (call_id, turn_id) {
                (Some(id), _) => write!(f, "a record with call_id {id}")?,
                (_, Some(id)) => write!(f, "a record of turn {id}")?,
                _ => write!(f, "a record of unknown type")?,
            },
        }
        match &self.text {
            Some(text) => write!(f, ", which begins {text:?}"),
            None => Ok(()),
        }
    }
}
