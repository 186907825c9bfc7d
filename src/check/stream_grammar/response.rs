//! One response: how its stream of events begins, goes on and ends.

use crate::capture::{
    Content, End, Event, EventStream, FlatExchange, Recorded, Transport, is_terminal,
};
use crate::check::Violation;
use crate::check::attempts::View;
use crate::check::sink::Sink;
use crate::json::{Node, Pointer};
use crate::normalize::Level;
use crate::responses::{RequestKind, endpoint};

use super::item::Items;

/// Checks the events of every streamed response against what the Responses API promises.
///
/// Events of unknown types are never a violation, nor is a stream that the network cut. What recurs is told once, with
/// the exchanges.
pub(in super::super) fn check(view: &View<'_>, sink: &mut Sink) {
    for number in 0..view.flat.len() {
        let Some(stream) = stream_of(view.flat, number) else {
            continue;
        };
        let request = view.request(number);
        let kind = request.map_or(RequestKind::Other, |request| request.facts.kind);
        let response = &view.flat[number].exchange.response;
        let mut reader = Reader::new(number);
        for (index, event) in stream.events.iter().enumerate() {
            reader.read(index, event);
        }
        reader.finish(response.end, stream.partial_tail.is_some(), kind);
        for mut violation in reader.violations {
            let cause = violation.message.clone();
            violation.message = format!("{cause} in {}", view.place(number));
            sink.tell(cause, violation);
        }
    }
}

/// The stream that answers a request to the model.
fn stream_of<'f>(flat: &'f [FlatExchange<'_>], number: usize) -> Option<&'f EventStream> {
    let one = &flat[number];
    let Content::Events(stream) = &one.exchange.response.content else {
        return None;
    };
    let request = &one.exchange.request;
    let has_answer = one.transport != Transport::Handshake
        && endpoint(&request.target) == "/responses"
        && (one.transport == Transport::WebSocket || request.method == "POST");
    has_answer.then_some(stream)
}

/// Reads the events of one response in order.
pub(super) struct Reader<'e> {
    exchange: usize,
    /// Number of the first event that only a begun response has.
    begun: Option<usize>,
    /// Id of the response as first told.
    id: Option<String>,
    sequence: Option<u64>,
    /// The event that ended it: its number and type.
    end: Option<(usize, String)>,
    has_usage: bool,
    items: Items<'e>,
    pub(super) violations: Vec<Violation>,
}

/// Where the data of an event stands, from the exchange.
pub(super) fn data_at(event: usize) -> Pointer {
    let events = Pointer::root().key("response").key("events");
    events.index(event).key("data")
}

impl<'e> Reader<'e> {
    fn new(exchange: usize) -> Self {
        Self {
            exchange,
            begun: None,
            id: None,
            sequence: None,
            end: None,
            has_usage: false,
            items: Items::default(),
            violations: Vec::new(),
        }
    }

    fn tell(&mut self, rule: &'static str, level: Level, pointer: Pointer, message: String) {
        let mut violation = Violation::new(rule, level, Some(self.exchange), pointer);
        violation.message = message;
        self.violations.push(violation);
    }

    fn read(&mut self, index: usize, event: &'e Event) {
        let kind = event.kind();
        let Some(data) = event.data.json().map(|data| data.node()) else {
            return;
        };
        if !is_known(&kind) {
            return;
        }
        if let Some((_, end)) = &self.end {
            let (rule, what) = if is_terminal(&kind) {
                ("stream-end-doubled", "a second end")
            } else {
                ("stream-event-after-end", "an event")
            };
            let message = format!("{what} comes behind {end}: {kind}");
            return self.tell(rule, Level::Error, data_at(index), message);
        }
        self.read_sequence(index, data);
        self.read_begin(index, &kind, data);
        if is_terminal(&kind) {
            self.read_end(index, &kind, data);
        } else {
            let told = self.items.read(index, &kind, data);
            for (rule, pointer, message) in told {
                self.tell(rule, Level::Error, pointer, message);
            }
        }
    }

    /// `sequence_number` goes up by one with each event of the API; servers that leave it out are not asked for it.
    fn read_sequence(&mut self, index: usize, data: Node<'_>) {
        let Some(number) = data.get("sequence_number").and_then(|n| n.unsigned()) else {
            return;
        };
        if self.sequence.is_some_and(|last| number <= last) {
            let message = "sequence_number does not go up".to_owned();
            let pointer = data_at(index).key("sequence_number");
            self.tell("stream-event-order", Level::Error, pointer, message);
        }
        self.sequence = Some(number);
    }

    fn read_begin(&mut self, index: usize, kind: &str, data: Node<'_>) {
        if kind == "response.created" && self.begun.is_some() {
            let message = "response.created is not the first event".to_owned();
            self.tell("stream-event-order", Level::Error, data_at(index), message);
        }
        if kind != "error" {
            self.begun.get_or_insert(index);
        }
        let response = data.get("response");
        let Some(id) = response.and_then(|response| response.get_string("id")) else {
            return;
        };
        match &self.id {
            Some(first) if *first != id => {
                let message = format!("the response has another id in {kind}");
                let pointer = data_at(index).key("response").key("id");
                self.tell("stream-id-changed", Level::Error, pointer, message);
            }
            Some(_) => {}
            None => self.id = Some(id.into_owned()),
        }
    }

    fn read_end(&mut self, index: usize, kind: &str, data: Node<'_>) {
        self.end = Some((index, kind.to_owned()));
        let response = data.get("response");
        self.has_usage = response
            .and_then(|response| response.get("usage"))
            .is_some_and(|usage| !usage.is_null());
        if !matches!(kind, "response.completed" | "response.done") {
            return;
        }
        if response.is_none_or(|response| response.get_string("id").is_none()) {
            let message = format!("{kind} has no response id");
            let pointer = data_at(index).key("response").key("id");
            self.tell("stream-id-changed", Level::Error, pointer, message);
        }
        let output = response.and_then(|response| response.get("output"));
        let at = data_at(index).key("response").key("output");
        for (rule, pointer, message) in self.items.finish(output, &at) {
            self.tell(rule, Level::Error, pointer, message);
        }
    }

    fn finish(&mut self, end: Recorded<End>, has_tail: bool, kind: RequestKind) {
        match &self.end {
            None => {
                // What the network cut is not the server's grammar, and a capture that breaks off says nothing.
                if end == Recorded::Yes(End::Complete) && !has_tail {
                    let message = "the stream ends well without a terminal event".to_owned();
                    let pointer = Pointer::root().key("response").key("events");
                    self.tell("stream-end-missing", Level::Error, pointer, message);
                }
            }
            Some((index, name)) => {
                let is_completed = matches!(name.as_str(), "response.completed" | "response.done");
                if is_completed && !self.has_usage && kind != RequestKind::Prewarm {
                    let pointer = data_at(*index).key("response").key("usage");
                    let message = format!("{name} has no usage");
                    self.tell("stream-usage-missing", Level::Warning, pointer, message);
                }
            }
        }
    }
}

/// The events whose order and content are promised.
fn is_known(kind: &str) -> bool {
    is_terminal(kind)
        || matches!(
            kind,
            "response.created"
                | "response.queued"
                | "response.in_progress"
                | "response.output_item.added"
                | "response.output_item.done"
                | "response.content_part.added"
                | "response.content_part.done"
                | "response.output_text.delta"
                | "response.output_text.done"
                | "response.refusal.delta"
                | "response.refusal.done"
                | "response.function_call_arguments.delta"
                | "response.function_call_arguments.done"
                | "response.custom_tool_call_input.delta"
                | "response.custom_tool_call_input.done"
                | "response.reasoning_text.delta"
                | "response.reasoning_text.done"
                | "response.reasoning_summary_part.added"
                | "response.reasoning_summary_part.done"
                | "response.reasoning_summary_text.delta"
                | "response.reasoning_summary_text.done"
        )
}
