//! What of an answer later requests refer to.

use crate::capture::{Body, Event, EventStream, Response};
use crate::http::{HeaderList, PushDecoder, SseParser};
use crate::json::{Node, Value};
use crate::responses::{call_id, is_call, item_type};

/// Most that a coded answer may decode to, to find ids in it.
const MAX_DECODED: usize = 64 << 20;

/// The header field whose value a client sends back within a turn (codex 0.169.0).
pub(super) const TURN_STATE: &str = "x-codex-turn-state";

/// Names that a server gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Id of the response, if it was completed.
    pub(super) response: Option<String>,
    /// The calls, in order.
    pub(super) calls: Vec<Call>,
    /// The state of the turn.
    pub(super) turn_state: Option<String>,
}

/// A call of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    kind: String,
    name: String,
    id: String,
}

impl Call {
    /// Whether this is its id.
    pub(super) fn is_called(&self, id: &str) -> bool {
        self.id == id
    }
}

impl Received {
    /// Reads a recorded response.
    pub(super) fn of(response: &Response) -> Self {
        let mut received = Self::default();
        if let crate::capture::Content::Events(EventStream { events, .. }) = &response.content {
            let data = events.iter().filter_map(|event: &Event| event.data.json());
            data.for_each(|data| received.event(data));
        } else {
            for delivered in response.content.delivered_items() {
                received.item(delivered.item.node());
            }
        }
        let headers = response.headers.as_option();
        received.turn_state = headers
            .and_then(|headers| headers.list.get(TURN_STATE))
            .map(str::to_owned);
        received
    }

    /// Reads an answer as it came: its head, and its body with its content coding.
    pub(super) fn of_bytes(headers: &HeaderList, content: &[u8]) -> Self {
        let mut received = Self {
            turn_state: headers.get(TURN_STATE).map(str::to_owned),
            ..Self::default()
        };
        let decoded = headers
            .joined("content-encoding")
            .and_then(|coding| PushDecoder::new(&coding, MAX_DECODED))
            .and_then(|mut decoder| decoder.push(content).ok());
        let content = decoded.as_deref().unwrap_or(content);
        let mut parser = SseParser::new();
        for text in parser
            .push(content)
            .into_iter()
            .filter_map(|one| one.event.data)
        {
            if let Body::Json(data) = Body::from_text(text) {
                received.event(&data.value);
            }
        }
        received
    }

    /// Reads an event.
    pub(super) fn event(&mut self, data: &Value) {
        let node = data.node();
        match node.get_string("type").as_deref() {
            Some("response.output_item.done") => {
                if let Some(item) = node.get("item") {
                    self.item(item);
                }
            }
            Some("response.completed" | "response.done") => {
                let response = node.get("response");
                let id = response.and_then(|response| response.get_string("id"));
                self.response = id.map(|id| id.into_owned());
            }
            _ => {}
        }
    }

    fn item(&mut self, item: Node<'_>) {
        let kind = item_type(item);
        if !is_call(&kind) {
            return;
        }
        if let Some(id) = call_id(item) {
            self.calls.push(Call {
                name: item.get_string("name").unwrap_or_default().into_owned(),
                id: id.into_owned(),
                kind: kind.into_owned(),
            });
        }
    }

    /// What each of these recorded calls is called here: the call with the same place and tool. `None` where one has no
    /// counterpart.
    pub(super) fn counterparts<'a>(
        &'a self,
        recorded: &'a Self,
    ) -> Option<Vec<(&'a str, &'a str)>> {
        let is_same = |a: &Call, b: &Call| a.kind == b.kind && a.name == b.name;
        let pairs = recorded.calls.iter().zip(&self.calls);
        let are_same =
            self.calls.len() == recorded.calls.len() && pairs.clone().all(|(a, b)| is_same(a, b));
        are_same.then(|| pairs.map(|(a, b)| (&*a.id, &*b.id)).collect())
    }
}
