//! What could not be compared, and what a rollout goes on from.

use crate::json::Pointer;
use crate::normalize::Level;
use crate::rollout::LineageProblem;

use super::super::request::{Request, Trace};
use super::super::violation::Violation;
use super::stored::StoredRollout;
use super::threads::{Found, Thread};

/// What is wrong with the files that a rollout goes on from.
pub(super) fn broken_lineage(file: &StoredRollout) -> impl Iterator<Item = Violation> {
    // That the thread is another one than the name says is told where ids are compared.
    let own = &file.lineage.own().source.path;
    let is_own_name = move |problem: &&LineageProblem| match problem {
        LineageProblem::NameDisagrees { path, .. } => path == own,
        _ => false,
    };
    let problems = file.lineage.problems.iter();
    let problems = problems.filter(move |problem| !is_own_name(problem));
    problems.map(|problem| {
        let level = Level::Warning;
        let mut violation = Violation::new("rollout-lineage-broken", level, None, Pointer::root());
        violation.message = format!("the rollout {problem}");
        violation.place = Some(file.own_place(0, Pointer::root()));
        violation
    })
}

fn note(rule: &'static str, exchange: Option<usize>, message: String) -> Violation {
    Violation {
        message,
        ..Violation::new(rule, Level::Note, exchange, Pointer::root())
    }
}

/// A thread of which there is nothing on disk.
pub(super) fn no_rollout(thread: &Thread<'_>) -> Violation {
    let name = thread.id.as_deref().unwrap_or("without id");
    let first = thread.requests.first();
    let kind = first.and_then(|request| request.facts.subagent.as_deref());
    let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
    let message = format!("thread {name}{kind} has no rollout among those that were named");
    let mut violation = note(
        "rollout-missing",
        first.map(|request| request.exchange),
        message,
    );
    violation.recurs = thread
        .requests
        .iter()
        .skip(1)
        .map(|request| request.exchange)
        .collect();
    violation
}

/// Rollouts without requests: those that were named one by one, those of directories in one note.
pub(super) fn no_requests(unused: &[Found]) -> Vec<Violation> {
    let (chosen, met): (Vec<&Found>, Vec<&Found>) = unused.iter().partition(|file| file.is_chosen);
    let told = chosen.iter().map(|file| {
        let name = file.thread.as_deref().unwrap_or("without id");
        let message = format!("thread {name} has no request in the capture");
        let mut violation = note("rollout-unused", None, message);
        violation.subject = Some(file.path.to_string_lossy().into_owned());
        violation
    });
    let others = (!met.is_empty()).then(|| {
        let count = met.len();
        let message = match count {
            1 => "1 rollout is of a thread that has no request in the capture".to_owned(),
            _ => format!("{count} rollouts are of threads that have no request in the capture"),
        };
        let mut violation = note("rollout-unused", None, message);
        let paths = met
            .iter()
            .map(|file| file.path.to_string_lossy().into_owned());
        violation.detail = paths.collect();
        violation
    });
    told.chain(others).collect()
}

/// Requests that never get to disk, in one note.
pub(super) fn warm_ups(trace: &Trace) -> Option<Violation> {
    let mut requests = trace
        .requests
        .iter()
        .filter(|request| !request.is_for_model());
    let first = requests.next()?;
    let message = "requests that warm up a connection leave nothing on disk".to_owned();
    let mut violation = note("rollout-not-compared", Some(first.exchange), message);
    violation.recurs = requests.map(|request| request.exchange).collect();
    Some(violation)
}

/// A request of which not all of the input is known.
pub(super) fn not_whole(request: &Request) -> Violation {
    let message =
        "the input continues a response that is not in the capture, so it was not compared"
            .to_owned();
    note("rollout-not-compared", Some(request.exchange), message)
}
