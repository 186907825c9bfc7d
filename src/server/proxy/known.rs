//! Requests that were recorded before: which one a request is, up to renaming, and what it was answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memchr::memmem;

use crate::capture::{
    Body, Capture, CaptureKind, Content, End, Exchange, Transport, WEBSOCKET_METHOD, flatten,
};
use crate::http::HeaderList;
use crate::json::{Kind, Node};
use crate::normalize::place::{Place, of_key};
use crate::normalize::{
    LocationFinder, Scanner, TextPlace, embedded_json, fingerprint, text_fingerprint, text_place,
};
use crate::script::{
    Answer, Piece, Player, PlayerOptions, RequestView, Script, script_from_capture,
};

use super::super::head::RequestHead;

/// Shorter identifiers of a request are not renamed in its answer: they would be found by chance.
const MIN_RENAMED: usize = 8;

/// A capture as answers to its requests.
#[derive(Debug)]
pub(super) struct Known {
    /// In the flat list, in which each message of a WebSocket is one.
    exchanges: Vec<Exchange>,
    /// Targets of WebSockets that were granted, with the fields of the answer.
    sockets: Vec<(String, HeaderList)>,
    /// The recorded exchanges of each request, by what is not dynamic in it.
    places: HashMap<u64, Vec<usize>>,
    /// How often each exchange was played.
    played: Mutex<Vec<u64>>,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct KnownAnswer {
    /// Number of the exchange in its capture.
    pub(super) number: usize,
    pub(super) answer: Answer,
}

/// What a message on a WebSocket was answered.
#[derive(Debug)]
pub(super) struct KnownReply {
    /// The messages.
    pub(super) texts: Vec<Bytes>,
    /// How the connection ended within or behind them, if it did.
    pub(super) end: Option<End>,
}

impl Known {
    /// Takes the exchanges that have an answer.
    pub(super) fn new(capture: Capture) -> Self {
        let flat = flatten(&capture);
        let sockets = flat
            .iter()
            .filter(|flat| flat.transport == Transport::Handshake)
            .filter(|flat| flat.exchange.response.status.as_option() == Some(&Some(101)));
        let sockets = sockets
            .map(|flat| {
                (
                    flat.exchange.request.target.clone(),
                    granted(&flat.exchange),
                )
            })
            .collect();
        let exchanges: Vec<Exchange> = flat
            .into_iter()
            .map(|flat| flat.exchange.into_owned())
            .collect();
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (number, exchange) in exchanges.iter().enumerate() {
            let has_answer = exchange.response.end.as_option().is_some()
                && !matches!(exchange.response.content, Content::Frames(_))
                && !is_own_answer(exchange);
            if has_answer {
                let request = &exchange.request;
                let print = print(&request.method, &request.target, &request.body);
                places.entry(print).or_default().push(number);
            }
        }
        Self {
            played: Mutex::new(vec![0; exchanges.len()]),
            exchanges,
            sockets,
            places,
        }
    }

    /// The answer to a request, if it is known: those that were recorded for it, one after the other, then the last again.
    pub(super) fn find(&self, head: &RequestHead, body: &Body) -> Option<KnownAnswer> {
        let (number, renaming) = self.choose(&head.method, &head.target, body)?;
        let answer = self.answer(number, head, body)?;
        Some(KnownAnswer {
            number,
            answer: renaming.applied(answer),
        })
    }

    /// The fields of the answer with which a WebSocket was granted there.
    pub(super) fn socket(&self, target: &str) -> Option<&HeaderList> {
        let mut sockets = self.sockets.iter();
        sockets
            .find(|(granted, _)| granted == target)
            .map(|(_, headers)| headers)
    }

    /// What a message was answered on a WebSocket, if it is known.
    pub(super) fn find_message(&self, target: &str, body: &Body) -> Option<KnownReply> {
        let (number, renaming) = self.choose(WEBSOCKET_METHOD, target, body)?;
        let response = &self.exchanges[number].response;
        let Content::Events(stream) = &response.content else {
            return None;
        };
        let texts = stream.events.iter().map(|event| match &event.data {
            Body::Json(json) => Bytes::copy_from_slice(json.value.text().as_bytes()),
            Body::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            _ => Bytes::new(),
        });
        let end = response.end.as_option().copied();
        Some(KnownReply {
            texts: texts.map(|text| renaming.renamed(text)).collect(),
            end: end.filter(|end| *end != End::Complete),
        })
    }

    /// The recorded exchange for a request, and what it calls otherwise: one after the other, then the last again.
    fn choose(&self, method: &str, target: &str, body: &Body) -> Option<(usize, Renaming)> {
        if matches!(body, Body::NotRecorded) {
            return None;
        }
        let print = print(method, target, body);
        let fitting = self.places.get(&print)?.iter().filter_map(|number| {
            let recorded = &self.exchanges[*number].request.body;
            Some((*number, renaming(recorded, body)?))
        });
        let fitting: Vec<(usize, Renaming)> = fitting.collect();
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let least = fitting.iter().map(|(number, _)| played[*number].min(1));
        let least = least.min()?;
        let mut candidates = fitting.into_iter();
        let (number, renaming) = match least {
            0 => candidates.find(|(number, _)| played[*number] == 0)?,
            _ => candidates.next_back()?,
        };
        played[number] += 1;
        Some((number, renaming))
    }

    /// The answer of an exchange as a server plays it.
    fn answer(&self, number: usize, head: &RequestHead, body: &Body) -> Option<Answer> {
        let capture = Capture {
            path: "-".to_owned(),
            kind: CaptureKind::Capture,
            exchanges: vec![self.exchanges[number].clone()],
            problems: Vec::new(),
        };
        let script = Script::parse("-", &script_from_capture(&capture)).ok()?;
        let options = PlayerOptions {
            is_lenient: true,
            ..PlayerOptions::default()
        };
        let view = RequestView {
            number,
            method: &head.method,
            target: &head.target,
            headers: &head.headers,
            body: body.json(),
            now: 0,
        };
        let decision = Player::new(Arc::new(script), options).answer(&view);
        let mut answer = decision.answer;
        for piece in &mut answer.pieces {
            if let Piece::Head(head) = piece {
                head.headers = own_headers(&self.exchanges[number]);
            }
        }
        decision.violation.is_none().then_some(answer)
    }
}

/// The fields with which a WebSocket was granted, without those that grant it.
fn granted(exchange: &Exchange) -> HeaderList {
    let fields = own_headers(exchange);
    let is_own = |name: &str| {
        let name = name.to_ascii_lowercase();
        name != "upgrade" && !name.starts_with("sec-websocket-")
    };
    let kept = fields.iter().filter(|field| is_own(&field.name));
    kept.map(|field| (field.name.as_str(), field.value.as_str()))
        .collect()
}

/// The fields of a recorded response, without those of its framing, connection and coding.
fn own_headers(exchange: &Exchange) -> HeaderList {
    const ANEW: [&str; 5] = [
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "transfer-encoding",
    ];
    let recorded = exchange.response.headers.as_option();
    let fields = recorded.iter().flat_map(|headers| headers.list.iter());
    fields
        .filter(|field| {
            !ANEW
                .iter()
                .any(|name| field.name.eq_ignore_ascii_case(name))
        })
        .map(|field| (field.name.as_str(), field.value.as_str()))
        .collect()
}

/// Whether the proxy that recorded it had answered itself: then nothing is known of the upstream's answer.
fn is_own_answer(exchange: &Exchange) -> bool {
    let extra = exchange.extra.as_ref();
    extra.is_some_and(|extra| extra.node().get("answered_by").is_some())
}

/// A hash of what is not dynamic in a request.
fn print(method: &str, target: &str, body: &Body) -> u64 {
    let scanner = scanner(body);
    let target = text_fingerprint(
        target,
        &scanner,
        TextPlace {
            has_versions: true,
            ..TextPlace::default()
        },
    );
    let body = match body {
        Body::Json(body) => fingerprint(body.value.node(), "", &scanner, &[]),
        Body::Text(text) => text_fingerprint(text, &scanner, TextPlace::default()),
        Body::Bytes(bytes) => xxhash_rust::xxh3::xxh3_64(bytes),
        Body::Empty | Body::NotRecorded => 0,
    };
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(method.as_bytes());
    hash.update(&target.to_le_bytes());
    hash.update(&body.to_le_bytes());
    hash.digest()
}

/// Finds the dynamic parts of a body, the directories that it names among them.
fn scanner(body: &Body) -> Scanner {
    let mut finder = LocationFinder::default();
    match body {
        Body::Json(body) => finder.add(body.value.text()),
        Body::Text(text) => finder.add(text),
        _ => {}
    }
    Scanner::new(&finder.finish(), true)
}

/// Which identifier of a request stands for which recorded one, one to one.
#[derive(Debug, Default)]
struct Renaming {
    to_current: HashMap<String, String>,
    to_recorded: HashMap<String, String>,
}

/// The renaming between a recorded body and the one at hand, whose hashes are the same; `None` where there is none.
fn renaming(recorded: &Body, current: &Body) -> Option<Renaming> {
    let mut renaming = Renaming::default();
    let (Some(a), Some(b)) = (recorded.json(), current.json()) else {
        return Some(renaming);
    };
    let scanners = (scanner(recorded), scanner(current));
    renaming
        .values("", a.node(), b.node(), &scanners)
        .then_some(renaming)
}

impl Renaming {
    /// Takes all pairs of two values; false when one does not fit.
    fn values(&mut self, key: &str, a: Node<'_>, b: Node<'_>, by: &(Scanner, Scanner)) -> bool {
        match (a.kind(), b.kind()) {
            (Kind::Object, Kind::Object) => a.members().all(|(name, value)| {
                let name = name.string().unwrap_or_default();
                // A name that is dynamic itself stands in no other body.
                b.get(&name)
                    .is_none_or(|other| self.values(&name, value, other, by))
            }),
            (Kind::Array, Kind::Array) => a
                .items()
                .zip(b.items())
                .all(|(a, b)| self.values("", a, b, by)),
            (Kind::String, Kind::String) => {
                let (a, b) = (
                    a.string().unwrap_or_default(),
                    b.string().unwrap_or_default(),
                );
                self.texts(key, &a, &b, by)
            }
            _ => true,
        }
    }

    fn texts(&mut self, key: &str, a: &str, b: &str, by: &(Scanner, Scanner)) -> bool {
        match of_key(key, a) {
            Place::Id => return self.pair(a, b),
            Place::Whole(class) => return !class.is_renamed() || self.pair(a, b),
            _ => {}
        }
        if let (Some(a), Some(b)) = (embedded_json(a), embedded_json(b)) {
            return self.values("", a.node(), b.node(), by);
        }
        let place = text_place(key);
        let pairs = by.0.scan(a, place).into_iter().zip(by.1.scan(b, place));
        for (one, other) in pairs {
            if one.class.is_renamed() && !self.pair(&a[one.range], &b[other.range]) {
                return false;
            }
        }
        true
    }

    fn pair(&mut self, recorded: &str, current: &str) -> bool {
        let known = self.to_current.get(recorded).map(String::as_str);
        let taken = self.to_recorded.get(current).map(String::as_str);
        match (known, taken) {
            (None, None) => {
                self.to_current
                    .insert(recorded.to_owned(), current.to_owned());
                self.to_recorded
                    .insert(current.to_owned(), recorded.to_owned());
                true
            }
            (known, taken) => known == Some(current) && taken == Some(recorded),
        }
    }

    /// What is told otherwise, the longest first.
    fn pairs(&self) -> Vec<(&String, &String)> {
        let is_told = |(a, b): &(&String, &String)| a != b && a.len() >= MIN_RENAMED;
        let mut pairs: Vec<_> = self.to_current.iter().filter(is_told).collect();
        pairs.sort_by_key(|(recorded, _)| (std::cmp::Reverse(recorded.len()), *recorded));
        pairs
    }

    /// A text with the identifiers of the request at hand.
    fn renamed(&self, text: Bytes) -> Bytes {
        let pairs = self.pairs().into_iter();
        pairs.fold(text, |text, (recorded, current)| {
            replaced(&text, recorded, current)
        })
    }

    /// The answer with the identifiers of the request at hand.
    fn applied(&self, mut answer: Answer) -> Answer {
        let pairs = self.pairs();
        let mut difference = 0i64;
        for piece in &mut answer.pieces {
            if let Piece::Body { bytes, .. } = piece {
                let before = bytes.len() as i64;
                for (recorded, current) in &pairs {
                    *bytes = replaced(bytes, recorded, current);
                }
                difference += bytes.len() as i64 - before;
            }
        }
        for piece in &mut answer.pieces {
            if let Piece::Head(head) = piece
                && let crate::script::Framing::Length(length) = &mut head.framing
            {
                *length = length.saturating_add_signed(difference);
            }
        }
        answer
    }
}

fn replaced(bytes: &Bytes, from: &str, to: &str) -> Bytes {
    let mut out = Vec::new();
    let mut rest = 0;
    for at in memmem::find_iter(bytes, from) {
        out.extend_from_slice(&bytes[rest..at]);
        out.extend_from_slice(to.as_bytes());
        rest = at + from.len();
    }
    if rest == 0 {
        return bytes.clone();
    }
    out.extend_from_slice(&bytes[rest..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{End, Event, EventStream, Headers, Recorded, Request, Response};
    use crate::script::Framing;

    fn request(body: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            target: "/v1/responses".to_owned(),
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: Body::from_text(body.to_owned()),
            wire_body_bytes: Recorded::NotRecorded,
        }
    }

    fn exchange(body: &str, data: &str) -> Exchange {
        let mut headers = HeaderList::new();
        headers.push("content-type", "text/event-stream");
        Exchange {
            place: None,
            connection: Recorded::NotRecorded,
            started_ms: Recorded::NotRecorded,
            request: request(body),
            response: Response {
                status: Recorded::Yes(Some(200)),
                headers: Recorded::Yes(Headers::exact(headers)),
                headers_ms: Recorded::NotRecorded,
                content: Content::Events(EventStream {
                    events: vec![Event {
                        name: None,
                        data: Body::from_text(data.to_owned()),
                        at_ms: Recorded::NotRecorded,
                    }],
                    ..EventStream::default()
                }),
                end: Recorded::Yes(End::Complete),
                ended_ms: Recorded::NotRecorded,
            },
            extra: None,
        }
    }

    fn known(exchanges: Vec<Exchange>) -> Known {
        Known::new(Capture {
            path: "-".to_owned(),
            kind: CaptureKind::Capture,
            exchanges,
            problems: Vec::new(),
        })
    }

    /// The body of the answer to such a request, or `-`.
    fn ask(known: &Known, body: &str) -> String {
        let request = request(body);
        let head = format!("{} {} HTTP/1.1\r\n\r\n", request.method, request.target);
        let began = tokio::time::Instant::now();
        let head = RequestHead::parse(head.as_bytes(), began).0;
        match known.find(&head, &request.body) {
            Some(found) => {
                assert!(
                    matches!(&found.answer.pieces[0], Piece::Head(head) if head.framing == Framing::Chunked)
                );
                String::from_utf8_lossy(&found.answer.body()).into_owned()
            }
            None => "-".to_owned(),
        }
    }

    const A: &str = "0199a1b2-0000-7000-8000-00000000000a";
    const B: &str = "0199a1b2-0000-7000-8000-00000000000b";

    #[test]
    fn a_request_is_known_up_to_renaming() {
        let body = |key: &str, id: &str, text: &str| {
            format!(r#"{{"prompt_cache_key":"{key}","input":[{{"id":"{id}","text":"{text}"}}]}}"#)
        };
        let known = known(vec![exchange(
            &body(A, A, "hi"),
            &format!(r#"{{"key":"{A}"}}"#),
        )]);
        let again = |id: &str| format!("data: {{\"key\":\"{id}\"}}\n\n");
        assert_eq!(ask(&known, &body(A, A, "hi")), again(A));
        assert_eq!(ask(&known, &body(B, B, "hi")), again(B));
        // What was one identifier is two.
        assert_eq!(ask(&known, &body(A, B, "hi")), "-");
        assert_eq!(ask(&known, &body(B, B, "ho")), "-");
    }

    #[test]
    fn answers_come_in_the_order_in_which_they_were_recorded() {
        let known = known(vec![
            exchange("{}", "1"),
            exchange("[]", "x"),
            exchange("{}", "2"),
        ]);
        let answers: Vec<_> = (0..4).map(|_| ask(&known, "{}")).collect();
        let expect = ["1", "2", "2", "2"].map(|data| format!("data: {data}\n\n"));
        assert_eq!(answers, expect);
    }
}
