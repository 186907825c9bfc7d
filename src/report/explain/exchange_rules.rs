//! Rules about whole exchanges, request heads and responses.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "exchange-missing",
        level: Level::Error,
        example: "",
        means: "The baseline has an exchange that the candidate does not have.",
        matters: "The candidate asks the API less often: a retry, a compaction, a follow-up after a tool \
             call or a background call does not happen.",
        expectation: "The baseline. Exchanges are matched by endpoint, thread, kind and what they answer to, \
             not by number, so one missing exchange does not shift the others. Number and spacing of \
             retries differ between Codex versions.",
    },
    Rule {
        name: "exchange-added",
        level: Level::Error,
        example: "",
        means: "The candidate has an exchange that the baseline does not have.",
        matters: "The candidate asks the API more often, which costs time and tokens, or calls an endpoint \
             that the baseline does not know.",
        expectation: "The baseline. Codex 0.169.0 sends an always failing request up to 30 times with default \
             limits (5 tries in each of 6 rounds), python-codex 6 times: such counts are part of the \
             behaviour.",
    },
    Rule {
        name: "exchange-order",
        level: Level::Note,
        example: "",
        means: "Matched exchanges came in another order.",
        matters: "Requests of different threads and background calls race, so their order alone says \
             little; within one thread it may show that work was scheduled differently.",
        expectation: "Two runs of one Codex version: a parent's next request and its sub-agent's first one \
             were seen to swap.",
    },
    Rule {
        name: "method-changed",
        level: Level::Error,
        example: "/request/method",
        means: "Matched requests use different methods.",
        matters: "The server routes by method; a GET with `Upgrade` is a WebSocket, a POST is not.",
        expectation: "The baseline.",
    },
    Rule {
        name: "path-changed",
        level: Level::Error,
        example: "/request/path",
        means: "Matched requests go to different paths or have different queries on one endpoint.",
        matters: "The server may refuse the path, or read other parameters.",
        expectation: "The baseline. Versions in queries, such as `client_version` of `/models`, are compared \
             as versions.",
    },
    Rule {
        name: "endpoint-changed",
        level: Level::Error,
        example: "/request/path",
        means: "What is done at one endpoint in the baseline is done at another in the candidate.",
        matters: "Another endpoint has another contract: Codex up to 0.137.0 compacts at \
             `/responses/compact` with a plain JSON answer, later versions at `/responses` with a \
             stream.",
        expectation: "The baseline.",
    },
    Rule {
        name: "header-missing",
        level: Level::Error,
        example: "/request/headers/originator",
        means: "The baseline sends a header that the candidate does not send.",
        matters: "The API and proxies act on headers: authentication, routing, the thread a request \
             belongs to, the features it may use.",
        expectation: "The baseline. `session_id` became `session-id` and `thread-id` in Codex 0.137.0. \
             `x-codex-inference-call-id` is sent only while rollout tracing is on: compare captures \
             that were taken alike.",
    },
    Rule {
        name: "header-added",
        level: Level::Error,
        example: "/request/headers/accept-encoding",
        means: "The candidate sends a header that the baseline does not send.",
        matters: "It may switch something on (content codings, beta features) or tell the server something \
             that the baseline keeps to itself.",
        expectation: "The baseline.",
    },
    Rule {
        name: "header-renamed",
        level: Level::Error,
        example: "/request/headers/session_id",
        means: "The candidate sends the value of a header under another name.",
        matters: "A server that looks for the old name finds nothing.",
        expectation: "The baseline. `session_id` became `session-id` in Codex 0.137.0; python-codex 0.5.1 \
             still sends the old name.",
    },
    Rule {
        name: "header-changed",
        level: Level::Error,
        example: "/request/headers/user-agent",
        means: "A header has another value, after identifiers were renamed and times, ports and versions \
             compared as such.",
        matters: "The value is read by the server. JSON inside a header, such as `x-codex-turn-metadata`, \
             is compared as JSON and its findings point inside.",
        expectation: "The baseline.",
    },
    Rule {
        name: "header-order",
        level: Level::Note,
        example: "/request/headers",
        means: "The same headers were sent in another order.",
        matters: "Servers must not care; it can show that another HTTP library is at work.",
        expectation: "RFC 9110, section 5.3: order matters only among fields of one name. Order differs \
             between Codex versions and is constant within one run.",
    },
    Rule {
        name: "header-case",
        level: Level::Note,
        example: "/request/headers/content-type",
        means: "A header name was sent in another letter case.",
        matters: "Servers must not care; intermediaries and strict test servers sometimes do.",
        expectation: "RFC 9110, section 5.1: names have no case. Codex sends lower case, except in a WebSocket \
             handshake.",
    },
    Rule {
        name: "header-repeated",
        level: Level::Warning,
        example: "/request/headers/accept",
        means: "A header was sent more often on one side.",
        matters: "Some servers join the values, some take the first, some the last, some refuse the request.",
        expectation: "RFC 9110, section 5.3, allows repeats only where the field is a list.",
    },
    Rule {
        name: "status-changed",
        level: Level::Error,
        example: "/response/status",
        means: "Matched exchanges got different response statuses.",
        matters: "The agents were not told the same, so what they do next need not be the same either: \
             look at this first.",
        expectation: "The baseline. A status differs for one request only if the servers differed or the \
             server judged the requests differently.",
    },
    Rule {
        name: "recording-cut",
        level: Level::Note,
        example: "",
        means: "What one side has here can't be compared: the recording of the other ends before.",
        matters: "Nothing is known of what the agent did there. The damage itself is told among the problems in \
             reading, as a warning.",
        expectation: "A recording that was not stopped in the middle of an exchange.",
    },
    Rule {
        name: "event-missing",
        level: Level::Warning,
        example: "/response/events",
        means: "The baseline's response has an event that the candidate's lacks.",
        matters: "The agents were told different things. Only `response.output_item.done` carries what \
             enters the history; `response.completed` ends the turn's stream.",
        expectation: "The baseline. The server sends events; a difference comes from the server, the recorder \
             or an agent that hung up early.",
    },
    Rule {
        name: "event-added",
        level: Level::Warning,
        example: "/response/events",
        means: "The candidate's response has an event that the baseline's lacks.",
        matters: "The agents were told different things; see `event-missing`.",
        expectation: "The baseline.",
    },
    Rule {
        name: "event-order",
        level: Level::Warning,
        example: "/response/events",
        means: "Matched events came in another order.",
        matters: "Items enter the history in the order of their `response.output_item.done` events.",
        expectation: "The baseline.",
    },
    Rule {
        name: "event-changed",
        level: Level::Warning,
        example: "/response/events/3",
        means: "Matched events differ in name or data.",
        matters: "The agents were told different things; what follows may be a consequence of it.",
        expectation: "The baseline, with identifiers renamed and times compared as times.",
    },
    Rule {
        name: "event-chunks",
        level: Level::Note,
        example: "/response/events",
        means: "The same text came in another number of delta events.",
        matters: "Agents put the pieces together; only how smoothly text appears differs.",
        expectation: "How a server cuts its text is chance.",
    },
    Rule {
        name: "stream-end-changed",
        level: Level::Error,
        example: "/response/end",
        means: "The streams ended differently: complete, closed or reset by the server, stalled, or \
             closed by the agent.",
        matters: "A stream without a terminal event is retried; how it broke decides after how long and by \
             which rule.",
        expectation: "The baseline. Codex and python-codex begin the next request when they see \
             `response.completed`, so that the agent closes first is not by itself a difference.",
    },
    Rule {
        name: "continuation-changed",
        level: Level::Error,
        example: "/request/body/previous_response_id",
        means: "One side continues the previous response over its WebSocket, the other sends the full input.",
        matters: "Both mean the same to the model, but a continuation needs the server's memory of the \
             response, and a full input costs its size again.",
        expectation: "Codex continues if only the input grew, by what the server answered and new items; after \
             any other change and on a new connection it sends everything.",
    },
];
