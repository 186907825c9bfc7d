//! Calls that were executed more often than responses asked for them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::responses::{call_id, is_call, is_output, item_type};

use super::super::attempts::Attempt;
use super::super::item::ItemFacts;
use super::super::label::{excerpt, label, the};
use super::super::quick::QuickMap;
use super::super::request::{Outcome, Request};
use super::super::sink::Sink;
use super::rules;

/// How often calls were asked for, and stand in the last input.
#[derive(Default)]
pub(super) struct Executions<'t> {
    /// How often completed responses delivered a call with an id.
    asked: QuickMap<Cow<'t, str>, usize>,
    /// The request whose input was counted.
    exchange: Option<usize>,
    /// Number of items that were counted.
    read: usize,
    counts: QuickMap<Cow<'t, str>, Count>,
    /// Ids that stand there more than once.
    repeated: BTreeSet<Cow<'t, str>>,
}

/// How often a call and its output stand in an input.
#[derive(Default)]
struct Count {
    calls: usize,
    outputs: usize,
    /// Position of the last call.
    at: usize,
}

impl<'t> Executions<'t> {
    /// Takes the calls of an input as they are.
    pub(super) fn learn(&mut self, now: &'t Attempt<'t>) {
        self.count(now);
        for (id, count) in &self.counts {
            let asked = self.asked.entry(id.clone()).or_default();
            *asked = count.calls.max(*asked);
        }
    }

    /// Takes the calls that a response asks for.
    pub(super) fn learn_delivered(&mut self, request: &'t Request) {
        if request.response.outcome == Outcome::Failed {
            return;
        }
        for delivered in &request.response.delivered {
            let node = delivered.item.node();
            if let Some(id) = call_id(node).filter(|_| is_call(&item_type(node))) {
                *self.asked.entry(id).or_default() += 1;
            }
        }
    }

    /// Counts the items of the next input; only the new ones where it begins with the last one.
    fn count(&mut self, now: &'t Attempt<'t>) {
        if self.exchange.replace(now.exchange()) == Some(now.exchange()) {
            return;
        }
        let input = &now.request.input;
        if now.same_prefix != self.read {
            self.counts.clear();
            self.repeated.clear();
            self.read = 0;
        }
        let from = std::mem::replace(&mut self.read, input.len());
        for (at, item) in input.iter().enumerate().skip(from) {
            let Some(id) = call_id(item.node()) else {
                continue;
            };
            let count = self.counts.entry(id.clone()).or_default();
            if is_output(&item_type(item.node())) {
                count.outputs += 1;
            } else {
                count.calls += 1;
                count.at = at;
            }
            if count.calls.min(count.outputs) > 1 {
                self.repeated.insert(id);
            }
        }
    }

    /// Tells calls that stand there with an output more often than completed responses asked for them.
    pub(super) fn check(&mut self, now: &'t Attempt<'t>, thread: &str, sink: &mut Sink) {
        self.count(now);
        for id in &self.repeated {
            let asked = self.asked.get(id).copied().unwrap_or(0).max(1);
            let Some(count) = self.counts.get(id) else {
                continue;
            };
            if count.calls.min(count.outputs) <= asked {
                continue;
            }
            let facts = ItemFacts::new(now.request.input[count.at].clone());
            let pointer = now.request.input_pointer().index(count.at);
            let mut violation = rules::CALL_EXECUTED_TWICE.at(now.exchange(), pointer);
            violation.subject = Some(label(&facts));
            violation.found = Some(excerpt(facts.item.text()));
            violation.message = format!(
                "{} has {} outputs in {now}, and responses asked for it {}",
                the(&facts),
                count.outputs,
                times(asked)
            );
            sink.tell(format!("{thread} {id}"), violation);
        }
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
