//! Requests that continue a response: what they stand for, and what they say when the response has another name.

use std::collections::HashMap;

use crate::capture::{FlatExchange, Transport};
use crate::json::Value;

use super::edit::{Edit, edited, quoted};
use super::received::Received;

/// What the requests of a capture continue.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// By the numbers of exchanges.
    links: Vec<Link>,
    /// Exchanges by the states of a turn that their answers began with.
    turn_states: HashMap<String, usize>,
}

#[derive(Debug, Clone, Default)]
struct Link {
    body: Option<Value>,
    /// The request with the whole input, where the recorder knew it.
    expanded: Option<Value>,
    /// The exchange whose response is continued; always an earlier one.
    previous: Option<usize>,
    /// Whether a response is continued.
    is_continuing: bool,
    /// The items that were delivered.
    delivered: Vec<Value>,
    received: Received,
}

const PREVIOUS: &str = "previous_response_id";

impl Chain {
    pub(super) fn new(flat: &[FlatExchange<'_>]) -> Self {
        let mut by_id: HashMap<String, usize> = HashMap::new();
        let mut turn_states = HashMap::new();
        let mut links: Vec<Link> = Vec::with_capacity(flat.len());
        for (number, one) in flat.iter().enumerate() {
            let response = &one.exchange.response;
            let body = one.exchange.request.body.json();
            let previous = body.and_then(|body| body.node().get_string(PREVIOUS));
            let received = Received::of(response);
            let link = Link {
                body: body.cloned(),
                expanded: one.expanded.clone(),
                previous: previous
                    .as_ref()
                    .and_then(|id| by_id.get(id.as_ref()).copied()),
                is_continuing: previous.is_some(),
                delivered: match one.transport {
                    Transport::Handshake => Vec::new(),
                    _ => response
                        .content
                        .delivered_items()
                        .into_iter()
                        .map(|delivered| delivered.item)
                        .collect(),
                },
                received,
            };
            if let Some(id) = link.received.response.clone() {
                by_id.insert(id, number);
            }
            if let Some(state) = link.received.turn_state.clone() {
                turn_states.entry(state).or_insert(number);
            }
            links.push(link);
        }
        Self { links, turn_states }
    }

    /// Whether it is known what a request stands for.
    pub(super) fn has_history(&self, exchange: usize) -> bool {
        let link = &self.links[exchange];
        !link.is_continuing || link.expanded.is_some() || self.ancestors(exchange).is_some()
    }

    /// The exchange whose response a request continues.
    pub(super) fn previous(&self, exchange: usize) -> Option<usize> {
        self.links[exchange].previous
    }

    pub(super) fn is_continuing(&self, exchange: usize) -> bool {
        self.links[exchange].is_continuing
    }

    /// The exchange whose answer first told this state of a turn.
    pub(super) fn teller_of(&self, turn_state: &str) -> Option<usize> {
        self.turn_states.get(turn_state).copied()
    }

    /// Those that a request continues, first one first, itself last; `None` where one is missing.
    fn ancestors(&self, exchange: usize) -> Option<Vec<usize>> {
        let mut chain = vec![exchange];
        let mut at = exchange;
        while self.links[at].is_continuing {
            at = self.links[at].previous?;
            chain.push(at);
        }
        chain.reverse();
        Some(chain)
    }

    /// The request with the whole recorded history, that continues nothing. `body` is what is sent of it.
    pub(super) fn whole(&self, exchange: usize, body: &Value) -> String {
        let link = &self.links[exchange];
        if !link.is_continuing {
            return body.text().to_owned();
        }
        let input = match link.expanded.as_ref().and_then(|whole| whole.get("input")) {
            Some(input) => input.text().to_owned(),
            None => self.put_together(exchange),
        };
        edited(
            body,
            &[("input", Edit::Set(input)), (PREVIOUS, Edit::Remove)],
        )
    }

    fn put_together(&self, exchange: usize) -> String {
        // A plan has no requests without history.
        let chain = self.ancestors(exchange).unwrap_or_else(|| vec![exchange]);
        let mut texts: Vec<&str> = Vec::new();
        for at in &chain {
            let link = &self.links[*at];
            let input = link.body.as_ref().and_then(|body| body.node().get("input"));
            texts.extend(
                input
                    .iter()
                    .flat_map(|input| input.items())
                    .map(|item| item.text()),
            );
            if *at != exchange {
                texts.extend(link.delivered.iter().map(Value::text));
            }
        }
        format!("[{}]", texts.join(","))
    }

    /// The request as it continues what this server answered: its id for the response, and its ids for the calls whose
    /// outputs are sent. `None` where the answer has no such calls: then the server can't make sense of the outputs.
    pub(super) fn continued(
        &self,
        exchange: usize,
        body: &Value,
        received: &Received,
    ) -> Option<String> {
        let previous = self.links[exchange].previous?;
        let id = received.response.as_ref()?;
        let names = received.counterparts(&self.links[previous].received);
        let input = body.get("input");
        let items = input.iter().flat_map(|input| {
            let items = input.node().items();
            items.map(|item| input.part(item))
        });
        let known = &self.links[previous].received.calls;
        let mut texts = Vec::new();
        for item in items {
            let call = item.node().get_string("call_id");
            let is_answered = call
                .as_ref()
                .is_some_and(|call| known.iter().any(|one| one.is_called(call)));
            let text = match call.filter(|_| is_answered) {
                None => item.text().to_owned(),
                Some(call) => {
                    let mut names = names.as_ref()?.iter();
                    let (_, now) = names.find(|(was, _)| *was == call)?;
                    edited(&item, &[("call_id", Edit::Set(quoted(now)))])
                }
            };
            texts.push(text);
        }
        let mut edits = vec![(PREVIOUS, Edit::Set(quoted(id)))];
        if input.is_some_and(|input| input.node().kind() == crate::json::Kind::Array) {
            edits.push(("input", Edit::Set(format!("[{}]", texts.join(",")))));
        }
        Some(edited(body, &edits))
    }
}

/// A message on a WebSocket as the body of an HTTP request.
pub(super) fn as_post(message: &str) -> String {
    let Ok(message) = Value::parse(message) else {
        return message.to_owned();
    };
    edited(
        &message,
        &[
            ("type", Edit::Remove),
            ("generate", Edit::Remove),
            ("stream", Edit::Default("true".to_owned())),
        ],
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capture::{Capture, flatten, read_capture_bytes};

    /// Two requests, the second of which continues the response of the first, and sends the output of a call.
    fn recorded() -> Capture {
        let call =
            json!({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"});
        let exchange = |n: u32, body: serde_json::Value, id: &str| {
            let events = [
                json!({"type": "response.output_item.done", "item": call}),
                json!({"type": "response.completed", "response": {"id": id}}),
            ];
            let events =
                events.map(|data| json!({"at_ms": 1, "event": data["type"], "data": data}));
            let line = json!({
                "format": "raw-exchange/1", "seq": n, "transport": "http", "method": "POST", "path": "/v1/responses",
                "request": {"headers": [], "body_kind": "json-compact", "body": body},
                "response": {"status": 200, "headers": [], "events": events, "ended": "complete"},
            });
            format!("{line}\n")
        };
        let first = exchange(
            1,
            json!({"model": "m", "input": [{"type": "message", "role": "user"}]}),
            "resp_1",
        );
        let output =
            json!({"type": "function_call_output", "call_id": "call_1", "output": "call_1"});
        let body = json!({"model": "m", "previous_response_id": "resp_1", "input": [output]});
        let second = exchange(2, body, "resp_2");
        let text = format!("{first}{second}");
        read_capture_bytes("-", text.into_bytes()).expect("it is a capture")
    }

    fn received(id: &str, calls: &[(&str, &str)]) -> Received {
        let mut received = Received::default();
        for (name, call) in calls {
            let item = json!({"type": "function_call", "name": name, "call_id": call});
            let data = json!({"type": "response.output_item.done", "item": item});
            received.event(&Value::from_serde(&data));
        }
        let data = json!({"type": "response.completed", "response": {"id": id}});
        received.event(&Value::from_serde(&data));
        received
    }

    #[test]
    fn a_response_and_its_calls_are_called_as_the_server_calls_them() {
        let capture = recorded();
        let flat = flatten(&capture);
        let chain = Chain::new(&flat);
        let body = flat[1].exchange.request.body.json().expect("it is JSON");
        let check = |received: Received, expect: Option<&str>| {
            let text = chain.continued(1, body, &received);
            assert_eq!(text.as_deref(), expect);
        };
        check(
            received("resp_x", &[("f", "call_x")]),
            Some(
                r#"{"model":"m","previous_response_id":"resp_x","input":[{"type":"function_call_output","call_id":"call_x","output":"call_1"}]}"#,
            ),
        );
        check(received("resp_x", &[("g", "call_x")]), None);
        check(received("resp_x", &[]), None);
        check(Received::default(), None);
    }

    #[test]
    fn a_request_stands_for_all_that_it_continues() {
        let capture = recorded();
        let flat = flatten(&capture);
        let chain = Chain::new(&flat);
        let body = flat[1].exchange.request.body.json().expect("it is JSON");
        let whole = Value::parse(chain.whole(1, body)).expect("it is JSON");
        assert!(whole.get(PREVIOUS).is_none());
        let input = whole.get("input").expect("it has an input");
        let types: Vec<_> = input
            .node()
            .items()
            .filter_map(|item| item.get_string("type"))
            .collect();
        assert_eq!(types, ["message", "function_call", "function_call_output"]);
        let alone = Chain::new(&flat[1..]);
        assert!(chain.has_history(1) && !alone.has_history(0));
    }

    #[test]
    fn a_message_becomes_the_body_of_a_request() {
        assert_eq!(
            as_post(r#"{"type":"response.create","generate":true,"model":"m"}"#),
            r#"{"model":"m","stream":true}"#
        );
        assert_eq!(as_post("{"), "{");
    }
}
