//! pycodex: `--json` for a first process with one prompt, a terminal for all else (0.1.13–0.5.1).

use serde_json::Value;

use crate::agent::{AgentCommand, Ending, Outcome};
use crate::script::scenario::{Act, Scenario};

use super::terminal::converse;
use super::{Agent, DriveError, Driven, Stage, only_prompt};

pub(super) fn drive(
    agent: &Agent,
    scenario: &Scenario,
    stage: Stage<'_>,
) -> Result<Driven, DriveError> {
    if scenario.settings.output_schema.is_some() {
        return Err(DriveError::NotApplicable("pycodex takes no output schema"));
    }
    if scenario.has_images() {
        return Err(DriveError::NotApplicable(
            "pycodex takes no images with a prompt",
        ));
    }
    let mut driven = Driven::default();
    let mut argv = agent.argv.clone();
    let config = stage.place.codex_home().join("config.toml");
    argv.extend(["--config".to_owned(), config.to_string_lossy().into_owned()]);
    for (number, acts) in scenario.processes.iter().enumerate() {
        let outcome = match only_prompt(acts).filter(|_| number == 0) {
            Some(prompt) => {
                // What begins like an option is one, unless this stands before it.
                let asked = ["--json", "--", &prompt.text].map(str::to_owned);
                let command = AgentCommand::new(argv.iter().cloned().chain(asked));
                let outcome = stage.run(&command, prompt)?;
                driven.answer = answer(&outcome);
                driven.errors.push(outcome.stderr.text());
                outcome
            }
            None => {
                let mut lines = lines(acts)?;
                if number > 0 {
                    lines.insert(0, "/resume 1".to_owned());
                }
                let outcome = converse(&AgentCommand::new(argv.clone()), stage, &lines)?;
                driven.answer = shown(&outcome.stdout.text());
                outcome
            }
        };
        driven.is_failure = outcome.ending != Ending::Exited(0);
        driven.outcomes.push(outcome);
    }
    Ok(driven)
}

/// What is typed.
fn lines(acts: &[Act]) -> Result<Vec<String>, DriveError> {
    let line = |act: &Act| match act {
        Act::Prompt(prompt) if prompt.is_plan => Err("pycodex has no plan mode"),
        Act::Prompt(prompt) if prompt.meanwhile.is_some() => {
            Err("pycodex is neither steered nor interrupted from outside")
        }
        Act::Prompt(prompt) => Ok(prompt.text.clone()),
        Act::Compact => Ok("/compact".to_owned()),
        Act::Fork => Ok("/fork".to_owned()),
        Act::Rollback => Err("pycodex takes no turn back"),
        Act::Review(_) => Err("pycodex makes no reviews"),
    };
    let lines: Result<_, &'static str> = acts.iter().map(line).collect();
    lines.map_err(DriveError::NotApplicable)
}

/// The answer in what `--json` printed: one document, empty when the turn failed.
fn answer(outcome: &Outcome) -> String {
    let result: Option<Value> = serde_json::from_str(&outcome.stdout.text()).ok();
    let text = result.and_then(|result| result["output_text"].as_str().map(str::to_owned));
    text.unwrap_or_default()
}

/// What a terminal showed, without control sequences.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // A control sequence ends with a letter.
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                for c in rest.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            }
            '\u{1b}' => {
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn control_sequences_are_no_text() {
        assert_eq!(
            shown("\u{1b}[?25h\u{1b}[1;36mHel\u{1b}[0mlo\u{1b}=."),
            "Hello."
        );
        assert_eq!(shown("cut \u{1b}[12"), "cut ");
    }
}
