//! What requests name, and where.

use crate::check::sink::RuleName;

use super::rules;
use super::sent::Place;

use Place::{Client, Header, InClient, InHeader};

pub(super) const SESSION: &[Place] = &[
    Header("session-id"),
    Header("session_id"),
    InHeader("session_id"),
    Client("session_id"),
    InClient("session_id"),
];
pub(super) const THREAD: &[Place] = &[
    Header("thread-id"),
    InHeader("thread_id"),
    Client("thread_id"),
    InClient("thread_id"),
];
pub(super) const REQUEST_ID: Place = Header("x-client-request-id");
pub(super) const TURN: &[Place] = &[InHeader("turn_id"), Client("turn_id"), InClient("turn_id")];
const ROOT_TURN: &[Place] = &[
    InHeader("root_turn_id"),
    Client("root_turn_id"),
    InClient("root_turn_id"),
];
const PARENT_TURN: &[Place] = &[
    InHeader("parent_turn_id"),
    Client("parent_turn_id"),
    InClient("parent_turn_id"),
];
pub(super) const WINDOW: &[Place] = &[
    Header("x-codex-window-id"),
    InHeader("window_id"),
    Client("x-codex-window-id"),
    InClient("window_id"),
];
pub(super) const WINDOW_NUMBER: &[Place] = &[InHeader("window_number"), InClient("window_number")];
const CONTEXT_WINDOW: &[Place] = &[InHeader("context_window_id"), InClient("context_window_id")];
pub(super) const INSTALLATION: &[Place] = &[
    Header("x-codex-installation-id"),
    InHeader("installation_id"),
    Client("x-codex-installation-id"),
    InClient("installation_id"),
];
pub(super) const PARENT: &[Place] = &[
    Header("x-codex-parent-thread-id"),
    InHeader("parent_thread_id"),
    Client("x-codex-parent-thread-id"),
    InClient("parent_thread_id"),
];
pub(super) const SUBAGENT: &[Place] = &[Header("x-openai-subagent"), Client("x-openai-subagent")];
pub(super) const SUBAGENT_KIND: &[Place] = &[InHeader("subagent_kind"), InClient("subagent_kind")];

/// Something that a request names in several places.
pub(super) struct Subject {
    pub(super) what: &'static str,
    pub(super) rule: RuleName,
    pub(super) places: &'static [Place],
    /// Whether all messages on a WebSocket share it with the handshake.
    pub(super) is_of_connection: bool,
}

const fn of_request(what: &'static str, rule: RuleName, places: &'static [Place]) -> Subject {
    Subject {
        what,
        rule,
        places,
        is_of_connection: false,
    }
}

const fn of_connection(what: &'static str, rule: RuleName, places: &'static [Place]) -> Subject {
    Subject {
        what,
        rule,
        places,
        is_of_connection: true,
    }
}

/// What is compared by itself.
pub(super) const SUBJECTS: &[Subject] = &[
    of_request("root turn", rules::TURN_ID_MISMATCH, ROOT_TURN),
    of_request("parent turn", rules::TURN_ID_MISMATCH, PARENT_TURN),
    of_request("context window", rules::WINDOW_ID_MISMATCH, CONTEXT_WINDOW),
    of_request("window number", rules::WINDOW_ID_MISMATCH, WINDOW_NUMBER),
    of_connection(
        "installation",
        rules::INSTALLATION_ID_MISMATCH,
        INSTALLATION,
    ),
    of_connection("parent thread", rules::SUBAGENT_MARK_MISMATCH, PARENT),
    of_connection("kind of sub-agent", rules::SUBAGENT_MARK_MISMATCH, SUBAGENT),
    of_request(
        "kind of sub-agent",
        rules::SUBAGENT_MARK_MISMATCH,
        SUBAGENT_KIND,
    ),
];

/// Places beside those that are compared, and keys of the turn metadata, that rules ask for.
pub(super) const OTHER_PLACES: &[Place] = &[
    Header("x-codex-inference-call-id"),
    Header("user-agent"),
    Header("originator"),
    Header("x-openai-memgen-request"),
    InHeader("thread_source"),
    InHeader("turn_trigger"),
    InHeader("history_initialization"),
    InHeader("turn_started_at_unix_ms"),
    InHeader("request_kind"),
];

/// All places of which the values are told from each other by how often they stand in the capture.
pub(super) fn all_places() -> impl Iterator<Item = Place> + Clone {
    let own = [SESSION, THREAD, TURN, WINDOW, &[REQUEST_ID]];
    let others = SUBJECTS.iter().map(|subject| subject.places);
    own.into_iter().chain(others).flatten().copied()
}
