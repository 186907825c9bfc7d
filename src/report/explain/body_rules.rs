//! Rules about bodies and the values in them.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "body-missing",
        level: Level::Error,
        example: "/request/body",
        means: "The baseline has a body and the candidate none.",
        matters: "Nothing of the request or answer was transferred.",
        expectation: "The baseline. A body that a format did not record is not compared.",
    },
    Rule {
        name: "body-kind-changed",
        level: Level::Error,
        example: "/request/body",
        means: "The bodies are of different kinds: JSON, text, bytes, an event stream; or only the candidate has one.",
        matters: "A server that expects JSON refuses anything else; a body that is almost JSON shows up here.",
        expectation: "The baseline, after content codings such as zstd were undone.",
    },
    Rule {
        name: "body-changed",
        level: Level::Error,
        example: "/request/body",
        means: "Bodies that are neither JSON nor text differ.",
        matters: "They can be compared only as a whole.",
        expectation: "The baseline.",
    },
    Rule {
        name: "key-missing",
        level: Level::Error,
        example: "/request/body/client_metadata",
        means: "An object lacks a key that the baseline's has.",
        matters: "A missing key means its default, which may differ from what the baseline asked for.",
        expectation: "The baseline. A key with the value null is there. Codex 0.169.0 has no `instructions` \
             key: they are the first `developer` message.",
    },
    Rule {
        name: "key-added",
        level: Level::Error,
        example: "/request/body/text",
        means: "An object has a key that the baseline's lacks.",
        matters: "The API may act on it or refuse it as unknown.",
        expectation: "The baseline.",
    },
    Rule {
        name: "value-changed",
        level: Level::Error,
        example: "/request/body/parallel_tool_calls",
        means: "A number, boolean or short string has another value.",
        matters: "It is a setting or a fact that someone reads: model, limits, flags.",
        expectation: "The baseline, after identifiers were renamed and times, paths and versions compared as such.",
    },
    Rule {
        name: "type-changed",
        level: Level::Error,
        example: "/request/body/text",
        means: "A value is of another JSON type, such as null where the baseline has a string.",
        matters: "Servers with typed readers refuse it; null and a missing key are often different things.",
        expectation: "The baseline.",
    },
    Rule {
        name: "number-form",
        level: Level::Note,
        example: "/request/body/temperature",
        means: "A number is written differently and has the same value: `1` and `1.0`.",
        matters: "Equal to almost every reader; a strict one may refuse a fraction where it wants an integer.",
        expectation: "RFC 8259, section 6, leaves the form open.",
    },
    Rule {
        name: "string-form",
        level: Level::Note,
        example: "/request/body/input/4/arguments",
        means: "A string that holds JSON is written differently and has the same value: white space, key \
             order, escapes.",
        matters: "The model sees the text, so caching of its prompt may suffer; programs that parse it do \
             not notice.",
        expectation: "The baseline. Codex sends tool arguments back as it received them.",
    },
    Rule {
        name: "element-added",
        level: Level::Error,
        example: "/request/body/include/1",
        means: "A list has an element that the baseline's lacks.",
        matters: "Depends on the list; `input` and `tools` have rules of their own.",
        expectation: "The baseline. Elements are aligned, so one more does not change the others.",
    },
    Rule {
        name: "element-missing",
        level: Level::Error,
        example: "/request/body/include/0",
        means: "A list lacks an element that the baseline's has.",
        matters: "Depends on the list; `input` and `tools` have rules of their own.",
        expectation: "The baseline.",
    },
    Rule {
        name: "element-order",
        level: Level::Note,
        example: "/request/body/include",
        means: "A list has the same elements in another order.",
        matters: "Most lists outside `input` are sets to the API, but their order is part of the cached prompt.",
        expectation: "The baseline.",
    },
    Rule {
        name: "text-changed",
        level: Level::Error,
        example: "/request/body/instructions",
        means: "A longer text differs: instructions, a message, the output of a tool.",
        matters: "The model reads it. The detail shows the lines and words that differ.",
        expectation: "The baseline, after identifiers, times and paths inside the text were compared as such.",
    },
    Rule {
        name: "item-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "`input` lacks an item that the baseline's has.",
        matters: "The model does not know of it: a message, a call, its output, a reasoning item.",
        expectation: "The baseline. Codex sends the whole history every time, so the change is reported once \
             with the later exchanges that it recurs in.",
    },
    Rule {
        name: "item-added",
        level: Level::Error,
        example: "/request/body/input/5",
        means: "`input` has an item that the baseline's lacks.",
        matters: "The model knows more, and the request is larger.",
        expectation: "The baseline. Items are aligned by content and call, so one more does not change the others.",
    },
    Rule {
        name: "item-moved",
        level: Level::Error,
        example: "/request/body/input/5",
        means: "An item stands elsewhere among the items that both sides have.",
        matters: "Order is meaning: an output belongs behind its call, context before or behind a summary \
             is read differently, and the prompt cache ends at the first difference.",
        expectation: "The baseline. Codex records the outputs of parallel calls in the order of the calls.",
    },
    Rule {
        name: "instructions-moved",
        level: Level::Error,
        example: "/request/body/instructions",
        means: "The base instructions stand in `instructions` on one side and as the first message of \
             `input` on the other.",
        matters: "The model reads the same, but with another rank, and every index of `input` shifts by one.",
        expectation: "Codex 0.169.0 sends no `instructions`; its first `developer` message holds them.",
    },
    Rule {
        name: "late-arrival",
        level: Level::Note,
        example: "/request/body/input/5",
        means: "An item from another thread, such as a sub-agent's notification or message, stands in an \
             earlier or later request.",
        matters: "Threads run at the same time, so when such an item arrives is chance; that it arrives is \
             not, and is compared.",
        expectation: "Two runs of one Codex version (0.125.0) that differed in just this.",
    },
    Rule {
        name: "tool-missing",
        level: Level::Error,
        example: "/request/body/tools",
        means: "`tools` lacks a tool that the baseline offers.",
        matters: "The model cannot use it, and calls to it that it makes from memory fail.",
        expectation: "The baseline; tools correspond by name. `update_plan` is gone from Codex 0.153 on; \
             sub-agent tools are found by `tool_search` from 0.137.0 on.",
    },
    Rule {
        name: "tool-added",
        level: Level::Error,
        example: "/request/body/tools/7",
        means: "`tools` has a tool that the baseline does not offer.",
        matters: "The model may use it, and its description is part of every prompt.",
        expectation: "The baseline; tools correspond by name.",
    },
    Rule {
        name: "tool-order",
        level: Level::Note,
        example: "/request/body/tools",
        means: "The same tools are offered in another order.",
        matters: "The model hardly cares; the prompt cache does.",
        expectation: "The baseline.",
    },
    Rule {
        name: "identifier-split",
        level: Level::Error,
        example: "/request/body/prompt_cache_key",
        means: "One value in the baseline is several in the candidate: a tie is broken.",
        matters: "Who joins requests by the value loses the connection. If `prompt_cache_key` no longer \
             equals the thread's id, the prompt cache is lost with it.",
        expectation: "Identifiers are equal up to one renaming for the whole capture; what was one identifier \
             in the baseline has to stay one.",
    },
    Rule {
        name: "identifier-merged",
        level: Level::Error,
        example: "/request/headers/thread-id",
        means: "Two different values in the baseline are one in the candidate.",
        matters: "Things that were told apart no longer are: two turns, two threads, two calls.",
        expectation: "Identifiers are equal up to one renaming for the whole capture; what was two identifiers \
             in the baseline has to stay two.",
    },
    Rule {
        name: "identifier-shape",
        level: Level::Note,
        example: "/request/headers/thread-id",
        means: "An identifier in the same place is of another kind: UUID version 4 and 7, another prefix.",
        matters: "Whoever sorts by identifiers, reads times out of them or checks prefixes notices.",
        expectation: "The baseline. Codex makes thread and turn ids as UUID version 7.",
    },
];
