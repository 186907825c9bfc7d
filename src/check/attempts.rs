//! The requests of a capture by thread, turn and attempt, whatever they travelled over.

use std::fmt;

use crate::json::Value;
use crate::responses::{context_tags, item_type};

use super::request::{Outcome, Request, Trace};

/// The requests of one thread, in the order in which they were made.
pub(super) struct ThreadView<'t> {
    /// The thread's id; `None` when its requests do not say.
    pub(super) id: Option<&'t str>,
    pub(super) attempts: Vec<Attempt<'t>>,
}

/// A request with its place in its thread; warm-ups have none.
pub(super) struct Attempt<'t> {
    pub(super) request: &'t Request,
    /// Number of the turn among those that the capture shows, from 1.
    pub(super) turn: usize,
    /// Number of the request within the turn, from 1; those that were made again count once.
    pub(super) step: usize,
    /// Number of the attempt, from 1.
    pub(super) attempt: usize,
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

/// Nameless threads that a request may continue.
const OPEN_NAMELESS: usize = 8;

/// Groups the requests to the model by thread, and numbers them.
///
/// Requests that name no thread continue the last one whose whole input they begin with.
pub(super) fn threads(trace: &Trace) -> Vec<ThreadView<'_>> {
    let mut requests: Vec<&Request> = trace
        .requests
        .iter()
        .filter(|request| request.is_for_model())
        .collect();
    if let Some(mut timed) = requests
        .iter()
        .map(|request| Some((request.started_ms?, *request)))
        .collect::<Option<Vec<_>>>()
    {
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        requests = timed.into_iter().map(|(_, request)| request).collect();
    }
    let mut threads: Vec<(Option<&str>, Vec<&Request>)> = Vec::new();
    for request in requests {
        let id = request.facts.thread.as_deref();
        let found = match id {
            Some(_) => threads.iter().position(|thread| thread.0 == id),
            None => nameless(&threads, request),
        };
        match found {
            Some(at) => threads[at].1.push(request),
            None => threads.push((id, vec![request])),
        }
    }
    let view = |(id, requests)| ThreadView {
        id,
        attempts: number(requests),
    };
    threads.into_iter().map(view).collect()
}

fn nameless(threads: &[(Option<&str>, Vec<&Request>)], request: &Request) -> Option<usize> {
    let numbered = threads.iter().enumerate().rev();
    let mut open = numbered
        .filter(|(_, thread)| thread.0.is_none())
        .take(OPEN_NAMELESS);
    let continues = |last: &Request| {
        last.input.len() <= request.input.len()
            && same_prefix(&last.input, &request.input) == last.input.len()
    };
    let found = open.find(|(_, thread)| thread.1.last().is_some_and(|last| continues(last)))?;
    Some(found.0)
}

/// Number of items at the beginning that are the same text in both.
pub(super) fn same_prefix(a: &[Value], b: &[Value]) -> usize {
    let pairs = a.iter().zip(b);
    pairs.take_while(|(a, b)| a.text() == b.text()).count()
}

fn number(requests: Vec<&Request>) -> Vec<Attempt<'_>> {
    let mut attempts: Vec<Attempt<'_>> = Vec::with_capacity(requests.len());
    for request in requests {
        let (turn, step, attempt) = match attempts.last() {
            None => (1, 1, 1),
            Some(last) if begins_turn(last.request, request) => (last.turn + 1, 1, 1),
            Some(last) if is_again(last.request, request) => {
                (last.turn, last.step, last.attempt + 1)
            }
            Some(last) => (last.turn, last.step + 1, 1),
        };
        attempts.push(Attempt {
            request,
            turn,
            step,
            attempt,
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
pub(super) fn begins_turn(last: &Request, request: &Request) -> bool {
    match (last.metadata("turn_id"), request.metadata("turn_id")) {
        (Some((_, a)), Some((_, b))) => a != b,
        _ => last.response.outcome == Outcome::Completed && has_new_user_message(last, request),
    }
}

fn has_new_user_message(last: &Request, request: &Request) -> bool {
    let known = same_prefix(&last.input, &request.input);
    request.input[known..].iter().any(is_of_user)
}

/// Whether an item is a message with words of a user.
fn is_of_user(item: &Value) -> bool {
    let node = item.node();
    item_type(node) == "message"
        && node.get_string("role").as_deref() == Some("user")
        && context_tags(node).is_none()
}

/// Whether a request is made because the one before it failed.
fn is_again(last: &Request, request: &Request) -> bool {
    last.response.outcome != Outcome::Completed && last.facts.kind == request.facts.kind
}
