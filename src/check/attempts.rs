//! The requests of a capture by thread, turn, step and attempt, whatever they travelled over.
//!
//! This is the one grouping that all contracts of a capture share, so that they speak of the same
//! `turn 2, request 3, attempt 2`.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::capture::{FlatExchange, Transport};
use crate::json::Value;
use crate::responses::{RequestKind, context_tags, is_output, item_type};

use super::continuation::is_summary;
use super::failure::Failure;
use super::profiles::Cause;
use super::request::{Outcome, Request, Trace};

/// A capture as its contracts look at it.
pub(super) struct View<'t> {
    /// The exchanges by their numbers.
    pub(super) flat: &'t [FlatExchange<'t>],
    pub(super) trace: &'t Trace,
    pub(super) threads: Vec<ThreadView<'t>>,
    /// For each exchange that asks the model for something, positions of its thread and of its attempt there.
    places: Vec<Option<(usize, usize)>>,
    /// Positions of the requests of the trace by their exchanges.
    requests: Vec<Option<usize>>,
    /// When the last exchange began.
    last_start_ms: f64,
}

/// Milliseconds after which no agent is expected to go on; the longest delay of Codex is 3.5 seconds.
const LONG_MS: f64 = 10_000.0;

/// The requests of one thread, in the order in which they were made.
pub(super) struct ThreadView<'t> {
    /// The thread's id; `None` when its requests do not say.
    pub(super) id: Option<&'t str>,
    pub(super) attempts: Vec<Attempt<'t>>,
}

/// A request with its place in its thread; warm-ups have none.
///
/// A step asks the model once: its attempts are the same request made again because the one before failed, over the
/// same connection, over another, or over HTTP where a WebSocket failed.
pub(super) struct Attempt<'t> {
    pub(super) request: &'t Request,
    pub(super) flat: &'t FlatExchange<'t>,
    /// Number of the turn among those that the capture shows, from 1.
    pub(super) turn: usize,
    /// Number of the request within the turn, from 1; those that were made again count once.
    pub(super) step: usize,
    /// Number of the attempt, from 1.
    pub(super) attempt: usize,
    /// Number of items at the beginning that are the same text as in the attempt before.
    pub(super) same_prefix: usize,
    /// Whether the turn has further steps.
    has_steps: bool,
}

impl fmt::Display for Attempt<'_> {
    /// Writes `turn 2`, `turn 2, request 3`, `turn 2, request 3, attempt 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "turn {}", self.turn)?;
        if self.has_steps {
            write!(f, ", request {}", self.step)?;
        }
        match self.attempt {
            1 => Ok(()),
            attempt => write!(f, ", attempt {attempt}"),
        }
    }
}

impl<'t> View<'t> {
    /// Groups the requests to the model by thread, and numbers them.
    pub(super) fn new(flat: &'t [FlatExchange<'t>], trace: &'t Trace) -> Self {
        let view = |(id, requests)| ThreadView {
            id,
            attempts: number(flat, requests),
        };
        let threads: Vec<ThreadView<'t>> = by_thread(trace).into_iter().map(view).collect();
        let mut places = vec![None; flat.len()];
        for (thread, view) in threads.iter().enumerate() {
            for (at, attempt) in view.attempts.iter().enumerate() {
                places[attempt.exchange()] = Some((thread, at));
            }
        }
        let mut requests = vec![None; flat.len()];
        for (at, request) in trace.requests.iter().enumerate() {
            requests[request.exchange] = Some(at);
        }
        let starts = flat.iter();
        let starts = starts.filter_map(|one| one.exchange.started_ms.as_option().copied());
        Self {
            flat,
            trace,
            threads,
            places,
            requests,
            last_start_ms: starts.fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The request that an exchange is, if it asks for a response and the capture has its body.
    pub(super) fn request(&self, exchange: usize) -> Option<&'t Request> {
        let at = (*self.requests.get(exchange)?)?;
        self.trace.requests.get(at)
    }

    /// The attempt that an exchange is; `None` for warm-ups, handshakes, and what asks no model.
    pub(super) fn attempt(&self, exchange: usize) -> Option<&Attempt<'t>> {
        let (thread, at) = (*self.places.get(exchange)?)?;
        Some(&self.threads[thread].attempts[at])
    }

    /// Whether the capture goes on for long after the end of an exchange, so that what the agent did next would be in it.
    pub(super) fn is_long_past(&self, exchange: usize) -> bool {
        let ended = self.flat[exchange].exchange.response.ended_ms.as_option();
        ended.is_some_and(|ended| self.last_start_ms - ended > LONG_MS)
    }

    /// An exchange for messages: `turn 2, request 3`, else `exchange #4`.
    pub(super) fn place(&self, exchange: usize) -> String {
        match self.attempt(exchange) {
            Some(attempt) => attempt.to_string(),
            None => format!("exchange #{exchange}"),
        }
    }
}

impl<'t> ThreadView<'t> {
    /// The attempts of each step, with the request that follows the step.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&[Attempt<'t>], Option<&Attempt<'t>>)> {
        let mut end = 0;
        self.attempts
            .chunk_by(|_, next| next.attempt > 1)
            .map(move |step| {
                end += step.len();
                (step, self.attempts.get(end))
            })
    }
}

impl<'t> Attempt<'t> {
    /// Number of its exchange.
    pub(super) fn exchange(&self) -> usize {
        self.request.exchange
    }

    /// How it failed; `None` when it did not, or the capture does not say.
    pub(super) fn failure(&self) -> Option<&'t Failure> {
        self.request.failure.as_ref()
    }

    /// The body as it was sent, where the capture has its exact text.
    pub(super) fn bytes(&self) -> Option<&'t str> {
        match &self.flat.exchange.request.body {
            crate::capture::Body::Json(body) if body.is_exact => Some(body.value.text()),
            _ => None,
        }
    }

    /// Number of its connection.
    pub(super) fn connection(&self) -> Option<u64> {
        self.flat.exchange.connection.as_option().copied()
    }

    /// Whether it is an HTTP request of its own.
    pub(super) fn is_http(&self) -> bool {
        self.flat.transport == Transport::Http
    }

    /// Milliseconds from the end of this attempt to the begin of the next one.
    pub(super) fn gap_ms(&self, next: &Self) -> Option<f64> {
        let ended = self.flat.exchange.response.ended_ms.as_option()?;
        Some(next.request.started_ms? - ended)
    }
}

/// Nameless threads that a request may continue.
const OPEN_NAMELESS: usize = 8;

/// The requests to the model by thread, both in the order of time where it is known: a recorder may write records in
/// another order than they were made in.
///
/// Requests that name no thread continue the last one whose whole input they begin with.
fn by_thread(trace: &Trace) -> Vec<(Option<&str>, Vec<&Request>)> {
    let requests = trace.requests.iter();
    let mut requests: Vec<&Request> = requests.filter(|one| one.is_for_model()).collect();
    sort_by_time(&mut requests);
    let mut threads: Vec<(Option<&str>, Vec<&Request>)> = Vec::new();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for request in requests {
        let id = request.facts.thread.as_deref();
        let found = match id {
            Some(id) => by_id.get(id).copied(),
            None => nameless(&threads, request),
        };
        match found {
            Some(at) => threads[at].1.push(request),
            None => {
                by_id.extend(id.map(|id| (id, threads.len())));
                threads.push((id, vec![request]));
            }
        }
    }
    for (_, requests) in &mut threads {
        sort_by_time(requests);
    }
    threads
}

/// Puts requests in the order of time, if each has one.
fn sort_by_time(requests: &mut [&Request]) {
    if requests.iter().all(|request| request.started_ms.is_some()) {
        let time = |request: &Request| request.started_ms.unwrap_or_default();
        requests.sort_by(|a, b| time(a).total_cmp(&time(b)));
    }
}

fn nameless(threads: &[(Option<&str>, Vec<&Request>)], request: &Request) -> Option<usize> {
    let numbered = threads.iter().enumerate().rev();
    let mut open = numbered
        .filter(|(_, thread)| thread.0.is_none())
        .take(OPEN_NAMELESS);
    let continues = |last: &Request| last.input.same_prefix(&request.input) == last.input.len();
    let found = open.find(|(_, thread)| thread.1.last().is_some_and(|last| continues(last)))?;
    Some(found.0)
}

fn number<'t>(flat: &'t [FlatExchange<'t>], requests: Vec<&'t Request>) -> Vec<Attempt<'t>> {
    let mut attempts: Vec<Attempt<'t>> = Vec::with_capacity(requests.len());
    for request in requests {
        let last = attempts.last();
        let same_prefix = last.map_or(0, |last| last.request.input.same_prefix(&request.input));
        let (turn, step, attempt) = match last {
            None => (1, 1, 1),
            Some(last) if begins_turn(last.request, request, same_prefix) => (last.turn + 1, 1, 1),
            Some(last) if is_again(last.request, request, same_prefix) => {
                (last.turn, last.step, last.attempt + 1)
            }
            Some(last) => (last.turn, last.step + 1, 1),
        };
        attempts.push(Attempt {
            request,
            flat: &flat[request.exchange],
            turn,
            step,
            attempt,
            same_prefix,
            has_steps: step > 1,
        });
    }
    let mut has_steps = false;
    for at in (0..attempts.len()).rev() {
        has_steps |= attempts[at].step > 1;
        attempts[at].has_steps = has_steps;
        if at > 0 && attempts[at - 1].turn != attempts[at].turn {
            has_steps = false;
        }
    }
    attempts
}

/// Whether a request is of another turn than the one before it: by the turn's id, else by a new message of the user.
fn begins_turn(last: &Request, request: &Request, same_prefix: usize) -> bool {
    match (last.metadata("turn_id"), request.metadata("turn_id")) {
        (Some(a), Some(b)) => a != b,
        // The prompt for a compaction is in the user's name, too.
        _ if request.facts.kind == RequestKind::Compaction => false,
        _ => has_new_user_words(last, request, same_prefix),
    }
}

/// Whether the user said something since the request before. A retry may differ inside of what was sent before, and what
/// follows a compaction has the summary and what the user said earlier.
fn has_new_user_words(last: &Request, request: &Request, same_prefix: usize) -> bool {
    if last.facts.kind == RequestKind::Compaction && last.response.outcome == Outcome::Completed {
        let said: HashSet<&str> = last.input.iter().map(Value::text).collect();
        let mut items = request.input.iter();
        return items.any(|item| {
            is_of_user(item) && !is_summary(item.node()) && !said.contains(item.text())
        });
    }
    // What an unknown response continued may have held the words.
    if !last.is_whole {
        return false;
    }
    let known = match last.response.outcome {
        Outcome::Completed => same_prefix,
        _ => last.input.len(),
    };
    let new = request.input.get(known..).unwrap_or(&[]);
    new.iter().any(is_of_user)
}

/// Whether an item is a message with words of a user.
fn is_of_user(item: &Value) -> bool {
    let node = item.node();
    item_type(node) == "message"
        && node.get_string("role").as_deref() == Some("user")
        && context_tags(node).is_none()
}

/// Whether a response came to an end that the agent could not read: nothing but what it delivered is sent back.
fn is_unread(last: &Request, request: &Request) -> bool {
    let is_unreadable = last
        .failure
        .as_ref()
        .is_some_and(|failure| failure.cause == Cause::UnreadableEnd);
    let mut new = request.input[last.input.len()..].iter();
    is_unreadable && new.all(|item| !is_output(&item_type(item.node())))
}

/// Whether a request is made because the one before it failed: for the same purpose, and the user said nothing new.
///
/// A compaction that was too long for the model is another request each time, as its history is cut.
fn is_again(last: &Request, request: &Request, same_prefix: usize) -> bool {
    let is_same = last.facts.kind == request.facts.kind
        && last.facts.endpoint == request.facts.endpoint
        && request.input.len() >= last.input.len()
        && !has_new_user_words(last, request, same_prefix);
    let is_shortened = last.facts.kind == RequestKind::Compaction
        && last.failure.as_ref().is_some_and(Failure::is_overflow);
    match last.response.outcome {
        Outcome::Completed => is_same && is_unread(last, request),
        Outcome::Failed => is_same && !is_shortened,
        Outcome::Unknown => is_same && request.input.len() == last.input.len(),
    }
}
