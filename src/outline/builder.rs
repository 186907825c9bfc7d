//! Puts steps into turns, and outputs to their calls.

use std::collections::HashMap;

use super::item::Item;
use super::model::{Call, End, EndKind, Moment, Output, Position, Step, Thread, Turn, Usage, What};
use super::text::Text;
use super::time::elapsed_ms;

/// A thread while it is read.
#[derive(Debug, Default)]
pub(super) struct ThreadBuilder {
    pub(super) thread: Thread,
    /// Whether the last turn goes on.
    is_open: bool,
    /// Context that came while no turn was open: it belongs to the next one.
    waiting: Vec<Step>,
    /// Calls that have no output yet, by their `call_id`.
    calls: HashMap<String, Place>,
}

/// Where a step stands in the thread being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Position in the list of turns; `None` before the first.
    turn: Option<usize>,
    step: usize,
}

impl ThreadBuilder {
    /// Whether a turn has begun and not ended.
    pub(super) fn has_open_turn(&self) -> bool {
        self.is_open
    }

    /// The last turn, open or not.
    pub(super) fn turn(&mut self) -> Option<&mut Turn> {
        self.thread.turns.last_mut()
    }

    /// Begins a turn; one that is open stays without an end.
    pub(super) fn begin_turn(&mut self, id: Option<String>, started: Option<Moment>) -> &mut Turn {
        let number = self.thread.turns.len() + 1;
        self.is_open = true;
        self.thread.turns.push(Turn {
            number,
            id,
            started,
            steps: std::mem::take(&mut self.waiting),
            ..Turn::default()
        });
        let last = self.thread.turns.len() - 1;
        &mut self.thread.turns[last]
    }

    /// Ends the last turn, if it is open.
    pub(super) fn end_turn(&mut self, end: End) {
        if self.is_open
            && let Some(turn) = self.thread.turns.last_mut()
        {
            turn.end = end;
            let answer = turn.steps.iter().rev().find_map(|step| match &step.what {
                What::Assistant { text, .. } => Some(text.clone()),
                _ => None,
            });
            turn.answer = turn.answer.take().or(answer);
        }
        self.is_open = false;
    }

    /// Adds context, which belongs to the next turn if none is open.
    pub(super) fn push_context(&mut self, at: Position, time: Option<Moment>, what: What) {
        if self.is_open {
            self.push(at, time, what);
        } else {
            self.waiting.push(Step { at, time, what });
        }
    }

    /// The thread, whole.
    pub(super) fn finish(mut self) -> Thread {
        let waiting = std::mem::take(&mut self.waiting);
        let turn = self.thread.turns.len().checked_sub(1);
        self.steps(turn).extend(waiting);
        self.thread
    }

    /// Adds a step to the last turn, or before the first.
    pub(super) fn push(&mut self, at: Position, time: Option<Moment>, what: What) -> Place {
        if let (What::User { text }, true, Some(turn)) =
            (&what, self.is_open, self.thread.turns.last_mut())
            && turn.prompt.is_none()
        {
            turn.prompt = Some(text.clone());
        }
        let turn = self.thread.turns.len().checked_sub(1);
        let steps = self.steps(turn);
        steps.push(Step { at, time, what });
        Place {
            turn,
            step: steps.len() - 1,
        }
    }

    /// Adds an item; an output goes to its call.
    pub(super) fn push_item(&mut self, item: Item, at: Position, time: Option<Moment>) -> Place {
        match item {
            Item::Alone(what) => self.push(at, time, what),
            Item::Output(output) => self.push_output(output, at, time),
            Item::Call(call) => {
                let id = call.call_id.clone().filter(|_| call.expects_output);
                let place = self.push(at, time, What::Call(call));
                if let Some(id) = id {
                    self.calls.insert(id, place);
                }
                place
            }
        }
    }

    fn push_output(&mut self, output: Box<Output>, at: Position, time: Option<Moment>) -> Place {
        let place = output.call_id.as_ref().and_then(|id| self.calls.remove(id));
        let Some(place) = place else {
            return self.push(at, time, What::Output(output));
        };
        if let Some(call) = self.call(place) {
            call.duration_ms = call.duration_ms.or(output.wall_ms);
            call.exit_code = call.exit_code.or(output.exit_code);
            call.output = Some(*output);
        }
        place
    }

    /// Sets the tokens in the context behind the last compaction of the turn.
    pub(super) fn set_tokens_after(&mut self, tokens: u64) {
        let steps = self.thread.turns.last_mut().map(|turn| &mut turn.steps);
        let last = steps
            .into_iter()
            .flatten()
            .rev()
            .find_map(|step| match &mut step.what {
                What::Compaction(compaction) => Some(compaction),
                _ => None,
            });
        if let Some(compaction) = last {
            compaction.tokens_after = compaction.tokens_after.or(Some(tokens));
        }
    }

    /// Sets the duration of a call that just got its output, where nothing tells it, to the time between the two.
    pub(super) fn time_call(&mut self, place: Place, now: &str) {
        let Some(step) = self.step(place) else {
            return;
        };
        let Some(Moment::Written(started)) = &step.time else {
            return;
        };
        if let What::Call(call) = &mut step.what
            && call.output.is_some()
            && call.duration_ms.is_none()
        {
            call.duration_ms = elapsed_ms(started, now);
        }
    }

    /// The call that still waits for its output.
    pub(super) fn waiting_call(&mut self, call_id: &str) -> Option<&mut Call> {
        let place = *self.calls.get(call_id)?;
        self.call(place)
    }

    pub(super) fn call(&mut self, place: Place) -> Option<&mut Call> {
        match &mut self.step(place)?.what {
            What::Call(call) => Some(call),
            _ => None,
        }
    }

    /// A step that was added before.
    pub(super) fn step(&mut self, place: Place) -> Option<&mut Step> {
        self.steps(place.turn).get_mut(place.step)
    }

    fn steps(&mut self, turn: Option<usize>) -> &mut Vec<Step> {
        match turn {
            Some(turn) => &mut self.thread.turns[turn].steps,
            None => &mut self.thread.before,
        }
    }

    /// Counts the tokens of a response.
    pub(super) fn add_usage(&mut self, usage: &Usage) {
        self.thread.usage.get_or_insert_default().add(usage);
        if let Some(turn) = self.thread.turns.last_mut() {
            turn.responses += 1;
            turn.usage.get_or_insert_default().add(usage);
            turn.context_used = Some(usage.total);
        }
    }

    /// Ends the open turn of an input that has no word for it: completed, if the model's answer is the last that
    /// happened, else as told.
    pub(super) fn conclude_turn(&mut self, otherwise: EndKind) {
        let Some(turn) = self.thread.turns.last() else {
            return;
        };
        let is_answer = |step: &Step| matches!(step.what, What::Assistant { .. });
        let is_silent = |step: &&Step| {
            matches!(
                step.what,
                What::Reasoning { .. }
                    | What::Event { .. }
                    | What::Damage { .. }
                    | What::Compaction(_)
            )
        };
        let last = turn.steps.iter().rev().find(|step| !is_silent(step));
        let kind = match last {
            Some(step) if is_answer(step) => EndKind::Completed,
            _ => otherwise,
        };
        self.end_turn(End::plain(kind));
    }

    /// Takes away the last step, if it is a message of the model that the text ends with, and gives its place.
    pub(super) fn take_summary(&mut self, is_it: impl Fn(&Text) -> bool) -> Option<Position> {
        let steps = &mut self.thread.turns.last_mut()?.steps;
        match &steps.last()?.what {
            What::Assistant { text, .. } if is_it(text) => steps.pop().map(|step| step.at),
            _ => None,
        }
    }
}
