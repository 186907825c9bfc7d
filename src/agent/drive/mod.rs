//! Does with an agent what the user of a scenario does.

mod app_server;
mod codex;
mod other;
mod pycodex;
mod screen;
mod terminal;

use std::time::Duration;

use crate::rollout::find_rollouts;
use crate::script::scenario::{Act, AgentPattern, Meanwhile, Prompt, Scenario};

use super::{
    AgentError, Limits, Outcome, Place, Profile, Settings, Surroundings, Watch, configure,
};

/// An installed agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What reports call it.
    pub name: String,
    /// How it is driven.
    pub profile: Profile,
    /// The program and the arguments that come first. For [`Profile::Other`] the whole command, in which `{prompt}` stands for
    /// the words of the user; without it they come last.
    pub argv: Vec<String>,
    /// Its version, where it is known.
    pub version: Option<String>,
}

/// Where an agent is driven, and against what.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Its directories.
    pub place: &'a Place,
    /// The server, and variables.
    pub surroundings: &'a Surroundings,
    /// What is put up with.
    pub limits: &'a Limits,
    /// How many requests to the model the server has had.
    pub requests: &'a dyn Fn() -> usize,
    /// Whether it is answering one.
    pub is_busy: &'a dyn Fn() -> bool,
    /// Whether an answer waits at a gate or has stalled.
    pub is_held: &'a dyn Fn() -> bool,
    /// Opens the gates of the script.
    pub open_gates: &'a dyn Fn(),
    /// Whether the agent is to be ended now, whatever it does.
    pub is_over: &'a dyn Fn() -> bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Driven {
    /// How each process ended.
    pub outcomes: Vec<Outcome>,
    /// Whether the last turn failed, by what the agent says or by its exit code.
    pub is_failure: bool,
    /// What the agent said last; of one on a terminal all that it showed.
    pub answer: String,
    /// What it said went wrong.
    pub errors: Vec<String>,
}

/// Why a scenario can't be played to an agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The agent has no way to do it.
    #[error("{0}")]
    NotApplicable(&'static str),
    /// A file could not be written, or the agent not started.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Sets an agent up and does what the user of a scenario does.
///
/// # Errors
///
/// When the agent can't do something of it, or can't be set up or started. What it does then is in [`Driven`].
pub fn drive(agent: &Agent, scenario: &Scenario, stage: Stage<'_>) -> Result<Driven, DriveError> {
    let settings = settings(agent, scenario);
    configure(agent.profile, &settings, stage.place, stage.surroundings)?;
    for (path, bytes) in &scenario.files {
        write(&stage.place.work.join(path), bytes)?;
    }
    let mut surroundings = stage.surroundings.clone();
    if settings.account {
        // `codex exec` prefers a key in this variable to the account; an empty one counts as none.
        surroundings
            .variables
            .push(("CODEX_API_KEY".into(), "".into()));
    }
    let stage = Stage {
        surroundings: &surroundings,
        ..stage
    };
    match agent.profile {
        Profile::Codex => codex::drive(agent, scenario, stage),
        Profile::Pycodex => pycodex::drive(agent, scenario, stage),
        Profile::Other => other::drive(agent, scenario, stage),
    }
}

/// Commands of scenarios write below the work directory; the sandbox of an agent would need privileges that a machine for
/// tests may lack.
const SANDBOX: &str = "danger-full-access";

/// A model that Codex since 0.125.0 knows, so that versions can be compared; and one that 0.115.0–0.121.0 know, which take the
/// other for one without `apply_patch`. Recorded runs of these versions ask for them.
const MODEL: &str = "gpt-5.5";
const OLD_MODEL: &str = "gpt-5.4";

fn settings(agent: &Agent, scenario: &Scenario) -> Settings {
    let wanted = &scenario.settings;
    let before_model = AgentPattern::parse("codex@..0.124");
    let version = agent.version.as_deref();
    let is_old = before_model.is_some_and(|old| old.is_for(agent.profile.name(), version));
    let model = match is_old {
        true => OLD_MODEL,
        false => MODEL,
    };
    Settings {
        model: Some(wanted.model.clone().unwrap_or_else(|| model.to_owned())),
        sandbox: Some(SANDBOX.to_owned()),
        // Codex compresses what it sends with an account to a provider of this name only (0.115.0–0.169.0).
        provider: wanted
            .provider
            .clone()
            .or_else(|| wanted.has_account.then(|| "OpenAI".to_owned())),
        compact_limit: wanted.compact_at,
        request_retries: wanted.request_retries,
        stream_retries: wanted.stream_retries,
        idle_time: wanted.idle_timeout,
        websocket: wanted.has_websocket,
        account: wanted.has_account,
        memories: wanted.has_memories,
        ..Settings::default()
    }
}

fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), AgentError> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let failed = |source| AgentError::Write {
        path: path.to_owned(),
        source,
    };
    made.and_then(|()| std::fs::write(path, bytes))
        .map_err(failed)
}

/// The words of a process with one plain prompt, which may be killed.
fn only_prompt(acts: &[Act]) -> Option<&Prompt> {
    match acts {
        [Act::Prompt(prompt)]
            if !prompt.is_plan && matches!(prompt.meanwhile, None | Some(Meanwhile::Kill)) =>
        {
            Some(prompt)
        }
        _ => None,
    }
}

impl Stage<'_> {
    /// Whether what a user does in the middle of a turn has its moment: a request has come behind the first `before`, and the server
    /// has sent what it sends for now. A turn over a WebSocket makes no request of its own, but its answer may be held.
    fn is_at_rest(&self, before: usize) -> bool {
        (self.is_held)() || (self.requests)() > before && !(self.is_busy)()
    }

    /// Runs a command without input to its end, which may be that of being killed.
    fn run(&self, command: &super::AgentCommand, prompt: &Prompt) -> Result<Outcome, AgentError> {
        let before = (self.requests)();
        let is_killed = prompt.meanwhile == Some(Meanwhile::Kill);
        let has_connected = || (self.requests)() > before;
        // What it has read of an answer that is not at its end it tells nobody; what it keeps of it is on disk.
        let is_over = || {
            (self.is_over)()
                || is_killed
                    && self.is_at_rest(before)
                    && prompt
                        .once
                        .as_deref()
                        .is_none_or(|text| self.is_written(text))
        };
        let watch = Watch {
            has_connected: &has_connected,
            is_over: &is_over,
        };
        let limits = Limits {
            // Killed means killed: an agent that is asked to end tidies up.
            term_time: if is_killed {
                Duration::ZERO
            } else {
                self.limits.term_time
            },
            ..self.limits.clone()
        };
        super::run(command, self.place, self.surroundings, &limits, &watch)
    }

    /// Whether a rollout of the agent holds a text.
    fn is_written(&self, text: &str) -> bool {
        let quoted = serde_json::Value::from(text).to_string();
        let text = quoted.trim_matches('"').as_bytes();
        let files = find_rollouts(&self.place.codex_home()).files;
        files.iter().any(|file| {
            let bytes = std::fs::read(&file.path).unwrap_or_default();
            memchr::memmem::find(&bytes, text).is_some()
        })
    }
}
