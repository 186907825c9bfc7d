//! What the agent sent, thread by thread, with whole inputs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trace_diff::capture::{Content, Exchange, Headers, Transport, flatten, read_capture};
use trace_diff::responses::{RequestFacts, RequestKind, endpoint};

/// One request to the model.
pub(super) struct Sent {
    /// Number of its exchange.
    pub(super) exchange: usize,
    pub(super) kind: RequestKind,
    /// All items, also those that a WebSocket message leaves out.
    pub(super) input: Vec<Value>,
    /// Items that the response delivered.
    pub(super) delivered: Vec<Value>,
    pub(super) is_completed: bool,
    /// The turn that it names; empty for a prewarm.
    pub(super) turn: Option<String>,
}

/// The requests of each thread, threads in order of first appearance; of captures taken one after the other.
pub(super) fn threads(captures: &[PathBuf]) -> Vec<(String, Vec<Sent>)> {
    let mut threads = Vec::new();
    for capture in captures {
        add(capture, &mut threads);
    }
    threads
}

fn add(capture: &Path, threads: &mut Vec<(String, Vec<Sent>)>) {
    let capture = read_capture(capture.to_str().unwrap()).unwrap();
    let flat = flatten(&capture);
    let mut known: HashMap<String, Vec<Value>> = HashMap::new();
    for (number, one) in flat.iter().enumerate() {
        let exchange = &one.exchange;
        let target = &exchange.request.target;
        if one.transport == Transport::Handshake || !endpoint(target).starts_with("/responses") {
            continue;
        }
        let of_headers = one
            .handshake
            .map_or(exchange.as_ref(), |at| flat[at].exchange.as_ref());
        let headers = of_headers.request.headers.as_option();
        let body = exchange.request.body.json();
        let facts = RequestFacts::new(target, headers.map(|h| &h.list), body.map(|b| b.node()));
        let Some(body) = body.map(|body| serde(body.text())) else {
            continue;
        };
        let mut input = body["input"].as_array().cloned().unwrap_or_default();
        if let Some(previous) = body["previous_response_id"].as_str() {
            let mut whole = known[previous].clone();
            whole.append(&mut input);
            input = whole;
        }
        let response = response(exchange);
        if let Some(id) = &response.id {
            let mut whole = input.clone();
            whole.extend(response.items.iter().cloned());
            known.insert(id.clone(), whole);
        }
        let sent = Sent {
            turn: turn(headers, &body),
            exchange: number,
            kind: facts.kind,
            input,
            delivered: response.items,
            is_completed: response.id.is_some(),
        };
        let thread = facts.thread.unwrap_or_default();
        match threads.iter_mut().find(|(name, _)| *name == thread) {
            Some((_, requests)) => requests.push(sent),
            None => threads.push((thread, vec![sent])),
        }
    }
}

fn turn(headers: Option<&Headers>, body: &Value) -> Option<String> {
    let metadata = &body["client_metadata"];
    if let Some(turn) = metadata["turn_id"].as_str() {
        return Some(turn.to_owned());
    }
    let name = "x-codex-turn-metadata";
    let text = metadata[name].as_str();
    let text = text.or_else(|| headers?.list.get(name))?;
    serde(text)["turn_id"].as_str().map(str::to_owned)
}

struct Response {
    items: Vec<Value>,
    /// Of a completed response.
    id: Option<String>,
}

fn response(exchange: &Exchange) -> Response {
    let mut found = Response {
        items: Vec::new(),
        id: None,
    };
    match &exchange.response.content {
        Content::Events(stream) => {
            for data in stream.events.iter().filter_map(|event| event.data.json()) {
                let data = serde(data.text());
                match data["type"].as_str() {
                    Some("response.output_item.done") => found.items.push(data["item"].clone()),
                    Some("response.completed") => {
                        found.id = data["response"]["id"].as_str().map(str::to_owned);
                        break;
                    }
                    _ => {}
                }
            }
        }
        Content::Body(body) => {
            let body = body.json().map(|body| serde(body.text()));
            let output = body.as_ref().and_then(|body| body["output"].as_array());
            if let Some(items) = output {
                found.items = items.clone();
                found.id = Some(String::new());
            }
        }
        Content::Digest(digest) => {
            let digest = serde(digest.text());
            found.items = digest["output_items"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            found.id = digest["response_id"].as_str().map(str::to_owned);
        }
        _ => {}
    }
    found
}

fn serde(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
