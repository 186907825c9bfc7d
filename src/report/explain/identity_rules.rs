//! Rules about what requests call their thread, session, turn, window and agent.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "session-id-mismatch",
        level: Level::Error,
        example: "/request/headers/session-id",
        means: "A request names its session in two places, and these differ: in headers, in the turn metadata, in client_metadata, \
             or in what its parent thread calls it.",
        matters: "Servers route, bill and cache by one place and log by another: the requests of a session fall apart, or are taken \
             for those of somebody else.",
        expectation: "All places agree in Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1. A thread that is no sub-agent's is its own \
             session; a sub-agent has the session of its root from Codex 0.137 on, its own thread before and in python-codex.",
    },
    Rule {
        name: "thread-id-mismatch",
        level: Level::Error,
        example: "/request/headers/thread-id",
        means: "A request names its thread in two places, and these differ.",
        matters: "What belongs to one conversation can't be put together again, and a server may answer with the state of another.",
        expectation: "The header thread-id, thread_id of the turn metadata and of client_metadata agree (Codex 0.137.0–0.169.0), and \
             x-client-request-id is the thread, too, not an id for each request (Codex 0.115.0–0.169.0, python-codex 0.1.2–0.5.1). Over a \
             WebSocket the headers are those of the handshake.",
    },
    Rule {
        name: "turn-id-mismatch",
        level: Level::Error,
        example: "/request/headers/x-codex-turn-metadata/turn_id",
        means: "A request names its turn, its parent's turn or the root's turn in two places, and these differ.",
        matters: "Who counts requests, tokens or retries by turn counts them wrong.",
        expectation: "Codex 0.153.4 and 0.169.0 name the turn in the turn metadata of the headers, in client_metadata, and in the turn \
             metadata there. A handshake may be older than the turn: it is not compared.",
    },
    Rule {
        name: "window-id-mismatch",
        level: Level::Error,
        example: "/request/headers/x-codex-window-id",
        means: "The names of the context window differ, or its name is not made of the thread and the number that stand beside it.",
        matters: "The server takes a history for one that it has cached, or for a new one.",
        expectation: "A window is `<thread>:<number>`, in x-codex-window-id and, from 0.137 on, in the turn metadata; from 0.153 on with \
             window_number beside it (Codex 0.125.0–0.169.0).",
    },
    Rule {
        name: "installation-id-mismatch",
        level: Level::Error,
        example: "/request/body/client_metadata/x-codex-installation-id",
        means: "A request names the installation in two places, and these differ.",
        matters: "Limits and statistics by installation are wrong.",
        expectation: "client_metadata, the turn metadata and, for /responses/compact, the header agree (Codex 0.125.0–0.169.0).",
    },
    Rule {
        name: "subagent-mark-mismatch",
        level: Level::Error,
        example: "/request/headers/x-codex-parent-thread-id",
        means: "Two marks of a sub-agent's request differ, or it names another parent than the thread whose call spawned it.",
        matters: "The tree of threads is wrong: costs and failures of a sub-agent are put down to another thread.",
        expectation: "Headers, turn metadata and client_metadata agree in Codex 0.125.0–0.169.0; the output of spawn_agent names the thread \
             that it made.",
    },
    Rule {
        name: "turn-metadata-mismatch",
        level: Level::Error,
        example: "/request/headers/x-codex-turn-metadata/*",
        means: "x-codex-turn-metadata in the headers and its copy in client_metadata differ in a key that has no rule of its own.",
        matters: "A server that reads one copy acts otherwise than one that reads the other.",
        expectation: "Both are the same JSON in Codex 0.153.4 and 0.169.0. Over a WebSocket the headers are those of the handshake, which \
             speak of the warm-up and are not compared.",
    },
    Rule {
        name: "turn-metadata-incomplete",
        level: Level::Warning,
        example: "/request/headers/x-codex-turn-metadata",
        means: "x-codex-turn-metadata lacks a key that this agent sends with every request to the model.",
        matters: "A server that relies on it can't tell requests apart, or treats them as those of an old version.",
        expectation: "The keys grow with the version; those that each has sent in all its requests are in its profile (`headers.metadata`), \
             with the runs in which they were seen.",
    },
    Rule {
        name: "client-metadata-incomplete",
        level: Level::Warning,
        example: "/request/body",
        means: "client_metadata of the body lacks a key that this agent sends with every request to the model, or is not there.",
        matters: "Over a WebSocket it is the only place that speaks of a request; what is not in it is not known.",
        expectation: "The profile names the keys (`headers.client_metadata`): none in Codex 0.115.0 and python-codex 0.1.2–0.5.1, the installation \
             from 0.125 on, all identifiers from 0.153 on.",
    },
    Rule {
        name: "request-kind-wrong",
        level: Level::Error,
        example: "/request/headers/x-codex-turn-metadata/request_kind",
        means: "request_kind says turn, compaction or prewarm, and the request is something else.",
        matters: "A server that routes, prices or caches compactions otherwise does so with the wrong requests.",
        expectation: "From 0.137 on Codex calls a request a compaction if and only if it describes one beside it; what goes to \
             /responses/compact or ends with a compaction_trigger is one (0.137.0–0.169.0).",
    },
    Rule {
        name: "subagent-unmarked",
        level: Level::Error,
        example: "/request/headers",
        means: "A request is of a sub-agent, as another mark or the call that spawned its thread tells, but lacks a mark that this agent \
             sends.",
        matters: "The server takes it for a request of the user's own thread: limits, prices and statistics are wrong.",
        expectation: "x-openai-subagent is in requests of sub-agents and reviews (Codex 0.115.0–0.169.0, python-codex 0.1.13–0.5.1), with \
             x-codex-parent-thread-id from 0.121 on (in reviews from 0.137 on) and parent_thread_id and subagent_kind in the turn metadata \
             from 0.136 on.",
    },
    Rule {
        name: "memory-unmarked",
        level: Level::Error,
        example: "/request/headers",
        means: "A request is one by which the agent puts its memories in order, as one of its marks tells, but it lacks another mark that \
             this version sends.",
        matters: "The server takes it for a request of the user: it counts against the user's limits, and is kept or shown like a \
             conversation.",
        expectation: "x-openai-subagent says memory_consolidation, and x-openai-memgen-request is there (Codex 0.129.0–0.169.0). thread_source \
             in the turn metadata says it, but not in 0.140 and 0.141; turn_trigger does from 0.155 on, and x-openai-subagent in \
             client_metadata from 0.140 on. The session is one of its own, and there is no parent thread.",
    },
    Rule {
        name: "required-header-missing",
        level: Level::Warning,
        example: "/request/headers",
        means: "A request lacks a header that this agent sends with every `POST /responses`, or the credentials that other requests of \
             its thread have.",
        matters: "The server may refuse the request, answer in another form, or not know whose it is.",
        expectation: "The profile names the headers (`headers.required`), with the versions and runs in which all requests had them. Headers \
             that depend on settings, such as x-codex-beta-features before 0.169, are not among them.",
    },
    Rule {
        name: "session-header-wrong",
        level: Level::Warning,
        example: "/request/headers/session_id",
        means: "The session is named by another header than this version uses.",
        matters: "A server that looks for the new name finds no session, and requests of one session are spread over many machines.",
        expectation: "session_id up to Codex 0.125 and in python-codex 0.1.2–0.5.1, session-id from Codex 0.137 on.",
    },
    Rule {
        name: "cache-key-changed",
        level: Level::Warning,
        example: "/request/body/prompt_cache_key",
        means: "prompt_cache_key differs from that of an earlier request of the same thread.",
        matters: "Requests with another key go to another cache: the whole prompt is read again, at full price and full wait.",
        expectation: "The key is constant in a thread, over turns, compactions and resumes (Codex 0.115.0–0.169.0, python-codex 0.1.2–0.5.1).",
    },
    Rule {
        name: "cache-key-wrong",
        level: Level::Warning,
        example: "/request/body/prompt_cache_key",
        means: "prompt_cache_key is neither the session nor the thread, whichever this agent uses as its key.",
        matters: "Threads that should share a cache do not, or threads share one that push each other's prompts out.",
        expectation: "The key is the thread; for a sub-agent its own thread up to Codex 0.137 and in python-codex 0.1.13–0.5.1, the session of \
             its root in Codex 0.153.4 and 0.169.0. A fork has a session and key of its own.",
    },
    Rule {
        name: "installation-id-changed",
        level: Level::Warning,
        example: "/request/body/client_metadata/x-codex-installation-id",
        means: "Two requests of one session name two installations.",
        matters: "One user looks like two; limits and statistics by installation are wrong.",
        expectation: "The id is kept in a file of the agent's home and the same in all requests, of sub-agents and forks, too (Codex \
             0.125.0–0.169.0). A session that goes on with another home has another one.",
    },
    Rule {
        name: "agent-name-changed",
        level: Level::Warning,
        example: "/request/headers/user-agent",
        means: "user-agent or originator differs between two requests that one process made.",
        matters: "The server takes the requests for those of two programs, which may have other rights and limits.",
        expectation: "Both are constant in a process (Codex 0.115.0–0.169.0, python-codex 0.1.2–0.5.1). Only requests are compared that one \
             process must have made: those of one turn, and those of a thread that was new in both (history_initialization of 0.169).",
    },
    Rule {
        name: "turn-id-reused",
        level: Level::Error,
        example: "/request/headers/x-codex-turn-metadata/turn_id",
        means: "One turn id names two turns: of two threads, with two begins, or with another turn between them.",
        matters: "What happened in two turns is taken for one: retries, costs and tool calls are put down to the wrong one.",
        expectation: "Every turn has an id of its own, in forks and sub-agents, too (Codex 0.115.0–0.169.0, python-codex 0.1.2–0.5.1). That a turn \
             begins can't be told from words that the user adds to a running one unless the agent says when it began (0.137 and later).",
    },
    Rule {
        name: "turn-id-changed",
        level: Level::Warning,
        example: "/request/headers/x-codex-turn-metadata/turn_id",
        means: "One turn has two ids: two requests say that their turns began at the same time, or a compaction in the middle of a turn \
             is named as a turn of its own.",
        matters: "Who counts requests, tokens or retries by turn counts them wrong.",
        expectation: "All requests of a turn have its id, compactions, too (Codex 0.115.0–0.169.0, python-codex 0.5.1). python-codex 0.1.13 gives \
             compactions ids of their own.",
    },
    Rule {
        name: "inference-id-reused",
        level: Level::Error,
        example: "/request/headers/x-codex-inference-call-id",
        means: "Two requests that ask for different things have one x-codex-inference-call-id.",
        matters: "A trace bundle joins requests and responses by this id: two calls become one.",
        expectation: "Each inference call has its own (Codex 0.137.0–0.169.0, with CODEX_ROLLOUT_TRACE_ROOT set).",
    },
    Rule {
        name: "item-id-missing",
        level: Level::Warning,
        example: "/request/body/input/*",
        means: "An item is sent without an id, though the server gave it one or this agent makes one for each.",
        matters: "Who joins requests by the ids of items can't follow it, and a server that stores items by id stores it twice.",
        expectation: "The profile says what becomes of ids (`ids.items`): Codex from 0.153 on makes one for every item that has none, \
             python-codex from 0.3 on keeps those of the server. What asks for a compaction has none.",
    },
    Rule {
        name: "item-id-unexpected",
        level: Level::Warning,
        example: "/request/body/input/*/id",
        means: "An item is sent with an id, though this agent sends none.",
        matters: "The API looks for stored items by such ids and refuses what it does not find, where responses are not stored.",
        expectation: "Codex 0.115.0–0.137.0 and python-codex 0.1.2 send no ids, python-codex 0.1.13 those of reasoning items only.",
    },
];
