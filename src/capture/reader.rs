//! Reads our own capture format.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::HeaderList;
use crate::json::{Kind, Node, Value};

use super::import::Leftovers;
use super::place::Lines;
use super::problem::counted;
use super::records::{Part, parts};
use super::shape::{CAPTURE_VERSION, LOST_END};
use super::{
    Body, Capture, CaptureKind, CaptureProblem, Content, Direction, End, Event, EventStream,
    Exchange, Frame, FrameKind, Headers, JsonBody, Recorded, Request, Response,
};

/// Reads the text of a capture in our own format.
///
/// Exchanges come in the order of their requests. One without an end record (the recorder was stopped) is used as far
/// as it goes and is a problem; records that can't be understood are problems.
pub fn read_capture_records(path: &str, bytes: &[u8]) -> Capture {
    let mut reader = Reader {
        path,
        bytes,
        lines: Lines::new(),
        exchanges: Vec::new(),
        open: HashMap::new(),
        orphans: HashMap::new(),
        problems: Vec::new(),
    };
    for part in parts(bytes) {
        match part {
            Part::Record(span, record) => reader.record(span, &record),
            Part::Damage(damage) => {
                let problem = damage.problem(path, "the fact that stood there is lost");
                reader.problems.push(problem);
            }
        }
    }
    reader.finish()
}

struct Reader<'a> {
    path: &'a str,
    bytes: &'a [u8],
    lines: Lines,
    exchanges: Vec<Exchange>,
    /// By the number in the file: position in `exchanges` and where the latest record stands.
    open: HashMap<u64, Open>,
    /// Exchanges whose request is not in the file: position of their problem.
    orphans: HashMap<u64, usize>,
    problems: Vec<CaptureProblem>,
}

struct Open {
    position: usize,
    span: Range<u64>,
    leftovers: Leftovers,
}

impl Reader<'_> {
    fn record(&mut self, span: Range<u64>, record: &Value) {
        let node = record.node();
        if node.get("format").is_some() {
            return self.header(span, node);
        }
        let kind = node.get_string("type").unwrap_or_default();
        match kind.as_ref() {
            "problem" => self.read_problem(node),
            "request" => self.request(span, record),
            _ => match node.get("exchange").and_then(Node::unsigned) {
                Some(id) => self.fact(id, &kind, span, record),
                None => self.unknown(span, &kind, "it belongs to no exchange and is left out"),
            },
        }
    }

    /// A header in the middle begins what another writer appended, which numbers exchanges anew.
    fn header(&mut self, span: Range<u64>, node: Node<'_>) {
        self.close_all();
        let version = node.get("version");
        if version
            .and_then(Node::unsigned)
            .is_none_or(|version| version > CAPTURE_VERSION)
        {
            let message = format!(
                "what begins at byte {} was written in version {} of the format, of which {CAPTURE_VERSION} is the highest \
                 known; it is read as far as it is understood",
                span.start,
                version.map_or("none", Node::text)
            );
            self.problem(span, "unknown-version", message);
        }
    }

    fn problem(&mut self, span: Range<u64>, kind: &str, message: String) {
        self.problems.push(CaptureProblem {
            path: self.path.to_owned(),
            span,
            kind: kind.to_owned(),
            message,
        });
    }

    fn unknown(&mut self, span: Range<u64>, kind: &str, meaning: &str) {
        let message = format!(
            "the record at byte {} is of the unknown type {kind:?}; {meaning}",
            span.start
        );
        self.problem(span, "unknown-record", message);
    }

    fn read_problem(&mut self, node: Node<'_>) {
        let number = |key| node.get(key).and_then(Node::unsigned).unwrap_or(0);
        self.problems.push(CaptureProblem {
            path: text(node, "path"),
            span: number("start")..number("end"),
            kind: text(node, "problem"),
            message: text(node, "message"),
        });
    }

    fn request(&mut self, span: Range<u64>, record: &Value) {
        let node = record.node();
        let Some(id) = node.get("exchange").and_then(Node::unsigned) else {
            return self.unknown(span, "request", "it has no number and is left out");
        };
        if let Some(open) = self.open.remove(&id) {
            self.incomplete(&open);
        }
        let mut leftovers = Leftovers::default();
        leftovers.add_unknown_of("request", node, REQUEST_MEMBERS);
        let position = self.exchanges.len();
        self.exchanges.push(Exchange {
            connection: node.get("connection").and_then(Node::unsigned).into(),
            started_ms: time(node),
            request: Request {
                method: text(node, "method"),
                target: text(node, "target"),
                http_version: node.get_string("http_version").map(String::from).into(),
                headers: headers(node),
                body: body(record, node.get("body")),
                wire_body_bytes: node.get("wire_body_bytes").and_then(Node::unsigned).into(),
            },
            response: Response::not_recorded(),
            extra: None,
            place: Some(self.lines.place(self.path, self.bytes, span.start)),
        });
        self.open.insert(
            id,
            Open {
                position,
                span,
                leftovers,
            },
        );
    }

    fn fact(&mut self, id: u64, kind: &str, span: Range<u64>, record: &Value) {
        let Some(open) = self.open.get_mut(&id) else {
            return self.orphan(id, span);
        };
        open.span = span.clone();
        let exchange = &mut self.exchanges[open.position];
        let node = record.node();
        let Some(known) = add_fact(&mut exchange.response, kind, record) else {
            open.leftovers.add_record(kind, node);
            return self.unknown(span, kind, "it is kept but not compared");
        };
        open.leftovers.add_unknown_of(kind, node, known);
        if kind == "end"
            && let Some(open) = self.open.remove(&id)
        {
            let written = body(record, node.get("extra"));
            self.exchanges[open.position].extra = open.leftovers.merged_with(written.json());
        }
    }

    fn orphan(&mut self, id: u64, span: Range<u64>) {
        if let Some(&position) = self.orphans.get(&id) {
            self.problems[position].span.end = span.end;
            return;
        }
        self.orphans.insert(id, self.problems.len());
        let message = format!(
            "the record at byte {} belongs to exchange {id}, whose request is not in the file or which has ended; it \
             is left out",
            span.start
        );
        self.problem(span, "orphan-record", message);
    }

    fn incomplete(&mut self, open: &Open) {
        let exchange = &mut self.exchanges[open.position];
        exchange.response.end = Recorded::Lost;
        let what = match &exchange.response.content {
            Content::Events(stream) => counted(stream.events.len(), "event"),
            Content::Frames(frames) => counted(frames.len(), "frame"),
            Content::Body(_) => "a body".to_owned(),
            _ => "no content".to_owned(),
        };
        let message = format!(
            "exchange {} ({} {}) has no end: the last that is known of it, at byte {}, leaves its response with {what}",
            open.position, exchange.request.method, exchange.request.target, open.span.start
        );
        self.problem(open.span.clone(), "incomplete-exchange", message);
    }

    fn close_all(&mut self) {
        let mut open: Vec<Open> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|open| open.position);
        for open in open {
            self.incomplete(&open);
            self.exchanges[open.position].extra = open.leftovers.into_value();
        }
        self.orphans.clear();
    }

    fn finish(mut self) -> Capture {
        self.close_all();
        Capture {
            path: self.path.to_owned(),
            kind: CaptureKind::Capture,
            exchanges: self.exchanges,
            problems: self.problems,
        }
    }
}

const REQUEST_MEMBERS: &[&str] = &[
    "type",
    "exchange",
    "at_ms",
    "connection",
    "method",
    "target",
    "http_version",
    "headers",
    "headers_lack",
    "wire_body_bytes",
    "body",
];

/// Adds what a record says to a response; gives the members that were understood, or nothing for an unknown type.
fn add_fact(
    response: &mut Response,
    kind: &str,
    record: &Value,
) -> Option<&'static [&'static str]> {
    let node = record.node();
    Some(match kind {
        "head" => {
            add_head(response, node);
            &[
                "type",
                "exchange",
                "at_ms",
                "status",
                "headers",
                "headers_lack",
                "content",
            ]
        }
        "event" => {
            let event = Event {
                name: node.get_string("name").map(String::from),
                data: body(record, node.get("data")),
                at_ms: time(node),
            };
            add_to_stream(response, |stream| stream.events.push(event));
            &["type", "exchange", "at_ms", "name", "data"]
        }
        "raw" => {
            let after = node.get("after").and_then(Node::unsigned).unwrap_or(0);
            add_to_stream(response, |stream| {
                let raw = stream
                    .raw
                    .get_or_insert_with(|| plain_text(&stream.events, after));
                raw.push_str(&text(node, "text"));
            });
            &["type", "exchange", "after", "text"]
        }
        "tail" => {
            add_to_stream(response, |stream| {
                stream.partial_tail = Some(text(node, "text"))
            });
            &["type", "exchange", "text"]
        }
        "frame" => {
            add_frame(response, record);
            &[
                "type", "exchange", "at_ms", "from", "kind", "code", "reason", "data", "expanded",
            ]
        }
        "body" => {
            response.content = Content::Body(body(record, node.get("body")));
            &["type", "exchange", "body"]
        }
        "digest" => {
            if let Body::Json(digest) = body(record, node.get("digest")) {
                response.content = Content::Digest(digest.value);
            }
            &["type", "exchange", "digest"]
        }
        "end" => {
            let how = node.get_string("how");
            response.end = match how.as_deref() {
                Some(LOST_END) => Recorded::Lost,
                how => how.and_then(End::from_name).into(),
            };
            response.ended_ms = time(node);
            match response.end {
                Recorded::Yes(_) | Recorded::Lost => &["type", "exchange", "at_ms", "how", "extra"],
                Recorded::NotRecorded => &["type", "exchange", "at_ms", "extra"],
            }
        }
        _ => return None,
    })
}

/// What a plain writer makes of the first events.
fn plain_text(events: &[Event], count: u64) -> String {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut text = String::new();
    for event in events.iter().take(count) {
        if let Some(name) = &event.name {
            text.push_str(&format!("event: {name}\n"));
        }
        let data = match &event.data {
            Body::Json(data) => data.value.text(),
            Body::Text(data) => data,
            _ => "",
        };
        text.push_str(&format!("data: {data}\n\n"));
    }
    text
}

fn add_head(response: &mut Response, node: Node<'_>) {
    response.status = match node.get("status") {
        Some(status) if status.is_null() => Recorded::Yes(None),
        Some(status) => status
            .unsigned()
            .and_then(|status| u16::try_from(status).ok())
            .map(Some)
            .into(),
        None => Recorded::NotRecorded,
    };
    response.headers = headers(node);
    response.headers_ms = time(node);
    response.content = match node.get_string("content").as_deref() {
        Some("events") => Content::Events(EventStream::default()),
        Some("frames") => Content::Frames(Vec::new()),
        // A body or digest comes whole, in a record of its own.
        _ => Content::NotRecorded,
    };
}

fn add_to_stream(response: &mut Response, add: impl FnOnce(&mut EventStream)) {
    if let Content::Events(stream) = &mut response.content {
        return add(stream);
    }
    let mut stream = EventStream::default();
    add(&mut stream);
    response.content = Content::Events(stream);
}

fn add_frame(response: &mut Response, record: &Value) {
    let node = record.node();
    let kind = match node.get_string("kind").as_deref() {
        Some("text") => FrameKind::Text,
        Some("ping") => FrameKind::Ping,
        Some("pong") => FrameKind::Pong,
        Some("close") => FrameKind::Close {
            code: node
                .get("code")
                .and_then(Node::unsigned)
                .and_then(|code| u16::try_from(code).ok()),
            reason: text(node, "reason"),
        },
        _ => FrameKind::Binary,
    };
    let frame = Frame {
        direction: match node.get_string("from").as_deref() {
            Some("client") => Direction::ClientToServer,
            _ => Direction::ServerToClient,
        },
        kind,
        data: body(record, node.get("data")),
        expanded: body(record, node.get("expanded")),
        at_ms: time(node),
    };
    match &mut response.content {
        Content::Frames(frames) => frames.push(frame),
        other => *other = Content::Frames(vec![frame]),
    }
}

fn body(record: &Value, holder: Option<Node<'_>>) -> Body {
    let Some(holder) = holder else {
        return Body::NotRecorded;
    };
    let is_exact = holder.get("exact").and_then(Node::boolean).unwrap_or(true);
    if let Some(value) = holder.get("json") {
        return Body::Json(JsonBody {
            value: record.part(value),
            is_exact,
        });
    }
    if let Some(text) = holder.get_string("json_text") {
        return match Value::parse(text.as_ref()) {
            Ok(value) => Body::Json(JsonBody { value, is_exact }),
            Err(_) => Body::Text(text.into_owned()),
        };
    }
    match (holder.get_string("text"), holder.get_string("base64")) {
        (Some(text), _) if text.is_empty() => Body::Empty,
        (Some(text), _) => Body::Text(text.into_owned()),
        (None, Some(encoded)) => BASE64_STANDARD
            .decode(encoded.as_bytes())
            .map_or(Body::NotRecorded, Body::Bytes),
        (None, None) => Body::NotRecorded,
    }
}

fn headers(node: Node<'_>) -> Recorded<Headers> {
    let Some(fields) = node.get("headers").filter(|h| h.kind() == Kind::Array) else {
        return Recorded::NotRecorded;
    };
    let lacks = |what: &str| {
        node.get("headers_lack")
            .is_some_and(|list| list.items().any(|item| item.is_key(what)))
    };
    let list: HeaderList = fields
        .items()
        .filter_map(|field| {
            let mut parts = field.items();
            let name = parts.next()?.string()?.into_owned();
            Some((name, parts.next()?.string()?.into_owned()))
        })
        .collect();
    Recorded::Yes(Headers {
        list,
        has_order: !lacks("order"),
        has_case: !lacks("case"),
        has_repeats: !lacks("repeats"),
    })
}

fn text(node: Node<'_>, key: &str) -> String {
    node.get_string(key).map(String::from).unwrap_or_default()
}

fn time(node: Node<'_>) -> Recorded<f64> {
    node.get("at_ms").and_then(Node::number).into()
}
