//! What of a capture is sent.

use std::collections::HashSet;

use crate::capture::{Body, Capture, FlatExchange, Transport, flatten, secret_header};
use crate::http::HeaderList;
use crate::responses::endpoint;

use super::chain::Chain;
use super::edit::{Edit, edited, quoted};

/// What to send, and what to say otherwise than was recorded.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Numbers of exchanges, as reports have them; empty: all.
    pub exchanges: Vec<usize>,
    /// The model to name in place of the recorded one.
    pub model: Option<String>,
    /// Header fields that are added, or stand in place of the recorded ones.
    pub headers: Vec<(String, String)>,
    /// Whether what stands before `/responses` and `/models` in recorded paths is left out: the URL of the endpoint has its own.
    pub is_relative: bool,
}

/// The requests that are sent, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is sent.
    pub steps: Vec<Step>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
    pub(super) chain: Chain,
    /// Exchanges whose credentials were refused when they were recorded.
    pub(super) was_refused: HashSet<usize>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Step {
    /// Number of the recorded exchange.
    pub exchange: usize,
    /// For a message on a WebSocket: number of the handshake.
    pub handshake: Option<usize>,
    /// `POST`, or `GET` for models; `WS` for a message on a WebSocket.
    pub method: String,
    /// Path and query: as recorded, or without what stands before the endpoint.
    pub target: String,
    /// The fields that are sent; of a message on a WebSocket those of its handshake.
    pub headers: HeaderList,
    /// The body that is sent, if nothing in it has another name by then.
    pub body: Vec<u8>,
}

/// A recorded exchange that is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Its number.
    pub exchange: usize,
    /// Why.
    pub why: Why,
}

/// Why a recorded exchange is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// Others were asked for.
    NotSelected,
    /// It is for no endpoint of the Responses API.
    OtherEndpoint,
    /// The capture does not hold its body.
    NoBody,
    /// It continues a response that is not in the capture.
    NoHistory,
}

impl Why {
    /// The end of a sentence that begins with a number of requests.
    pub fn in_words(self) -> &'static str {
        match self {
            Why::NotSelected => "not selected",
            Why::OtherEndpoint => "for other endpoints",
            Why::NoBody => "recorded without a body",
            Why::NoHistory => "continuing a response that is not in the capture",
        }
    }
}

/// Fields that belong to the recorded connection, or say how the recorded body was coded. Without `accept-encoding` the answer
/// comes as it is.
const OF_THE_CONNECTION: [&str; 8] = [
    "accept-encoding",
    "content-encoding",
    "keep-alive",
    "proxy-connection",
    "sec-websocket-protocol",
    "te",
    "trailer",
    "via",
];

impl Plan {
    /// Decides what is sent.
    pub fn new(capture: &Capture, options: &PlanOptions) -> Self {
        let flat = flatten(capture);
        let chain = Chain::new(&flat);
        let wanted: HashSet<usize> = options.exchanges.iter().copied().collect();
        let (mut steps, mut left_out) = (Vec::new(), Vec::new());
        for (exchange, one) in flat.iter().enumerate() {
            if one.transport == Transport::Handshake {
                continue;
            }
            let why = match () {
                () if !wanted.is_empty() && !wanted.contains(&exchange) => Some(Why::NotSelected),
                () if !is_for_the_api(one) => Some(Why::OtherEndpoint),
                () if lacks_body(one) => Some(Why::NoBody),
                () if !chain.has_history(exchange) => Some(Why::NoHistory),
                () => None,
            };
            match why {
                Some(why) => left_out.push(LeftOut { exchange, why }),
                None => steps.push(step(&flat, exchange, options)),
            }
        }
        let is_refused = |one: &FlatExchange<'_>| {
            let status = one.exchange.response.status.as_option();
            matches!(status, Some(Some(401 | 403)))
        };
        let refused = flat.iter().enumerate().filter(|(_, one)| is_refused(one));
        Self {
            was_refused: refused.map(|(exchange, _)| exchange).collect(),
            steps,
            left_out,
            chain,
        }
    }

    /// Bytes of all bodies.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.body.len() as u64).sum()
    }
}

impl Step {
    /// Whether it goes over a WebSocket.
    pub fn is_message(&self) -> bool {
        self.handshake.is_some()
    }
}

fn is_for_the_api(one: &FlatExchange<'_>) -> bool {
    let request = &one.exchange.request;
    match (endpoint(&request.target), request.method.as_str()) {
        ("/responses", "POST") | ("/responses/compact", "POST") | ("/models", "GET") => true,
        ("/responses", _) => one.transport == Transport::WebSocket,
        _ => false,
    }
}

fn lacks_body(one: &FlatExchange<'_>) -> bool {
    let request = &one.exchange.request;
    request.method != "GET" && matches!(request.body, Body::NotRecorded | Body::Empty)
}

fn step(flat: &[FlatExchange<'_>], exchange: usize, options: &PlanOptions) -> Step {
    let one = &flat[exchange];
    let request = &one.exchange.request;
    let owner = one.handshake.map_or(one, |at| &flat[at]);
    let recorded = owner.exchange.request.headers.as_option();
    let body = match &request.body {
        Body::NotRecorded | Body::Empty => Vec::new(),
        Body::Json(body) => edited(&body.value, &model_edit(options)).into_bytes(),
        Body::Text(text) => text.clone().into_bytes(),
        Body::Bytes(bytes) => bytes.clone(),
    };
    let headers = headers(
        recorded.map(|headers| &headers.list),
        &request.body,
        options,
    );
    Step {
        exchange,
        handshake: one.handshake,
        method: request.method.clone(),
        target: match options.is_relative {
            true => relative(&request.target),
            false => request.target.clone(),
        },
        headers,
        body,
    }
}

/// What follows the base of the API in a target: `/responses`, `/models?client_version=…`.
fn relative(target: &str) -> String {
    let query = target.find('?').map_or("", |at| &target[at..]);
    format!("{}{query}", endpoint(target))
}

/// The change that names another model, where one is to be named.
fn model_edit(options: &PlanOptions) -> Vec<(&'static str, Edit)> {
    let model = options.model.as_ref();
    let edit = model.map(|model| ("model", Edit::Set(quoted(model))));
    edit.into_iter().collect()
}

/// The recorded fields without those of the connection and without secrets, then those that are asked for.
fn headers(recorded: Option<&HeaderList>, body: &Body, options: &PlanOptions) -> HeaderList {
    let is_given = |name: &str| {
        let mut given = options.headers.iter();
        given.any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let is_kept = |name: &str| {
        let name = name.to_ascii_lowercase();
        !OF_THE_CONNECTION.contains(&name.as_str())
            && secret_header(&name).is_none()
            && !is_given(&name)
    };
    let mut headers = HeaderList::new();
    for field in recorded.iter().flat_map(|list| list.iter()) {
        if is_kept(&field.name) {
            headers.push(field.name.as_str(), field.value.as_str());
        }
    }
    let lacks = |headers: &HeaderList, name: &str| headers.get(name).is_none() && !is_given(name);
    if let Some(body) = body.json() {
        if lacks(&headers, "content-type") {
            headers.push("content-type", "application/json");
        }
        let is_stream = body
            .node()
            .get("stream")
            .and_then(|stream| stream.boolean());
        if is_stream == Some(true) && lacks(&headers, "accept") {
            headers.push("accept", "text/event-stream");
        }
    }
    for (name, value) in &options.headers {
        headers.push(name.as_str(), value.as_str());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_what_follows_the_base() {
        let check = |target: &str, expect: &str| assert_eq!(relative(target), expect);
        check("/v1/responses", "/responses");
        check("/backend-api/codex/responses/compact", "/responses/compact");
        check(
            "/v1/models?client_version=0.169.0",
            "/models?client_version=0.169.0",
        );
    }
}
