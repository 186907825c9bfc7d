//! Rules about calls, their outputs, and what responses delivered.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "call-without-output",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A request sends a call of a tool without an output for it.",
        matters: "The API refuses such an input (`No tool output found for function call`), and the session can't go on.",
        expectation: "The API asks for one output for each call that the client answers. Codex puts an output `aborted` behind \
             a call that has none (0.115.0–0.169.0); python-codex 0.1.13 sends the bare call. Calls that the server answers \
             itself (web search, image generation, server-side tool search) have none.",
    },
    Rule {
        name: "output-without-call",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A request sends an output whose call is not in the input.",
        matters: "The API refuses such an input (`No tool call found for function call output`). It happens when history is \
             shortened between a call and its output.",
        expectation: "Codex removes outputs without call before it sends (0.115.0–0.169.0). Over a WebSocket the call may be in the \
             response that is continued, which is taken into account.",
    },
    Rule {
        name: "output-doubled",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A call has two outputs in one request.",
        matters: "The API refuses it or the model reads two results of one call. For example: call, output, the same output again.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 record exactly one output for each call.",
    },
    Rule {
        name: "output-type-wrong",
        level: Level::Error,
        example: "/request/body/input/*/type",
        means: "The type of an output does not fit that of its call.",
        matters: "The API does not take the one for the other, and the call counts as unanswered.",
        expectation: "`function_call` goes with `function_call_output`, `custom_tool_call` with `custom_tool_call_output`, \
             `tool_search_call` with `tool_search_output`; Codex 0.169.0 answers `local_shell_call` with `function_call_output`.",
    },
    Rule {
        name: "output-before-call",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An output stands before its call.",
        matters: "The API refuses it, or the model reads an answer to a question that was not yet asked.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 record outputs behind all items of the response that holds the calls.",
    },
    Rule {
        name: "outputs-out-of-order",
        level: Level::Warning,
        example: "/request/body/input/*",
        means: "Outputs stand in another order than their calls.",
        matters: "The API takes it, but the order then depends on which tool was faster: runs can't be compared, and the prompt \
             cache of a retry or resume is lost.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 send outputs in the order of the calls, also when a \
             later call ended first. An output `aborted` that was made up stands directly behind its call.",
    },
    Rule {
        name: "call-unanswered",
        level: Level::Error,
        example: "/response/events/*/data/item",
        means: "A thread ends on a call whose arguments are no JSON, and the profile says that such a call is answered. Where the capture \
             just ends, it may have ended before the answer, so that this is a note.",
        matters: "The model made a mistake that it could have mended, and instead the turn is over and the work is lost.",
        expectation: "Codex answers `failed to parse function arguments: …` and goes on (0.169.0, 06b-bad-arguments). python-codex ends the turn \
             (0.1.2–0.5.1), so its profile asks for nothing, and `generic` asks only that a call is not lost where the thread goes on. \
             A profile says it with `items.invalid_arguments`.",
    },
    Rule {
        name: "call-executed-twice",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "One call stands in a request with its output more often than completed responses asked for it.",
        matters: "The tool ran twice: what it does to files or to the world was done twice. It happens when a stream breaks behind a \
             call and the retry does not know that the call already ran.",
        expectation: "Codex from 0.125.0 on keeps the calls that a broken stream delivered, with their outputs, in the retry, so each ran once; \
             python-codex runs none before the response is complete.",
    },
    Rule {
        name: "arguments-changed",
        level: Level::Error,
        example: "/request/body/input/*/arguments",
        means: "A call is sent back with other arguments than it was delivered with, or than it was sent before.",
        matters: "The model is shown a call that it did not make. A mere rewriting of the JSON (key order, spaces) loses the prompt cache from there on.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 send `arguments` and `input` as the string that they received.",
    },
    Rule {
        name: "delivered-item-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "An item of a completed response is not in the next request of its thread.",
        matters: "The model forgets what it said or did. Where the item is a call, its output is an orphan.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 send back every message, reasoning item and call that they can \
             read. Of a response that broke off, Codex from 0.125.0 on keeps what was complete and others nothing; \
             after compaction and rollback nothing is asked for.",
    },
    Rule {
        name: "parallel-call-lost",
        level: Level::Error,
        example: "/request/body/input",
        means: "Of several calls in one response, one is not in the next request.",
        matters: "The model waits for a result that never comes, and asks again. Typical of clients that handle one call per response.",
        expectation: "As for `delivered-item-missing`. `parallel_tool_calls` in the request says whether the model may make several calls.",
    },
    Rule {
        name: "item-invented",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A request has an item in the model's name that no response of the thread delivered.",
        matters: "The model takes words or calls for its own that it never made. Where an exchange may be missing from the capture, \
             nothing is said.",
        expectation: "Only responses make assistant messages, reasoning and calls. What the first request of a thread in the capture sends is \
             taken as it is: a resumed or forked session.",
    },
    Rule {
        name: "item-altered",
        level: Level::Error,
        example: "/request/body/input/*/content",
        means: "A message, reasoning item or call is sent back otherwise than it was delivered or sent before.",
        matters: "The model is shown something that it did not say, and the prompt cache is lost from there on.",
        expectation: "Codex and python-codex drop members that they do not know (`status`, `annotations`, `logprobs`, ids up to 0.137) and \
             change nothing else.",
    },
    Rule {
        name: "output-altered",
        level: Level::Error,
        example: "/request/body/input/*/output",
        means: "The output of a call is sent otherwise than in an earlier request of the thread.",
        matters: "The past changes for the model, and the prompt cache is lost from there on.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 cut long outputs once, when they are recorded, and \
             send the same text from then on, also over a resume.",
    },
];
