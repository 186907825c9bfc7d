//! The requests of a capture, made ready for contracts.

use std::borrow::Cow;

use crate::capture::{Content, DeliveredItem, Event, FlatExchange, Recorded, is_terminal};
use crate::json::{Kind, Node, Pointer, Value};
use crate::responses::{RequestFacts, RequestKind, endpoint, item_type};

use super::failure::Failure;
use super::input::{Input, InputPlace, Inputs};
use super::quick::QuickMap;
use super::request_body::RequestBody;
use super::turn_metadata::{TURN_METADATA, TurnMetadata};

/// All requests to the model in a capture, in order.
pub(super) struct Trace {
    pub(super) requests: Vec<Request>,
    /// Exchanges that ask for a response and of which the capture does not hold the body.
    pub(super) without_body: Vec<usize>,
}

/// One request to the model with what its response said.
pub(super) struct Request {
    /// Its number in the flat list of exchanges.
    pub(super) exchange: usize,
    pub(super) facts: RequestFacts,
    /// The whole input that it stands for; over a WebSocket with what it continues.
    pub(super) input: Input,
    /// Whether it names a response that it continues.
    is_continuation: bool,
    /// Whether all of the input is known: the response that it continues is in the capture.
    pub(super) is_whole: bool,
    /// The JSON of `x-codex-turn-metadata` of its own headers; a message on a WebSocket has none.
    pub(super) in_header: Option<Value>,
    /// That of `client_metadata`.
    pub(super) in_client: Option<Value>,
    /// Whether the body has a copy at all.
    is_in_client: bool,
    pub(super) response: ResponseFacts,
    /// How it failed; `None` when it did not, or the capture does not say.
    pub(super) failure: Option<Failure>,
    /// The version in `user-agent`, of Codex or of the Codex that a port imitates.
    pub(super) version: Option<String>,
    /// The body as sent.
    pub(super) body: RequestBody,
    /// When it began, in milliseconds on the recorder's clock.
    pub(super) started_ms: Option<f64>,
}

/// What a response said.
#[derive(Default)]
pub(super) struct ResponseFacts {
    pub(super) id: Option<String>,
    /// The items that it delivered before it ended.
    pub(super) delivered: Vec<DeliveredItem>,
    pub(super) outcome: Outcome,
    /// The usage, with its place from the exchange.
    pub(super) usage: Option<(Pointer, Value)>,
}

/// How a response ended, to the agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `response.completed`, or a whole answer that is no stream.
    Completed,
    /// It failed, broke off or was never there.
    #[default]
    Failed,
    /// The capture does not say.
    Unknown,
}

impl Trace {
    /// Reads the requests out of the flat list of a capture.
    pub(super) fn new(flat: &[FlatExchange<'_>]) -> Self {
        let mut builder = Builder::default();
        for number in 0..flat.len() {
            builder.add(flat, number);
        }
        let mut requests = builder.requests;
        let inputs = builder.inputs.finish(builder.places.into_iter());
        for (request, input) in requests.iter_mut().zip(inputs) {
            request.input = input;
        }
        Self {
            requests,
            without_body: builder.without_body,
        }
    }
}

#[derive(Default)]
struct Builder {
    /// The requests, still without their inputs.
    requests: Vec<Request>,
    /// Where the input of each request stands.
    places: Vec<InputPlace>,
    inputs: Inputs,
    without_body: Vec<usize>,
    /// Requests by the ids of their responses.
    by_response: QuickMap<String, usize>,
    metadata: TurnMetadata,
}

impl Builder {
    fn add(&mut self, flat: &[FlatExchange<'_>], number: usize) {
        let flat_exchange = &flat[number];
        let exchange = &flat_exchange.exchange;
        let owner = flat_exchange
            .handshake
            .map_or(flat_exchange, |at| &flat[at]);
        let headers = owner.exchange.request.headers.as_option();
        let headers = headers.map(|headers| &headers.list);
        let Some(body) = exchange.request.body.json() else {
            let is_sampling = exchange.request.method == "POST"
                && is_sampling(endpoint(&exchange.request.target));
            self.without_body.extend(is_sampling.then_some(number));
            return;
        };
        if !is_sampling(endpoint(&exchange.request.target)) {
            return;
        }
        let body = RequestBody::new(body);
        let client = body.get("client_metadata");
        let client = client.and_then(|map| map.get(TURN_METADATA));
        let client = client.filter(|text| text.kind() == Kind::String);
        let in_client = client.and_then(|text| self.metadata.of_body(text));
        let own = headers.filter(|_| flat_exchange.handshake.is_none());
        let header = own.and_then(|headers| headers.get(TURN_METADATA));
        let in_header = header.and_then(|text| self.metadata.of_header(text));
        let metadata = match client {
            Some(_) => &in_client,
            None => &in_header,
        };
        let metadata = metadata.as_ref().map(Value::node);
        let target = &exchange.request.target;
        let mut facts = RequestFacts::with_metadata(target, headers, Some(body.node()), metadata);
        if let Some(thread) = thread_of_trace(exchange.extra.as_ref()) {
            facts.thread = Some(thread);
        }
        let (place, is_whole) = self.whole_input(&body);
        let response = response_facts(&exchange.response, exchange.extra.as_ref());
        let mut failure = Failure::of(exchange, headers);
        if let Some(failure) = &mut failure {
            failure.facts.is_local_compaction = is_local_compaction(&facts, &body);
        }
        if let Some(id) = response.id.clone() {
            self.by_response.insert(id, self.requests.len());
        }
        self.places.push(place);
        self.requests.push(Request {
            exchange: number,
            in_header,
            in_client,
            is_in_client: client.is_some(),
            version: headers.and_then(|headers| version(headers.get("user-agent")?)),
            facts,
            input: Input::default(),
            is_continuation: body.node().get_string("previous_response_id").is_some(),
            is_whole,
            response,
            failure,
            body,
            started_ms: exchange.started_ms.as_option().copied(),
        });
    }

    /// Puts together the items that a request sends, behind those of the response that it continues; tells whether they
    /// are all.
    fn whole_input(&mut self, body: &RequestBody) -> (InputPlace, bool) {
        let input = body.get("input");
        let own = input.iter().flat_map(|input| {
            let items = input.items();
            items.map(|item| body.value.part(item))
        });
        let Some(previous) = body.node().get_string("previous_response_id") else {
            return (self.inputs.add(own.collect()), true);
        };
        let Some(number) = self.by_response.get(previous.as_ref()).copied() else {
            return (self.inputs.add(own.collect()), false);
        };
        let previous = &self.requests[number];
        let delivered = previous.response.delivered.iter();
        let delivered = delivered.map(|one| one.item.clone()).collect();
        let place = self
            .inputs
            .extend(self.places[number], delivered, own.collect());
        (place, previous.is_whole)
    }
}

/// Whether this endpoint asks for a response.
fn is_sampling(endpoint: &str) -> bool {
    matches!(endpoint, "/responses" | "/responses/compact")
}

/// Whether a request asks the model for a summary, by a prompt at the end of its input.
fn is_local_compaction(facts: &RequestFacts, body: &RequestBody) -> bool {
    let input = body.get("input");
    let last = input.and_then(|input| input.items().last());
    facts.kind == RequestKind::Compaction
        && facts.endpoint == "/responses"
        && last.is_some_and(|last| item_type(last) != "compaction_trigger")
}

/// The version in `codex_exec/0.169.0 (Debian 12.0.0; x86_64) …`.
fn version(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once('/')?;
    Some(rest.split(' ').next()?.to_owned())
}

/// Rollout-trace bundles name the thread beside the request.
fn thread_of_trace(extra: Option<&Value>) -> Option<String> {
    let started = extra?.get("started")?;
    Some(started.node().get_string("thread_id")?.into_owned())
}

fn response_facts(response: &crate::capture::Response, extra: Option<&Value>) -> ResponseFacts {
    let mut delivered = response.content.delivered_items();
    let pointer = Pointer::root().key("response");
    match &response.content {
        Content::Events(stream) => {
            let numbered = || stream.events.iter().enumerate();
            let mut facts = ResponseFacts::default();
            let end = numbered().find(|(_, event)| is_terminal(&event.kind()));
            if let Some((number, event)) = end {
                // Codex and pycodex read no further.
                delivered.retain(|item| item.event.is_none_or(|at| at < number));
                let at = pointer
                    .key("events")
                    .index(number)
                    .key("data")
                    .key("response");
                facts.read_end(event, &at);
            } else if response.end == Recorded::Lost {
                facts.outcome = Outcome::Unknown;
            }
            facts.id = facts
                .id
                .or_else(|| numbered().find_map(|(_, event)| id_of(event)));
            facts.delivered = delivered;
            facts
        }
        Content::Digest(digest) => ResponseFacts {
            id: digest
                .node()
                .get_string("response_id")
                .map(|id| id.into_owned()),
            outcome: outcome_of_trace(extra),
            usage: digest
                .get("token_usage")
                .map(|usage| (pointer.key("token_usage"), usage)),
            delivered,
        },
        Content::Body(body) => {
            let status = response.status.as_option().copied().flatten();
            let is_good = status.is_some_and(|status| (200..300).contains(&status));
            let usage = body.json().and_then(|body| body.get("usage"));
            ResponseFacts {
                id: None,
                outcome: if is_good {
                    Outcome::Completed
                } else {
                    Outcome::Failed
                },
                usage: usage.map(|usage| (pointer.key("body").key("usage"), usage)),
                delivered,
            }
        }
        _ => ResponseFacts {
            outcome: match response.status.as_option() {
                Some(_) => Outcome::Failed,
                None => Outcome::Unknown,
            },
            ..ResponseFacts::default()
        },
    }
}

impl ResponseFacts {
    /// Takes over what the event says that ends a response.
    fn read_end(&mut self, event: &Event, at: &Pointer) {
        let is_completed = matches!(
            event.kind().as_ref(),
            "response.completed" | "response.done"
        );
        self.outcome = if is_completed {
            Outcome::Completed
        } else {
            Outcome::Failed
        };
        self.id = id_of(event);
        let response = event.data.json().and_then(|data| data.get("response"));
        let usage = response.and_then(|response| response.get("usage"));
        self.usage = usage
            .filter(|usage| usage.node().kind() == Kind::Object)
            .map(|usage| (at.key("usage"), usage));
    }
}

fn id_of(event: &Event) -> Option<String> {
    let response = event.data.json()?.get("response")?;
    Some(response.node().get_string("id")?.into_owned())
}

/// How a rollout-trace bundle says that an inference call ended: by the name of the record.
fn outcome_of_trace(extra: Option<&Value>) -> Outcome {
    let ended = extra.and_then(|extra| extra.get("ended"));
    let kind = ended.and_then(|ended| Some(ended.node().get_string("type")?.into_owned()));
    match kind {
        Some(kind) if kind.ends_with("_completed") => Outcome::Completed,
        Some(_) => Outcome::Failed,
        None => Outcome::Unknown,
    }
}

impl Request {
    /// Whether it asks the model for something that ends up in a history: not a warm-up, not an unknown call.
    pub(super) fn is_for_model(&self) -> bool {
        matches!(self.facts.kind, RequestKind::Turn | RequestKind::Compaction)
    }

    /// Whether it asks for a compaction by its last item.
    pub(super) fn asks_by_trigger(&self) -> bool {
        let last = self.input.last();
        last.is_some_and(|last| item_type(last.node()) == "compaction_trigger")
    }

    /// Where the items of the whole input stand, from the exchange.
    pub(super) fn input_pointer(&self) -> Pointer {
        let request = Pointer::root().key("request");
        match self.is_continuation {
            true => request.key("effective_input"),
            false => request.key("body").key("input"),
        }
    }

    /// The turn metadata: of the body, else of the headers.
    pub(super) fn turn_metadata(&self) -> Option<Node<'_>> {
        let value = match self.is_in_client {
            true => &self.in_client,
            false => &self.in_header,
        };
        value.as_ref().map(Value::node)
    }

    /// Where the turn metadata stands, from the exchange.
    pub(super) fn turn_metadata_at(&self) -> Pointer {
        let request = Pointer::root().key("request");
        let owner = match self.is_in_client {
            true => request.key("body").key("client_metadata"),
            false => request.key("headers"),
        };
        owner.key(TURN_METADATA)
    }

    /// A text of the turn metadata; nothing for an empty one.
    pub(super) fn metadata(&self, key: &str) -> Option<Cow<'_, str>> {
        let text = self.turn_metadata()?.get_string(key)?;
        (!text.is_empty()).then_some(text)
    }
}
