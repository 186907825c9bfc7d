//! Calls and outputs within the input of one request.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::json::{Node, Value};
use crate::responses::{call_id, is_output, item_type};

use super::super::attempts::{Attempt, ThreadView};
use super::super::item::ItemFacts;
use super::super::label::{excerpt, label, the};
use super::super::quick::QuickMap;
use super::super::sink::{RuleName, Sink};
use super::super::violation::Violation;
use super::rules;

/// Checks each input of a thread by itself.
pub(in super::super) fn check_inputs(thread: &ThreadView<'_>, sink: &mut Sink) {
    let mut pairs = Pairs::new(thread, &[]);
    tell_unknown(thread, sink);
    for attempt in &thread.attempts {
        let input = &attempt.request.input;
        // What begins with the input before it is read from there on.
        let mut known = pairs.items.len();
        if attempt.same_prefix != known {
            known = 0;
            pairs = Pairs::new(thread, input);
        }
        pairs.items = input;
        for at in known..input.len() {
            pairs.read(at, attempt);
        }
        pairs.tell(attempt, sink);
    }
}

/// Notes the requests of which the input is not known as a whole.
fn tell_unknown(thread: &ThreadView<'_>, sink: &mut Sink) {
    let unknown = thread.attempts.iter().filter(|one| !one.request.is_whole);
    let mut unknown = unknown.map(Attempt::exchange);
    let Some(first) = unknown.next() else {
        return;
    };
    let reason = match unknown.count() {
        0 => format!("exchange #{first} continues a response that is not in the capture"),
        more => format!(
            "exchange #{first}, and {more} more, continue a response that is not in the capture"
        ),
    };
    sink.not_checked(rules::WHOLE_INPUT, Some(first), reason);
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

/// Whether an output is what Codex puts behind a call that has none (0.169.0).
fn is_made_up(output: Node<'_>) -> bool {
    let text = output.get("output");
    text.is_some_and(|text| text.is_key("aborted"))
}

/// The calls and outputs of an input, matched as far as it has been read.
struct Pairs<'t> {
    thread: &'t ThreadView<'t>,
    items: &'t [Value],
    by_id: QuickMap<Cow<'t, str>, OfId>,
    /// Positions of calls without an output yet.
    open: BTreeSet<usize>,
    /// Positions of outputs that stand before the only call with their id.
    early: BTreeSet<usize>,
    /// The position of each answered call with that of its output.
    outputs: BTreeMap<usize, usize>,
    /// What is wrong whatever follows, each with its cause.
    found: Vec<(String, Violation)>,
}

/// The calls and outputs with one id.
#[derive(Default)]
struct OfId {
    /// The first call without an output yet.
    open: Option<OpenCall>,
    /// Further ones.
    more: VecDeque<OpenCall>,
    /// The output that stands before the call.
    early: Option<usize>,
    /// The position of the last output, if a call was answered.
    answered: Option<usize>,
}

struct OpenCall {
    at: usize,
    /// The types of outputs that it asks for.
    outputs: &'static [&'static str],
}

impl OfId {
    fn push(&mut self, call: OpenCall) {
        match self.open {
            None => self.open = Some(call),
            Some(_) => self.more.push_back(call),
        }
    }

    fn pop(&mut self) -> Option<OpenCall> {
        std::mem::replace(&mut self.open, self.more.pop_front())
    }
}

impl<'t> Pairs<'t> {
    fn new(thread: &'t ThreadView<'t>, items: &'t [Value]) -> Self {
        Self {
            thread,
            items,
            by_id: QuickMap::default(),
            open: BTreeSet::new(),
            early: BTreeSet::new(),
            outputs: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    /// Matches one more item.
    fn read(&mut self, at: usize, attempt: &Attempt<'_>) {
        let node = self.items[at].node();
        let Some(id) = call_id(node) else {
            return;
        };
        let outputs = outputs_of(node);
        if !outputs.is_empty() {
            let of_id = self.by_id.entry(id).or_default();
            match of_id.early.take() {
                Some(output) => {
                    self.early.remove(&output);
                    self.find_early(at, output, attempt);
                }
                None => {
                    of_id.push(OpenCall { at, outputs });
                    self.open.insert(at);
                }
            }
        } else if is_of_client(node) {
            self.take_output(at, id, attempt);
        }
    }

    fn take_output(&mut self, at: usize, id: Cow<'t, str>, attempt: &Attempt<'_>) {
        let of_id = self.by_id.entry(id).or_default();
        match (of_id.pop(), of_id.answered) {
            (Some(call), _) => {
                of_id.answered = Some(at);
                self.open.remove(&call.at);
                self.check_type(&call, at, attempt);
                self.check_order(call.at, at, attempt);
            }
            (None, Some(first)) => self.find_doubled(first, at, attempt),
            (None, None) => {
                self.early.insert(*of_id.early.get_or_insert(at));
            }
        }
    }

    fn check_type(&mut self, call: &OpenCall, at: usize, attempt: &Attempt<'_>) {
        let asked = call.outputs;
        let found = item_type(self.items[at].node());
        if asked.contains(&found.as_ref()) {
            return;
        }
        let found = found.into_owned();
        let mut violation = self.at(rules::OUTPUT_TYPE_WRONG, at, attempt);
        violation.pointer = violation.pointer.key("type");
        violation.message = format!(
            "{} is answered by an item of type {found} instead of {} in {attempt}",
            self.name(call.at),
            asked[0],
        );
        violation.expected = Some(asked[0].to_owned());
        violation.found = Some(found);
        self.find(at, violation);
    }

    /// Outputs stand in the order of their calls. One that was made up for a call without an output stands directly
    /// behind its call (Codex 0.169.0), wherever the others are.
    fn check_order(&mut self, call: usize, at: usize, attempt: &Attempt<'_>) {
        if at == call + 1 && is_made_up(self.items[at].node()) {
            return;
        }
        let later = self.outputs.range(call..).next();
        if let Some((_, first)) = later.map(|(call, output)| (*call, *output)) {
            let mut violation = self.at(rules::OUTPUTS_OUT_OF_ORDER, first, attempt);
            violation.message = format!(
                "{} stands before that of an earlier call, {}, in {attempt}",
                self.name(first),
                self.name(call),
            );
            self.find(first, violation);
        }
        self.outputs.insert(call, at);
    }

    fn find_doubled(&mut self, first: usize, at: usize, attempt: &Attempt<'_>) {
        let mut violation = self.at(rules::OUTPUT_DOUBLED, at, attempt);
        violation.expected = Some(self.excerpt(first));
        violation.message = format!("{} is a second one in {attempt}", self.name(at));
        self.find(at, violation);
    }

    fn find_early(&mut self, call: usize, output: usize, attempt: &Attempt<'_>) {
        let mut violation = self.at(rules::OUTPUT_BEFORE_CALL, output, attempt);
        violation.message = format!("{} stands before its call in {attempt}", self.name(output));
        violation.expected = Some(format!("behind item {call}"));
        self.find(output, violation);
    }

    /// Tells what is wrong with the input of this request.
    fn tell(&self, attempt: &Attempt<'_>, sink: &mut Sink) {
        let exchange = Some(attempt.exchange());
        for (cause, violation) in &self.found {
            if !sink.recurs(violation.rule, cause, exchange) {
                let mut violation = violation.clone();
                violation.exchange = exchange;
                sink.tell(cause.clone(), violation);
            }
        }
        if attempt.request.is_whole {
            for at in &self.early {
                self.tell_one(rules::OUTPUT_WITHOUT_CALL, *at, attempt, sink);
            }
        }
        for at in &self.open {
            self.tell_one(rules::CALL_WITHOUT_OUTPUT, *at, attempt, sink);
        }
    }

    /// Tells an item that is there without its other half.
    fn tell_one(&self, rule: RuleName, at: usize, attempt: &Attempt<'_>, sink: &mut Sink) {
        let cause = self.cause(at);
        if sink.recurs(rule.name, &cause, Some(attempt.exchange())) {
            return;
        }
        let mut violation = self.at(rule, at, attempt);
        let name = self.name(at);
        violation.message = match rule.name == rules::CALL_WITHOUT_OUTPUT.name {
            true => format!("{name} has no output in {attempt}"),
            false => format!("{name} answers no call of the input in {attempt}"),
        };
        sink.tell(cause, violation);
    }

    fn at(&self, rule: RuleName, at: usize, attempt: &Attempt<'_>) -> Violation {
        let request = attempt.request;
        let pointer = request.input_pointer().index(at);
        let mut violation = rule.at(request.exchange, pointer);
        violation.subject = Some(label(&ItemFacts::new(self.items[at].clone())));
        violation.found = Some(self.excerpt(at));
        violation
    }

    fn find(&mut self, at: usize, violation: Violation) {
        self.found.push((self.cause(at), violation));
    }

    fn cause(&self, at: usize) -> String {
        let id = call_id(self.items[at].node()).unwrap_or_default();
        format!("{} {id}", self.thread.id.unwrap_or_default())
    }

    fn name(&self, at: usize) -> String {
        the(&ItemFacts::new(self.items[at].clone()))
    }

    fn excerpt(&self, at: usize) -> String {
        excerpt(self.items[at].text())
    }
}
