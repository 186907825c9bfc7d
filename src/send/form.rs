//! Whether an answer has the form of the recorded ones: what a model may say otherwise is no difference.

use crate::capture::{Body, Content, Exchange, Recorded, Transport};
use crate::diff::ExchangePair;
use crate::json::Pointer;
use crate::responses::{endpoint, item_type};
use crate::rollout::{check_codex_item, codex_item_fields};

use super::deviation::Of;
use super::expected::Expected;
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
                let of = Of {
                    family: "bodies",
                    kind: key,
                };
                cx.deviation(&of, found, &place, &|_| true);
            }
        }
        _ => {}
    }
    cx.emptiness(one);
    cx.items(one);
    cx.headers(one);
}

/// The comparison of one answer.
pub(super) struct Form<'a, 'o> {
    pair: ExchangePair,
    pub(super) expected: &'a Expected,
    sink: &'a mut Sink<'o>,
}

pub(super) fn response() -> Pointer {
    Pointer::root().key("response")
}

impl Form<'_, '_> {
    pub(super) fn tell(&mut self, rule: Rule, pointer: Pointer, told: Told) {
        self.sink.tell(rule, self.pair, pointer, told);
    }

    /// Compares how the answers ended; whether this one has content to look at.
    fn outcome(&mut self, one: &Answered<'_>) -> bool {
        let was = Outcome::of(&one.recorded.response);
        let is = match one.sent.status {
            None => Outcome::Missing,
            Some(_) => Outcome::of(&one.answer.response),
        };
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
            Outcome::Good | Outcome::Endless | Outcome::Unknown => true,
        }
    }

    /// Compares whether there is anything in a response that is completed.
    fn emptiness(&mut self, one: &Answered<'_>) {
        let is_good = |exchange: &Exchange| Outcome::of(&exchange.response) == Outcome::Good;
        let count = |exchange: &Exchange| exchange.response.content.delivered_items().len();
        let (recorded, answer) = (one.recorded, one.answer);
        if is_good(recorded) && is_good(answer) && count(recorded) > 0 && count(answer) == 0 {
            let told = Told {
                message: "the response is completed without any item".to_owned(),
                ..Told::default()
            };
            let rule = Rule::read("answer-empty", true);
            self.tell(rule, response().key("events"), told);
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

    /// Looks at the items that were delivered: first whether they can be read at all.
    fn items(&mut self, one: &Answered<'_>) {
        for delivered in one.answer.response.content.delivered_items() {
            let item = delivered.item.node();
            let kind = item_type(item);
            if let Err(reason) = check_codex_item(item.text()) {
                if !self.expected.unreadable.contains(&reason) {
                    let reason = reason.trim_start();
                    let message = format!("Codex drops the item: {reason}");
                    self.unreadable(&format!("{kind} item"), delivered.pointer(), &message);
                }
                continue;
            }
            let Some(shape) = self.expected.items.get(kind.as_ref()) else {
                continue;
            };
            let mut found = shape.deviation(item);
            // What is needed within a field was there, or the item would have been dropped. Nothing depends on `status`.
            let is_read = |path: &str| {
                let mut fields = codex_item_fields(&kind).into_iter().flatten();
                path != "status" && fields.any(|field| field == path)
            };
            found
                .added
                .retain(|path| path != "status" && !is_read(path));
            // Codex reads it all the same, or it would have dropped the item.
            let retyped = std::mem::take(&mut found.retyped);
            let of = Of {
                family: "items",
                kind: &format!("{kind} item"),
            };
            self.deviation(&of, found, &delivered.pointer(), &is_read);
            let rest = Deviation {
                retyped,
                ..Deviation::default()
            };
            self.deviation(&of, rest, &delivered.pointer(), &|_| false);
        }
    }

    pub(super) fn unreadable(&mut self, subject: &str, pointer: Pointer, message: &str) {
        let told = Told {
            subject: Some(subject.to_owned()),
            message: message.to_owned(),
            ..Told::default()
        };
        self.tell(Rule::error("answer-unreadable"), pointer, told);
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
        Some(Body::Json(body)) => body.value.text().to_owned(),
        Some(Body::Text(text)) => text.clone(),
        _ => String::new(),
    };
    super::session::said(text.as_bytes())
}
