//! Any command: each prompt is a process of its own.

use crate::agent::{AgentCommand, Ending};
use crate::script::scenario::Scenario;

use super::{Agent, DriveError, Driven, Stage, only_prompt};

pub(super) fn drive(
    agent: &Agent,
    scenario: &Scenario,
    stage: Stage<'_>,
) -> Result<Driven, DriveError> {
    if scenario.processes.len() > 1 {
        return Err(DriveError::NotApplicable(
            "how this agent takes up a session is not known",
        ));
    }
    let mut driven = Driven::default();
    for acts in &scenario.processes {
        let Some(prompt) = only_prompt(acts) else {
            return Err(DriveError::NotApplicable(
                "how to do more with this agent than ask it once is not known",
            ));
        };
        if !prompt.images.is_empty() {
            return Err(DriveError::NotApplicable(
                "how this agent is given images is not known",
            ));
        }
        let command = command(agent, &prompt.text);
        let outcome = stage.run(&command, prompt)?;
        driven.answer = outcome.stdout.text();
        driven.is_failure = outcome.ending != Ending::Exited(0);
        driven.errors.push(outcome.stderr.text());
        driven.outcomes.push(outcome);
    }
    Ok(driven)
}

fn command(agent: &Agent, prompt: &str) -> AgentCommand {
    let has_place = agent.argv.iter().any(|word| word.contains("{prompt}"));
    let mut argv: Vec<String> = agent
        .argv
        .iter()
        .map(|word| word.replace("{prompt}", prompt))
        .collect();
    if !has_place {
        argv.push(prompt.to_owned());
    }
    AgentCommand::new(argv)
}
