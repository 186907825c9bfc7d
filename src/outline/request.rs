//! Whose a request of a capture is, and what turn it belongs to.

use crate::capture::{Exchange, FlatExchange, Headers};
use crate::json::{Node, Value};
use crate::responses::{RequestFacts, RequestKind};

/// What a request says of itself, its thread and its turn.
pub(super) struct Request {
    pub(super) kind: RequestKind,
    pub(super) thread: Option<String>,
    pub(super) session: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) name: Option<String>,
    pub(super) turn: Option<String>,
    pub(super) forked_from: Option<String>,
    pub(super) model: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) originator: Option<String>,
    pub(super) agent_version: Option<String>,
    pub(super) previous_response: Option<String>,
    pub(super) compaction: Option<CompactionFacts>,
}

/// What a request says of the compaction it is for (codex 0.153.4 and later).
pub(super) struct CompactionFacts {
    pub(super) trigger: Option<String>,
}

/// Reads what a request says; a message on a WebSocket has the headers of its handshake.
pub(super) fn read_request(exchange: &FlatExchange<'_>, flat: &[FlatExchange<'_>]) -> Request {
    let owner = exchange.handshake.map_or(exchange, |at| &flat[at]);
    let request = &exchange.exchange.request;
    let headers = owner.exchange.request.headers.as_option();
    let body = request.body.json().map(|body| body.node());
    let facts = RequestFacts::new(&request.target, headers.map(|h| &h.list), body);
    let is_message = exchange.handshake.is_some();
    let metadata = turn_metadata(headers.filter(|_| !is_message), body);
    let traced = traced(&exchange.exchange);
    let source = Source {
        headers,
        body,
        metadata: metadata.as_ref().map(Value::node),
        traced: traced.as_ref().map(Value::node),
    };
    let compaction = source
        .metadata
        .and_then(|metadata| metadata.get("compaction"));
    Request {
        kind: match facts.kind {
            RequestKind::Other => source.traced_kind().unwrap_or(RequestKind::Other),
            kind => kind,
        },
        thread: source.traced("thread_id").or(facts.thread),
        session: source.any("session_id", &["session-id", "session_id"]),
        parent: source.any("parent_thread_id", &["x-codex-parent-thread-id"]),
        name: source.metadata("agent_name").filter(|name| name != "/root"),
        turn: source.turn(),
        forked_from: source.metadata("forked_from_thread_id"),
        model: body
            .and_then(|body| owned(body, "model"))
            .or_else(|| source.traced("model")),
        provider: source.traced("provider_name"),
        originator: source.header("originator"),
        agent_version: source
            .header("user-agent")
            .and_then(|agent| version(&agent)),
        previous_response: body.and_then(|body| owned(body, "previous_response_id")),
        compaction: compaction.map(|facts| CompactionFacts {
            trigger: owned(facts, "trigger"),
        }),
    }
}

fn owned(node: Node<'_>, key: &str) -> Option<String> {
    let text = node.get_string(key)?.into_owned();
    (!text.is_empty()).then_some(text)
}

fn turn_metadata(headers: Option<&Headers>, body: Option<Node<'_>>) -> Option<Value> {
    const KEY: &str = "x-codex-turn-metadata";
    let in_body = body.and_then(|body| owned(body.get("client_metadata")?, KEY));
    let in_header = || headers?.list.get(KEY).map(str::to_owned);
    Value::parse(in_body.or_else(in_header)?).ok()
}

/// What a rollout trace says beside the payload.
fn traced(exchange: &Exchange) -> Option<Value> {
    exchange.extra.as_ref()?.get("started")
}

struct Source<'a> {
    headers: Option<&'a Headers>,
    body: Option<Node<'a>>,
    metadata: Option<Node<'a>>,
    traced: Option<Node<'a>>,
}

impl Source<'_> {
    fn header(&self, name: &str) -> Option<String> {
        self.headers?.list.get(name).map(str::to_owned)
    }

    fn metadata(&self, key: &str) -> Option<String> {
        owned(self.metadata?, key)
    }

    fn traced(&self, key: &str) -> Option<String> {
        owned(self.traced?, key)
    }

    /// What a call of a trace is for whose payload is missing or only a summary.
    fn traced_kind(&self) -> Option<RequestKind> {
        let kinds = [
            ("compaction_request_id", RequestKind::Compaction),
            ("inference_call_id", RequestKind::Turn),
        ];
        let found = kinds.iter().find(|(key, _)| self.traced(key).is_some());
        found.map(|(_, kind)| *kind)
    }

    fn client_metadata(&self, key: &str) -> Option<String> {
        owned(self.body?.get("client_metadata")?, key)
    }

    fn any(&self, key: &str, headers: &[&str]) -> Option<String> {
        self.metadata(key)
            .or_else(|| self.client_metadata(key))
            .or_else(|| headers.iter().find_map(|name| self.header(name)))
    }

    fn turn(&self) -> Option<String> {
        self.traced("codex_turn_id")
            .or_else(|| self.metadata("turn_id"))
            .or_else(|| self.client_metadata("turn_id"))
    }
}

/// The version in a user agent such as `codex_exec/0.169.0 (Debian 12; x86_64)`.
fn version(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once('/')?;
    let version = rest.split([' ', '/', '(']).next()?;
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_owned())
}
