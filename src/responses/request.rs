//! What a request is for and whose it is.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::http::HeaderList;
use crate::json::{Kind, Node, Value};

use super::item::{item_type, message_text};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKind {
    /// Asks the model to go on with a turn.
    Turn,
    /// Asks for a summary or for a compaction item.
    Compaction,
    /// Warms up a WebSocket connection (`generate: false`; codex 0.125.0 and later).
    Prewarm,
    /// Asks for the list of models.
    Models,
    /// Everything else: handshakes, telemetry, plugins, accounts.
    Other,
}

/// What can be known of a request before anything is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// Path without query and without what stands before `/responses` or `/models`.
    pub endpoint: String,
    /// What it is for.
    pub kind: RequestKind,
    /// The thread it belongs to.
    pub thread: Option<String>,
    /// What kind of sub-agent sent it (`x-openai-subagent`), if one did.
    pub subagent: Option<String>,
}

/// Takes out of a request target what says what is called: prefix of the provider and query are left out.
pub fn endpoint(target: &str) -> &str {
    let path = target.split(['?', '#']).next().unwrap_or(target);
    let path = path.strip_suffix('/').unwrap_or(path);
    for known in [
        "/responses",
        "/responses/compact",
        "/models",
        "/memories/trace_summarize",
    ] {
        if path.ends_with(known) {
            return &path[path.len() - known.len()..];
        }
    }
    path
}

/// A request target without the value of `client_version`, which every version of an agent sends otherwise.
pub fn without_version(target: &str) -> Cow<'_, str> {
    match target.split_once("client_version=") {
        Some((before, rest)) => {
            let after = rest.find('&').map_or("", |at| &rest[at..]);
            Cow::Owned(format!("{before}client_version={after}"))
        }
        None => Cow::Borrowed(target),
    }
}

/// `x-codex-turn-metadata` in the body of the request before; those of one turn have the same.
#[derive(Debug, Clone, Default)]
pub struct FormerMetadata {
    /// The JSON string that it stands in.
    text: String,
    metadata: Option<Value>,
}

impl FormerMetadata {
    /// Most bytes that are kept; those of agents have some thousands.
    const MAX_KEPT: usize = 64 << 10;
}

impl RequestFacts {
    /// Reads the facts of a request.
    ///
    /// `target` is the path with its query; `headers` of a WebSocket message are those of its handshake.
    pub fn new(target: &str, headers: Option<&HeaderList>, body: Option<Node<'_>>) -> Self {
        Self::after(target, headers, body, &mut FormerMetadata::default())
    }

    /// Like [`RequestFacts::new`], for one request after the other: metadata that the one before had is not parsed again.
    pub fn after(
        target: &str,
        headers: Option<&HeaderList>,
        body: Option<Node<'_>>,
        former: &mut FormerMetadata,
    ) -> Self {
        let metadata = turn_metadata(headers, body, former);
        Self::with_metadata(target, headers, body, metadata.as_ref().map(Value::node))
    }

    /// Like [`RequestFacts::new`], for callers that have read `x-codex-turn-metadata` of the request already: of the body, else,
    /// but for a WebSocket message, of the headers.
    pub fn with_metadata(
        target: &str,
        headers: Option<&HeaderList>,
        body: Option<Node<'_>>,
        metadata: Option<Node<'_>>,
    ) -> Self {
        let source = Source {
            headers,
            body,
            client_metadata: body.and_then(|body| body.get("client_metadata")),
            metadata,
        };
        let endpoint = endpoint(target).to_owned();
        Self {
            kind: source.kind(&endpoint),
            thread: source.thread(),
            subagent: source.subagent(),
            endpoint,
        }
    }
}

struct Source<'a> {
    headers: Option<&'a HeaderList>,
    body: Option<Node<'a>>,
    client_metadata: Option<Node<'a>>,
    metadata: Option<Node<'a>>,
}

/// `x-codex-turn-metadata`: JSON in a header, and in `client_metadata` of the body. Over a WebSocket only the body's
/// belongs to the request; the handshake's headers speak of the prewarm (codex 0.137.0 and later).
fn turn_metadata(
    headers: Option<&HeaderList>,
    body: Option<Node<'_>>,
    former: &mut FormerMetadata,
) -> Option<Value> {
    let key = "x-codex-turn-metadata";
    let in_body = body.and_then(|body| body.get("client_metadata")?.get(key));
    if let Some(member) = in_body.filter(|member| member.kind() == Kind::String) {
        if former.text == member.text() {
            return former.metadata.clone();
        }
        let metadata = Value::parse(member.string()?.into_owned()).ok();
        if member.text().len() <= FormerMetadata::MAX_KEPT {
            former.text = member.text().to_owned();
            former.metadata = metadata.clone();
        }
        return metadata;
    }
    let is_message = body.is_some_and(|b| {
        b.get_string("type")
            .is_some_and(|kind| kind == "response.create")
    });
    let in_header = headers.filter(|_| !is_message)?.get(key)?;
    Value::parse(in_header).ok()
}

impl<'a> Source<'a> {
    fn metadata(&self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.metadata?.get_string(key)?;
        (!text.is_empty()).then_some(text)
    }

    fn client_metadata(&self, key: &str) -> Option<Cow<'a, str>> {
        self.client_metadata?.get_string(key)
    }

    fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.headers?.get(name).map(Cow::Borrowed)
    }

    fn kind(&self, endpoint: &str) -> RequestKind {
        match endpoint {
            "/responses/compact" => RequestKind::Compaction,
            "/models" => RequestKind::Models,
            "/responses" => self.responses_kind(),
            _ => RequestKind::Other,
        }
    }

    fn responses_kind(&self) -> RequestKind {
        let Some(body) = self.body else {
            return RequestKind::Other;
        };
        if body.get("generate").and_then(|g| g.boolean()) == Some(false) {
            return RequestKind::Prewarm;
        }
        match self.metadata("request_kind").as_deref() {
            Some("compaction") => return RequestKind::Compaction,
            Some("prewarm") => return RequestKind::Prewarm,
            _ => {}
        }
        let last = body.get("input").and_then(|input| input.items().last());
        if last.is_some_and(is_compaction_request) {
            RequestKind::Compaction
        } else {
            RequestKind::Turn
        }
    }

    /// The thread that most places of the request name; one place that disagrees must not tear it from its thread.
    fn thread(&self) -> Option<String> {
        let window = |text: Cow<'a, str>| match text {
            Cow::Borrowed(text) => Some(Cow::Borrowed(text.rsplit_once(':')?.0)),
            Cow::Owned(text) => Some(Cow::Owned(text.rsplit_once(':')?.0.to_owned())),
        };
        let places = [
            self.client_metadata("thread_id"),
            self.metadata("thread_id"),
            self.header("thread-id"),
            self.header("x-client-request-id"),
            self.header("x-codex-window-id").and_then(window),
            self.client_metadata("x-codex-window-id").and_then(window),
            self.header("session_id"),
            self.header("conversation_id"),
            self.header("session-id"),
            self.body
                .and_then(|body| body.get_string("prompt_cache_key")),
        ];
        let votes = |name: &str| {
            places
                .iter()
                .flatten()
                .filter(|other| *other == name)
                .count()
        };
        let best = places
            .iter()
            .flatten()
            .enumerate()
            .max_by_key(|(i, name)| (votes(name), std::cmp::Reverse(*i)));
        best.map(|(_, name)| name.clone().into_owned())
    }

    fn subagent(&self) -> Option<String> {
        let named = self
            .header("x-openai-subagent")
            .or_else(|| self.client_metadata("x-openai-subagent"))
            .or_else(|| self.metadata("subagent_kind"));
        named.map(Cow::into_owned)
    }
}

/// How the prompt of a local compaction begins.
const PROMPT: &str = "You are performing a CONTEXT CHECKPOINT COMPACTION";

/// The last item of a compaction request: a trigger item (codex 0.153.4 and later, remote), or the prompt of a local
/// compaction, whose first words are the same in codex 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1.
fn is_compaction_request(item: Node<'_>) -> bool {
    match item_type(item).as_ref() {
        "compaction_trigger" => true,
        "message" => may_hold_prompt(item) && message_text(item).trim_start().starts_with(PROMPT),
        _ => false,
    }
}

/// Whether the strings of a value can hold the prompt; looking for it takes less time than to resolve all escapes.
fn may_hold_prompt(value: Node<'_>) -> bool {
    static FINDERS: LazyLock<[Finder<'_>; 2]> = LazyLock::new(|| [PROMPT, "\\u"].map(Finder::new));
    let text = value.text().as_bytes();
    FINDERS.iter().any(|finder| finder.find(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_lose_prefix_and_query() {
        assert_eq!(endpoint("/v1/responses"), "/responses");
        assert_eq!(
            endpoint("/some/gateway/v1/responses/compact?x=1"),
            "/responses/compact"
        );
        assert_eq!(endpoint("/v1/models?client_version=0.169.0"), "/models");
        assert_eq!(
            endpoint("/backend-api/wham/usage"),
            "/backend-api/wham/usage"
        );
    }

    #[test]
    fn a_request_says_what_it_is_for() {
        let kind = |body: &str| {
            let body = Value::parse(body).unwrap();
            RequestFacts::new("/v1/responses", None, Some(body.node())).kind
        };
        assert_eq!(kind(r#"{"input":[]}"#), RequestKind::Turn);
        assert_eq!(
            kind(r#"{"input":[],"generate":false}"#),
            RequestKind::Prewarm
        );
        assert_eq!(
            kind(r#"{"input":[{"type":"compaction_trigger"}]}"#),
            RequestKind::Compaction
        );
        let metadata =
            r#"{"client_metadata":{"x-codex-turn-metadata":"{\"request_kind\":\"compaction\"}"}}"#;
        assert_eq!(kind(metadata), RequestKind::Compaction);
    }
}
