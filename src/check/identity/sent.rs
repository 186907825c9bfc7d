//! Requests with all the places in which they name themselves.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::check::attempts::View;
use crate::check::request::Request;
use crate::http::HeaderList;
use crate::json::{Kind, Node, Pointer, Value};
use crate::responses::{RequestKind, endpoint};

/// The header, and key of `client_metadata`, that holds JSON about the turn.
pub(super) const METADATA: &str = "x-codex-turn-metadata";

/// Where a request names something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A header.
    Header(&'static str),
    /// A key of the turn metadata in the headers.
    InHeader(&'static str),
    /// A key of `client_metadata` in the body.
    Client(&'static str),
    /// A key of the turn metadata in `client_metadata`.
    InClient(&'static str),
}

impl Place {
    pub(super) fn pointer(self) -> Pointer {
        let request = Pointer::root().key("request");
        let client = || request.key("body").key("client_metadata");
        match self {
            Place::Header(name) => request.key("headers").key(name),
            Place::InHeader(key) => request.key("headers").key(METADATA).key(key),
            Place::Client(key) => client().key(key),
            Place::InClient(key) => client().key(METADATA).key(key),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Header(name) => write!(f, "the header {name}"),
            Place::InHeader(key) => write!(f, "{key} in the header {METADATA}"),
            Place::Client(key) => write!(f, "client_metadata.{key}"),
            Place::InClient(key) => write!(f, "{key} in client_metadata.{METADATA}"),
        }
    }
}

/// Where the turn metadata stands in the headers.
pub(super) fn metadata_in_header() -> Pointer {
    Pointer::root().key("request").key("headers").key(METADATA)
}

/// A request for a response, or the handshake of a WebSocket for such requests.
pub(super) struct Sent<'t> {
    /// Its number in the flat list of exchanges.
    pub(super) exchange: usize,
    /// How messages name it: `turn 2, request 3`, `the WebSocket handshake`.
    pub(super) label: String,
    /// The request with its body; `None` for a handshake, and where the body is not recorded.
    pub(super) request: Option<&'t Request>,
    /// Its own headers; a message on a WebSocket has none.
    pub(super) headers: Option<&'t HeaderList>,
    /// Position of its handshake in the list, for a message on a WebSocket.
    pub(super) handshake: Option<usize>,
    pub(super) is_handshake: bool,
    /// Whether it is sent to `/responses`, not to `/responses/compact`.
    is_of_stream: bool,
    in_header: Option<Value>,
    in_client: Option<Value>,
}

/// The requests for responses and their handshakes, in the order of exchanges.
pub(super) fn sent<'t>(view: &View<'t>) -> Vec<Sent<'t>> {
    let (flat, trace) = (view.flat, view.trace);
    let numbered = trace.requests.iter().map(|one| (one.exchange, one));
    let requests: HashMap<usize, &Request> = numbered.collect();
    let mut places = HashMap::new();
    let mut list: Vec<Sent<'t>> = Vec::new();
    for (exchange, one) in flat.iter().enumerate() {
        let request = &one.exchange.request;
        if !matches!(
            endpoint(&request.target),
            "/responses" | "/responses/compact"
        ) {
            continue;
        }
        let headers = request.headers.as_option().map(|headers| &headers.list);
        let is_handshake = request.method == "GET";
        let found = requests.get(&exchange).copied();
        let label = match () {
            () if is_handshake => "the WebSocket handshake".to_owned(),
            () if found.is_some_and(is_prewarm) => "the warm-up".to_owned(),
            () => view.place(exchange),
        };
        let in_header = headers.and_then(|headers| Value::parse(headers.get(METADATA)?).ok());
        let client = found.and_then(|request| request.body.get("client_metadata"));
        let in_client = client.and_then(|map| Value::parse(map.node().get_string(METADATA)?).ok());
        places.insert(exchange, list.len());
        list.push(Sent {
            exchange,
            label,
            request: found,
            headers,
            handshake: one.handshake.and_then(|at| places.get(&at).copied()),
            is_handshake,
            is_of_stream: endpoint(&request.target) == "/responses",
            in_header,
            in_client,
        });
    }
    list
}

fn is_prewarm(request: &Request) -> bool {
    request.facts.kind == RequestKind::Prewarm
}

impl<'t> Sent<'t> {
    /// What it says at a place; nothing for an empty text, as the turn of a handshake is.
    pub(super) fn value(&self, place: Place) -> Option<String> {
        let text = match place {
            Place::Header(name) => Cow::Borrowed(self.headers?.get(name)?),
            Place::InHeader(key) => scalar(self.in_header.as_ref()?.node().get(key)?)?,
            Place::Client(key) => scalar(self.client()?.get(key)?)?,
            Place::InClient(key) => scalar(self.in_client.as_ref()?.node().get(key)?)?,
        };
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// The first of these places that says something, with what it says.
    pub(super) fn first(&self, places: &[Place]) -> Option<(Place, String)> {
        let mut found = places
            .iter()
            .map(|place| Some((*place, self.value(*place)?)));
        found.find_map(|one| one)
    }

    /// `prompt_cache_key` of the body.
    pub(super) fn cache_key(&self) -> Option<String> {
        let key = self.request?.body.node().get_string("prompt_cache_key")?;
        Some(key.into_owned())
    }

    /// `client_metadata` of the body.
    pub(super) fn client(&self) -> Option<Node<'t>> {
        self.request?.body.node().get("client_metadata")
    }

    /// The turn metadata that speaks of this request, with its place: that of the body over a WebSocket, else that of
    /// the headers.
    pub(super) fn metadata(&self) -> Option<(Pointer, &Value)> {
        match (&self.in_header, &self.in_client) {
            (Some(value), _) => Some((metadata_in_header(), value)),
            (None, Some(value)) => {
                let body = Pointer::root().key("request").key("body");
                let client = body.key("client_metadata");
                Some((client.key(METADATA), value))
            }
            (None, None) => None,
        }
    }

    /// Both copies of the turn metadata, where it has both.
    pub(super) fn copies(&self) -> Option<(&Value, &Value)> {
        Some((self.in_header.as_ref()?, self.in_client.as_ref()?))
    }

    /// A text of the turn metadata.
    pub(super) fn meta(&self, key: &str) -> Option<String> {
        let (_, value) = self.metadata()?;
        let text = scalar(value.node().get(key)?)?;
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// Whether it asks the model for something that ends up in a history.
    pub(super) fn is_for_model(&self) -> bool {
        self.request.is_some_and(Request::is_for_model)
    }

    /// Whether it is a request for a stream that has headers of its own.
    pub(super) fn is_post_of_responses(&self) -> bool {
        self.headers.is_some() && !self.is_handshake && self.is_of_stream
    }

    /// Whether it was made by what profiles know: turns, compactions, sub-agents that were spawned, reviews.
    ///
    /// How Codex marks what it does by itself beside those (memories, for one) was not observed.
    pub(super) fn is_of_known_kind(&self) -> bool {
        let kind = self.value(Place::Header("x-openai-subagent"));
        kind.is_none_or(|kind| matches!(kind.as_str(), "collab_spawn" | "review"))
    }
}

fn scalar(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.string(),
        Kind::Number => Some(Cow::Borrowed(node.text())),
        _ => None,
    }
}
