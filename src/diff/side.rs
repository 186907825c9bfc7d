//! One capture made ready for comparison: flat exchanges, what each is for, prints of its items.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::align::{ExchangeFeatures, ItemPrint};
use crate::capture::{
    Capture, Content, Direction, End, Event, FlatExchange, Recorded, Transport, flatten,
    is_terminal,
};
use crate::http::HeaderList;
use crate::json::{Kind, Value};
use crate::normalize::{LocationFinder, Scanner, fingerprint};
use crate::responses::{RequestFacts, is_from_other_thread, without_version};

/// Takes keys that are hashes already as they are.
#[derive(Debug, Default, Clone, Copy)]
struct HashItself(u64);

impl Hasher for HashItself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= xxh3_64(bytes);
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = self.0.rotate_left(17) ^ hash as u64;
    }
}

type ByHash = BuildHasherDefault<HashItself>;

/// One side of a comparison.
pub(super) struct Side<'c> {
    pub(super) flat: Vec<FlatExchange<'c>>,
    pub(super) features: Vec<ExchangeFeatures>,
    /// Prints of the items of each request's `input`, as sent.
    pub(super) inputs: Vec<Option<Vec<Arc<ItemPrint>>>>,
    /// Where items from other threads stand: by thread and content, the exchanges, in order.
    arrivals: HashMap<(String, u64), Vec<usize>>,
    prints: HashMap<u128, Arc<ItemPrint>, ByHash>,
    scanner: Arc<Scanner>,
}

/// The directories that the requests of a capture name.
pub(super) fn locations(capture: &Capture) -> Vec<String> {
    let mut finder = LocationFinder::default();
    for exchange in &capture.exchanges {
        if let Some(body) = exchange.request.body.json() {
            finder.add(body.text());
        }
        if let Content::Frames(frames) = &exchange.response.content {
            let sent = frames
                .iter()
                .filter(|frame| frame.direction == Direction::ClientToServer);
            sent.filter_map(|frame| frame.data.json())
                .for_each(|data| finder.add(data.text()));
        }
    }
    finder.finish()
}

impl<'c> Side<'c> {
    /// Makes a capture ready. `compares_ends` tells whether both captures recorded how responses ended.
    pub(super) fn new(capture: &'c Capture, scanner: Arc<Scanner>, compares_ends: bool) -> Self {
        let mut side = Self {
            flat: flatten(capture),
            features: Vec::new(),
            inputs: Vec::new(),
            arrivals: HashMap::new(),
            prints: HashMap::default(),
            scanner,
        };
        for index in 0..side.flat.len() {
            let input = side.print_input(index);
            let features = side.features_of(index, input.as_deref(), compares_ends);
            let thread = features.facts.thread.clone().unwrap_or_default();
            for print in input
                .iter()
                .flatten()
                .filter(|print| is_from_other_thread(print.item.node()))
            {
                let places = side
                    .arrivals
                    .entry((thread.clone(), print.content()))
                    .or_default();
                if places.last() != Some(&index) {
                    places.push(index);
                }
            }
            side.features.push(features);
            side.inputs.push(input);
        }
        side
    }

    /// Header fields of a request; those of the handshake for a WebSocket message.
    fn headers(&self, index: usize) -> Option<&HeaderList> {
        let flat = &self.flat[index];
        let owner = flat
            .handshake
            .map_or(flat, |handshake| &self.flat[handshake]);
        owner
            .exchange
            .request
            .headers
            .as_option()
            .map(|headers| &headers.list)
    }

    /// The print of an item, made once per distinct text.
    fn print(&mut self, item: Value) -> Arc<ItemPrint> {
        let hash = xxh3_128(item.text().as_bytes());
        let scanner = &self.scanner;
        let print = self
            .prints
            .entry(hash)
            .or_insert_with(|| Arc::new(ItemPrint::new(item, hash, Arc::clone(scanner))));
        Arc::clone(print)
    }

    fn print_input(&mut self, index: usize) -> Option<Vec<Arc<ItemPrint>>> {
        let input = self.flat[index]
            .exchange
            .request
            .body
            .json()?
            .get("input")?;
        if input.node().kind() != Kind::Array {
            return None;
        }
        self.prints.reserve(input.node().len());
        Some(
            input
                .node()
                .items()
                .map(|item| self.print(input.part(item)))
                .collect(),
        )
    }

    /// The prints of items.
    pub(super) fn print_all(&mut self, items: impl Iterator<Item = Value>) -> Vec<Arc<ItemPrint>> {
        items.map(|item| self.print(item)).collect()
    }

    fn features_of(
        &self,
        index: usize,
        input: Option<&[Arc<ItemPrint>]>,
        compares_ends: bool,
    ) -> ExchangeFeatures {
        let exchange = &self.flat[index].exchange;
        let body = exchange.request.body.json();
        let headers = self.headers(index);
        let facts = RequestFacts::new(&exchange.request.target, headers, body.map(|b| b.node()));
        let own = |print: &&Arc<ItemPrint>| !is_from_other_thread(print.item.node());
        let (tail, tail_kind) = match input.and_then(|list| list.iter().rfind(own)) {
            Some(last) => (last.content(), last.kind()),
            None => {
                let target = without_version(&exchange.request.target);
                let query = target.split_once('?').map_or("", |(_, query)| query);
                let body = body.map_or(0, |b| fingerprint(b.node(), "", &self.scanner, &[]));
                (body ^ xxh3_64(query.as_bytes()), 0)
            }
        };
        let is_user = |print: &&Arc<ItemPrint>| {
            let role = print.item.node().get_string("role");
            role.is_some_and(|role| role == "user") && own(print)
        };
        let (status, terminal, end) = self.ending(index);
        let shown_end = if compares_ends {
            end.map_or("", End::name)
        } else {
            ""
        };
        let outcome = format!("{status:?} {terminal:?} {shown_end}");
        let is_good_status = status.is_none_or(|s| (200..300).contains(&s));
        ExchangeFeatures {
            method: exchange.request.method.clone(),
            tail,
            tail_kind,
            input: input.unwrap_or_default().to_vec(),
            user_messages: input.map_or(0, |list| list.iter().filter(is_user).count()),
            outcome: xxh3_64(outcome.as_bytes()),
            is_success: is_good_status
                && terminal
                    .as_deref()
                    .is_none_or(|t| t == "response.completed"),
            facts,
        }
    }

    /// Status, last event if that ends a response (empty text: a stream without one), and end of a response.
    fn ending(&self, index: usize) -> (Option<u16>, Option<String>, Option<End>) {
        let response = &self.flat[index].exchange.response;
        let status = response.status.as_option().copied().flatten();
        let terminal = match &response.content {
            Content::Events(stream) => Some(
                stream
                    .events
                    .iter()
                    .map(Event::kind)
                    .find(|k| is_terminal(k))
                    .unwrap_or_default()
                    .into_owned(),
            ),
            _ => None,
        };
        (status, terminal, self.end(index))
    }

    /// How a response ended. An agent that hangs up after the terminal event has seen all of it (codex and pycodex
    /// stop reading at `response.completed`).
    pub(super) fn end(&self, index: usize) -> Option<End> {
        let response = &self.flat[index].exchange.response;
        let end = response.end.as_option().copied()?;
        let is_done = match &response.content {
            Content::Events(stream) => stream.events.iter().any(|event| is_terminal(&event.kind())),
            _ => false,
        };
        Some(
            if is_done && matches!(end, End::PeerClosed | End::ServerStopped) {
                End::Complete
            } else {
                end
            },
        )
    }

    /// Whether the recording of a response breaks off before its end.
    pub(super) fn is_cut(&self, index: usize) -> bool {
        self.flat[index].exchange.response.end == Recorded::Lost
    }

    /// The exchanges of a thread whose `input` holds an item that came from another thread.
    pub(super) fn arrivals(&self, index: usize, content: u64) -> &[usize] {
        let thread = self.features[index]
            .facts
            .thread
            .clone()
            .unwrap_or_default();
        self.arrivals
            .get(&(thread, content))
            .map_or(&[], Vec::as_slice)
    }

    /// Whether a request continues a response on its WebSocket connection instead of sending the whole input.
    pub(super) fn previous_response(&self, index: usize) -> Option<String> {
        let body = self.flat[index].exchange.request.body.json()?;
        body.node()
            .get_string("previous_response_id")
            .map(|id| id.into_owned())
    }

    /// The whole input that a request stands for: that of the response it continues, what that response delivered,
    /// and what was sent.
    pub(super) fn effective_input(&mut self, index: usize) -> Vec<Arc<ItemPrint>> {
        let mut parts = vec![self.inputs[index].clone().unwrap_or_default()];
        let mut at = index;
        while let Some(previous) = self
            .previous_response(at)
            .and_then(|id| self.request_of(&id, at))
        {
            let delivered = self.flat[previous]
                .exchange
                .response
                .content
                .delivered_items();
            let delivered = delivered.into_iter().map(|delivered| delivered.item);
            parts.push(self.print_all(delivered));
            parts.push(self.inputs[previous].clone().unwrap_or_default());
            at = previous;
        }
        parts.into_iter().rev().flatten().collect()
    }

    /// The earlier exchange whose response has this id.
    fn request_of(&self, response_id: &str, before: usize) -> Option<usize> {
        (0..before)
            .rev()
            .find(|&i| match &self.flat[i].exchange.response.content {
                Content::Events(stream) => stream.events.iter().any(|event| {
                    let id = event
                        .data
                        .json()
                        .and_then(|data| data.get("response")?.get("id"));
                    id.is_some_and(|id| id.node().is_key(response_id))
                }),
                _ => false,
            })
    }

    /// How a request travelled.
    pub(super) fn transport(&self, index: usize) -> Transport {
        self.flat[index].transport
    }
}

/// Whether any exchange says how its response ended.
pub(super) fn records_ends(capture: &Capture) -> bool {
    capture
        .exchanges
        .iter()
        .any(|exchange| matches!(exchange.response.end, Recorded::Yes(_)))
}
