//! How an agent is driven while a script is played, and what must come of it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A named test case: the tables `run` and `expect` of a script; see `docs/run.md`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// How the agent is set up.
    pub settings: AgentSettings,
    /// Files of the work directory: a path below it, and what is in the file.
    pub files: Vec<(String, Vec<u8>)>,
    /// The processes of the agent, one after the other in one session; what a user does in each.
    pub processes: Vec<Vec<Act>>,
    /// What must come of it; the first that is for an agent counts.
    pub expectations: Vec<Expectation>,
}

/// What a scenario wants of an agent's configuration, in no agent's words. What is not said stays as the agent has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentSettings {
    /// The model to ask for.
    pub model: Option<String>,
    /// The name of the provider; Codex lets the API compact for one that is named `OpenAI` (0.115.0–0.169.0).
    pub provider: Option<String>,
    /// Tokens of a history that is to be compacted.
    pub compact_at: Option<u64>,
    /// How often a request without any response is made again.
    pub request_retries: Option<u64>,
    /// How often a stream that broke is asked for again.
    pub stream_retries: Option<u64>,
    /// How long a stream may be silent.
    pub idle_timeout: Option<Duration>,
    /// Whether requests go over a WebSocket.
    pub has_websocket: bool,
    /// Whether the agent is logged in with an account (a made-up one) instead of a key.
    pub has_account: bool,
    /// Whether the agent writes memories of sessions, and has those of earlier ones.
    pub has_memories: bool,
    /// The JSON Schema of the answer.
    pub output_schema: Option<Value>,
}

/// One thing that a user does; each turn is waited for.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Begins a turn.
    Prompt(Prompt),
    /// Has the history compacted.
    Compact,
    /// Goes on in a copy of the thread.
    Fork,
    /// Takes the last turn back.
    Rollback,
    /// Asks for a review with these instructions.
    Review(String),
}

/// Words of a user, and what happens while they are worked on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// The words.
    pub text: String,
    /// Images that the user attaches: paths of files below the work directory.
    pub images: Vec<String>,
    /// Whether the agent is to plan only.
    pub is_plan: bool,
    /// What the user does once the server has the turn's first request and has sent what it sends for now. The gates of the
    /// script open behind it.
    pub meanwhile: Option<Meanwhile>,
    /// What the agent must have told before that, or written to disk if it is to be killed.
    pub once: Option<String>,
}

/// What happens during a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Meanwhile {
    /// The user stops it.
    Interrupt,
    /// The user says more.
    Steer(String),
    /// The process is killed.
    Kill,
}

/// What must come of a scenario with some agents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// The agents that it is for; empty for all.
    pub agents: Vec<AgentPattern>,
    /// Why these agents do not run it.
    pub not_applicable: Option<String>,
    /// What these agents are known to do instead of what others do; what is expected is then what they do.
    pub gap: Option<String>,
    /// Whether the last turn fails; otherwise it is completed.
    pub is_failure: bool,
    /// What the last message of the agent holds.
    pub answer: Option<String>,
    /// What the agent says went wrong holds this.
    pub error: Option<String>,
    /// With which code its last process ends.
    pub exit: Option<i32>,
    /// How many requests to the model there are, warm-ups not counted.
    pub requests: Option<u32>,
    /// How long the agent waits between its first request and the second, the second and the third, …: at least, at most.
    pub pauses: Vec<(Duration, Duration)>,
    /// Files of the work directory afterwards, and the text of each.
    pub files: Vec<(String, String)>,
    /// What the agent must have written to disk; each is met by one of its rollouts.
    pub rollouts: Vec<RolloutExpectation>,
}

/// What a rollout must hold. What is sent need not be said: it is compared with what is on disk in every scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RolloutExpectation {
    /// How many turns it has; of a file without ids of turns, how many messages of the user.
    pub turns: Option<u32>,
    /// How many records there are of a type: that of the record (`compacted`), or of its payload (`turn_aborted`).
    pub records: Vec<(String, u32)>,
    /// Records that stand in it in this order, whatever is between; each by members that it holds.
    pub has: Vec<Value>,
    /// Records of which it has none.
    pub lacks: Vec<Value>,
}

/// The names of agents' profiles, as patterns name them.
const AGENTS: [&str; 3] = ["codex", "pycodex", "other"];

/// Agents of one kind, of some versions: `codex`, `codex@0.169`, `codex@0.125..0.153.4`, `pycodex@..0.3`.
///
/// Bounds belong to it and hold for all that begins with them: `..0.3` takes 0.3.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPattern {
    /// The name of the agent's profile.
    pub name: String,
    since: Vec<u64>,
    until: Vec<u64>,
}

impl AgentPattern {
    /// Reads a pattern; `None` where no agent is called so, a version is not made of numbers, or no version lies between.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, versions) = text.split_once('@').unwrap_or((text, ".."));
        let (since, until) = versions.split_once("..").unwrap_or((versions, versions));
        Some(Self {
            name: name.to_owned(),
            since: numbers(since)?,
            until: numbers(until)?,
        })
        .filter(|pattern| AGENTS.contains(&pattern.name.as_str()) && !pattern.is_empty())
    }

    /// Whether no version lies between the bounds.
    fn is_empty(&self) -> bool {
        let same = self.until.len().min(self.since.len());
        !self.until.is_empty() && self.since[..same] > self.until[..same]
    }

    /// Whether an agent is one of these. One whose version is not known is taken for the newest.
    pub fn is_for(&self, name: &str, version: Option<&str>) -> bool {
        if self.name != name {
            return false;
        }
        match version
            .and_then(numbers)
            .filter(|version| !version.is_empty())
        {
            Some(version) => {
                let same = self.until.len().min(version.len());
                let is_before_end = self.until.is_empty() || version[..same] <= self.until[..];
                version >= self.since && is_before_end
            }
            None => self.until.is_empty(),
        }
    }
}

impl fmt::Display for AgentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |numbers: &[u64]| {
            let parts: Vec<String> = numbers.iter().map(u64::to_string).collect();
            parts.join(".")
        };
        match (self.since.as_slice(), self.until.as_slice()) {
            ([], []) => f.write_str(&self.name),
            (since, until) if since == until => write!(f, "{}@{}", self.name, text(since)),
            (since, until) => write!(f, "{}@{}..{}", self.name, text(since), text(until)),
        }
    }
}

/// The numbers of a version, empty for an empty text; what follows a hyphen or plus does not count.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let core = version.split(['-', '+']).next().unwrap_or(version);
    if core.is_empty() {
        return Some(Vec::new());
    }
    core.split('.').map(|part| part.parse().ok()).collect()
}

impl Scenario {
    /// Whether the user attaches images to a prompt.
    pub fn has_images(&self) -> bool {
        let mut acts = self.processes.iter().flatten();
        acts.any(|act| matches!(act, Act::Prompt(prompt) if !prompt.images.is_empty()))
    }

    /// What is expected of an agent of this profile and version.
    pub fn expectation(&self, name: &str, version: Option<&str>) -> Option<&Expectation> {
        self.expectations.iter().find(|one| {
            one.agents.is_empty() || one.agents.iter().any(|agent| agent.is_for(name, version))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_the_versions_between_their_bounds() {
        let check = |pattern: &str, version: Option<&str>, expect: bool| {
            let parsed = AgentPattern::parse(pattern).expect(pattern);
            assert_eq!(
                parsed.is_for("codex", version),
                expect,
                "{pattern} {version:?}"
            );
            assert_eq!(AgentPattern::parse(&parsed.to_string()), Some(parsed));
        };
        check("codex", None, true);
        check("codex", Some("0.169.0"), true);
        check("pycodex", Some("0.169.0"), false);
        check("codex@0.169", Some("0.169.3"), true);
        check("codex@0.169", Some("0.170.0"), false);
        check("codex@..0.153", Some("0.153.4"), true);
        check("codex@..0.153", Some("0.154.0-alpha.1"), false);
        check("codex@..0.153", None, false);
        check("codex@0.125..", Some("0.115.0"), false);
        check("codex@0.125..", Some("0.125.0"), true);
        check("codex@0.125..0.137", Some("0.137.9"), true);
        check("codex@0.125..", None, true);
        assert!(AgentPattern::parse("codex@new").is_none());
        for wrong in ["@1", "claude", "codex@0.153..0.125", "codex@1..0.169"] {
            assert!(AgentPattern::parse(wrong).is_none(), "{wrong}");
        }
    }
}
