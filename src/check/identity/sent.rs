//! Requests with all the places in which they name themselves.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::capture::FlatExchange;
use crate::check::attempts::{Attempt, View};
use crate::check::profiles::Profile;
use crate::check::request::Request;
use crate::check::turn_metadata::TURN_METADATA;
use crate::http::HeaderList;
use crate::json::{Node, Pointer, Value};
use crate::responses::{RequestKind, endpoint};

use super::memory::says_memory;
use super::said::{Said, Sayings, Text};

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
            Place::InHeader(key) => request.key("headers").key(TURN_METADATA).key(key),
            Place::Client(key) => client().key(key),
            Place::InClient(key) => client().key(TURN_METADATA).key(key),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Header(name) => write!(f, "the header {name}"),
            Place::InHeader(key) => write!(f, "{key} in the header {TURN_METADATA}"),
            Place::Client(key) => write!(f, "client_metadata.{key}"),
            Place::InClient(key) => write!(f, "{key} in client_metadata.{TURN_METADATA}"),
        }
    }
}

/// Where the turn metadata stands in the headers.
pub(super) fn metadata_in_header() -> Pointer {
    Pointer::root()
        .key("request")
        .key("headers")
        .key(TURN_METADATA)
}

/// A request for a response, or the handshake of a WebSocket for such requests.
pub(super) struct Sent<'t> {
    /// Its number in the flat list of exchanges.
    pub(super) exchange: usize,
    /// How messages name it.
    pub(super) label: Name<'t>,
    /// The request with its body; `None` for a handshake, and where the body is not recorded.
    pub(super) request: Option<&'t Request>,
    /// Its own headers; a message on a WebSocket has none.
    pub(super) headers: Option<&'t HeaderList>,
    /// Position of its handshake in the list, for a message on a WebSocket.
    pub(super) handshake: Option<usize>,
    pub(super) is_handshake: bool,
    /// Whether it says in any place that it is about memories.
    pub(super) is_about_memories: bool,
    /// Whether it is sent to `/responses`, not to `/responses/compact`.
    is_of_stream: bool,
    /// `client_metadata` of the body.
    pub(super) client: Option<Node<'t>>,
    in_header: Option<Value>,
    in_client: Option<Value>,
    header_texts: Said,
    client_texts: Said,
    in_header_texts: Option<Rc<Said>>,
    in_client_texts: Option<Rc<Said>>,
}

/// What a request says in all its places, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Print {
    of_places: [u64; 4],
    handshake: Option<usize>,
}

/// A request as messages name it: `turn 2, request 3`, `the WebSocket handshake`.
pub(super) enum Name<'t> {
    Handshake,
    WarmUp,
    Attempt(&'t Attempt<'t>),
    Exchange(usize),
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Handshake => f.write_str("the WebSocket handshake"),
            Name::WarmUp => f.write_str("the warm-up"),
            Name::Attempt(attempt) => attempt.fmt(f),
            Name::Exchange(number) => write!(f, "exchange #{number}"),
        }
    }
}

/// The requests for responses and their handshakes, in the order of exchanges.
pub(super) fn sent<'v>(view: &'v View<'_>) -> Vec<Sent<'v>> {
    let mut sayings = Sayings::default();
    let mut places = HashMap::new();
    let mut list: Vec<Sent<'v>> = Vec::new();
    for (exchange, one) in view.flat.iter().enumerate() {
        if !matches!(
            endpoint(&one.exchange.request.target),
            "/responses" | "/responses/compact"
        ) {
            continue;
        }
        places.insert(exchange, list.len());
        let mut sent = Sent::new(view, exchange, one, &mut sayings);
        sent.handshake = one.handshake.and_then(|at| places.get(&at).copied());
        sent.is_about_memories = says_memory(&sent);
        list.push(sent);
    }
    list
}

impl<'t> Sent<'t> {
    fn new(
        view: &'t View<'_>,
        exchange: usize,
        flat: &'t FlatExchange<'_>,
        sayings: &mut Sayings,
    ) -> Self {
        let http = &flat.exchange.request;
        let headers = http.headers.as_option().map(|headers| &headers.list);
        let request = view.request(exchange);
        let is_handshake = http.method == "GET";
        let is_prewarm = |request: &Request| request.facts.kind == RequestKind::Prewarm;
        let label = match () {
            () if is_handshake => Name::Handshake,
            () if request.is_some_and(is_prewarm) => Name::WarmUp,
            () => view
                .attempt(exchange)
                .map_or(Name::Exchange(exchange), Name::Attempt),
        };
        let in_header = match request {
            Some(request) => request.in_header.clone(),
            None => headers.and_then(|headers| Value::parse(headers.get(TURN_METADATA)?).ok()),
        };
        let client = request.and_then(|request| request.body.get("client_metadata"));
        let in_client = request.and_then(|request| request.in_client.clone());
        Self {
            exchange,
            label,
            request,
            headers,
            handshake: None,
            is_handshake,
            is_about_memories: false,
            is_of_stream: endpoint(&http.target) == "/responses",
            client,
            header_texts: sayings.of_headers(headers),
            client_texts: sayings.of_client(client),
            in_header_texts: in_header.as_ref().map(|value| sayings.of_metadata(value)),
            in_client_texts: in_client.as_ref().map(|value| sayings.of_metadata(value)),
            in_header,
            in_client,
        }
    }

    /// What it says at a place; nothing for an empty text, as the turn of a handshake is.
    pub(super) fn value(&self, place: Place) -> Option<Text> {
        match place {
            Place::Header(name) => self.header_texts.get(name),
            Place::InHeader(key) => self.in_header_texts.as_ref()?.get(key),
            Place::Client(key) => self.client_texts.get(key),
            Place::InClient(key) => self.in_client_texts.as_ref()?.get(key),
        }
    }

    /// What is the same for requests that say the same in all their places.
    pub(super) fn print(&self) -> Print {
        let metadata = |said: &Option<Rc<Said>>| said.as_ref().map_or(0, |said| said.print());
        Print {
            of_places: [
                self.header_texts.print(),
                self.client_texts.print(),
                metadata(&self.in_header_texts),
                metadata(&self.in_client_texts),
            ],
            handshake: self.handshake,
        }
    }

    /// The first of these places that says something, with what it says.
    pub(super) fn first(&self, places: &[Place]) -> Option<(Place, Text)> {
        let mut found = places
            .iter()
            .map(|place| Some((*place, self.value(*place)?)));
        found.find_map(|one| one)
    }

    /// `prompt_cache_key` of the body.
    pub(super) fn cache_key(&self) -> Option<Cow<'t, str>> {
        self.request?.body.get("prompt_cache_key")?.string()
    }

    /// The turn metadata that speaks of this request: that of the headers, over a WebSocket that of the body.
    pub(super) fn metadata(&self) -> Option<&Value> {
        self.in_header.as_ref().or(self.in_client.as_ref())
    }

    /// Where that stands.
    pub(super) fn metadata_at(&self) -> Pointer {
        match self.in_header {
            Some(_) => metadata_in_header(),
            None => {
                let body = Pointer::root().key("request").key("body");
                body.key("client_metadata").key(TURN_METADATA)
            }
        }
    }

    /// Both copies of the turn metadata, where it has both.
    pub(super) fn copies(&self) -> Option<(&Value, &Value)> {
        Some((self.in_header.as_ref()?, self.in_client.as_ref()?))
    }

    /// A text of the turn metadata.
    pub(super) fn meta(&self, key: &str) -> Option<Text> {
        let texts = self.in_header_texts.as_ref();
        texts.or(self.in_client_texts.as_ref())?.get(key)
    }

    /// Whether it asks the model for something that ends up in a history.
    pub(super) fn is_for_model(&self) -> bool {
        self.request.is_some_and(Request::is_for_model)
    }

    /// Whether it is a request for a stream that has headers of its own.
    pub(super) fn is_post_of_responses(&self) -> bool {
        self.headers.is_some() && !self.is_handshake && self.is_of_stream
    }

    /// Whether it was made by what the profile knows: turns, compactions, sub-agents that were spawned, reviews, and memories if
    /// it says how those are marked.
    pub(super) fn is_of_known_kind(&self, profile: &Profile) -> bool {
        if self.is_about_memories {
            return !profile.headers.memory.is_empty();
        }
        let kind = self.value(Place::Header("x-openai-subagent"));
        kind.is_none_or(|kind| matches!(kind.as_ref(), "collab_spawn" | "review"))
    }
}
