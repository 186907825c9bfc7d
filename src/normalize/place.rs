//! Recognises dynamic values by where they stand: the key of a JSON member, the name of a header.

use crate::capture::{SecretHeader, is_secret_key, secret_header};

use super::shapes::{UUID_LENGTH, is_id_prefix, is_uuid_at};
use super::token::Class;

/// How the value of a JSON member or of a header is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Only the shapes in its text count.
    Plain,
    /// The whole value is an identifier (if it is not empty).
    Id,
    /// The whole value is dynamic, of this class.
    Whole(Class),
    /// Text in which version numbers are dynamic.
    Versioned,
    /// A credential with a scheme word before it (`Bearer …`).
    Authorization,
    /// The length of the body.
    Length,
    /// A host with a port.
    Host,
}

/// Finds the place of a JSON member by its key and the text of its (scalar) value.
///
/// Keys as seen in Codex 0.115–0.169 and pycodex 0.1–0.5 captures.
pub fn of_key(key: &str, value: &str) -> Place {
    match key {
        "call_id"
        | "item_id"
        | "response_id"
        | "previous_response_id"
        | "prompt_cache_key"
        | "nickname"
        | "agent_nickname"
        | "x-codex-turn-state" => id_unless_empty(value),
        "id" if !value.contains([' ', '.', '/']) && has_digit(value) => Place::Id,
        "timestamp" | "create_time" | "created" | "started_at" | "completed_at" | "created_at"
        | "updated_at" | "reset_at" | "resets_at" | "expires_at" | "fetched_at"
            if is_time(value) =>
        {
            Place::Whole(Class::Time)
        }
        "duration" | "duration_ms" | "elapsed_ms" | "latency_ms" | "wall_time_seconds"
        | "duration_seconds"
            if has_digit(value) =>
        {
            Place::Whole(Class::Duration)
        }
        "obfuscation" => Place::Whole(Class::Random),
        "client_version" => Place::Versioned,
        _ if key.ends_with("_unix_ms")
            || key.ends_with("start-ms")
            || key.ends_with("start_ms") =>
        {
            Place::Whole(Class::Time)
        }
        _ if key.ends_with("_at_ms") && is_time(value) => Place::Whole(Class::Time),
        _ if key.starts_with("time_to_") && key.ends_with("_ms") => Place::Whole(Class::Duration),
        _ if is_secret_key(key) => Place::Whole(Class::Secret),
        // A blob that the server made and only the server can read: what counts is that it comes back unchanged.
        "encrypted_content" if value.len() >= 40 && !value.contains(' ') => Place::Id,
        "latest_git_commit_hash" if !value.is_empty() => Place::Id,
        _ if is_id_key(key) && is_random_looking(value) => Place::Id,
        _ => Place::Plain,
    }
}

fn is_id_key(key: &str) -> bool {
    key.ends_with("_id") || key.ends_with("-id") || key.ends_with("Id") || key.ends_with("_ids")
}

fn id_unless_empty(value: &str) -> Place {
    if value.is_empty() {
        Place::Plain
    } else {
        Place::Id
    }
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit())
}

/// A number or a text that begins with a date.
fn is_time(value: &str) -> bool {
    value.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

/// Whether a value under a key such as `…_id` is one that changes from run to run.
fn is_random_looking(value: &str) -> bool {
    let bytes = value.as_bytes();
    let has_prefix = || {
        value
            .split_once('_')
            .is_some_and(|(word, _)| is_id_prefix(word.as_bytes()))
    };
    let is_number = || !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    let is_long = || {
        bytes.len() >= 16
            && has_digit(value)
            && bytes.iter().any(u8::is_ascii_alphabetic)
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    (bytes.len() == UUID_LENGTH && is_uuid_at(bytes, 0)) || has_prefix() || is_number() || is_long()
}

/// Finds the place of a header by its name, in any letter case.
///
/// Agents' names as seen in Codex 0.115–0.169 and pycodex 0.1–0.5 captures.
pub fn of_header(name: &str) -> Place {
    let name = name.to_ascii_lowercase();
    match secret_header(&name) {
        Some(SecretHeader::Credential) => return Place::Authorization,
        Some(_) => return Place::Whole(Class::Secret),
        None => {}
    }
    match name.as_str() {
        "content-length" => Place::Length,
        "host" | ":authority" => Place::Host,
        "user-agent" | "version" | "server" => Place::Versioned,
        "date" | "expires" | "last-modified" => Place::Whole(Class::Time),
        "sec-websocket-key" | "sec-websocket-accept" => Place::Whole(Class::Random),
        "openai-processing-ms" | "x-envoy-upstream-service-time" | "server-timing" => {
            Place::Whole(Class::Duration)
        }
        "x-request-id"
        | "x-oai-request-id"
        | "openai-request-id"
        | "cf-ray"
        | "traceparent"
        | "session_id"
        | "session-id"
        | "thread-id"
        | "thread_id"
        | "conversation_id"
        | "x-client-request-id"
        | "x-codex-turn-state"
        | "x-codex-inference-call-id"
        | "x-codex-parent-thread-id" => Place::Id,
        _ if name.ends_with("-reset-at") => Place::Whole(Class::Time),
        _ => Place::Plain,
    }
}

/// Whether a value was blanked by a recorder, so that nothing can be said about it.
///
/// `[REDACTED]` is what `codex responses-api-proxy` writes (0.125.0 and later).
pub fn is_redacted(value: &str) -> bool {
    ["[REDACTED]", "[redacted]", "<redacted>", "REDACTED", "***"]
        .iter()
        .any(|mark| value.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_decide_together_with_their_value() {
        assert_eq!(of_key("call_id", "call_1"), Place::Id);
        assert_eq!(of_key("turn_id", ""), Place::Plain);
        assert_eq!(
            of_key("turn_id", "01a1fbd8-95a7-7140-b45c-3b2d1ddbd775"),
            Place::Id
        );
        assert_eq!(of_key("id", "gpt-5.5"), Place::Plain);
        assert_eq!(of_key("id", "msg_0001"), Place::Id);
        assert_eq!(of_key("session_id", "1000"), Place::Id);
        assert_eq!(of_key("yield_time_ms", "1000"), Place::Plain);
        assert_eq!(
            of_key("turn_started_at_unix_ms", "1795226637782"),
            Place::Whole(Class::Time)
        );
        assert_eq!(
            of_key("completed_at_ms", "1795226637782"),
            Place::Whole(Class::Time)
        );
        assert_eq!(of_key("created_at", "soon"), Place::Plain);
    }

    #[test]
    fn headers_are_known_in_any_letter_case() {
        assert_eq!(of_header("Authorization"), Place::Authorization);
        assert_eq!(of_header("Session_ID"), Place::Id);
        assert_eq!(of_header("originator"), Place::Plain);
    }
}
