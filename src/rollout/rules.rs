//! How versions of Codex differ in what they make of a rollout, as data.

/// A version of Codex: major, minor, patch; what follows (`-alpha.3`) is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

/// What one version of Codex does with a rollout: how it rebuilds the history and how it sends it.
///
/// It is the version that resumes which counts, not the one that wrote the file. Each rule was seen in resumes by real
/// Codex 0.115.0, 0.125.0, 0.137.0, 0.153.4 and 0.169.0, of own files and of each other's, unless it says otherwise;
/// where it changed between two of these, the middle is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The version whose rules these are.
    pub version: Version,
    /// Whether a rollback over a compaction brings back the items that were compacted. Older versions begin the history
    /// behind the first compaction that was taken back.
    pub restores_compacted: bool,
    /// Whether the newest compaction bounds what is replayed, where it says enough for that (0.169.0).
    pub honours_checkpoints: bool,
    /// Whether of a file with ordinals only what stands behind its last `session_meta` is read (0.153.4 and 0.169.0).
    pub begins_at_last_meta: bool,
    /// Whether a compaction without `replacement_history` in a file with ordinals leaves its summary alone, without the
    /// user's messages (0.153.4).
    pub keeps_summary_only: bool,
    /// Whether a rollback counts the summary of a compaction as a turn of the user (not in 0.169.0).
    pub takes_summaries_for_turns: bool,
    /// What a fork before a user message that does not exist holds: everything, or nothing as in versions before about
    /// 0.118 (from source, the version is a guess).
    pub fork_out_of_range_is_whole: bool,
    /// Whether messages between agents that stand in records of their own are read.
    pub knows_agent_messages: bool,
    /// Whether a user message that a compaction without `replacement_history` keeps stays in its parts, the cut one in
    /// three; older versions make one text of it.
    pub keeps_message_parts: bool,
    /// Whether items are sent with their `id`; that of an `image_generation_call` always is.
    pub sends_ids: bool,
    /// Whether `internal_chat_message_metadata_passthrough` is sent: from 0.153 on, to a provider named `OpenAI` only.
    pub sends_passthrough: bool,
    /// Whether outputs of shell tools and of `apply_patch` that are JSON on disk are sent as lines of text; with
    /// models that have the free-form `apply_patch`.
    pub sends_shell_output_as_text: bool,
    /// Whether base instructions are the first item of `input`, not a field of the request. That item is not on disk.
    pub sends_instructions_as_item: bool,
}

/// The version whose rules are taken for files that do not say theirs: the newest known.
pub const NEWEST: Version = Version(0, 169, 0);

impl Version {
    /// Reads `0.169.0` and `0.170.0-alpha.2`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['.', '-', '+']).map(str::parse);
        let mut next = || parts.next()?.ok();
        Some(Self(next()?, next()?, next()?))
    }
}

impl Rules {
    /// The rules of a version, for a provider that is not named `OpenAI`.
    pub fn of(version: Version) -> Self {
        let since = |minor| version >= Version(0, minor, 0);
        Self {
            version,
            restores_compacted: since(145),
            honours_checkpoints: since(160),
            begins_at_last_meta: since(145),
            keeps_summary_only: since(145) && !since(160),
            takes_summaries_for_turns: !since(160),
            fork_out_of_range_is_whole: since(118),
            knows_agent_messages: since(145),
            keeps_message_parts: since(160),
            sends_ids: since(145),
            sends_passthrough: false,
            sends_shell_output_as_text: !since(131),
            sends_instructions_as_item: since(160),
        }
    }

    /// The rules of the version that a `session_meta` names, or of the [`NEWEST`].
    pub fn named(cli_version: Option<&str>) -> Self {
        Self::of(cli_version.and_then(Version::parse).unwrap_or(NEWEST))
    }

    /// The same for a provider named `OpenAI`.
    pub fn for_openai(self) -> Self {
        Self {
            sends_passthrough: self.version >= Version(0, 145, 0),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        assert_eq!(Version::parse("0.169.0"), Some(NEWEST));
        assert_eq!(Version::parse("0.170.1-alpha.3"), Some(Version(0, 170, 1)));
        assert_eq!(Version::parse("0.1"), None);
        assert_eq!(Version::parse(""), None);
    }

    #[test]
    fn a_file_without_version_is_the_newest() {
        assert_eq!(Rules::named(None), Rules::of(NEWEST));
        assert_eq!(Rules::named(Some("dev")), Rules::of(NEWEST));
        assert!(!Rules::named(Some("0.137.0")).sends_ids);
        assert!(!Rules::named(Some("0.137.0")).for_openai().sends_passthrough);
        assert!(Rules::named(Some("0.153.4")).for_openai().sends_passthrough);
    }
}
