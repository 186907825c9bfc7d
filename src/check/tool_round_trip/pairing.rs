//! Calls and outputs within the input of one request.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use crate::json::{Node, Value};
use crate::responses::{call_id, is_output, item_type, output_text};

use super::super::attempts::{Attempt, ThreadView};
use super::super::item::ItemFacts;
use super::super::label::{excerpt, label, the};
use super::super::sink::{RuleName, Sink};
use super::super::violation::Violation;
use super::rules;

/// Checks each input of a thread by itself.
pub(in super::super) fn check_inputs(thread: &ThreadView<'_>, sink: &mut Sink) {
    for attempt in &thread.attempts {
        if !attempt.request.is_whole {
            let reason = format!(
                "exchange #{} continues a response that is not in the capture",
                attempt.request.exchange
            );
            sink.not_checked(rules::WHOLE_INPUT, Some(attempt.request.exchange), reason);
        }
        Input::new(thread, attempt).check(sink);
    }
}

/// The type of output that a call asks the client for; `None` for calls that the server answers itself.
///
/// Codex answers a `local_shell_call` with a `function_call_output` (0.169.0), the API has a type of its own.
pub(super) fn outputs_of(call: Node<'_>) -> &'static [&'static str] {
    match item_type(call).as_ref() {
        "function_call" => &["function_call_output"],
        "custom_tool_call" => &["custom_tool_call_output"],
        "local_shell_call" => &["function_call_output", "local_shell_call_output"],
        "tool_search_call" if call.get_string("execution").as_deref() == Some("server") => &[],
        "tool_search_call" => &["tool_search_output"],
        "computer_call" => &["computer_call_output"],
        "shell_call" => &["shell_call_output"],
        "apply_patch_call" => &["apply_patch_call_output"],
        _ => &[],
    }
}

/// Whether the client wrote this output: a server's own search results answer no call of the client.
fn is_of_client(output: Node<'_>) -> bool {
    is_output(&item_type(output)) && output.get_string("execution").as_deref() != Some("server")
}

/// One input while its calls and outputs are matched.
struct Input<'t> {
    thread: &'t ThreadView<'t>,
    attempt: &'t Attempt<'t>,
    items: &'t [Value],
    /// Positions of calls without an output yet.
    open: HashMap<Cow<'t, str>, VecDeque<usize>>,
    /// Outputs that stand before the only call with their id.
    early: HashMap<Cow<'t, str>, usize>,
    /// Positions of the calls that have an output, with those of the outputs.
    answered: HashMap<Cow<'t, str>, Vec<(usize, usize)>>,
}

impl<'t> Input<'t> {
    fn new(thread: &'t ThreadView<'t>, attempt: &'t Attempt<'t>) -> Self {
        Self {
            thread,
            attempt,
            items: &attempt.request.input,
            open: HashMap::new(),
            early: HashMap::new(),
            answered: HashMap::new(),
        }
    }

    fn check(mut self, sink: &mut Sink) {
        for (at, item) in self.items.iter().enumerate() {
            let node = item.node();
            let Some(id) = call_id(node) else {
                continue;
            };
            if !outputs_of(node).is_empty() {
                match self.early.remove(&id) {
                    Some(output) => self.tell_early(at, output, sink),
                    None => self.open.entry(id).or_default().push_back(at),
                }
            } else if is_of_client(node) {
                self.take_output(at, id, sink);
            }
        }
        let lone: Vec<usize> = self.early.values().copied().collect();
        if self.attempt.request.is_whole {
            lone.iter().for_each(|at| self.tell_without_call(*at, sink));
        }
        let mut open: Vec<usize> = self.open.values().flatten().copied().collect();
        open.sort_unstable();
        open.iter().for_each(|at| self.tell_open(*at, sink));
        self.check_order(sink);
    }

    fn take_output(&mut self, at: usize, id: Cow<'t, str>, sink: &mut Sink) {
        let call = self.open.get_mut(&id).and_then(VecDeque::pop_front);
        match call {
            Some(call) => {
                self.check_type(call, at, sink);
                self.answered.entry(id).or_default().push((call, at));
            }
            None => match self.answered.get(&id).and_then(|pairs| pairs.last()) {
                Some((_, first)) => self.tell_doubled(*first, at, sink),
                None => {
                    self.early.entry(id).or_insert(at);
                }
            },
        }
    }

    fn check_type(&self, call: usize, at: usize, sink: &mut Sink) {
        let asked = outputs_of(self.items[call].node());
        let found = item_type(self.items[at].node()).into_owned();
        if asked.contains(&found.as_str()) {
            return;
        }
        let mut violation = self.at(rules::OUTPUT_TYPE_WRONG, at);
        violation.pointer = violation.pointer.key("type");
        violation.message = format!(
            "{} is answered by an item of type {found} instead of {} in {}",
            self.name(call),
            asked[0],
            self.attempt
        );
        violation.expected = Some(asked[0].to_owned());
        violation.found = Some(found);
        self.tell(at, violation, sink);
    }

    fn tell_doubled(&self, first: usize, at: usize, sink: &mut Sink) {
        let mut violation = self.at(rules::OUTPUT_DOUBLED, at);
        violation.expected = Some(self.excerpt(first));
        violation.message = format!("{} is a second one in {}", self.name(at), self.attempt);
        self.tell(at, violation, sink);
    }

    fn tell_early(&self, call: usize, output: usize, sink: &mut Sink) {
        let mut violation = self.at(rules::OUTPUT_BEFORE_CALL, output);
        violation.message = format!(
            "{} stands before its call in {}",
            self.name(output),
            self.attempt
        );
        violation.expected = Some(format!("behind item {call}"));
        self.tell(output, violation, sink);
    }

    fn tell_without_call(&self, at: usize, sink: &mut Sink) {
        let mut violation = self.at(rules::OUTPUT_WITHOUT_CALL, at);
        violation.message = format!(
            "{} answers no call of the input in {}",
            self.name(at),
            self.attempt
        );
        self.tell(at, violation, sink);
    }

    fn tell_open(&self, at: usize, sink: &mut Sink) {
        let mut violation = self.at(rules::CALL_WITHOUT_OUTPUT, at);
        violation.message = format!("{} has no output in {}", self.name(at), self.attempt);
        self.tell(at, violation, sink);
    }

    /// Outputs stand in the order of their calls. One that was made up for a call without an output stands directly
    /// behind its call (Codex 0.169.0), wherever the others are.
    fn check_order(&self, sink: &mut Sink) {
        let pairs = self.answered.values().flatten().copied();
        let is_made_up = |call: usize, output: usize| {
            output == call + 1 && output_text(self.items[output].node()) == "aborted"
        };
        let mut pairs: Vec<(usize, usize)> = pairs
            .filter(|(call, output)| !is_made_up(*call, *output))
            .collect();
        pairs.sort_unstable();
        for two in pairs.windows(2) {
            let ((_, first), (_, second)) = (two[0], two[1]);
            if first > second {
                let mut violation = self.at(rules::OUTPUTS_OUT_OF_ORDER, second);
                violation.message = format!(
                    "{} stands before that of an earlier call, {}, in {}",
                    self.name(second),
                    self.name(two[0].0),
                    self.attempt
                );
                self.tell(second, violation, sink);
            }
        }
    }

    fn at(&self, rule: RuleName, at: usize) -> Violation {
        let request = self.attempt.request;
        let pointer = request.input_pointer.index(at);
        let mut violation = rule.at(request.exchange, pointer);
        violation.subject = Some(label(&ItemFacts::new(self.items[at].clone())));
        violation.found = Some(self.excerpt(at));
        violation
    }

    fn tell(&self, at: usize, violation: Violation, sink: &mut Sink) {
        let id = call_id(self.items[at].node()).unwrap_or_default();
        let cause = format!("{} {id}", self.thread.id.unwrap_or_default());
        sink.tell(cause, violation);
    }

    fn name(&self, at: usize) -> String {
        the(&ItemFacts::new(self.items[at].clone()))
    }

    fn excerpt(&self, at: usize) -> String {
        excerpt(self.items[at].text())
    }
}
