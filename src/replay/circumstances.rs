//! Under which circumstances a session was recorded, as far as the recording tells.

use std::borrow::Cow;
use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::capture::{Capture, Transport, flatten};
use crate::json::{Node, Raw};
use crate::responses::{RequestFacts, RequestKind};
use crate::rollout::{RecordKind, RolloutPart, RolloutReader};

use super::recording::{Recording, RecordingKind};

/// A header field that codex 0.137.0–0.169.0 sends only when it writes a rollout trace.
const TRACE_HEADER: &str = "x-codex-inference-call-id";

/// What a replay has to be like for the same agent to send the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The model that was asked.
    pub model: Option<String>,
    /// The work directory.
    pub work: Option<String>,
    /// The time zone, as the agent told the model.
    pub time_zone: Option<String>,
    /// What commands were allowed to do.
    pub sandbox: Option<SandboxMode>,
    /// `approval_policy`: `never`, `on-request`, …
    pub approval: Option<String>,
    /// The name of the model's provider, where it is known: `OpenAI` changes what Codex sends.
    pub provider: Option<String>,
    /// Whether requests went over a WebSocket, or were to.
    pub uses_websocket: bool,
    /// Whether Codex wrote a rollout trace (`CODEX_ROLLOUT_TRACE_ROOT`), which shows in its requests (0.169.0).
    pub is_traced: bool,
    /// The agent with its version, as the user agent begins: `codex_exec/0.169.0`.
    pub agent: Option<String>,
    /// The terminal, as the user agent names it: the value of `TERM`, or a program with its version.
    pub terminal: Option<String>,
    /// Whether it worked in a git repository, which it tells in `x-codex-turn-metadata`.
    pub is_in_repository: bool,
    /// What stands before `/responses` in the path of requests: `/v1`.
    pub prefix: Option<String>,
}

/// What commands of the model may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxMode {
    /// Read only.
    ReadOnly,
    /// Write in the work directory.
    WorkspaceWrite,
    /// Anything.
    DangerFullAccess,
}

impl SandboxMode {
    /// The word of Codex's configuration: `read-only`, `workspace-write`, `danger-full-access`.
    pub fn name(self) -> &'static str {
        match self {
            SandboxMode::ReadOnly => "read-only",
            SandboxMode::WorkspaceWrite => "workspace-write",
            SandboxMode::DangerFullAccess => "danger-full-access",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let modes = [
            SandboxMode::ReadOnly,
            SandboxMode::WorkspaceWrite,
            SandboxMode::DangerFullAccess,
        ];
        modes.into_iter().find(|mode| mode.name() == name)
    }
}

impl Circumstances {
    /// Gathers what a recording tells. Of a rollout that can't be read, nothing.
    pub fn of(recording: &Recording) -> Self {
        let mut told = Self::default();
        match &recording.kind {
            RecordingKind::Capture(capture) => told.read_capture(capture),
            RecordingKind::Rollouts(sources) => {
                for source in sources {
                    if let Ok(input) = source.open() {
                        told.read_rollout(RolloutReader::new(input));
                    }
                }
            }
        }
        told
    }

    fn read_capture(&mut self, capture: &Capture) {
        // Every request sends the history again.
        let mut seen = HashSet::new();
        for flat in flatten(capture) {
            self.uses_websocket |=
                flat.transport == Transport::Handshake || is_upgrade(&flat.exchange.request);
            let request = &flat.exchange.request;
            let headers = request.headers.as_option().map(|headers| &headers.list);
            self.is_traced |= headers.is_some_and(|headers| headers.get(TRACE_HEADER).is_some());
            let user_agent = headers.and_then(|headers| headers.get("user-agent"));
            if flat.transport == Transport::Handshake {
                keep(&mut self.agent, user_agent.and_then(product));
            }
            let Some(body) = request.body.json() else {
                continue;
            };
            let facts = RequestFacts::new(&request.target, headers, Some(body.node()));
            if matches!(facts.kind, RequestKind::Models | RequestKind::Other) {
                continue;
            }
            if let Some(headers) = headers {
                keep(&mut self.agent, user_agent.and_then(product));
                keep(&mut self.terminal, user_agent.and_then(terminal));
                let metadata = headers.get("x-codex-turn-metadata").map(Raw::new);
                self.is_in_repository |=
                    metadata.is_some_and(|metadata| metadata.get("workspaces").is_some());
            }
            let path = request.target.split('?').next().unwrap_or_default();
            let prefix = path.strip_suffix(&facts.endpoint).map(str::to_owned);
            keep(&mut self.prefix, prefix);
            // Only Codex's own provider is asked for compactions in this way.
            let is_remote = facts.endpoint == "/responses/compact"
                || body.text().contains(r#""type":"compaction_trigger""#);
            if is_remote {
                self.provider = Some("OpenAI".to_owned());
            }
            let body = body.node();
            let model = body.get_string("model").map(Cow::into_owned);
            keep(&mut self.model, model);
            for item in body.get("input").into_iter().flat_map(Node::items) {
                if seen.insert(xxh3_64(item.text().as_bytes())) {
                    self.read_item(Raw::new(item.text()));
                }
            }
        }
    }

    fn read_rollout<R: std::io::Read>(&mut self, mut reader: RolloutReader<R>) {
        while let Ok(Some(part)) = reader.next_part() {
            let RolloutPart::Record(record) = part else {
                continue;
            };
            let payload = record.payload;
            match record.kind {
                RecordKind::SessionMeta => {
                    keep(&mut self.work, string(payload, "cwd"));
                    keep(&mut self.provider, string(payload, "model_provider"));
                    // pycodex (0.1.13–0.5.1), whose times do not end so, gives another version in its requests.
                    let is_codex = record
                        .timestamp
                        .as_deref()
                        .is_some_and(|time| time.ends_with('Z'));
                    let product = string(payload, "originator").zip(string(payload, "cli_version"));
                    let product = product.filter(|_| is_codex);
                    keep(
                        &mut self.agent,
                        product.map(|(name, version)| format!("{name}/{version}")),
                    );
                }
                RecordKind::TurnContext => {
                    keep(&mut self.model, string(payload, "model"));
                    keep(&mut self.time_zone, string(payload, "timezone"));
                    keep(&mut self.approval, string(payload, "approval_policy"));
                    let sandbox = payload.get("sandbox_policy");
                    let sandbox = sandbox.and_then(|policy| string(policy, "type"));
                    keep(
                        &mut self.sandbox,
                        sandbox.and_then(|name| SandboxMode::from_name(&name)),
                    );
                }
                RecordKind::ResponseItem => self.read_item(payload),
                _ => {}
            }
        }
    }

    /// Reads what the agent tells the model in contexts: `<environment_context>` and `<permissions instructions>` of codex
    /// 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1.
    fn read_item(&mut self, item: Raw<'_>) {
        for part in item
            .get("content")
            .into_iter()
            .flat_map(|content| content.items())
        {
            let Some(text) = part.get_string("text") else {
                continue;
            };
            if text.starts_with("<environment_context>") {
                keep(&mut self.work, between(&text, "<cwd>", "</cwd>"));
                keep(
                    &mut self.time_zone,
                    between(&text, "<timezone>", "</timezone>"),
                );
            }
            if text.starts_with("<permissions instructions>") {
                let mode = between(&text, "`sandbox_mode` is `", "`");
                keep(
                    &mut self.sandbox,
                    mode.and_then(|name| SandboxMode::from_name(&name)),
                );
                let approval = between(&text, "Approval policy is currently ", ".");
                keep(&mut self.approval, approval);
            }
        }
    }
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(request: &crate::capture::Request) -> bool {
    let headers = request.headers.as_option();
    headers.is_some_and(|headers| headers.list.get("sec-websocket-key").is_some())
}

/// The agent with its version in a user agent: the first product with one.
pub(super) fn product(user_agent: &str) -> Option<String> {
    let word = user_agent.split(' ').next()?;
    word.contains('/').then(|| word.to_owned())
}

/// The terminal in a user agent: `codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)` (Codex
/// 0.115.0–0.169.0, pycodex 0.1.13–0.5.1).
fn terminal(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once(") ")?;
    let word = rest.split(' ').next()?;
    (!word.is_empty() && !word.starts_with('(')).then(|| word.to_owned())
}

/// The first that is told counts.
fn keep<T>(known: &mut Option<T>, told: Option<T>) {
    if known.is_none() {
        *known = told;
    }
}

fn string(value: Raw<'_>, key: &str) -> Option<String> {
    Some(value.get_string(key)?.into_owned())
}

pub(super) fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let (value, _) = rest.split_once(after)?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::terminal;

    #[test]
    fn the_terminal_stands_behind_the_system() {
        let agent =
            "codex_exec/0.169.0 (Debian 12.0.0; x86_64) iTerm.app/3.5 (codex_exec; 0.169.0)";
        assert_eq!(terminal(agent).as_deref(), Some("iTerm.app/3.5"));
        assert_eq!(terminal("a/1 (b; c) xterm").as_deref(), Some("xterm"));
        assert_eq!(terminal("a/1 (b; c) (d; e)"), None);
        assert_eq!(terminal("curl/8"), None);
    }
}
