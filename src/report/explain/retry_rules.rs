//! Rules about requests that are made again.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "retry-missing",
        level: Level::Error,
        example: "",
        means: "A request failed in a way that passes, and the agent does not try again.",
        matters: "A short failure of a server, or of the network, costs the user the turn.",
        expectation: "The profile of the agent, see `docs/profiles.md`. Where the capture ends with the failure it is a note, \
             as the retry may have come later; with limits of one's own profile it is an error.",
    },
    Rule {
        name: "retry-of-fatal",
        level: Level::Error,
        example: "",
        means: "A request is made again after a failure that does not pass.",
        matters: "It fails again: time, tokens and quota are spent for nothing.",
        expectation: "The profile of the agent. Codex gives up at HTTP 400, an exceeded context, a spent quota; up to 0.153 at \
             429, too, since 0.169 only without `Retry-After`.",
    },
    Rule {
        name: "retry-over-limit",
        level: Level::Error,
        example: "",
        means: "A loop tries again more often than its limit.",
        matters: "An overloaded server is loaded more, and the user waits longer for an error.",
        expectation: "The profile: Codex has 4 retries of the same bytes in each of 5 further rounds, python-codex 5 in one \
             loop. Configured limits are told in a profile of one's own.",
    },
    Rule {
        name: "retry-gave-up-early",
        level: Level::Error,
        example: "",
        means: "An agent gives up before its limit.",
        matters: "A failure that would have passed costs the turn.",
        expectation: "The limit of a profile of one's own; of a built-in one only the retries that the same capture shows \
             elsewhere, as limits can be configured. A note where the capture ends there.",
    },
    Rule {
        name: "retry-too-soon",
        level: Level::Error,
        example: "",
        means: "A request is made again before the time that the server asked for.",
        matters: "It is refused again, and servers count it against the client.",
        expectation: "`Retry-After` (RFC 9110, section 10.2.3), or \"try again in 2s\" in the message; which of them the agent \
             heeds is in its profile.",
    },
    Rule {
        name: "retry-backoff",
        level: Level::Error,
        example: "",
        means: "The delay before a retry is outside its window: an error when it is too short, a note when it is too long.",
        matters: "Retries without growing delays hit a server at its worst moment; too long ones make the user wait.",
        expectation: "200 ms × 2 for each retry; Codex with ±10 %, python-codex exactly. Upper ends allow for a loaded machine; \
             delays in which tools ran have none.",
    },
    Rule {
        name: "retry-body-changed",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An attempt asks for something else than the one before, beyond what the broken stream delivered.",
        matters: "The prompt cache is lost, and what the model answers is no longer the answer to what failed.",
        expectation: "Codex sends the same bytes after an HTTP 5xx and the same values after a broken stream, with the items that \
             it delivered (since 0.125) and the outputs of its calls. The order of `client_metadata` is chance.",
    },
    Rule {
        name: "retry-partial-lost",
        level: Level::Error,
        example: "/request/body/input",
        means: "A message or a call that a broken stream delivered is not in the next attempt.",
        matters: "Codex runs a call as soon as it is delivered: if the retry does not hold it, the model asks for it again, and \
             it runs twice.",
        expectation: "Codex since 0.125. Up to 0.115, and in python-codex, nothing runs before the end, and nothing is kept.",
    },
    Rule {
        name: "retry-truncated-taken",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "The agent goes on from a response that broke off as if it had been complete.",
        matters: "Half an answer is taken for a whole one, and what was cut off is never asked for.",
        expectation: "Only a terminal event ends a response.",
    },
    Rule {
        name: "retry-storm",
        level: Level::Error,
        example: "",
        means: "One answer takes more requests than any agent sends.",
        matters: "Each of them carries the whole history; the detail tells the bytes and connections.",
        expectation: "`limits.requests` of the profile: 30 in `generic`, as many as Codex sends by default.",
    },
    Rule {
        name: "retry-websocket-leftover",
        level: Level::Error,
        example: "/request/body/previous_response_id",
        means: "A request over HTTP, after a WebSocket, holds what belongs to WebSocket messages.",
        matters: "`previous_response_id` leads nowhere when responses are not stored: the API refuses the request, or the model \
             sees only its end.",
        expectation: "Codex 0.125.0–0.169.0 goes back to HTTP with the full input and without `previous_response_id`, \
             `generate`, `type`.",
    },
    Rule {
        name: "retry-fallback",
        level: Level::Error,
        example: "",
        means: "An agent goes over from WebSocket to HTTP otherwise than its profile says: too early, not at all, or where it \
             would give up.",
        matters: "Without it a network that lets no WebSocket pass costs every turn; too early, one lost connection costs the \
             whole session what WebSockets save.",
        expectation: "`websocket` of the profile. Codex 0.169.0 goes over at once when the handshake is refused with 426, else when \
             all rounds have failed, and then begins anew with all of them. Where the capture ends there it is a note.",
    },
    Rule {
        name: "retry-stale-response",
        level: Level::Error,
        example: "/request/body/previous_response_id",
        means: "An attempt goes on from a response of which the server just said that it does not have it.",
        matters: "It is refused again, each time, until the turn fails.",
        expectation: "Codex 0.169.0 answers `previous_response_not_found` with the whole input and without \
             `previous_response_id`, over another connection.",
    },
    Rule {
        name: "retry-idle",
        level: Level::Error,
        example: "",
        means: "A silent stream is left before the time for which it may be silent: an error; long after it: a note.",
        matters: "Too soon, and models that think for long are never heard to their end; too late, and a dead connection costs \
             the user minutes.",
        expectation: "`limits.idle_ms` of a profile of one's own. Codex waits for 300 s, `stream_idle_timeout_ms` says otherwise.",
    },
];
