//! How often each part of a script was used.

use crate::script::answer::StepId;
use crate::script::model::{Repeat, Script, Step};

/// How often each step was used.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: Vec<u32>,
    defaults: Vec<u32>,
    built_in: u32,
}

impl Progress {
    /// Nothing of a script was used.
    pub(super) fn new(script: &Script) -> Self {
        Self {
            steps: vec![0; script.steps.len()],
            defaults: vec![0; script.defaults.len()],
            built_in: 0,
        }
    }

    /// Whether a step wants a further request.
    pub(super) fn is_left(&self, index: usize, step: &Step) -> bool {
        match step.repeat {
            Repeat::Any => true,
            Repeat::Times(times) => self.steps.get(index).is_some_and(|used| *used < times),
        }
    }

    /// Counts an answer and gives its number, from 1.
    pub(super) fn count(&mut self, id: StepId) -> u32 {
        let used = match id {
            StepId::Step(index) => self.steps.get_mut(index),
            StepId::Default(index) => self.defaults.get_mut(index),
            _ => Some(&mut self.built_in),
        };
        used.map_or(1, |used| {
            *used += 1;
            *used
        })
    }

    /// Takes back the count of a step that could not answer.
    pub(super) fn uncount(&mut self, id: StepId) {
        if let StepId::Step(index) = id
            && let Some(used) = self.steps.get_mut(index)
        {
            *used = used.saturating_sub(1);
        }
    }
}

impl Progress {
    /// How many further requests a step wants; `None` for any number.
    pub(super) fn left(&self, index: usize, step: &Step) -> Option<u32> {
        match step.repeat {
            Repeat::Any => None,
            Repeat::Times(times) => Some(times.saturating_sub(self.used(index))),
        }
    }

    /// How many requests a step answered.
    pub(super) fn used(&self, index: usize) -> u32 {
        self.steps.get(index).copied().unwrap_or(0)
    }
}
