//! Whether the events of an answer have the form of the recorded ones.

use std::collections::BTreeSet;

use crate::capture::{Body, Event, EventStream};
use crate::json::{Kind, Node, Pointer};

use super::deviation::Of;
use super::expected::{frame, lives};
use super::form::{Form, response};
use super::known::{USAGE_COUNTERS, USAGE_DETAILS, is_known, is_read_of_response, read_fields};
use super::sink::{Rule, Told};

fn data_at(event: usize) -> Pointer {
    response().key("events").index(event).key("data")
}

impl Form<'_, '_> {
    /// Looks at each event, then at how items and the response were told.
    pub(super) fn stream(&mut self, stream: &EventStream) {
        for (index, event) in stream.events.iter().enumerate() {
            self.event(index, event);
        }
        for (item, life) in lives(stream) {
            let missing = &self.expected.promised(&item, &life) - &life.events;
            self.missing_events(&format!("{item} item"), missing);
        }
        let is_completed = stream
            .events
            .iter()
            .any(|event| event.kind() == "response.completed");
        if is_completed {
            let missing = &self.expected.promised_frame() - &frame(stream);
            self.missing_events("response", missing);
        }
    }

    /// Tells of events that recorded answers have, those that are read apart from others.
    fn missing_events(&mut self, subject: &str, missing: BTreeSet<String>) {
        let (read, others): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|kind| read_fields(kind).is_some());
        for (names, is_read) in [(read, true), (others, false)] {
            if names.is_empty() {
                continue;
            }
            let told = Told {
                subject: Some(subject.to_owned()),
                recorded: Some(names.join(", ")),
                message: format!("told without {}", names.join(", ")),
                ..Told::default()
            };
            let rule = Rule::read("answer-event-missing", is_read);
            self.tell(rule, response().key("events"), told);
        }
    }

    fn event(&mut self, index: usize, event: &Event) {
        let kind = event.kind().into_owned();
        let Some(data) = event.data.json().map(|data| data.node()) else {
            let is_mark = matches!(&event.data, Body::Text(text) if text == "[DONE]");
            let is_empty = matches!(&event.data, Body::Empty);
            if !is_mark && !is_empty && !self.expected.kinds.contains(&kind) {
                self.unknown_event(index, &kind, "is an event whose data are no JSON");
            }
            return;
        };
        let is_recorded = self.expected.kinds.contains(&kind);
        if event.name.is_some() && data.get("type").is_none() && is_known(&kind) {
            let message = "its data have no type: clients that go by it pass over the event";
            self.unreadable(&kind, data_at(index), message);
        } else if !is_known(&kind) && !is_recorded {
            self.unknown_event(
                index,
                &kind,
                "is an event that the Responses API does not have",
            );
        }
        self.needed_fields(index, &kind, data);
        if let Some(shape) = self.expected.events.get(&kind) {
            let mut found = shape.deviation(data);
            found
                .missing
                .retain(|path| !matches!(path.as_str(), "item" | "response" | "type"));
            let fields = read_fields(&kind).unwrap_or_default();
            let of = Of {
                family: "events",
                kind: &kind,
            };
            let is_read = |path: &str| fields.contains(&path);
            self.deviation(&of, found, &data_at(index), &is_read);
        }
        if let Some(carried) = data.get("response") {
            self.carried_response(index, &kind, carried);
        }
    }

    fn unknown_event(&mut self, index: usize, kind: &str, what: &str) {
        let told = Told {
            subject: Some(kind.to_owned()),
            found: Some(kind.to_owned()),
            message: what.to_owned(),
            ..Told::default()
        };
        self.tell(Rule::note("answer-event-unknown"), data_at(index), told);
    }

    /// Demands what Codex needs of an event to do anything with it.
    fn needed_fields(&mut self, index: usize, kind: &str, data: Node<'_>) {
        for field in read_fields(kind).unwrap_or_default() {
            let wanted = match *field {
                "item" | "response" => Kind::Object,
                "delta" => Kind::String,
                _ => continue,
            };
            let found = data.get(field).map(|value| value.kind());
            if found != Some(wanted) {
                let message = match found {
                    None => format!("it has no {field}"),
                    Some(_) => format!("{field} is no {}", wanted.name()),
                };
                self.unreadable(kind, data_at(index).key(field), &message);
            }
        }
    }

    fn carried_response(&mut self, index: usize, kind: &str, carried: Node<'_>) {
        let place = data_at(index).key("response");
        let is_end = matches!(
            kind,
            "response.completed" | "response.failed" | "response.incomplete"
        );
        let mut covered = vec!["id".to_owned(), "usage".to_owned()];
        if kind == "response.completed"
            && let Some(usage) = carried.get("usage").filter(|usage| !usage.is_null())
        {
            for field in unread_usage(usage) {
                let message = format!("usage can't be read: {field} is no number");
                covered.push(format!("usage.{field}"));
                let place = place.key("usage").join(&steps(&field));
                self.unreadable(kind, place, &message);
            }
        }
        if let Some(shape) = self.expected.responses.get(kind) {
            let mut found = shape.deviation(carried);
            found.missing.retain(|path| !covered.contains(path));
            found.retyped.retain(|(path, ..)| !covered.contains(path));
            let of = Of {
                family: "responses",
                kind: &format!("response in {kind}"),
            };
            let is_read = |path: &str| is_end && is_read_of_response(first(path));
            self.deviation(&of, found, &place, &is_read);
        }
    }
}

/// A path of names as a pointer.
fn steps(path: &str) -> Pointer {
    path.split('.')
        .fold(Pointer::root(), |at, step| at.key(step))
}

/// The counters of `usage` that are no numbers.
fn unread_usage(usage: Node<'_>) -> Vec<String> {
    let is_number = |value: Option<Node<'_>>| value.is_some_and(|value| value.unsigned().is_some());
    let counters = USAGE_COUNTERS
        .iter()
        .filter(|name| !is_number(usage.get(name)));
    let mut unread: Vec<String> = counters.map(|name| (*name).to_owned()).collect();
    for (name, counter) in USAGE_DETAILS {
        let details = usage.get(name).filter(|details| !details.is_null());
        if details.is_some_and(|details| !is_number(details.get(counter))) {
            unread.push(format!("{name}.{counter}"));
        }
    }
    unread
}

/// The first step of a path.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
