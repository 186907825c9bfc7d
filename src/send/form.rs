//! Whether an answer has the form of the recorded ones: what a model may say otherwise is no difference.

use std::collections::BTreeSet;

use crate::capture::{Content, Event, EventStream, Exchange, Recorded, Transport};
use crate::diff::ExchangePair;
use crate::json::{Kind, Node, Pointer};
use crate::responses::{endpoint, item_type};
use crate::rollout::{check_codex_item, codex_item_fields};

use super::expected::{Expected, frame, lives};
use super::known::{USAGE_COUNTERS, USAGE_DETAILS, is_known, is_read_of_response, read_fields};
use super::outcome::Outcome;
use super::session::Sent;
use super::shape::Deviation;
use super::sink::{Rule, Sink, Told};

/// One answer beside what was recorded for the same request.
pub(super) struct Answered<'a> {
    pub(super) sent: &'a Sent,
    pub(super) recorded: &'a Exchange,
    pub(super) answer: &'a Exchange,
    pub(super) transport: Transport,
}

/// Compares the form of an answer.
pub(super) fn compare_form(one: &Answered<'_>, expected: &Expected, sink: &mut Sink<'_>) {
    let mut cx = Form {
        pair: ExchangePair {
            baseline: Some(one.sent.recorded),
            candidate: Some(one.sent.answered),
        },
        expected,
        sink,
    };
    let is_answered = cx.outcome(one);
    if !is_answered || !cx.content_type(one) {
        return;
    }
    match &one.answer.response.content {
        Content::Events(stream) => cx.stream(stream),
        Content::Body(body) => {
            let key = endpoint(&one.answer.request.target);
            if let (Some(body), Some(shape)) = (body.json(), expected.bodies.get(key)) {
                let found = shape.deviation(body.node());
                let place = response().key("body");
                cx.deviation(&format!("the answer of {key}"), found, &place, &|_| true);
            }
        }
        _ => {}
    }
    cx.items(one);
    cx.headers(one);
}

struct Form<'a, 'o> {
    pair: ExchangePair,
    expected: &'a Expected,
    sink: &'a mut Sink<'o>,
}

fn response() -> Pointer {
    Pointer::root().key("response")
}

fn data_at(event: usize) -> Pointer {
    response().key("events").index(event).key("data")
}

impl Form<'_, '_> {
    fn tell(&mut self, rule: Rule, pointer: Pointer, told: Told) {
        self.sink.tell(rule, self.pair, pointer, told);
    }

    /// Compares how the answers ended; whether this one has content to look at.
    fn outcome(&mut self, one: &Answered<'_>) -> bool {
        let was = Outcome::of(&one.recorded.response);
        let is = Outcome::of(&one.answer.response);
        let told = |message: String| Told {
            recorded: Some(was.in_words()),
            found: Some(is.in_words()),
            message,
            ..Told::default()
        };
        if one.sent.is_given_up {
            let message = "the answer has not ended in time".to_owned();
            let rule = Rule::error("answer-timed-out");
            self.tell(rule, response().key("end"), told(message));
            return matches!(one.answer.response.content, Content::Events(_));
        }
        match &is {
            Outcome::Missing => {
                let message = "the connection ends without an answer".to_owned();
                let rule = Rule::error("answer-missing");
                self.tell(rule, response().key("status"), told(message));
                false
            }
            Outcome::Status(status) => {
                if was != is {
                    let said = said(one.answer);
                    let message = match said.is_empty() {
                        true => format!("the request is refused with {status}"),
                        false => format!("the request is refused with {status}: {said}"),
                    };
                    let rule = Rule::error("answer-status");
                    self.tell(rule, response().key("status"), told(message));
                }
                false
            }
            Outcome::Cut(end) => {
                let message = format!("the answer breaks off ({})", end.name());
                let rule = Rule::error("answer-cut");
                self.tell(rule, response().key("end"), told(message));
                true
            }
            Outcome::Failed(kind, said) => {
                let is_recorded = matches!(&was, Outcome::Failed(other, _) if other == kind);
                if !is_recorded {
                    let message = match said.is_empty() {
                        true => format!("the response ends with {kind}"),
                        false => format!("the response ends with {kind}: {said}"),
                    };
                    let rule = Rule::error("answer-failed");
                    self.tell(rule, response().key("events"), told(message));
                }
                true
            }
            Outcome::Good => {
                let count = |exchange: &Exchange| exchange.response.content.delivered_items().len();
                if was == Outcome::Good && count(one.recorded) > 0 && count(one.answer) == 0 {
                    let message = "the response is completed without any item".to_owned();
                    let rule = Rule::read("answer-empty", true);
                    self.tell(rule, response().key("events"), told(message));
                }
                true
            }
            Outcome::Endless | Outcome::Unknown => true,
        }
    }

    /// Compares what kind of content came; whether it is the one that was asked for.
    fn content_type(&mut self, one: &Answered<'_>) -> bool {
        if one.transport != Transport::Http {
            return true;
        }
        let asked = one.answer.request.body.json();
        let stream = asked.and_then(|body| body.get("stream"));
        let wants_stream = stream.is_some_and(|stream| stream.node().boolean() == Some(true));
        let content = &one.answer.response.content;
        let is_right = match wants_stream {
            true => matches!(content, Content::Events(_)),
            false => content.body().is_some_and(|body| body.json().is_some()),
        };
        if !is_right {
            let wanted = match wants_stream {
                true => "text/event-stream",
                false => "application/json",
            };
            let headers = one.answer.response.headers.as_option();
            let found = headers.and_then(|headers| headers.list.get("content-type"));
            let told = Told {
                recorded: Some(wanted.to_owned()),
                found: found.map(str::to_owned),
                message: format!("the answer is no {wanted}"),
                ..Told::default()
            };
            let place = response().key("headers").key("content-type");
            self.tell(Rule::error("answer-content-type"), place, told);
        }
        is_right
    }

    fn stream(&mut self, stream: &EventStream) {
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
        let kind = event.kind();
        let Some(data) = event.data.json().map(|data| data.node()) else {
            let is_mark =
                matches!(&event.data, crate::capture::Body::Text(text) if text == "[DONE]");
            let is_empty = matches!(&event.data, crate::capture::Body::Empty);
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
            self.deviation(&kind, found, &data_at(index), &|path| {
                fields.contains(&path)
            });
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

    fn unreadable(&mut self, subject: &str, pointer: Pointer, message: &str) {
        let told = Told {
            subject: Some(subject.to_owned()),
            message: message.to_owned(),
            ..Told::default()
        };
        self.tell(Rule::error("answer-unreadable"), pointer, told);
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
            let subject = format!("response in {kind}");
            let is_read = |path: &str| is_end && is_read_of_response(path);
            self.deviation(&subject, found, &place, &is_read);
        }
    }

    /// Looks at the items that were delivered: first whether they can be read at all.
    fn items(&mut self, one: &Answered<'_>) {
        for delivered in one.answer.response.content.delivered_items() {
            let item = delivered.item.node();
            let kind = item_type(item);
            if let Err(reason) = check_codex_item(item.text()) {
                if !self.expected.unreadable.contains(&reason) {
                    let reason = reason.trim_start();
                    let message = format!("Codex drops the item: {reason}");
                    self.unreadable(&format!("{kind} item"), delivered.pointer, &message);
                }
                continue;
            }
            let Some(shape) = self.expected.items.get(kind.as_ref()) else {
                continue;
            };
            let mut found = shape.deviation(item);
            let is_read = |path: &str| {
                codex_item_fields(&kind).is_some_and(|mut fields| fields.any(|field| field == path))
            };
            found.added.retain(|path| !is_read(path));
            // Codex reads it all the same, or it would have dropped the item.
            let retyped = std::mem::take(&mut found.retyped);
            let subject = format!("{kind} item");
            self.deviation(&subject, found, &delivered.pointer, &is_read);
            let rest = Deviation {
                retyped,
                ..Deviation::default()
            };
            self.deviation(&subject, rest, &delivered.pointer, &|_| false);
        }
    }

    /// Tells what a value has otherwise; `is_read` says of the first step of a path whether clients read it.
    fn deviation(
        &mut self,
        subject: &str,
        found: Deviation,
        place: &Pointer,
        is_read: &dyn Fn(&str) -> bool,
    ) {
        let (read, others): (Vec<_>, Vec<_>) = found
            .missing
            .into_iter()
            .partition(|path| is_read(first(path)));
        for (paths, is_read) in [(read, true), (others, false)] {
            if paths.is_empty() {
                continue;
            }
            let told = Told {
                subject: Some(subject.to_owned()),
                recorded: Some(paths.join(", ")),
                message: format!("has no {}", paths.join(", ")),
                ..Told::default()
            };
            self.tell(
                Rule::read("answer-field-missing", is_read),
                place.clone(),
                told,
            );
        }
        for (path, was, is) in found.retyped {
            let told = Told {
                subject: Some(subject.to_owned()),
                message: format!("{path} was recorded as {was} and is {is}"),
                recorded: Some(was),
                found: Some(is.to_owned()),
            };
            let rule = Rule::read("answer-field-type", is_read(first(&path)));
            self.tell(rule, place.clone(), told);
        }
        if !found.added.is_empty() {
            let told = Told {
                subject: Some(subject.to_owned()),
                found: Some(found.added.join(", ")),
                message: format!("has also {}", found.added.join(", ")),
                ..Told::default()
            };
            self.tell(Rule::note("answer-field-added"), place.clone(), told);
        }
    }

    fn headers(&mut self, one: &Answered<'_>) {
        let (Recorded::Yes(headers), Some(expected)) =
            (&one.answer.response.headers, &self.expected.headers)
        else {
            return;
        };
        if !matches!(one.answer.response.content, Content::Events(_)) {
            return;
        }
        let lacks = |name: &&&str| headers.list.get(name).is_none();
        let missing: Vec<&str> = expected.iter().filter(lacks).copied().collect();
        if !missing.is_empty() {
            let told = Told {
                recorded: Some(missing.join(", ")),
                message: format!("the head has no {}", missing.join(", ")),
                ..Told::default()
            };
            let place = response().key("headers");
            self.tell(Rule::note("answer-header-missing"), place, told);
        }
    }
}

/// What a refusal says, in the words of the server.
fn said(answer: &Exchange) -> String {
    let text = match answer.response.content.body() {
        Some(crate::capture::Body::Json(body)) => body.value.text().to_owned(),
        Some(crate::capture::Body::Text(text)) => text.clone(),
        _ => String::new(),
    };
    super::session::said(text.as_bytes())
}

/// The first step of a path.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
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
