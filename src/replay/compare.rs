//! Compares requests one by one as they arrive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::capture::{
    Body, Capture, CaptureKind, Headers, Recorded, Request, Transport, WEBSOCKET_METHOD,
};
use crate::diff::{Comparison, ExchangePair, Options, compare};
use crate::responses::RequestKind;
use crate::rollout::{ItemClass, classify};
use crate::script::StepId;
use crate::server::{EXCHANGE, Observed, Observer, Renaming};

use super::circumstances::between;
use super::divergence::Divergence;
use super::expected::{Asked, Expected, capture_of};
use super::played::Played;
use super::session::{Judge, ReplayOptions};
use super::tools::Answers;

/// What becomes of an agent whose request is not the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDivergence {
    /// The request is refused, and so are all that follow: [`Replay::is_over`](super::Replay::is_over).
    #[default]
    Stop,
    /// It gets the recorded response anyway.
    Continue,
    /// The request is refused, and so are all that follow, for a [`Proxy`](crate::server::Proxy) before the server that sends
    /// them to a real one: [`Replay::is_live`](super::Replay::is_live).
    Live,
}

/// Compares each request with the one whose response it gets.
#[derive(Debug)]
pub(super) struct Comparer {
    pub(super) path: String,
    pub(super) kind: CaptureKind,
    pub(super) expected: Expected,
    pub(super) on_divergence: OnDivergence,
    pub(super) options: Options,
    judge: Judge,
    pub(super) played: Played,
    /// What commands get, if they are answered, and the names in it.
    pub(super) answers: OnceLock<(Answers, Played)>,
    /// The recorded work directory.
    work: Option<String>,
    state: Mutex<State>,
}

/// A request of this run and what was recorded for it.
#[derive(Debug, Clone)]
struct Pair {
    baseline: Asked,
    candidate: Asked,
    numbers: (usize, Place),
}

/// A request and those that it is compared together with.
struct Window {
    before: Vec<Pair>,
    /// What was recorded, with its number; `None` where nothing was.
    baseline: Option<(usize, Asked)>,
    candidate: Asked,
    place: Place,
}

impl Window {
    /// Leaves of a comparison what is about the last request.
    fn keep_last(&self, comparison: &mut Comparison) {
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
type Place = (usize, usize);

/// What is known of the run so far.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The first pair of the session.
    first: Option<Pair>,
    /// The latest pair of each thread.
    latest: HashMap<Option<String>, Pair>,
    /// Turns of each thread so far, and what the last one began with.
    turns: HashMap<Option<String>, (usize, String)>,
    /// The numbers of requests to the model, where only these are compared.
    requests: HashMap<Place, usize>,
    /// Messages on each WebSocket connection, by the number of its exchange.
    messages: HashMap<usize, usize>,
    /// What was compared, where the recording is rebuilt for each request: the step with what was recorded, and what was
    /// sent.
    kept: Vec<(Option<(usize, Asked)>, Asked)>,
    /// What the agent calls otherwise than the recorded one, of that which is played.
    renaming: Renaming,
    divergences: Vec<(Place, Divergence)>,
    is_stopped: bool,
}

impl Comparer {
    pub(super) fn new(
        path: &str,
        kind: CaptureKind,
        expected: Expected,
        played: Played,
        work: Option<String>,
        options: ReplayOptions,
    ) -> Self {
        let (on_divergence, judge) = (options.on_divergence, options.judge);
        // Responses are the replay's own.
        let options = options.compare.or_requests();
        Self {
            path: path.to_owned(),
            kind,
            expected,
            on_divergence,
            options,
            judge,
            played,
            answers: OnceLock::new(),
            work,
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request was refused, and all behind it are.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// The divergences so far, with the numbers that their requests have by now.
    pub(super) fn divergences(&self) -> Vec<Divergence> {
        let state = self.state();
        let numbered = state.divergences.iter().map(|(place, divergence)| {
            let mut divergence = divergence.clone();
            divergence.candidate = state.number(*place);
            divergence
        });
        numbered.collect()
    }

    fn see(&self, seen: &Observed<'_>) -> Result<(), String> {
        let (place, is_stopped) = {
            let mut state = self.state();
            (state.place(seen), state.is_stopped)
        };
        if is_stopped {
            return Err(AFTER_DIVERGENCE.to_owned());
        }
        let step = match seen.step {
            StepId::Step(step) => Some(step),
            StepId::Violation => None,
            _ => return Ok(()),
        };
        let is_of_disk = matches!(self.expected, Expected::Inputs(_));
        let mut candidate = Asked::new(request_of(seen, is_of_disk));
        candidate.is_expanded = is_of_disk && seen.whole.is_some();
        let is_for_model = !matches!(
            candidate.facts.kind,
            RequestKind::Models | RequestKind::Other
        );
        if seen.transport == Transport::Handshake || !is_for_model {
            return Ok(());
        }
        let thread = candidate.facts.thread.clone();
        let turn = self.state().turn_of(&candidate);
        let (baseline, candidate) = match step {
            Some(step) => {
                self.learn_work(&candidate);
                let renaming = self.state().renaming.clone();
                let (baseline, candidate) = self.expected.pair(step, candidate, &renaming);
                (Some((self.expected.number(step), baseline)), candidate)
            }
            None => (None, self.expected.reduced(candidate)),
        };
        let window = Window {
            before: self.state().window(&thread),
            baseline,
            candidate,
            place,
        };
        if let Expected::Inputs(_) = self.expected {
            let mut state = self.state();
            let number = state.kept.len();
            state.requests.insert(place, number);
            state
                .kept
                .push((window.baseline.clone(), window.candidate.clone()));
        }
        let found = self.compare(&window);
        let number = window.baseline.as_ref().map(|(number, _)| *number);
        self.state().keep(window, thread);
        match found {
            Some(comparison) => self.diverged(place, number, turn, comparison),
            None => Ok(()),
        }
    }

    /// Takes down where the agent works, as it tells the model.
    fn learn_work(&self, candidate: &Asked) {
        let body = candidate.exchange.request.body.json();
        let told = body.and_then(|body| between(body.text(), "<cwd>", "</cwd>"));
        if let (Some(was), Some(is)) = (&self.work, told)
            && *was != is
        {
            self.learn(&[(was.clone(), is)]);
        }
    }

    /// Takes down what the agent calls otherwise, if it is played or printed.
    fn learn(&self, renamed: &[(String, String)]) {
        let printed = self.answers.get().map(|(_, printed)| printed);
        let is_told = |name: &str| {
            self.played.names(name) || printed.is_some_and(|printed| printed.names(name))
        };
        let pairs = &mut self.state().renaming.pairs;
        for (from, to) in renamed {
            let is_known = pairs.iter().any(|(known, _)| known == from);
            if !is_known && is_told(from) {
                pairs.push((from.clone(), to.clone()));
            }
        }
    }

    /// Gets the answers ready for the commands of the response that a request gets.
    fn prepare(&self, seen: &Observed<'_>, renaming: &Renaming) -> Result<(), String> {
        let (Some((answers, _)), StepId::Step(step)) = (self.answers.get(), seen.step) else {
            return Ok(());
        };
        let prepared = answers.prepare(step, renaming);
        prepared
            .map_err(|error| format!("What commands are to print could not be written: {error}."))
    }

    fn candidate_kind(&self) -> CaptureKind {
        match self.expected {
            Expected::Requests { .. } => CaptureKind::Capture,
            Expected::Inputs(_) => self.kind,
        }
    }

    /// Both sides of all that was compared, where the recording is rebuilt for each request.
    pub(super) fn rebuilt(&self) -> Option<(Capture, Capture)> {
        let Expected::Inputs(inputs) = &self.expected else {
            return None;
        };
        let state = self.state();
        let mut played: HashMap<usize, Vec<Asked>> = HashMap::new();
        for (step, asked) in state
            .kept
            .iter()
            .filter_map(|(baseline, _)| baseline.as_ref())
        {
            played.entry(*step).or_default().push(asked.clone());
        }
        let like = state.kept.first().map(|(_, candidate)| candidate);
        // A step may answer the same request again and again.
        let requests = (0..inputs.len()).flat_map(|step| match played.remove(&step) {
            Some(asked) => asked,
            None => vec![inputs.alone(step, like)],
        });
        let baseline: Vec<Asked> = requests.collect();
        let candidate = state.kept.iter().map(|(_, candidate)| candidate);
        Some((
            capture_of(&self.path, self.kind, &baseline),
            capture_of("this run", self.kind, candidate),
        ))
    }

    fn diverged(
        &self,
        place: Place,
        baseline: Option<usize>,
        turn: usize,
        comparison: Comparison,
    ) -> Result<(), String> {
        let mut state = self.state();
        let divergence = Divergence {
            baseline,
            candidate: state.number(place),
            turn,
            comparison,
        };
        let said = divergence.first().map(|change| change.message.clone());
        state.divergences.push((place, divergence));
        if self.on_divergence == OnDivergence::Continue {
            return Ok(());
        }
        state.is_stopped = true;
        Err(format!(
            "This request is not the recorded one: {}.",
            said.unwrap_or_default()
        ))
    }

    /// How the last request of a window differs, if it does in something that counts; exchanges have the numbers of the
    /// whole session.
    fn compare(&self, window: &Window) -> Option<Comparison> {
        let before = window.before.iter();
        let baselines = before.clone().map(|pair| &pair.baseline);
        let baselines = baselines.chain(window.baseline.iter().map(|(_, asked)| asked));
        let baseline = capture_of(&self.path, self.kind, baselines);
        let candidates = before
            .map(|pair| &pair.candidate)
            .chain([&window.candidate]);
        let candidate = capture_of("this run", self.candidate_kind(), candidates);
        let mut comparison = compare(&baseline, &candidate, &self.options);
        window.keep_last(&mut comparison);
        self.learn(&comparison.renamed);
        let counts = (self.judge.0)(&baseline, &candidate, &comparison);
        counts.then(|| {
            self.state().renumber(&mut comparison, window);
            comparison
        })
    }
}

/// What is said to requests behind one that was refused.
const AFTER_DIVERGENCE: &str = "The replay has ended: an earlier request was not the recorded one.";

impl Observer for Comparer {
    fn request(&self, seen: &Observed<'_>) -> Result<Renaming, String> {
        self.see(seen)?;
        let renaming = self.state().renaming.clone();
        self.prepare(seen, &renaming)?;
        Ok(renaming)
    }
}

impl State {
    /// Takes down that a request came; where it stands.
    fn place(&mut self, seen: &Observed<'_>) -> Place {
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
    fn window(&self, thread: &Option<String>) -> Vec<Pair> {
        let latest = self.latest.get(thread);
        let first = self
            .first
            .iter()
            .filter(|first| latest.is_none_or(|latest| latest.numbers != first.numbers));
        first.chain(latest).cloned().collect()
    }

    /// Takes down what a request was compared with.
    fn keep(&mut self, window: Window, thread: Option<String>) {
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
    fn renumber(&self, comparison: &mut Comparison, window: &Window) {
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
    fn turn_of(&mut self, asked: &Asked) -> usize {
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

/// A request as a capture would have it, or with its whole input where disk is compared.
fn request_of(seen: &Observed<'_>, whole: bool) -> Request {
    let view = seen.request;
    let is_message = seen.transport == Transport::WebSocket;
    let headers = || {
        // The number that a proxy puts into what it leaves to the server is none of the agent's.
        let own = view.headers.iter().filter(|header| header.name != EXCHANGE);
        let own = own.map(|header| (header.name.as_str(), header.value.as_str()));
        Recorded::Yes(Headers::exact(own.collect()))
    };
    Request {
        method: match is_message {
            true => WEBSOCKET_METHOD.to_owned(),
            false => view.method.to_owned(),
        },
        target: view.target.to_owned(),
        http_version: Recorded::NotRecorded,
        headers: if is_message {
            Recorded::NotRecorded
        } else {
            headers()
        },
        body: seen
            .whole
            .filter(|_| whole)
            .or(view.body)
            .map_or(Body::NotRecorded, |body| Body::from_value(body.clone())),
        wire_body_bytes: Recorded::NotRecorded,
    }
}
