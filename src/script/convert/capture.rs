//! A script that plays the responses of a capture.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::shared::{event, header_pairs, script_text, usage};
use crate::capture::{
    Body, Capture, Content, End, EventStream, Exchange, FlatExchange, Recorded, Response,
    Transport, flatten, is_terminal,
};
use crate::json::Raw;
use crate::responses::{RequestFacts, RequestKind};

/// Makes the text of a script, in its JSON form, that plays the recorded responses in their order.
///
/// Requests to the model become steps; in a capture of several threads each step is for its thread, so that they may race.
/// Other endpoints become defaults. Texts are played as they are, without placeholders; pauses are left out.
pub fn script_from_capture(capture: &Capture) -> String {
    playback_of_capture(capture, None).text
}

/// A script that plays what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playback {
    /// The text of the script, in its JSON form.
    pub text: String,
    /// For each step what it plays: of a capture the exchange, numbered as [`flatten`] does; of a rollout the record with
    /// the first item of the response.
    pub steps: Vec<usize>,
}

/// Makes the script of [`script_from_capture`], with what each of its steps plays.
///
/// With a `pace` the recorded pauses before responses and between their events are played too, so many times as long.
pub fn playback_of_capture(capture: &Capture, pace: Option<f64>) -> Playback {
    let flat = flatten(capture);
    let facts: Vec<RequestFacts> = flat.iter().map(request_facts).collect();
    let threads = Threads::of(&flat, &facts);
    let (mut steps, mut played) = (Vec::new(), Vec::new());
    let mut defaults = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, (exchange, facts)) in flat.iter().zip(&facts).enumerate() {
        if exchange.transport == Transport::Handshake {
            if let Some(step) = handshake(&exchange.exchange) {
                steps.push(step);
                played.push(index);
            }
            continue;
        }
        let pauses = pace.map(|pace| Pauses::of(&exchange.exchange, pace));
        let Some(mut step) = answer(&exchange.exchange, pauses.as_ref()) else {
            continue;
        };
        // A request whose body was not recorded is taken for a turn.
        let is_bare = facts.endpoint == "/responses" && exchange.exchange.request.method == "POST";
        if is_bare || !matches!(facts.kind, RequestKind::Models | RequestKind::Other) {
            let when = threads.when(facts);
            if !when.is_empty() {
                step.insert("when".to_owned(), when.into());
            }
            steps.push(Value::Object(step));
            played.push(index);
            continue;
        }
        let method = &exchange.exchange.request.method;
        if seen.insert((method.clone(), facts.endpoint.clone())) {
            let when = json!({ "endpoint": facts.endpoint, "method": method });
            step.insert("when".to_owned(), when);
            defaults.push(Value::Object(step));
        }
    }
    let mut top = Map::new();
    top.insert("templates".to_owned(), false.into());
    top.insert("flush".to_owned(), true.into());
    Playback {
        text: script_text(top, steps, defaults),
        steps: played,
    }
}

/// The pauses of a recorded response.
struct Pauses {
    /// Before its head or, where that moment was not recorded, its first event.
    before: Option<Value>,
    /// Before each of its events.
    events: Vec<Option<Value>>,
}

impl Pauses {
    fn of(exchange: &Exchange, pace: f64) -> Self {
        let response = &exchange.response;
        let pause = |from: Option<f64>, to: Option<f64>| {
            let ms = (to? - from?) * pace;
            // What passes between two writes is no pause.
            (ms >= 1.0).then(|| Value::from(format!("{ms:.1}ms")))
        };
        let mut last = exchange.started_ms.as_option().copied();
        let head = response.headers_ms.as_option().copied();
        let before = pause(last, head);
        last = head.or(last);
        let mut events = Vec::new();
        if let Content::Events(stream) = &response.content {
            for event in &stream.events {
                let at = event.at_ms.as_option().copied();
                events.push(pause(last, at));
                last = at.or(last);
            }
        }
        Self { before, events }
    }
}

fn request_facts(exchange: &FlatExchange<'_>) -> RequestFacts {
    let request = &exchange.exchange.request;
    let headers = request.headers.as_option().map(|headers| &headers.list);
    let body = request.body.json().map(|body| body.node());
    RequestFacts::new(&request.target, headers, body)
}

/// The threads of a capture, named by the order in which they began.
struct Threads {
    ids: Vec<String>,
}

impl Threads {
    fn of(flat: &[FlatExchange<'_>], facts: &[RequestFacts]) -> Self {
        let mut ids: Vec<String> = Vec::new();
        for (exchange, facts) in flat.iter().zip(facts) {
            let is_for_model = matches!(facts.kind, RequestKind::Turn | RequestKind::Compaction)
                && exchange.transport != Transport::Handshake;
            if let Some(thread) = facts.thread.as_ref().filter(|_| is_for_model)
                && !ids.contains(thread)
            {
                ids.push(thread.clone());
            }
        }
        Self { ids }
    }

    fn when(&self, facts: &RequestFacts) -> Map<String, Value> {
        let mut when = Map::new();
        let kind = match facts.kind {
            RequestKind::Compaction => Some("compaction"),
            RequestKind::Prewarm => Some("prewarm"),
            _ => None,
        };
        if let Some(kind) = kind {
            when.insert("kind".to_owned(), kind.into());
        }
        let number = self
            .ids
            .iter()
            .position(|id| Some(id) == facts.thread.as_ref());
        if let Some(number) = number.filter(|_| self.ids.len() > 1 && kind != Some("prewarm")) {
            when.insert("thread".to_owned(), format!("thread {}", number + 1).into());
        }
        when
    }
}

/// The step of a handshake, when it says more than yes.
fn handshake(exchange: &Exchange) -> Option<Value> {
    let status = exchange.response.status.as_option().copied().flatten()?;
    let headers = exchange.response.headers.as_option()?;
    let pairs = header_pairs(&headers.list);
    let is_plain = status == 101 && pairs.as_array().is_none_or(Vec::is_empty);
    if is_plain {
        return None;
    }
    let mut step = Map::new();
    step.insert("when".to_owned(), json!({ "kind": "handshake" }));
    step.insert("optional".to_owned(), true.into());
    step.insert("headers".to_owned(), pairs);
    if status != 101 {
        step.insert("status".to_owned(), status.into());
        step.insert(
            "body".to_owned(),
            body_text(&exchange.response.content).into(),
        );
    }
    Some(Value::Object(step))
}

/// The members of a step that answer as an exchange was answered; nothing when the response is not known.
fn answer(exchange: &Exchange, pauses: Option<&Pauses>) -> Option<Map<String, Value>> {
    let response = &exchange.response;
    let mut step = Map::new();
    if let Some(wait) = pauses.and_then(|pauses| pauses.before.clone()) {
        step.insert("wait".to_owned(), wait);
    }
    if response.status == Recorded::Yes(None) {
        step.insert("events".to_owned(), json!([]));
        let fault = match response.end.as_option() {
            Some(End::Reset) => json!({ "reset": "before_head" }),
            Some(End::Stall | End::PeerClosed) => json!({ "stall": "before_head" }),
            _ => json!({ "cut": "before_head" }),
        };
        step.insert("fault".to_owned(), fault);
        return Some(step);
    }
    if let Some(headers) = response.headers.as_option() {
        let pairs = header_pairs(&headers.list);
        if pairs.as_array().is_some_and(|pairs| !pairs.is_empty()) {
            step.insert("headers".to_owned(), pairs);
        }
    }
    match &response.content {
        Content::NotRecorded | Content::Frames(_) => return None,
        Content::Digest(digest) => step.extend(digest_reply(digest)),
        Content::Events(stream) => {
            let events = stream_entries(stream, pauses);
            step.insert("events".to_owned(), events.into());
            if let Some(fault) = stream_fault(response, stream) {
                step.insert("fault".to_owned(), fault);
            }
        }
        Content::Body(_) => {
            let status = response.status.as_option().copied().flatten();
            step.insert("status".to_owned(), status.unwrap_or(200).into());
            step.insert("body".to_owned(), body_text(&response.content).into());
        }
    }
    Some(step)
}

fn stream_entries(stream: &EventStream, pauses: Option<&Pauses>) -> Vec<Value> {
    let pause = |index: usize| Some(json!({ "wait": pauses?.events.get(index)?.clone()? }));
    let mut entries: Vec<Value> = match &stream.raw {
        Some(raw) => vec![json!({ "raw": raw })],
        None => stream
            .events
            .iter()
            .enumerate()
            .flat_map(|(index, placed)| {
                let sent = event(placed.name.as_deref(), &text_of(&placed.data));
                pause(index).into_iter().chain([sent])
            })
            .collect(),
    };
    if let Some(tail) = stream
        .partial_tail
        .as_ref()
        .filter(|_| stream.raw.is_none())
    {
        entries.push(json!({ "raw": tail }));
    }
    entries
}

/// How a stream ended, when not as it should.
fn stream_fault(response: &Response, stream: &EventStream) -> Option<Value> {
    let is_whole = stream
        .events
        .last()
        .is_some_and(|event| is_terminal(&event.kind()));
    match response.end.as_option()? {
        End::Closed => Some(json!({ "cut": "end" })),
        End::Reset => Some(json!({ "reset": "end" })),
        End::Stall => Some(json!({ "stall": "end" })),
        // The agent went first: after the last event that it waits for, or because nothing more came.
        End::PeerClosed | End::ServerStopped if !is_whole => Some(json!({ "stall": "end" })),
        _ => None,
    }
}

fn text_of(body: &Body) -> String {
    match body {
        Body::NotRecorded | Body::Empty => String::new(),
        Body::Json(json) => json.value.text().to_owned(),
        Body::Text(text) => text.clone(),
        Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn body_text(content: &Content) -> String {
    content.body().map_or_else(String::new, text_of)
}

/// A digest of a response (trace bundles of codex 0.125.0–0.169.0: `response_id`, `token_usage`, `output_items`) as the
/// members of a step.
fn digest_reply(digest: &crate::json::Value) -> Map<String, Value> {
    let digest: Value = serde_json::from_str(digest.text()).unwrap_or(Value::Null);
    let items = digest.get("output_items").and_then(Value::as_array);
    let entries: Value = items
        .into_iter()
        .flatten()
        .filter(|item| item.get("type").is_some_and(Value::is_string))
        .map(|item| json!({ "item": item }))
        .collect();
    let mut step = Map::new();
    step.insert("reply".to_owned(), entries);
    if let Some(id) = digest.get("response_id").filter(|id| id.is_string()) {
        step.insert("id".to_owned(), id.clone());
    }
    if let Some(counts) = digest
        .get("token_usage")
        .filter(|counts| counts.is_object())
    {
        let counts = counts.to_string();
        step.extend(usage(Raw::new(&counts)).map(|usage| ("usage".to_owned(), usage)));
    }
    step
}
