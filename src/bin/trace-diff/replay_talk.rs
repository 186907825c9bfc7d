//! What a replay says on standard error while it runs.

use std::cell::Cell;

use trace_diff::replay::{AnsweredCommands, Recording, Replay, ReplayError};

use crate::serving::say;

/// Tells what of a recording could not be read, and what it does not hold.
pub(crate) fn say_what_is_missing(recording: &Recording) -> Result<(), ReplayError> {
    let problems = recording.problems()?;
    for problem in &problems {
        let (path, span) = (&problem.path, &problem.span);
        let at = format!("bytes {}–{}", span.start, span.end);
        say(&format!("warning: {path}: {at}: {}", problem.message));
    }
    if !problems.is_empty() {
        say("hint: what is complete is replayed; what stood there is not");
    }
    if let Some(list) = listed(&recording.not_recorded()) {
        say(&format!("not recorded, and therefore not compared: {list}"));
    }
    Ok(())
}

/// Words with commas and an "and" between them.
fn listed(words: &[&str]) -> Option<String> {
    let (last, before) = words.split_last()?;
    Some(match before {
        [] => (*last).to_owned(),
        _ => format!("{}, and {last}", before.join(", ")),
    })
}

/// What is done or told otherwise, though commands are answered.
pub(crate) fn say_what_is_not_answered(answered: &AnsweredCommands) {
    if !answered.carried_out.is_empty() {
        let calls = answered.carried_out.iter();
        let calls: Vec<String> = calls
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        say(&format!(
            "carried out by the agent itself, for real: {}",
            calls.join(", ")
        ));
    }
    if answered.scripts > 0 {
        say(&format!(
            "{} scripts of the model: what each of their commands printed is not in the recording, so these do not run and fail; a rollout of codex 0.169 has it",
            answered.scripts
        ));
    }
    if answered.cut > 0 {
        say(&format!(
            "{} outputs are printed as the model was shown them, with their middle cut out",
            answered.cut
        ));
    }
}

/// Tells of divergences when they happen.
pub(crate) fn say_divergences(replay: &Replay, said: &Cell<usize>) {
    let divergences = replay.divergences();
    for (number, divergence) in divergences.iter().enumerate().skip(said.get()) {
        let recorded = match divergence.baseline {
            Some(number) => format!("recorded as #{number}"),
            None => "not recorded".to_owned(),
        };
        let what = divergence.first().map_or_else(String::new, |change| {
            let subject = change.subject.as_ref().map(ToString::to_string);
            let subject = subject.filter(|subject| !change.message.contains(subject));
            let subject = subject.map_or(String::new(), |subject| format!("{subject}: "));
            format!("{} {subject}{}", change.pointer, change.message)
        });
        say(&format!(
            "diverges in turn {}, request #{} ({recorded}): {what}",
            divergence.turn, divergence.candidate
        ));
        match divergence.comparison.changes.len() {
            0 | 1 => {}
            count => say(&format!("and {} more in this request", count - 1)),
        }
        if number == 0 {
            say_versions(replay);
        }
    }
    said.set(divergences.len());
}

/// Another version of an agent sends other requests.
fn say_versions(replay: &Replay) {
    if let (Some(was), Some(is)) = (&replay.circumstances().agent, replay.agent())
        && *was != is
    {
        say(&format!("hint: recorded with {was}, this agent is {is}"));
    }
}
