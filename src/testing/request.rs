//! One captured request, as tests look at it.

use serde_json::Value;

use crate::capture::{Capture, Exchange, FlatExchange, Transport, flatten};
use crate::http::HeaderList;
use crate::json;
use crate::outline;
use crate::responses::{RequestFacts, RequestKind, call_id, is_call, item_type, message_text};

/// A request that the agent sent, with what can be asked of it.
///
/// JSON is given as [`serde_json::Value`], `Null` where a body is no JSON or nested deeper than 128 levels.
#[derive(Debug, Clone)]
pub struct Request {
    number: usize,
    exchange: Exchange,
    transport: Transport,
    headers: HeaderList,
    facts: RequestFacts,
    sent: Value,
    body: Value,
}

/// What a tool answered to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// What the model reads; the texts of several parts stand in lines of their own.
    pub text: String,
    /// Exit code of the command, where the text tells of one.
    pub exit_code: Option<i64>,
    /// Whether the tool succeeded, where the item says so or tells of an exit code.
    pub success: Option<bool>,
    /// The whole item.
    pub item: Value,
}

/// The requests of a capture in the order in which they arrived.
pub(super) fn requests(capture: &Capture) -> Vec<Request> {
    let flat = flatten(capture);
    let numbered = flat.iter().enumerate();
    let mut requests: Vec<Request> = numbered
        .map(|(number, one)| Request::new(number, one, one.handshake.map(|at| &flat[at])))
        .collect();
    // What several connections sent is told one connection after the other.
    let started = |request: &Request| request.exchange.started_ms.as_option().copied();
    requests.sort_by(|a, b| {
        started(a)
            .partial_cmp(&started(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    requests
}

impl Request {
    fn new(number: usize, flat: &FlatExchange<'_>, handshake: Option<&FlatExchange<'_>>) -> Self {
        let exchange = flat.exchange.clone().into_owned();
        let owner = handshake.map_or(&exchange, |handshake| &*handshake.exchange);
        let headers = owner.request.headers.as_option();
        let headers = headers
            .map(|headers| headers.list.clone())
            .unwrap_or_default();
        let sent = exchange.request.body.json();
        let whole = flat.expanded.as_ref().or(sent);
        let facts = RequestFacts::new(
            &exchange.request.target,
            Some(&headers),
            whole.map(json::Value::node),
        );
        Self {
            number,
            transport: flat.transport,
            sent: sent.map_or(Value::Null, to_serde),
            body: whole.map_or(Value::Null, to_serde),
            headers,
            facts,
            exchange,
        }
    }

    /// Its number in reports of the capture, from 0; all requests count.
    pub fn number(&self) -> usize {
        self.number
    }

    /// `POST`, `GET`, …; `WS` for a message on a WebSocket.
    pub fn method(&self) -> &str {
        &self.exchange.request.method
    }

    /// The path without its query; of a WebSocket message that of its handshake.
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split(['?', '#']).next().unwrap_or(target)
    }

    /// The path with its query.
    pub fn target(&self) -> &str {
        &self.exchange.request.target
    }

    /// How it travelled.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What it is for: a turn, a compaction, a prewarm, models, anything else.
    pub fn kind(&self) -> RequestKind {
        self.facts.kind
    }

    /// Whether it asks the model for something, so that steps are for it: a turn or a compaction.
    pub fn is_for_model(&self) -> bool {
        matches!(self.kind(), RequestKind::Turn | RequestKind::Compaction)
    }

    /// The thread that it belongs to.
    pub fn thread(&self) -> Option<&str> {
        self.facts.thread.as_deref()
    }

    /// The kind of sub-agent that sent it, if one did.
    pub fn subagent(&self) -> Option<&str> {
        self.facts.subagent.as_deref()
    }

    /// The value of the first header field with this name; of a WebSocket message, in its handshake.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// All header fields, as they were sent.
    pub fn headers(&self) -> &HeaderList {
        &self.headers
    }

    /// The body, its content coding undone. Of a WebSocket message that continues an earlier response the whole request that
    /// it stands for; [`sent`](Self::sent) has what travelled.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The body as it was sent.
    pub fn sent(&self) -> &Value {
        &self.sent
    }

    /// The model that is asked for.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// The base instructions; empty where they stand in `input`.
    pub fn instructions(&self) -> &str {
        self.body["instructions"].as_str().unwrap_or_default()
    }

    /// The tools.
    pub fn tools(&self) -> &[Value] {
        list(&self.body["tools"])
    }

    /// The tool with this name, or for a tool without one of this type: `web_search`.
    pub fn tool(&self, name: &str) -> Option<&Value> {
        self.tools().iter().find(|tool| tool_name(tool) == name)
    }

    /// The items of the input.
    pub fn input(&self) -> &[Value] {
        list(&self.body["input"])
    }

    /// The items of the input that have this `type`.
    pub fn items_of_type(&self, kind: &str) -> Vec<&Value> {
        let items = self.input().iter();
        items
            .filter(|item| node_of(item, |node| item_type(node) == kind))
            .collect()
    }

    /// The texts of the messages of a role: `user`, `developer`, `assistant`. An input that is one text is the user's.
    pub fn texts_of(&self, role: &str) -> Vec<String> {
        if let (Value::String(text), "user") = (&self.body["input"], role) {
            return vec![text.clone()];
        }
        let messages = self.items_of_type("message").into_iter();
        messages
            .filter(|item| item["role"] == role)
            .map(|item| node_of(item, message_text))
            .collect()
    }

    /// The call with this `call_id` in the input.
    pub fn call(&self, id: &str) -> Option<&Value> {
        self.input()
            .iter()
            .find(|item| item["call_id"] == id && node_of(item, |node| is_call(&item_type(node))))
    }

    /// What was answered to the call with this `call_id`.
    pub fn output_of(&self, id: &str) -> Option<Output> {
        let is_output = |node: json::Node<'_>| {
            call_id(node).is_some_and(|of| of == id) && !is_call(&item_type(node))
        };
        let mut items = self.input().iter();
        let item = items.find(|item| node_of(item, is_output))?;
        Some(Output::new(item))
    }

    /// The exchange in the capture, with the response and its events.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Output {
    fn new(item: &Value) -> Self {
        let output = &item["output"];
        // Some agents put the content and its success into an object.
        let content = match output {
            Value::Object(members) => members.get("content").unwrap_or(output),
            output => output,
        };
        let text = match content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> = parts
                    .iter()
                    .filter_map(|part| part["text"].as_str())
                    .collect();
                texts.join("\n")
            }
            _ => String::new(),
        };
        let exit_code = outline::exit_code(&text);
        let success = output["success"]
            .as_bool()
            .or(exit_code.map(|code| code == 0));
        Self {
            text,
            exit_code,
            success,
            item: item.clone(),
        }
    }
}

fn to_serde(value: &json::Value) -> Value {
    serde_json::from_str(value.text()).unwrap_or_default()
}

/// Asks something of a JSON value that is known of captured text.
fn node_of<T>(value: &Value, ask: impl FnOnce(json::Node<'_>) -> T) -> T {
    ask(json::Value::from_serde(value).node())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn tool_name(tool: &Value) -> &str {
    let name = tool["name"].as_str().or(tool["function"]["name"].as_str());
    name.or(tool["type"].as_str()).unwrap_or_default()
}
