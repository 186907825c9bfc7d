//! What is known of a run so far, and what a request is compared together with.

use std::collections::{HashMap, HashSet};

use crate::capture::Transport;
use crate::diff::{Comparison, ExchangePair};
use crate::rollout::{ItemClass, classify};
use crate::server::{Observed, Renaming};

use super::divergence::Divergence;
use super::expected::Asked;

/// A request of this run and what was recorded for it.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) baseline: Asked,
    pub(super) candidate: Asked,
    pub(super) numbers: (usize, Place),
}

/// A request and those that it is compared together with.
pub(super) struct Window {
    pub(super) before: Vec<Pair>,
    /// What was recorded, with its number; `None` where nothing was.
    pub(super) baseline: Option<(usize, Asked)>,
    pub(super) candidate: Asked,
    pub(super) place: Place,
}

impl Window {
    /// Leaves of a comparison what is about the last request.
    pub(super) fn keep_last(&self, comparison: &mut Comparison) {
        let last = self.before.len();
        let last_baseline = self.baseline.as_ref().map(|_| last);
        let is_last = |pair: &ExchangePair| {
            pair.candidate == Some(last)
                || pair.baseline.is_some() && pair.baseline == last_baseline
        };
        comparison
            .changes
            .retain(|change| is_last(&change.exchange));
        comparison.alignment.retain(|row| is_last(&row.pair));
    }
}

/// Where a request of this run stands: the exchange, and on a WebSocket the message, from 1.
pub(super) type Place = (usize, usize);

/// What is known of the run so far.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The first pair of the session.
    pub(super) first: Option<Pair>,
    /// The latest pair of each thread.
    pub(super) latest: HashMap<Option<String>, Pair>,
    /// Turns of each thread so far, and what the last one began with.
    pub(super) turns: HashMap<Option<String>, (usize, String)>,
    /// The numbers of requests to the model, where only these are compared.
    pub(super) requests: HashMap<Place, usize>,
    /// Messages on each WebSocket connection, by the number of its exchange.
    pub(super) messages: HashMap<usize, usize>,
    /// How many WebSockets were asked for, and the latest request for one.
    pub(super) handshakes: (usize, Option<Pair>),
    /// The agent with its version, as it says.
    pub(super) agent: Option<String>,
    /// What was compared, where the recording is rebuilt for each request: the step with what was recorded, and what was
    /// sent.
    pub(super) kept: Vec<(Option<(usize, Asked)>, Asked)>,
    /// What the agent calls otherwise than the recorded one, of that which is played.
    pub(super) renaming: Renaming,
    /// Names of the recording that were looked up for that.
    pub(super) met: HashSet<String>,
    pub(super) divergences: Vec<(Place, Divergence)>,
    pub(super) is_stopped: bool,
    /// Whether the last recorded request came, which was never answered.
    pub(super) is_at_end: bool,
}

impl State {
    /// Takes down that a request came; where it stands.
    pub(super) fn place(&mut self, seen: &Observed<'_>) -> Place {
        let exchange = seen.request.number;
        if seen.transport != Transport::WebSocket {
            return (exchange, 0);
        }
        let messages = self.messages.entry(exchange).or_default();
        *messages += 1;
        (exchange, *messages)
    }

    /// The number that a request has in the flat list of exchanges, as of now.
    pub(super) fn number(&self, place: Place) -> usize {
        if let Some(number) = self.requests.get(&place) {
            return *number;
        }
        let (exchange, message) = place;
        let before = self
            .messages
            .iter()
            .filter(|(other, _)| **other < exchange)
            .map(|(_, count)| count);
        exchange + before.sum::<usize>() + message
    }

    /// The pairs that a request is compared together with: the first of the session and the latest of its thread.
    pub(super) fn window(&self, thread: &Option<String>) -> Vec<Pair> {
        let latest = self.latest.get(thread);
        let first = self
            .first
            .iter()
            .filter(|first| latest.is_none_or(|latest| latest.numbers != first.numbers));
        first.chain(latest).cloned().collect()
    }

    /// Takes down what a request was compared with.
    pub(super) fn keep(&mut self, window: Window, thread: Option<String>) {
        let Some((number, baseline)) = window.baseline else {
            return;
        };
        let pair = Pair {
            baseline,
            candidate: window.candidate,
            numbers: (number, window.place),
        };
        self.first.get_or_insert_with(|| pair.clone());
        self.latest.insert(thread, pair);
    }

    /// Gives the exchanges of a window's comparison the numbers of the whole session.
    pub(super) fn renumber(&self, comparison: &mut Comparison, window: &Window) {
        let before = window.before.iter().map(|pair| pair.numbers);
        let baselines = before.clone().map(|(baseline, _)| baseline);
        let last = window.baseline.iter().map(|(number, _)| *number);
        let baselines: Vec<usize> = baselines.chain(last).collect();
        let places = before.map(|(_, place)| place).chain([window.place]);
        let candidates: Vec<usize> = places.map(|place| self.number(place)).collect();
        let renumber = |pair: &mut ExchangePair| {
            pair.baseline = pair.baseline.and_then(|at| baselines.get(at).copied());
            pair.candidate = pair.candidate.and_then(|at| candidates.get(at).copied());
        };
        for change in &mut comparison.changes {
            renumber(&mut change.exchange);
            change.recurs.iter_mut().for_each(renumber);
        }
        for row in &mut comparison.alignment {
            renumber(&mut row.pair);
        }
    }

    /// Which turn of its thread a request belongs to, from 1.
    pub(super) fn turn_of(&mut self, asked: &Asked) -> usize {
        let turns = self.turns.entry(asked.facts.thread.clone()).or_default();
        if let Some(begins) = turn_id(asked).or_else(|| last_user_message(asked))
            && turns.1 != begins
        {
            turns.0 += 1;
            turns.1 = begins;
        }
        turns.0.max(1)
    }
}

/// The id of the turn, where the agent names it (codex 0.115.0 and later).
fn turn_id(asked: &Asked) -> Option<String> {
    let key = "x-codex-turn-metadata";
    let body = asked.exchange.request.body.json();
    let in_body = body.and_then(|body| {
        let metadata = body.node().get("client_metadata")?.get_string(key)?;
        Some(metadata.into_owned())
    });
    let headers = asked.exchange.request.headers.as_option();
    let in_header = || headers?.list.get(key).map(str::to_owned);
    let metadata = crate::json::Value::parse(in_body.or_else(in_header)?).ok()?;
    let id = metadata.node().get_string("turn_id")?.into_owned();
    (!id.is_empty()).then_some(id)
}

/// What the last message of the user in a request is, and how many items stand before it.
fn last_user_message(asked: &Asked) -> Option<String> {
    let body = asked.exchange.request.body.json()?;
    let input = crate::json::Raw::new(body.text()).get("input")?;
    let items: Vec<_> = input.items().collect();
    let last = items
        .iter()
        .rposition(|item| classify(*item) == ItemClass::UserTurn)?;
    Some(format!("{last} {}", items[last].text()))
}
