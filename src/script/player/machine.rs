//! The state of a script while it is played.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::choose::{Choice, choose};
use super::conversation::{Conversation, NotFound};
use super::form::Form;
use super::progress::Progress;
use super::respond::{Handshake, Task};
use super::violation::Violation;
use super::{builtin, values};
use crate::http::HeaderList;
use crate::json::Value;
use crate::responses::FormerMetadata;
use crate::script::answer::{Answer, Piece, StepId, WsAnswer, WsPiece};
use crate::script::fault::{FaultError, Random, is_random};
use crate::script::matcher::{Facts, RequestView, Threads};
use crate::script::model::{Rest, Script, WebSocketPolicy};
use crate::script::names::Names;
use crate::script::strict_api;

/// How a script is played.
#[derive(Debug, Clone, Default)]
pub struct PlayerOptions {
    /// Where random faults begin; before the script's own. Without either it is 0.
    pub seed: Option<u64>,
    /// Whether requests that fit no step get a plain "OK" and are no violation, nor those that are not what their step
    /// expects.
    pub is_lenient: bool,
    /// Whether requests that the real API refuses are refused, whatever the script says.
    pub is_strict_api: bool,
}

/// Plays a script: takes requests, gives answers, keeps count.
///
/// Made for one server; requests that arrive at once take turns.
#[derive(Debug)]
pub struct Player {
    pub(super) script: Arc<Script>,
    options: PlayerOptions,
    pub(super) progress: Progress,
    threads: Threads,
    extracted: BTreeMap<String, String>,
    pub(super) violations: Vec<Violation>,
    refused_upgrades: u32,
    /// Of the plain answer that was given last.
    form: Option<Form>,
    /// Of the request before.
    metadata: FormerMetadata,
}

/// What a request gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<A> {
    /// The answer; also for a violation, where it is an error that says what was wrong.
    pub answer: A,
    /// What did not go as the script says.
    pub violation: Option<Violation>,
}

/// What a message on a WebSocket gets.
#[derive(Debug, Clone)]
pub struct WsDecision {
    /// The answer.
    pub answer: WsAnswer,
    /// What did not go as the script says.
    pub violation: Option<Violation>,
    /// The message with the whole input, when it continued an earlier response.
    pub expanded: Option<Value>,
}

/// What a request to open a WebSocket connection gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Upgrade {
    /// It is accepted.
    Accept {
        /// Which part of the script says so.
        step: StepId,
        /// Header fields of the 101 response.
        headers: HeaderList,
        /// What happens before: only [`Piece::Wait`] and [`Piece::Gate`].
        before: Vec<Piece>,
    },
    /// It is answered otherwise.
    Refuse(Decision<Answer>),
}

/// A step that still wants requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The step, from 0.
    pub step: usize,
    /// What messages call it.
    pub label: String,
    /// How many requests it wants; `None` for any number.
    pub left: Option<u32>,
    /// Whether it may stay unused.
    pub is_optional: bool,
}

impl Player {
    /// A player at the start of a script.
    pub fn new(script: Arc<Script>, options: PlayerOptions) -> Self {
        Self {
            progress: Progress::new(&script),
            script,
            options,
            threads: Threads::default(),
            extracted: BTreeMap::new(),
            violations: Vec::new(),
            refused_upgrades: 0,
            form: None,
            metadata: FormerMetadata::default(),
        }
    }

    /// Starts over with another script; violations so far stay.
    pub fn reload(&mut self, script: Arc<Script>) {
        let violations = std::mem::take(&mut self.violations);
        *self = Self::new(script, self.options.clone());
        self.violations = violations;
    }

    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Where random faults begin.
    pub fn seed(&self) -> u64 {
        self.options.seed.or(self.script.seed).unwrap_or(0)
    }

    /// Whether anything in the script depends on the seed, so that it is worth printing.
    pub fn is_random(&self) -> bool {
        let steps = self.script.steps.iter().chain(&self.script.defaults);
        steps.flat_map(|step| &step.faults).any(is_random)
    }

    /// What did not go as the script says so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The steps that still want requests, first played first.
    pub fn remaining(&self) -> Vec<Remaining> {
        let steps = self.script.steps.iter().enumerate();
        steps
            .map(|(index, step)| (index, step, self.progress.left(index, step)))
            .filter(|(_, _, left)| *left != Some(0))
            .map(|(index, step, left)| Remaining {
                step: index,
                label: self.script.step_label(index),
                left,
                is_optional: step.is_optional,
            })
            .collect()
    }

    /// Answers an HTTP request.
    pub fn answer(&mut self, request: &RequestView<'_>) -> Decision<Answer> {
        let facts = Facts::after(*request, &mut self.metadata);
        let (id, outcome) = self.find(&facts);
        let outcome = match outcome {
            Outcome::Play => match self.play(id, &facts, |task| {
                let pieces = task.over_http()?;
                Ok((pieces, task.has_json_events))
            }) {
                Ok((pieces, has_json_events)) => {
                    let mut decision = Decision::plain(id, pieces);
                    decision.answer.has_json_events = has_json_events;
                    return decision;
                }
                Err(violation) => Outcome::Violation(*violation),
            },
            other => other,
        };
        match outcome {
            Outcome::Refuse(refusal) => {
                let names = self.names(id);
                let violation = self.note_refusal(&refusal, &facts);
                Decision {
                    violation,
                    ..Decision::plain(id, builtin::refusal(&refusal, &facts, &names))
                }
            }
            Outcome::Violation(violation) => self.violation(violation),
            Outcome::Play | Outcome::BuiltIn => {
                let names = self.names(id);
                let model = self.script.model.as_deref();
                let (pieces, is_clean) = builtin::answer(&facts, &names, model, &mut self.form);
                let mut decision = Decision::plain(id, pieces);
                decision.answer.is_clean = is_clean;
                decision.answer.has_json_events = true;
                decision
            }
        }
    }

    /// Answers a request to open a WebSocket connection.
    pub fn upgrade(&mut self, request: &RequestView<'_>) -> Upgrade {
        let facts = Facts::of_handshake(*request);
        let id = match choose(&self.script, &self.progress, &self.threads, &facts) {
            Choice::Step(index) => StepId::Step(index),
            Choice::Default(index) => StepId::Default(index),
            Choice::Unmet(index, _) if self.options.is_lenient => StepId::Step(index),
            Choice::Unmet(index, difference) => {
                let violation = self.unmet(index, difference, &facts);
                return Upgrade::Refuse(self.violation(violation));
            }
            Choice::Nothing(_) => return self.upgrade_without_step(&facts),
        };
        match self.play(id, &facts, |task| task.handshake()) {
            Ok(Handshake::Accept { headers, before }) => Upgrade::Accept {
                step: id,
                headers,
                before,
            },
            Ok(Handshake::Refuse(pieces)) => Upgrade::Refuse(Decision::plain(id, pieces)),
            Err(violation) => Upgrade::Refuse(self.violation(*violation)),
        }
    }

    fn upgrade_without_step(&mut self, facts: &Facts<'_>) -> Upgrade {
        if facts.endpoint != "/responses" {
            let names = self.names(StepId::BuiltIn);
            let (pieces, _) = builtin::answer(facts, &names, None, &mut None);
            return Upgrade::Refuse(Decision::plain(StepId::BuiltIn, pieces));
        }
        if let WebSocketPolicy::Refuse { status, times } = self.script.websocket
            && times.is_none_or(|times| self.refused_upgrades < times)
        {
            self.refused_upgrades += 1;
            let pieces = builtin::upgrade_refused(status);
            return Upgrade::Refuse(Decision::plain(StepId::BuiltIn, pieces));
        }
        Upgrade::Accept {
            step: StepId::BuiltIn,
            headers: self.script.headers.clone(),
            before: Vec::new(),
        }
    }

    /// Answers a message on a WebSocket connection; `request` is the handshake with the message as its body.
    pub fn answer_message(
        &mut self,
        conversation: &mut Conversation,
        request: &RequestView<'_>,
    ) -> WsDecision {
        let is_create = |body: &&Value| {
            let kind = body.node().get_string("type");
            kind.is_some_and(|kind| kind == "response.create")
        };
        let Some(message) = request.body.filter(is_create) else {
            return WsDecision::plain(StepId::BuiltIn, builtin::not_a_request());
        };
        let expanded = match conversation.expand(message) {
            Ok(expanded) => expanded,
            Err(NotFound { id }) => {
                return WsDecision::plain(StepId::BuiltIn, builtin::previous_not_found(&id));
            }
        };
        let whole = RequestView {
            body: Some(expanded.as_ref().unwrap_or(message)),
            ..*request
        };
        let decision = self.answer_whole_message(&whole);
        conversation.record(&decision.answer);
        WsDecision {
            expanded,
            ..decision
        }
    }

    fn answer_whole_message(&mut self, request: &RequestView<'_>) -> WsDecision {
        let facts = Facts::after(*request, &mut self.metadata);
        let (id, outcome) = self.find(&facts);
        let outcome = match outcome {
            Outcome::Play => match self.play(id, &facts, |task| task.over_websocket()) {
                Ok(pieces) => return WsDecision::plain(id, pieces),
                Err(violation) => Outcome::Violation(*violation),
            },
            other => other,
        };
        match outcome {
            Outcome::Refuse(refusal) => {
                let names = self.names(id);
                let violation = self.note_refusal(&refusal, &facts);
                let pieces = builtin::refusal_messages(&refusal, &facts, &names);
                WsDecision {
                    violation,
                    ..WsDecision::plain(id, pieces)
                }
            }
            Outcome::Violation(violation) => {
                self.violations.push(violation.clone());
                let pieces = builtin::violation_messages(&violation);
                WsDecision {
                    violation: Some(violation),
                    ..WsDecision::plain(StepId::Violation, pieces)
                }
            }
            Outcome::Play | Outcome::BuiltIn => {
                let names = self.names(id);
                let model = self.script.model.as_deref();
                WsDecision::plain(id, builtin::messages(&facts, &names, model))
            }
        }
    }

    /// Which part of the script is for a request, and what is to be done.
    fn find(&mut self, facts: &Facts<'_>) -> (StepId, Outcome) {
        let is_strict = self.options.is_strict_api || self.script.is_strict_api;
        if is_strict
            && facts.is_for_model()
            && let Some(body) = facts.body()
            && let Some(refusal) = strict_api::refusal(body, self.script.token_budget)
        {
            return (StepId::Refused, Outcome::Refuse(refusal));
        }
        match choose(&self.script, &self.progress, &self.threads, facts) {
            Choice::Step(index) => (StepId::Step(index), Outcome::Play),
            Choice::Default(index) => (StepId::Default(index), Outcome::Play),
            Choice::Unmet(index, _) if self.options.is_lenient => {
                (StepId::Step(index), Outcome::Play)
            }
            Choice::Unmet(index, difference) => {
                let violation = self.unmet(index, difference, facts);
                (StepId::Violation, Outcome::Violation(violation))
            }
            Choice::Nothing(near) if facts.is_for_model() && !self.is_ok_by_default() => {
                let violation = self.no_step(near, facts);
                (StepId::Violation, Outcome::Violation(violation))
            }
            Choice::Nothing(_) if facts.is_unreadable() && !self.is_ok_by_default() => {
                (StepId::Refused, Outcome::Refuse(strict_api::unreadable()))
            }
            Choice::Nothing(_) => (StepId::BuiltIn, Outcome::BuiltIn),
        }
    }

    /// Whether a request to the model that no step is for gets a plain "OK".
    fn is_ok_by_default(&self) -> bool {
        let is_used_up = || {
            let remaining = self.remaining();
            remaining
                .iter()
                .all(|step| step.is_optional || step.left.is_none())
        };
        self.options.is_lenient
            || self.script.steps.is_empty()
            || (self.script.rest == Rest::Ok && is_used_up())
    }

    fn names(&mut self, id: StepId) -> Names {
        let count = self.progress.count(id);
        Names::new(id, count)
    }

    /// Makes the answer of a step. A step that can't answer is not used.
    fn play<T>(
        &mut self,
        id: StepId,
        facts: &Facts<'_>,
        make: impl FnOnce(&mut Task<'_>) -> Result<T, FaultError>,
    ) -> Result<T, Box<Violation>> {
        let script = Arc::clone(&self.script);
        let (index, step) = match id {
            StepId::Step(index) => (index, script.steps.get(index)),
            StepId::Default(index) => (index, script.defaults.get(index)),
            _ => (0, None),
        };
        let Some(step) = step else {
            return Err(Box::new(self.no_step(None, facts)));
        };
        let fresh = values::extract(step, facts)
            .map_err(|extract| Box::new(self.unfilled(id, &extract.name, facts)))?;
        let mut extracted = self.extracted.clone();
        extracted.extend(fresh);
        let count = self.progress.count(id);
        let names = Names::new(id, count);
        let mut task = Task {
            script: &script,
            step,
            facts,
            values: values::values(step, &extracted, facts, &names, (index + 1, count)),
            names,
            count,
            random: Random::new(self.seed(), index as u64, u64::from(count)),
            has_json_events: false,
        };
        match make(&mut task) {
            Ok(made) => {
                self.extracted = extracted;
                if let Some(name) = &step.when.thread {
                    self.threads.bind(name, facts.thread.as_deref());
                }
                Ok(made)
            }
            Err(error) => {
                self.progress.uncount(id);
                Err(Box::new(self.impossible(id, &error, facts)))
            }
        }
    }

    fn violation(&mut self, violation: Violation) -> Decision<Answer> {
        self.violations.push(violation.clone());
        Decision {
            violation: Some(violation.clone()),
            ..Decision::plain(StepId::Violation, builtin::violation_answer(&violation))
        }
    }
}

impl Decision<Answer> {
    fn plain(step: StepId, pieces: Vec<Piece>) -> Self {
        Self {
            answer: Answer {
                step,
                pieces,
                has_json_events: false,
                is_clean: false,
            },
            violation: None,
        }
    }
}

impl WsDecision {
    fn plain(step: StepId, pieces: Vec<WsPiece>) -> Self {
        Self {
            answer: WsAnswer { step, pieces },
            violation: None,
            expanded: None,
        }
    }
}

enum Outcome {
    Play,
    BuiltIn,
    Refuse(strict_api::Refusal),
    Violation(Violation),
}
