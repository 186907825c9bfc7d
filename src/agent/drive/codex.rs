//! The Codex CLI: `codex exec` for a process with one prompt, which may be that of a fork, `codex app-server` for all else
//! (0.115.0–0.169.0).

use serde_json::Value;

use crate::agent::{AgentCommand, Outcome};
use crate::script::scenario::{Act, AgentPattern, Prompt, Scenario};

use super::app_server::AppServer;
use super::{Agent, DriveError, Driven, Stage, only_prompt, write};

pub(super) fn drive(
    agent: &Agent,
    scenario: &Scenario,
    stage: Stage<'_>,
) -> Result<Driven, DriveError> {
    let mut driven = Driven::default();
    let mut thread = None;
    for acts in &scenario.processes {
        let exec = |begin, prompt, thread: &mut _, driven: &mut _| {
            exec(agent, scenario, stage, (begin, prompt), thread, driven)
        };
        match (only_prompt(acts), fork_prompt(agent, acts)) {
            (Some(prompt), _) => exec("resume", prompt, &mut thread, &mut driven)?,
            (None, Some(prompt)) => exec("fork", prompt, &mut thread, &mut driven)?,
            (None, None) => app_server(agent, stage, acts, &mut thread, &mut driven)?,
        }
    }
    Ok(driven)
}

/// The words of a process with one plain prompt to a fork, of a version whose `exec` makes forks: since 0.148.0.
fn fork_prompt<'a>(agent: &Agent, acts: &'a [Act]) -> Option<&'a Prompt> {
    let version = agent.version.as_deref();
    let forks = AgentPattern::parse("codex@0.148..")?;
    match acts {
        [Act::Fork, acts @ ..] if forks.is_for(agent.profile.name(), version) => only_prompt(acts),
        _ => None,
    }
}

/// One `codex exec`, of the thread if there is one: how it is taken up, and what is said.
fn exec(
    agent: &Agent,
    scenario: &Scenario,
    stage: Stage<'_>,
    (begin, prompt): (&str, &Prompt),
    thread: &mut Option<String>,
    driven: &mut Driven,
) -> Result<(), DriveError> {
    let mut argv = agent.argv.clone();
    argv.extend(["exec", "--json", "--skip-git-repo-check"].map(str::to_owned));
    if let Some(schema) = &scenario.settings.output_schema {
        let path = stage.place.temp.join("schema.json");
        write(&path, schema.to_string().as_bytes())?;
        argv.extend([
            "--output-schema".to_owned(),
            path.to_string_lossy().into_owned(),
        ]);
    }
    if let Some(before) = thread {
        argv.extend([begin.to_owned(), before.clone()]);
        if begin == "fork" {
            *thread = None;
        }
    }
    // With a space it takes the prompt for one more image.
    let images = prompt.images.iter().map(|path| format!("--image={path}"));
    argv.extend(images);
    // What begins like an option is one, unless this stands before it.
    argv.extend(["--".to_owned(), prompt.text.clone()]);
    let outcome = stage.run(&AgentCommand::new(argv), prompt)?;
    read_events(&outcome, thread, driven);
    driven.outcomes.push(outcome);
    Ok(())
}

/// Takes what `exec --json` printed: one event on each line.
fn read_events(outcome: &Outcome, thread: &mut Option<String>, driven: &mut Driven) {
    driven.answer.clear();
    driven.is_failure = outcome.ending != crate::agent::Ending::Exited(0);
    for line in outcome.stdout.text().lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |pointer: &str| event.pointer(pointer)?.as_str().map(str::to_owned);
        match event["type"].as_str() {
            Some("thread.started") if thread.is_none() => *thread = text("/thread_id"),
            Some("item.completed") if event["item"]["type"] == "agent_message" => {
                driven.answer = text("/item/text").unwrap_or_default();
            }
            Some("error") => driven.errors.extend(text("/message")),
            Some("turn.failed") => {
                driven.is_failure = true;
                driven.errors.extend(text("/error/message"));
            }
            _ => {}
        }
    }
}

fn app_server(
    agent: &Agent,
    stage: Stage<'_>,
    acts: &[Act],
    thread: &mut Option<String>,
    driven: &mut Driven,
) -> Result<(), DriveError> {
    let mut argv = agent.argv.clone();
    argv.push("app-server".to_owned());
    let server = AppServer::start(&AgentCommand::new(argv), stage)?;
    let (outcome, told) = server.converse(acts, thread);
    driven.answer = told.answer;
    driven.errors.extend(told.errors);
    driven.is_failure = told.is_failure || outcome.ending != crate::agent::Ending::Exited(0);
    driven.outcomes.push(outcome);
    Ok(())
}
