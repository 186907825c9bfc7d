//! Threads and turns.

use serde::Serialize;

use super::super::text::Text;
use super::step::Step;

/// A conversation: its facts and its turns.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Thread {
    /// Thread id; `None` where the input does not say it.
    pub id: Option<String>,
    /// Session id, which sub-agents share with their root.
    pub session_id: Option<String>,
    /// For a sub-agent, the thread that started it.
    pub parent: Option<String>,
    /// For a sub-agent, what it is called: path, nickname or role.
    pub name: Option<String>,
    /// For a fork, the thread it was forked from.
    pub forked_from: Option<String>,
    /// Its file, where that is not the input: of a sub-agent.
    pub path: Option<String>,
    /// Where its history begins in another file.
    pub history_base: Option<HistoryBase>,
    /// When it began.
    pub started: Option<Moment>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Version that the agent says it has.
    pub agent_version: Option<String>,
    /// Front end, as the agent names it: `codex_exec`, `codex-tui`.
    pub originator: Option<String>,
    /// What started it: `exec`, `cli`, `vscode`, `subagent`.
    pub source: Option<String>,
    /// Model last used.
    pub model: Option<String>,
    /// Provider of the model.
    pub provider: Option<String>,
    /// Tokens used over the whole thread.
    pub usage: Option<Usage>,
    /// Steps before the first turn.
    pub before: Vec<Step>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
}

/// The point in another file at which a thread's history begins (paginated rollouts, codex 0.153.4 and later).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryBase {
    /// The thread whose file it is.
    pub thread_id: String,
    /// The first ordinal that is not part of the history.
    pub end_ordinal: Option<u64>,
    /// The file, if it was found.
    pub path: Option<String>,
}

/// One unit of user work.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Turn {
    /// Number in the thread, from 1.
    pub number: usize,
    /// Turn id; `None` where the input does not say it.
    pub id: Option<String>,
    /// When it began.
    pub started: Option<Moment>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// What the user asked.
    pub prompt: Option<Text>,
    /// The model's final message; of `exec --json` events and of pycodex's result always whole.
    pub answer: Option<Text>,
    /// Tokens of its requests together.
    pub usage: Option<Usage>,
    /// Number of responses that the model completed in it.
    pub responses: usize,
    /// Size of the model's context window in tokens.
    pub context_window: Option<u64>,
    /// Tokens in the context after its last response.
    pub context_used: Option<u64>,
    /// How it ended.
    pub end: End,
    /// Whether a later rollback took it out of the history.
    pub is_rolled_back: bool,
    /// The thread in whose file it stands, when the history of this thread begins there.
    pub inherited_from: Option<String>,
    /// What happened in it, in order.
    pub steps: Vec<Step>,
}

impl Turn {
    /// Tokens that were left of the context window after its last response.
    pub fn context_left(&self) -> Option<u64> {
        Some(self.context_window?.saturating_sub(self.context_used?))
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct End {
    /// In one word.
    pub kind: EndKind,
    /// What the agent or the server says about it.
    pub message: Option<Text>,
    /// Error code, if there is one.
    pub code: Option<String>,
}

impl End {
    /// An end about which nothing more is known.
    pub fn plain(kind: EndKind) -> Self {
        Self {
            kind,
            message: None,
            code: None,
        }
    }
}

/// How a turn ended, in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndKind {
    /// The model gave its answer.
    Completed,
    /// An error ended it.
    Failed,
    /// The user interrupted it.
    Interrupted,
    /// It ended without an answer of the model. Codex before 0.153 and pycodex don't write down that a turn failed.
    Unanswered,
    /// The agent gave it up for another reason, which the message tells.
    Aborted,
    /// Nothing says that it ended: the agent is still at it, was killed, or the rest is lost.
    #[default]
    Open,
}

impl EndKind {
    /// The word in JSON: `completed`, `failed`, `interrupted`, `unanswered`, `aborted`, `open`.
    pub fn name(self) -> &'static str {
        match self {
            EndKind::Completed => "completed",
            EndKind::Failed => "failed",
            EndKind::Interrupted => "interrupted",
            EndKind::Unanswered => "unanswered",
            EndKind::Aborted => "aborted",
            EndKind::Open => "open",
        }
    }
}

/// Tokens, as the API counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Of the input, cached ones included.
    pub input: u64,
    /// Of the input, those from the cache.
    pub cached_input: u64,
    /// Of the output, reasoning included.
    pub output: u64,
    /// Of the output, those of reasoning.
    pub reasoning_output: u64,
    /// All.
    pub total: u64,
}

impl Usage {
    /// Adds the tokens of another request.
    pub fn add(&mut self, other: &Usage) {
        self.input += other.input;
        self.cached_input += other.cached_input;
        self.output += other.output;
        self.reasoning_output += other.reasoning_output;
        self.total += other.total;
    }

    /// The tokens since an earlier count.
    pub fn since(&self, earlier: &Usage) -> Usage {
        Usage {
            input: self.input.saturating_sub(earlier.input),
            cached_input: self.cached_input.saturating_sub(earlier.cached_input),
            output: self.output.saturating_sub(earlier.output),
            reasoning_output: self
                .reasoning_output
                .saturating_sub(earlier.reasoning_output),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

/// A time as the input tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Moment {
    /// Date and time, as written.
    Written(String),
    /// Milliseconds on the recorder's own clock.
    Offset(f64),
}
