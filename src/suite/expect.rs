//! What a scenario expects of an agent, against what it did.

use std::path::Path;

use crate::agent::{Driven, Ending};
use crate::capture::{FlatExchange, Redactor, Transport, flatten};
use crate::report::{CellFinding, Level, plural};
use crate::responses::endpoint;
use crate::script::scenario::{Act, Expectation, Meanwhile, Scenario};

use super::play::Played;

/// What is not as expected.
pub(super) fn broken_expectations(
    scenario: &Scenario,
    expectation: &Expectation,
    played: &Played,
    driven: &Driven,
) -> Vec<CellFinding> {
    let mut found = Vec::new();
    let mut tell = |rule: &str, message: String| {
        found.push(CellFinding::new(rule, Level::Error, message));
    };
    endings(scenario, driven, &mut tell);
    for violation in &played.violations {
        tell("script", violation.to_string());
    }
    let is_failure = driven.is_failure;
    if is_failure != expectation.is_failure {
        let mut errors = driven.errors.iter().map(|error| error.trim());
        let last = errors.rfind(|error| !error.is_empty());
        let message = match (is_failure, last) {
            (true, Some(error)) => format!("the last turn failed: {}", excerpt(error)),
            (true, None) => "the last turn failed".to_owned(),
            (false, _) => "the last turn did not fail".to_owned(),
        };
        tell("outcome", message);
    }
    if let Some(answer) = &expectation.answer
        && !driven.answer.contains(answer.as_str())
        && is_failure == expectation.is_failure
    {
        let said = match driven.answer.trim() {
            "" => "nothing".to_owned(),
            said => format!("\"{}\"", excerpt(said)),
        };
        tell("answer", format!("the agent said {said}, not \"{answer}\""));
    }
    if let Some(error) = &expectation.error
        && !driven.errors.iter().any(|one| one.contains(error.as_str()))
    {
        tell("error", format!("the agent told no error with \"{error}\""));
    }
    if let Some(path) = played.strays.first() {
        tell("agent-wrote-outside", wrote_outside("the agent", path));
    }
    exit_code(expectation, driven, &mut tell);
    let starts = starts(&played.capture);
    if let Some(count) = expectation.requests
        && starts.len() != count as usize
    {
        let asked = plural(starts.len(), "request");
        let message = format!("{asked} to the model, {count} expected");
        tell("requests", message);
    }
    pauses(expectation, &starts, &mut tell);
    for (name, text) in &expectation.files {
        match played.files.get(name) {
            Some(found) if found == text => {}
            Some(found) => tell(
                "files",
                format!(
                    "{name} holds \"{}\", not \"{}\"",
                    excerpt(found),
                    excerpt(text)
                ),
            ),
            None => tell("files", format!("{name} is not there")),
        }
    }
    found
}

/// With which code the last process ended.
fn exit_code(expectation: &Expectation, driven: &Driven, tell: &mut impl FnMut(&str, String)) {
    let last = driven.outcomes.last().map(|outcome| outcome.ending);
    if let Some(code) = expectation.exit
        && last != Some(Ending::Exited(code))
    {
        let ended = match last {
            Some(ending) => without_figures(ending),
            None => "was not started".to_owned(),
        };
        tell(
            "exit",
            format!("the agent {ended}, not with exit code {code}"),
        );
    }
}

/// How the processes of the agent ended.
fn endings(scenario: &Scenario, driven: &Driven, tell: &mut impl FnMut(&str, String)) {
    let is_kill = |acts: &Vec<Act>| {
        let mut prompts = acts.iter().filter_map(|act| match act {
            Act::Prompt(prompt) => prompt.meanwhile.as_ref(),
            _ => None,
        });
        prompts.any(|meanwhile| *meanwhile == Meanwhile::Kill)
    };
    for (number, outcome) in driven.outcomes.iter().enumerate() {
        let is_killed = scenario.processes.get(number).is_some_and(is_kill);
        match outcome.ending {
            Ending::Exited(_) => {}
            _ if is_killed => {}
            // Only a conversation that broke off is stopped, and says itself why.
            Ending::Stopped => {}
            ending => tell(
                "agent-ended",
                format!("the agent {}", without_figures(ending)),
            ),
        }
        if outcome.ignored_term && !is_killed {
            tell("agent-ended", "the agent did not end at SIGTERM".to_owned());
        }
        if !outcome.survivors.is_empty() {
            let names: Vec<&str> = outcome
                .survivors
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            tell(
                "agent-left",
                format!("could not be ended: {}", names.join(", ")),
            );
        }
        if let Some(path) = outcome.outside.first() {
            tell("agent-wrote-outside", wrote_outside("the agent", path));
        }
    }
}

/// That a file lies where nobody may write.
pub(super) fn wrote_outside(who: &str, path: &Path) -> String {
    format!("{who} wrote outside of its directories: {}", path.display())
}

/// How it ended, in words that are the same in each run.
fn without_figures(ending: Ending) -> String {
    match ending {
        Ending::TimedOut(_) => "did not end in time".to_owned(),
        Ending::NeverConnected(_) => "sent no request in time".to_owned(),
        Ending::Flooded(_) => "printed more than it may".to_owned(),
        other => other.to_string(),
    }
}

fn pauses(expectation: &Expectation, starts: &[Option<f64>], tell: &mut impl FnMut(&str, String)) {
    for (number, (least, most)) in expectation.pauses.iter().enumerate() {
        let pair = starts.get(number).zip(starts.get(number + 1));
        let Some((Some(first), Some(second))) = pair else {
            continue;
        };
        let pause = second - first;
        let bounds = [least.as_secs_f64() * 1000.0, most.as_secs_f64() * 1000.0];
        if pause < bounds[0] || pause > bounds[1] {
            let how = if pause < bounds[0] { "sooner" } else { "later" };
            let bound = if pause < bounds[0] {
                bounds[0]
            } else {
                bounds[1]
            };
            let message = format!(
                "request {} came {how} than {bound} ms behind request {}",
                number + 2,
                number + 1
            );
            tell("pauses", message);
        }
    }
}

/// When each request to the model began, warm-ups left out.
fn starts(capture: &crate::capture::Capture) -> Vec<Option<f64>> {
    let flat = flatten(capture);
    let asks = |one: &&FlatExchange<'_>| {
        let request = &one.exchange.request;
        let is_for_model = match one.transport {
            Transport::Handshake => false,
            Transport::Http => {
                request.method == "POST"
                    && matches!(
                        endpoint(&request.target),
                        "/responses" | "/responses/compact"
                    )
            }
            _ => true,
        };
        let body = request.body.json();
        let generates = body.and_then(|body| body.get("generate")?.node().boolean());
        is_for_model && generates != Some(false)
    };
    let asked = flat.iter().filter(asks);
    asked
        .map(|one| one.exchange.started_ms.as_option().copied())
        .collect()
}

/// The beginning of what an agent said, without its secrets.
fn excerpt(text: &str) -> String {
    const MOST: usize = 200;
    // Before it is cut: of a part of a secret nobody could tell that it is one.
    let text = Redactor::new().text(text.to_owned());
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
