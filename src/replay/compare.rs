//! Compares requests one by one as they arrive.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::capture::{
    Body, Capture, CaptureKind, Headers, Recorded, Request, Transport, WEBSOCKET_METHOD,
};
use crate::diff::{Comparison, Options, compare};
use crate::responses::RequestKind;
use crate::script::StepId;
use crate::server::{EXCHANGE, Observed, Observer, Renaming};

use super::circumstances::{between, product};
use super::divergence::Divergence;
use super::expected::{Asked, Expected, capture_of};
use super::played::Played;
use super::session::{Judge, ReplayOptions};
use super::state::{Pair, Place, State, Window};
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
        let user_agent = seen.request.headers.get("user-agent");
        if let Some(agent) = user_agent.and_then(product) {
            self.state().agent.get_or_insert(agent);
        }
        if seen.transport == Transport::Handshake {
            return self.see_handshake(seen, place);
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
        if !is_for_model {
            return Ok(());
        }
        let thread = candidate.facts.thread.clone();
        let turn = self.state().turn_of(&candidate);
        if let (Expected::Inputs(inputs), Some(step)) = (&self.expected, step) {
            self.state().is_at_end |= inputs.is_open_end(step);
        }
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

    /// Compares the request for a WebSocket with the recorded one of the same number. That there are more or fewer is told
    /// in the end: how often an agent tries again is a matter of time.
    fn see_handshake(&self, seen: &Observed<'_>, place: Place) -> Result<(), String> {
        let candidate = Asked::new(request_of(seen, false));
        let (nth, before) = {
            let mut state = self.state();
            state.handshakes.0 += 1;
            (state.handshakes.0 - 1, state.handshakes.1.clone())
        };
        let Some((number, baseline)) = self.expected.handshake(nth) else {
            return Ok(());
        };
        let turn = self.state().turn_of(&candidate);
        let window = Window {
            before: before.into_iter().collect(),
            baseline: Some((number, baseline.clone())),
            candidate,
            place,
        };
        let found = self.compare(&window);
        self.state().handshakes.1 = Some(Pair {
            baseline: baseline.clone(),
            candidate: window.candidate,
            numbers: (number, place),
        });
        match found {
            Some(comparison) => self.diverged(place, Some(number), turn, comparison),
            None => Ok(()),
        }
    }

    /// The agent with its version, as it says in its requests.
    pub(super) fn agent(&self) -> Option<String> {
        self.state().agent.clone()
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
        let state = &mut *self.state();
        for (from, to) in renamed {
            // Each request names all that came before.
            if state.met.contains(from) {
                continue;
            }
            state.met.insert(from.clone());
            if is_told(from) {
                state.renaming.pairs.push((from.clone(), to.clone()));
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
