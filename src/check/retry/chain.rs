//! Requests that are made again: the attempts at one answer.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::capture::{FlatExchange, Transport};
use crate::check::request::{Request, Trace};
use crate::http::HeaderList;
use crate::responses::{RequestKind, message_text};

use super::failure::Failure;

/// One request with what became of it.
pub(super) struct Attempt<'t> {
    pub(super) request: &'t Request,
    pub(super) flat: &'t FlatExchange<'t>,
    pub(super) failure: Option<Failure>,
}

/// The attempts at one answer.
pub(super) struct Chain<'t> {
    pub(super) attempts: Vec<Attempt<'t>>,
    /// The next request of the thread.
    pub(super) next: Option<&'t Request>,
    /// Whether the capture goes on behind the last attempt for long enough that a retry would be in it.
    pub(super) is_followed: bool,
}

/// The headers of a request; over a WebSocket those of its handshake.
fn headers<'t>(flat: &'t [FlatExchange<'t>], one: &'t FlatExchange<'t>) -> Option<&'t HeaderList> {
    let owner = one.handshake.map_or(one, |at| &flat[at]);
    let headers = owner.exchange.request.headers.as_option();
    headers.map(|headers| &headers.list)
}

/// Puts together the attempts of each thread: a request that follows one that failed, in the same turn and for the same
/// purpose, is made again. A compaction that is too long for the model is another request each time, as its history is cut.
pub(super) fn chains<'t>(flat: &'t [FlatExchange<'t>], trace: &'t Trace) -> Vec<Chain<'t>> {
    let mut threads: BTreeMap<Option<&str>, Vec<&Request>> = BTreeMap::new();
    for request in trace
        .requests
        .iter()
        .filter(|request| request.is_for_model())
    {
        if request.facts.endpoint == "/responses" {
            let thread = request.facts.thread.as_deref();
            threads.entry(thread).or_default().push(request);
        }
    }
    let mut chains: Vec<Chain<'t>> = Vec::new();
    for requests in threads.values_mut() {
        let time = |request: &Request| {
            let started = flat[request.exchange].exchange.started_ms;
            started.as_option().copied()
        };
        // A recorder may write records in another order than they were made in.
        if requests.iter().all(|request| time(request).is_some()) {
            requests.sort_by(|a, b| time(a).partial_cmp(&time(b)).unwrap_or(Ordering::Equal));
        }
        let mut open: Vec<Attempt<'t>> = Vec::new();
        for (number, request) in requests.iter().copied().enumerate() {
            let one = &flat[request.exchange];
            let next = requests.get(number + 1).copied();
            let failure = Failure::of(&one.exchange, headers(flat, one));
            let is_shortened = request.facts.kind == RequestKind::Compaction
                && failure.as_ref().is_some_and(Failure::is_overflow);
            let goes_on = failure.is_some()
                && !is_shortened
                && next.is_some_and(|next| is_again(request, next));
            open.push(Attempt {
                request,
                flat: one,
                failure,
            });
            if !goes_on {
                chains.push(Chain {
                    attempts: std::mem::take(&mut open),
                    next,
                    is_followed: next.is_some() || is_followed(flat, request.exchange),
                });
            }
        }
    }
    chains.sort_by_key(|chain| chain.attempts[0].request.exchange);
    chains
}

/// Milliseconds after which no agent is expected to try again; the longest delay of Codex is 3.5 seconds.
const LONG_MS: f64 = 10_000.0;

/// Whether the capture has a request long after this one ended.
fn is_followed(flat: &[FlatExchange<'_>], number: usize) -> bool {
    let Some(ended) = flat[number].exchange.response.ended_ms.as_option() else {
        return false;
    };
    flat.iter().any(|later| {
        let started = later.exchange.started_ms.as_option();
        started.is_some_and(|started| started - ended > LONG_MS)
    })
}

/// Whether the second request belongs to the same turn and asks for the same as the first.
fn is_again(first: &Request, second: &Request) -> bool {
    if first.facts.kind != second.facts.kind {
        return false;
    }
    let turn = |request: &Request| request.metadata("turn_id").map(|(_, turn)| turn);
    match (turn(first), turn(second)) {
        (Some(a), Some(b)) => a == b,
        // Without a turn's id, new words of the user begin a new turn.
        _ => second.input.len() >= first.input.len() && !has_new_user_words(first, second),
    }
}

fn has_new_user_words(first: &Request, second: &Request) -> bool {
    let is_user = |item: &crate::json::Value| {
        item.node()
            .get_string("role")
            .is_some_and(|role| role == "user")
    };
    second.input[first.input.len()..].iter().any(is_user)
}

impl Chain<'_> {
    /// Whether the user stopped the agent: Codex puts `<turn_aborted>` before what comes next (0.115.0–0.169.0).
    pub(super) fn is_aborted(&self) -> bool {
        let last = &self.attempts[self.attempts.len() - 1];
        let known = last.request.input.len();
        self.next.is_some_and(|next| {
            let new = next.input.get(known..).unwrap_or(&[]);
            new.iter()
                .any(|item| message_text(item.node()).contains("<turn_aborted>"))
        })
    }
}

impl Attempt<'_> {
    pub(super) fn exchange(&self) -> usize {
        self.request.exchange
    }

    /// The body as it was sent, where the capture has its exact text.
    pub(super) fn bytes(&self) -> Option<&str> {
        match &self.flat.exchange.request.body {
            crate::capture::Body::Json(body) if body.is_exact => Some(body.value.text()),
            _ => None,
        }
    }

    pub(super) fn connection(&self) -> Option<u64> {
        self.flat.exchange.connection.as_option().copied()
    }

    pub(super) fn is_http(&self) -> bool {
        self.flat.transport == Transport::Http
    }

    /// Milliseconds from the end of this attempt to the begin of the next one.
    pub(super) fn gap_ms(&self, next: &Self) -> Option<f64> {
        let ended = self.flat.exchange.response.ended_ms.as_option()?;
        Some(next.flat.exchange.started_ms.as_option()? - ended)
    }
}
