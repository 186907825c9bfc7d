//! All contracts that a capture has to keep by itself.

use crate::capture::{Capture, flatten};

use super::attempts::View;
use super::compaction;
use super::continuation::links;
use super::history;
use super::identity;
use super::item::Facts;
use super::profiles::Profile;
use super::request::Trace;
use super::retry;
use super::sink::Sink;
use super::stream_grammar;
use super::tool_round_trip;
use super::violation::Violation;

/// What a capture shows when it is checked by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contracts {
    /// What is not kept, in the order of exchanges.
    pub violations: Vec<Violation>,
    /// What could not be checked, and why.
    pub not_checked: Vec<NotChecked>,
}

/// Rules that could not be checked somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotChecked {
    /// Names of the rules.
    pub rules: &'static [&'static str],
    /// The first exchange that it is about; `None` for the whole capture.
    pub exchange: Option<usize>,
    /// Why, as the end of a sentence that begins with "not checked, because".
    pub reason: String,
}

/// Checks what a correct agent of this profile does in every session.
///
/// Time and memory grow with the size of the capture: items are compared with those of the request before.
pub fn check_capture(capture: &Capture, profile: &Profile) -> Contracts {
    let flat = flatten(capture);
    let trace = Trace::new(&flat);
    let view = View::new(&flat, &trace);
    let mut sink = Sink::default();
    for thread in &view.threads {
        tool_round_trip::check_inputs(thread, &mut sink);
    }
    identity::check(&view, profile, &mut sink);
    match gap(capture, &view) {
        Some(reason) => {
            sink.not_checked(tool_round_trip::ACROSS_REQUESTS, None, reason.clone());
            sink.not_checked(history::ACROSS_REQUESTS, None, reason.clone());
            sink.not_checked(compaction::ACROSS_REQUESTS, None, reason);
        }
        None => check_across_requests(&view, profile, &mut sink),
    }
    stream_grammar::check(&view, &mut sink);
    let is_whole = capture.problems.is_empty();
    if !is_whole {
        let reason = "parts of the capture could not be read, and a retry may be among them";
        sink.not_checked(retry::ENDS, None, reason.to_owned());
    }
    retry::check(&view, profile, is_whole, &mut sink);
    sink.finish()
}

/// Checks what is the server's part alone: whether the events of each response are those of the Responses API. Whoever asked
/// need not be an agent.
pub fn check_answers(capture: &Capture) -> Contracts {
    let flat = flatten(capture);
    let trace = Trace::new(&flat);
    let view = View::new(&flat, &trace);
    let mut sink = Sink::default();
    stream_grammar::check(&view, &mut sink);
    sink.finish()
}

/// Checks what ties a request to those before it.
fn check_across_requests(view: &View<'_>, profile: &Profile, sink: &mut Sink) {
    for thread in &view.threads {
        let mut facts = Facts::default();
        let links = links(thread, &mut facts);
        tool_round_trip::check_deliveries(thread, &links, profile, &mut facts, sink);
        tool_round_trip::check_end(view, thread, profile, sink);
        history::check(thread, &links, sink);
        compaction::check(thread, profile, &mut facts, sink);
    }
}

/// Why requests of this capture can't be compared with those before them.
fn gap(capture: &Capture, view: &View<'_>) -> Option<String> {
    if let Some(exchange) = view.trace.without_body.first() {
        return Some(format!(
            "the capture does not hold the body of exchange #{exchange}"
        ));
    }
    (!capture.problems.is_empty())
        .then(|| "parts of the capture could not be read, and exchanges may be lost".to_owned())
}
