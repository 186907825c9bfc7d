//! Who wrote a rollout: its `session_meta`.

use crate::json::Raw;

/// What a `session_meta` record says; fields that are not here stand in the record's text.
///
/// Codex 0.115–0.169 and pycodex write it as the first record. Of several (forks before 0.153 copy their parent's
/// file) the first valid one counts for Codex; pycodex takes the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionMeta {
    /// The thread's id; a file without it has no valid meta.
    pub id: String,
    /// The id of the tree of threads; before 0.137 the thread's own.
    pub session_id: Option<String>,
    /// When the thread began, as written.
    pub timestamp: Option<String>,
    /// Its work directory.
    pub cwd: Option<String>,
    /// The program's face: `codex_exec`, `codex-tui`, …
    pub originator: Option<String>,
    /// Version of Codex; a port writes the version that it imitates.
    pub cli_version: Option<String>,
    /// What started it: `exec`, `cli`, `vscode`, …; of a sub-agent `subagent`.
    pub source: Option<String>,
    /// Name of the provider in the configuration.
    pub model_provider: Option<String>,
    /// Text of the base instructions (`instructions` in files before about 0.6x).
    pub base_instructions: Option<String>,
    /// `legacy` or `paginated`; absent means `legacy`.
    pub history_mode: Option<String>,
    /// The thread that this one was forked from.
    pub forked_from_id: Option<String>,
    /// Records of the parent before this ordinal belong to the fork.
    pub forked_from_ordinal: Option<u64>,
    /// Where the inherited history stands, in files that don't copy it (0.153 and later).
    pub history_base: Option<HistoryBase>,
    /// The thread that spawned this one.
    pub parent_thread_id: Option<String>,
    /// Path of a sub-agent in its tree, which begins with `/root`.
    pub agent_path: Option<String>,
    /// A sub-agent's name for people.
    pub agent_nickname: Option<String>,
    /// A sub-agent's role (`agent_type` in older files).
    pub agent_role: Option<String>,
    /// Id of the first context window (0.153 and later).
    pub window_id: Option<String>,
}

/// Where the inherited history of a fork or a revert stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryBase {
    /// The thread whose records are inherited; of a revert the same thread.
    pub thread_id: String,
    /// Records before this ordinal are inherited.
    pub end_ordinal: Option<u64>,
    /// Where they end in the file, in bytes.
    pub end_byte: Option<u64>,
}

impl SessionMeta {
    /// Reads the payload of a `session_meta` record, or a bare first record of the oldest versions; `None` without an
    /// id.
    pub fn parse(payload: Raw<'_>) -> Option<Self> {
        let mut meta = Self::default();
        for (key, value) in payload.members() {
            let string = || value.string().map(|text| text.into_owned());
            match key.as_ref() {
                "id" => meta.id = string()?,
                "session_id" => meta.session_id = string(),
                "timestamp" => meta.timestamp = string(),
                "cwd" => meta.cwd = string(),
                "originator" => meta.originator = string(),
                "cli_version" => meta.cli_version = string(),
                "source" => meta.read_source(value),
                "model_provider" => meta.model_provider = string(),
                "base_instructions" => {
                    meta.base_instructions =
                        value.get("text").unwrap_or(value).string().map(Into::into);
                }
                "instructions" if meta.base_instructions.is_none() => {
                    meta.base_instructions = string()
                }
                "history_mode" => meta.history_mode = string(),
                "forked_from_id" => meta.forked_from_id = string(),
                "forked_from_ordinal_exclusive" => meta.forked_from_ordinal = value.unsigned(),
                "history_base" => meta.history_base = HistoryBase::parse(value),
                "parent_thread_id" => meta.parent_thread_id = string(),
                "agent_path" => meta.agent_path = string(),
                "agent_nickname" => meta.agent_nickname = string(),
                "agent_role" | "agent_type" => meta.agent_role = string().or(meta.agent_role),
                "context_window" => {
                    meta.window_id = value.get_string("window_id").map(|id| id.into_owned());
                }
                _ => {}
            }
        }
        (!meta.id.is_empty()).then_some(meta)
    }

    /// The source is a word, or an object whose key is the word; that of a sub-agent names its parent.
    fn read_source(&mut self, value: Raw<'_>) {
        if let Some(word) = value.string() {
            self.source = Some(word.into_owned());
            return;
        }
        let Some((word, inner)) = value.members().next() else {
            return;
        };
        self.source = Some(word.into_owned());
        let spawn = inner.get("thread_spawn").unwrap_or(inner);
        let string = |key| spawn.get_string(key).map(|text| text.into_owned());
        self.parent_thread_id = self
            .parent_thread_id
            .take()
            .or_else(|| string("parent_thread_id"));
        self.agent_path = self.agent_path.take().or_else(|| string("agent_path"));
        self.agent_nickname = self
            .agent_nickname
            .take()
            .or_else(|| string("agent_nickname"));
        self.agent_role = self.agent_role.take().or_else(|| string("agent_role"));
    }

    /// Whether records carry ordinals.
    pub fn is_paginated(&self) -> bool {
        self.history_mode.as_deref() == Some("paginated")
    }
}

impl HistoryBase {
    fn parse(value: Raw<'_>) -> Option<Self> {
        Some(Self {
            thread_id: value.get_string("thread_id")?.into_owned(),
            end_ordinal: value.get("end_ordinal_exclusive").and_then(Raw::unsigned),
            end_byte: value.get("end_byte_offset").and_then(Raw::unsigned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_fork_of_a_sub_agent() {
        let text = r#"{"id":"b","session_id":"a","source":{"subagent":{"thread_spawn":{"parent_thread_id":"a",
            "depth":1,"agent_path":"/tree/x","agent_role":null}}},"base_instructions":{"text":"Be good."},
            "history_mode":"paginated","history_base":{"thread_id":"c","end_ordinal_exclusive":34,"end_byte_offset":9}}"#;
        let meta = SessionMeta::parse(Raw::new(text)).unwrap();
        assert_eq!(meta.source.as_deref(), Some("subagent"));
        assert_eq!(meta.parent_thread_id.as_deref(), Some("a"));
        assert_eq!(meta.agent_path.as_deref(), Some("/tree/x"));
        assert_eq!(meta.agent_role, None);
        assert_eq!(meta.base_instructions.as_deref(), Some("Be good."));
        assert!(meta.is_paginated());
        assert_eq!(meta.history_base.unwrap().end_ordinal, Some(34));
    }

    #[test]
    fn a_meta_without_id_is_none() {
        assert_eq!(SessionMeta::parse(Raw::new(r#"{"cwd":"/"}"#)), None);
        assert_eq!(SessionMeta::parse(Raw::new(r#"{"id":7}"#)), None);
    }
}
