//! How versions of Codex differ in what they make of a rollout, as data.

/// A version of Codex: major, minor, patch; what follows (`-alpha.3`) is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

/// What one version of Codex does with a rollout: how it rebuilds the history and how it sends it.
///
/// It is the version that resumes which counts, not the one that wrote the file. Unless a rule says otherwise, its bounds
/// were seen in resumes of the same files by all versions of Codex from 0.115.0 to 0.169.0 that can be had (but for
/// 0.119.0, which does not start): the version named in it does so and the last one before it does not. Patch versions
/// were tried of 0.153 and 0.162 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The version whose rules these are.
    pub version: Version,
    /// Whether a rollback over a compaction brings back the items that were compacted. Older versions begin the history
    /// behind the first compaction that was taken back (0.152.0; not 0.153.0).
    pub restores_compacted: bool,
    /// Whether the newest compaction bounds what is replayed, where it says enough for that (0.157.0; not 0.156.0).
    pub honours_checkpoints: bool,
    /// Whether of a file with ordinals only what stands behind its last `session_meta` is read (0.146.0; not 0.145.0).
    /// 0.143.0 and 0.144.0 refuse such files.
    pub begins_at_last_meta: bool,
    /// Whether a rollback counts the summary of a compaction as a turn of the user (0.158.0; not 0.159.0).
    pub takes_summaries_for_turns: bool,
    /// What a fork before a user message that does not exist holds: everything, or nothing as in versions before about
    /// 0.118 (from source, the version is a guess).
    pub fork_out_of_range_is_whole: bool,
    /// Whether messages between agents that stand in records of their own are read (0.140.0; not 0.139.0).
    pub knows_agent_messages: bool,
    /// Whether such a message that is encrypted comes with words in front that say whose it is (0.142.0; not 0.141.0).
    pub introduces_encrypted: bool,
    /// Whether a user message that a compaction without `replacement_history` keeps stays in its parts (0.158.0; not
    /// 0.157.0); older versions make one text of it.
    pub keeps_message_parts: bool,
    /// Whether such a message keeps its id (0.157.0; not 0.156.0).
    pub keeps_message_ids: bool,
    /// Whether such a message that is cut is sent in three parts (0.164.0), not as one text (0.163.0).
    pub keeps_cut_parts: bool,
    /// Whether items are sent with their `id` (0.146.0; not 0.145.0, which keeps it on disk).
    pub sends_ids: bool,
    /// Whether what is only for a provider named `OpenAI` is sent: `internal_chat_message_metadata_passthrough` (0.142.0;
    /// not 0.141.0) and `encrypted_function_args` (0.147.0; not 0.146.0).
    pub sends_passthrough: bool,
    /// Whether outputs of shell tools and of `apply_patch` that are JSON on disk are sent as lines of text (0.131.0; not
    /// 0.132.0); with models that have the free-form `apply_patch`.
    pub sends_shell_output_as_text: bool,
    /// Whether base instructions are the first item of `input`, not a field of the request (0.162.0; not 0.161.0). That
    /// item is not on disk.
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
            restores_compacted: since(153),
            honours_checkpoints: since(157),
            begins_at_last_meta: since(146),
            takes_summaries_for_turns: !since(159),
            fork_out_of_range_is_whole: since(118),
            knows_agent_messages: since(140),
            introduces_encrypted: since(142),
            keeps_message_parts: since(158),
            keeps_message_ids: since(157),
            keeps_cut_parts: since(164),
            sends_ids: since(146),
            sends_passthrough: false,
            sends_shell_output_as_text: !since(132),
            sends_instructions_as_item: since(162),
        }
    }

    /// The rules of the version that a `session_meta` names, or of the [`NEWEST`].
    pub fn named(cli_version: Option<&str>) -> Self {
        Self::of(cli_version.and_then(Version::parse).unwrap_or(NEWEST))
    }

    /// The same for a provider named `OpenAI`.
    pub fn for_openai(self) -> Self {
        Self {
            sends_passthrough: self.version >= Version(0, 142, 0),
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
    fn rules_change_between_versions() {
        let check = |rule: fn(Rules) -> bool, without: &str, with: &str| {
            let [without, with] = [without, with].map(|version| rule(Rules::named(Some(version))));
            assert_eq!((without, with), (false, true));
        };
        check(|rules| rules.knows_agent_messages, "0.139.0", "0.140.0");
        check(|rules| rules.introduces_encrypted, "0.141.0", "0.142.0");
        check(
            |rules| rules.for_openai().sends_passthrough,
            "0.141.0",
            "0.142.0",
        );
        check(|rules| rules.sends_ids, "0.145.0", "0.146.0");
        check(|rules| rules.begins_at_last_meta, "0.145.0", "0.146.0");
        check(|rules| rules.restores_compacted, "0.152.0", "0.153.0");
        check(|rules| rules.honours_checkpoints, "0.156.0", "0.157.0");
        check(|rules| rules.keeps_message_ids, "0.156.0", "0.157.0");
        check(|rules| rules.keeps_message_parts, "0.157.0", "0.158.0");
        check(
            |rules| !rules.takes_summaries_for_turns,
            "0.158.0",
            "0.159.0",
        );
        check(
            |rules| rules.sends_instructions_as_item,
            "0.161.0",
            "0.162.0",
        );
        check(|rules| rules.keeps_cut_parts, "0.163.0", "0.164.0");
        check(
            |rules| !rules.sends_shell_output_as_text,
            "0.131.0",
            "0.132.0",
        );
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
