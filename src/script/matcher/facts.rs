//! A request as matchers see it.

use super::Kind;
use crate::http::HeaderList;
use crate::json::{Node, Value};
use crate::responses::{self, FormerMetadata, RequestFacts, RequestKind};

/// One request, as the server read it.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// Its number in the capture, from 0, for messages.
    pub number: usize,
    /// The method; for a WebSocket message that of its handshake.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The header fields; for a WebSocket message those of its handshake.
    pub headers: &'a HeaderList,
    /// The decoded body, if it is JSON; for a WebSocket message the message.
    pub body: Option<&'a Value>,
    /// Seconds since 1970, for dates in answers.
    pub now: u64,
}

/// What is known of a request.
pub(in crate::script) struct Facts<'a> {
    pub(in crate::script) request: RequestView<'a>,
    pub(in crate::script) endpoint: String,
    pub(in crate::script) kind: Kind,
    pub(in crate::script) thread: Option<String>,
    pub(in crate::script) subagent: Option<String>,
}

/// The text of a message or an output.
pub(in crate::script) struct InputText {
    /// Where it stands.
    pub(in crate::script) pointer: String,
    pub(in crate::script) text: String,
    pub(in crate::script) is_of_user: bool,
}

impl<'a> Facts<'a> {
    /// Reads the facts of a request.
    pub(in crate::script) fn new(request: RequestView<'a>) -> Self {
        Self::after(request, &mut FormerMetadata::default())
    }

    /// Reads the facts of one request after the other.
    pub(in crate::script) fn after(request: RequestView<'a>, former: &mut FormerMetadata) -> Self {
        let body = request.body.map(Value::node);
        let facts = RequestFacts::after(request.target, Some(request.headers), body, former);
        let kind = match facts.kind {
            RequestKind::Turn => Kind::Turn,
            RequestKind::Compaction => Kind::Compaction,
            RequestKind::Prewarm => Kind::Prewarm,
            RequestKind::Models | RequestKind::Other => Kind::Other,
        };
        Self {
            kind,
            thread: facts.thread,
            subagent: facts.subagent,
            endpoint: facts.endpoint,
            request,
        }
    }

    /// The facts of a request to open a WebSocket connection.
    pub(in crate::script) fn of_handshake(request: RequestView<'a>) -> Self {
        Self {
            kind: Kind::Handshake,
            ..Self::new(request)
        }
    }

    /// Whether it asks the model for something.
    pub(in crate::script) fn is_for_model(&self) -> bool {
        matches!(self.kind, Kind::Turn | Kind::Compaction)
    }

    /// Whether it is meant to ask the model for something, but holds no JSON.
    pub(in crate::script) fn is_unreadable(&self) -> bool {
        let is_post = self.request.method.eq_ignore_ascii_case("POST");
        self.endpoint == "/responses" && is_post && self.request.body.is_none()
    }

    /// The path of the request without its query.
    pub(in crate::script) fn path(&self) -> &'a str {
        let target = self.request.target;
        target.split(['?', '#']).next().unwrap_or(target)
    }

    pub(in crate::script) fn body(&self) -> Option<Node<'a>> {
        self.request.body.map(Value::node)
    }

    /// The items of `input`, with their positions.
    pub(in crate::script) fn input(&self) -> impl Iterator<Item = (usize, Node<'a>)> {
        let input = self.body().and_then(|body| body.get("input"));
        input
            .into_iter()
            .flat_map(|input| input.items())
            .enumerate()
    }

    /// The texts of `input`, which may be one text instead of items.
    pub(in crate::script) fn texts(&self) -> Vec<InputText> {
        let input = self.body().and_then(|body| body.get("input"));
        if let Some(text) = input.and_then(|input| input.string()) {
            return vec![InputText {
                pointer: "/request/body/input".to_owned(),
                text: text.into_owned(),
                is_of_user: true,
            }];
        }
        let items = self.input().map(|(index, item)| InputText {
            pointer: format!("/request/body/input/{index}"),
            text: Self::item_text(item),
            is_of_user: item.get_string("role").is_some_and(|role| role == "user"),
        });
        items.collect()
    }

    /// The text of an item: of a message, or of an output.
    pub(in crate::script) fn item_text(item: Node<'_>) -> String {
        if responses::is_output(&responses::item_type(item)) {
            responses::output_text(item)
        } else {
            responses::message_text(item)
        }
    }
}
