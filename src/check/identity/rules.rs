//! The names of the rules with their weights.

use crate::check::sink::RuleName;

pub(super) const SESSION_ID_MISMATCH: RuleName = RuleName::error("session-id-mismatch");
pub(super) const THREAD_ID_MISMATCH: RuleName = RuleName::error("thread-id-mismatch");
pub(super) const TURN_ID_MISMATCH: RuleName = RuleName::error("turn-id-mismatch");
pub(super) const WINDOW_ID_MISMATCH: RuleName = RuleName::error("window-id-mismatch");
pub(super) const INSTALLATION_ID_MISMATCH: RuleName = RuleName::error("installation-id-mismatch");
pub(super) const SUBAGENT_MARK_MISMATCH: RuleName = RuleName::error("subagent-mark-mismatch");
pub(super) const TURN_METADATA_MISMATCH: RuleName = RuleName::error("turn-metadata-mismatch");

pub(super) const TURN_METADATA_INCOMPLETE: RuleName = RuleName::warning("turn-metadata-incomplete");
pub(super) const CLIENT_METADATA_INCOMPLETE: RuleName =
    RuleName::warning("client-metadata-incomplete");
pub(super) const REQUEST_KIND_WRONG: RuleName = RuleName::error("request-kind-wrong");
pub(super) const SUBAGENT_UNMARKED: RuleName = RuleName::error("subagent-unmarked");
pub(super) const MEMORY_UNMARKED: RuleName = RuleName::error("memory-unmarked");

pub(super) const REQUIRED_HEADER_MISSING: RuleName = RuleName::warning("required-header-missing");
pub(super) const SESSION_HEADER_WRONG: RuleName = RuleName::warning("session-header-wrong");

pub(super) const CACHE_KEY_CHANGED: RuleName = RuleName::warning("cache-key-changed");
pub(super) const CACHE_KEY_WRONG: RuleName = RuleName::warning("cache-key-wrong");
pub(super) const INSTALLATION_ID_CHANGED: RuleName = RuleName::warning("installation-id-changed");
pub(super) const AGENT_NAME_CHANGED: RuleName = RuleName::warning("agent-name-changed");
pub(super) const TURN_ID_REUSED: RuleName = RuleName::error("turn-id-reused");
pub(super) const TURN_ID_CHANGED: RuleName = RuleName::warning("turn-id-changed");
pub(super) const INFERENCE_ID_REUSED: RuleName = RuleName::error("inference-id-reused");

pub(super) const ITEM_ID_MISSING: RuleName = RuleName::warning("item-id-missing");
pub(super) const ITEM_ID_UNEXPECTED: RuleName = RuleName::warning("item-id-unexpected");

/// The rules that need headers.
pub(super) const HEADERS: &[&str] = &[
    REQUIRED_HEADER_MISSING.name,
    SESSION_HEADER_WRONG.name,
    AGENT_NAME_CHANGED.name,
    INFERENCE_ID_REUSED.name,
];
