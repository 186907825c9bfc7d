//! Puts steps into turns, and outputs to their calls.

use std::collections::HashMap;

use super::item::Item;
use super::model::{Call, End, EndKind, Moment, Output, Position, Step, Thread, Turn, Usage, What};

/// A thread while it is read.
#[derive(Debug, Default)]
pub(super) struct ThreadBuilder {
    pub(super) thread: Thread,
    /// Whether the last turn goes on.
    is_open: bool,
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
            ..Turn::default()
        });
        let last = self.thread.turns.len() - 1;
        &mut self.thread.turns[last]
    }

    /// Ends the last turn, if it is open.
    pub(super) fn end_turn(&mut self, end: End) {
        if self.is_open && let Some(turn) = self.thread.turns.last_mut() {
            turn.end = end;
            let answer = turn.steps.iter().rev().find_map(|step| match &step.what {
                What::Assistant { text, .. } => Some(text.clone()),
                _ => None,
            });
            turn.answer = turn.answer.take().or(answer);
        }
        self.is_open = false;
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
            call.output = Some(*output);
        }
        place
    }

    /// The call that still waits for its output.
    pub(super) fn waiting_call(&mut self, call_id: &str) -> Option<&mut Call> {
        let place = *self.calls.get(call_id)?;
        self.call(place)
    }

    /// Where the call stands that still waits for its output.
    pub(super) fn place_of_waiting(&self, call_id: &str) -> Option<Place> {
        self.calls.get(call_id).copied()
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

    /// What an input that has no word for it lets conclude of the end of the last turn: an answer of the model and no
    /// call that waits.
    pub(super) fn conclude_turn(&mut self) {
        let Some(turn) = self.thread.turns.last() else {
            return;
        };
        let is_answer = |step: &Step| matches!(step.what, What::Assistant { .. });
        let is_silent = |step: &&Step| {
            matches!(
                step.what,
                What::Reasoning { .. } | What::Event { .. } | What::Damage { .. }
            )
        };
        let last = turn.steps.iter().rev().find(|step| !is_silent(step));
        let kind = match last {
            Some(step) if is_answer(step) => EndKind::Completed,
            _ => EndKind::Open,
        };
        self.end_turn(End::plain(kind));
    }
}
