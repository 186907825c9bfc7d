//! What clients read of a stream: Codex 0.169.0, by its runs and its sources; see `docs/send.md`.

/// Events that Codex does something with, and the fields of their data that it reads.
const READ_EVENTS: &[(&str, &[&str])] = &[
    ("response.created", &["response"]),
    ("response.output_item.added", &["item"]),
    ("response.output_item.done", &["item"]),
    ("response.output_text.delta", &["delta"]),
    ("response.reasoning_summary_part.added", &["summary_index"]),
    (
        "response.reasoning_summary_text.delta",
        &["delta", "summary_index"],
    ),
    ("response.reasoning_summary_text.done", &[]),
    ("response.reasoning_text.delta", &["delta", "content_index"]),
    ("response.function_call_arguments.delta", &["delta"]),
    ("response.custom_tool_call_input.delta", &["delta"]),
    ("response.completed", &["response"]),
    ("response.failed", &["response"]),
    ("response.incomplete", &["response"]),
    ("response.metadata", &["headers"]),
];

/// Fields of the response in `response.completed` and in the other ends that Codex reads.
const READ_OF_RESPONSE: &[&str] = &["id", "usage", "end_turn", "error", "incomplete_details"];

/// Fields of response heads that Codex reads.
pub(super) const READ_HEADERS: &[&str] = &[
    "x-codex-turn-state",
    "openai-model",
    "x-models-etag",
    "etag",
    "x-reasoning-included",
    "x-request-id",
    "x-codex-primary-used-percent",
    "x-codex-secondary-used-percent",
    "x-codex-credits-balance",
];

/// Events that nobody is surprised by, beside those that are read.
const KNOWN_EVENTS: &[&str] = &[
    "response.queued",
    "response.in_progress",
    "response.done",
    "codex.rate_limits",
    "error",
    "keepalive",
];

/// How further events of the Responses API begin.
const KNOWN_FAMILIES: &[&str] = &[
    "response.content_part.",
    "response.output_text.",
    "response.refusal.",
    "response.function_call_arguments.",
    "response.custom_tool_call_input.",
    "response.reasoning_text.",
    "response.reasoning_summary_part.",
    "response.reasoning_summary_text.",
    "response.web_search_call.",
    "response.file_search_call.",
    "response.code_interpreter_call",
    "response.image_generation_call.",
    "response.mcp_",
    "response.audio.",
];

/// The fields of an event's data that Codex reads; `None` for an event that it passes over.
pub(super) fn read_fields(event: &str) -> Option<&'static [&'static str]> {
    let (_, fields) = READ_EVENTS.iter().find(|(name, _)| *name == event)?;
    Some(fields)
}

/// Whether an event is one of the API or of Codex's own server.
pub(super) fn is_known(event: &str) -> bool {
    let mut families = KNOWN_FAMILIES.iter();
    read_fields(event).is_some()
        || KNOWN_EVENTS.contains(&event)
        || families.any(|family| event.starts_with(family))
}

/// Whether Codex reads this field of the response that an event carries.
pub(super) fn is_read_of_response(field: &str) -> bool {
    READ_OF_RESPONSE.contains(&field)
}

/// Counters of `usage` without which Codex can't read `response.completed` (codex 0.169.0), and so asks again.
pub(super) const USAGE_COUNTERS: &[&str] = &["input_tokens", "output_tokens", "total_tokens"];

/// Details of `usage`: each `null`, missing, or an object with its counter.
pub(super) const USAGE_DETAILS: &[(&str, &str)] = &[
    ("input_tokens_details", "cached_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_name_or_family() {
        for known in [
            "response.created",
            "response.content_part.added",
            "response.code_interpreter_call.in_progress",
            "response.code_interpreter_call_code.delta",
            "codex.rate_limits",
            "error",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in [
            "ping",
            "response.creates",
            "errors",
            "response",
            "codex.rate_limits.x",
        ] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
